//! The directories of this program on this system.

use std::path::PathBuf;

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
