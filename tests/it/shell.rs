//! The interactive shell at a real terminal.

#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use crate::support::{Terminal, TestEnv, long_to_plan, organization};

const READY: &str = "iamql> ";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const UP: &str = "\x1b[A";

/// Starts the shell without colours, and waits until it is ready. None where no terminal can be had.
fn shell(env: &TestEnv, args: &[&str]) -> Option<Terminal> {
    let args: Vec<&str> = ["--color", "never"].iter().chain(args).copied().collect();
    let mut terminal = Terminal::start(&env.command(&args))?;
    terminal.wait_for(READY);
    Some(terminal)
}

#[test]
fn a_person_is_greeted_and_may_leave_in_several_ways() {
    let env = TestEnv::with_keys(1);
    for way in ["\\q\r", "exit\r", ".quit\r", CTRL_D] {
        let Some(mut terminal) = Terminal::start(&env.command(&[])) else {
            return;
        };
        let greeting = terminal.wait_for("quits.");
        assert!(greeting.contains(&env.sandbox.url()), "{greeting}");
        terminal.wait_for(READY);
        terminal.press(way);
        assert_eq!(terminal.end(), Some(0), "{way:?}");
    }
    assert!(env.requests().is_empty());
}

#[test]
fn the_prompt_shows_what_a_statement_lacks() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    for (line, prompt) in [
        ("SELECT 'a", "    '> "),
        ("b' AS", "    -> "),
        ("x, (", "    (> "),
        ("1) AS y /* why", "   /*> "),
    ] {
        terminal.enter(line);
        terminal.wait_for(prompt);
    }
    terminal.enter("*/;");
    let rows = terminal.wait_for("(1 row");
    assert!(rows.contains("a\\nb"), "{rows}");
}

#[test]
fn the_prompt_names_the_dialect_that_is_on() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter("\\dialect stackql");
    terminal.wait_for("iamql[stackql]> ");
    terminal.enter("SELECT 6 ^");
    terminal.wait_for("             -> ");
    terminal.enter("3 AS five;");
    terminal.wait_for("\u{2502}    5 \u{2502}");
    terminal.wait_for("iamql[stackql]> ");
    terminal.enter("\\dialect");
    terminal.wait_for("stackql");
    terminal.enter("\\dialect mysql");
    terminal.wait_for("no dialect `mysql`");
    terminal.wait_for("iamql[stackql]> ");
    terminal.enter("SET dialect = 'default';");
    terminal.wait_for(READY);
}

#[test]
fn ctrl_c_forgets_what_was_begun() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter("SELECT 'never");
    terminal.wait_for("    '> ");
    terminal.press(CTRL_C);
    terminal.wait_for(READY);
    terminal.enter("SELECT 40 + 2 AS n;");
    assert!(terminal.wait_for("(1 row").contains("42"));
}

#[test]
fn a_draft_that_ctrl_c_stopped_can_be_recalled() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter("SELECT 40 +");
    terminal.wait_for("    -> ");
    terminal.press("2 AS n");
    terminal.wait_for("2 AS n");
    terminal.press(CTRL_C);
    terminal.wait_for(READY);
    terminal.press(UP);
    terminal.wait_for("2 AS n");
    terminal.enter(";");
    assert!(terminal.wait_for("(1 row").contains("42"));
}

#[test]
fn up_within_a_statement_goes_to_the_line_before() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter("SELECT 40 AS");
    terminal.wait_for("    -> ");
    terminal.press("n;");
    terminal.wait_for("n;");
    // Behind `SE`, because the cursor keeps its column; End, and back over ` AS`.
    terminal.press(UP);
    terminal.wait_for("SELECT 40 AS");
    terminal.press("\x1b[F\x1b[D\x1b[D\x1b[D + 2");
    terminal.wait_for("+ 2");
    terminal.enter("");
    assert!(terminal.wait_for("(1 row").contains("42"));
}

#[test]
fn a_window_that_is_made_narrower_draws_the_line_once_more_and_not_with_every_key() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    let line = format!("SELECT '{}", "x".repeat(72));
    terminal.press(&line);
    terminal.wait_for(&line[line.len() - 10..]);
    terminal.resize(60);
    terminal.wait_for("SELECT");
    for key in ["a", "b", "c"] {
        terminal.press(key);
        let drawn = terminal.wait_for(key);
        assert!(!drawn.contains("SELECT"), "{drawn:?}");
    }
    terminal.press("d';\r");
    assert!(terminal.wait_for("(1 row").contains("xxabcd"));
}

