//! Local files as tables, and sessions whose statements may not touch any.
//!
//! Turns a quoted name in FROM, or the location of a CREATE EXTERNAL TABLE, into a table over files or over what comes
//! through a pipe. With `--no-files` it refuses COPY TO, CREATE EXTERNAL TABLE and such names outright: it does not
//! look whether the file exists, because that would reveal something. It depends on the engine's catalog, on
//! `text_table` for rows that are text, and on the file system.

use std::collections::HashMap;
use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::arrow::array::{RecordBatch, RecordBatchReader};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::{FileReader, StreamReader};
use datafusion::catalog::{Session, TableProvider, TableProviderFactory, UrlTableFactory};
use datafusion::common::config::{ConfigFileType, CsvOptions};
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::MemTable;
use datafusion::datasource::dynamic_file::DynamicListTableFactory;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::datasource::listing_table_factory::ListingTableFactory;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{CreateExternalTable, DdlStatement, Expr, LogicalPlan, TableType};
use datafusion::object_store::local::LocalFileSystem;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as EngineStatement;
use etcetera::home_dir;
use futures::TryStreamExt;
use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use regex::Regex;
use url::Url;

use super::delimited::{Quoting, Syntax};
use super::text_table::{self, Content, Delimited, Format, Input};
use crate::dialect::plan::HIVE_NULL;
use crate::error::{Error, ErrorKind};

/// What a session without files says about one.
const HINT: &str = "--no-files is set: statements neither read nor write local files";

/// A table that is refused because it would be a file. Crosses the engine as `DataFusionError::External`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is a local file, and this session uses none")]
pub(super) struct FileRefused {
    /// The name as it was typed, without quotes.
    pub(super) name: String,
}

impl FileRefused {
    pub(super) const HINT: &str = HINT;
}

/// Refuses a statement that reads or writes local files by its form.
///
/// Fails with the statement and the file.
pub(super) fn refuse(statement: &EngineStatement) -> Result<(), Error> {
    match statement {
        EngineStatement::CopyTo(copy) => Err(refused("COPY", &copy.target)),
        EngineStatement::CreateExternalTable(create) => Err(refused(
            "CREATE EXTERNAL TABLE",
            &create.locations.join("`, `"),
        )),
        EngineStatement::Explain(explain) => refuse(&explain.statement),
        _ => Ok(()),
    }
}

/// Refuses a plan that reads or writes local files, in whatever way the statement came to it.
///
/// Fails with what is refused.
pub(super) fn refuse_plan(plan: &LogicalPlan) -> Result<(), Error> {
    match plan {
        LogicalPlan::Copy(copy) => return Err(refused("COPY", &copy.output_url)),
        LogicalPlan::Ddl(DdlStatement::CreateExternalTable(create)) => {
            return Err(refused(
                "CREATE EXTERNAL TABLE",
                &create.locations.join("`, `"),
            ));
        }
        _ => {}
    }
    plan.inputs().into_iter().try_for_each(refuse_plan)
}

fn refused(statement: &str, file: &str) -> Error {
    let message = format!("{statement} uses the local file `{file}`, and this session uses none");
    Error::new(ErrorKind::Permission, message).hint(HINT)
}

/// Refuses to write a file in a session that is read-only.
///
/// Fails for COPY TO, and for EXPLAIN ANALYZE of it.
pub(super) fn refuse_writing(plan: &LogicalPlan) -> Result<(), Error> {
    match plan {
        LogicalPlan::Copy(copy) => Err(Error::new(
            ErrorKind::Permission,
            format!(
                "this session is read-only, so COPY cannot write the local file `{}`",
                copy.output_url
            ),
        )
        .hint("leave out --read-only, or read_only of the profile; --output-file is not a statement and still works")),
        // EXPLAIN writes nothing.
        LogicalPlan::Explain(_) => Ok(()),
        plan => plan.inputs().into_iter().try_for_each(refuse_writing),
    }
}

