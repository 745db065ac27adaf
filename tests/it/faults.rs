//! Trouble on the way: what passes changes nothing but the number of requests, what lasts is an error that says so.

use iamql::sandbox::{Action, Contract, Fault, FaultBody, SandboxConfig, UnknownKey};
use iamql::session::Options;
use serde_json::Value;

use crate::support::{Lab, TestEnv, key, listed, number, organization};

/// Numbers that look random and are the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        // A step of splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed >> 32) as usize) % end
    }
}

fn status(code: u16, body: FaultBody) -> Action {
    Action::Status {
        code,
        headers: Vec::new(),
        body,
    }
}

fn limited(retry_after: Option<&str>, reset: Option<&str>) -> Action {
    Action::RateLimited {
        retry_after: retry_after.map(str::to_owned),
        reset: reset.map(str::to_owned),
    }
}

/// What any request can be repeated after: without waits that are believed, so that tests take no time.
fn passing() -> Vec<Action> {
    vec![
        limited(None, None),
        limited(Some("0"), None),
        limited(Some("31536000"), Some("99999999")),
        limited(Some("-1"), Some("soon")),
        limited(Some("Wed, 31 Dec 1969 23:59:59 GMT"), None),
        status(408, FaultBody::Empty),
        status(502, FaultBody::Html),
        status(503, FaultBody::Empty),
        status(503, FaultBody::Hostile),
        status(504, FaultBody::Json),
        Action::Malformed,
        Action::Reset,
        Action::CreateThenDrop,
        Action::Truncate { chunked: false },
        Action::Truncate { chunked: true },
        Action::SlowBody {
            pause: std::time::Duration::ZERO,
        },
    ]
}

/// What can go wrong with a read besides, and leaves its answer right or makes it be repeated.
fn passing_in_reads() -> Vec<Action> {
    let mut actions = passing();
    actions.extend([
        status(500, FaultBody::Json),
        status(500, FaultBody::Html),
        Action::RepeatKeys,
        Action::ForeignNext {
            host: "foreign.example".to_owned(),
        },
    ]);
    actions
}

/// Every third request, on average, meets one of `actions`; never so many in a row that it is given up.
fn every_third(actions: &[Action], seed: u64, requests: u64) -> Vec<Fault> {
    let mut draw = Draw(seed);
    let mut row = 0;
    let mut faults = Vec::new();
    for nth in 1..=requests {
        row = if row < 6 && draw.below(3) == 0 {
            let action = actions[draw.below(actions.len())].clone();
            faults.push(Fault::new(action).nth(nth));
            row + 1
        } else {
            0
        };
    }
    faults
}

/// The same for requests side by side, whose order is not known: the first few for each of the keys below `end`.
fn for_each_key(actions: &[Action], seed: u64, end: usize) -> Vec<Fault> {
    let mut draw = Draw(seed);
    let mut faults = Vec::new();
    for n in 0..end {
        for nth in 1..=draw.below(4) as u64 {
            let action = actions[draw.below(actions.len())].clone();
            let fault = Fault::new(action).on_path(format!("/{}", number(n)));
            faults.push(fault.nth(nth));
        }
    }
    faults
}

#[tokio::test]
async fn a_listing_of_ten_thousand_keys_is_whole_whatever_happens_on_the_way() {
    for contract in Contract::ALL {
        let lab = Lab::start(organization(10_000).with_contract(contract)).await;
        let query = "SELECT id, _spec, metadata.created_at FROM api_keys";
        let calm = lab.run(query).await;
        // The older edition refuses the first request, which asks for expired keys.
        let refused = usize::from(contract == Contract::V04);
        assert_eq!(calm.requests.len(), refused + 100);
        assert_eq!(calm.rows.len(), listed(&lab.sandbox));
        for seed in 0..2 {
            lab.sandbox
                .set_faults(every_third(&passing_in_reads(), seed, 1_000));
            let answer = lab.run(query).await;
            assert!(answer.requests.len() > 120, "{seed}");
            assert_eq!(answer.warnings, calm.warnings, "{seed}");
            // Not by assert_eq, which would print ten thousand rows twice.
            assert!(answer.sorted() == calm.sorted(), "{seed}");
        }
    }
}

#[tokio::test]
async fn lookups_side_by_side_are_whole_whatever_happens_on_the_way() {
    let ids: Vec<String> = (0..40).map(|n| format!("'{}'", number(n))).collect();
    let query = format!(
        "SELECT a.id, b.id FROM api_keys a JOIN api_keys b ON a.id = b.id WHERE a.id IN ({})",
        ids.join(", ")
    );
    for contract in Contract::ALL {
        let lab = Lab::start(organization(0).with_contract(contract)).await;
        for n in 0..60 {
            lab.sandbox.insert(key(&number(n), "sa-1", "lkc-1"));
        }
        let calm = lab.run(&query).await;
        for seed in 0..2 {
            lab.sandbox
                .set_faults(for_each_key(&passing_in_reads(), seed, 40));
            assert_eq!(lab.run(&query).await.sorted(), calm.sorted(), "{seed}");
        }
    }
}

