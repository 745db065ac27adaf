//! Commands of psql and DuckDB's shell that iamql does not have, and what to use instead.

/// Returns what to use here instead of `name` after `sign`.
pub(super) fn instead(sign: &str, name: &str) -> Option<&'static str> {
    Some(match (sign, name) {
        (r"\", "l" | "list" | "dn") => {
            r"SHOW SERVICES IN confluent; lists schemas, \d lists tables"
        }
        (r"\", "du" | "dg") => {
            "SELECT DISTINCT owner_id, owner_kind FROM vw_api_keys; lists who holds keys"
        }
        (r"\", "dp" | "z" | "di" | "ds" | "dx" | "sv" | "sf") => {
            r"\d NAME shows which columns are writable and which filters are pushed down"
        }
        (r"\", "a" | "H") => {
            r"\format has table, markdown, line, json, jsonl, csv, tsv, parquet and arrow"
        }
        (r"\", "t") => r"\pset header off and \pset footer off show rows only",
        (r"\", "w") => r"\p shows the statement, \e edits it",
        (r"\", "s") => "Ctrl-R searches the history",
        (r"\", "ef" | "ev") => r"\e edits the statement",
        (r"\", "gexec" | "gdesc") => {
            r"EXPLAIN shows what a statement would do, \d NAME describes a table"
        }
        (".", "excel") => r"\g FILE after a statement writes its rows to a file",
        (".", "open") => ".connect PROFILE connects with a profile of config.toml",
        (".", "databases") => "SHOW SERVICES IN confluent; lists schemas",
        (".", "columns" | "indexes" | "indices") => ".schema NAME describes a table",
        (".", "maxrows" | "maxwidth" | "rows" | "large_number_rendering") => {
            r"all rows are shown, through a pager if there are many: \pset pager"
        }
        (".", "width") => r"\pset width COLUMNS sets the width of tables",
        (".", "separator") => r"\pset delimiter CHARACTER is for csv",
        (".", "import") => "INSERT INTO api_keys (…) SELECT … FROM 'file.csv'; reads a file",
        (".", "dump" | "export") => "COPY api_keys TO 'keys.parquet'; writes a file",
        _ => return None,
    })
}
