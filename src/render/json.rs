//! json and jsonl: results for programs.
//!
//! json is one array with one object per line; jsonl is one object per line without an array. Both keep the order of the
//! columns, write every NULL as `null` at every level, and embed documents as documents. Objects are encoded straight from
//! the arrays into the buffer: a listing of 100,000 keys runs through this loop.

use std::io;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Fields;
use datafusion::arrow::json::Encoder;

use super::encode::{Nulls, ObjectEncoder, options};
use super::error::Error;
use super::output_buffer::OutputBuffer;
use super::renderer::{Format, Summary};

/// Rows as JSON objects.
///
/// Integers are written in full, NaN and infinities as `null`, timestamps as RFC 3339 with `Z`. If several columns have the
/// same name, the first keeps it and the others become `id_1`, `id_2` and so on, so that no value is lost.
pub(super) enum Json {
    /// json: the objects are the elements of one array.
    Array,
    /// jsonl.
    Lines,
}

impl Format for Json {
    type Columns<'a> = ObjectEncoder<'a>;

    fn begin(&mut self, _: &Fields, out: &mut Vec<u8>) -> Result<(), Error> {
        if let Self::Array = self {
            out.push(b'[');
        }
        Ok(())
    }

    fn columns<'a>(
        &self,
        fields: &'a Fields,
        batch: &'a RecordBatch,
    ) -> Result<Self::Columns<'a>, Error> {
        Ok(ObjectEncoder::try_new(
            fields,
            batch.columns(),
            options(Nulls::Explicit),
        )?)
    }

    fn row(
        &mut self,
        objects: &mut ObjectEncoder<'_>,
        row: usize,
        number: usize,
        out: &mut Vec<u8>,
    ) {
        match self {
            Self::Array => {
                out.extend_from_slice(if number == 0 { b"\n" } else { b",\n" });
                objects.encode(row, out);
            }
            Self::Lines => {
                objects.encode(row, out);
                out.push(b'\n');
            }
        }
    }

    fn end(&mut self, rows: usize, out: &mut OutputBuffer<'_>) -> io::Result<Summary> {
        if let Self::Array = self {
            let end: &[u8] = if rows == 0 { b"]\n" } else { b"\n]\n" };
            out.buffer.extend_from_slice(end);
        }
        Ok(Summary::default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        Array, ArrayRef, DictionaryArray, Int32Array, Int64Array, MapBuilder, StringBuilder,
        StructArray, UnionArray,
    };
    use datafusion::arrow::buffer::ScalarBuffer;
    use datafusion::arrow::datatypes::{DataType, Field, Fields, Int32Type, Schema, UnionFields};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::OutputFormat::{Json, Jsonl};
    use super::super::testing::{
        batch, document_field, keys, plain, render, scalars, strings, visible,
    };
    use super::super::{RenderOptions, cell_json};
    use super::*;

    #[test]
    fn jsonl_is_an_object_a_line_with_every_null() {
        insta::assert_snapshot!(visible(&plain(Jsonl, &keys())), @r#"
        {"id":"AAAABBBBCCCC2222","display_name":"billing","description":"café, \"quoted\"","_spec":{"a":[1,null]},"spec":{"display_name":"billing","expires_at":"2026-01-03T04:05:06Z","owner":{"id":"sa-1","environment":null},"resources":[{"id":"lkc-1","environment":"env-1"},{"id":"aws.us-east-1","environment":"env-9"}]},"age_days":7,"created_at":"2026-01-03T04:05:06Z"}
        {"id":"KEY2","display_name":"決済サービス","description":"👩‍💻 team | ops","_spec":{"b":"x y"},"spec":{"display_name":"決済サービス","expires_at":"2026-01-03T04:05:06.811920Z","owner":{"id":"u-2","environment":null},"resources":[]},"age_days":-9223372036854775808,"created_at":"2026-01-03T04:05:06.811920Z"}
        {"id":"KEY3","display_name":"","description":null,"_spec":null,"spec":{"display_name":"","expires_at":null,"owner":null,"resources":null},"age_days":null,"created_at":null}
        {"id":"KEY4","display_name":"line\nbreak \u001b[31m","description":" \u202edesrever","_spec":"not json","spec":null,"age_days":120,"created_at":"1969-12-31T23:59:59.999999Z"}
        "#);
    }

    #[test]
    fn json_is_one_array_over_all_batches() {
        let batch = batch([("n", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)]);
        let (text, summary) = render(
            Json,
            &RenderOptions::default(),
            &[batch.clone(), batch.slice(0, 0), batch],
        );
        assert_eq!(
            text,
            "[\n{\"n\":1},\n{\"n\":2},\n{\"n\":1},\n{\"n\":2}\n]\n"
        );
        assert_eq!(
            summary,
            Summary {
                rows: 4,
                ..Summary::default()
            }
        );
    }

    #[test]
    fn no_rows_are_an_empty_array_or_no_lines() {
        assert_eq!(plain(Json, &keys().slice(0, 0)), "[]\n");
        assert_eq!(plain(Jsonl, &keys().slice(0, 0)), "");
    }

    #[test]
    fn what_is_no_number_in_json_is_null() {
        assert_eq!(
            plain(Jsonl, &scalars()),
            "{\"ok\":true,\"ratio\":1.5}\n{\"ok\":null,\"ratio\":null}\n\
             {\"ok\":false,\"ratio\":null}\n{\"ok\":null,\"ratio\":1.0}\n"
        );
    }

    #[test]
    fn columns_of_one_name_all_keep_their_value() {
        let one = || Arc::new(Int32Array::from(vec![1])) as ArrayRef;
        let batch = batch([("id", one()), ("id", one()), ("id_1", one()), ("id", one())]);
        assert_eq!(
            plain(Jsonl, &batch),
            "{\"id\":1,\"id_2\":1,\"id_1\":1,\"id_3\":1}\n"
        );
    }

    #[test]
    fn documents_are_embedded_wherever_a_field_says_so() {
        let document = strings([Some("{ \"a\" : 1 }")]);
        let fields = Fields::from(vec![document_field("raw")]);
        let nested: ArrayRef =
            Arc::new(StructArray::new(fields, vec![Arc::clone(&document)], None));
        let schema = Schema::new(vec![
            document_field("_spec"),
            Field::new("nested", nested.data_type().clone(), true),
            Field::new("text", DataType::Utf8, true),
        ]);
        let batch = RecordBatch::try_new(
            Arc::new(schema),
            vec![Arc::clone(&document), nested, document],
        )
        .unwrap();
        assert_eq!(
            plain(Jsonl, &batch),
            "{\"_spec\":{\"a\":1},\"nested\":{\"raw\":{\"a\":1}},\"text\":\"{ \\\"a\\\" : 1 }\"}\n"
        );
    }

    #[test]
    fn nulls_behind_a_dictionary_are_nulls() {
        let values = strings([Some("x"), None]);
        let column = DictionaryArray::<Int32Type>::new(
            Int32Array::from(vec![Some(0), Some(1), None]),
            values,
        );
        let none = DictionaryArray::<Int32Type>::new(
            Int32Array::from(vec![None, None, None]),
            strings([]),
        );
        let batch = batch([("d", Arc::new(column) as ArrayRef), ("e", Arc::new(none))]);
        assert_eq!(
            plain(Jsonl, &batch),
            "{\"d\":\"x\",\"e\":null}\n{\"d\":null,\"e\":null}\n{\"d\":null,\"e\":null}\n"
        );
    }

    #[test]
    fn types_without_a_json_form_are_text() {
        let fields = UnionFields::from_fields(vec![
            Field::new("text", DataType::Utf8, true),
            Field::new("number", DataType::Int32, true),
        ]);
        let children = vec![
            strings([Some("a\"b"), None]),
            Arc::new(Int32Array::from(vec![0, 7])) as ArrayRef,
        ];
        let union =
            UnionArray::try_new(fields, ScalarBuffer::from(vec![0, 1]), None, children).unwrap();
        let mut map = MapBuilder::new(None, Int32Array::builder(1), StringBuilder::new());
        for key in [1, 2] {
            map.keys().append_value(key);
            map.values().append_value("v");
            map.append(true).unwrap();
        }
        let batch = batch([
            ("u", Arc::new(union) as ArrayRef),
            ("m", Arc::new(map.finish())),
        ]);
        let lines: Vec<Value> = plain(Jsonl, &batch)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines[0], json!({"u": "{text=a\"b}", "m": "{1: v}"}));
        assert_eq!(lines[1], json!({"u": "{number=7}", "m": "{2: v}"}));
    }

    #[test]
    fn one_cell_can_be_had_as_json() {
        let keys = keys();
        let schema = keys.schema();
        let cell = |column: usize, row| {
            cell_json(&schema.fields()[column], keys.column(column), row).unwrap()
        };
        assert_eq!(cell(0, 1), "\"KEY2\"");
        assert_eq!(cell(3, 0), "{\"a\":[1,null]}");
        assert_eq!(cell(4, 3), "null");
        assert_eq!(cell(6, 0), "\"2026-01-03T04:05:06Z\"");
    }

    proptest! {
        #[test]
        fn jsonl_reads_back_to_the_same_values(rows in prop::collection::vec((any::<Option<String>>(), any::<i64>()), 1..20)) {
            let text: ArrayRef = Arc::new(rows.iter().map(|(text, _)| text.as_deref()).collect::<datafusion::arrow::array::StringArray>());
            let number: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, number)| *number)));
            let fields = Fields::from(vec![Field::new("text", DataType::Utf8, true)]);
            let nested: ArrayRef = Arc::new(StructArray::new(fields, vec![Arc::clone(&text)], None));
            let written = plain(Jsonl, &batch([("text", text), ("number", number), ("nested", nested)]));
            let read: Vec<Value> = written.split_terminator('\n').map(|line| serde_json::from_str(line).unwrap()).collect();
            let expected: Vec<_> = rows
                .iter()
                .map(|(text, number)| json!({"text": text, "number": number, "nested": {"text": text}}))
                .collect();
            prop_assert_eq!(read, expected);
        }
    }
}
