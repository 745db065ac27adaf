//! Which commit the program is built from: sets `IAMQL_VERSION`, such as `0.1.0 (1a2b3c4d5e6f)`.
//!
//! The commit is what `IAMQL_COMMIT` says, as a release sets it; else, in a release build, what git says of a clone, or
//! cargo of a package. Where nobody knows, and in a debug build, which would be built anew after every commit, there is
//! the version alone. It never fails.

use std::env;
use std::path::Path;
use std::process::Command;

/// What cargo puts beside the sources of a package.
const PACKED: &str = ".cargo_vcs_info.json";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=IAMQL_COMMIT");
    let version = env!("CARGO_PKG_VERSION");
    match commit() {
        Some(commit) => println!("cargo::rustc-env=IAMQL_VERSION={version} ({commit})"),
        None => println!("cargo::rustc-env=IAMQL_VERSION={version}"),
    }
}

/// Returns the beginning of the commit's hash.
fn commit() -> Option<String> {
    let set = env::var("IAMQL_COMMIT").ok();
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let hash = set
        .filter(|commit| !commit.is_empty())
        .or_else(|| is_release.then(|| cloned().or_else(packed)).flatten())?;
    let hash = hash.trim();
    let is_hash = hash.len() >= 12 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| hash[..12].to_owned())
}

/// The commit that is checked out, if this is a clone rather than a folder within another project's.
fn cloned() -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    // Every commit and every switch of branches adds to it.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo::rerun-if-changed={log}");
    }
    git(&["rev-parse", "HEAD"])
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The commit that a package was made from.
fn packed() -> Option<String> {
    let info = std::fs::read_to_string(PACKED).ok()?;
    let (_, hash) = info.split_once("\"sha1\"")?;
    hash.split('"').nth(1).map(str::to_owned)
}
