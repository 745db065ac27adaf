//! COPY TO csv, tsv and JSON: the files that `-o` of the same name would write.
//!
//! Turns the rows of a COPY into the formats of `render`, so that NULL and `''` stay apart, nested values are JSON, and the
//! file can be read back. The engine decides which rows go to which file; for options that `render` does not
//! support, such as `null_value`, the engine also writes them. It reads nothing.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::GetExt;
use datafusion::common::Statistics;
use datafusion::common::config::{ConfigFileType, CsvOptions};
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::common::runtime::{JoinSet, SpawnedTask};
use datafusion::datasource::file_format::csv::CsvFormatFactory;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::json::JsonFormatFactory;
use datafusion::datasource::file_format::write::demux::DemuxedStreamReceiver;
use datafusion::datasource::file_format::{FileFormat, FileFormatFactory};
use datafusion::datasource::physical_plan::{FileScanConfig, FileSink, FileSinkConfig, FileSource};
use datafusion::datasource::sink::{DataSink, DataSinkExec};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::object_store::local::LocalFileSystem;
use datafusion::object_store::{ObjectMeta, ObjectStore};
use datafusion::physical_expr::LexRequirement;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::{Error, ErrorKind};
use crate::render::{OutputFormat, RenderOptions, Renderer, renderer};

/// A format of text files, by its extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TextFiles(&'static str, OutputFormat);

impl TextFiles {
    pub(super) const ALL: [Self; 5] = [
        Self("csv", OutputFormat::Csv),
        Self("tsv", OutputFormat::Tsv),
        Self("json", OutputFormat::Json),
        Self("jsonl", OutputFormat::Jsonl),
        Self("ndjson", OutputFormat::Jsonl),
    ];

    fn is_json(self) -> bool {
        matches!(self.1, OutputFormat::Json | OutputFormat::Jsonl)
    }

    fn engine(self) -> Box<dyn FileFormatFactory> {
        match self.is_json() {
            true => Box::new(JsonFormatFactory::new()),
            false => Box::new(CsvFormatFactory::new()),
        }
    }
}

impl GetExt for TextFiles {
    fn get_ext(&self) -> String {
        self.0.to_owned()
    }
}

impl FileFormatFactory for TextFiles {
    fn create(
        &self,
        state: &dyn Session,
        options: &HashMap<String, String>,
    ) -> Result<Arc<dyn FileFormat>> {
        let mut known = state.default_table_options();
        let mut render = RenderOptions::default();
        let compression = match self.is_json() {
            true => {
                known.set_config_format(ConfigFileType::JSON);
                known.alter_with_string_hash_map(options)?;
                known.json.compression
            }
            false => {
                known.set_config_format(ConfigFileType::CSV);
                known.alter_with_string_hash_map(options)?;
                render.header = known.csv.has_header.unwrap_or(true);
                let usual = CsvOptions::default().delimiter;
                render.delimiter = Some(known.csv.delimiter).filter(|given| *given != usual);
                known.csv.compression
            }
        };
        let is_ours = |name: &String| {
            let name = name.strip_prefix("format.").unwrap_or(name);
            ["has_header", "delimiter", "compression"].contains(&name)
        };
        let is_known_compression = matches!(
            compression,
            CompressionTypeVariant::UNCOMPRESSED | CompressionTypeVariant::GZIP
        );
        Ok(Arc::new(TextFormat {
            files: *self,
            render,
            is_compressed: compression == CompressionTypeVariant::GZIP,
            is_ours: is_known_compression && options.keys().all(is_ours),
            engine: self.engine().create(state, options)?,
        }))
    }

    fn default(&self) -> Arc<dyn FileFormat> {
        Arc::new(TextFormat {
            files: *self,
            render: RenderOptions::default(),
            is_compressed: false,
            is_ours: true,
            engine: self.engine().default(),
        })
    }
}

#[derive(Debug)]
struct TextFormat {
    files: TextFiles,
    render: RenderOptions,
    is_compressed: bool,
    /// False if an option is given that only the engine's writer has.
    is_ours: bool,
    engine: Arc<dyn FileFormat>,
}

#[async_trait]
impl FileFormat for TextFormat {
    fn get_ext(&self) -> String {
        self.files.get_ext()
    }

    fn get_ext_with_compression(&self, compression: &FileCompressionType) -> Result<String> {
        Ok(format!("{}{}", self.get_ext(), compression.get_ext()))
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        self.engine.compression_type()
    }

    async fn infer_schema(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        objects: &[ObjectMeta],
    ) -> Result<SchemaRef> {
        self.engine.infer_schema(state, store, objects).await
    }

    async fn infer_stats(
        &self,
        state: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        object: &ObjectMeta,
    ) -> Result<Statistics> {
        self.engine
            .infer_stats(state, store, table_schema, object)
            .await
    }