/// The formats of text by the extensions of their files, and as CREATE EXTERNAL TABLE calls them.
pub(super) const TEXT_FORMATS: [&str; 6] = ["csv", "tsv", "tab", "json", "jsonl", "ndjson"];

fn format_of(extension: &str) -> Option<Format> {
    match extension.to_ascii_lowercase().as_str() {
        "csv" => Some(Format::Delimited(Delimited::new(Syntax::CSV))),
        "tsv" | "tab" => Some(Format::Delimited(Delimited::new(Syntax::TSV))),
        "json" | "jsonl" | "ndjson" => Some(Format::Json),
        _ => None,
    }
}

/// Splits the extensions of `name` into that of its format and its compression.
fn extensions(name: &str) -> (&str, FileCompressionType) {
    let extension = |name: &'_ str| name.rsplit_once('.').map(|(_, extension)| extension.len());
    let last = extension(name).map_or("", |length| &name[name.len() - length..]);
    match FileCompressionType::from_str(last) {
        Ok(compression) if !last.is_empty() && compression.is_compressed() => {
            let rest = &name[..name.len() - last.len() - 1];
            let inner = extension(rest).map_or("", |length| &rest[rest.len() - length..]);
            (inner, compression)
        }
        _ => (last, FileCompressionType::UNCOMPRESSED),
    }
}

/// Makes tables of files that a statement names.
#[derive(Debug)]
pub(super) struct LocalFiles {
    engine: DynamicListTableFactory,
    /// What has come through pipes that can be read once: the rows of `/dev/stdin` are the same in every statement.
    read: Mutex<HashMap<PathBuf, Bytes>>,
    /// Bytes that may come through a pipe.
    limit: usize,
}

impl LocalFiles {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            engine: DynamicListTableFactory::default(),
            read: Mutex::default(),
            limit,
        }
    }

    /// Takes the session whose settings count.
    pub(super) fn of_session(&self, context: &SessionContext) {
        self.engine
            .session_store()
            .with_state(context.state_weak_ref());
    }

    /// Returns what comes through the pipe `path`.
    fn stream(&self, path: &Path) -> Result<Bytes> {
        let mut read = self.read.lock();
        if let Some(bytes) = read.get(path) {
            return Ok(bytes.clone());
        }
        let all = File::open(path).and_then(|file| text_table::read_all(file, self.limit));
        let all = all.map_err(|error| unreadable(path, error))?;
        read.insert(path.to_owned(), all.clone());
        Ok(all)
    }

    /// Returns a table of what comes through the pipe `path`, in the format of its name, or the one that it looks like.
    fn table_of_stream(
        &self,
        path: &Path,
        format: Option<Format>,
        declared: Option<&Schema>,
    ) -> Result<Arc<dyn TableProvider>> {
        let bytes = self.stream(path)?;
        let name = path.display().to_string();
        if bytes.is_empty() {
            return Err(unreadable(path, "no data came through it"));
        }
        let format = format.or_else(|| format_of(extensions(&name).0));
        let format = match format {
            Some(format) => format,
            None if bytes.starts_with(b"PAR1") => {
                let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()?;
                return in_memory(reader.schema(), reader);
            }
            None if bytes.starts_with(b"ARROW1") => {
                let reader = FileReader::try_new(Cursor::new(bytes), None)?;
                return in_memory(reader.schema(), reader);
            }
            None if bytes.starts_with(&[0xff, 0xff, 0xff, 0xff]) => {
                let reader = StreamReader::try_new(Cursor::new(bytes), None)?;
                return in_memory(reader.schema(), reader);
            }
            None => text_format(&bytes),
        };
        let input = Input {
            name,
            content: Content::Bytes(bytes),
            compression: FileCompressionType::UNCOMPRESSED,
            partition: Vec::new(),
        };
        text_table::table(vec![input], format, declared)
    }
}

