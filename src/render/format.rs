//! The nine formats and the names they go by, and a tenth for StackQL.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use clap::ValueEnum;

use super::error::Error;

/// The format of a result.
///
/// Each goes by its own name and by its names in psql, DuckDB and StackQL, in upper or lower case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, ValueEnum)]
pub enum OutputFormat {
    /// Box with aligned columns, fitted to the terminal
    #[default]
    #[value(aliases = ["aligned", "box", "duckbox"])]
    Table,
    /// Pipe table as GitHub reads it
    #[value(alias = "md")]
    Markdown,
    /// One `name | value` line per field
    #[value(aliases = ["expanded", "vertical"])]
    Line,
    /// One array of objects
    Json,
    /// One object per line
    #[value(aliases = ["ndjson", "jsonlines", "json-lines"])]
    Jsonl,
    /// Comma-separated values, RFC 4180
    Csv,
    /// Tab-separated values, escaped as in PostgreSQL's COPY
    #[value(aliases = ["tabs", "tab"])]
    Tsv,
    /// Parquet file with types, for programs
    #[value(alias = "pq")]
    Parquet,
    /// Arrow IPC stream, for programs
    #[value(alias = "ipc")]
    Arrow,
    /// Values as they are, which StackQL has for statements to edit; not for programs
    #[value(alias = "pptext", hide = true)]
    Text,
}

impl OutputFormat {
    /// Returns true if rows are written as they arrive, so that each can be flushed as soon as it exists.
    ///
    /// That includes json, although its output is not a complete document before the end.
    pub fn is_streaming(self) -> bool {
        match self {
            Self::Json | Self::Jsonl | Self::Csv | Self::Tsv | Self::Arrow | Self::Text => true,
            Self::Table | Self::Markdown | Self::Line | Self::Parquet => false,
        }
    }

    /// Returns the format's own name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Markdown => "markdown",
            Self::Line => "line",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::Text => "text",
        }
    }

    /// Returns true if its bytes are no text, and one result is all that a file can hold.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }

    /// Returns true if its fields are put apart by a character that can be chosen.
    pub(crate) fn takes_delimiter(self) -> bool {
        matches!(self, Self::Csv | Self::Tsv)
    }

    /// Returns the format that the extension of `path` names.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_lowercase();
        Some(match extension.as_str() {
            "md" | "markdown" => Self::Markdown,
            "json" => Self::Json,
            "jsonl" | "ndjson" => Self::Jsonl,
            "csv" => Self::Csv,
            "tsv" | "tab" => Self::Tsv,
            "parquet" => Self::Parquet,
            "arrow" | "arrows" => Self::Arrow,
            _ => return None,
        })
    }

    /// Returns the names of all formats, for a message.
    pub(crate) fn names() -> String {
        let names: Vec<_> = Self::value_variants()
            .iter()
            .filter(|format| **format != Self::Text)
            .map(|format| format.name())
            .collect();
        names.join(", ")
    }

    /// Returns the format whose name is most similar to what was typed, if any is similar.
    pub(crate) fn nearest(typed: &str) -> Option<Self> {
        let typed = typed.to_lowercase();
        let likeness = |format: &Self| strsim::jaro_winkler(&typed, format.name());
        let best = Self::value_variants()
            .iter()
            .copied()
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
        (likeness(&best) > 0.75).then_some(best)
    }
}

impl fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for OutputFormat {
    type Err = Error;

    // Uses clap, so that the flag and the shell's `\format` accept the same names.
    fn from_str(name: &str) -> Result<Self, Error> {
        <Self as ValueEnum>::from_str(name.trim(), true).map_err(|_| Error::Format {
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_answers_to_its_own_name_in_any_case() {
        for format in OutputFormat::value_variants() {
            assert_eq!(format.name().parse::<OutputFormat>().unwrap(), *format);
            assert_eq!(
                format
                    .name()
                    .to_uppercase()
                    .parse::<OutputFormat>()
                    .unwrap(),
                *format
            );
            assert_eq!(
                format.to_possible_value().unwrap().get_name(),
                format.name()
            );
        }
    }

    #[test]
    fn names_from_other_tools_are_known() {
        for (name, format) in [
            ("ndjson", OutputFormat::Jsonl),
            ("vertical", OutputFormat::Line),
            ("expanded", OutputFormat::Line),
            ("md", OutputFormat::Markdown),
            ("aligned", OutputFormat::Table),
            ("tabs", OutputFormat::Tsv),
            ("pptext", OutputFormat::Text),
        ] {
            assert_eq!(name.parse::<OutputFormat>().unwrap(), format, "{name}");
        }
    }

    #[test]
    fn files_have_the_format_of_their_extension() {
        for (path, format) in [
            ("a/b.csv", Some(OutputFormat::Csv)),
            ("keys.JSONL", Some(OutputFormat::Jsonl)),
            ("keys.csv.gz", None),
            ("csv", None),
        ] {
            assert_eq!(OutputFormat::of_path(Path::new(path)), format, "{path}");
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones_and_suggests_the_nearest() {
        let error = "jsnl".parse::<OutputFormat>().unwrap_err();
        insta::assert_snapshot!(error, @"there is no output format `jsnl`; expected one of table, markdown, line, json, jsonl, csv, tsv, parquet, arrow");
        assert_eq!(error.hint().as_deref(), Some("did you mean `jsonl`?"));
        assert_eq!("xlsx".parse::<OutputFormat>().unwrap_err().hint(), None);
    }
}
