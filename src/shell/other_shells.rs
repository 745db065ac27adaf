//! Commands of psql and DuckDB's shell that iamql does not have, and what to use instead. A plain table.

/// Names after a sign, and what to use instead of any of them.
struct Instead {
    sign: &'static str,
    names: &'static [&'static str],
    hint: &'static str,
}

const fn of(sign: &'static str, names: &'static [&'static str], hint: &'static str) -> Instead {
    Instead { sign, names, hint }
}

const INSTEAD: &[Instead] = &[
    of(
        "\\",
        &["l", "list", "dn"],
        "SHOW SERVICES IN confluent; lists schemas, \\d lists tables",
    ),
    of(
        "\\",
        &["du", "dg"],
        "SELECT DISTINCT owner_id, owner_kind FROM vw_api_keys; lists who holds keys",
    ),
    of(
        "\\",
        &["dp", "z", "di", "ds", "dx", "sv", "sf"],
        "\\d NAME shows which columns are writable and which filters are pushed down",
    ),
    of(
        "\\",
        &["a", "H"],
        "\\format has table, markdown, line, json, jsonl, csv, tsv, parquet and arrow",
    ),
    of(
        "\\",
        &["t"],
        "\\pset header off and \\pset footer off show rows only",
    ),
    of("\\", &["w"], "\\p shows the statement, \\e edits it"),
    of("\\", &["s"], "Ctrl-R searches the history"),
    of("\\", &["ef", "ev"], "\\e edits the statement"),
    of(
        "\\",
        &["gexec", "gdesc"],
        "EXPLAIN shows what a statement would do, \\d NAME describes a table",
    ),
    of(
        ".",
        &["excel"],
        "\\g FILE after a statement writes its rows to a file",
    ),
    of(
        ".",
        &["open"],
        ".connect PROFILE connects with a profile of config.toml",
    ),
    of(
        ".",
        &["databases"],
        "SHOW SERVICES IN confluent; lists schemas",
    ),
    of(
        ".",
        &["columns", "indexes", "indices"],
        ".schema NAME describes a table",
    ),
    of(
        ".",
        &["maxrows", "maxwidth", "rows", "large_number_rendering"],
        "all rows are shown, through a pager if there are many: \\pset pager",
    ),
    of(
        ".",
        &["width"],
        "\\pset width COLUMNS sets the width of tables",
    ),
    of(".", &["separator"], "\\pset delimiter CHARACTER is for csv"),
    of(
        ".",
        &["import"],
        "INSERT INTO api_keys (…) SELECT … FROM 'file.csv'; reads a file",
    ),
    of(
        ".",
        &["dump", "export"],
        "COPY api_keys TO 'keys.parquet'; writes a file",
    ),
];

/// Returns what to use here instead of `name` after `sign`.
pub(super) fn instead(sign: &str, name: &str) -> Option<&'static str> {
    INSTEAD
        .iter()
        .find(|entry| entry.sign == sign && entry.names.contains(&name))
        .map(|entry| entry.hint)
}

#[cfg(test)]
mod tests {
    use super::super::listing::find;
    use super::*;

    #[test]
    fn none_of_them_is_here() {
        for entry in INSTEAD {
            for name in entry.names {
                assert!(find(entry.sign, name).is_none(), "{}{name}", entry.sign);
                assert_eq!(instead(entry.sign, name), Some(entry.hint));
            }
        }
    }
}
