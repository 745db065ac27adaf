//! The texts of `\?` and `\h`. Pure.

use super::command_table::COMMANDS;
use crate::error::Error;

/// How one statement is written.
struct Syntax {
    /// What it begins with.
    name: &'static str,
    description: &'static str,
    text: &'static str,
}

const SYNTAX: &[Syntax] = &[
    Syntax {
        name: "COPY",
        description: "write rows to a file",
        text: "\
COPY { table | (query) } TO { 'file' | STDOUT } [ STORED AS format ]
    [ PARTITIONED BY (column, …) ] [ OPTIONS (name value, …) ];

COPY (SELECT id, spec.owner.id AS owner FROM api_keys) TO 'keys.csv';

Formats: CSV, TSV, JSON, JSONL, PARQUET, ARROW. Without STORED AS the extension
of the file decides.",
    },
    Syntax {
        name: "CREATE TABLE",
        description: "store rows for this session",
        text: "\
CREATE [ OR REPLACE ] TABLE name { AS query | ( column type, … ) };

CREATE TABLE before AS SELECT * FROM vw_api_keys;",
    },
    Syntax {
        name: "CREATE VIEW",
        description: "name a query for this session",
        text: "\
CREATE [ OR REPLACE ] VIEW name AS query;

CREATE VIEW old_keys AS SELECT * FROM vw_api_keys WHERE age_days > 90;",
    },
    Syntax {
        name: "CREATE EXTERNAL TABLE",
        description: "name a file for this session",
        text: "\
CREATE EXTERNAL TABLE name [ ( column type, … ) ] STORED AS format
    LOCATION 'file' [ OPTIONS (name value, …) ];

CREATE EXTERNAL TABLE staff STORED AS CSV LOCATION 'staff.csv';",
    },
    Syntax {
        name: "DELETE",
        description: "revoke keys",
        text: "\
DELETE FROM api_keys WHERE condition [ RETURNING expression, … ];

DELETE FROM api_keys WHERE id = 'ABCD1234EFGH5678';

More keys than --max-affected are shown first, and revoked once their number
is typed.",
    },
    Syntax {
        name: "DESCRIBE",
        description: "list the columns of a table",
        text: "DESCRIBE [ EXTENDED ] table;",
    },
    Syntax {
        name: "DROP",
        description: "remove a table or a view of this session",
        text: "DROP { TABLE | VIEW } [ IF EXISTS ] name;",
    },
    Syntax {
        name: "EXEC",
        description: "call a method by its name",
        text: "\
EXEC [ /*+ SHOWRESULTS */ ] confluent.iam.api_keys.method
    [ @name = 'value', … ] [ @@json = '…' ];

EXEC confluent.iam.api_keys.get_iam_v2api_key @id = 'ABCD1234EFGH5678';",
    },
    Syntax {
        name: "EXPLAIN",
        description: "show the requests of a statement",
        text: "\
EXPLAIN [ ANALYZE ] statement;

Without ANALYZE nothing is sent. EXPLAIN of INSERT, UPDATE and DELETE lists
their requests.",
    },
    Syntax {
        name: "INSERT",
        description: "create keys",
        text: "\
INSERT INTO api_keys ( field, … ) { VALUES ( value, … ), … | query }
    [ RETURNING expression, … ];

INSERT INTO api_keys (spec.display_name, spec.owner.id, spec.resource.id)
VALUES ('billing', 'sa-abc123', 'lkc-xyz789');

The secret is shown once, and never again. Without spec.resource the key is a
Cloud API key.",
    },
    Syntax {
        name: "SELECT",
        description: "read keys, files, or both",
        text: "\
[ WITH name AS (query), … ]
SELECT expression, … [ FROM table, … ] [ WHERE condition ]
[ GROUP BY expression, … ] [ HAVING condition ]
[ ORDER BY expression, … ] [ LIMIT n ];

SELECT id, spec.display_name FROM api_keys WHERE spec.owner.id = 'sa-abc123';
SELECT k.id, s.name
FROM api_keys k JOIN 'staff.csv' s ON s.account = k.spec.owner.id;",
    },
    Syntax {
        name: "SET",
        description: "change a setting of this session",
        text: "\
SET name = value;
RESET name;

SET dialect = 'stackql';

SHOW ALL lists the settings.",
    },
    Syntax {
        name: "SHOW",
        description: "list services, tables, methods and settings",
        text: "\
SHOW PROVIDERS;
SHOW SERVICES IN confluent;
SHOW RESOURCES IN confluent.iam;
SHOW [ EXTENDED ] METHODS IN confluent.iam.api_keys;
SHOW INSERT INTO confluent.iam.api_keys;
SHOW TABLES;",
    },
    Syntax {
        name: "UPDATE",
        description: "rename or describe keys",
        text: "\
UPDATE api_keys SET field = value, … WHERE condition
    [ RETURNING expression, … ];

UPDATE api_keys SET spec.description = 'rotated' WHERE id = 'ABCD1234EFGH5678';

spec.display_name and spec.description can be changed, nothing else.",
    },
];