    async fn create_physical_plan(
        &self,
        state: &dyn Session,
        conf: FileScanConfig,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.engine.create_physical_plan(state, conf).await
    }

    async fn create_writer_physical_plan(
        &self,
        input: Arc<dyn ExecutionPlan>,
        state: &dyn Session,
        conf: FileSinkConfig,
        order: Option<LexRequirement>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !self.is_ours {
            return self
                .engine
                .create_writer_physical_plan(input, state, conf, order)
                .await;
        }
        let sink = TextSink {
            config: conf,
            format: self.files.1,
            render: self.render.clone(),
            is_compressed: self.is_compressed,
        };
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), order)))
    }

    fn file_source(&self, table_schema: TableSchema) -> Arc<dyn FileSource> {
        self.engine.file_source(table_schema)
    }
}

struct TextSink {
    config: FileSinkConfig,
    format: OutputFormat,
    render: RenderOptions,
    is_compressed: bool,
}

impl TextSink {
    /// Returns what writes rows to the new file `path`.
    fn renderer(&self, path: &Path) -> Result<Box<dyn Renderer>> {
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Io, "the rows cannot be written").caused_by(error)
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = BufWriter::new(File::create(path).map_err(failed)?);
        let writer: Box<dyn Write + Send> = match self.is_compressed {
            true => Box::new(GzEncoder::new(file, Compression::default())),
            false => Box::new(file),
        };
        let is_lines = |name: &Path| {
            let extension = name.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("jsonl" | "ndjson"))
        };
        let format = match self.format {
            OutputFormat::Json if is_lines(path) => OutputFormat::Jsonl,
            format => format,
        };
        Ok(renderer(format, &self.render, writer))
    }

    /// Returns the columns of the files: those of the rows without those that their folders say.
    fn columns(&self) -> SchemaRef {
        let schema = self.config.output_schema();
        if self.config.table_partition_cols.is_empty() || self.config.keep_partition_by_columns {
            return Arc::clone(schema);
        }
        let is_partition = |name: &str| {
            self.config
                .table_partition_cols
                .iter()
                .any(|(column, _)| column == name)
        };
        let kept = schema
            .fields()
            .iter()
            .filter(|field| !is_partition(field.name()));
        let kept: Vec<_> = kept.cloned().collect();
        Arc::new(datafusion::arrow::datatypes::Schema::new(kept))
    }
}

fn unwritten(error: crate::render::Error) -> Error {
    Error {
        hint: error.hint(),
        ..Error::new(ErrorKind::Io, "the rows cannot be written").caused_by(error)
    }
}

#[async_trait]
impl FileSink for TextSink {
    fn config(&self) -> &FileSinkConfig {
        &self.config
    }

    async fn spawn_writer_tasks_and_join(
        &self,
        _: &Arc<TaskContext>,
        demux_task: SpawnedTask<Result<()>>,
        mut files: DemuxedStreamReceiver,
        _: Arc<dyn ObjectStore>,
    ) -> Result<u64> {
        let mut writers: JoinSet<Result<u64>> = JoinSet::new();
        let mut is_empty = true;
        while let Some((location, mut batches)) = files.recv().await {
            is_empty = false;
            let path = LocalFileSystem::new().path_to_filesystem(&location)?;
            let (mut renderer, columns) = (self.renderer(&path)?, self.columns());
            writers.spawn(async move {
                renderer.begin(&columns).map_err(unwritten)?;
                let mut count = 0;
                while let Some(batch) = batches.recv().await {
                    count += batch.num_rows() as u64;
                    renderer.batch(&batch).map_err(unwritten)?;
                }
                renderer.finish().map_err(unwritten)?;
                Ok(count)
            });
        }
        let mut count = 0;
        while let Some(written) = writers.join_next().await {
            let written =
                written.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?;
            count += written?;
        }
        demux_task
            .join_unwind()
            .await
            .map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))??;
        if is_empty && let Some(path) = self.only_file() {
            // No rows still have columns.
            let mut renderer = self.renderer(&path)?;
            renderer.begin(&self.columns()).map_err(unwritten)?;
            renderer.finish().map_err(unwritten)?;
        }
        Ok(count)
    }
}

impl TextSink {
    /// Returns the file, if all rows go to one.
    fn only_file(&self) -> Option<PathBuf> {
        let url = self
            .config
            .table_paths
            .first()
            .filter(|url| !url.is_collection())?;
        LocalFileSystem::new().path_to_filesystem(url.prefix()).ok()
    }
}

#[async_trait]
impl DataSink for TextSink {
    fn schema(&self) -> &SchemaRef {
        self.config.output_schema()
    }

    async fn write_all(
        &self,
        data: SendableRecordBatchStream,
        context: &Arc<TaskContext>,
    ) -> Result<u64> {
        FileSink::write_all(self, data, context).await
    }
}

impl fmt::Debug for TextSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextSink")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl DisplayAs for TextSink {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextSink(format={})", self.format.name())
    }
}
