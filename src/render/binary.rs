//! parquet and arrow: rows for programs that want types rather than text.
//!
//! Both are written by the crates of Arrow. arrow is the stream format of its IPC, which is written batch by batch;
//! parquet has its index at the end, so that nothing of it can be read before.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::errors::ParquetError;

use super::error::Error;
use super::renderer::{Renderer, Summary};

type Writer<'w> = Box<dyn Write + Send + 'w>;

/// Writes one result as an Arrow IPC stream.
pub(super) struct Arrow<'w> {
    writer: Option<Writer<'w>>,
    stream: Option<StreamWriter<Writer<'w>>>,
    rows: usize,
}

impl<'w> Arrow<'w> {
    pub(super) fn new(writer: Writer<'w>) -> Self {
        Self {
            writer: Some(writer),
            stream: None,
            rows: 0,
        }
    }
}

impl Renderer for Arrow<'_> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        if let Some(writer) = self.writer.take() {
            self.stream = Some(StreamWriter::try_new(writer, schema)?);
        }
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.rows += batch.num_rows();
        match &mut self.stream {
            Some(stream) => Ok(stream.write(batch)?),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<Summary, Error> {
        if let Some(stream) = &mut self.stream {
            stream.finish()?;
        }
        self.flush()?;
        Ok(Summary {
            rows: self.rows,
            ..Summary::default()
        })
    }

    fn flush(&mut self) -> Result<(), Error> {
        match &mut self.stream {
            Some(stream) => Ok(stream.get_mut().flush()?),
            None => Ok(()),
        }
    }
}

/// Writes one result as a Parquet file.
pub(super) struct Parquet<'w> {
    writer: Option<Writer<'w>>,
    file: Option<ArrowWriter<Writer<'w>>>,
    rows: usize,
}

impl<'w> Parquet<'w> {
    pub(super) fn new(writer: Writer<'w>) -> Self {
        Self {
            writer: Some(writer),
            file: None,
            rows: 0,
        }
    }
}

impl Renderer for Parquet<'_> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        if let Some(writer) = self.writer.take() {
            let file = ArrowWriter::try_new(writer, Arc::clone(schema), None);
            self.file = Some(file.map_err(unwritten)?);
        }
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.rows += batch.num_rows();
        match &mut self.file {
            Some(file) => file.write(batch).map_err(unwritten),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<Summary, Error> {
        if let Some(file) = self.file.take() {
            let mut writer = file.into_inner().map_err(unwritten)?;
            writer.flush()?;
        }
        Ok(Summary {
            rows: self.rows,
            ..Summary::default()
        })
    }

    /// Has nothing to hand over before the end.
    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

fn unwritten(error: ParquetError) -> Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(cause) => Error::Io(*cause),
            Err(cause) => Error::Io(std::io::Error::other(cause)),
        },
        error => Error::Io(std::io::Error::other(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::OutputFormat;
    use super::super::fixtures::{batch, keys, strings};
    use super::super::{RenderOptions, renderer};
    use bytes::Bytes;
    use datafusion::arrow::array::RecordBatch;
    use datafusion::arrow::ipc::reader::StreamReader;
    use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    fn written(format: OutputFormat, rows: &RecordBatch) -> Bytes {
        let mut bytes = Vec::new();
        let mut renderer = renderer(format, &RenderOptions::default(), Box::new(&mut bytes));
        renderer.begin(&rows.schema()).unwrap();
        renderer.batch(rows).unwrap();
        renderer.flush().unwrap();
        assert_eq!(renderer.finish().unwrap().rows, rows.num_rows());
        drop(renderer);
        bytes.into()
    }

    #[test]
    fn rows_are_read_as_they_were_written() {
        for rows in [keys(), batch([("a", strings([Some(""), None]))])] {
            let arrow = written(OutputFormat::Arrow, &rows);
            let mut arrow = StreamReader::try_new(arrow.as_ref(), None).unwrap();
            assert_eq!(arrow.next().unwrap().unwrap(), rows);
            let parquet = written(OutputFormat::Parquet, &rows);
            let parquet = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap();
            let read = parquet.build().unwrap().next().unwrap().unwrap();
            assert_eq!(read.columns(), rows.columns());
        }
    }
}
