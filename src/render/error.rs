//! What can go wrong between a batch and the writer.

use std::io;

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use super::escape::escape_controls;
use super::format::OutputFormat;

/// Why a result could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The writer refused; see [`Error::is_broken_pipe`].
    #[error("cannot write the result")]
    Io(#[from] io::Error),

    /// Arrow cannot format a value.
    #[error("cannot turn the result into text")]
    Arrow(#[from] ArrowError),

    /// The delimiter would make the output impossible to read back.
    #[error("`{}` cannot separate the fields of {format}", char::from(*.delimiter).escape_default())]
    Delimiter {
        /// The format that was asked for.
        format: OutputFormat,
        /// The byte that was asked for.
        delimiter: u8,
    },

    /// There is no format of that name.
    #[error("there is no output format `{}`; expected one of {}", escape_controls(.name), OutputFormat::names())]
    Format {
        /// The name as typed.
        name: String,
    },
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

impl Error {
    /// Returns true if the reader has closed the pipe, which is not a failure unless something would be lost.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io(cause) if cause.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Returns the next step to suggest, if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Delimiter { .. } => Some("use one of `,` `;` `|` or a tab".to_owned()),
            Self::Format { name } => {
                OutputFormat::nearest(name).map(|format| format!("did you mean `{format}`?"))
            }
            Self::Io(_) | Self::Arrow(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_reader_that_went_away_is_a_broken_pipe() {
        assert!(Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).is_broken_pipe());
        assert!(!Error::from(io::Error::from(io::ErrorKind::StorageFull)).is_broken_pipe());
    }

    #[test]
    fn a_delimiter_is_shown_even_if_it_cannot_be_printed() {
        let error = Error::Delimiter {
            format: OutputFormat::Csv,
            delimiter: b'\n',
        };
        assert_eq!(error.to_string(), r"`\n` cannot separate the fields of csv");
        assert!(error.hint().is_some());
    }
}
