//! Objects that carry the JSON they were read from.
//!
//! The columns of the service's tables are typed objects: members that no column declares are not among their fields, and
//! every declared one is, in the order of the declaration. The JSON functions see what the service sent, so such an object
//! has one more field, which holds its JSON. It travels with the object through joins, views and aggregates, cannot be
//! named, and is taken out again where rows leave the engine. Depends on Arrow alone.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait, RecordBatch, RecordBatchOptions,
    StringArray, StructArray,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

/// The name of the field. Nobody types a control character in a name.
const NAME: &str = "\u{1}json";

/// Returns the field that holds the JSON of an object.
pub(crate) fn field() -> Field {
    Field::new(NAME, DataType::Utf8, true)
}

/// Returns true for the field that holds the JSON of an object.
pub(crate) fn is_source(field: &Field) -> bool {
    field.name() == NAME
}

/// Returns true for an object that carries its JSON.
pub(crate) fn is_in(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Struct(fields) if fields.iter().any(|field| is_source(field)))
}

/// Returns the JSON of each of the objects in `array`, if they carry it.
pub(crate) fn of(array: &dyn Array) -> Option<&StringArray> {
    let objects = array.as_struct_opt()?;
    objects.column_by_name(NAME)?.as_string_opt()
}

/// Returns `data_type` without the JSON of any object in it.
pub(crate) fn without_type(data_type: &DataType) -> DataType {
    let item = |item: &FieldRef| Arc::new(without_field(item));
    match data_type {
        DataType::Struct(fields) => DataType::Struct(without_fields(fields)),
        DataType::List(field) => DataType::List(item(field)),
        DataType::LargeList(field) => DataType::LargeList(item(field)),
        other => other.clone(),
    }
}

/// Returns `schema` without the JSON of any object in it.
pub(crate) fn without_schema(schema: &SchemaRef) -> SchemaRef {
    let fields = without_fields(schema.fields());
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// Returns `batch` without the JSON of any object in it.
///
/// No failure is known: arrays keep their lengths.
pub(crate) fn without(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(without_array);
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(without_schema(&batch.schema()), columns, &options)
}

/// Returns `array` without the JSON of any object in it.
///
/// Fails as [`without`] does.
pub(crate) fn without_array(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match array.data_type() {
        DataType::Struct(fields) => {
            let objects = array.as_struct();
            let columns = fields.iter().zip(objects.columns());
            let kept = columns.filter(|(field, _)| !is_source(field));
            let columns = kept
                .map(|(_, column)| without_array(column))
                .collect::<Result<Vec<_>, _>>()?;
            let (fields, nulls) = (without_fields(fields), objects.nulls().cloned());
            Arc::new(StructArray::try_new_with_length(
                fields,
                columns,
                nulls,
                array.len(),
            )?)
        }
        DataType::List(item) => without_items::<i32>(array, item)?,
        DataType::LargeList(item) => without_items::<i64>(array, item)?,
        _ => Arc::clone(array),
    })
}

fn without_items<O: OffsetSizeTrait>(
    array: &ArrayRef,
    item: &FieldRef,
) -> Result<ArrayRef, ArrowError> {
    let list = array.as_list::<O>();
    Ok(Arc::new(GenericListArray::<O>::try_new(
        Arc::new(without_field(item)),
        list.offsets().clone(),
        without_array(list.values())?,
        list.nulls().cloned(),
    )?))
}

fn without_fields(fields: &Fields) -> Fields {
    let kept = fields.iter().filter(|field| !is_source(field));
    kept.map(|field| without_field(field)).collect()
}

fn without_field(field: &Field) -> Field {
    let data_type = without_type(field.data_type());
    field.clone().with_data_type(data_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two objects `{"a": …}` that carry their JSON, the second one without any.
    fn objects() -> ArrayRef {
        let a = Arc::new(StringArray::from(vec!["x", "y"])) as ArrayRef;
        let json = StringArray::from(vec![Some(r#"{"a":"x","b":1}"#), None]);
        let fields = vec![Field::new("a", DataType::Utf8, true), field()];
        let columns = vec![a, Arc::new(json) as ArrayRef];
        Arc::new(StructArray::try_new(fields.into(), columns, None).unwrap())
    }

    #[test]
    fn objects_are_told_from_those_without_their_json() {
        let objects = objects();
        assert!(is_in(objects.data_type()));
        assert_eq!(of(&objects).unwrap().value(0), r#"{"a":"x","b":1}"#);
        let bare = without_array(&objects).unwrap();
        assert!(!is_in(bare.data_type()) && of(&bare).is_none());
        assert_eq!(bare.as_struct().column_names(), ["a"]);
    }

    #[test]
    fn it_is_taken_out_at_every_depth() {
        let inner = objects();
        let item = Arc::new(Field::new_list_field(inner.data_type().clone(), true));
        let offsets = datafusion::arrow::buffer::OffsetBuffer::from_lengths([2, 0]);
        let list = GenericListArray::<i32>::try_new(item, offsets, inner, None).unwrap();
        let schema = Schema::new(vec![Field::new("l", list.data_type().clone(), true)]);
        let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(list)]).unwrap();
        let bare = without(&batch).unwrap();
        let text = format!("{:?}", bare.schema());
        assert!(!text.contains("json"), "{text}");
        assert_eq!(bare.column(0).as_list::<i32>().value(0).len(), 2);
    }
}
