//! DESCRIBE of tables and of methods.

use sqlparser::tokenizer::Token;

use super::names::expect_method;
use super::statement::{Answer, Describe, Filter, Stackql};
use crate::dialect::error::Error;
use crate::dialect::tokens::Cursor;
use crate::resource::{self, Access, Column, Method, Operation, Relation, Resource, Type};

impl Describe {
    /// Returns the columns of `resource`: those of `SELECT *`, or with EXTENDED every nested field too.
    pub(crate) fn of_resource(&self, resource: &Resource) -> Answer {
        let name_and_type = |path: &str, column: &Column| {
            vec![Some(path.to_owned()), Some(column.ty.label().to_owned())]
        };
        if !self.extended {
            let columns = resource.fields().into_iter();
            return Answer {
                columns: vec!["name", "type"],
                rows: columns.map(|c| name_and_type(c.name, c)).collect(),
                filter: self.filter.clone(),
            };
        }
        let rows = resource.paths().into_iter().map(|(path, column)| {
            let mut row = name_and_type(&path, column);
            row.push(Some(column.description.to_owned()));
            row.push(Some(writable(column).to_owned()));
            row.push(resource.sent_as(&path));
            row
        });
        Answer {
            columns: vec!["name", "type", "description", "writable", "pushed_down"],
            rows: rows.collect(),
            filter: self.filter.clone(),
        }
    }
}

pub(super) fn read(mut tokens: Cursor<'_>) -> Result<Option<Stackql>, Error> {
    let mut extended = tokens.take("extended");
    if tokens.take("method") {
        extended |= tokens.take("extended");
        let (name, place) = tokens.name_and_place();
        tokens.expect_end()?;
        let (resource, method) = expect_method(&name).map_err(|error| error.at(place))?;
        return Ok(Some(Stackql::Answer(of_method(resource, method, extended))));
    }
    // A file, whose columns are those of a table.
    if let Some(Token::SingleQuotedString(file)) = tokens.peek() {
        let name = vec![file.clone()];
        tokens.advance();
        return Ok(tokens.is_done().then_some(Stackql::Describe(Describe {
            name,
            extended,
            filter: Filter::None,
        })));
    }
    let (name, place) = tokens.name_and_place();
    if let [table @ .., method] = name.as_slice()
        && table.len() == 3
        && let Some(Relation::Table(_)) = resource::named(table)
    {
        return Err(Error::new(format!("`{method}` is not a table"))
            .at(place)
            .hint(format!("write DESCRIBE METHOD {}", name.join("."))));
    }
    // DESCRIBE of a query is the engine's.
    if name.is_empty() || !tokens.is_done() {
        return Ok(None);
    }
    Ok(Some(Stackql::Describe(Describe {
        name,
        extended,
        filter: Filter::None,
    })))
}

/// Returns who may set a column, and when.
fn writable(column: &Column) -> &'static str {
    match column.access {
        Access::ReadOnly => "no",
        Access::OnCreate => "on INSERT",
        Access::Writable => "yes",
    }
}

/// Returns the type of a column in the JSON of a method, as StackQL names it.
fn type_name(column: &Column) -> &'static str {
    match column.ty {
        Type::Text | Type::Secret => "string",
        Type::Timestamp => "timestamp",
        Type::Date => "date",
        Type::Integer => "integer",
        Type::Boolean => "boolean",
        Type::Json | Type::Object(_) | Type::Lifted(_) => "object",
    }
}

fn of_method(resource: &Resource, method: &Method, extended: bool) -> Answer {
    let mut rows: Vec<Vec<Option<String>>> = Vec::new();
    let mut add = |name: &str, ty: &str, param: &str, shape: String, description: &str| {
        let mut row = vec![
            Some(name.to_owned()),
            Some(ty.to_owned()),
            Some(param.to_owned()),
            Some(shape),
        ];
        if extended {
            row.push(Some(description.to_owned()));
        }
        rows.push(row);
    };
    let written = |column: &Column| match method.operation {
        Operation::Update => column.access == Access::Writable,
        _ => column.access != Access::ReadOnly,
    };
    for required in [true, false] {
        for parameter in method
            .parameters
            .iter()
            .filter(|p| p.is_required == required)
        {
            let kind = match required {
                true => "input_required",
                false => "input_optional",
            };
            let body = resource
                .find(&[parameter.name])
                .filter(|_| parameter.ty == "object");
            let shape = body.map_or_else(String::new, |column| shape(column, &written).to_string());
            add(
                parameter.name,
                parameter.ty,
                kind,
                shape,
                parameter.description,
            );
        }
    }
    if method.has_output() {
        let mut outputs: Vec<&Column> = members(resource).collect();
        outputs.sort_by_key(|column| column.name);
        for column in outputs {
            let shape = match column.ty {
                Type::Object(_) => shape(column, &|_| true).to_string(),
                _ => String::new(),
            };
            add(
                column.name,
                type_name(column),
                "output",
                shape,
                column.description,
            );
        }
    }
    let mut columns = vec!["name", "type", "param_type", "shape"];
    if extended {
        columns.push("description");
    }
    Answer::new(columns, rows)
}

/// Returns the columns that are members of the service's object.
pub(super) fn members(resource: &Resource) -> impl Iterator<Item = &'static Column> {
    resource
        .columns
        .iter()
        // What is lifted out of an object is in it already.
        .filter(|column| column.name == column.json && !matches!(column.ty, Type::Lifted(_)))
}

/// Returns the JSON Schema of a column, with the fields that `wanted` accepts.
fn shape(column: &Column, wanted: &dyn Fn(&Column) -> bool) -> serde_json::Value {
    let object = |columns: &[Column]| {
        let properties: serde_json::Map<String, serde_json::Value> = columns
            .iter()
            .filter(|column| wanted(column))
            .map(|column| (column.json.to_owned(), shape(column, wanted)))
            .collect();
        serde_json::json!({"properties": properties, "type": "object"})
    };
    match column.ty {
        Type::Object(columns) | Type::Lifted(columns) => object(columns),
        Type::Timestamp => serde_json::json!({"format": "date-time", "type": "string"}),
        Type::Date => serde_json::json!({"format": "date", "type": "string"}),
        Type::Integer | Type::Boolean => serde_json::json!({"type": type_name(column)}),
        _ => serde_json::json!({"type": "string"}),
    }
}
