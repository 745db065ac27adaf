//! csv, tsv and JSON files as tables: what `render` writes, read back.
//!
//! Turns files, or what came through a pipe, into rows. Columns are matched by name, so that files of one folder may
//! have them in different orders; types are chosen to fit every row. Files are read twice, and never held in memory. It
//! depends on arrow and on the engine's streaming table, and looks for no files itself.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{
    Array, ArrayBuilder, ArrayRef, RecordBatch, RecordBatchOptions, StringBuilder, new_null_array,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::ReaderBuilder;
use datafusion::arrow::json::reader::infer_json_schema_from_iterator;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::ScalarValue;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use flate2::bufread::MultiGzDecoder;
use futures::stream;
use regex::Regex;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::column_type::TypeGuess;
use super::create::check_precision;
use super::delimited::{self, Record, Records, Syntax, malformed};
use super::json_lines::JsonLines;
use crate::error::{NOT_UTF8, counted};

/// A file, or what was read from a pipe.
#[derive(Debug, Clone)]
pub(super) struct Input {
    /// What it is called in errors.
    pub(super) name: String,
    pub(super) content: Content,
    pub(super) compression: FileCompressionType,
    /// What its folder says about its rows: `day=2026-01-02`. None is NULL.
    pub(super) partition: Vec<(String, Option<String>)>,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Path(PathBuf),
    Bytes(Bytes),
}

impl Input {
    fn open(&self) -> Result<Box<dyn Read + Send>> {
        let reader: Box<dyn BufRead + Send> = match &self.content {
            Content::Path(path) => {
                let file = File::open(path).map_err(|error| self.failed(error))?;
                Box::new(BufReader::new(file))
            }
            Content::Bytes(bytes) => Box::new(Cursor::new(bytes.clone())),
        };
        match self.compression.get_variant() {
            CompressionTypeVariant::UNCOMPRESSED => Ok(Box::new(reader)),
            CompressionTypeVariant::GZIP => Ok(Box::new(MultiGzDecoder::new(reader))),
            other => Err(self.failed(format!(
                "{other} cannot be read: decompress it into a pipe, `FROM '/dev/stdin'`"
            ))),
        }
    }

    fn failed(&self, error: impl fmt::Display) -> DataFusionError {
        let message = format!("`{}`: {error}", self.name);
        crate::error::Error::statement(message).into()
    }
}

/// How rows are written.
#[derive(Debug, Clone)]
pub(super) enum Format {
    Delimited(Delimited),
    /// Objects, in an array or one after another.
    Json,
}

/// How rows of fields are written.
#[derive(Debug, Clone)]
pub(super) struct Delimited {
    pub(super) syntax: Syntax,
    pub(super) has_header: bool,
    /// What is NULL besides an empty field.
    pub(super) null: Option<Regex>,
    /// Whether a row may end before its last columns.
    pub(super) may_be_short: bool,
}

impl Delimited {
    pub(super) fn new(syntax: Syntax) -> Self {
        Self {
            syntax,
            has_header: true,
            null: None,
            may_be_short: false,
        }
    }

    /// Returns true if an empty line is a row of a table of `columns` columns, rather than nothing.
    fn is_row(&self, record: &Record, columns: usize) -> bool {
        columns == 1 || !record.is_blank()
    }

    /// Returns what `field` says: None for NULL.
    fn value<'r>(&self, field: delimited::Field<'r>) -> Result<Option<&'r str>, &'static str> {
        let is_csv = matches!(self.syntax.quoting, delimited::Quoting::Quotes { .. });
        if field.is_null() || is_csv && field.is_blank() {
            return Ok(None);
        }
        let text = std::str::from_utf8(field.bytes).map_err(|_| NOT_UTF8)?;
        Ok(match &self.null {
            Some(null) if null.is_match(text) => None,
            _ => Some(text),
        })
    }
}

