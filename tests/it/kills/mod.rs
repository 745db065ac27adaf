//! Whatever ends the program in the middle of its work: signals, a terminal that is closed, a reader that goes away or
//! does not read, a full disk, a quota, a service that drops answers. At random points of creates, updates, deletes, COPY
//! and output, and counted.
//!
//! A key that was created is accounted for if its secret was delivered or saved, or if the program, or the next run of
//! it, names its id or a SELECT that finds it. A key that was changed or deleted is never told to be as it was. A file is
//! what it was, or all of what it was to be. Everything is drawn from a seed, which a failure tells.

#![cfg(target_os = "linux")]

mod changes;
mod creates;
mod ends;
mod files;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use iamql::api::Method;
use iamql::sandbox::{Action, Fault, SandboxConfig};

use crate::support::{SEED, TestEnv, key, number};
use ends::End;

const FORMATS: [&str; 7] = ["jsonl", "json", "csv", "tsv", "table", "markdown", "line"];

/// What is in a file that rows go to.
const BEFORE: &str = "precious\n";

/// What came of the trials.
#[derive(Debug, Default)]
struct Figures {
    /// Trials of each kind.
    creates: usize,
    changes: usize,
    copies: usize,
    outputs: usize,
    /// Keys that were created, and how they are accounted for.
    created: usize,
    delivered: usize,
    saved: usize,
    named: usize,
    found: usize,
    lost: Vec<String>,
    /// Keys that were changed or deleted, and those of them that the program had the time and a reader to tell of.
    changed: usize,
    told: usize,
    /// Files that were replaced, all others being what they were.
    replaced: usize,
}

impl Figures {
    fn add(&mut self, other: Self) {
        self.creates += other.creates;
        self.changes += other.changes;
        self.copies += other.copies;
        self.outputs += other.outputs;
        self.created += other.created;
        self.delivered += other.delivered;
        self.saved += other.saved;
        self.named += other.named;
        self.found += other.found;
        self.lost.extend(other.lost);
        self.changed += other.changed;
        self.told += other.told;
        self.replaced += other.replaced;
    }

    /// Tells the figures, and asserts that no key was lost.
    #[expect(
        clippy::print_stdout,
        reason = "the figures are what the trials are for"
    )]
    fn check(&self) {
        println!("{self:?}");
        assert!(self.lost.is_empty(), "{:#?}", self.lost);
        let accounted = self.delivered + self.saved + self.named + self.found;
        assert_eq!(accounted, self.created, "{self:?}");
    }
}

fn draw<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}

/// An environment with the keys `K000`, `K001`, … of `sa-1`. Requests of `methods` may fail.
fn environment(rng: &mut Rng, end: End, keys: usize, methods: &[Method]) -> TestEnv {
    let mut config = SandboxConfig::default()
        .with_keys(0)
        .with(|config| config.seed = SEED)
        .with(|config| config.latency = Duration::from_millis(rng.u64(0..6)));
    if let End::Quota(keys) = end {
        config = config.with(|config| config.quota = Some(keys));
    }
    let env = TestEnv::start(config);
    for n in 0..keys {
        env.sandbox.insert(key(&number(n), "sa-1", "lkc-1"));
    }
    if rng.u8(..4) == 0 {
        let fault = match rng.u8(..5) {
            0 => Fault::new(Action::CreateThenDrop),
            1 => Fault::new(Action::Truncate { chunked: false }),
            2 => Fault::new(Action::Reset),
            3 => Fault::status(503),
            _ => Fault::new(Action::Unauthorized),
        };
        let nth = match methods {
            // A listing has few pages.
            [Method::GET] => rng.u64(1..4),
            _ => rng.u64(1..12),
        };
        let faults = methods.iter().map(|method| {
            let fault = fault.clone().on_method(method.clone());
            fault.nth(nth).times(1)
        });
        env.sandbox.set_faults(faults.collect());
    }
    env
}

/// What the program has left in its state directory, but for the secrets that it saved.
fn kept(env: &TestEnv) -> Vec<String> {
    let entries = std::fs::read_dir(env.state().join("iamql"));
    let entries = entries.into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name != "unsaved-secrets.jsonl")
        .collect()
}

/// Runs `trials` trials, four side by side, and returns what came of them.
fn side_by_side(trials: u64, trial: impl Fn(u64) -> Figures + Sync) -> Figures {
    let (next, figures) = (AtomicUsize::new(0), Mutex::new(Figures::default()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed) as u64;
                    if n >= trials {
                        return;
                    }
                    let came = trial(n);
                    figures.lock().unwrap().add(came);
                }
            });
        }
    });
    figures.into_inner().unwrap()
}

/// Runs trials: half of them create keys, a fifth change or delete some, and the others write files and rows.
fn trials(count: u64) {
    let all = End::all();
    // Only a create needs room for another key.
    let others: Vec<End> = all
        .iter()
        .copied()
        .filter(|end| !matches!(end, End::Quota(_)))
        .collect();
    let figures = side_by_side(count, |seed| match seed % 20 {
        0..10 => creates::trial(seed, &all, 24),
        10..14 => changes::trial(seed, &others),
        14..17 => files::copy(seed, &others),
        _ => files::output(seed, &others),
    });
    figures.check();
    assert!(figures.created as u64 > 4 * count, "{figures:?}");
    assert!(figures.changed as u64 > count, "{figures:?}");
    assert!(figures.told > 0 && figures.replaced > 0, "{figures:?}");
}

#[test]
fn nothing_that_ends_the_program_loses_anything() {
    trials(200);
}

#[test]
#[ignore = "takes many minutes; the figures are in docs/security.md"]
fn nothing_that_ends_the_program_loses_anything_in_2000_trials() {
    trials(2000);
}

/// At least 10,000 keys, created by programs of which each is killed.
#[test]
#[ignore = "takes many minutes; the figures are in docs/security.md"]
fn no_key_of_10000_is_unaccounted_for_after_sigkill() {
    let mut figures = Figures::default();
    let ends = [End::Uncaught("KILL")];
    for round in 0.. {
        figures.add(side_by_side(40, |seed| {
            creates::trial(round * 40 + seed, &ends, 100)
        }));
        if figures.created >= 10_000 {
            break;
        }
    }
    figures.check();
}