#[test]
fn a_window_that_is_made_wider_erases_the_line_and_nothing_above_it() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = Terminal::sized(&env.command(&["--color", "never"]), 60) else {
        return;
    };
    terminal.wait_for(READY);
    let line = format!("SELECT '{}end", "x".repeat(72));
    terminal.press(&line);
    terminal.wait_for("xend");
    terminal.resize(100);
    let moved = terminal.wait_for("SELECT");
    // One row by now. It is erased where it is, with a row below it for the editor to erase on its way back up.
    let (before, after) = moved.split_once("\r\x1b[J\r\n").unwrap();
    assert!(!before.contains("\x1b["), "{moved:?}");
    assert_eq!(after.matches("\x1b[A").count(), 1, "{moved:?}");
    terminal.press("d';\r");
    assert!(terminal.wait_for("(1 row").contains("xendd"));
}

#[test]
fn a_file_for_rows_names_their_format() {
    let env = TestEnv::with_keys(2);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter("INSERT INTO api_keys (spec.owner.id) SELECT max(spec.owner.id) FROM api_keys RETURNING id, spec.secret AS secret \\g secrets.jsonl");
    terminal.wait_for("1 key created");
    terminal.wait_for(READY);
    let secrets = std::fs::read_to_string(env.work().join("secrets.jsonl")).unwrap();
    assert!(secrets.starts_with("{\"id\":\""), "{secrets}");
    terminal.enter("SELECT 1 AS a \\g one.csv");
    terminal.wait_for(READY);
    assert_eq!(
        std::fs::read_to_string(env.work().join("one.csv")).unwrap(),
        "a\n1\n"
    );
    // Whoever has chosen a format gets it.
    terminal.enter("\\format tsv");
    terminal.wait_for(READY);
    terminal.enter("SELECT 1 AS a, 2 AS b \\g two.csv");
    terminal.wait_for(READY);
    assert_eq!(
        std::fs::read_to_string(env.work().join("two.csv")).unwrap(),
        "a\tb\n1\t2\n"
    );
}

#[test]
fn twenty_thousand_characters_are_typed_in_less_than_a_minute() {
    let env = TestEnv::with_keys(1);
    // Colours are what costs.
    let Some(mut terminal) = Terminal::start(&env.command(&["--color", "always"])) else {
        return;
    };
    terminal.wait_for("iamql>");
    let text = "x".repeat(20_000);
    terminal.enter(&format!("SELECT length('{text}') AS n;"));
    assert!(terminal.wait_for("(1 row").contains("20000"));
    // Waiting has an end after a minute.
}

#[test]
fn the_last_result_is_a_table_and_costs_no_request() {
    let env = TestEnv::with_keys(5);
    let mut command = env.command(&["--color", "never"]);
    command.env("PAGER", "cat");
    let Some(mut terminal) = Terminal::start(&command) else {
        return;
    };
    terminal.wait_for(READY);
    terminal.enter("SELECT * FROM _;");
    terminal.wait_for("there is no table `_`: no statement has returned rows yet");
    terminal.wait_for(READY);
    terminal.enter("SELECT id, id, spec FROM api_keys;");
    terminal.wait_for("(5 rows");
    terminal.wait_for(READY);
    let requests = env.requests();
    terminal.enter("SELECT id, id_1, spec.owner.id AS owner FROM _ ORDER BY id LIMIT 3;");
    terminal.wait_for("(3 rows");
    terminal.wait_for(READY);
    terminal.enter("SELECT count(*) AS n, count(owner) AS owners FROM _;");
    assert!(terminal.wait_for("(1 row").contains(" 3 "));
    terminal.wait_for(READY);
    for change in [
        "DROP TABLE _;",
        "DELETE FROM _;",
        "INSERT INTO _ VALUES (1, 2);",
    ] {
        terminal.enter(change);
        terminal.wait_for("`_` is the last result, and cannot be changed, created or dropped");
        terminal.wait_for(READY);
    }
    terminal.enter("SELECT n, owners FROM _;");
    assert!(terminal.wait_for("(1 row").contains(" 3 "));
    terminal.wait_for(READY);
    assert_eq!(env.requests(), requests);
    // A result with secrets takes the place of the last one, and is not kept.
    terminal.enter("INSERT INTO api_keys (spec.owner.id) SELECT max(spec.owner.id) FROM api_keys;");
    terminal.wait_for("1 key created");
    terminal.wait_for(READY);
    terminal.enter("SELECT * FROM _;");
    terminal.wait_for("there is no table `_`: the last result held secrets, which are not kept");
    terminal.wait_for(READY);
    terminal.enter("\\d");
    assert!(!terminal.wait_for("vw_api_keys").contains("secret"));
}

