//! What the tests stand on: [`Lab`] for a session in this process, [`TestEnv`] for the real program, and the keys that
//! both are filled with.

mod answer;
mod env;
mod keys;
mod lab;
#[cfg(target_os = "linux")]
mod terminal;

pub(crate) use answer::{Answer, Collector};
pub(crate) use env::{Output, TestEnv, files, long_to_plan, on_small_disk, signal};
pub(crate) use keys::{ids, key, listed, number, owner, owners_of, resource};
pub(crate) use lab::{Lab, answer, shown};
#[cfg(target_os = "linux")]
pub(crate) use terminal::Terminal;

use chrono::{DateTime, Utc};
use iamql::sandbox::{Sandbox, SandboxConfig};

/// The seed that every test's organization is made from.
pub(crate) const SEED: u64 = 2026;

/// The time at which every test's sandbox stands still.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_782_907_200, 0).unwrap()
}

/// An organization of `keys` keys, the same in every run.
pub(crate) fn organization(keys: usize) -> SandboxConfig {
    SandboxConfig::default()
        .with_keys(keys)
        .with(|config| config.seed = SEED)
        .with_now(now())
        .with(|config| config.any_resource = true)
}

/// Asserts that the requests that `sandbox` has seen are those that the service's published description has. Every test
/// ends with this, unless it has failed already.
#[track_caller]
pub(crate) fn assert_requests_are_described(sandbox: &Sandbox) {
    let violations = sandbox.take_violations();
    if !std::thread::panicking() {
        assert!(violations.is_empty(), "{violations:#?}");
    }
}
