//! The directories of this program on this system.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

/// Returns the directory of `config.toml` and `iamqlrc`.
pub(crate) fn config() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("iamql"))
}

/// Returns the directory of the history and of secrets that could not be delivered.
pub(crate) fn state() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    let dir = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
    Some(dir.join("iamql"))
}

/// Returns `path` with the home directory in the place of a `~` that it begins with.
pub(crate) fn expand_home(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    match (path.strip_prefix("~"), etcetera::home_dir()) {
        (Ok(rest), Ok(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}
