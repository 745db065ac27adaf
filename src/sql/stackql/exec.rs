//! EXEC: a method by its name, turned into the SQL that does the same, so that the same guards hold.

use std::collections::BTreeMap;

use sqlparser::tokenizer::{Span, Token};

use super::describe::members;
use super::tokens::Tokens;
use super::{Stackql, expect_method, unknown};
use crate::dialect::error::Error;
use crate::resource::{Method, Operation, Resource, Writes};

/// The parameters of a call: their values, and where they were typed.
type Arguments = BTreeMap<String, (String, Span)>;

/// Reads what follows `EXPLAIN`; None if that is no EXEC.
pub(super) fn explained(mut tokens: Tokens) -> Result<Option<Stackql>, Error> {
    let explain = match tokens.take("analyze") {
        true => "EXPLAIN ANALYZE",
        false => "EXPLAIN",
    };
    if !tokens.take("exec") {
        return Ok(None);
    }
    Ok(match read(tokens)? {
        Stackql::Sql { sql, .. } => Some(Stackql::Sql {
            sql: format!("{explain} {sql}"),
            shows_rows: true,
        }),
        _ => None,
    })
}

pub(super) fn read(mut tokens: Tokens) -> Result<Stackql, Error> {
    let shows_rows = tokens.has_hint("SHOWRESULTS");
    let (name, place) = tokens.name_and_place();
    let (resource, method) = expect_method(&name).map_err(|error| error.at(place))?;
    let mut arguments = Arguments::new();
    let mut body = None;
    while !tokens.is_done() {
        let place = tokens.span();
        let name = argument_name(&mut tokens)?;
        if !tokens.take_symbol(&Token::Eq) {
            return Err(tokens.unexpected("="));
        }
        let value = argument_value(&mut tokens)?;
        match name.strip_prefix('@') {
            Some("json") if body.is_some() => return Err(twice("@@json").at(place)),
            Some("json") => body = Some((value, place)),
            Some(_) => {
                return Err(Error::new(format!("no parameter `@{name}`"))
                    .at(place)
                    .hint("a body is given as @@json = '{…}'"));
            }
            None => {
                check_argument(method, &name, place)?;
                if arguments.contains_key(&name) {
                    return Err(twice(&format!("@{name}")).at(place));
                }
                arguments.insert(name, (value, place));
            }
        }
        tokens.take_symbol(&Token::Comma);
    }
    let sql = sql(resource, method, &arguments, body, shows_rows)?;
    // The secret of a new key is in the answer and nowhere else, so it is shown whatever was asked for.
    let shows_rows = shows_rows || method.operation == Operation::Create;
    Ok(Stackql::Sql { sql, shows_rows })
}

/// Takes `@name`, `@"name"` or `@@json`, and returns it without the first `@`.
fn argument_name(tokens: &mut Tokens) -> Result<String, Error> {
    let unexpected = tokens.unexpected("a parameter such as @id");
    match tokens.advance() {
        Some(Token::Word(word)) if word.value.starts_with('@') => {
            let name = word.value[1..].to_lowercase();
            if name.is_empty() {
                return tokens.word().ok_or(unexpected);
            }
            // The rest of a name with dots in it.
            let mut name = name;
            while tokens.take_symbol(&Token::Period) {
                name.push('.');
                name.push_str(&tokens.word().unwrap_or_default());
            }
            Ok(name)
        }
        Some(Token::Placeholder(name)) if name.starts_with('@') => Ok(name[1..].to_lowercase()),
        Some(Token::AtSign) => match tokens.take_symbol(&Token::AtSign) {
            true => tokens
                .word()
                .map(|name| format!("@{name}"))
                .ok_or(unexpected),
            false => tokens.word().ok_or(unexpected),
        },
        _ => Err(unexpected),
    }
}

fn argument_value(tokens: &mut Tokens) -> Result<String, Error> {
    let unexpected = tokens.unexpected("a value such as 'text'");
    match tokens.advance() {
        Some(Token::SingleQuotedString(text) | Token::Number(text, _)) => Ok(text),
        Some(Token::Word(word)) if word.quote_style == Some('"') => Ok(word.value),
        Some(Token::Word(word))
            if ["true", "false"].contains(&word.value.to_lowercase().as_str()) =>
        {
            Ok(word.value.to_lowercase())
        }
        _ => Err(unexpected),
    }
}

fn twice(parameter: &str) -> Error {
    Error::new(format!("`{parameter}` is given twice"))
        .hint("a method is called once: leave one out")
}

