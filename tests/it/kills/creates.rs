//! INSERTs that are ended, and what becomes of their keys.

use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::LazyLock;

use fastrand::Rng;
use iamql::api::Method;
use regex::Regex;

use super::ends::{End, Point, run};
use super::{BEFORE, FORMATS, Figures, draw, environment, kept};
use crate::support::{TestEnv, files};

static SECRET: LazyLock<Regex> = LazyLock::new(|| Regex::new("cflt[A-Za-z0-9+/]{60}").unwrap());
static SELECT: LazyLock<Regex> = LazyLock::new(|| Regex::new("SELECT id, [^;]*").unwrap());

fn insert(rows: usize) -> String {
    let rows: Vec<String> = (0..rows)
        .map(|n| format!("('it''s {n}', 'sa-1')"))
        .collect();
    format!(
        "INSERT INTO api_keys (spec.display_name, spec.owner.id) VALUES {}",
        rows.join(",")
    )
}

/// Returns true if `rows` hold the key `id` together with its secret.
fn is_delivered(rows: &str, format: &str, id: &str) -> bool {
    let separator = match format {
        "line" => "-[ RECORD",
        "json" => "{",
        _ => "\n",
    };
    rows.split(separator)
        .any(|row| row.contains(id) && SECRET.is_match(row))
}

/// One INSERT of `rows` keys that is ended, and what became of them.
pub(super) fn trial(seed: u64, ends: &[End], rows: usize) -> Figures {
    let mut rng = Rng::with_seed(seed);
    let end = draw(&mut rng, ends);
    let env = environment(&mut rng, end, 40, &[Method::POST]);
    let format = draw(&mut rng, &FORMATS);
    let file = env.work().join("rows");
    let to_file = end != End::DiskIsFull && rng.u8(..4) == 0;
    let replaces = to_file && rng.bool();
    if replaces {
        std::fs::write(&file, BEFORE).unwrap();
    }
    let sql = insert(rows);
    let mut args = vec!["--color", "never", "-y", "-o", format];
    if to_file {
        args.extend(["--output-file", "rows"]);
    }
    args.extend(["-e", &sql]);
    let point = Point::draw(&mut rng, rows, rows * 400);
    let output = run(&env, &args, end, point, &mut rng);
    let what = format!("seed {seed}: {end:?} at {point:?} of {format}, to a file: {to_file}");
    assert!(!output.stderr.contains("panicked"), "{what}: {output:?}");
    assert!(!SECRET.is_match(&output.stderr), "{what}: {output:?}");
    if replaces && matches!(output.code, Some(1..)) {
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            BEFORE,
            "{what}: {output:?}"
        );
    }
    let mut delivered = output.stdout.clone();
    for name in files(&env.work()) {
        if name.starts_with("rows") {
            delivered += &text_of(env.work().join(name));
        }
    }
    let saved = text_of(env.state().join("iamql/unsaved-secrets.jsonl"));
    // What a terminal showed after its rows.
    let shown = output
        .stdout
        .split_once("error: ")
        .filter(|_| end == End::TerminalCloses);
    let told = format!("{}{}", output.stderr, shown.map_or("", |(_, shown)| shown));
    if !end.is_sudden() && !end.hides_errors() && !told.contains("saving failed too") {
        // Where the program comes to its end by itself, it has no journal to leave behind.
        assert_eq!(kept(&env), [""; 0], "{what}: {output:?}");
    }
    // The next run says what is left to say.
    let next = LazyCell::new(|| {
        let next = env.iamql(&["-e", "SELECT 1"]);
        assert_eq!(next.code, Some(0), "{what}: {next:?}");
        next.stderr
    });
    let all_told = LazyCell::new(|| format!("{told}{}", *next));
    let mut found = None;
    let mut figures = Figures {
        creates: 1,
        ..Figures::default()
    };
    for key in env.sandbox.keys() {
        let id = key["id"].as_str().unwrap();
        if id.starts_with("K0") {
            continue;
        }
        figures.created += 1;
        if is_delivered(&delivered, format, id) {
            figures.delivered += 1;
        } else if is_delivered(&saved, "jsonl", id) {
            figures.saved += 1;
        } else if told.contains(id) || all_told.contains(id) {
            figures.named += 1;
        } else if found
            .get_or_insert_with(|| candidates(&env, &all_told))
            .contains(id)
        {
            figures.found += 1;
        } else {
            let lost = format!("{what}: {id}\n{output:?}\n{}", *next);
            figures.lost.push(lost);
        }
    }
    figures
}

fn text_of(path: PathBuf) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// The ids that the SELECTs in `told` find.
fn candidates(env: &TestEnv, told: &str) -> BTreeSet<String> {
    env.sandbox.set_faults(Vec::new());
    SELECT
        .find_iter(told)
        .flat_map(|select| {
            let output = env.iamql(&["-o", "csv", "-H", "-e", select.as_str()]);
            assert_eq!(output.code, Some(0), "{}: {output:?}", select.as_str());
            let rows: Vec<String> = output
                .stdout
                .lines()
                .filter_map(|row| Some(row.split(',').next()?.to_owned()))
                .collect();
            rows
        })
        .collect()
}
