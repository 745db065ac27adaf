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
use super::format::OutputFormat;
use super::renderer::{Renderer, Summary};

type Writer<'w> = Box<dyn Write + Send + 'w>;

/// Writes one result as an Arrow IPC stream, or as a Parquet file.
pub(super) struct Binary<'w> {
    format: OutputFormat,
    writer: Option<Writer<'w>>,
    begun: Option<Begun<'w>>,
    rows: usize,
}

enum Begun<'w> {
    Arrow(Box<StreamWriter<Writer<'w>>>),
    Parquet(Box<ArrowWriter<Writer<'w>>>),
}

impl<'w> Binary<'w> {
    pub(super) fn new(format: OutputFormat, writer: Writer<'w>) -> Self {
        Self {
            format,
            writer: Some(writer),
            begun: None,
            rows: 0,
        }
    }
}

impl Renderer for Binary<'_> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<(), Error> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        self.begun = Some(match self.format {
            OutputFormat::Parquet => {
                let file = ArrowWriter::try_new(writer, Arc::clone(schema), None);
                Begun::Parquet(Box::new(file.map_err(unwritten)?))
            }
            _ => Begun::Arrow(Box::new(StreamWriter::try_new(writer, schema)?)),
        });
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.rows += batch.num_rows();
        match &mut self.begun {
            Some(Begun::Arrow(stream)) => Ok(stream.write(batch)?),
            Some(Begun::Parquet(file)) => file.write(batch).map_err(unwritten),
            None => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<Summary, Error> {
        match self.begun.take() {
            Some(Begun::Arrow(mut stream)) => {
                stream.finish()?;
                stream.get_mut().flush()?;
            }
            Some(Begun::Parquet(file)) => file.into_inner().map_err(unwritten)?.flush()?,
            None => {}
        }
        Ok(Summary {
            rows: self.rows,
            ..Summary::default()
        })
    }

    /// Writes what is ready of a stream. A file is written at the end only.
    fn flush(&mut self) -> Result<(), Error> {
        match &mut self.begun {
            Some(Begun::Arrow(stream)) => Ok(stream.get_mut().flush()?),
            _ => Ok(()),
        }
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
    use super::super::testing::{batch, keys, strings};
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
