//! Runs one statement: rows go to the current output, the summary to stderr.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::command::Command;
use super::describe::Grid;
use super::input::{Input, Step};
use super::paths::expand_home;
use super::screen::Screen;
use super::settings::{Expanded, Settings};
use super::state::Shell;
use super::variables;
use crate::api::Traffic;
use crate::error::{Error, ErrorKind};
use crate::render::{OutputFormat, RenderOptions};
use crate::session::{Done, Interrupt, Report, Sink};
use crate::sql::operation::Operation;
use crate::sql::split::Piece;
use crate::terminal::Progress;
use crate::terminal::notes;
use crate::terminal::open::OpenSession;
use crate::terminal::output::Output;

/// What to do after a step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// The next one.
    GoOn,
    /// Edit this text.
    Edit(String),
    /// Nothing.
    Leave,
}

/// Settings that apply to one run only.
#[derive(Debug, Default)]
struct Overrides {
    file: Option<String>,
    expanded: bool,
    no_pager: bool,
}

impl Shell {
    /// Does one step.
    pub(super) async fn step(&mut self, step: Step, input: &mut Input) -> Result<Flow, Error> {
        match step {
            Step::Statement(piece) => self.run(&piece, &Overrides::default()).await?,
            Step::Invalid(error) => return Err(error),
            Step::Remind(of) if self.nested == 0 => notes::if_terminal(of),
            Step::Remind(_) => {}
            Step::Command(Command::Go { file, expanded }, piece) => {
                let piece = self.this_or_last(piece)?;
                let once = Overrides {
                    file,
                    expanded,
                    no_pager: false,
                };
                self.run(&piece, &once).await?;
            }
            Step::Command(Command::Watch(every), piece) => {
                let piece = self.this_or_last(piece)?;
                self.watch(&piece, every).await?;
            }
            Step::Command(Command::Edit, piece) => {
                let piece = piece.or_else(|| self.last.clone());
                return Ok(Flow::Edit(piece.map_or_else(String::new, |piece| {
                    let end = if piece.terminated { ";" } else { "" };
                    format!("{}{end}\n", piece.text)
                })));
            }
            Step::Command(command, _) => return self.act(command, input).await,
        }
        Ok(Flow::GoOn)
    }

    fn this_or_last(&self, piece: Option<Piece>) -> Result<Piece, Error> {
        piece.or_else(|| self.last.clone()).ok_or_else(|| {
            Error::statement("there is no statement to run")
                .hint("type one before the command: SELECT 1 \\g")
        })
    }

    /// Runs `piece` again and again, until Ctrl-C.
    async fn watch(&mut self, piece: &Piece, every: Duration) -> Result<(), Error> {
        if creates_keys(piece) {
            return Err(
                Error::statement("\\watch would create keys again and again")
                    .hint("run the INSERT once; \\watch is for statements that read"),
            );
        }
        let once = Overrides {
            no_pager: true,
            ..Overrides::default()
        };
        loop {
            notes::if_terminal(&format!(
                "{}, every {} s, until Ctrl-C",
                chrono::Local::now().format("%Y-%m-%d %H:%M:%S"),
                every.as_secs_f64()
            ));
            match self.run(piece, &once).await {
                Err(error) if error.kind == ErrorKind::Interrupted => return Ok(()),
                outcome => outcome?,
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = self.interrupt.raised() => return Ok(()),
            }
        }
    }

    async fn run(&mut self, piece: &Piece, once: &Overrides) -> Result<(), Error> {
        self.last = Some(piece.clone());
        let text = variables::expand(&piece.text, &self.variables);
        let piece = Piece::new(text).at_line(if self.nested > 0 { piece.line } else { 1 });
        let traffic = Arc::new(Traffic::default());
        let mut output = self.output.take();
        let outcome = self.run_into(&mut output, &piece, once, &traffic).await;
        self.output = output;
        let report = outcome.map_err(|error| stopped(error, &traffic))?;
        for warning in &report.warnings {
            notes::warn(&warning.to_string());
        }
        if self.settings.footer {
            notes::if_terminal(&notes::summary(&report, self.settings.timing));
        }
        if matches!(report.done, Done::Ok | Done::Note(_)) {
            self.refresh_catalog().await;
        }
        Ok(())
    }

    /// Runs `piece`; its rows go to `output` if that is set.
    async fn run_into(
        &self,
        output: &mut Option<Output>,
        piece: &Piece,
        once: &Overrides,
        traffic: &Arc<Traffic>,
    ) -> Result<Report, Error> {
        let mut target = self.target(output, once, creates_keys(piece))?;
        let progress = Progress::of(traffic);
        let OpenSession {
            session, params, ..
        } = &self.opened;
        let (traffic, sink) = (Arc::clone(traffic), target.sink());
        let report = session
            .run(piece, params, traffic, sink, &self.interrupt)
            .await;
        drop(progress);
        match report {
            Ok(report) => target.present().map(|()| report),
            Err(mut error) => {
                error.notes.extend(target.unfinished());
                Err(error)
            }
        }
    }