#[test]
fn watching_ends_after_its_count_and_marks_what_is_new() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter("SELECT id FROM api_keys \\watch i=0.1 c=2");
    terminal.wait_for("(1 row");
    let second = terminal.wait_for("(1 row");
    // The header, and no row.
    assert_eq!(second.matches("│ * │").count(), 1, "{second}");
    terminal.wait_for(READY);
    terminal.enter("SELECT random() AS n \\watch i=0.1 c=2");
    terminal.wait_for("(1 row");
    assert_eq!(terminal.wait_for("(1 row").matches("│ * │").count(), 2);
    terminal.wait_for(READY);
}

#[test]
fn the_prompt_and_conninfo_say_where_one_is() {
    let env = TestEnv::with_keys(1);
    let args = [
        "--sandbox",
        "--color",
        "never",
        "--read-only",
        "--dry-run",
        "--max-affected",
        "5",
    ];
    let Some(mut terminal) = Terminal::start(&env.command_without_credentials(&args)) else {
        return;
    };
    let prompt = "iamql (sandbox, read-only, dry run, max 5)> ";
    assert!(
        terminal
            .wait_for(prompt)
            .contains("Try: SELECT * FROM vw_api_keys LIMIT 5;")
    );
    terminal.enter("SELECT");
    terminal.wait_for(&format!("{:>width$}", "-> ", width = prompt.len()));
    terminal.press(CTRL_C);
    terminal.wait_for(prompt);
    terminal.enter("\\conninfo");
    let info = terminal.wait_for("yes ");
    for line in [
        "read_only    │ on",
        "dry_run      │ on",
        "max_affected │ 5",
        "sandbox      │ on",
    ] {
        assert!(info.contains(line), "{line}: {info}");
    }
    terminal.wait_for(prompt);
    // The sandbox and what was done in it stay.
    terminal.enter("\\c");
    terminal.wait_for("still on the sandbox");
    terminal.wait_for(prompt);
}

#[test]
fn a_profile_is_named_by_the_prompt() {
    let env = TestEnv::with_keys(1);
    let (key, secret) = env.sandbox.credentials();
    let folder = env.config().join("iamql");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("secret"), secret).unwrap();
    let profile = format!(
        "[profiles.prod]\nendpoint = '{}'\napi_key = '{key}'\napi_secret_command = 'cat {}'\nread_only = true\n",
        env.sandbox.url(),
        folder.join("secret").display()
    );
    std::fs::write(folder.join("config.toml"), profile).unwrap();
    let args = ["--color", "never", "--profile", "prod"];
    let Some(mut terminal) = Terminal::start(&env.command_without_credentials(&args)) else {
        return;
    };
    terminal.wait_for("iamql (prod, read-only)> ");
    terminal.enter("\\conninfo");
    assert!(terminal.wait_for("yes ").contains("profile      │ prod"));
}

#[test]
fn tab_offers_values_of_earlier_rows_and_columns_of_files() {
    let env = TestEnv::with_keys(1);
    std::fs::write(
        env.work().join("staff.csv"),
        "account,left_on\nsa-1,2026-01-01\n",
    )
    .unwrap();
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter("SELECT 'sa-abc' AS owner_id;");
    terminal.wait_for("(1 row");
    terminal.wait_for(READY);
    terminal.press("SELECT count(*) AS n FROM vw_api_keys WHERE owner_id = 'sa\t");
    terminal.wait_for("'sa-abc'");
    terminal.enter(";");
    terminal.wait_for("(1 row");
    terminal.wait_for(READY);
    terminal.press("SELECT s.left_on FROM 'staff.csv' s WHERE s.acc\t");
    terminal.wait_for("s.account");
    terminal.enter(" = 'sa-1';");
    assert!(terminal.wait_for("(1 row").contains("2026-01-01"));
}

#[test]
fn objects_that_do_not_fit_are_records_with_indented_json() {
    let env = TestEnv::with_keys(2);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter("\\pset pager off");
    terminal.wait_for(READY);
    terminal.enter("SELECT * FROM api_keys LIMIT 1;");
    let shown = terminal.wait_for("(1 row");
    assert!(
        shown.contains("-[ RECORD 1 ]-") && shown.contains("|   \"owner\": {"),
        "{shown}"
    );
    terminal.wait_for(READY);
    terminal.enter("\\x never");
    terminal.wait_for("expanded is never");
    terminal.enter("SELECT * FROM api_keys LIMIT 1;");
    terminal.wait_for("┌");
    terminal.wait_for("cut to fit: ");
}