/// Returns the files that `name` stands for, and the extension of their format.
async fn inputs(
    state: &dyn Session,
    name: &str,
    extension: Option<&str>,
) -> Result<Option<(Vec<Input>, String)>> {
    let Some(url) = location(name) else {
        return Ok(None);
    };
    let store = state.runtime_env().object_store(&url)?;
    let objects = url.list_all_files(state, store.as_ref(), "").await?;
    let objects: Vec<_> = objects.try_collect().await?;
    let base = base_of(&url);
    let mut found: Option<String> = None;
    let mut inputs = Vec::new();
    for object in objects {
        let path = LocalFileSystem::new().path_to_filesystem(&object.location)?;
        let file = path.to_string_lossy().into_owned();
        let (of_file, compression) = extensions(&file);
        let of_file = extension.unwrap_or(of_file).to_ascii_lowercase();
        match &found {
            Some(found) if !is_same_format(found, &of_file) => {
                let error = Error::statement(format!(
                    "`{name}` has files of several formats: {found} and {of_file}"
                ));
                // Beside `_SUCCESS` and `.part-0.crc` are those that are meant.
                let is_known = |extension: &str| {
                    format_of(extension).is_some() || ["parquet", "arrow"].contains(&extension)
                };
                let meant = if is_known(found) { found } else { &of_file };
                let error = error.hint(format!("name those of one: 'folder/*.{meant}'"));
                return Err(error.into());
            }
            _ => found = Some(of_file),
        }
        inputs.push(Input {
            partition: partition_of(&path, base.as_deref()),
            name: file,
            content: Content::Path(path),
            compression,
        });
    }
    inputs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found.map(|found| (inputs, found)))
}

fn is_same_format(a: &str, b: &str) -> bool {
    a == b
        || matches!(
            (format_of(a), format_of(b)),
            (Some(Format::Json), Some(Format::Json))
        )
}

tokio::task_local! {
    /// The tables of files that the statement being planned has named.
    static NAMED: Mutex<HashMap<String, Arc<dyn TableProvider>>>;
}

/// Runs `planning`, which may ask for the table of a file several times: the columns of each file are read once.
pub(super) async fn reading_columns_once<T>(planning: impl Future<Output = T>) -> T {
    NAMED.scope(Mutex::default(), planning).await
}

#[async_trait]
impl UrlTableFactory for LocalFiles {
    async fn try_new(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Ok(Some(table)) = NAMED.try_with(|named| named.lock().get(name).cloned()) {
            return Ok(Some(table));
        }
        let table = self.table(name).await?;
        if let Some(table) = &table {
            // Outside of planning nothing is kept.
            let _ = NAMED.try_with(|named| named.lock().insert(name.to_owned(), Arc::clone(table)));
        }
        Ok(table)
    }
}

impl LocalFiles {
    /// Returns the table of the files that `name` stands for; None if it cannot be the name of one.
    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let named = expanded(name);
        if let Some(path) = stream_at(&named) {
            return self.table_of_stream(&path, None, None).map(Some);
        }
        let session = self.engine.session_store().get_session().upgrade();
        let state = session.and_then(|session| {
            let session = session.read();
            session.as_any().downcast_ref::<SessionState>().cloned()
        });
        if let Some(state) = state
            && let Some((inputs, found)) = inputs(&state, &named, None).await.or_else(missing)?
        {
            match format_of(&found) {
                Some(format) => {
                    let source = TextSource {
                        locations: vec![named],
                        extension: None,
                        compression: None,
                        format,
                        declared: None,
                    };
                    return TextFiles::of(source, inputs).map(Some);
                }
                None if found == "arrow" => check_same_columns(name, &inputs)?,
                None => {}
            }
        }
        self.engine.try_new(&named).await
    }
}

/// What a table of text files is made of.
#[derive(Debug)]
struct TextSource {
    locations: Vec<String>,
    /// The format that CREATE EXTERNAL TABLE says, whatever the files are called.
    extension: Option<String>,
    compression: Option<FileCompressionType>,
    format: Format,
    declared: Option<Schema>,
}

