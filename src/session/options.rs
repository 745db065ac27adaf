//! The options of a session.
//!
//! Plain values that an edge fills in. They start nothing, and depend on the types of [`super::write`] that ask a person
//! and keep secrets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::write::{Confirm, Journals, RescueFile};
use crate::dialect::Dialect;
use crate::resource::findings::{self, Setting};

/// What a session may do, and with what.
#[derive(Clone)]
pub struct Options {
    /// Refuses everything that changes keys or local files. Tables and views of the session are its own.
    pub read_only: bool,
    /// Lets no statement read or write a local file.
    pub no_files: bool,
    /// Bytes that the statements of the session may hold at a time.
    pub memory_limit: usize,
    /// Shows the requests of writes, and sends none that changes anything.
    pub dry_run: bool,
    /// Writes to many keys without confirmation.
    pub yes: bool,
    /// Keys that UPDATE or DELETE may touch without confirmation.
    pub max_affected: usize,
    /// Lets INSERT lose the secrets of the keys that it creates.
    pub discard_secrets: bool,
    /// Lets DELETE revoke the key that the session authenticates with.
    pub allow_self_delete: bool,
    /// Asks a person. If None, everything that needs confirmation is refused.
    pub confirm: Option<Arc<dyn Confirm>>,
    /// Where undelivered secrets are saved.
    pub rescue_file: Option<RescueFile>,
    /// Where the journals of creates are, which tell the next run what a process that was killed has left behind.
    pub journals: Option<Journals>,
    /// Whether anybody can read the error of a statement. If None, somebody can.
    pub stderr_is_read: Option<fn() -> bool>,
    /// The most requests that one statement may send. If None, as many as it needs.
    pub max_requests: Option<u64>,
    /// How long the engine may plan a statement.
    pub timeout: Duration,
    /// The dialect of SQL that statements are in.
    pub dialect: Dialect,
    /// Thresholds of findings, by their names; the others are as they come.
    pub findings: BTreeMap<String, u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            read_only: false,
            no_files: false,
            memory_limit: Self::MEMORY_LIMIT,
            dry_run: false,
            yes: false,
            max_affected: Self::MAX_AFFECTED,
            discard_secrets: false,
            allow_self_delete: false,
            confirm: None,
            rescue_file: None,
            journals: None,
            stderr_is_read: None,
            max_requests: None,
            timeout: Self::TIMEOUT,
            dialect: Dialect::Default,
            findings: BTreeMap::new(),
        }
    }
}

impl Options {
    /// Keys that UPDATE or DELETE may touch without confirmation, by default.
    pub const MAX_AFFECTED: usize = 10;

    /// Bytes that the statements of a session may hold at a time, by default.
    pub const MEMORY_LIMIT: usize = 1 << 30;

    /// How long the engine may plan a statement, by default.
    pub const TIMEOUT: Duration = Duration::from_secs(60);

    /// Returns the value that a session with these options begins with, for a setting of iamql's own.
    pub(super) fn initial(&self, setting: &str) -> Option<String> {
        if setting == "iamql.dialect" {
            return Some(self.dialect.name().to_owned());
        }
        let name = setting
            .strip_prefix(Setting::PREFIX)
            .and_then(|rest| rest.strip_prefix('.'))?;
        let setting = findings::settings().find(|setting| setting.name == name)?;
        let value = self.findings.get(name).copied();
        Some(value.unwrap_or(setting.default).to_string())
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("read_only", &self.read_only)
            .field("no_files", &self.no_files)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}