#[test]
fn explain_is_never_cut() {
    let env = TestEnv::with_keys(1);
    let mut command = env.command(&["--color", "never"]);
    command.env("PAGER", "cat");
    let Some(mut terminal) = Terminal::sized(&command, 60) else {
        return;
    };
    terminal.wait_for(READY);
    terminal.enter("EXPLAIN SELECT id, spec.display_name FROM api_keys WHERE spec.owner.id = 'sa-1' AND spec.display_name LIKE '%x%';");
    terminal.wait_for("┌");
    let plan = terminal.wait_for("└");
    assert!(!plan.contains('…'), "{plan}");
    assert!(
        plan.lines()
            .all(|line| line.trim_end().chars().count() <= 60),
        "{plan}"
    );
    let footer = terminal.wait_for(READY);
    assert!(!footer.contains("cut to fit"), "{footer}");
}

#[test]
fn programs_that_the_shell_starts_do_not_get_the_credentials() {
    let env = TestEnv::with_keys(1);
    let script = "\\! env\nSELECT 1 AS n \\g | cat > /dev/null; env\n";
    let output = env.iamql_reading(script, &["shell"]);
    let variables = output.rows();
    assert!(
        variables.contains("CONFLUENT_CLOUD_ENDPOINT"),
        "{variables}"
    );
    assert!(!variables.contains("CONFLUENT_CLOUD_API"), "{variables}");
}