impl TextSource {
    /// Returns the files that are there now.
    async fn inputs(&self, state: &dyn Session) -> Result<Vec<Input>> {
        let mut all = Vec::new();
        for location in &self.locations {
            let found = inputs(state, location, self.extension.as_deref()).await?;
            all.extend(found.map(|(inputs, _)| inputs).unwrap_or_default());
        }
        if let Some(compression) = self.compression {
            for input in &mut all {
                input.compression = compression;
            }
        }
        Ok(all)
    }
}

/// A table of text files, which are looked for again when it is read: a view may be older than they are.
#[derive(Debug)]
struct TextFiles {
    source: TextSource,
    /// When each file was changed last, and how large it was then.
    stamps: Vec<Stamp>,
    /// The table of the files as they were.
    table: Arc<dyn TableProvider>,
}

type Stamp = (String, Option<(SystemTime, u64)>);

impl TextFiles {
    fn of(source: TextSource, inputs: Vec<Input>) -> Result<Arc<dyn TableProvider>> {
        Ok(Arc::new(Self {
            stamps: stamps(&inputs),
            table: text_table::table(inputs, source.format.clone(), source.declared.as_ref())?,
            source,
        }))
    }
}

#[async_trait]
impl TableProvider for TextFiles {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        self.table.table_type()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let inputs = self.source.inputs(state).await?;
        if stamps(&inputs) == self.stamps {
            return self.table.scan(state, projection, filters, limit).await;
        }
        let declared = self.source.declared.as_ref();
        let now = text_table::table(inputs, self.source.format.clone(), declared)?;
        let (schema, current) = (self.schema(), now.schema());
        let place = |&column: &usize| {
            let field = schema.field(column);
            let at = current.index_of(field.name()).ok();
            at.filter(|at| current.field(*at).data_type() == field.data_type())
                .ok_or_else(|| {
                    let files = self.source.locations.join("`, `");
                    let message = format!(
                        "column `{}` of `{files}` is not what it was when the statement was planned",
                        field.name()
                    );
                    Error::statement(message).hint(
                        "make the view or the external table anew, or PREPARE the statement again",
                    )
                })
        };
        let all: Vec<usize> = (0..schema.fields().len()).collect();
        let places = projection.unwrap_or(&all).iter().map(place);
        let projection = places.collect::<Result<Vec<usize>, _>>()?;
        now.scan(state, Some(&projection), filters, limit).await
    }
}

fn stamps(inputs: &[Input]) -> Vec<Stamp> {
    let stamp = |input: &Input| {
        let found = std::fs::metadata(&input.name).ok();
        let stamp = found.and_then(|found| Some((found.modified().ok()?, found.len())));
        (input.name.clone(), stamp)
    };
    inputs.iter().map(stamp).collect()
}

/// Refuses Arrow files whose columns differ: the engine reads them by their positions.
fn check_same_columns(name: &str, inputs: &[Input]) -> Result<()> {
    let schema = |input: &Input| {
        let Content::Path(path) = &input.content else {
            return None;
        };
        let file = FileReader::try_new(File::open(path).ok()?, None);
        let schema = file.map(|file| file.schema()).or_else(|_| {
            let stream = StreamReader::try_new(File::open(path)?, None)?;
            Ok::<_, ArrowError>(stream.schema())
        });
        schema.ok()
    };
    // What cannot be read is the engine's to tell of.
    let mut schemas = inputs.iter().filter_map(schema);
    let first = schemas.next();
    match schemas.all(|other| {
        first
            .as_ref()
            .is_none_or(|first| first.fields() == other.fields())
    }) {
        true => Ok(()),
        false => Err(Error::statement(format!(
            "the Arrow files of `{name}` do not have the same columns in the same order"
        ))
        .hint("name one file at a time, and put them together with UNION ALL")
        .into()),
    }
}

