//! What anyone may have stored, or sent: it reaches programs unharmed and people harmlessly, and is never anything but
//! the cell, or the part of a message, that it is in.

use iamql::sandbox::{Action, Fault, FaultBody};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Lab, Output, TestEnv, key, number, organization};

/// Names that attack: the terminal, the lines of a format, a spreadsheet, a reader of markup.
const ATTACKS: [&str; 18] = [
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{1b}P\u{9b}31m\u{9d}\u{90}",
    "\0",
    "\u{202e}desrever\u{2066}\u{61c}",
    "\u{200b}\u{feff}\u{2060}\u{e0041}",
    "a\nFORGED,row\r\nFORGED\trow\rFORGED",
    "\u{85}\u{2028}\u{2029}\u{b}\u{c}",
    "a | forged | cell |\n| forged | row |",
    "-[ RECORD 9 ]-\nid | FORGED",
    "\",\"forged\":\"member\"},{\"",
    "\\N",
    "\\",
    "\"",
    "",
    " ",
    "NULL",
    "=HYPERLINK(\"http://evil.example\")",
    "</td><script>alert(1)</script><br>![x](http://evil.example) `x` *b*",
];

/// An environment with one key for each attack, and the names of those keys.
fn environment() -> TestEnv {
    let env = TestEnv::start(organization(0));
    for (n, attack) in ATTACKS.iter().enumerate() {
        let mut key = key(&number(n), "sa-1", "lkc-1");
        key["spec"]["display_name"] = json!(attack);
        key["spec"]["unknown"] = json!({ (*attack): [attack] });
        env.sandbox.insert(key);
    }
    env
}

const QUERY: &str = "SELECT id, spec.display_name AS name, '.' AS last FROM api_keys ORDER BY id";

/// Runs the query in `format` and returns what it wrote.
fn written(env: &TestEnv, format: &str) -> String {
    env.iamql(&["-o", format, "-e", QUERY]).rows().to_owned()
}

/// Reads csv by the letter of RFC 4180, with LF at the end of a record.
fn read_csv(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut chars) = (false, text.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            c => field.push(c),
        }
    }
    records
}

