//! Manual pages, generated from the declaration of the command line.
//!
//! Paragraphs after the options in `--help` that begin with a heading become sections. It returns text in roff and
//! writes nothing.

use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::args;
use crate::error::Error;

/// Returns the page about `command`, or about iamql itself.
///
/// Fails if there is no such command.
pub(super) fn page(command: Option<&str>) -> Result<Vec<u8>, Error> {
    let mut whole = args::command().disable_help_subcommand(true);
    whole.build();
    let about = match command {
        None => whole,
        Some(name) => whole
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| no_command(name, &whole))?,
    };
    let after = about.get_after_help().map(ToString::to_string);
    let mut after = after.unwrap_or_default();
    if command.is_none() {
        after.push_str("\n\n");
        after.push_str(SECTIONS);
    }
    render(about, &after).map_err(|error| {
        // Writing to memory does not fail.
        Error::statement("the page cannot be made").caused_by(error)
    })
}

fn no_command(name: &str, whole: &clap::Command) -> Error {
    let names: Vec<&str> = whole
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(clap::Command::get_name)
        .collect();
    Error::usage(format!("there is no command `{name}`"))
        .hint(format!("commands: {}", names.join(", ")))
}

/// What the page about iamql says besides its options: paragraphs, each with a heading.
const SECTIONS: &str = "\
Exit status:
  0    All statements succeeded, or the reader of the rows closed the pipe
  1    A statement failed; those after it were not run
  2    The command line or the configuration is wrong
  3    The last statement returned rows, and --fail-on-rows was given
  130  Interrupted

Files:
  $XDG_CONFIG_HOME/iamql/config.toml
      Profiles, and what the shell begins with; ~/.config unless the variable is set
  $XDG_CONFIG_HOME/iamql/iamqlrc
      Statements and commands that the shell runs at its start
  $XDG_STATE_HOME/iamql/history
      What was typed in the shell, without secrets; ~/.local/state unless the variable is set
  $XDG_STATE_HOME/iamql/unsaved-secrets.jsonl
      Secrets of new keys that could not be delivered
  $XDG_STATE_HOME/iamql/creates-*.jsonl
      Which keys an INSERT that was killed may have created, without secrets

Proxies:
  https_proxy, all_proxy
      Address of the proxy for requests, as http://HOST:PORT; they override HTTPS_PROXY and ALL_PROXY
  no_proxy
      Hosts to reach without it, separated by commas: host, host:port, .domain, *.domain

The shell's environment:
  PAGER, LESS
      What shows rows that exceed the screen
  VISUAL, EDITOR
      What \\e edits statements with
  NO_COLOR, TERM=dumb
      No colours";

fn render(about: clap::Command, after: &str) -> std::io::Result<Vec<u8>> {
    let has_commands = about.has_subcommands();
    let man = Man::new(about)
        .manual("iamql manual")
        .source(concat!("iamql ", env!("IAMQL_VERSION")));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_commands {
        man.render_subcommands_section(&mut page)?;
    }
    for paragraph in after.split("\n\n") {
        section(paragraph).to_writer(&mut page)?;
    }
    Ok(page)
}

/// Returns a paragraph of help as a section with its lines unchanged; one without a heading as notes.
fn section(paragraph: &str) -> Roff {
    let mut roff = Roff::default();
    let (heading, lines) = match paragraph.split_once(":\n") {
        Some((heading, lines)) => (heading.to_uppercase(), lines),
        None => ("NOTES".to_owned(), paragraph),
    };
    if !paragraph.is_empty() {
        roff.control("SH", [heading.as_str()]);
        roff.control("nf", []);
        for line in lines.lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
    }
    roff
}
