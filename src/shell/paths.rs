//! Paths as people type them.

use std::path::PathBuf;

use etcetera::home_dir;

/// Returns `path` with `~/` as the home directory.
pub(super) fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), home_dir()) {
        (Some(rest), Ok(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}
