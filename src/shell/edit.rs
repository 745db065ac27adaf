//! `\e`: edits a statement in the editor that the environment names.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::private_file;
use crate::terminal::children::{self, Attended};

/// Opens `text` in `$VISUAL` or `$EDITOR`, waits until the editor exits, and returns the content of the file.
///
/// Fails if there is no such editor, or if it fails.
pub(super) fn edit(text: &str) -> Result<String, Error> {
    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|editor| !editor.trim().is_empty())
        .unwrap_or_else(|| if cfg!(windows) { "notepad" } else { "vi" }.to_owned());
    edit_with(&editor, text)
}

fn edit_with(editor: &str, text: &str) -> Result<String, Error> {
    let failed = |error: io::Error| {
        Error::statement(format!("the editor `{editor}` cannot be used"))
            .caused_by(error)
            .hint("set $EDITOR to another")
    };
    let file = Temporary::create(text).map_err(failed)?;
    let status = run(editor, &file.0).map_err(failed)?;
    if !status.success() {
        return Err(failed(io::Error::other(format!("it ended with {status}"))));
    }
    fs::read_to_string(&file.0).map_err(failed)
}

/// The value may be a program with options, so the system's shell parses it.
fn run(editor: &str, file: &Path) -> io::Result<std::process::ExitStatus> {
    if cfg!(windows) {
        return Attended::start(children::shell(editor).arg(file))?.wait();
    }
    let mut command = children::shell(&format!("{editor} \"$1\""));
    Attended::start(command.arg("sh").arg(file))?.wait()
}

/// A file that is removed on drop.
struct Temporary(PathBuf);

impl Temporary {
    fn create(text: &str) -> io::Result<Self> {
        let name = format!("{}.sql", private_file::unique("iamql-"));
        let path = std::env::temp_dir().join(name);
        let mut file = private_file::create_new(&path)?;
        let temporary = Self(path);
        file.write_all(text.as_bytes())?;
        Ok(temporary)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // The system clears the directory sooner or later.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_text_comes_back_as_the_editor_leaves_it() {
        let edited = edit_with("sed -i s/1/2/", "SELECT 1;\n").unwrap();
        assert_eq!(edited, "SELECT 2;\n");
    }

    #[test]
    fn an_editor_that_fails_is_an_error() {
        assert!(edit_with("false", "SELECT 1").is_err());
        assert!(edit_with("no-such-editor 2>/dev/null", "").is_err());
    }
}