fn check_argument(method: &Method, name: &str, place: Span) -> Result<(), Error> {
    let in_path_or_query = method.parameters.iter().filter(|p| p.ty != "object");
    let known: Vec<&str> = in_path_or_query.map(|p| p.name).collect();
    if known.contains(&name) {
        return Ok(());
    }
    let body = method.parameters.iter().find(|p| p.ty == "object");
    let error = match (name, body) {
        ("page_token", _) => Error::new("no parameter `page_token`")
            .hint("leave it out: the pages are walked for you, and the answer is complete"),
        (name, Some(body)) if name.strip_prefix("data__").unwrap_or(name) == body.name => {
            Error::new(format!("no parameter `{name}`"))
                .hint("the body is given whole, as @@json = '{\"spec\": {…}}'")
        }
        _ => {
            let is_end = |known: &&&str| known.rsplit('.').next() == Some(name);
            match known.iter().find(is_end) {
                Some(known) => Error::new(format!("no parameter `{name}`"))
                    .hint(format!("did you mean @\"{known}\"?")),
                None => {
                    let body = body.map(|_| "@json");
                    unknown("parameter", name, known.into_iter().chain(body))
                }
            }
        }
    };
    Err(error.at(place))
}

fn sql(
    resource: &Resource,
    method: &Method,
    arguments: &Arguments,
    body: Option<(String, Span)>,
    shows_rows: bool,
) -> Result<String, Error> {
    let table = resource.full_name();
    // A method with a body is of no use without one, whatever the service calls required.
    for parameter in method
        .parameters
        .iter()
        .filter(|p| p.is_required || p.ty == "object")
    {
        let is_given = match parameter.ty {
            "object" => body.is_some(),
            _ => arguments
                .get(parameter.name)
                .is_some_and(|(value, _)| !value.is_empty()),
        };
        if !is_given {
            let (name, example) = match parameter.ty {
                "object" => ("@@json", "@@json = '{\"spec\": {…}}'".to_owned()),
                _ => ("@id", "@id = '…'".to_owned()),
            };
            return Err(Error::new(format!("`{}` needs {name}", method.name))
                .hint(format!("add {example}")));
        }
    }
    if let (Some((_, place)), false) = (&body, method.parameters.iter().any(|p| p.ty == "object")) {
        return Err(Error::new(format!("`{}` takes no body", method.name)).at(*place));
    }
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let condition = |column: &str, name: &str| {
        arguments
            .get(name)
            .map(|(value, _)| format!("{column} = {}", quoted(value)))
    };
    let by_id = condition("id", "id").unwrap_or_default();
    let id = arguments.get("id").map(|(id, _)| id.as_str());
    let spec =
        body.map(|(body, place)| spec_of(resource, &body, id).map_err(|error| error.at(place)));
    let spec = quoted(&spec.transpose()?.unwrap_or_default());
    let returning = if shows_rows { " RETURNING *" } else { "" };
    Ok(match method.operation {
        Operation::Get => format!("SELECT * FROM {table} WHERE {by_id}"),
        Operation::List => {
            let filters = resource.filters.iter();
            let conditions = filters.filter_map(|f| condition(f.column, f.parameter));
            let conditions: Vec<String> = conditions.collect();
            match conditions.as_slice() {
                [] => format!("SELECT * FROM {table}"),
                _ => format!("SELECT * FROM {table} WHERE {}", conditions.join(" AND ")),
            }
        }
        Operation::Create => format!("INSERT INTO {table} (spec) SELECT {spec}{returning}"),
        Operation::Update => {
            format!("UPDATE {table} SET spec = {spec} WHERE {by_id}{returning}")
        }
        Operation::Delete => format!("DELETE FROM {table} WHERE {by_id}"),
    })
}

/// Returns the `spec` in the body of a request about the object `id` of `resource`.
fn spec_of(resource: &Resource, body: &str, id: Option<&str>) -> Result<String, Error> {
    let body = crate::sql::spec::parse(body).map_err(|mut error| {
        error.message = error.message.replace("`spec`", "@@json");
        error
    })?;
    let Some(spec) = body.get(Writes::BODY) else {
        return Err(Error::new("@@json has no `spec`")
            .hint("it is the whole body of the request: '{\"spec\": {…}}'"));
    };
    for (name, value) in &body {
        // What a body may repeat of the key that it is about; the service sets the rest.
        let is_same = match name.as_str() {
            Writes::BODY => true,
            "id" => value.as_str() == id,
            "api_version" => value == resource.api_version,
            "kind" => value == resource.kind,
            "metadata" => false,
            _ => {
                let known = members(resource).map(|column| column.name);
                return Err(unknown("member of @@json", name, known));
            }
        };
        if !is_same && !value.is_null() {
            return Err(Error::new(format!(
                "`{name}` in @@json is read-only: the service sets it"
            ))
            .hint("leave it out"));
        }
    }
    Ok(spec.to_string())
}