#[test]
fn commands_that_run_statements_take_their_rows_elsewhere() {
    let env = TestEnv::with_keys(3);
    std::fs::create_dir(env.work().join("sub")).unwrap();
    std::fs::write(env.work().join("sub/a.sql"), "\\ir b.sql\n").unwrap();
    std::fs::write(env.work().join("sub/b.sql"), "SELECT 'from b' AS n;\n").unwrap();
    let script = r"
\format csv
SELECT 1 AS a, NULL AS b \gset p_
\echo :p_a :p_b
SELECT 'x' AS down, 'y' AS across, 7 AS cell UNION ALL SELECT 'x', 'z', 8 ORDER BY across \crosstabview
SELECT 2 AS n \g | tr n m
\o | tr n o
SELECT 3 AS n;
\o
\copy (SELECT 4 AS n) to 'out.json'
\! cat out.json
\copy (SELECT 5 AS n) to stdout
.once once.tsv
SELECT 6 AS n;
\! cat once.tsv
\if :{?p_b}
SELECT 'not this' AS n;
\elif true
SELECT 'this' AS n;
\else
nonsense here
\endif
\cd sub
\! basename $PWD
\ir a.sql
\i ../sub/a.sql
";
    let output = env.iamql_reading(script, &["shell"]);
    insta::assert_snapshot!(output.rows(), @"
    1 :p_b
    down,y,z
    x,7,8
    m
    2
    o
    3
    [
    {\"n\":4}
    ]
    n
    5
    n
    6
    n
    this
    sub
    n
    from b
    n
    from b
    ");
}

#[test]
fn a_write_is_told_though_its_row_sets_no_variable() {
    let env = TestEnv::with_keys(3);
    let script = "DELETE FROM api_keys WHERE id IN (SELECT min(id) FROM api_keys) \
                  RETURNING id, spec.display_name \\gset d_\n";
    let output = env.iamql_reading(script, &["shell", "--allow-self-delete"]);
    let error = output.error(1);
    assert!(error.contains("(1 key deleted"), "{error}");
    assert!(
        error.contains("`d_spec.display_name` cannot name a variable"),
        "{error}"
    );
    assert_eq!(env.sandbox.keys().len(), 2);
}

#[test]
fn copy_takes_queries_alone() {
    let env = TestEnv::with_keys(3);
    for statement in [
        "DELETE FROM api_keys",
        "SHOW TABLES",
        "CREATE TABLE t AS SELECT 1",
    ] {
        let script = format!("\\copy ({statement}) to 'rows.csv'\n");
        let error = env.iamql_reading(&script, &["shell"]).error(1);
        assert!(
            error.contains("`\\copy` writes the rows of a query"),
            "{error}"
        );
        assert!(error.contains("1 | \\copy"), "{error}");
    }
    assert!(!env.work().join("rows.csv").exists());
    assert_eq!(env.requests(), [""; 0]);
}

#[test]
fn wrong_arguments_and_open_conditions_are_errors() {
    let env = TestEnv::with_keys(1);
    for (script, message) in [
        ("\\pset pager always\n", "`pager` cannot be `always`"),
        ("\\e file.sql\n", "`\\e` does not take `file.sql`"),
        ("\\d api_keys x\n", "`\\d` does not take `x`"),
        ("\\if true\nSELECT 1;\n", "the file ends within `\\if`"),
        (
            "SELECT 1 AS a UNION ALL SELECT 2 \\gset\n",
            "\\gset needs exactly one row",
        ),
        (
            "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') \\gset\n",
            "\\gset only runs statements that read, and this one creates keys",
        ),
        ("\\! exit 3\n", "the command ended with exit status: 3"),
    ] {
        let output = env.iamql_reading(script, &["shell", "-o", "csv"]);
        assert_eq!(output.code, Some(1), "{script}");
        assert!(
            output.stderr.contains(message),
            "{script}: {}",
            output.stderr
        );
    }
    assert!(env.requests().is_empty());
}

#[test]
fn a_program_that_reads_no_further_is_no_error() {
    let env = TestEnv::with_keys(1);
    let script =
        "\\format csv\nSELECT * FROM generate_series(1, 200000) \\g | head -2\nSELECT 'on' AS n;\n";
    let output = env.iamql_reading(script, &["shell"]);
    assert_eq!(
        output.rows().lines().collect::<Vec<_>>(),
        ["generate_series", "1", "n", "on"]
    );
}

#[test]
fn files_and_information_schema_are_described_in_the_words_of_describe() {
    let env = TestEnv::with_keys(1);
    std::fs::write(env.work().join("staff.csv"), "a,b,c\n1,x,2026-01-01\n").unwrap();
    let script =
        "\\format csv\n\\d staff.csv\nDESCRIBE 'staff.csv';\n\\d information_schema.schemata\n";
    let output = env.iamql_reading(script, &["shell"]);
    let rows = output.rows();
    assert!(
        rows.starts_with(
            "column,type\na,integer\nb,text\nc,date\nname,type\na,integer\nb,text\nc,date\n"
        ),
        "{rows}"
    );
    assert!(rows.contains("schema_name,text"), "{rows}");
}

#[test]
fn tab_completes_nested_fields() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.press("SELECT k.spec.disp\t");
    terminal.wait_for("k.spec.display_name");
    terminal.enter(" FROM api_keys k;");
    terminal.wait_for("(1 row");
    // A word that is complete is followed by a space.
    terminal.press("SELECT count(*) AS n FROM vw_api_keys lim\t1;\r");
    assert!(terminal.wait_for("(1 row").contains("vw_api_keys"));
}

#[test]
fn tab_puts_a_file_with_a_space_in_quotes() {
    let env = TestEnv::with_keys(1);
    std::fs::write(env.work().join("my keys.sql"), "SELECT 40 + 2 AS n;\n").unwrap();
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.press("\\i my\t");
    terminal.wait_for("'my keys.sql'");
    terminal.enter("");
    assert!(terminal.wait_for("(1 row").contains("42"));
}

#[test]
fn the_history_lasts_over_two_runs_and_keeps_no_secret() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    let secret = format!("cflt{}", "a".repeat(60));
    terminal.enter("SELECT 40");
    terminal.wait_for("    -> ");
    terminal.enter("+ 2 AS n;");
    terminal.wait_for(READY);
    terminal.enter(&format!("SELECT '{secret}' AS s;"));
    terminal.wait_for(READY);
    terminal.enter("\\q");
    assert_eq!(terminal.end(), Some(0));
    let kept = std::fs::read_to_string(env.state().join("iamql/history")).unwrap();
    assert!(kept.contains("40") && !kept.contains("cflt"), "{kept}");

    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    // The command that left, and then the statement.
    terminal.press(UP);
    terminal.press(UP);
    terminal.enter("");
    assert!(terminal.wait_for("(1 row").contains("42"));
}

#[test]
fn ctrl_c_stops_a_slow_listing_and_its_requests() {
    let env = TestEnv::start(
        organization(3000).with(|config| config.latency = Duration::from_millis(100)),
    );
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter("SELECT count(*) FROM api_keys;");
    env.wait_for_requests(3);
    // The line of progress.
    terminal.wait_for(" pages, ");
    terminal.press(CTRL_C);
    terminal.wait_for("interrupted after ");
    terminal.wait_for(READY);
    assert!(env.requests().len() < 30, "{}", env.requests().len());
    terminal.enter("\\q");
    assert_eq!(terminal.end(), Some(0));
}