const KEYS: usize = 120;

/// Runs `sql` over keys of two owners, and returns what it says of the rows and what is stored then, times left out.
async fn effect_of(
    sql: &str,
    config: &SandboxConfig,
    seed: Option<u64>,
) -> (Vec<String>, Vec<Value>) {
    let options = Options {
        yes: true,
        ..Options::default()
    };
    let lab = Lab::with_options(config.clone(), options).await;
    for n in 0..KEYS {
        let owner = if n % 4 == 0 { "sa-2" } else { "sa-1" };
        lab.sandbox.insert(key(&number(n), owner, "lkc-1"));
    }
    if let Some(seed) = seed {
        let mut faults = for_each_key(&passing(), seed, KEYS);
        // The rows are found by a listing, which fails at first, too.
        faults.push(Fault::status(500).on_page(1).nth(1));
        lab.sandbox.set_faults(faults);
    }
    let answer = lab.run(sql).await;
    let mut keys = lab.sandbox.keys();
    for key in &mut keys {
        key["metadata"]["updated_at"] = Value::Null;
    }
    let rows = answer.sorted().into_iter().map(str::to_owned).collect();
    (rows, keys)
}

#[tokio::test]
async fn bulk_writes_have_their_calm_effect_whatever_happens_on_the_way() {
    for sql in [
        "UPDATE api_keys SET spec.description = 'of ' || id WHERE spec.owner.id = 'sa-1' RETURNING id, spec.description",
        "DELETE FROM api_keys WHERE spec.owner.id = 'sa-1' RETURNING id",
    ] {
        for contract in Contract::ALL {
            for unknown in [UnknownKey::NotFound404, UnknownKey::Forbidden403] {
                let config = organization(0)
                    .with_contract(contract)
                    .with(|config| config.unknown_key = unknown);
                let calm = effect_of(sql, &config, None).await;
                assert_eq!(calm.0.len(), KEYS / 4 * 3);
                for seed in 0..2 {
                    let stormy = effect_of(sql, &config, Some(seed)).await;
                    assert_eq!(stormy, calm, "{sql} {config:?} {seed}");
                }
            }
        }
    }
}

/// What lasts, and what the message says of it.
fn lasting() -> Vec<(Action, &'static str)> {
    vec![
        (Action::Unauthorized, "answered 401 Unauthorized"),
        (Action::BadCredentials403, "answered 403 Forbidden"),
        (status(400, FaultBody::Json), "answered 400 bad_request"),
        (
            status(501, FaultBody::Empty),
            "answered 501 Not Implemented",
        ),
        (
            Action::Redirect {
                status: 302,
                location: "https://elsewhere.example".to_owned(),
            },
            "answered 302, a redirection",
        ),
        (
            Action::HugeBody {
                bytes: 100 * 1024 * 1024,
            },
            "the body is longer than the limit of 64 MiB",
        ),
        (limited(Some("3000"), None), "to wait 3000 s, but only"),
        (Action::RepeatToken, "is endless"),
    ]
}

#[test]
fn no_format_passes_a_part_of_a_listing_off_as_the_whole() {
    let envs = both(450);
    for (turn, (action, expected)) in lasting().into_iter().enumerate() {
        // Neighbours among the faults take turns, and so do the formats: a program starts slowly.
        let env = &envs[turn % envs.len()];
        env.sandbox
            .set_faults(vec![Fault::new(action.clone()).on_page(4)]);
        let formats = ["csv", "tsv", "jsonl", "json", "table", "markdown", "line"];
        // Each fault in a format that streams and in one that does not, each format with some fault.
        for format in [formats[turn % 4], formats[4 + turn % 3]] {
            let output = env.iamql(&["-o", format, "-e", "SELECT id FROM api_keys"]);
            assert_eq!(output.code, Some(1), "{format} {action:?} {output:?}");
            assert!(
                output.stderr.contains(expected),
                "{action:?} {}",
                output.stderr
            );
            let is_listing = "GET /iam/v2/api-keys?";
            assert!(output.stderr.contains(is_listing), "{}", output.stderr);
            // Whoever counts lines must not find all of them.
            let lines = if format == "line" { 900 } else { 450 };
            assert!(output.stdout.lines().count() < lines, "{format} {action:?}");
            if format == "table" {
                assert_eq!(output.stdout, "", "{action:?}");
            }
            if format == "json" {
                assert!(!output.stdout.contains(']'), "{action:?}");
            }
        }
    }
}

