//! Rows on the terminal: a table fitted to it, or one line per field, through the pager if they exceed the screen.
//!
//! Formats for people are buffered until all rows are there, because the layout depends on all of them, unless it is
//! known in advance what the rows look like; formats for programs are written at once.

use std::io::{self, Write};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use parking_lot::Mutex;

use super::pager::{Paged, Size};
use super::settings::Settings;
use crate::error::{Error, ErrorKind};
use crate::render::{OutputFormat, RenderOptions, Renderer, Summary, renderer};
use crate::session::Sink;
use crate::terminal::output::{note_shortened, output_error};

/// Takes the rows of one statement to the terminal.
pub(super) struct Screen {
    format: OutputFormat,
    options: RenderOptions,
    pager: Option<String>,
    size: Option<Size>,
    /// Show rows in `finish`, so that the statement knows that they were shown.
    is_eager: bool,
    state: State,
}

enum State {
    Idle,
    /// Rows are written at once.
    Streaming(Box<dyn Renderer>, Shared),
    /// Rows are buffered until the last one.
    Holding(SchemaRef, Vec<RecordBatch>),
    /// All rows are here.
    Ready(SchemaRef, Vec<RecordBatch>),
}

impl Screen {
    /// Shows rows as `settings` say. With `whole` nothing is shortened or paged, because a pager may be closed early:
    /// for rows that are shown only once.
    pub(super) fn new(settings: &Settings, pager: Option<String>, whole: bool) -> Self {
        let size = Size::of_terminal();
        let width = settings.width.or(size.map(|size| size.columns));
        Self {
            format: settings.format,
            options: RenderOptions {
                width: width.filter(|_| !whole),
                terminal: true,
                ..settings.render.clone()
            },
            pager: pager.filter(|_| settings.pager && !whole),
            size,
            is_eager: whole,
            state: State::Idle,
        }
    }

    /// Shows the rows of a statement that has ended. The time that a person spends in the pager does not count as the
    /// statement's.
    ///
    /// Fails if they cannot be written.
    pub(super) fn present(&mut self) -> Result<(), Error> {
        let State::Ready(schema, batches) = std::mem::replace(&mut self.state, State::Idle) else {
            return Ok(());
        };
        let (text, summary) = self.layout(&schema, &batches)?;
        show(&text, &self.paged())?;
        note_shortened(&summary);
        Ok(())
    }

    fn paged(&self) -> Shared {
        let paged = Paged::new(self.size, self.pager.clone());
        Shared(Arc::new(Mutex::new(paged)))
    }

    /// Shows results that are at hand, one below the other.
    ///
    /// Fails if they cannot be written.
    pub(super) fn show_all(&self, results: &[RecordBatch]) -> Result<(), Error> {
        let mut all = Vec::new();
        let mut told = Summary::default();
        for rows in results {
            let (text, summary) = self.layout(&rows.schema(), std::slice::from_ref(rows))?;
            all.extend(text);
            told.cut.extend(summary.cut);
            told.dropped.extend(summary.dropped);
        }
        show(&all, &self.paged())?;
        note_shortened(&told);
        Ok(())
    }

