//! Runs one statement: rows go to the current output, the summary to stderr.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};

use super::buffered_rows::{BufferedRows, Keeping, LAST_RESULT, Seen, texts};
use super::command::{Command, Copy, Destination, Watch};
use super::crosstab::crosstab;
use super::describe::Grid;
use super::input::{Input, Step};
use super::lex::lex;
use super::pager::Size;
use super::row_target::RowTarget;
use super::screen::Screen;
use super::sources::{Part, parts, sources, unquoted};
use super::state::Shell;
use super::variables;
use crate::api::Traffic;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, counted};
use crate::render::{Expanded, OutputFormat, RenderOptions};
use crate::session::{Report, Sink};
use crate::sql::operation::Operation;
use crate::sql::split::Piece;
use crate::terminal::Progress;
use crate::terminal::notes;
use crate::terminal::open::OpenSession;

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

/// What applies to one run only.
#[derive(Debug, Default)]
struct Overrides {
    to: Option<Destination>,
    format: Option<OutputFormat>,
    expanded: bool,
}

/// Why the rows of a statement that creates keys are not the last result.
const HELD_SECRETS: &str = "the last result held secrets, which are not kept";

/// Why a very large result is not the last result.
const TOO_LARGE: &str = "the last result was too large to be kept";

impl Shell {
    /// Does one step.
    pub(super) async fn step(&mut self, step: Step, input: &mut Input) -> Result<Flow, Error> {
        if let Step::Command(Command::Branch(branch), _) = &step {
            let text = self
                .conditions
                .go_on(branch, input.text(), &self.variables)?;
            if text != input.text() {
                input.replace(&text);
            }
            return Ok(Flow::GoOn);
        }
        if !self.conditions.is_active() {
            return Ok(Flow::GoOn);
        }
        match step {
            Step::Statement(piece) => self.run(&piece, &Overrides::default()).await?,
            Step::Invalid(error) => return Err(error),
            Step::Remind(of) if self.nested == 0 => notes::if_terminal(of),
            Step::Remind(_) => {}
            Step::Command(Command::Go { to, expanded }, piece) => {
                let piece = self.this_or_last(piece)?;
                let once = Overrides {
                    to,
                    expanded,
                    ..Overrides::default()
                };
                self.run(&piece, &once).await?;
            }
            Step::Command(Command::Gset(prefix), piece) => {
                let piece = self.this_or_last(piece)?;
                self.set_from_row(&piece, &prefix).await?;
            }
            Step::Command(Command::Crosstab(columns), piece) => {
                let piece = self.this_or_last(piece)?;
                let (rows, report) = self.rows_of(&piece, "\\crosstabview").await?;
                let grid = crosstab(&rows, &columns)?;
                self.show_rows(&[grid]).await?;
                self.report(&report).await;
            }
            Step::Command(Command::Watch(watch), piece) => {
                let piece = self.this_or_last(piece)?;
                self.watch(&piece, &watch).await?;
            }
            Step::Command(Command::Copy(copy), _) => self.copy(copy).await?,
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

    /// Runs `piece` again and again, until Ctrl-C or as often as `watch` says.
    async fn watch(&mut self, piece: &Piece, watch: &Watch) -> Result<(), Error> {
        if creates_keys(piece, self.opened.session.dialect()) {
            return Err(Error::statement("\\watch would create keys over and over")
                .hint("run the INSERT once; \\watch is for statements that read"));
        }
        let mut seen = Seen::default();
        let every = watch.every;
        let mut left = watch.count;
        loop {
            notes::if_terminal(&format!(
                "{}, every {} s{}",
                chrono::Local::now().format("%Y-%m-%d %H:%M:%S"),
                every.as_secs_f64(),
                if left.is_none() { ", until Ctrl-C" } else { "" }
            ));
            let (rows, report) = match self.rows_of(piece, "\\watch").await {
                Err(error) if error.kind == ErrorKind::Interrupted => return Ok(()),
                outcome => outcome?,
            };
            if rows.num_columns() > 0 {
                let rows = match self.settings.format.is_streaming() {
                    true => rows,
                    false => seen.mark(&rows)?,
                };
                let pager = self.pager.take();
                let shown = self.show_rows(&[rows]).await;
                self.pager = pager;
                shown?;
            }
            self.report(&report).await;
            if let Some(left) = &mut left {
                *left -= 1;
                if *left == 0 {
                    return Ok(());
                }
            }
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                () = self.interrupt.raised() => return Ok(()),
            }
        }
    }

    /// Sets variables to the values of the one row of `piece`; a NULL unsets one.
    async fn set_from_row(&mut self, piece: &Piece, prefix: &str) -> Result<(), Error> {
        let (rows, report) = self.rows_of(piece, "\\gset").await?;
        // What the statement has done is told, whatever becomes of its row.
        let variables = as_variables(&rows, prefix);
        self.report(&report).await;
        for (name, value) in variables? {
            match value {
                Some(value) => self.set_variable(name, value)?,
                None => {
                    self.variables.remove(&name);
                }
            }
        }
        Ok(())
    }

    /// Writes the rows of a query to a file, a program or stdout.
    async fn copy(&mut self, copy: Copy) -> Result<(), Error> {
        let format = match (&copy.format, &copy.to) {
            (Some(name), _) => super::settings::format(name)?,
            (None, Destination::File(file)) => {
                OutputFormat::of_path(Path::new(file)).unwrap_or(OutputFormat::Csv)
            }
            (None, _) => OutputFormat::Csv,
        };
        let once = Overrides {
            to: Some(copy.to),
            format: Some(format),
            expanded: false,
        };
        let piece = Piece::new(copy.query);
        let text = variables::expand(&piece.text, &self.variables);
        let read = Operation::read(&Piece::new(text), self.opened.session.dialect());
        // What cannot be read says why when it is run.
        if read.is_ok_and(|operation| !operation.is_query()) {
            return Err(Error::statement(
                "`\\copy` writes the rows of a query, and this is not a query",
            )
            .hint(
                "run the statement alone; RETURNING gives rows, and \\g FILE writes them to a file",
            ));
        }
        self.run(&piece, &once).await
    }

    /// Returns `piece` with its variables replaced, after a check of what it asks for.
    fn prepared(&mut self, piece: &Piece) -> Result<Piece, Error> {
        self.last = Some(piece.clone());
        let text = variables::expand(&piece.text, &self.variables);
        if writes_last_result(&text) {
            return Err(Error::statement(format!(
                "`{LAST_RESULT}` is the last result, and cannot be changed, created or dropped"
            ))
            .hint(format!(
                "keep it under another name: CREATE TABLE kept AS SELECT * FROM {LAST_RESULT}"
            )));
        }
        if let Some(reason) = self.no_result
            && names_last_result(&text)
        {
            return Err(
                Error::statement(format!("there is no table `{LAST_RESULT}`: {reason}"))
                    .hint("run a SELECT first"),
            );
        }
        Ok(Piece::new(text).at_line(if self.nested > 0 { piece.line } else { 1 }))
    }

    /// Runs `piece` and returns its rows, for the command `what`.
    async fn rows_of(&mut self, piece: &Piece, what: &str) -> Result<(RecordBatch, Report), Error> {
        if creates_keys(piece, self.opened.session.dialect()) {
            return Err(Error::statement(format!(
                "{what} only runs statements that read, and this one creates keys"
            ))
            .hint("run the INSERT alone: its secrets are shown once"));
        }
        let piece = self.prepared(piece)?;
        let traffic = Arc::new(Traffic::default());
        let mut memory = BufferedRows::default();
        let progress = Progress::of(&traffic);
        let OpenSession {
            session, params, ..
        } = &self.opened;
        let report = session
            .run(
                &piece,
                params,
                Arc::clone(&traffic),
                &mut memory,
                &self.interrupt,
            )
            .await
            .map_err(|error| stopped(error, &traffic))?;
        drop(progress);
        let rows = match memory.has_result() {
            true => memory.into_batch()?,
            false => RecordBatch::new_empty(Arc::new(Schema::empty())),
        };
        if rows.num_columns() > 0 {
            self.keep(rows.schema(), vec![rows.clone()])?;
        }
        Ok((rows, report))
    }

    async fn run(&mut self, piece: &Piece, once: &Overrides) -> Result<(), Error> {
        let piece = self.prepared(piece)?;
        let creates = creates_keys(&piece, self.opened.session.dialect());
        let traffic = Arc::new(Traffic::default());
        let mut memory = BufferedRows::default();
        let mut output = self.output.take();
        let to = once.to.clone().or_else(|| self.once.take());
        let outcome = match self.target(&mut output, to.as_ref(), once, creates) {
            Ok(target) => {
                let memory = (!creates).then_some(&mut memory);
                self.run_into(target, memory, &piece, &traffic).await
            }
            Err(error) => Err(error),
        };
        self.output = output;
        let Some(report) = outcome.map_err(|error| stopped(error, &traffic))? else {
            return Ok(());
        };
        if creates {
            self.opened.session.remove_table(LAST_RESULT);
            self.no_result = Some(HELD_SECRETS);
        } else if memory.is_too_large() {
            self.opened.session.remove_table(LAST_RESULT);
            self.no_result = Some(TOO_LARGE);
        } else if let Some((schema, rows)) = memory.into_result() {
            self.keep(schema, rows)?;
        }
        self.report(&report).await;
        Ok(())
    }

    /// Makes rows the last result.
    fn keep(&mut self, schema: SchemaRef, rows: Vec<RecordBatch>) -> Result<(), Error> {
        let catalog = Arc::make_mut(&mut self.catalog);
        rows.iter().for_each(|batch| catalog.values.note(batch));
        self.opened.session.set_table(LAST_RESULT, &schema, rows)?;
        self.no_result = None;
        Ok(())
    }

    /// Says what a statement did.
    async fn report(&mut self, report: &Report) {
        for warning in &report.warnings {
            notes::warn(&warning.to_string());
        }
        if self.settings.footer {
            notes::done(report, self.settings.timing);
        }
        // There may be another table, or other columns in the last result.
        self.refresh_catalog().await;
    }

    /// Runs `piece`, whose rows go to `target` and into `memory`. None if a program read no more of them.
    async fn run_into(
        &self,
        mut target: Target<'_>,
        memory: Option<&mut BufferedRows>,
        piece: &Piece,
        traffic: &Arc<Traffic>,
    ) -> Result<Option<Report>, Error> {
        let progress = Progress::of(traffic);
        let OpenSession {
            session, params, ..
        } = &self.opened;
        let traffic = Arc::clone(traffic);
        let is_read_to_the_end = !target.is_program();
        let sink = target.sink()?;
        let outcome = match memory {
            Some(memory) => {
                let mut sink = Keeping { to: sink, memory };
                session
                    .run(piece, params, traffic, &mut sink, &self.interrupt)
                    .await
            }
            None => {
                session
                    .run(piece, params, traffic, sink, &self.interrupt)
                    .await
            }
        };
        drop(progress);
        match outcome {
            Ok(report) => target.present().map(|()| Some(report)),
            Err(error) if error.kind == ErrorKind::BrokenPipe && !is_read_to_the_end => Ok(None),
            Err(mut error) => {
                error.notes.extend(target.unfinished());
                Err(error)
            }
        }
    }

    /// Shows rows that do not come from a statement.
    pub(super) async fn show(&mut self, grids: &[Grid]) -> Result<(), Error> {
        let is_table = self.settings.format == OutputFormat::Table
            && self.settings.render.expanded != Expanded::On;
        let terminal = || Size::of_terminal().map(|size| size.columns);
        let width = self.settings.width.or_else(terminal);
        let width = width.filter(|_| is_table && self.output.is_none());
        let results = grids
            .iter()
            .map(|grid| match width {
                Some(width) => grid.within(width).batch(),
                None => grid.batch(),
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Error::statement("the answer cannot be shown").caused_by(error))?;
        self.show_rows(&results).await
    }

    /// Shows results that are at hand.
    async fn show_rows(&mut self, results: &[RecordBatch]) -> Result<(), Error> {
        let Some(place) = &mut self.output else {
            let screen = Screen::new(&self.settings, self.pager.clone(), false);
            return screen.show_all(results);
        };
        place.reform(self.settings.format, &self.settings.render)?;
        let output = place.output()?;
        for rows in results {
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
        output: &'o mut Option<RowTarget>,
        to: Option<&Destination>,
        once: &Overrides,
        whole: bool,
    ) -> Result<Target<'o>, Error> {
        let mut settings = self.settings.clone();
        if once.expanded {
            settings.format = OutputFormat::Line;
        }
        settings.format = once.format.unwrap_or(settings.format);
        if let Some(to) = to {
            let (format, options) = (settings.format, &settings.render);
            let place = RowTarget::open(to, format, options, &self.interrupt)?;
            return Ok(Target::RowTarget(place));
        }
        Ok(match output {
            Some(place) => {
                let render = RenderOptions {
                    width: settings.render.width.filter(|_| !whole),
                    ..settings.render.clone()
                };
                place.reform(settings.format, &render)?;
                Target::Output(place)
            }
            None => Target::Screen(Screen::new(&settings, self.pager.clone(), whole)),
        })
    }

    /// Sends rows to `to` from now on.
    pub(super) fn open_output(&mut self, to: &Destination) -> Result<(), Error> {
        // A program ends before the next one begins.
        self.output = None;
        let (format, options) = (self.settings.format, &self.settings.render);
        self.output = Some(RowTarget::open(to, format, options, &self.interrupt)?);
        Ok(())
    }
}

/// Returns the variables that the one row of `rows` sets, or unsets where it has NULL.
fn as_variables(rows: &RecordBatch, prefix: &str) -> Result<Vec<(String, Option<String>)>, Error> {
    let values = match rows.num_rows() {
        0 => {
            return Err(Error::statement(
                "\\gset needs a row, but the result has none",
            ));
        }
        1 => texts(rows)?.remove(0),
        n => {
            return Err(Error::statement(format!(
                "\\gset needs exactly one row, but the result has {n}"
            ))
            .hint("add a condition or LIMIT 1"));
        }
    };
    let schema = rows.schema();
    let names = schema.fields().iter().map(|field| {
        let name = format!("{prefix}{}", field.name());
        variables::check_name(&name).map(|()| name)
    });
    let names = names.collect::<Result<Vec<_>, _>>()?;
    Ok(names.into_iter().zip(values).collect())
}

/// Returns true if a statement reads the last result.
fn names_last_result(text: &str) -> bool {
    text.contains(LAST_RESULT)
        && sources(&parts(text, &lex(text).lexemes))
            .iter()
            .any(|source| source.table == LAST_RESULT)
}

/// The words that begin a statement which changes something.
const CHANGES: &[&str] = &[
    "alter", "create", "delete", "drop", "insert", "merge", "refresh", "truncate", "update",
];

/// The words that may stand between those and the name of what is changed.
const BEFORE_NAME: &[&str] = &[
    "exists",
    "external",
    "from",
    "if",
    "into",
    "materialized",
    "not",
    "or",
    "overwrite",
    "replace",
    "table",
    "temp",
    "temporary",
    "unbounded",
    "view",
];

/// Returns true if a statement changes, creates or drops the last result.
fn writes_last_result(text: &str) -> bool {
    if !text.contains(LAST_RESULT) {
        return false;
    }
    let lexed = lex(text);
    let parts = parts(text, &lexed.lexemes);
    let Some((verb, rest)) = parts.split_first() else {
        return false;
    };
    let is_one_of = |part: &Part<'_>, words: &[&str]| words.iter().any(|word| part.is(word));
    if !is_one_of(verb, CHANGES) {
        return false;
    }
    let is_last_result = |part: &Part<'_>| part.is_name() && unquoted(part.text) == LAST_RESULT;
    let mut names = rest.iter().skip_while(|part| is_one_of(part, BEFORE_NAME));
    match verb.is("drop") {
        true => names.any(is_last_result),
        false => names.next().is_some_and(is_last_result),
    }
}

fn creates_keys(piece: &Piece, dialect: Dialect) -> bool {
    Operation::read(piece, dialect).is_ok_and(|operation| operation.creates_keys())
}

/// Adds the number of requests so far to an interruption.
fn stopped(error: Error, traffic: &Traffic) -> Error {
    if error.kind != ErrorKind::Interrupted {
        return error;
    }
    let figures = traffic.figures();
    let message = match figures.requests {
        0 => error.message.clone(),
        n => format!("{} after {}", error.message, counted(n, "request")),
    };
    Error { message, ..error }
}

/// Where the rows of a statement go.
enum Target<'o> {
    Screen(Screen),
    /// Where `\o` says.
    Output(&'o mut RowTarget),
    /// For this statement alone.
    RowTarget(RowTarget),
}

impl Target<'_> {
    fn sink(&mut self) -> Result<&mut dyn Sink, Error> {
        Ok(match self {
            Self::Screen(screen) => screen,
            Self::Output(place) => place.output()?,
            Self::RowTarget(place) => place.output()?,
        })
    }

    fn is_program(&self) -> bool {
        match self {
            Self::Screen(_) => false,
            Self::Output(place) => place.is_program(),
            Self::RowTarget(place) => place.is_program(),
        }
    }

    /// Shows the rows that the screen has buffered, or puts those of a file in their place.
    fn present(&mut self) -> Result<(), Error> {
        match self {
            Self::Screen(screen) => screen.present(),
            Self::Output(place) => place.output()?.commit(),
            Self::RowTarget(place) => place.output()?.commit(),
        }
    }

    /// Returns the warning for rows that were not delivered.
    fn unfinished(&self) -> Option<String> {
        match self {
            Self::Screen(_) => None,
            Self::Output(place) => place.unfinished(),
            Self::RowTarget(place) => place.unfinished(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_insert_creates_keys() {
        let creates_keys = |text| super::creates_keys(&Piece::new(text), Dialect::default());
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
    fn statements_that_read_the_last_result_are_known() {
        for text in [
            "SELECT * FROM _",
            "SELECT 1 FROM a JOIN _ ON true",
            "TABLE t; SELECT 1 FROM _ x",
        ] {
            assert!(names_last_result(text), "{text}");
        }
        for text in [
            "SELECT _spec FROM api_keys",
            "SELECT '_' FROM t",
            "SELECT 1 AS _",
        ] {
            assert!(!names_last_result(text), "{text}");
        }
    }

    #[test]
    fn statements_that_write_the_last_result_are_known() {
        for text in [
            "DROP TABLE _",
            "drop table if exists t, _",
            "DROP VIEW \"_\"",
            "INSERT INTO _ VALUES (1)",
            "UPDATE _ SET a = 1",
            "DELETE FROM _",
            "CREATE TABLE _ AS SELECT 1",
            "CREATE OR REPLACE VIEW _ AS SELECT 1",
            "TRUNCATE TABLE _",
            "REFRESH MATERIALIZED VIEW _",
        ] {
            assert!(writes_last_result(text), "{text}");
        }
        for text in [
            "SELECT * FROM _",
            "FROM _",
            "TABLE _",
            "CREATE TABLE kept AS SELECT * FROM _",
            "INSERT INTO t SELECT * FROM _",
            "DELETE FROM api_keys WHERE id IN (SELECT id FROM _)",
            "DROP TABLE _spec",
            "EXPLAIN SELECT 1 FROM _",
        ] {
            assert!(!writes_last_result(text), "{text}");
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