/// The shell takes the next statement, and leaves when it is told to.
fn goes_on_and_ends(mut terminal: Terminal) {
    terminal.enter("SELECT 6 * 7;");
    terminal.wait_for("42");
    terminal.wait_for(READY);
    terminal.enter("\\q");
    assert_eq!(terminal.end(), Some(0));
}

#[test]
fn ctrl_c_stops_what_never_ends_and_the_shell_goes_on() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter(
        "SELECT count(*) FROM api_keys, generate_series(1, 100000) a, generate_series(1, 100000) b, generate_series(1, 1000) c; SELECT 2; SELECT 3;",
    );
    env.wait_for_requests(1);
    terminal.wait_for("1 page, ");
    terminal.press(CTRL_C);
    terminal.wait_for("interrupted");
    terminal.wait_for("the 2 statements after it were not run");
    terminal.wait_for(READY);
    goes_on_and_ends(terminal);
}

/// The first Ctrl-C leaves a paused reader a second; the second one comes in the meantime.
#[test]
fn a_second_ctrl_c_ends_the_program() {
    const SELECT: &str = "SELECT value FROM generate_series(1, 100000000);";
    let env = TestEnv::with_keys(1);
    let pipe = env.work().join("rows");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    // Open at both ends, so that nobody waits for the other.
    let mut options = std::fs::File::options();
    let unread = options.read(true).write(true).open(&pipe).unwrap();
    let Some(mut terminal) = shell(&env, &["-o", "csv"]) else {
        return;
    };
    terminal.enter("\\o rows");
    terminal.wait_for(READY);
    // The system may tell of several as one, and a busy one may tell of the second too late. Then it is tried again.
    for _ in 0..20 {
        terminal.enter(SELECT);
        let deadline = Instant::now() + Duration::from_secs(60);
        let waiting = || rustix::io::ioctl_fionread(&unread).unwrap();
        while waiting() < 60_000 {
            assert!(Instant::now() < deadline, "the pipe is never full");
            std::thread::yield_now();
        }
        while terminal.is_running() && !terminal.shows(READY) {
            assert!(Instant::now() < deadline, "the statement goes on");
            terminal.press_in_passing(CTRL_C);
        }
        if !terminal.is_running() {
            assert_eq!(terminal.end(), Some(130));
            return;
        }
        // What came too late is for the line.
        terminal.press_in_passing(CTRL_C);
        let mut rows = vec![0; usize::try_from(waiting()).unwrap()];
        std::io::Read::read_exact(&mut &unread, &mut rows).unwrap();
    }
}

#[test]
fn ctrl_c_stops_planning() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    let long = format!("SELECT 'begun';\n{};\n", long_to_plan());
    std::fs::write(env.work().join("long.sql"), long).unwrap();
    terminal.enter("\\i long.sql");
    terminal.wait_for("(1 row");
    std::thread::sleep(Duration::from_millis(200));
    terminal.press(CTRL_C);
    terminal.wait_for("interrupted");
    terminal.wait_for(READY);
    // What is left behind keeps nobody from leaving.
    goes_on_and_ends(terminal);
}

#[test]
fn watching_never_creates_keys_again_and_again() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter("INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1') \\watch 0.1");
    terminal.wait_for("would create keys over and over");
    assert!(env.requests().is_empty());
}

#[test]
fn ctrl_c_ends_watching() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter("SELECT id FROM api_keys \\watch 0.1");
    for _ in 0..3 {
        terminal.wait_for("every 0.1 s");
    }
    terminal.press(CTRL_C);
    terminal.wait_for(READY);
    assert!(env.requests().len() >= 2);
    terminal.enter("\\q");
    assert_eq!(terminal.end(), Some(0));
}

#[test]
fn an_error_ends_neither_the_shell_nor_the_session() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter("CREATE VIEW v AS SELECT 42 AS n;");
    terminal.wait_for(READY);
    terminal.enter("SELEC 1; SELECT n FROM v;");
    let text = terminal.wait_for("(1 row");
    assert!(
        text.contains("error: syntax error") && text.contains("42"),
        "{text}"
    );
}