/// Lets the engine report a missing file; other errors are ours.
fn missing(error: DataFusionError) -> Result<Option<(Vec<Input>, String)>> {
    match error {
        DataFusionError::External(error) if error.is::<Error>() => {
            Err(DataFusionError::External(error))
        }
        _ => Ok(None),
    }
}

/// Makes tables for CREATE EXTERNAL TABLE.
#[derive(Debug)]
pub(super) struct ExternalTables(pub(super) Arc<LocalFiles>);

#[async_trait]
impl TableProviderFactory for ExternalTables {
    async fn create(
        &self,
        state: &dyn Session,
        create: &CreateExternalTable,
    ) -> Result<Arc<dyn TableProvider>> {
        let Some(format) = format_of(&create.file_type) else {
            return ListingTableFactory::new().create(state, create).await;
        };
        let (format, compression) = with_options(state, format, create)?;
        let declared = create.schema.inner();
        let declared = (!declared.fields().is_empty()).then_some(declared.as_ref());
        let locations = create.locations.iter();
        let source = TextSource {
            locations: locations.map(|location| expanded(location)).collect(),
            extension: Some(create.file_type.clone()),
            compression,
            format,
            declared: declared.cloned(),
        };
        if let Some(path) = source.locations.iter().find_map(|named| stream_at(named)) {
            return self.0.table_of_stream(&path, Some(source.format), declared);
        }
        let inputs = source.inputs(state).await?;
        if inputs.is_empty() {
            return Err(unreadable(
                Path::new(&create.locations.join(", ")),
                "there is no such file",
            ));
        }
        TextFiles::of(source, inputs)
    }
}

/// Returns `format` as the OPTIONS of `create` say, and the compression that they name.
fn with_options(
    state: &dyn Session,
    format: Format,
    create: &CreateExternalTable,
) -> Result<(Format, Option<FileCompressionType>)> {
    let named = |compression: CompressionTypeVariant| {
        (compression != CompressionTypeVariant::UNCOMPRESSED).then(|| compression.into())
    };
    let mut options = state.default_table_options();
    let Format::Delimited(mut delimited) = format else {
        options.set_config_format(ConfigFileType::JSON);
        options.alter_with_string_hash_map(&create.options)?;
        return Ok((format, named(options.json.compression)));
    };
    options.set_config_format(ConfigFileType::CSV);
    options.alter_with_string_hash_map(&create.options)?;
    let csv = options.csv;
    let usual = CsvOptions::default();
    delimited.has_header = csv.has_header.unwrap_or(true);
    delimited.may_be_short = csv.truncated_rows.unwrap_or(false);
    delimited.syntax.comment = csv.comment;
    if csv.delimiter != usual.delimiter {
        delimited.syntax.delimiter = csv.delimiter;
    }
    if let Quoting::Quotes { quote, escape } = &mut delimited.syntax.quoting {
        (*quote, *escape) = (csv.quote, csv.escape);
    }
    if let Some(null) = &csv.null_regex {
        let null = Regex::new(null).map_err(|error| DataFusionError::External(Box::new(error)))?;
        delimited.null = Some(null);
    }
    Ok((Format::Delimited(delimited), named(csv.compression)))
}

/// Returns `name` with the home directory in the place of `~`.
fn expanded(name: &str) -> String {
    let home = || Some(home_dir().ok()?.to_string_lossy().into_owned());
    match name.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => match home() {
            Some(home) => format!("{home}{rest}"),
            None => name.to_owned(),
        },
        _ => name.to_owned(),
    }
}

/// Returns the path of `name` if it is a pipe, a device or an open file, whose bytes come once.
fn stream_at(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(name.strip_prefix("file://").unwrap_or(name));
    let found = std::fs::metadata(&path).ok()?;
    let is_open_file = path == Path::new("/dev/stdin")
        || path.starts_with("/dev/fd")
        || path.starts_with("/proc/self/fd");
    (is_open_file && !found.is_dir() || !found.is_file() && !found.is_dir()).then_some(path)
}