#[test]
fn what_lasts_longer_than_the_timeout_is_told_with_tries_and_time() {
    let envs = both(250);
    let effort = regex::Regex::new(r", after \d tries in \d(\.\d)? s\n").unwrap();
    for (turn, (action, expected)) in [
        (
            status(503, FaultBody::Html),
            "answered 503 Service Unavailable",
        ),
        (Action::Stall, "timed out: "),
        (
            Action::Reset,
            "lost its connection before an answer arrived",
        ),
        (
            Action::Malformed,
            "answered 200, but the JSON ends too early",
        ),
        (
            Action::Truncate { chunked: true },
            "got an incomplete answer",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let env = &envs[turn % envs.len()];
        env.sandbox
            .set_faults(vec![Fault::new(action.clone()).on_page(2)]);
        let output = env.iamql(&[
            "--timeout",
            "1",
            "-o",
            "jsonl",
            "-e",
            "SELECT id FROM api_keys",
        ]);
        assert_eq!(output.code, Some(1), "{action:?} {output:?}");
        assert!(output.stdout.lines().count() <= 100, "{action:?}");
        // On a busy machine the last try may have no time left.
        assert!(
            output.stderr.contains(expected) || output.stderr.contains("timed out: "),
            "{action:?} {}",
            output.stderr
        );
        if action != Action::Stall {
            assert!(
                effort.is_match(&output.stderr),
                "{action:?} {}",
                output.stderr
            );
        }
    }
}

#[test]
fn a_port_that_is_closed_for_a_while_is_waited_for() {
    for env in both(250) {
        let outage = Action::Refuse {
            pause: std::time::Duration::from_millis(20),
        };
        env.sandbox.set_faults(vec![Fault::new(outage).nth(2)]);
        let output = env.iamql(&["-o", "csv", "-e", "SELECT count(*) AS n FROM api_keys"]);
        let count = listed(&env.sandbox);
        assert_eq!(output.rows(), format!("n\n{count}\n"));
    }
}

#[tokio::test]
async fn a_write_that_fails_for_good_says_which_request_and_what_was_done() {
    let options = Options {
        yes: true,
        ..Options::default()
    };
    for contract in Contract::ALL {
        let config = organization(0).with_contract(contract);
        let lab = Lab::with_options(config, options.clone()).await;
        for n in 0..6 {
            lab.sandbox.insert(key(&number(n), "sa-1", "lkc-1"));
        }
        fails_for_good(&lab).await;
    }
}

async fn fails_for_good(lab: &Lab) {
    lab.sandbox
        .set_faults(vec![Fault::status(500).on_path("/K002")]);
    let error = lab
        .fail("DELETE FROM api_keys WHERE spec.owner.id = 'sa-1'")
        .await;
    assert!(
        error.contains("DELETE /iam/v2/api-keys/K002` answered 500"),
        "{error}"
    );
    let error = lab
        .fail("UPDATE api_keys SET spec.display_name = 'x' WHERE spec.owner.id = 'sa-1'")
        .await;
    assert!(
        error.contains("PATCH /iam/v2/api-keys/K002` answered 500"),
        "{error}"
    );
    lab.sandbox
        .set_faults(vec![Fault::new(Action::Unauthorized).on_path("/K002")]);
    let error = lab
        .fail("UPDATE api_keys SET spec.display_name = 'x' WHERE spec.owner.id = 'sa-1'")
        .await;
    assert!(error.contains("K002` answered 401"), "{error}");
}

/// An environment for each contract.
fn both(keys: usize) -> [TestEnv; 2] {
    Contract::ALL.map(|contract| TestEnv::start(organization(keys).with_contract(contract)))
}

/// The most memory that a process has used, in KiB, as far as it can still be asked.
#[cfg(target_os = "linux")]
fn peak_of(child: &mut std::process::Child) -> u64 {
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let size = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        peak = size.unwrap_or(peak).max(peak);
        std::thread::yield_now();
    }
    peak
}

#[cfg(target_os = "linux")]
#[test]
fn a_body_of_100_mb_is_refused_and_costs_less_memory_than_it_has() {
    let bytes = 100 * 1024 * 1024;
    let env = TestEnv::with_keys(1);
    let peak = |faults: Vec<Fault>, expected: &str| {
        env.sandbox.set_faults(faults);
        let mut child = env
            .command(&["-e", "SELECT * FROM api_keys"])
            .spawn()
            .unwrap();
        let peak = peak_of(&mut child);
        let stderr = crate::support::Output::of(child).stderr;
        assert!(stderr.contains(expected), "{stderr}");
        peak
    };
    let calm = peak(Vec::new(), "");
    for action in [Action::HugeBody { bytes }, Action::GzipBomb { bytes }] {
        let fault = Fault::new(action.clone());
        let peak = peak(vec![fault], "the body is longer than the limit of 64 MiB");
        assert!(
            peak < calm + 100 * 1024,
            "{action:?}: {peak} KiB after {calm} KiB"
        );
    }
}
