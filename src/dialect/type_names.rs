//! The names of types for people, the same in DESCRIBE, in `\d` and in messages. Pure.

use datafusion::arrow::datatypes::DataType;

/// Returns the name of an Arrow type, in the words that the columns of a resource have.
pub(crate) fn type_name(ty: &DataType) -> String {
    match ty {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text",
        DataType::Boolean => "boolean",
        ty if ty.is_integer() => "integer",
        ty if ty.is_numeric() => "number",
        DataType::Timestamp(..) => "timestamp",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::Interval(_) | DataType::Duration(_) => "interval",
        DataType::Struct(_) | DataType::Map(..) => "object",
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => {
            return format!("list of {}", type_name(item.data_type()));
        }
        DataType::Dictionary(_, values) => return type_name(values),
        other => return other.to_string().to_lowercase(),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::{Field, TimeUnit};

    use super::*;

    #[test]
    fn types_have_the_words_of_messages() {
        let list = DataType::List(Arc::new(Field::new("item", DataType::Int32, true)));
        for (ty, name) in [
            (DataType::Utf8View, "text"),
            (DataType::UInt64, "integer"),
            (DataType::Decimal128(10, 2), "number"),
            (DataType::Timestamp(TimeUnit::Second, None), "timestamp"),
            (DataType::Date32, "date"),
            (list, "list of integer"),
            (DataType::Null, "null"),
        ] {
            assert_eq!(type_name(&ty), name);
        }
    }
}
