//! Retells the engine's errors: what was typed, where, and the nearest thing that exists.

use std::sync::LazyLock;

use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use regex::Regex;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use crate::api;
use crate::error::{Error, ExitCode};
use crate::functions;
use crate::sql;
use crate::sql::dialect::IamqlDialect;
use crate::sql::error::nearest;
use crate::table::NotConnected;
use crate::table::columns::{self, COLUMNS};

/// Names listed in a hint; beyond it a list helps nobody.
const LISTED: usize = 12;

/// Retells `error`, which the statement `text` met; it begins at `line` of the script. `tables` are the names of all
/// tables and views.
pub(super) fn diagnose(error: &DataFusionError, text: &str, line: u64, tables: &[String]) -> Error {
    let root = error.find_root();
    if let DataFusionError::External(source) = root {
        return external(source.as_ref(), text, line);
    }
    if let DataFusionError::ArrowError(source, _) = root
        && let datafusion::arrow::error::ArrowError::ExternalError(source) = source.as_ref()
    {
        return external(source.as_ref(), text, line);
    }
    if let DataFusionError::IoError(source) = root {
        return Error::statement(source.to_string());
    }
    Error::in_statement(plan_error(error, root, text, tables), text, line)
}

fn external(
    source: &(dyn std::error::Error + Send + Sync + 'static),
    text: &str,
    line: u64,
) -> Error {
    if let Some(error) = source.downcast_ref::<api::Error>() {
        return error.into();
    }
    if let Some(error) = source.downcast_ref::<NotConnected>() {
        return error.clone().into();
    }
    if let Some(error) = source.downcast_ref::<functions::Error>() {
        let converted = sql::error::Error::new(error.to_string());
        let place = match error {
            functions::Error::UnknownField { field, .. } => find(text, field),
            _ => None,
        };
        let converted = match place {
            Some(span) => converted.at(span),
            None => converted,
        };
        let converted = match error.hint() {
            Some(hint) => converted.hint(hint),
            None => converted,
        };
        return Error::in_statement(converted, text, line);
    }
    if let Some(error) = source.downcast_ref::<DataFusionError>() {
        return diagnose(error, text, line, &[]);
    }
    Error {
        code: ExitCode::Statement,
        ..Error::statement(source.to_string())
    }
}

fn plan_error(
    error: &DataFusionError,
    root: &DataFusionError,
    text: &str,
    tables: &[String],
) -> sql::error::Error {
    let diagnostic = error.diagnostic();
    let span = diagnostic
        .and_then(|diagnostic| diagnostic.span)
        .map(|span| {
            let at = |location: datafusion::common::Location| {
                Location::new(location.line, location.column)
            };
            Span::new(at(span.start), at(span.end))
        });
    let mut retold = match root {
        DataFusionError::SchemaError(schema, _) => schema_error(schema),
        _ => {
            let message = root.message();
            nested_field(&message, text)
                .or_else(|| missing_parameter(&message, text))
                .or_else(|| unknown_table(&message, tables))
                .or_else(|| misplaced_subquery(&message))
                .unwrap_or_else(|| other(&message))
        }
    };
    if retold.span.is_none()
        && let Some(span) = span
    {
        retold = retold.at(span);
    }
    if retold.hint.is_none()
        && let Some(diagnostic) = diagnostic
        && let Some(help) = diagnostic.helps.first()
    {
        retold = retold.hint(tidy(&help.message));
    }
    retold
}

fn schema_error(error: &SchemaError) -> sql::error::Error {
    match error {
        SchemaError::FieldNotFound {
            field,
            valid_fields,
        } => unknown_column(field, valid_fields),
        SchemaError::AmbiguousReference { field } => sql::error::Error::new(format!(
            "column `{}` is in more than one of the tables",
            field.name
        ))
        .hint("put the table's name or alias before it"),
        SchemaError::DuplicateUnqualifiedField { name } => {
            sql::error::Error::new(format!("two columns of one query are called `{name}`"))
                .hint("give one of them another name with AS")
        }
        SchemaError::DuplicateQualifiedField { qualifier, name } => sql::error::Error::new(
            format!("two columns of one query are called `{qualifier}.{name}`"),
        )
        .hint("give one of them another name with AS"),
    }
}

fn unknown_column(field: &Column, valid: &[Column]) -> sql::error::Error {
    let typed = field.flat_name();
    let error = sql::error::Error::new(format!("no column `{typed}`"));
    let first = typed.split('.').next().unwrap_or(&typed).to_owned();
    let names: Vec<&str> = valid.iter().map(|column| column.name.as_str()).collect();
    if let Some(name) = nearest(&field.name, names.iter().copied()) {
        return error.hint(format!("did you mean `{name}`?"));
    }
    // `spce.owner.id`: the first step is what is wrong.
    if let (true, Some(name)) = (typed.contains('.'), nearest(&first, names.iter().copied())) {
        return error.hint(format!("did you mean `{name}{}`?", &typed[first.len()..]));
    }
    // `owner` alone, or `display_name`, is a field of `spec`.
    let keys = COLUMNS.iter().all(|column| names.contains(&column.name));
    let paths = columns::paths();
    let nested = paths.iter().find(|(path, _)| {
        path.split_once('.')
            .is_some_and(|(_, rest)| rest == typed || rest.replace('.', "_") == typed)
    });
    if let (true, Some((path, _))) = (keys, nested) {
        return error.hint(format!("did you mean `{path}`?"));
    }
    match names.len() {
        0 => error,
        1..=LISTED => error.hint(format!("columns here: {}", names.join(", "))),
        _ => error.hint(format!(
            "columns here: {}, …; DESCRIBE lists all",
            names[..LISTED].join(", ")
        )),
    }
}

/// Retells "Field x not found in struct", which comes without a place.
fn nested_field(message: &str, text: &str) -> Option<sql::error::Error> {
    static PATTERN: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"Field (\w+) not found in struct").ok());
    let name = PATTERN.as_ref()?.captures(message)?.get(1)?.as_str();
    let (span, parent) = field_in(text, name)?;
    let error = sql::error::Error::new(format!("no field `{name}` in `{parent}`")).at(span);
    let path: Vec<&str> = parent.split('.').collect();
    let Some(column) = columns::find(&path) else {
        return Some(error);
    };
    let fields: Vec<&str> = column.ty.fields().iter().map(|field| field.name).collect();
    Some(match nearest(name, fields.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{parent}.{near}`?")),
        None => error.hint(format!("fields of `{parent}`: {}", fields.join(", "))),
    })
}

/// Finds where `name` is used as a field, and of what.
fn field_in(text: &str, name: &str) -> Option<(Span, String)> {
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    Tokenizer::new(&IamqlDialect, text)
        .tokenize_with_location_into_buf(&mut tokens)
        .ok()?;
    let tokens: Vec<_> = tokens
        .into_iter()
        .filter(|t| !matches!(t.token, Token::Whitespace(_)))
        .collect();
    let mut path: Vec<String> = Vec::new();
    let mut continues = false;
    for token in tokens {
        let step = match &token.token {
            Token::Word(word) if word.quote_style.is_some() => word.value.clone(),
            Token::Word(word) => word.value.to_lowercase(),
            Token::SingleQuotedString(text) => text.clone(),
            Token::Period | Token::LBracket | Token::Arrow | Token::LongArrow => {
                continues = true;
                continue;
            }
            Token::RBracket => continue,
            _ => {
                path.clear();
                continues = false;
                continue;
            }
        };
        // What stands before the column, an alias or a schema, is no part of the path.
        if !continues || columns::find(std::slice::from_ref(&step)).is_some() {
            path.clear();
        }
        if continues && step == name && !path.is_empty() {
            return Some((token.span, path.join(".")));
        }
        path.push(step);
        continues = false;
    }
    None
}

/// Finds the first place where the word `name` stands in `text`.
fn find(text: &str, name: &str) -> Option<Span> {
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    Tokenizer::new(&IamqlDialect, text)
        .tokenize_with_location_into_buf(&mut tokens)
        .ok()?;
    tokens.into_iter().find_map(|token| match &token.token {
        Token::Word(word) if word.value.eq_ignore_ascii_case(name) => Some(token.span),
        Token::SingleQuotedString(text) if text.contains(name) => Some(token.span),
        Token::Placeholder(placeholder) if placeholder == name => Some(token.span),
        _ => None,
    })
}

/// Retells that `$name` has no value.
fn missing_parameter(message: &str, text: &str) -> Option<sql::error::Error> {
    static PATTERN: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"[Pp]laceholder '?(\$\w+)'? was not provided").ok());
    let name = PATTERN.as_ref()?.captures(message)?.get(1)?.as_str();
    let error = sql::error::Error::new(format!("parameter `{name}` has no value")).hint(format!(
        "pass it as --param {}=…",
        name.trim_start_matches('$')
    ));
    Some(match find(text, name) {
        Some(span) => error.at(span),
        None => error,
    })
}

fn unknown_table(message: &str, tables: &[String]) -> Option<sql::error::Error> {
    static PATTERN: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"table '([^']+)' not found").ok());
    let full = PATTERN.as_ref()?.captures(message)?.get(1)?.as_str();
    let name = full
        .strip_prefix("confluent.iam.")
        .unwrap_or(full)
        .to_owned();
    let is_file = name.contains('/')
        || [".csv", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow"]
            .iter()
            .any(|ending| name.ends_with(ending));
    if is_file {
        return Some(sql::error::Error::new(format!("no file `{name}`")));
    }
    let error = sql::error::Error::new(format!("no table `{name}`"));
    let last = name.rsplit('.').next().unwrap_or(&name);
    Some(match nearest(last, tables.iter().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("tables here: {}", tables.join(", "))),
    })
}

/// Retells that the engine can test a subquery in a condition and nowhere else.
fn misplaced_subquery(message: &str) -> Option<sql::error::Error> {
    let what = [
        ("expression Exists(", "EXISTS (SELECT …)"),
        ("expression InSubquery(", "IN (SELECT …)"),
    ];
    let (_, what) = what.iter().find(|(mark, _)| message.contains(mark))?;
    Some(
        sql::error::Error::new(format!("{what} cannot stand here"))
            .hint("it can stand in WHERE; elsewhere, join, or compare (SELECT count(*) …) with 0"),
    )
}

fn other(message: &str) -> sql::error::Error {
    let message = tidy(message);
    match message.split_once("Did you mean ") {
        Some((message, near)) => {
            let near = near.trim_end_matches(['?', '.']).replace('\'', "`");
            sql::error::Error::new(message.trim_end().trim_end_matches('.'))
                .hint(format!("did you mean {near}?"))
        }
        None => sql::error::Error::new(message),
    }
}

