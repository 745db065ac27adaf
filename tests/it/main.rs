//! The integration tests: one binary, because linking the engine is slow, and a module for each subject.
//!
//! They run a session over the simulated service in this process, or, where the process itself is the subject, the
//! real program against it. Offline, in parallel, and nothing is left behind.

mod canary;
mod cli;
mod config;
mod contract;
mod copy;
mod data;
mod dialects;
mod docs;
mod ends;
mod equivalence;
mod errors;
mod expiry;
mod explain;
mod failures;
mod faults;
mod filters;
mod findings;
mod guards;
mod help;
mod hostile;
mod inventory;
mod joins;
mod kills;
mod limits;
mod local_files;
mod mcp;
mod messages;
mod no_files;
mod oracle;
mod output_file;
mod postgres;
mod refusals;
mod requests;
mod rooms;
mod secrets;
mod service;
mod session;
mod shell;
mod siblings;
mod slt;
mod stackql;
mod subqueries;
mod support;
mod three_valued;
mod trust;
mod types;
mod view;
mod writes;

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_file_beside_this_one_is_a_module_of_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = include_str!("main.rs");
    let declared: BTreeSet<_> = main
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect();
    let present: BTreeSet<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "main" && !name.starts_with('.'))
        .collect();
    assert_eq!(declared, present);
}
