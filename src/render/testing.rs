//! Batches that the tests of several formats share, and a writer that keeps what it got.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray, TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, TimeUnit};

use super::{OutputFormat, RenderOptions, Summary, escape_controls, renderer};

/// Renders batches of one schema, and returns what was written.
pub(crate) fn render(
    format: OutputFormat,
    options: &RenderOptions,
    batches: &[RecordBatch],
) -> (String, Summary) {
    let mut written = Vec::new();
    let mut renderer = renderer(format, options, Box::new(&mut written));
    renderer.begin(&batches[0].schema()).unwrap();
    for batch in batches {
        renderer.batch(batch).unwrap();
    }
    let summary = renderer.finish().unwrap();
    drop(renderer);
    (String::from_utf8(written).unwrap(), summary)
}

/// Renders one batch with default options.
pub(crate) fn plain(format: OutputFormat, batch: &RecordBatch) -> String {
    render(
        format,
        &RenderOptions::default(),
        std::slice::from_ref(batch),
    )
    .0
}

/// Writes out what a snapshot cannot hold, line by line.
pub(crate) fn visible(text: &str) -> String {
    text.lines()
        .map(|line| format!("{}\n", escape_controls(line)))
        .collect()
}

/// Makes a batch of columns by name.
pub(crate) fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
        .collect();
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

/// Makes a column of strings.
pub(crate) fn strings<const N: usize>(values: [Option<&str>; N]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// Marks a column as one of JSON documents.
pub(crate) fn document_field(name: &str) -> Field {
    let metadata = HashMap::from([("ARROW:extension:name".to_owned(), "arrow.json".to_owned())]);
    Field::new(name, DataType::Utf8, true).with_metadata(metadata)
}

fn times(values: [Option<i64>; 4]) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(values.to_vec()).with_timezone("UTC"))
}

fn reference(ids: [Option<&str>; 4], environments: [Option<&str>; 4]) -> ArrayRef {
    let fields = Fields::from(vec![
        Field::new("id", DataType::Utf8, true),
        Field::new("environment", DataType::Utf8, true),
    ]);
    let nulls = NullBuffer::from_iter(ids.iter().map(Option::is_some));
    Arc::new(StructArray::new(
        fields,
        vec![strings(ids), strings(environments)],
        Some(nulls),
    ))
}

/// Four keys that hold what makes rendering hard: nested structs and lists, timestamps, NULL at every level, empty
/// strings, wide characters, combining marks and emoji.
pub(crate) fn keys() -> RecordBatch {
    let created = times([
        Some(1_767_413_106_000_000),
        Some(1_767_413_106_811_920),
        None,
        Some(-1),
    ]);
    let owner = reference([Some("sa-1"), Some("u-2"), None, Some("sa-4")], [None; 4]);
    let resource = reference(
        [
            Some("lkc-1"),
            Some("aws.us-east-1"),
            Some("cloud"),
            Some("lsrc-3"),
        ],
        [Some("env-1"), Some("env-9"), None, Some("")],
    );
    let item: FieldRef = Arc::new(Field::new("item", resource.data_type().clone(), true));
    let resources = ListArray::new(
        Arc::clone(&item),
        OffsetBuffer::from_lengths([2, 0, 1, 1]),
        resource,
        Some(NullBuffer::from(vec![true, true, false, true])),
    );
    let spec = Fields::from(vec![
        Field::new("display_name", DataType::Utf8, true),
        Field::new(
            "expires_at",
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            true,
        ),
        Field::new("owner", owner.data_type().clone(), true),
        Field::new("resources", DataType::List(item), true),
    ]);
    let name = strings([
        Some("billing"),
        Some("決済サービス"),
        Some(""),
        Some("line\nbreak \u{1b}[31m"),
    ]);
    let spec_columns = vec![
        Arc::clone(&name),
        Arc::clone(&created),
        owner,
        Arc::new(resources),
    ];
    let spec = StructArray::new(
        spec,
        spec_columns,
        Some(NullBuffer::from(vec![true, true, true, false])),
    );

    let schema = Schema::new(vec![
        Field::new("id", DataType::Utf8, true),
        Field::new("display_name", DataType::Utf8, true),
        Field::new("description", DataType::Utf8, true),
        document_field("_spec"),
        Field::new("spec", spec.data_type().clone(), true),
        Field::new("age_days", DataType::Int64, true),
        Field::new("created_at", created.data_type().clone(), true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        strings([
            Some("AAAABBBBCCCC2222"),
            Some("KEY2"),
            Some("KEY3"),
            Some("KEY4"),
        ]),
        name,
        strings([
            Some("cafe\u{301}, \"quoted\""),
            Some("👩\u{200d}💻 team | ops"),
            None,
            Some(" \u{202e}desrever"),
        ]),
        strings([
            Some("{\n  \"a\": [1, null]\n}"),
            Some("{\"b\":\"x y\"}"),
            None,
            Some("not json"),
        ]),
        Arc::new(spec),
        Arc::new(Int64Array::from(vec![
            Some(7),
            Some(i64::MIN),
            None,
            Some(120),
        ])),
        created,
    ];
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

/// Two columns whose looks are Arrow's: a boolean and a float, with what JSON has no number for.
pub(crate) fn scalars() -> RecordBatch {
    batch([
        (
            "ok",
            Arc::new(BooleanArray::from(vec![
                Some(true),
                None,
                Some(false),
                None,
            ])),
        ),
        (
            "ratio",
            Arc::new(Float64Array::from(vec![
                1.5,
                f64::NAN,
                f64::NEG_INFINITY,
                1.0,
            ])),
        ),
    ])
}
