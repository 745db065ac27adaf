//! How the shell shows rows: what `\x`, `\format`, `\timing` and `\pset` change. Pure.

use crate::dialect::error::{meant, nearest};
use crate::error::Error;
use crate::render::{Expanded, OutputFormat, RenderOptions};

/// How rows are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) format: OutputFormat,
    /// The line below the rows tells the time.
    pub(super) timing: bool,
    /// There is a line below the rows.
    pub(super) footer: bool,
    /// Send rows that exceed the screen through a pager.
    pub(super) pager: bool,
    /// Fit tables into this many columns, whatever the width of the terminal.
    pub(super) width: Option<usize>,
    /// The rest, as the renderers take it; its width is not used.
    pub(super) render: RenderOptions,
}

/// The settings of `\pset` and their values, for listing and completion.
pub(super) const NAMES: &[(&str, &[&str])] = &[
    ("csv_guard", &["on", "off"]),
    ("delimiter", &[]),
    ("expanded", &["on", "off", "auto", "never"]),
    ("footer", &["on", "off"]),
    (
        "format",
        &[
            "table", "markdown", "line", "json", "jsonl", "csv", "tsv", "parquet", "arrow",
        ],
    ),
    ("header", &["on", "off"]),
    ("null", &[]),
    ("pager", &["on", "off"]),
    ("timing", &["on", "off"]),
    ("width", &["auto"]),
];

/// Returns the values that setting `name` can have, if they can be listed.
pub(super) fn values(name: &str) -> &'static [&'static str] {
    NAMES
        .iter()
        .find(|(known, _)| *known == name)
        .map_or(&[], |(_, values)| values)
}

impl Settings {
    /// Sets `name`; without a value a switch is toggled.
    ///
    /// Fails if there is no such setting or the value does not fit.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), Error> {
        match name {
            "format" => self.format = format(value.unwrap_or_default())?,
            "expanded" | "x" => {
                self.render.expanded = expanded(value, self.render.expanded)?;
            }
            "timing" => self.timing = switch(name, value, self.timing)?,
            "footer" => self.footer = switch(name, value, self.footer)?,
            "pager" => self.pager = switch(name, value, self.pager)?,
            "header" => self.render.header = switch(name, value, self.render.header)?,
            "csv_guard" => self.render.csv_guard = switch(name, value, self.render.csv_guard)?,
            "null" => self.render.null = value.map(str::to_owned),
            "width" | "columns" => self.width = width(value)?,
            "delimiter" | "fieldsep" => self.render.delimiter = delimiter(value)?,
            _ => {
                let error = Error::statement(format!("there is no setting `{name}`"));
                let names = || NAMES.iter().map(|(name, _)| *name);
                return Err(error.hint(meant(
                    nearest(name, names()),
                    format!("settings: {}", names().collect::<Vec<_>>().join(", ")),
                )));
            }
        }
        Ok(())
    }

    /// Returns the value of `name` as [`set`](Self::set) would take it; empty if there is none.
    pub(super) fn get(&self, name: &str) -> String {
        let on_off = |on: bool| if on { "on" } else { "off" }.to_owned();
        match name {
            "format" => self.format.name().to_owned(),
            "expanded" | "x" => match self.render.expanded {
                Expanded::On => "on",
                Expanded::Nested => "off",
                Expanded::Auto => "auto",
                Expanded::Never => "never",
            }
            .to_owned(),
            "timing" => on_off(self.timing),
            "footer" => on_off(self.footer),
            "pager" => on_off(self.pager),
            "header" => on_off(self.render.header),
            "csv_guard" => on_off(self.render.csv_guard),
            "null" => self.render.null_text().to_owned(),
            "width" | "columns" => self.width.map_or("auto".to_owned(), |w| w.to_string()),
            "delimiter" | "fieldsep" => match self.render.delimiter {
                Some(byte) => char::from(byte).to_string(),
                None => "auto".to_owned(),
            },
            _ => String::new(),
        }
    }
}