    /// Returns the text of the rows, and what of them it does not show whole.
    fn layout(
        &self,
        schema: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<(Vec<u8>, Summary), Error> {
        let render =
            |format| rendered(format, &self.options, schema, batches).map_err(output_error);
        let format = self.wanted();
        let (text, summary) = render(format)?;
        match self.is_turned(format, &text) {
            true => render(OutputFormat::Line),
            false => Ok((text, summary)),
        }
    }

    /// Returns the format that was asked for; bytes that are no text are not for a terminal.
    fn wanted(&self) -> OutputFormat {
        match self.format {
            format if format.is_binary() => OutputFormat::Table,
            format => format,
        }
    }

    /// Returns true if `text` in `format` is better shown with a line for each field: nothing is cut here, and a table that
    /// the terminal wraps cannot be read.
    fn is_turned(&self, format: OutputFormat, text: &[u8]) -> bool {
        format == OutputFormat::Table && self.is_eager && self.wraps(text)
    }

    /// Returns true if a table is wider than the terminal; all its lines are equally wide.
    fn wraps(&self, table: &[u8]) -> bool {
        let rule = table
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        let width = String::from_utf8_lossy(rule).chars().count();
        self.size.is_some_and(|size| width > size.columns)
    }
}

fn rendered(
    format: OutputFormat,
    options: &RenderOptions,
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<(Vec<u8>, Summary), crate::render::Error> {
    let mut text = Vec::new();
    let mut renderer = renderer(format, options, Box::new(&mut text));
    renderer.begin(schema)?;
    for batch in batches {
        renderer.batch(batch)?;
    }
    let summary = renderer.finish()?;
    drop(renderer);
    Ok((text, summary))
}

#[async_trait]
impl Sink for Screen {
    async fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        if self.format.is_binary() {
            let error = Error::usage(format!("{} cannot be shown on a terminal", self.format));
            return Err(
                error.hint("\\o FILE writes rows to a file, and \\format table shows them here")
            );
        }
        if !self.format.is_streaming() {
            self.state = State::Holding(Arc::clone(schema), Vec::new());
            return Ok(());
        }
        let paged = self.paged();
        let mut renderer = renderer(self.format, &self.options, Box::new(paged.clone()));
        renderer.begin(schema).map_err(output_error)?;
        self.state = State::Streaming(renderer, paged);
        Ok(())
    }

    async fn expect(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        let State::Holding(schema, _) = &self.state else {
            return Ok(());
        };
        let schema = Arc::clone(schema);
        let wanted = self.wanted();
        let sample = rendered(wanted, &self.options, &schema, std::slice::from_ref(rows));
        let (text, _) = sample.map_err(output_error)?;
        let format = match self.is_turned(wanted, &text) {
            true => OutputFormat::Line,
            false => wanted,
        };
        let paged = self.paged();
        let mut renderer = renderer(format, &self.options, Box::new(paged.clone()));
        let begun = renderer.begin(&schema);
        begun
            .and_then(|()| renderer.expect(rows))
            .map_err(output_error)?;
        self.state = State::Streaming(renderer, paged);
        Ok(())
    }

    async fn rows(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        match &mut self.state {
            State::Idle | State::Ready(..) => {
                Err(Error::statement("rows came before their columns"))
            }
            State::Streaming(renderer, _) => renderer.batch(batch).map_err(output_error),
            State::Holding(_, batches) => {
                batches.push(batch.clone());
                Ok(())
            }
        }
    }

    async fn flush(&mut self) -> Result<(), Error> {
        match &mut self.state {
            State::Streaming(renderer, _) => renderer.flush().map_err(output_error),
            _ => Ok(()),
        }
    }

    async fn finish(&mut self) -> Result<(), Error> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle | State::Ready(..) => Ok(()),
            State::Streaming(mut renderer, paged) => {
                renderer.finish().map_err(output_error)?;
                paged.0.lock().finish().map_err(write_error)
            }
            State::Holding(schema, batches) => {
                self.state = State::Ready(schema, batches);
                match self.is_eager {
                    true => self.present(),
                    false => Ok(()),
                }
            }
        }
    }

    fn is_streaming(&self) -> bool {
        matches!(self.state, State::Streaming(..)) || self.format.is_streaming()
    }

    fn keeps(&self) -> bool {
        // A terminal keeps nothing once its window is closed.
        false
    }
}

/// Shows `text` that is not a result, through the pager if it exceeds the screen.
pub(super) fn show_text(text: &str, pager: Option<String>) -> Result<(), Error> {
    let paged = Paged::new(Size::of_terminal(), pager);
    show(text.as_bytes(), &Shared(Arc::new(Mutex::new(paged))))
}

fn show(text: &[u8], paged: &Shared) -> Result<(), Error> {
    let mut paged = paged.0.lock();
    let written = paged.write_all(text);
    // Waits for the pager even if it was closed early.
    paged.finish().and(written).map_err(write_error)
}

fn write_error(error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::BrokenPipe => ErrorKind::BrokenPipe,
        _ => ErrorKind::Io,
    };
    Error::new(kind, "the rows cannot be shown")
        .caused_by(error)
        .hint("\\pset pager off shows rows without a pager")
}

/// A [`Paged`] that its renderer writes to and that is finished here.
#[derive(Clone)]
struct Shared(Arc<Mutex<Paged>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings;
    use super::*;
    use crate::render::Expanded;
    use datafusion::arrow::array::{ArrayRef, StringArray};

    fn screen(expanded: Expanded, width: usize) -> Screen {
        let mut settings = Settings {
            width: Some(width),
            ..settings::sample()
        };
        settings.render.expanded = expanded;
        Screen::new(&settings, None, false)
    }

    fn shown(screen: &Screen) -> String {
        let text: ArrayRef = Arc::new(StringArray::from(vec!["a value of thirty-one characters"]));
        let batch =
            RecordBatch::try_from_iter([("id", Arc::clone(&text)), ("name", text)]).unwrap();
        let text = screen.layout(&batch.schema(), &[batch]).unwrap().0;
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn auto_turns_a_table_that_does_not_fit() {
        assert!(shown(&screen(Expanded::Auto, 100)).starts_with('┌'));
        assert!(shown(&screen(Expanded::Auto, 40)).contains("RECORD 1"));
        assert!(shown(&screen(Expanded::Nested, 40)).starts_with('┌'));
        assert!(shown(&screen(Expanded::On, 100)).contains("RECORD 1"));
    }

    #[test]
    fn a_table_that_may_not_be_cut_is_turned_rather_than_wrapped() {
        let mut screen = Screen::new(&settings::sample(), None, true);
        for (columns, expected) in [(60, "-["), (100, "┌")] {
            screen.size = Some(Size { columns, rows: 24 });
            assert!(shown(&screen).starts_with(expected), "{columns}");
        }
    }

    #[test]
    fn what_is_shown_only_once_is_neither_cut_nor_paged() {
        let screen = Screen::new(&settings::sample(), Some("less".to_owned()), true);
        assert_eq!(screen.options.width, None);
        assert_eq!(screen.pager, None);
    }
}