    /// Shows rows that do not come from a statement.
    pub(super) async fn show(&mut self, grids: &[Grid]) -> Result<(), Error> {
        let results = grids
            .iter()
            .map(Grid::batch)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Error::statement("the answer cannot be shown").caused_by(error))?;
        let Some(output) = &mut self.output else {
            let screen = Screen::new(&self.settings, self.pager.clone(), false);
            return screen.show_all(&results);
        };
        output.reform(format_of(&self.settings), &self.settings.render);
        for rows in &results {
            output.begin(&rows.schema()).await?;
            output.rows(rows).await?;
            output.finish().await?;
        }
        output.commit()
    }

    /// Returns where rows go. With `whole` they are neither shortened nor paged: the secrets of new keys are shown only
    /// once, and a pager may be closed early.
    fn target<'o>(
        &self,
        output: &'o mut Option<Output>,
        once: &Overrides,
        whole: bool,
    ) -> Result<Target<'o>, Error> {
        let mut settings = self.settings.clone();
        if once.expanded {
            settings.format = OutputFormat::Line;
        }
        if let Some(file) = &once.file {
            return Ok(Target::File(open(
                &settings,
                &expand_home(file),
                &self.interrupt,
            )?));
        }
        Ok(match output {
            Some(output) => {
                let render = RenderOptions {
                    width: settings.render.width.filter(|_| !whole),
                    ..settings.render.clone()
                };
                output.reform(format_of(&settings), &render);
                Target::Output(output)
            }
            None => {
                let pager = self.pager.clone().filter(|_| !once.no_pager);
                Target::Screen(Screen::new(&settings, pager, whole))
            }
        })
    }

    /// Sends rows to `file` from now on.
    pub(super) fn open_output(&mut self, file: &str) -> Result<(), Error> {
        self.output = Some(open(&self.settings, &expand_home(file), &self.interrupt)?);
        Ok(())
    }
}

fn open(settings: &Settings, path: &Path, interrupt: &Interrupt) -> Result<Output, Error> {
    let format = format_of(settings);
    Output::open(format, settings.render.clone(), Some(path), interrupt).map_err(|error| Error {
        kind: ErrorKind::Io,
        ..error
    })
}

/// Returns the format of rows that go to a file or a pipe, which have no width to fit.
fn format_of(settings: &Settings) -> OutputFormat {
    match (settings.format, settings.expanded) {
        (OutputFormat::Table, Expanded::On) => OutputFormat::Line,
        (format, _) => format,
    }
}

fn creates_keys(piece: &Piece) -> bool {
    Operation::read(piece).is_ok_and(|operation| operation.creates_keys())
}

/// Adds the number of requests so far to an interruption.
fn stopped(error: Error, traffic: &Traffic) -> Error {
    if error.kind != ErrorKind::Interrupted {
        return error;
    }
    let figures = traffic.figures();
    let message = match figures.requests {
        0 => error.message.clone(),
        1 => format!("{} after 1 request", error.message),
        n => format!("{} after {n} requests", error.message),
    };
    Error { message, ..error }
}

/// Where the rows of a statement go.
enum Target<'o> {
    Screen(Screen),
    /// Where `\o` says.
    Output(&'o mut Output),
    /// A file for this statement alone.
    File(Output),
}

impl Target<'_> {
    fn sink(&mut self) -> &mut dyn Sink {
        match self {
            Self::Screen(screen) => screen,
            Self::Output(output) => *output,
            Self::File(output) => output,
        }
    }

    /// Shows the rows that the screen has buffered, or puts those of a file in their place.
    fn present(&mut self) -> Result<(), Error> {
        match self {
            Self::Screen(screen) => screen.present(),
            Self::Output(output) => output.commit(),
            Self::File(output) => output.commit(),
        }
    }

    /// Returns what to tell of rows that did not get to their place.
    fn unfinished(&self) -> Option<String> {
        match self {
            Self::Screen(_) => None,
            Self::Output(output) => output.unfinished(),
            Self::File(output) => output.unfinished(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_insert_creates_keys() {
        let creates_keys = |text| super::creates_keys(&Piece::new(text));
        assert!(creates_keys(
            "EXEC confluent.iam.api_keys.create_iam_v2api_key @@json = '{\"spec\":{\"owner\":{\"id\":\"u-1\"}}}'"
        ));
        assert!(creates_keys(
            "INSERT INTO api_keys (spec.owner.id) VALUES ('u-1')"
        ));
        for text in [
            "SELECT 1",
            "DELETE FROM api_keys WHERE id = 'a'",
            "nonsense",
        ] {
            assert!(!creates_keys(text), "{text}");
        }
    }

    #[test]
    fn an_interruption_says_how_far_it_came() {
        let error = stopped(Error::interrupted(), &Traffic::default());
        assert_eq!(error.message, "interrupted");
        let error = stopped(Error::statement("no"), &Traffic::default());
        assert_eq!(error.message, "no");
    }
}