/// Reads the name of a format.
///
/// Fails if there is no such format.
pub(super) fn format(name: &str) -> Result<OutputFormat, Error> {
    name.parse().map_err(|error: crate::render::Error| Error {
        hint: error.hint(),
        ..Error::statement(error.to_string())
    })
}

fn switch(name: &str, value: Option<&str>, now: bool) -> Result<bool, Error> {
    match value.map(str::to_lowercase).as_deref() {
        None => Ok(!now),
        Some("on" | "true" | "yes" | "1") => Ok(true),
        Some("off" | "false" | "no" | "0") => Ok(false),
        Some(other) => {
            Err(Error::statement(format!("`{name}` cannot be `{other}`"))
                .hint("expected on or off"))
        }
    }
}

/// Reads the value of `expanded`. Off are records only where objects would be cut.
fn expanded(value: Option<&str>, now: Expanded) -> Result<Expanded, Error> {
    match value.map(str::to_lowercase).as_deref() {
        Some("auto") => Ok(Expanded::Auto),
        Some("never") => Ok(Expanded::Never),
        _ => match switch("expanded", value, now == Expanded::On) {
            Ok(true) => Ok(Expanded::On),
            Ok(false) => Ok(Expanded::Nested),
            Err(error) => Err(error.hint("expected on, off, auto or never")),
        },
    }
}

fn width(value: Option<&str>) -> Result<Option<usize>, Error> {
    match value {
        None | Some("auto" | "0") => Ok(None),
        Some(text) => match text.parse() {
            Ok(width @ 10..) => Ok(Some(width)),
            _ => Err(Error::statement(format!("`width` cannot be `{text}`"))
                .hint("expected a number of columns, at least 10, or auto for the width of the terminal")),
        },
    }
}

fn delimiter(value: Option<&str>) -> Result<Option<u8>, Error> {
    let byte = match value {
        None | Some("auto") => return Ok(None),
        Some("\\t") => "\t",
        Some(text) => text,
    };
    match byte.as_bytes() {
        [byte] if byte.is_ascii() => Ok(Some(*byte)),
        _ => Err(Error::statement(format!(
            "`delimiter` cannot be `{}`",
            value.unwrap_or_default()
        ))
        .hint("expected one ASCII character")),
    }
}

#[cfg(test)]
pub(super) fn sample() -> Settings {
    Settings {
        format: OutputFormat::Table,
        timing: true,
        footer: true,
        pager: true,
        width: None,
        render: RenderOptions::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_can_be_read_and_set_to_each_of_its_values() {
        let mut settings = sample();
        for (name, values) in NAMES {
            for value in *values {
                settings.set(name, Some(value)).unwrap();
                assert_eq!(settings.get(name), *value, "{name}");
            }
        }
    }

    #[test]
    fn a_switch_without_a_value_is_turned() {
        let mut settings = sample();
        settings.set("expanded", None).unwrap();
        assert_eq!(settings.render.expanded, Expanded::On);
        settings.set("expanded", None).unwrap();
        assert_eq!(settings.render.expanded, Expanded::Nested);
        settings.set("timing", None).unwrap();
        assert!(!settings.timing);
    }

    #[test]
    fn what_does_not_fit_says_what_would() {
        let mut settings = sample();
        let error = settings.set("formt", Some("csv")).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean `format`?"));
        let error = settings.set("format", Some("jsnl")).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean `jsonl`?"));
        for value in ["perhaps", "always"] {
            let error = settings.set("pager", Some(value)).unwrap_err();
            assert_eq!(error.message, format!("`pager` cannot be `{value}`"));
        }
        let error = settings.set("x", Some("sideways")).unwrap_err();
        assert_eq!(
            error.hint.as_deref(),
            Some("expected on, off, auto or never")
        );
        assert!(settings.set("width", Some("3")).is_err());
        assert!(settings.set("delimiter", Some(";;")).is_err());
        assert_eq!(settings, sample());
    }
}