/// Makes a message of the engine look like ours, and shortens the types in it.
fn tidy(message: &str) -> String {
    static QUOTED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"'([^'\s]+)'").ok());
    let message = shorten_types(message);
    let message = message
        .trim()
        .trim_end_matches('.')
        .trim_start_matches("Error during planning: ")
        .trim_start_matches("Execution error: ")
        .to_owned();
    let message = match QUOTED.as_ref() {
        Some(quoted) => quoted.replace_all(&message, "`$1`").into_owned(),
        None => message,
    };
    let mut chars = message.chars();
    match (chars.next(), chars.next()) {
        // An acronym stays as it is.
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => first
            .to_lowercase()
            .chain(message.chars().skip(1))
            .collect(),
        _ => message,
    }
}

/// Replaces `Struct("id": Utf8, …)`, which can be hundreds of characters, by `object`.
fn shorten_types(message: &str) -> String {
    let mut short = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find("Struct(") {
        short.push_str(&rest[..at]);
        short.push_str("object");
        let mut depth = 0_usize;
        let end = rest[at..].char_indices().find_map(|(i, c)| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => return None,
            }
            (depth == 0).then_some(at + i + 1)
        });
        match end {
            Some(end) => rest = &rest[end..],
            None => return short,
        }
    }
    short.push_str(rest);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_in_messages_are_short() {
        assert_eq!(
            shorten_types(
                "Cannot coerce Utf8 + Struct(\"a\": Struct(\"b\": Utf8), \"c\": Utf8) to x"
            ),
            "Cannot coerce Utf8 + object to x"
        );
        assert_eq!(
            shorten_types("cut off Struct(\"a\": Utf8"),
            "cut off object"
        );
    }

    #[test]
    fn a_field_is_found_with_what_it_was_taken_of() {
        let place = |text: &str, name: &str| {
            field_in(text, name).map(|(span, parent)| (span.start.column, parent))
        };
        assert_eq!(
            place("SELECT bogus, k.spec.owner.bogus FROM t", "bogus"),
            Some((28, "spec.owner".to_owned()))
        );
        assert_eq!(
            place("SELECT spec['owner']['bogus']", "bogus"),
            Some((22, "spec.owner".to_owned()))
        );
        assert_eq!(place("SELECT bogus", "bogus"), None);
    }
}
