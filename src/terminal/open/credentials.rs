//! Where credentials are. Plain data: `connect` reads them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::secret::Secret;

/// Environment variables, by name.
pub(crate) type Environment = BTreeMap<String, String>;

/// Where the credentials are.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Nowhere: the reason, and the next step.
    Missing {
        /// What is missing.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A key and its secret.
    Basic {
        /// The key.
        key: String,
        /// Where its secret is.
        secret: SecretSource,
    },
    /// A bearer token.
    Bearer(SecretSource),
    /// `key:secret` in Base64.
    EncodedPair(SecretSource),
}

/// Where a secret is.
#[derive(Debug, Clone)]
pub(crate) enum SecretSource {
    /// Here.
    Value(Secret),
    /// In a file, without the white space around it.
    File(PathBuf),
    /// In what a command prints.
    Command(String),
}