/// Returns a table of the rows of `inputs`. Without `declared` columns, they are those that the files have.
///
/// Fails if a file cannot be read, or does not hold rows.
pub(super) fn table(
    inputs: Vec<Input>,
    format: Format,
    declared: Option<&Schema>,
) -> Result<Arc<dyn TableProvider>> {
    let mut partition: Vec<&str> = Vec::new();
    for (name, _) in inputs.iter().flat_map(|input| &input.partition) {
        if !partition.contains(&name.as_str()) {
            partition.push(name);
        }
    }
    let is_partition = |name: &str| partition.contains(&name);
    let columns = match declared {
        Some(declared) => {
            check_precision(declared)?;
            let fields = declared.fields().iter();
            Schema::new(
                fields
                    .filter(|field| !is_partition(field.name()))
                    .cloned()
                    .collect::<Vec<_>>(),
            )
        }
        None => infer(&inputs, &format)?,
    };
    if columns.fields().is_empty() {
        let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        let message = format!("`{}` has no rows and no columns", names.join("`, `"));
        return Err(crate::error::Error::statement(message).into());
    }
    let in_rows = columns
        .fields()
        .iter()
        .find(|field| is_partition(field.name()));
    if let Some(field) = in_rows {
        let message = format!(
            "`{}` is a column of the files and of their folder",
            field.name()
        );
        return Err(crate::error::Error::statement(message).into());
    }
    let of_folder = partition.iter().map(|name| {
        let declared = declared.and_then(|declared| declared.field_with_name(name).ok());
        let ty = declared.map_or(DataType::Utf8, |field| field.data_type().clone());
        Arc::new(Field::new(*name, ty, true))
    });
    let all: Vec<_> = columns.fields().iter().cloned().chain(of_folder).collect();
    let rows = Rows {
        schema: Arc::new(Schema::new(all)),
        columns: Arc::new(columns),
        is_declared: declared.is_some(),
        inputs,
        format,
    };
    let schema = Arc::clone(&rows.schema);
    Ok(Arc::new(StreamingTable::try_new(
        schema,
        vec![Arc::new(rows)],
    )?))
}

fn infer(inputs: &[Input], format: &Format) -> Result<Schema> {
    match format {
        Format::Delimited(format) => infer_delimited(inputs, format),
        Format::Json => infer_json(inputs),
    }
}

fn infer_delimited(inputs: &[Input], format: &Delimited) -> Result<Schema> {
    let mut names: Vec<String> = Vec::new();
    let mut guesses: Vec<TypeGuess> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    for input in inputs {
        let mut rows = DelimitedRows::open(input, format)?;
        let of_file = rows.header.iter().map(|name| {
            *positions.entry(name.clone()).or_insert_with(|| {
                names.push(name.clone());
                guesses.push(TypeGuess::default());
                names.len() - 1
            })
        });
        let of_file: Vec<usize> = of_file.collect();
        while rows.next()? {
            for (field, &column) in rows.record.fields().zip(&of_file) {
                let guess = &mut guesses[column];
                match format.value(field).map_err(|error| rows.wrong(error))? {
                    None => {}
                    Some("") if field.is_blank() => guess.see_blank(),
                    Some("") => guess.see_text(),
                    Some(text) => guess.see(text),
                }
            }
        }
    }
    let fields = names.into_iter().zip(guesses);
    let fields = fields.map(|(name, guess)| Field::new(name, guess.data_type(), true));
    Ok(Schema::new(fields.collect::<Vec<_>>()))
}

fn infer_json(inputs: &[Input]) -> Result<Schema> {
    let mut readers = Vec::with_capacity(inputs.len());
    for input in inputs {
        readers.push((input, input.open()?));
    }
    let mut long = BTreeSet::new();
    let values = readers.into_iter().flat_map(|(input, reader)| {
        let reader = BufReader::new(JsonLines::new(reader));
        let values = serde_json::Deserializer::from_reader(reader).into_iter::<Row>();
        values.map(move |value| {
            let value = value.map(|Row(value)| value);
            value.map_err(|error| ArrowError::ExternalError(Box::new(input.failed(error))))
        })
    });
    let values = values.inspect(|value| {
        if let Ok(value) = value {
            find_long(value, &mut Vec::new(), &mut long);
        }
    });
    let schema = infer_json_schema_from_iterator(values).map_err(|error| match error {
        ArrowError::JsonError(detail) => {
            tracing::debug!(%detail, "the engine finds no types");
            let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
            let message = format!("the rows of `{}` do not fit in columns", names.join("`, `"));
            crate::error::Error::statement(message)
                .hint("a member that is an object or a list in one row is one in all rows")
                .into()
        }
        error => DataFusionError::from(error),
    })?;
    let fields = schema.fields().iter().map(|field| exact(field, "", &long));
    Ok(Schema::new(fields.collect::<Vec<_>>()))
}

