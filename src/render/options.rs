//! How results are to look.

use datafusion::arrow::util::display::{DurationFormat, FormatOptions};

/// How Arrow's formatter is used throughout this room: a value that it cannot format is shown as the error message, and
/// the time between two timestamps in days and hours, as intervals are.
pub(super) const ARROW_FORMAT: FormatOptions<'static> = FormatOptions::new()
    .with_display_error(true)
    .with_duration_format(DurationFormat::Pretty);

/// Whether a table gives way to records, with one line per field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expanded {
    /// Always.
    On,
    /// If a column would be cut or left out.
    Auto,
    /// If a column of objects would be cut or left out: a part of an object tells nothing.
    #[default]
    Nested,
    /// Not even then.
    Never,
}

/// How a result is to look. A format ignores the options that it has no use for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderOptions {
    /// Write the column names: the header line of table, csv and tsv, the header cells of markdown (whose header line
    /// stays, with empty cells, because it makes the table one) and the `-[ RECORD 1 ]-` lines of line.
    pub header: bool,
    /// Text shown for NULL in table, markdown and line; `NULL` unless set.
    pub null: Option<String>,
    /// Terminal columns that a table should fit into; None is no limit.
    ///
    /// Lines of the line format are wrapped to it. Fitting shortens cells of a table, but never in a column called `secret`, or in a struct whose `secret` is not NULL; such a
    /// table may be wider than asked.
    pub width: Option<usize>,
    /// Whether a table gives way to records; [`Expanded::Auto`] and [`Expanded::Nested`] need a width.
    pub expanded: Expanded,
    /// Dim NULL with terminal escapes, in table and line.
    pub color: bool,
    /// Separator between the fields of csv and tsv, one ASCII character; a comma and a tab unless set.
    pub delimiter: Option<u8>,
    /// In csv and tsv, write a single quote before text that a spreadsheet would take for a formula: text that begins
    /// with `=`, `+`, `-`, `@`, TAB or CR. This changes the value, so it is off by default.
    pub csv_guard: bool,
    /// The writer is a terminal, so csv and tsv show control characters as escapes too. The other formats always do.
    pub terminal: bool,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self {
            header: true,
            null: None,
            width: None,
            expanded: Expanded::default(),
            color: false,
            delimiter: None,
            csv_guard: false,
            terminal: false,
        }
    }
}

impl RenderOptions {
    /// Returns the text shown for NULL in the formats for people.
    pub(crate) fn null_text(&self) -> &str {
        self.null.as_deref().unwrap_or("NULL")
    }

    /// Returns what comes before and after dimmed text: nothing without colours.
    pub(super) fn dim(&self) -> [&'static str; 2] {
        if self.color {
            ["\x1b[2m", "\x1b[0m"]
        } else {
            [""; 2]
        }
    }
}