/// Returns where `name` is. A name that exists as it is written is no pattern.
fn location(name: &str) -> Option<ListingTableUrl> {
    let path = std::path::absolute(name).ok();
    if let Some(path) = path.filter(|path| path.is_file())
        && let Ok(url) = Url::from_file_path(path)
    {
        return ListingTableUrl::parse(url).ok();
    }
    ListingTableUrl::parse(name).ok()
}

/// Returns the folder that `url` names, without its pattern.
fn base_of(url: &ListingTableUrl) -> Option<PathBuf> {
    LocalFileSystem::new().path_to_filesystem(url.prefix()).ok()
}

/// Returns what the folders between `base` and `file` say: `day=2026-01-02`, with `%20` for a blank, and Hive's name for NULL.
fn partition_of(file: &Path, base: Option<&Path>) -> Vec<(String, Option<String>)> {
    let within = base.and_then(|base| file.strip_prefix(base).ok());
    let folders = within.and_then(Path::parent).into_iter().flatten();
    let pair = |folder: &std::ffi::OsStr| {
        let (name, value) = folder.to_str()?.split_once('=')?;
        let value = percent_decode_str(value)
            .decode_utf8()
            .unwrap_or(value.into());
        let value = (value != HIVE_NULL).then(|| value.into_owned());
        Some((name.to_owned(), value))
    };
    folders.filter_map(pair).collect()
}

/// Returns the format that text looks like.
fn text_format(bytes: &Bytes) -> Format {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if matches!(first, Some(b'{' | b'[')) {
        return Format::Json;
    }
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let syntax = match line.contains(&b'\t') && !line.contains(&b',') {
        true => Syntax::TSV,
        false => Syntax::CSV,
    };
    Format::Delimited(Delimited::new(syntax))
}

fn in_memory(
    schema: Arc<Schema>,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
) -> Result<Arc<dyn TableProvider>> {
    let batches = batches.collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(MemTable::try_new(schema, vec![batches])?))
}

fn unreadable(path: &Path, error: impl std::fmt::Display) -> DataFusionError {
    let message = format!("cannot read `{}`: {error}", path.display());
    Error::new(ErrorKind::Io, message).into()
}

/// Refuses every name that can only be that of a file.
#[derive(Debug)]
pub(super) struct NoFiles;

#[async_trait]
impl UrlTableFactory for NoFiles {
    async fn try_new(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match is_file_name(name) {
            true => Err(DataFusionError::External(Box::new(FileRefused {
                name: name.to_owned(),
            }))),
            false => Ok(None),
        }
    }
}

/// Returns true if `name` can be a file's, but not that of a table of the session: those are words.
fn is_file_name(name: &str) -> bool {
    name.contains(['/', '\\', '.', ':', '~', '*', '?', '['])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_columns_of_a_file_are_read_once_for_a_statement() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.csv");
        std::fs::write(&file, "x\n1\n").unwrap();
        let context = SessionContext::new();
        let files = LocalFiles::new(1 << 20);
        files.of_session(&context);
        let name = file.to_str().unwrap();
        let table = async || files.try_new(name).await.unwrap().unwrap();
        let first = reading_columns_once(async {
            let first = table().await;
            std::fs::write(&file, "y\n1\n").unwrap();
            assert!(Arc::ptr_eq(&first, &table().await));
            first
        });
        let first = first.await;
        let other = reading_columns_once(table()).await;
        assert_ne!(first.schema(), other.schema());
    }

    #[test]
    fn files_are_told_from_tables_by_their_names() {
        for file in [
            "a.csv",
            "/etc/passwd",
            "~/a",
            "C:\\a",
            "file:///a",
            "*",
            "a[1]",
            ".",
        ] {
            assert!(is_file_name(file), "{file}");
        }
        for table in ["api_keys", "my table", "Größe", "t-1", ""] {
            assert!(!is_file_name(table), "{table}");
        }
    }
}
