//! What a user may ask for when a session is opened. Plain data, which an edge fills in.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::dialect::Dialect;
use crate::secret::Secret;

/// What the person who started the program asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// Profile of `config.toml`.
    pub(crate) profile: Option<String>,
    /// Base URL of the service.
    pub(crate) endpoint: Option<String>,
    /// Whether to connect to a sandbox in this process.
    pub(crate) sandbox: bool,
    /// Where credentials are, as StackQL's `--auth` takes it.
    pub(crate) auth: Option<Secret>,
    /// File of certificates to trust besides the system's.
    pub(crate) ca_cert: Option<PathBuf>,
    /// Seconds for one request with its retries and waits, and for planning.
    pub(crate) timeout: Option<u64>,
    /// Requests side by side.
    pub(crate) concurrency: Option<usize>,
    /// See [`Options`](crate::session::Options), like all that follow.
    pub(crate) max_affected: Option<usize>,
    pub(crate) read_only: bool,
    pub(crate) no_files: bool,
    /// In MiB.
    pub(crate) memory_limit: Option<usize>,
    pub(crate) dry_run: bool,
    pub(crate) yes: bool,
    pub(crate) discard_secrets: bool,
    pub(crate) allow_self_delete: bool,
    /// Variables that count over those of the environment.
    pub(crate) variables: BTreeMap<String, String>,
    /// Values of `$name`.
    pub(crate) params: BTreeMap<String, String>,
    /// Whether stdin has another reader, so that no command that prints a secret may ask a person there.
    pub(crate) is_stdin_taken: bool,
    /// The dialect of SQL that statements are in, if that is not for the profile to say.
    pub(crate) dialect: Option<Dialect>,
}