/// Returns the member of which `error` says that it is not of the type of its column.
fn mixed_member(error: &ArrowError) -> Option<String> {
    let message = error.to_string();
    let (_, member) = message.split_once("whilst decoding field '")?;
    Some(member.split_once('\'')?.0.to_owned())
}

/// A JSON value without members of one name: which of them counts is not the same to all who read it.
struct Row(serde_json::Value);

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;

        impl<'de> Visitor<'de> for Values {
            type Value = Row;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Row, E> {
                Ok(Row(serde_json::Value::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Row, E> {
                Ok(Row(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Row, E> {
                Ok(Row(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Row, E> {
                Ok(Row(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Row, E> {
                Ok(Row(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Row, E> {
                Ok(Row(value.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Row, A::Error> {
                let mut values = Vec::new();
                while let Some(Row(value)) = items.next_element()? {
                    values.push(value);
                }
                Ok(Row(values.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Row, A::Error> {
                let mut object = serde_json::Map::new();
                while let Some((name, Row(value))) = members.next_entry::<String, Row>()? {
                    if object.contains_key(&name) {
                        let message = format_args!("two members are called `{name}`");
                        return Err(Error::custom(message));
                    }
                    object.insert(name, value);
                }
                Ok(Row(object.into()))
            }
        }

        deserializer.deserialize_any(Values)
    }
}

/// Adds to `long` the paths of integers in `value`, which is at `path`, that a float has not enough digits for.
fn find_long<'v>(
    value: &'v serde_json::Value,
    path: &mut Vec<&'v str>,
    long: &mut BTreeSet<String>,
) {
    use serde_json::Value::{Array, Number, Object};
    const DIGITS: u64 = 1 << 53;
    match value {
        Object(members) => {
            for (name, value) in members {
                path.push(name);
                find_long(value, path, long);
                path.pop();
            }
        }
        Array(items) => items.iter().for_each(|item| find_long(item, path, long)),
        Number(number) => {
            let size = number.as_i64().map(i64::unsigned_abs);
            if size.or(number.as_u64()).is_some_and(|size| size > DIGITS) {
                long.insert(
                    path.iter()
                        .fold(String::new(), |path, name| below(&path, name)),
                );
            }
        }
        _ => {}
    }
}

/// Returns `field`, in which floats that would change an integer of `long` are texts.
fn exact(field: &Field, path: &str, long: &BTreeSet<String>) -> Field {
    fn exact_type(data_type: &DataType, path: &str, long: &BTreeSet<String>) -> DataType {
        match data_type {
            DataType::Float64 if long.contains(path) => DataType::Utf8,
            DataType::Struct(fields) => {
                let fields = fields.iter().map(|field| exact(field, path, long));
                DataType::Struct(fields.collect())
            }
            DataType::List(item) => {
                let of = exact_type(item.data_type(), path, long);
                DataType::List(Arc::new(item.as_ref().clone().with_data_type(of)))
            }
            other => other.clone(),
        }
    }
    let path = below(path, field.name());
    let data_type = exact_type(field.data_type(), &path, long);
    field.clone().with_data_type(data_type)
}

/// Returns the path of the member `name` of what is at `path`.
fn below(path: &str, name: &str) -> String {
    format!("{path}\0{name}")
}

/// The rows of one file of fields.
struct DelimitedRows {
    input: Input,
    format: Delimited,
    records: Records<Box<dyn Read + Send>>,
    header: Vec<String>,
    record: Record,
    /// True if `record` is the first row: without a header, its fields tell how many columns there are.
    is_read: bool,
}

impl DelimitedRows {
    fn open(input: &Input, format: &Delimited) -> Result<Self> {
        let mut rows = Self {
            records: Records::new(input.open()?, format.syntax),
            input: input.clone(),
            format: format.clone(),
            header: Vec::new(),
            record: Record::default(),
            is_read: false,
        };
        let is_there = rows
            .records
            .read(&mut rows.record)
            .map_err(|error| input.failed(error))?;
        if !is_there {
            return Ok(rows);
        }
        if !format.has_header {
            rows.header = (1..=rows.record.len())
                .map(|n| format!("column_{n}"))
                .collect();
            rows.is_read = true;
            return Ok(rows);
        }
        for field in rows.record.fields() {
            let name = std::str::from_utf8(field.bytes).map_err(|_| rows.wrong(NOT_UTF8))?;
            if rows.header.iter().any(|other| other == name) {
                return Err(input.failed(format!("two columns are called `{name}`")));
            }
            rows.header.push(name.to_owned());
        }
        Ok(rows)
    }

    /// Reads the next row into `record`. Returns false at the end.
    fn next(&mut self) -> Result<bool> {
        loop {
            let is_there = match std::mem::take(&mut self.is_read) {
                true => true,
                false => {
                    let read = self.records.read(&mut self.record);
                    read.map_err(|error| self.input.failed(error))?
                }
            };
            if !is_there {
                return Ok(false);
            }
            if !self.format.is_row(&self.record, self.header.len()) {
                continue;
            }
            let (found, expected) = (self.record.len(), self.header.len());
            if found > expected || found < expected && !self.format.may_be_short {
                let found = match found {
                    1 => "there is 1 field".to_owned(),
                    found => format!("there are {found} fields"),
                };
                return Err(self.wrong(format!(
                    "{found} for {}",
                    counted(expected as u64, "column")
                )));
            }
            return Ok(true);
        }
    }

    fn wrong(&self, error: impl fmt::Display) -> DataFusionError {
        self.input
            .failed(format!("line {}: {error}", self.record.line))
    }
}

/// The rows of all files.
#[derive(Debug, Clone)]
struct Rows {
    inputs: Vec<Input>,
    format: Format,
    /// The columns of the files.
    columns: SchemaRef,
    /// The same, and those of their folders.
    schema: SchemaRef,
    is_declared: bool,
}

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batch_size = context.session_config().batch_size();
        let rows = self.clone();
        let batches = self.inputs.clone().into_iter().flat_map(move |input| {
            let batches = rows.of_file(&input, batch_size);
            let batches = batches.unwrap_or_else(|error| Box::new(std::iter::once(Err(error))));
            let rows = rows.clone();
            batches.map(move |batch| rows.with_partition(&batch?, &input))
        });
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            stream::iter(batches),
        ))
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

impl Rows {
    fn of_file(&self, input: &Input, batch_size: usize) -> Result<Batches> {
        match &self.format {
            Format::Json => {
                let reader = BufReader::new(JsonLines::new(input.open()?));
                let reader = ReaderBuilder::new(Arc::clone(&self.columns))
                    .with_batch_size(batch_size)
                    .with_coerce_primitive(true)
                    .build(reader)?;
                let input = input.clone();
                Ok(Box::new(reader.map(move |batch| {
                    batch.map_err(|error| match mixed_member(&error) {
                        Some(name) => input.failed(format!(
                            "the member `{name}` is an object or a list in one row, and something else in another"
                        )),
                        None => input.failed(error),
                    })
                })))
            }
            Format::Delimited(format) => {
                let reader = ColumnReader::open(input, format, &self.columns, self.is_declared)?;
                let mut state = Some(reader);
                Ok(Box::new(std::iter::from_fn(move || {
                    let batch = state.as_mut()?.batch(batch_size).transpose();
                    if !matches!(batch, Some(Ok(_))) {
                        state = None;
                    }
                    batch
                })))
            }
        }
    }

    /// Adds what the folder of `input` says.
    fn with_partition(&self, batch: &RecordBatch, input: &Input) -> Result<RecordBatch> {
        let count = batch.num_rows();
        let mut arrays = batch.columns().to_vec();
        for field in &self.schema.fields()[self.columns.fields().len()..] {
            let mut values = input.partition.iter();
            let value = values.find(|(name, _)| name == field.name());
            let value = value.and_then(|(_, value)| value.clone());
            let text = ScalarValue::Utf8(value).to_array_of_size(count)?;
            let value = cast(&text, field.data_type());
            arrays.push(value.map_err(|error| input.failed(error))?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            arrays,
            &options,
        )?)
    }
}

/// The rows of one file of fields, on their way into columns.
struct ColumnReader {
    rows: DelimitedRows,
    columns: SchemaRef,
    /// The column of each field.
    targets: Vec<Option<usize>>,
}

impl ColumnReader {
    fn open(
        input: &Input,
        format: &Delimited,
        columns: &SchemaRef,
        is_declared: bool,
    ) -> Result<Self> {
        let rows = DelimitedRows::open(input, format)?;
        let count = columns.fields().len();
        let targets: Vec<_> = match format.has_header {
            true => rows
                .header
                .iter()
                .map(|name| columns.index_of(name).ok())
                .collect(),
            false => (0..rows.header.len())
                .map(|at| (at < count).then_some(at))
                .collect(),
        };
        let missing = (0..count).find(|&at| !targets.contains(&Some(at)));
        if is_declared
            && !rows.header.is_empty()
            && let Some(at) = missing
        {
            return Err(input.failed(format!(
                "there is no column `{}`: the file has {}",
                columns.field(at).name(),
                rows.header.join(", ")
            )));
        }
        Ok(Self {
            rows,
            columns: Arc::clone(columns),
            targets,
        })
    }

    /// Returns the next `most` rows; None at the end.
    fn batch(&mut self, most: usize) -> Result<Option<RecordBatch>> {
        let fields = self.columns.fields();
        let are_texts: Vec<bool> = fields
            .iter()
            .map(|field| is_text(field.data_type()))
            .collect();
        let mut builders: Vec<StringBuilder> =
            fields.iter().map(|_| StringBuilder::new()).collect();
        let (mut count, mut first_line) = (0, 0);
        while count < most && self.rows.next()? {
            if count == 0 {
                first_line = self.rows.record.line;
            }
            for (field, target) in self.rows.record.fields().zip(&self.targets) {
                let Some(target) = *target else { continue };
                let value = self.rows.format.value(field);
                let value = value.map_err(|error| self.rows.wrong(error))?;
                // What is nothing among numbers is an empty text among texts.
                let is_value = |value: &&str| are_texts[target] || !value.is_empty();
                builders[target].append_option(value.filter(is_value));
            }
            count += 1;
            for builder in &mut builders {
                if builder.len() < count {
                    builder.append_null();
                }
            }
        }
        if count == 0 {
            return Ok(None);
        }
        let arrays = fields.iter().zip(&mut builders).map(|(field, builder)| {
            let texts: ArrayRef = Arc::new(builder.finish());
            cast(&texts, field.data_type()).map_err(|error| {
                let name = field.name();
                let place = format!("column `{name}`, line {first_line} or below");
                self.rows.input.failed(format!("{place}: {error}"))
            })
        });
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let columns = Arc::clone(&self.columns);
        Ok(Some(RecordBatch::try_new_with_options(
            columns, arrays, &options,
        )?))
    }
}

fn is_text(ty: &DataType) -> bool {
    matches!(
        ty,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

fn cast(texts: &ArrayRef, ty: &DataType) -> Result<ArrayRef, ArrowError> {
    match ty {
        DataType::Null => Ok(new_null_array(ty, texts.len())),
        ty => {
            let options = CastOptions {
                safe: false,
                ..CastOptions::default()
            };
            cast_with_options(texts, ty, &options)
        }
    }
}

/// Reads all of `reader`, which may not hold more than `limit` bytes.
///
/// Fails if it does, or cannot be read.
pub(super) fn read_all(reader: impl Read, limit: usize) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    reader.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    match bytes.len() > limit {
        true => Err(malformed(format!(
            "it holds more than the limit of {} MiB; --memory-limit MIB sets another limit",
            limit >> 20
        ))),
        false => Ok(bytes.into()),
    }
}
