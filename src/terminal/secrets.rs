//! Secrets of created keys that could not be delivered: saved at a panic, and told of at the next start.

use super::{directories, notes};
use crate::session::{self, RescueFile};

/// Makes a panic save the secrets of created keys, before anything that it leaves half done is dropped.
pub(crate) fn save_at_a_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let saved = session::save_undelivered();
        // A panic of a statement is told as its error.
        let is_asked_for = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
        if is_asked_for || !session::are_caught() {
            tell(panic);
        }
        for (path, saved) in saved {
            let path = path.display();
            match saved {
                Ok(1) => notes::warn(&format!(
                    "the secret of a key that was created is in `{path}`"
                )),
                Ok(n) => notes::warn(&format!(
                    "the secrets of {n} keys that were created are in `{path}`"
                )),
                Err(error) => notes::warn(&format!(
                    "keys were created, and their secrets cannot be saved to `{path}` ({error}): revoke them"
                )),
            }
        }
    }));
}

/// Returns the file for secrets that cannot be delivered.
pub(super) fn rescue_file() -> Option<RescueFile> {
    directories::state().map(|dir| RescueFile::in_dir(&dir))
}

/// Warns of secrets that an earlier run could not deliver.
pub(crate) fn remind() {
    let Some(file) = rescue_file() else {
        return;
    };
    let path = file.path().display();
    let held = match file.count() {
        Ok(0) => return,
        Ok(1) => "holds a secret".to_owned(),
        Ok(n) => format!("holds {n} secrets"),
        Err(error) => format!("cannot be read ({error}) and may hold secrets"),
    };
    notes::warn(&format!(
        "`{path}` {held} that may not have been delivered; take what you need and remove the file"
    ));
}
