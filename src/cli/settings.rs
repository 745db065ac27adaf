//! What was typed on the command line, as the plain values that [`crate::terminal`] and [`crate::render`] take.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use super::args::Common;
use crate::error::Error;
use crate::render::RenderOptions;
use crate::terminal::color::use_color;
use crate::terminal::open::Settings;

impl Common {
    /// Returns how to open sessions.
    pub(super) fn settings(&self) -> Result<Settings, Error> {
        Ok(Settings {
            profile: self.profile.clone(),
            endpoint: self.endpoint.clone(),
            sandbox: self.sandbox,
            auth: self.auth.clone(),
            ca_cert: self.ca_cert.clone(),
            timeout: self.timeout,
            concurrency: self.concurrency,
            max_affected: self.max_affected,
            read_only: self.read_only,
            no_files: self.no_files,
            memory_limit: self.memory_limit,
            dry_run: self.dry_run,
            yes: self.yes,
            discard_secrets: self.discard_secrets,
            allow_self_delete: self.allow_self_delete,
            params: params(&self.params)?,
            is_stdin_taken: false,
            dialect: self.dialect,
            variables: BTreeMap::new(),
        })
    }

    /// Returns how rows are rendered.
    pub(super) fn render_options(&self) -> Result<RenderOptions, Error> {
        let is_terminal = std::io::stdout().is_terminal();
        let delimiter = match self.delimiter {
            None => None,
            Some(c) => Some(u8::try_from(c).ok().filter(u8::is_ascii).ok_or_else(|| {
                Error::usage(format!("--delimiter `{c}` is not one ASCII character"))
            })?),
        };
        Ok(RenderOptions {
            header: !self.no_header,
            width: terminal_size::terminal_size()
                .filter(|_| is_terminal)
                .map(|(width, _)| usize::from(width.0)),
            color: use_color(self.color.wanted(), is_terminal),
            delimiter,
            csv_guard: self.csv_guard,
            ..RenderOptions::default()
        })
    }
}

fn params(pairs: &[String]) -> Result<BTreeMap<String, String>, Error> {
    let mut params = BTreeMap::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Error::usage(format!("--param `{pair}` has no `=`"))
                .hint("write it as --param NAME=VALUE"));
        };
        let name = name.trim_start_matches('$');
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !is_name {
            return Err(
                Error::usage(format!("--param `{pair}` has no usable name")).hint(
                    "a name is letters, digits and `_`; positional parameters are called 1, 2, …",
                ),
            );
        }
        params.insert(name.to_owned(), value.to_owned());
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn params_are_names_and_values() {
        let params = |pairs: &[&str]| {
            params(
                &pairs
                    .iter()
                    .map(|pair| (*pair).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        let read = params(&["a=b=c", "$1=x"]).unwrap();
        assert_eq!((read["a"].as_str(), read["1"].as_str()), ("b=c", "x"));
        assert!(params(&["a"]).is_err());
        assert!(params(&["=b"]).is_err());
    }
}
