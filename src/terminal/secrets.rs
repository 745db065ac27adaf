//! Undelivered secrets of created keys: saved on a panic, and reported at the next start. Also keeps
//! secrets in memory out of core dumps and away from other processes.

use super::{directories, notes};
use crate::private_file;
use crate::session::{self, Journals, Origin, RescueFile, Unfinished};

/// The most ids to list of an INSERT that was killed; its journal has them all.
const TOLD: usize = 100;

/// Keeps the memory of this process, in which there are secrets, off the disk and away from other processes of the same
/// user: no core dump is written, and none can look into it.
pub(crate) fn seal_memory() {
    // Where this is not possible, there is nothing to be done about it.
    #[cfg(unix)]
    {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};
        if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_CORE) {
            let _ = setrlimit(Resource::RLIMIT_CORE, 0, hard);
        }
    }
    #[cfg(target_os = "linux")]
    {
        let _ = nix::sys::prctl::set_dumpable(false);
    }
}

/// Makes a panic save the secrets of created keys at once: the code that would deliver them may never run again.
pub(crate) fn save_at_a_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // A statement that panics has it for its error.
        let is_told = std::thread::current()
            .name()
            .is_some_and(|name| ["main", session::ENGINE_THREAD].contains(&name));
        if !is_told || std::env::var_os("RUST_BACKTRACE").is_some() {
            tell(panic);
        }
        save();
    }));
}

/// Saves the secrets of created keys that nobody has yet, and says where they are.
pub(super) fn save() {
    for (path, saved) in session::save_undelivered() {
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
}

/// Returns the file for secrets that cannot be delivered.
pub(super) fn rescue_file() -> RescueFile {
    directories::state().map_or_else(RescueFile::nowhere, |dir| RescueFile::in_dir(&dir))
}

/// Returns the journals of creates.
pub(super) fn journals() -> Option<Journals> {
    directories::state().map(|dir| Journals::in_dir(&dir))
}

/// Warns of secrets that an earlier run could not deliver, and of keys that it created before it was killed.
pub(crate) fn remind() {
    if let Some(dir) = directories::state()
        && let Some(folder) = private_file::exposed(&dir)
    {
        let (dir, folder) = (dir.display(), folder.display());
        notes::warn(&match dir.to_string() == folder.to_string() {
            true => format!(
                "undelivered secrets are saved in `{dir}`, which other users can change; chmod 700 '{dir}'"
            ),
            false => format!(
                "undelivered secrets are saved in `{dir}`, and other users can change `{folder}` around it; chmod o-w \
                 '{folder}'"
            ),
        });
    }
    for unfinished in journals().iter().flat_map(Journals::unfinished) {
        notes::warn(&told(&unfinished));
    }
    let file = rescue_file();
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

/// Says which keys an INSERT has left behind that was killed.
fn told(unfinished: &Unfinished) -> String {
    let Unfinished {
        path,
        origin,
        ids,
        select,
    } = unfinished;
    let more = ids.len().saturating_sub(TOLD);
    let listed: Vec<String> = ids.iter().take(TOLD).map(|id| format!("`{id}`")).collect();
    let listed = match more {
        0 => listed.join(", "),
        more => format!(
            "{} and {more} more, which the file below names",
            listed.join(", ")
        ),
    };
    let these = match ids.len() {
        1 => format!("the key {listed} exists, and its secret may not have been delivered"),
        _ => format!("the keys {listed} exist, and their secrets may not have been delivered"),
    };
    let path = path.display();
    let Origin { began, service } = match origin {
        Ok(origin) => origin,
        Err(why) => {
            let these = match ids.len() {
                0 => String::new(),
                _ => format!("{these}; "),
            };
            return format!(
                "`{path}`, the journal of an INSERT that did not finish, cannot be read ({why}): {these}keys may exist \
                 whose secrets are lost; look for unknown keys, then remove the file"
            );
        }
    };
    let what = match (ids.len(), select) {
        (0, Some(select)) => {
            format!("keys may exist whose secrets nobody has; this finds candidates: {select}")
        }
        (_, None) => these,
        (_, Some(select)) => {
            format!("{these}; more may exist, and this finds candidates: {select}")
        }
    };
    format!(
        "an INSERT at `{service}`, begun at {began}, did not finish: {what}; once that is resolved, remove \
         `{path}`"
    )
}
