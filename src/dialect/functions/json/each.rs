//! `json_each` and `json_tree`: JSON as rows.
//!
//! Turns one JSON value into the rows of SQLite's table functions, as a list of structs that `lateral` unnests. The
//! columns are SQLite's; `value` and `atom` are text, containers in `value` JSON.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int64Builder, ListArray, StringBuilder, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, Volatility};

use super::node::Node;
use super::path::{self, Step};
use crate::dialect::functions::error::Error;
use crate::dialect::functions::internal::InternalFunction;
use crate::dialect::functions::scalar::{Arity, anything, columns};
use crate::dialect::functions::value::{Value, json_containers_field};

const ARITY: Arity = Arity::Between(1, 2);

/// The columns of both functions, in order.
pub(crate) static COLUMNS: LazyLock<Fields> = LazyLock::new(|| {
    let text = |name: &str| -> FieldRef { Field::new(name, DataType::Utf8, true).into() };
    let number = |name: &str| -> FieldRef { Field::new(name, DataType::Int64, true).into() };
    Fields::from(vec![
        text("key"),
        json_containers_field("value"),
        text("type"),
        text("atom"),
        number("id"),
        number("parent"),
        text("fullkey"),
        text("path"),
    ])
});

/// Returns the function that makes a list of the rows of `json_each`, or of `json_tree` if `tree`.
pub(crate) fn rows_of(tree: bool) -> InternalFunction {
    let function = match tree {
        true => InternalFunction::new("json_tree_rows", 1, |args| rows(args, "json_tree"))
            .returning(|types| list_of_rows(types, "json_tree")),
        false => InternalFunction::new("json_each_rows", 1, |args| rows(args, "json_each"))
            .returning(|types| list_of_rows(types, "json_each")),
    };
    function.taking(anything(Volatility::Immutable))
}

fn list_of_rows(types: &[DataType], function: &'static str) -> Result<DataType> {
    ARITY.check(function, types.len())?;
    Ok(DataType::List(element()))
}

fn rows(args: &ScalarFunctionArgs, function: &'static str) -> Result<ColumnarValue> {
    let columns = columns(args)?;
    let mut table = Table::default();
    let mut lengths = Vec::with_capacity(args.number_rows);
    for row in 0..args.number_rows {
        let before = table.rows;
        let json = columns[0].value(row);
        let path = columns.get(1).map(|path| path.value(row));
        table.push_all(function, &json, path.as_ref())?;
        lengths.push(table.rows - before);
    }
    let rows: ArrayRef = Arc::new(table.finish()?);
    let list = ListArray::try_new(element(), OffsetBuffer::from_lengths(lengths), rows, None)?;
    Ok(ColumnarValue::Array(Arc::new(list)))
}

fn element() -> FieldRef {
    Field::new_list_field(DataType::Struct(COLUMNS.clone()), true).into()
}

/// A node on the way down, with what its row says of its place.
struct Place<'a> {
    node: &'a Node,
    key: Option<String>,
    /// SQLite's number of the node: every value and every name of a member counts, in order of the text.
    id: usize,
    parent: Option<usize>,
    fullkey: String,
    path: String,
}

impl<'a> Place<'a> {
    fn children(&self) -> Vec<Place<'a>> {
        let mut next = self.id + 1;
        let mut child = |node, key, fullkey, named: bool| {
            let id = next + usize::from(named);
            next = id + size(node);
            let key = Some(key);
            Place {
                node,
                key,
                id,
                parent: Some(self.id),
                fullkey,
                path: self.fullkey.clone(),
            }
        };
        match self.node {
            Node::Array(elements) => elements
                .iter()
                .enumerate()
                .map(|(i, node)| {
                    child(node, i.to_string(), format!("{}[{i}]", self.fullkey), false)
                })
                .collect(),
            Node::Object(members) => members
                .iter()
                .map(|(name, node)| {
                    let mut fullkey = self.fullkey.clone();
                    path::push_member(&mut fullkey, name);
                    child(node, name.clone(), fullkey, true)
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn step(self, step: &Step) -> Option<Self> {
        let mut children = self.children();
        let place = self.node.position(step)?;
        (place < children.len()).then(|| children.swap_remove(place))
    }
}

fn size(node: &Node) -> usize {
    1 + match node {
        Node::Array(elements) => elements.iter().map(size).sum(),
        Node::Object(members) => members.iter().map(|(_, node)| 1 + size(node)).sum(),
        _ => 0,
    }
}

#[derive(Default)]
struct Table {
    rows: usize,
    key: StringBuilder,
    value: StringBuilder,
    kind: StringBuilder,
    atom: StringBuilder,
    id: Int64Builder,
    parent: Int64Builder,
    fullkey: StringBuilder,
    path: StringBuilder,
}

impl Table {
    fn push_all(
        &mut self,
        function: &'static str,
        json: &Value<'_>,
        path: Option<&Value<'_>>,
    ) -> Result<(), Error> {
        let Some(json) = json.text() else {
            return Ok(());
        };
        let steps = match path {
            None => Vec::new(),
            Some(path) => match path.text() {
                None => return Ok(()),
                Some(path) => path::parse(&path)?,
            },
        };
        let node = Node::parse(function, &json)?;
        let root = Place {
            node: &node,
            key: None,
            id: 0,
            parent: None,
            fullkey: "$".to_owned(),
            path: "$".to_owned(),
        };
        let Some(mut top) = steps.iter().try_fold(root, |place, step| place.step(step)) else {
            return Ok(());
        };
        if function == "json_tree" {
            top.parent = None;
            self.push_tree(&top);
        } else if top.node.is_container() {
            for child in top.children() {
                self.push(&Place {
                    parent: None,
                    ..child
                });
            }
        } else {
            let path = top.fullkey.clone();
            self.push(&Place {
                key: None,
                parent: None,
                path,
                ..top
            });
        }
        Ok(())
    }

    fn push_tree(&mut self, place: &Place<'_>) {
        self.push(place);
        for child in place.children() {
            self.push_tree(&child);
        }
    }

    fn push(&mut self, place: &Place<'_>) {
        let number = |id: usize| i64::try_from(id).unwrap_or(i64::MAX);
        let value = place.node.to_value();
        let text = value.text();
        self.rows += 1;
        self.key.append_option(place.key.as_deref());
        self.value.append_option(text.as_deref());
        self.kind.append_value(place.node.type_name());
        self.atom
            .append_option(text.as_deref().filter(|_| !place.node.is_container()));
        self.id.append_value(number(place.id));
        self.parent.append_option(place.parent.map(number));
        self.fullkey.append_value(&place.fullkey);
        self.path.append_value(&place.path);
    }

    fn finish(mut self) -> Result<StructArray> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.key.finish()),
            Arc::new(self.value.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.atom.finish()),
            Arc::new(self.id.finish()),
            Arc::new(self.parent.finish()),
            Arc::new(self.fullkey.finish()),
            Arc::new(self.path.finish()),
        ];
        Ok(StructArray::try_new(COLUMNS.clone(), columns, None)?)
    }
}