#[test]
fn many_keys_are_deleted_only_if_their_count_is_typed() {
    let env = TestEnv::with_keys(12);
    let Some(mut terminal) = shell(&env, &["--allow-self-delete"]) else {
        return;
    };
    let before = env.sandbox.keys().len();
    for answer in ["", "y", "yes", "11", CTRL_C] {
        terminal.enter("DELETE FROM api_keys;");
        terminal.wait_for(&format!("Type {before} to revoke these {before} keys: "));
        terminal.enter(answer);
        terminal.wait_for("not confirmed");
        terminal.wait_for(READY);
    }
    assert_eq!(env.sandbox.keys().len(), before);
    terminal.enter("DELETE FROM api_keys;");
    terminal.wait_for("keys: ");
    terminal.enter(&before.to_string());
    terminal.wait_for("keys deleted");
    assert!(env.sandbox.keys().is_empty());
}

#[test]
fn a_change_that_was_confirmed_shows_how_far_it_is() {
    let env =
        TestEnv::start(organization(60).with(|config| config.latency = Duration::from_millis(100)));
    let Some(mut terminal) = shell(&env, &["--concurrency", "1"]) else {
        return;
    };
    terminal.enter("UPDATE api_keys SET spec.description = 'x' WHERE spec.owner.id IS NOT NULL;");
    terminal.wait_for("Type ");
    let count = terminal.wait_for(" to change");
    terminal.enter(&count);
    terminal.wait_for(" page, ");
    terminal.wait_for(" requests, ");
    terminal.press(CTRL_C);
    terminal.wait_for("UPDATE was interrupted");
    terminal.wait_for(READY);
}

#[test]
fn a_program_that_is_told_to_end_does_not_wait_for_an_answer() {
    let env = TestEnv::with_keys(12);
    let Some(mut terminal) = shell(&env, &["--allow-self-delete"]) else {
        return;
    };
    terminal.enter("DELETE FROM api_keys;");
    terminal.wait_for("keys: ");
    terminal.signal("TERM");
    assert_eq!(terminal.end(), Some(130));
    assert!(!env.sandbox.keys().is_empty());
}

#[test]
fn a_program_that_is_told_to_end_ends_its_pager() {
    let env = TestEnv::with_keys(100);
    let mut command = env.command(&["--color", "never"]);
    command.env("PAGER", "echo paging; exec sleep 600");
    let Some(mut terminal) = Terminal::start(&command) else {
        return;
    };
    terminal.wait_for(READY);
    terminal.enter("SELECT id FROM api_keys;");
    terminal.wait_for("paging");
    terminal.signal("TERM");
    assert_eq!(terminal.end(), Some(130));
}

#[test]
fn a_file_that_runs_itself_is_an_error() {
    let env = TestEnv::with_keys(1);
    std::fs::write(env.work().join("self.sql"), "\\i self.sql\n").unwrap();
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter("\\i self.sql");
    terminal.wait_for("`self.sql` would be nested 17 files deep");
    terminal.wait_for(READY);
    terminal.enter("SELECT 40 + 2 AS n;");
    assert!(terminal.wait_for("(1 row").contains("42"));
}

#[test]
fn a_long_statement_in_a_file_costs_its_length() {
    let env = TestEnv::with_keys(1);
    let rows = ",\n(1)".repeat(20_000);
    let statement = format!("SELECT count(*) AS n FROM (VALUES\n(1){rows});\n");
    let output = env.iamql_reading(&statement, &["shell", "-o", "csv"]);
    assert_eq!(output.rows(), "n\n20001\n");
}

#[test]
fn what_is_longer_than_the_screen_goes_through_the_pager() {
    let env = TestEnv::with_keys(100);
    let mut command = env.command(&["--color", "never"]);
    command.env("PAGER", "cat > paged.txt");
    let Some(mut terminal) = Terminal::start(&command) else {
        return;
    };
    terminal.wait_for(READY);
    terminal.enter("SELECT id FROM api_keys;");
    let shown = terminal.wait_for("rows");
    assert!(!shown.contains('┌'), "{shown}");
    let paged = std::fs::read_to_string(env.work().join("paged.txt")).unwrap();
    assert!(paged.starts_with('┌') && paged.lines().count() > 100);
    terminal.wait_for(READY);
    terminal.enter("\\pset pager off");
    terminal.wait_for(READY);
    terminal.enter("SELECT id FROM api_keys;");
    terminal.wait_for("┌");
    terminal.wait_for("└");
}

#[test]
fn a_less_without_options_is_given_those_that_show_colours() {
    let env = TestEnv::with_keys(100);
    for (less, expected) in [(None, "SRFX"), (Some("-R"), "-R")] {
        let mut command = env.command(&["--color", "never"]);
        command.env("PAGER", "cat > /dev/null; echo \"($LESS)\"");
        if let Some(less) = less {
            command.env("LESS", less);
        }
        let Some(mut terminal) = Terminal::start(&command) else {
            return;
        };
        terminal.wait_for(READY);
        terminal.enter("SELECT id FROM api_keys;");
        terminal.wait_for(&format!("({expected})"));
    }
}

