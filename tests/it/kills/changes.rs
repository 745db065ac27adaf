//! UPDATEs and DELETEs that are ended, and whether what is told of each key is so.

use std::collections::BTreeSet;

use fastrand::Rng;
use iamql::api::Method;
use regex::Regex;

use super::ends::{End, Point, run};
use super::{FORMATS, Figures, draw, environment};
use crate::support::{TestEnv, number};

const KEYS: usize = 40;

/// What there is to be done, and the word for what is done.
const CHANGES: [(&str, &str); 2] = [
    (
        "UPDATE api_keys SET spec.description = 'new' WHERE spec.owner.id = 'sa-1'",
        "changed",
    ),
    (
        "DELETE FROM api_keys WHERE spec.owner.id = 'sa-1'",
        "deleted",
    ),
];

/// The keys that one of the statements has changed.
fn changed(env: &TestEnv) -> BTreeSet<String> {
    let keys = env.sandbox.keys();
    let as_before = keys
        .iter()
        .filter(|key| key["spec"]["description"] != "new")
        .map(|key| key["id"].as_str().unwrap());
    let as_before: BTreeSet<&str> = as_before.collect();
    (0..KEYS)
        .map(number)
        .filter(|id| !as_before.contains(&**id))
        .collect()
}

/// What the program said of its keys.
#[derive(Debug)]
struct Told {
    done: BTreeSet<String>,
    not_tried: BTreeSet<String>,
    failed: BTreeSet<String>,
    /// Whether something of what failed may have happened.
    is_in_doubt: bool,
    /// How many it counts as done, as failed, and as not tried.
    counts: Option<[usize; 3]>,
}

impl Told {
    fn read(text: &str, word: &str) -> Self {
        let listed = |what: &str| {
            let list = Regex::new(&format!(r"note: {what}: ((?:`\w+`(?:, )?)+)")).unwrap();
            list.captures(text)
                .map_or_else(BTreeSet::new, |list| ids(&list[1]))
        };
        let failed = Regex::new(r"key `(\w+)`: ").unwrap();
        let counts = format!(r"(\d+) keys? {word}, (\d+) failed[^,]*, (\d+) not tried");
        let counts = Regex::new(&counts).unwrap().captures(text);
        Self {
            done: listed(word),
            not_tried: listed("not tried"),
            failed: failed
                .captures_iter(text)
                .map(|key| key[1].to_owned())
                .collect(),
            is_in_doubt: text.contains("unknown outcome"),
            counts: counts.map(|found| [1, 2, 3].map(|n| found[n].parse().unwrap())),
        }
    }
}

fn ids(text: &str) -> BTreeSet<String> {
    let id = Regex::new(r"\bK\d{3}\b").unwrap();
    id.find_iter(text)
        .map(|id| id.as_str().to_owned())
        .collect()
}

/// One UPDATE or DELETE of 40 keys that is ended.
///
/// What is told to be done is done, and what is told not to be tried is not. Where the program comes to its end by itself
/// and somebody reads what it says, it says of every key which it was.
pub(super) fn trial(seed: u64, ends: &[End]) -> Figures {
    let mut rng = Rng::with_seed(seed);
    let end = draw(&mut rng, ends);
    let env = environment(&mut rng, end, KEYS, &[Method::PATCH, Method::DELETE]);
    let (format, (change, word)) = (draw(&mut rng, &FORMATS), draw(&mut rng, &CHANGES));
    let shows_rows = rng.bool();
    let returning = if shows_rows { " RETURNING id" } else { "" };
    let sql = format!("{change}{returning}");
    let args = ["--color", "never", "-y", "-o", format, "-e", &sql];
    let point = Point::draw(&mut rng, KEYS + 1, 400);
    let output = run(&env, &args, end, point, &mut rng);
    let changed = changed(&env);
    let what = format!("seed {seed}: {end:?} at {point:?} of {args:?}: {output:?}, {changed:?}");
    assert!(!output.stderr.contains("panicked"), "{what}");
    let mut figures = Figures {
        changes: 1,
        changed: changed.len(),
        ..Figures::default()
    };
    let is_on_screen = end == End::TerminalCloses;
    if shows_rows && !is_on_screen {
        let rows = ids(&output.stdout);
        assert!(rows.is_subset(&changed), "{what}");
    }
    let text = if is_on_screen {
        &output.stdout
    } else {
        &output.stderr
    };
    let told = Told::read(text, word);
    assert!(told.done.is_subset(&changed), "{what}: {told:?}");
    assert!(told.not_tried.is_disjoint(&changed), "{what}: {told:?}");
    if !told.is_in_doubt {
        assert!(told.failed.is_disjoint(&changed), "{what}: {told:?}");
    }
    if end.is_sudden() || end.hides_errors() {
        return figures;
    }
    // A signal that comes before the program has begun to watch for it ends it.
    let has_begun = !env.requests().is_empty();
    let is_ended = !has_begun && output.code.is_none();
    assert!(
        is_ended || matches!(output.code, Some(0 | 1 | 130)),
        "{what}"
    );
    let mut known = &told.done | &told.failed;
    if let Some(counts) = told.counts {
        let listed = [&told.done, &told.failed, &told.not_tried].map(BTreeSet::len);
        assert_eq!(counts, listed, "{what}: {told:?}");
        assert_eq!(counts.iter().sum::<usize>(), KEYS, "{what}: {told:?}");
    } else if output.code == Some(0) {
        let count = format!("({KEYS} keys {word}");
        assert!(output.stderr.contains(&count), "{what}");
        known = (0..KEYS).map(number).collect();
        assert_eq!(changed, known, "{what}");
    }
    // Without a word about keys, nothing has happened to any.
    assert!(changed.is_subset(&known), "{what}: {told:?}");
    figures.told = changed.len();
    figures
}
