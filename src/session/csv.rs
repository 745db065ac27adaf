//! CSV files: the engine's format, except for the types of timestamp columns.
//!
//! The engine drops the zone of a timestamp, and reads a column as text if the number of fractional digits varies, as
//! it does in the service's timestamps. Here every timestamp is in microseconds, like those of the keys, and keeps its
//! zone, so a file that was written from keys can be joined with them. Everything else is the engine's.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::arrow::csv::ReaderBuilder;
use datafusion::arrow::csv::reader::Format;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::Session;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::common::{GetExt, Statistics};
use datafusion::datasource::file_format::csv::{CsvFormat, CsvFormatFactory};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::{
    DEFAULT_SCHEMA_INFER_MAX_RECORD, FileFormat, FileFormatFactory,
};
use datafusion::datasource::physical_plan::{FileScanConfig, FileSinkConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use datafusion::physical_expr::LexRequirement;
use datafusion::physical_plan::ExecutionPlan;
use regex::Regex;

/// Bytes of a file to infer the types of its columns from.
const SAMPLE: u64 = 4 * 1024 * 1024;

/// Makes formats for CSV files.
#[derive(Debug, Default)]
pub(super) struct CsvFiles(CsvFormatFactory);

impl GetExt for CsvFiles {
    fn get_ext(&self) -> String {
        self.0.get_ext()
    }
}

impl FileFormatFactory for CsvFiles {
    fn create(
        &self,
        state: &dyn Session,
        options: &HashMap<String, String>,
    ) -> Result<Arc<dyn FileFormat>> {
        let format = self.0.create(state, options)?;
        Ok(match format.downcast_ref::<CsvFormat>() {
            Some(csv) => Arc::new(Csv(CsvFormat::default().with_options(csv.options().clone()))),
            None => format,
        })
    }

    fn default(&self) -> Arc<dyn FileFormat> {
        Arc::new(Csv(CsvFormat::default()))
    }
}

#[derive(Debug)]
struct Csv(CsvFormat);

impl Csv {
    /// Returns the columns of one file, with types inferred from its beginning.
    async fn columns(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        object: &ObjectMeta,
    ) -> Result<Schema> {
        let options = self.0.options();
        let records = options
            .schema_infer_max_rec
            .unwrap_or(DEFAULT_SCHEMA_INFER_MAX_RECORD);
        let is_plain = options.compression == CompressionTypeVariant::UNCOMPRESSED
            && options.terminator.is_none()
            && records > 0;
        if is_plain && object.size > 0 {
            let end = object.size.min(SAMPLE);
            let read = store.get_range(&object.location, 0..end).await?;
            let sample = match end < object.size {
                true => whole_records(&read, options.quote),
                false => read,
            };
            if !sample.is_empty() {
                let has_header = options
                    .has_header
                    .unwrap_or_else(|| state.config_options().catalog.has_header);
                return columns_of(&sample, &self.reading(has_header)?, records).map_err(|error| {
                    let file = format!("the file {}", object.location);
                    DataFusionError::from(error).context(file)
                });
            }
        }
        let objects = std::slice::from_ref(object);
        let schema = self.0.infer_schema(state, store, objects).await?;
        Ok(schema.as_ref().clone())
    }

    /// Returns how records are read.
    fn reading(&self, has_header: bool) -> Result<Format> {
        let options = self.0.options();
        let mut format = Format::default()
            .with_header(has_header)
            .with_delimiter(options.delimiter)
            .with_quote(options.quote)
            .with_truncated_rows(options.truncated_rows.unwrap_or(false));
        if let Some(null) = &options.null_regex {
            let null = Regex::new(null).map_err(|e| DataFusionError::External(Box::new(e)))?;
            format = format.with_null_regex(null);
        }
        if let Some(escape) = options.escape {
            format = format.with_escape(escape);
        }
        if let Some(comment) = options.comment {
            format = format.with_comment(comment);
        }
        Ok(format)
    }
}

#[async_trait]
impl FileFormat for Csv {
    fn get_ext(&self) -> String {
        self.0.get_ext()
    }

    fn get_ext_with_compression(&self, compression: &FileCompressionType) -> Result<String> {
        self.0.get_ext_with_compression(compression)
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        self.0.compression_type()
    }

    async fn infer_schema(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        objects: &[ObjectMeta],
    ) -> Result<SchemaRef> {
        let mut files = Vec::with_capacity(objects.len());
        for object in objects {
            files.push(self.columns(state, store, object).await?);
        }
        Ok(Arc::new(Schema::try_merge(with_one_zone(files))?))
    }

    async fn infer_stats(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<Statistics> {
        self.0.infer_stats(state, store, table_schema, object).await
    }

    async fn create_physical_plan(
        &self,
        state: &dyn Session,
        conf: FileScanConfig,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.0.create_physical_plan(state, conf).await
    }

    async fn create_writer_physical_plan(
        &self,
        input: Arc<dyn ExecutionPlan>,
        state: &dyn Session,
        conf: FileSinkConfig,
        order_requirements: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.0
            .create_writer_physical_plan(input, state, conf, order_requirements)
            .await
    }

    fn file_source(&self, table_schema: TableSchema) -> Arc<dyn FileSource> {
        self.0.file_source(table_schema)
    }
}

/// Returns the beginning of `read` up to the last line break outside quotes.
fn whole_records(read: &Bytes, quote: u8) -> Bytes {
    let (mut end, mut quoted) = (0, false);
    for (at, byte) in read.iter().enumerate() {
        quoted ^= *byte == quote;
        if *byte == b'\n' && !quoted {
            end = at + 1;
        }
    }
    read.slice(..end)
}

/// Returns the columns of a file that begins with `sample`, after up to `records` of it.
fn columns_of(
    sample: &[u8],
    format: &Format,
    records: usize,
) -> Result<Schema, datafusion::arrow::error::ArrowError> {
    let (inferred, _) = format.infer_schema(sample, Some(records))?;
    let is_time = |field: &Arc<Field>| matches!(field.data_type(), DataType::Timestamp(_, None));
    if !inferred.fields().iter().any(is_time) {
        return Ok(inferred);
    }
    let text = |field: &Arc<Field>| Field::new(field.name(), DataType::Utf8, true);
    let texts: Fields = inferred.fields().iter().map(text).collect();
    let mut reader = ReaderBuilder::new(Arc::new(Schema::new(texts)))
        .with_format(format.clone())
        .with_batch_size(records)
        .build(sample)?;
    let texts = reader.next().transpose()?;
    let fields = inferred.fields().iter().enumerate().map(|(at, field)| {
        let (true, Some(texts)) = (is_time(field), &texts) else {
            return Arc::clone(field);
        };
        let ty = type_of_times(texts, at, field.data_type());
        Arc::new(field.as_ref().clone().with_data_type(ty))
    });
    Ok(Schema::new(fields.collect::<Fields>()))
}

/// Returns the type of the timestamps in column `at`, which was inferred as `inferred`: with a zone if any value has
/// one, and text if any value is not a timestamp.
fn type_of_times(texts: &RecordBatch, at: usize, inferred: &DataType) -> DataType {
    let unit = match inferred {
        DataType::Timestamp(TimeUnit::Nanosecond, _) => TimeUnit::Nanosecond,
        _ => TimeUnit::Microsecond,
    };
    let mut zone = None;
    for text in texts.column(at).as_string::<i32>().iter().flatten() {
        if string_to_datetime(&chrono::Utc, text).is_err() {
            return DataType::Utf8;
        }
        if has_zone(text) {
            zone = Some(Arc::from("UTC"));
        }
    }
    DataType::Timestamp(unit, zone)
}

/// Returns true if anything follows the seconds of a time.
fn has_zone(time: &str) -> bool {
    let seconds = "2026-01-02T03:04:05".len();
    time.get(seconds..)
        .is_some_and(|rest| rest.contains(|c: char| c != '.' && !c.is_ascii_digit()))
}

/// Gives a timestamp column a zone in all files if it has one in any.
fn with_one_zone(files: Vec<Schema>) -> Vec<Schema> {
    let has_zone =
        |field: &&Arc<Field>| matches!(field.data_type(), DataType::Timestamp(_, Some(_)));
    let zoned: HashSet<String> = files
        .iter()
        .flat_map(|file| file.fields().iter().filter(has_zone))
        .map(|field| field.name().clone())
        .collect();
    let with_zone = |field: &Arc<Field>| match field.data_type() {
        DataType::Timestamp(unit, None) if zoned.contains(field.name()) => {
            let ty = DataType::Timestamp(*unit, Some(Arc::from("UTC")));
            Arc::new(field.as_ref().clone().with_data_type(ty))
        }
        _ => Arc::clone(field),
    };
    files
        .into_iter()
        .map(|file| Schema::new(file.fields().iter().map(with_zone).collect::<Fields>()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(csv: &str) -> Vec<String> {
        let format = Format::default().with_header(true);
        let schema = columns_of(csv.as_bytes(), &format, 1000).unwrap();
        let fields = schema.fields().iter();
        fields.map(|field| field.data_type().to_string()).collect()
    }

    #[test]
    fn times_keep_their_zone_and_are_in_microseconds() {
        insta::assert_snapshot!(types("a,b,c,d\n2026-01-02T03:04:05Z,2026-01-02T03:04:05,2026-01-02,1\n2026-01-02T03:04:05.25+02:00,2026-01-02 03:04:05.123,2026-01-03,2\n,,,\n").join(", "), @r#"Timestamp(µs, "UTC"), Timestamp(µs), Date32, Int64"#);
    }

    #[test]
    fn what_only_begins_like_a_time_is_text() {
        insta::assert_snapshot!(types("a,b\n2026-01-02T03:04:05 or so,2026-01-02T03:04:05.1234567Z\n").join(", "), @r#"Utf8, Timestamp(ns, "UTC")"#);
    }

    #[test]
    fn a_sample_ends_with_a_whole_record() {
        let cut = |text: &'static str| whole_records(&Bytes::from_static(text.as_bytes()), b'"');
        assert_eq!(cut("a,b\n1,\"x\ny\"\n2,\"z\n"), "a,b\n1,\"x\ny\"\n");
        assert_eq!(cut("a,b"), "");
    }

    #[test]
    fn files_with_and_without_a_zone_are_read_together() {
        let of = |zone: Option<&str>| {
            let ty = DataType::Timestamp(TimeUnit::Microsecond, zone.map(Arc::from));
            Schema::new(vec![Field::new("a", ty, true)])
        };
        let both = with_one_zone(vec![of(None), of(Some("UTC"))]);
        assert_eq!(both, [of(Some("UTC")), of(Some("UTC"))]);
        assert_eq!(with_one_zone(vec![of(None)]), [of(None)]);
    }
}