/// Returns the list of commands.
pub(super) fn commands() -> String {
    let width = COMMANDS
        .iter()
        .map(|entry| entry.usage.chars().count())
        .max();
    let mut text = String::from("Commands; SQL statements end with a semicolon:\n\n");
    for entry in COMMANDS {
        let dots = match entry.dots {
            [] => String::new(),
            dots => format!(" (.{})", dots.join(", .")),
        };
        text.push_str(&format!(
            "  {:width$}  {}{dots}\n",
            entry.usage,
            entry.description,
            width = width.unwrap_or_default()
        ));
    }
    text.push_str(
        "\nhelp, exit and quit work too. Tab completes, Ctrl-R searches the history,\n\
         Ctrl-C stops a statement. \\h lists the statements.\n",
    );
    text
}

/// Returns the names of the statements.
pub(super) fn names() -> impl Iterator<Item = &'static &'static str> {
    SYNTAX.iter().map(|syntax| &syntax.name)
}

/// Returns how the statement `name` is written; without a name the list of statements.
///
/// Fails if there is no such statement.
pub(super) fn syntax(name: Option<&str>) -> Result<String, Error> {
    let Some(name) = name else {
        let mut text = String::from("Statements; \\h NAME shows how one is written:\n\n");
        for syntax in SYNTAX {
            text.push_str(&format!("  {:22} {}\n", syntax.name, syntax.description));
        }
        return Ok(text);
    };
    let wanted = name.trim().to_uppercase();
    let found: Vec<_> = SYNTAX
        .iter()
        .filter(|syntax| syntax.name.starts_with(&wanted) || wanted.starts_with(syntax.name))
        .map(|syntax| {
            format!(
                "{}: {}\n\n{}\n",
                syntax.name, syntax.description, syntax.text
            )
        })
        .collect();
    if found.is_empty() {
        return Err(Error::statement(format!("there is no help for `{name}`"))
            .hint("\\h lists the statements"));
    }
    Ok(found.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse::parse;
    use crate::sql::split::split;

    #[test]
    fn every_command_is_listed_and_no_line_is_wider_than_80_columns() {
        let text = commands();
        for entry in COMMANDS {
            assert!(text.contains(entry.usage), "{}", entry.usage);
        }
        let syntax = SYNTAX.iter().flat_map(|syntax| syntax.text.lines());
        for line in text.lines().chain(syntax) {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn a_statement_is_found_by_what_it_begins_with() {
        assert!(
            syntax(Some("insert into"))
                .unwrap()
                .starts_with("INSERT: create keys")
        );
        assert!(syntax(Some("create")).unwrap().contains("EXTERNAL"));
        assert!(syntax(None).unwrap().contains("EXPLAIN"));
        assert!(syntax(Some("merge")).is_err());
    }

    #[test]
    fn the_examples_parse() {
        for syntax in SYNTAX
            .iter()
            .filter(|s| !["SHOW", "DESCRIBE"].contains(&s.name))
        {
            for example in syntax.text.split("\n\n").skip(1) {
                for piece in split(example)
                    .pieces
                    .iter()
                    .filter(|piece| piece.terminated)
                {
                    assert!(parse(&piece.text).is_ok(), "{}", piece.text);
                }
            }
        }
    }
}
