//! The one type that secrets live in.
//!
//! API credentials, bearer tokens and the once-only secret of a new key are held in [`Secret`] from the moment
//! they are read until the moment they are sent or shown. It has no `Display` and no `Serialize`, its `Debug` is
//! masked, and its memory is cleared on drop, so a secret cannot reach a log, an error or a panic by accident.
//! [`Secret::reveal`] is the only way out, and a search for its name lists every place that uses one.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// What the service calls the member that holds a secret, and so do the columns of rows.
pub(crate) const NAME: &str = "secret";

/// A string that cannot be printed by accident.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// Returns the secret itself: for the authorization header, the answer to an INSERT, and nothing else.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// Returns true if there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.reveal().is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("******")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_the_secret_nor_its_length() {
        let shown = format!(
            "{:?} {:?}",
            Secret::new("canary"),
            Some(Secret::new("a longer canary"))
        );
        assert_eq!(shown, "****** Some(******)");
    }
}