#[test]
fn programs_get_every_text_unharmed() {
    let env = environment();
    let ids: Vec<String> = (0..ATTACKS.len()).map(number).collect();
    let expected: Vec<Value> = ids
        .iter()
        .zip(ATTACKS)
        .map(|(id, name)| json!({ "id": id, "name": name, "last": "." }))
        .collect();
    let json: Vec<Value> = serde_json::from_str(&written(&env, "json")).unwrap();
    assert_eq!(json, expected);
    let jsonl: Vec<Value> = written(&env, "jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(jsonl, expected);
    let csv = read_csv(&written(&env, "csv"));
    for ((record, name), id) in csv[1..].iter().zip(ATTACKS).zip(&ids) {
        assert_eq!(record[..], [id.as_str(), name, "."]);
    }
    assert_eq!(csv.len(), ATTACKS.len() + 1);
    let tsv = written(&env, "tsv");
    let unescaped = |field: &str| {
        field
            .replace("\\\\", "\u{1}BACKSLASH")
            .replace("\\n", "\n")
            .replace("\\r", "\r")
            .replace("\\t", "\t")
            .replace("\u{1}BACKSLASH", "\\")
    };
    for ((line, name), id) in tsv.split_terminator('\n').skip(1).zip(ATTACKS).zip(&ids) {
        let fields: Vec<String> = line.split('\t').map(unescaped).collect();
        assert_eq!(fields, [id.as_str(), name, "."]);
    }
    // The object as it was sent, and as it is stored but for the secret, the unknown member included.
    let output = env.iamql(&[
        "-o",
        "jsonl",
        "-e",
        "SELECT _spec FROM api_keys ORDER BY id",
    ]);
    for (line, stored) in output.rows().lines().zip(env.sandbox.keys()) {
        let row: Value = serde_json::from_str(line).unwrap();
        let mut spec = stored["spec"].clone();
        spec.as_object_mut().unwrap().shift_remove("secret");
        assert_eq!(row["_spec"], spec);
    }
}

/// Tells whether a terminal would act on `c`, or not show it.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

#[track_caller]
fn assert_harmless(text: &str) {
    let found = text.chars().find(|c| *c != '\n' && acts(*c));
    assert_eq!(found, None, "{text:?}");
}

#[test]
fn people_see_every_text_in_its_own_cell() {
    let env = environment();
    let keys = ATTACKS.len();
    let ids = regex::Regex::new(r"(?m)^\W*(K\d\d\d)\b").unwrap();
    for format in ["table", "markdown", "line"] {
        let text = written(&env, format);
        assert_harmless(&text);
        let rows = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        match format {
            // Whatever frames it has, each row has a line with its id, in order.
            "table" => {
                let ids: Vec<&str> = ids
                    .captures_iter(&text)
                    .map(|c| c.get(1).unwrap().as_str())
                    .collect();
                assert_eq!(ids, (0..keys).map(number).collect::<Vec<_>>());
            }
            "markdown" => {
                assert_eq!(text.lines().count(), keys + 2);
                for line in text.lines() {
                    let bare = line.replace("\\\\", "").replace("\\|", "");
                    assert_eq!(bare.matches('|').count(), 4, "{line}");
                    assert!(!line.replace("<br>", "").contains('<'), "{line}");
                }
            }
            _ => {
                assert_eq!(text.lines().count(), keys * 4);
                assert_eq!(rows("-[ RECORD "), keys);
                assert_eq!(rows("id   | K"), keys);
            }
        }
    }
}

#[test]
fn spreadsheets_get_no_formula_if_asked() {
    let env = environment();
    let sql = "SELECT spec.display_name AS \"=cmd\" FROM api_keys WHERE id = 'K016'";
    for format in ["csv", "tsv"] {
        let guarded = env.iamql(&["--csv-guard", "-o", format, "-e", sql]);
        let rows = guarded.rows().replace('"', "");
        assert!(rows.lines().all(|line| line.starts_with("'=")), "{rows}");
        let plain = env.iamql(&["-o", format, "-e", sql]);
        assert!(!plain.rows().contains('\''));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_gets_nothing_that_it_would_act_on_in_any_format() {
    use crate::support::Terminal;

    let env = environment();
    let script = format!("{QUERY}; SELECT 'the end' AS x");
    std::fs::write(env.work().join("names.sql"), script).unwrap();
    for format in ["table", "markdown", "line", "csv", "tsv", "json", "jsonl"] {
        let args = ["--color", "never", "-o", format, "-f", "names.sql"];
        let Some(mut terminal) = Terminal::start(&env.command(&args)) else {
            return;
        };
        let shown = terminal.wait_for("the end");
        // Of the line of progress and between the fields of tsv, which are the program's own.
        let shown = shown.replace("\u{1b}[K", "").replace(['\r', '\t'], " ");
        assert_harmless(&shown);
        terminal.end();
    }
}

#[test]
fn what_the_service_says_of_an_error_stays_on_its_line() {
    let env = environment();
    for (code, sql) in [
        (400, "SELECT id FROM api_keys"),
        (403, "SELECT id FROM api_keys"),
        (401, "SELECT id FROM api_keys WHERE id = 'K000'"),
        (402, "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1')"),
        (
            409,
            "UPDATE api_keys SET spec.display_name = 'x' WHERE id = 'K000'",
        ),
        (500, "DELETE FROM api_keys WHERE id = 'K000'"),
    ] {
        let header = ("x-request-id".to_owned(), "=cmd ".repeat(2_000));
        env.sandbox.set_faults(vec![Fault::new(Action::Status {
            code,
            headers: vec![header],
            body: FaultBody::Hostile,
        })]);
        let output = env.iamql(&["-v", "-e", sql]);
        assert_eq!(output.code, Some(1), "{output:?}");
        assert_harmless(&output.stderr);
        for line in output.stderr.lines() {
            let known = ["error: ", "hint: ", "  caused by: ", "DEBUG ", " INFO "];
            assert!(known.iter().any(|start| line.starts_with(start)), "{line}");
            assert!(line.chars().count() < 3_000, "{line}");
            assert!(!line.starts_with("hint: forged"), "{line}");
        }
    }
}

#[test]
fn data_in_errors_warnings_and_names_stays_harmless() {
    let env = environment();
    env.sandbox.set_faults(Vec::new());
    let mut odd = key("K\u{1b}[31m\nhint: forged", "sa-1", "lkc-1");
    odd["metadata"]["created_at"] = json!("\u{1b}[2J\nwarning: forged");
    env.sandbox.insert(odd);
    let alias = "SELECT 1 AS \"a\u{1b}[31m\nb|c\u{202e}\"";
    let file = "no\u{1b}[31m\nhint: forged";
    let text = "SELECT id FROM api_keys WHERE \u{202e}\u{1b}[2J bogus";
    let from = format!("SELECT * FROM '{file}.csv'");
    for args in [
        &[
            "-e",
            "SELECT CAST(spec.display_name AS BIGINT) FROM api_keys WHERE id = 'K005'",
        ][..],
        &[
            "-e",
            "SELECT json_extract(spec.display_name, '$.a') FROM api_keys",
        ],
        &[
            "-e",
            "SELECT to_timestamp(spec.display_name) FROM api_keys WHERE id = 'K005'",
        ],
        &["-e", "SELECT id, metadata.created_at FROM api_keys"],
        &[
            "-vv",
            "-e",
            "SELECT id FROM api_keys WHERE id IN ('\u{1b}[31mA\n', 'K000')",
        ],
        &[
            "-vv",
            "--yes",
            "-e",
            "UPDATE api_keys SET spec.description = spec.display_name || '\u{9b}\u{202e}' WHERE id = 'K001'",
        ],
        &["-e", alias],
        &["-o", "line", "-e", alias],
        &["-o", "markdown", "-e", alias],
        &["-e", text],
        &["-e", &from],
        &["-f", file],
        &["--output-file", &format!("{file}/x"), "-e", "SELECT 1"],
        &["--ca-cert", file, "-e", "SELECT count(*) FROM api_keys"],
        &["--profile", file, "-e", "SELECT 1"],
        &["--endpoint", file, "-e", "SELECT 1"],
        &["--param", file, "-e", "SELECT 1"],
    ] {
        let output = env.iamql(args);
        assert_harmless(&output.stdout);
        assert_harmless(&output.stderr);
        for line in output.stderr.lines() {
            let forged = line.starts_with("hint: forged") || line.starts_with("warning: forged");
            assert!(!forged, "{args:?}: {}", output.stderr);
        }
    }
}

#[tokio::test]
async fn a_service_that_attacks_is_read_like_any_other() {
    let lab = Lab::with_keys(250).await;
    let query = "SELECT id, spec.owner.id FROM api_keys";
    let calm = lab.run(query).await;
    for action in [
        Action::HostileTexts,
        Action::LongTexts { bytes: 5_000 },
        Action::DeepNesting { levels: 3_000 },
    ] {
        lab.sandbox.set_faults(vec![Fault::new(action.clone())]);
        assert!(lab.run(query).await.rows == calm.rows, "{action:?}");
    }
    // What looks into a nesting without end says that it cannot.
    let error = lab
        .fail("SELECT json_extract(_spec, '$.abyss[0]') FROM api_keys")
        .await;
    assert!(error.contains("recursion limit exceeded"), "{error}");
}

/// The statement in a file, since no command line takes so much.
fn run_file(env: &TestEnv, sql: &str) -> Output {
    std::fs::write(env.work().join("long.sql"), sql).unwrap();
    env.iamql(&["-o", "csv", "-f", "long.sql"])
}

#[test]
fn statements_without_measure_are_errors() {
    let env = environment();
    let many = 20_000;
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(many), close.repeat(many));
    for sql in [
        format!("SELECT {}", deep("(", ")")),
        format!("SELECT {}", deep("[", "]")),
        format!("SELECT {}", deep("abs(", ")")),
        format!("SELECT {}", deep("CASE WHEN true THEN ", " END")),
        format!(
            "SELECT * FROM {}api_keys{}",
            "(SELECT * FROM ".repeat(many),
            ")".repeat(many)
        ),
        format!("SELECT {}true", "NOT ".repeat(many)),
        format!("SELECT {}1", "- ".repeat(many)),
        format!("SELECT {}1", "1 + ".repeat(many)),
        format!("SELECT {}'a'", "'a' || ".repeat(many)),
        format!("SELECT spec{} FROM api_keys", "['a']".repeat(many)),
        format!("SELECT spec{} FROM api_keys", ".a".repeat(many)),
        format!("SELECT spec{} FROM api_keys", " -> 'a'".repeat(many)),
        format!("SELECT 1{}", "::int".repeat(many)),
        format!("SELECT 1{}", " IS NULL".repeat(many)),
        format!("SELECT 1 AS x{}", " UNION ALL SELECT 1".repeat(many)),
        format!(
            "SELECT 1 FROM api_keys{}",
            " JOIN api_keys USING (id)".repeat(many)
        ),
        format!(
            "DELETE FROM api_keys WHERE id = 'a'{}",
            " OR id = 'a'".repeat(many)
        ),
        format!(
            "UPDATE api_keys SET spec.display_name = 'a'{} WHERE id = 'K000'",
            " || 'a'".repeat(many)
        ),
        format!(
            "INSERT INTO api_keys (data__spec) VALUES ('{}')",
            deep("[", "]")
        ),
        format!(
            "INSERT INTO api_keys (data__spec) VALUES ('{}')",
            deep("{\"a\":", "}")
        ),
        format!(
            "EXEC confluent.iam.api_keys.create_iam_v2api_key @@json = '{}'",
            deep("[", "]")
        ),
        format!("SELECT json_extract('{}', '$.a')", deep("[", "]")),
        format!("SELECT * FROM json_tree('{}')", deep("{\"a\":", "}")),
        format!("SELECT json_extract('{{}}', '${}')", "[0]".repeat(many)),
    ] {
        let output = run_file(&env, &sql);
        assert_eq!(output.code, Some(1), "{} {output:?}", &sql[..60]);
        assert!(output.stderr.starts_with("error: "), "{}", &sql[..60]);
    }
    assert_eq!(env.requests(), [""; 0]);
    // What is allowed is carried out, on the stack that there is.
    let allowed = format!(
        "SELECT count(*) AS n FROM (SELECT 1{}) t",
        " IS NULL".repeat(1_900)
    );
    assert_eq!(run_file(&env, &allowed).rows(), "n\n1\n");
    let allowed = format!("SELECT 1 AS n{}", " UNION SELECT 1".repeat(100));
    assert_eq!(run_file(&env, &allowed).rows(), "n\n1\n");
    let allowed = format!("SELECT {}1", "/*".repeat(many) + &"*/".repeat(many));
    assert_eq!(run_file(&env, &allowed).rows().lines().last(), Some("1"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The path that no unit covers: stored by the service, decoded, evaluated, compared.
    #[test]
    fn any_name_that_is_stored_is_the_name_that_is_read(names in prop::collection::vec(any::<String>(), 1..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let lab = Lab::with_keys(0).await;
            for (n, name) in names.iter().enumerate() {
                let mut key = key(&number(n), "sa-1", "lkc-1");
                key["spec"]["display_name"] = json!(name);
                lab.sandbox.insert(key);
            }
            let answer = lab.run("SELECT spec.display_name FROM api_keys ORDER BY id").await;
            assert_eq!(answer.rows, names);
            let literal = names[0].replace('\'', "''");
            let found = lab.run(&format!("SELECT count(*) FROM api_keys WHERE id = 'K000' AND spec.display_name = '{literal}'")).await;
            assert_eq!(found.value(), "1");
        });
    }
}