#[test]
fn tables_fit_windows_of_40_80_and_200_columns() {
    let env = TestEnv::with_keys(3);
    for columns in [40, 80, 200] {
        let mut command = env.command(&["--color", "never"]);
        command.env("PAGER", "cat");
        let Some(mut terminal) = Terminal::sized(&command, columns) else {
            return;
        };
        terminal.wait_for(READY);
        terminal.enter("SELECT * FROM vw_api_keys LIMIT 1;");
        terminal.wait_for("┌");
        let table = terminal.wait_for("┘");
        let widths = table.lines().map(|line| line.trim_end().chars().count());
        let widest = widths.max().unwrap_or_default();
        assert!((columns / 2..=columns).contains(&widest), "{table}");
        terminal.wait_for(READY);
        terminal.enter("\\x auto");
        terminal.wait_for("expanded is auto");
        terminal.enter("SELECT id, owner_id, created_at FROM vw_api_keys LIMIT 1;");
        let shown = terminal.wait_for("(1 row");
        assert_eq!(shown.contains("RECORD 1"), columns == 40, "{shown}");
    }
}

#[test]
fn a_terminal_that_is_closed_ends_the_program() {
    let env = TestEnv::with_keys(1);
    let Some(terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.close();
}

#[test]
fn a_terminal_that_cannot_do_anything_gets_no_escapes() {
    let env = TestEnv::with_keys(1);
    let mut command = env.command(&[]);
    command.env("TERM", "dumb");
    let Some(mut terminal) = Terminal::start(&command) else {
        return;
    };
    terminal.wait_for(READY);
    terminal.enter("SELECT NULL AS n;");
    let shown = terminal.wait_for("(1 row");
    assert!(
        shown.contains("NULL") && !shown.contains('\x1b'),
        "{shown:?}"
    );
}

#[test]
fn without_a_terminal_there_is_neither_prompt_nor_banner() {
    let env = TestEnv::with_keys(2);
    let output = env.iamql_reading(
        "\\format csv\nSELECT count(*) AS n\nFROM api_keys;\n\\echo done\n",
        &["shell"],
    );
    assert_eq!(output.rows(), "n\n2\ndone\n");
    let output = env.iamql_reading(
        "SELECT 1 AS n;\nSELECT bad;\nSELECT 2;",
        &["shell", "-o", "csv"],
    );
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), "n\n1\n"));
    assert!(
        output.stderr.contains("2 | SELECT bad"),
        "{}",
        output.stderr
    );
}

#[test]
fn statements_of_iamqlrc_run_at_the_start() {
    let env = TestEnv::with_keys(1);
    let folder = env.config().join("iamql");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join("iamqlrc"),
        "\\set n 42\nCREATE VIEW mine AS SELECT :n AS n;\n",
    )
    .unwrap();
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter("SELECT n FROM mine;");
    assert!(terminal.wait_for("(1 row").contains("42"));
}

#[test]
fn an_error_in_iamqlrc_names_the_file_and_the_shell_starts() {
    let env = TestEnv::with_keys(1);
    let folder = env.config().join("iamql");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("iamqlrc"), "\\set n 42\nSELECT bogus;\n").unwrap();
    let Some(mut terminal) = Terminal::start(&env.command(&["--color", "never"])) else {
        return;
    };
    let told = terminal.wait_for(READY);
    assert!(told.contains("no column `bogus`"), "{told}");
    assert!(
        told.contains("iamql/iamqlrc`") && told.contains("2 | SELECT bogus"),
        "{told}"
    );
    terminal.enter("SELECT :n AS n;");
    assert!(terminal.wait_for("(1 row").contains("42"));
}

#[test]
fn a_person_who_asks_to_leave_within_a_statement_is_told_how() {
    let env = TestEnv::with_keys(1);
    let Some(mut terminal) = shell(&env, &[]) else {
        return;
    };
    terminal.enter("SELECT 'a");
    terminal.wait_for("    '> ");
    terminal.enter("exit");
    terminal.wait_for("Ctrl-C discards the statement; then \\q quits");
    terminal.wait_for("    '> ");
    terminal.press(CTRL_C);
    terminal.wait_for(READY);
    terminal.enter("exit");
    assert_eq!(terminal.end(), Some(0));
}
