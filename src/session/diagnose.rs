//! Rewords the engine's errors: what was typed, where, and the nearest name that exists.

use std::collections::BTreeSet;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use sqlparser::tokenizer::{Span, Token};

use super::error::in_statement;
use super::local_files::FileRefused;
use super::memory;
use super::params::pass;
use crate::api;
use crate::dialect::OTHER_DIALECT;
use crate::dialect::error::{Error as Refusal, meant, nearest, parser_span};
use crate::dialect::functions;
use crate::dialect::parse::unquoted_text;
use crate::dialect::piece::{Piece, is_layout};
use crate::dialect::rewrite::OtherDialectOnly;
use crate::error::{Error, ErrorKind};
use crate::resource::{self, CATALOG, Column as Declared, DEFAULT_SCHEMA, Resource};
use crate::table::NotConnected;

use crate::dialect::messages::{instead_of, mentions_internals, plain, rephrase};
use crate::pattern::patterns;

/// The most names to list in a hint.
const LISTED: usize = 12;

/// Rewords `error` of the statement `piece`. `tables` are the names of all tables and views.
pub(super) fn diagnose(error: DataFusionError, piece: &Piece, tables: &[String]) -> Error {
    let reworded = reworded(&error, piece, tables);
    match reworded.causes.is_empty() {
        true => reworded.retelling(error),
        false => reworded,
    }
}

fn reworded(error: &DataFusionError, piece: &Piece, tables: &[String]) -> Error {
    let root = error.find_root();
    if let DataFusionError::External(source) = root
        && let Some(other) = source.downcast_ref::<OtherDialectOnly>()
    {
        return other_dialect_only(other, piece, tables);
    }
    if let DataFusionError::External(source) = root {
        return external(source.as_ref(), piece);
    }
    if let DataFusionError::ArrowError(source, _) = root
        && let ArrowError::ExternalError(source) = source.as_ref()
    {
        return external(source.as_ref(), piece);
    }
    if let DataFusionError::ArrowError(source, _) = root
        && memory::is_overflow(&source.to_string())
    {
        return memory::overflow();
    }
    if let DataFusionError::ResourcesExhausted(message) = root {
        return Error::statement(message.clone()).hint(memory::HINT);
    }
    if let DataFusionError::IoError(source) = root {
        return Error::new(ErrorKind::Io, source.to_string());
    }
    described(plan_error(error, root, piece, tables), piece)
}

/// Retells an error of a statement that only another dialect can read.
fn other_dialect_only(other: &OtherDialectOnly, piece: &Piece, tables: &[String]) -> Error {
    let root = other.error.find_root();
    let mut reworded = plan_error(&other.error, root, piece, tables).hint(&other.hint);
    if reworded.span.is_none() {
        let mut columns = other.columns.iter();
        reworded = reworded.at(columns.find_map(|column| find(piece, column.split('.').next()?)));
    }
    described(reworded, piece)
}

fn external(source: &(dyn std::error::Error + Send + Sync + 'static), piece: &Piece) -> Error {
    if let Some(error) = source.downcast_ref::<api::Error>() {
        return error.clone().into();
    }
    if let Some(error) = source.downcast_ref::<Error>() {
        return error.clone();
    }
    if let Some(error) = source.downcast_ref::<NotConnected>() {
        return error.clone().into();
    }
    if let Some(error) = source.downcast_ref::<Refusal>() {
        return described(error.clone(), piece);
    }
    if let Some(error) = source.downcast_ref::<FileRefused>() {
        let refused = Refusal::new(error.to_string())
            .kind(ErrorKind::Permission)
            .hint(FileRefused::HINT)
            .at(nearest_token(piece, &error.name, None));
        return described(refused, piece);
    }
    if let Some(error) = source.downcast_ref::<functions::Error>() {
        let converted = Refusal::new(error.to_string()).kind(match error {
            functions::Error::UnknownField { .. } => ErrorKind::Name,
            functions::Error::NoParts { .. } | functions::Error::Argument { .. } => ErrorKind::Type,
            _ => ErrorKind::Statement,
        });
        let place = match error {
            functions::Error::UnknownField { field, .. } => find(piece, field),
            functions::Error::Arguments { function, .. }
            | functions::Error::Argument { function, .. }
            | functions::Error::NoValue { function, .. }
            | functions::Error::MalformedJson { function, .. } => find(piece, function),
            functions::Error::Overflow(function) => find(piece, function),
            functions::Error::TooLong(function) => find(piece, function),
            functions::Error::BadPath(path) => find(piece, path),
            _ => None,
        };
        let converted = converted.at(place).with_hint(error.hint());
        return described(converted, piece);
    }
    if let Some(error) = source.downcast_ref::<DataFusionError>() {
        return reworded(error, piece, &[]);
    }
    described(in_plain_words(&source.to_string()), piece)
}

/// The engine's names of functions that people mostly write in another way: the word that tells that they did, and what
/// they wrote.
const WRITTEN: [(&str, &str, &str); 10] = [
    ("pow", "power", "`power`"),
    ("strpos", "position", "`position`"),
    ("strpos", "instr", "`instr`"),
    ("substr", "substring", "`substring`"),
    ("btrim", "trim", "`trim`"),
    ("date_part", "extract", "`extract`"),
    ("character_length", "length", "`length`"),
    ("character_length", "char_length", "`char_length`"),
    ("string_agg", "group_concat", "`group_concat`"),
    ("array_element", "", "a subscript"),
];

/// Tells `error` about `piece`, with functions called as they were written.
fn described(mut error: Refusal, piece: &Piece) -> Error {
    if let Some(typed) = &error.typed {
        error.span = nearest_token(piece, typed, error.span).or(error.span);
    }
    for (engine, word, written) in WRITTEN {
        let name = format!("`{engine}`");
        let is_other =
            || find(piece, engine).is_none() && (word.is_empty() || find(piece, word).is_some());
        if !error.message.contains(&name) && !error.hint.iter().any(|hint| hint.contains(&name))
            || !is_other()
        {
            continue;
        }
        error.message = error.message.replace(&name, written);
        error.hint = error.hint.map(|hint| hint.replace(&name, written));
        error.span = error.span.or_else(|| find(piece, word));
    }
    in_statement(error, &piece.text, piece.line)
}

/// Finds the string, the number, the parameter or the word `typed`, the one that is nearest to `near` if there are several.
fn nearest_token(piece: &Piece, typed: &str, near: Option<Span>) -> Option<Span> {
    let tokens = piece.tokens().ok()?;
    let strings = tokens.iter().filter(|token| match &token.token {
        Token::SingleQuotedString(text)
        | Token::EscapedStringLiteral(text)
        | Token::Placeholder(text)
        | Token::Number(text, _) => text == typed,
        _ => false,
    });
    let mut spans: Vec<Span> = strings.map(|token| token.span).collect();
    if spans.is_empty() {
        // It may be what a parameter stands for.
        let parameters = tokens
            .iter()
            .filter(|token| matches!(token.token, Token::Placeholder(_)));
        spans = parameters.map(|token| token.span).collect();
        // `?` is called after its position.
        let number = typed
            .strip_prefix('$')
            .and_then(|number| number.parse::<usize>().ok());
        if let Some(at) = number.filter(|number| (1..=spans.len()).contains(number)) {
            spans = vec![spans[at - 1]];
        }
    }
    let Some(near) = near else {
        return spans.first().copied().or_else(|| find(piece, typed));
    };
    let distance = |span: &Span| {
        let (line, column) = (span.start.line, span.start.column);
        (
            line.abs_diff(near.start.line),
            column.abs_diff(near.start.column),
        )
    };
    spans.iter().min_by_key(|span| distance(span)).copied()
}

fn plan_error(
    error: &DataFusionError,
    root: &DataFusionError,
    piece: &Piece,
    tables: &[String],
) -> Refusal {
    let diagnostic = error.diagnostic();
    let span = diagnostic
        .and_then(|diagnostic| diagnostic.span)
        .map(parser_span);
    let mut reworded = match root {
        DataFusionError::SchemaError(schema, _) => {
            let reworded = in_single_quotes(schema_error(schema, piece), schema, &piece.text)
                .kind(ErrorKind::Name);
            // Errors in some clauses, such as ORDER BY, have no place.
            match (schema.as_ref(), span) {
                (SchemaError::FieldNotFound { field, .. }, None) => {
                    reworded.at(find(piece, &field.name))
                }
                _ => reworded,
            }
        }
        _ => {
            let message = root.message();
            nested_field(&message, piece)
                .or_else(|| missing_parameter(&message, piece))
                .or_else(|| unknown_table(&message, tables))
                .map(|error| error.kind(ErrorKind::Name))
                .unwrap_or_else(|| other(&message, piece).kind(kind(root)))
        }
    };
    if reworded.span.is_none() {
        reworded = reworded.at(span);
    }
    if reworded.hint.is_none()
        && let Some(diagnostic) = diagnostic
        && let Some(help) = diagnostic.helps.first()
    {
        reworded = reworded.hint(plain(&help.message));
    }
    reworded
}

fn kind(root: &DataFusionError) -> ErrorKind {
    match root {
        DataFusionError::SQL(..) => ErrorKind::Syntax,
        DataFusionError::Internal(_) => ErrorKind::Internal,
        DataFusionError::Plan(message) if message.starts_with("Invalid function ") => {
            ErrorKind::Name
        }
        // What a read-only session refuses.
        DataFusionError::Plan(message)
            if ["DDL", "DML", "Statement"]
                .iter()
                .any(|what| message.starts_with(&format!("{what} not supported: "))) =>
        {
            ErrorKind::Permission
        }
        DataFusionError::ArrowError(error, _) => match error.as_ref() {
            ArrowError::CastError(_) | ArrowError::ParseError(_) => ErrorKind::Type,
            _ => ErrorKind::Statement,
        },
        _ => ErrorKind::Statement,
    }
}

fn schema_error(error: &SchemaError, piece: &Piece) -> Refusal {
    match error {
        SchemaError::FieldNotFound {
            field,
            valid_fields,
        } => unknown_column(field, valid_fields, piece),
        SchemaError::AmbiguousReference { field } => Refusal::new(format!(
            "column `{}` is in more than one of the tables",
            field.name
        ))
        .hint("put the table's name or alias before it"),
        SchemaError::DuplicateUnqualifiedField { name }
            if name.contains('(') && POSITION_IN_GROUPS.is_match(&piece.text) =>
        {
            Refusal::new("a position in GROUP BY refers to an aggregate function").hint(
                "GROUP BY takes columns, by their names or their positions in the select list",
            )
        }
        SchemaError::DuplicateUnqualifiedField { name } if mentions_internals(name) => {
            Refusal::new(format!("`{}` is computed twice in one place", plain(name)))
                .hint("GROUP BY names columns, and no aggregates; AS gives one of two its own name")
        }
        SchemaError::DuplicateUnqualifiedField { name } => {
            Refusal::new(format!("two columns of one query are called `{name}`"))
                .hint("give one of them another name with AS")
        }
        SchemaError::DuplicateQualifiedField { qualifier, name } => Refusal::new(format!(
            "two columns of one query are called `{qualifier}.{name}`"
        ))
        .hint("give one of them another name with AS"),
    }
}

/// Adds to an error about a name in double quotes that text goes in single quotes.
fn in_single_quotes(reworded: Refusal, schema: &SchemaError, text: &str) -> Refusal {
    let SchemaError::FieldNotFound { field, .. } = schema else {
        return reworded;
    };
    let is_near = reworded
        .hint
        .as_ref()
        .is_some_and(|hint| hint.starts_with("did you mean") || hint.starts_with("write "));
    if is_near || field.relation.is_some() || !text.contains(&format!("\"{}\"", field.name)) {
        return reworded;
    }
    let quoted = format!("text goes in single quotes: '{}'", field.name);
    let hint = match &reworded.hint {
        Some(hint) => format!("{quoted}; {hint}"),
        None => quoted,
    };
    reworded.hint(hint)
}

fn unknown_column(field: &Column, valid: &[Column], piece: &Piece) -> Refusal {
    let typed = field.flat_name();
    // This is the engine's name for an expression; nobody typed it.
    if typed.contains('(') && mentions_internals(&typed) || field.name.starts_with("__") {
        return Refusal::new("an expression cannot be computed here")
            .hint("select it with a name in a subquery in FROM, and use that");
    }
    let error = Refusal::new(format!("no column `{typed}`"));
    if field.relation.is_none() && is_table(&field.name, valid) {
        return error.hint(format!(
            "`{typed}` is a table: `{typed}.*` is all of its columns"
        ));
    }
    if typed == "default" {
        return Refusal::new("DEFAULT is not supported as a value")
            .hint("leave the column out of the list behind the table's name");
    }
    if ["page_token", "page_size"].contains(&field.name.as_str()) {
        // Only the first page can be asked for, which is where every listing begins.
        let is_taken = field.name == "page_size" || has_empty_text(piece);
        return error.hint(match is_taken {
            true => format!("leave it out: all pages are read for you; {OTHER_DIALECT}"),
            false => "leave it out: all pages are read for you".to_owned(),
        });
    }
    let parameters = resource::shape().parameters.iter();
    let mut meant = parameters.filter(|parameter| parameter.name == field.name);
    if let Some(path) = meant.find_map(|parameter| parameter.path.as_ref()) {
        return error.hint(format!("write {}; {OTHER_DIALECT}", path.join(".")));
    }
    if let Some(word) =
        find(piece, &field.name).and_then(|span| unquoted_text(&piece.text, span.start))
    {
        return error.hint(format!("text is written in single quotes: '{word}'"));
    }
    match near_column(field, &typed, valid) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.with_hint(listed(field, valid)),
    }
}

fn has_empty_text(piece: &Piece) -> bool {
    let mut tokens = piece.tokens().unwrap_or_default().iter();
    tokens.any(|token| matches!(&token.token, Token::SingleQuotedString(text) if text.is_empty()))
}

/// Finds a parameter of the service that is written in dots, such as `spec.owner`, and the path that it stands for.
fn parameter_in(piece: &Piece) -> Option<(Span, String)> {
    let tokens = piece.tokens().ok()?;
    let tokens: Vec<_> = tokens.iter().filter(|token| !is_layout(token)).collect();
    let word = |at: usize| match tokens.get(at).map(|token| &token.token) {
        Some(Token::Word(word)) => Some(word.value.to_lowercase()),
        _ => None,
    };
    let is_dot = |at: usize| tokens.get(at).is_some_and(|it| it.token == Token::Period);
    let parameters = resource::shape().parameters.iter();
    let parameters: Vec<_> = parameters
        .filter_map(|parameter| Some((parameter.name.split_once('.')?, parameter.path.as_ref()?)))
        .collect();
    (0..tokens.len()).find_map(|at| {
        let (first, second) = (word(at)?, word(at + 2)?);
        if !is_dot(at + 1) || is_dot(at + 3) {
            return None;
        }
        let named = parameters
            .iter()
            .find(|((one, other), _)| *one == first && *other == second);
        let (_, path) = named?;
        let place = Span::new(tokens[at].span.start, tokens[at + 2].span.end);
        Some((place, path.join(".")))
    })
}

/// Returns the column that `field`, written as `typed`, most likely means.
fn near_column(field: &Column, typed: &str, valid: &[Column]) -> Option<String> {
    let names: Vec<&str> = valid.iter().map(|column| column.name.as_str()).collect();
    if let Some(qualifier) = &field.relation
        && is_table(qualifier.table(), valid)
    {
        let of_table = valid
            .iter()
            .filter(|column| belongs(column, qualifier.table()));
        let near = nearest(&field.name, of_table.map(|column| column.name.as_str()));
        return near.map(|near| format!("{qualifier}.{near}"));
    }
    if field.relation.is_none()
        && let Some(near) = nearest(typed, names.iter().copied())
    {
        return Some(near.to_owned());
    }
    // `owner.id` alone, or `display_name`, is a field of `spec`.
    let is_here = |resource: &&&Resource| {
        let mut columns = resource.fields().into_iter();
        columns.all(|column| names.contains(&column.name))
    };
    let paths = resource::ALL.iter().filter(is_here).flat_map(|r| r.paths());
    let nested = paths.map(|(path, _)| path).find(|path| {
        path.split_once('.')
            .is_some_and(|(_, rest)| rest == typed || rest.replace('.', "_") == typed)
    });
    if nested.is_some() {
        return nested;
    }
    // `spce.owner.id`: the first step is what is wrong.
    if let Some((first, rest)) = typed.split_once('.') {
        return nearest(first, names.iter().copied()).map(|near| format!("{near}.{rest}"));
    }
    // `owner` for `owner_id`.
    let longer = names
        .iter()
        .find(|name| name.starts_with(&format!("{typed}_")));
    longer.map(|name| (*name).to_owned())
}

/// Lists the alternatives to `field`: the tables if its table is unknown, else the columns.
fn listed(field: &Column, valid: &[Column]) -> Option<String> {
    if let Some(qualifier) = &field.relation
        && !is_table(qualifier.table(), valid)
    {
        let tables = valid
            .iter()
            .filter_map(|c| Some(c.relation.as_ref()?.table()));
        let tables: BTreeSet<&str> = tables.collect();
        let tables: Vec<_> = tables.into_iter().collect();
        return (!tables.is_empty()).then(|| format!("tables here: {}", tables.join(", ")));
    }
    let mut names: Vec<String> = Vec::new();
    for column in valid {
        // A column without a name of its own is called after what it is made of.
        let name = plain(&column.name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.len() {
        0 => Some("there is no FROM clause to take it from".to_owned()),
        1..=LISTED => Some(format!("columns here: {}", names.join(", "))),
        _ => Some(format!(
            "columns here: {}, …; DESCRIBE lists all",
            names[..LISTED].join(", ")
        )),
    }
}

fn is_table(name: &str, valid: &[Column]) -> bool {
    valid.iter().any(|column| belongs(column, name))
}

fn belongs(column: &Column, table: &str) -> bool {
    column
        .relation
        .as_ref()
        .is_some_and(|relation| relation.table() == table)
}

patterns! {
    MISSING_FIELD = r"Field (\w+) not found in struct";
    MISSING_PARAMETER = r"[Pp]laceholder '?(\$\w+)'? was not provided";
    MISSING_LIMIT = r#"(?s)^[Uu]nsupported (?:LIMIT|OFFSET) expression: .*Placeholder \{ id: "(\$\w+)""#;
    /// GROUP BY with a position among its first keys.
    POSITION_IN_GROUPS = r"(?i)\bgroup\s+by\s+(?:[\w.]+\s*,\s*)*\d";
    MISSING_TABLE = r"table '([^']+)' not found";
    /// Text in quotes of any kind.
    QUOTED = "`([^`]+)`|'([^']+)'|\"([^\"]+)\"";
}

/// Rewords "Field x not found in struct", which has no place.
fn nested_field(message: &str, piece: &Piece) -> Option<Refusal> {
    let name = MISSING_FIELD.captures(message)?.get(1)?.as_str();
    let (span, parent) = field_in(piece, name)?;
    let error = Refusal::new(format!("no field `{name}` in `{parent}`")).at(span);
    let path: Vec<&str> = parent.split('.').collect();
    let Some(column) = declared(&path) else {
        return Some(error);
    };
    let fields: Vec<&str> = column.ty.fields().iter().map(|field| field.name).collect();
    let near = nearest(name, fields.iter().copied()).map(|near| format!("{parent}.{near}"));
    let all = format!("fields of `{parent}`: {}", fields.join(", "));
    Some(error.hint(meant(near, all)))
}

/// Finds the column at `path` of any resource.
fn declared<S: AsRef<str>>(path: &[S]) -> Option<&'static Declared> {
    resource::ALL
        .iter()
        .find_map(|resource| resource.find(path))
}

/// Finds where `name` is used as a field, and its parent path.
fn field_in(piece: &Piece, name: &str) -> Option<(Span, String)> {
    let tokens = piece.tokens().ok()?;
    let mut path: Vec<String> = Vec::new();
    let mut continues = false;
    for token in tokens.iter().filter(|token| !is_layout(token)) {
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
        // An alias or a schema before the column is not part of the path.
        if !continues || declared(std::slice::from_ref(&step)).is_some() {
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

/// Finds the first place of the word `name` in `piece`.
fn find(piece: &Piece, name: &str) -> Option<Span> {
    let tokens = piece.tokens().ok()?;
    tokens.iter().find_map(|token| match &token.token {
        Token::Word(word) if word.value.eq_ignore_ascii_case(name) => Some(token.span),
        Token::SingleQuotedString(text) if text.contains(name) => Some(token.span),
        Token::Placeholder(placeholder) if placeholder == name => Some(token.span),
        Token::Number(number, _) if number == name => Some(token.span),
        _ => None,
    })
}

/// Finds the place in `piece` of the first string that `message` quotes, or of the operand that is too large.
fn literal_in(message: &str, piece: &Piece) -> Option<Span> {
    if let Some(overflow) = message.strip_prefix("integer overflow: ") {
        return overflow.split(' ').find_map(|operand| find(piece, operand));
    }
    let quoted = QUOTED.captures(message)?;
    let quoted = quoted.iter().skip(1).flatten().next()?.as_str();
    let tokens = piece.tokens().ok()?;
    tokens.iter().find_map(|token| match &token.token {
        Token::SingleQuotedString(text) if text == quoted => Some(token.span),
        _ => None,
    })
}

/// Rewords that `$name` has no value.
fn missing_parameter(message: &str, piece: &Piece) -> Option<Refusal> {
    let captured = MISSING_PARAMETER.captures(message);
    let captured = captured.or_else(|| MISSING_LIMIT.captures(message));
    let name = captured?.get(1)?.as_str();
    let error = Refusal::new(format!("parameter `{name}` has no value"))
        .hint(pass(name.trim_start_matches('$')));
    // `?` counts as `$1` if it is the first.
    let place = find(piece, name).or_else(|| find(piece, "?").filter(|_| name == "$1"));
    Some(error.at(place))
}

fn unknown_table(message: &str, tables: &[String]) -> Option<Refusal> {
    let full = MISSING_TABLE.captures(message)?.get(1)?.as_str();
    let ours = format!("{CATALOG}.{DEFAULT_SCHEMA}.");
    let name = full.strip_prefix(&ours).unwrap_or(full).to_owned();
    let is_file = name.contains('/')
        || [".csv", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow"]
            .iter()
            .any(|ending| name.ends_with(ending));
    if is_file {
        return Some(match name.contains("://") {
            true => Refusal::new(format!("`{name}` cannot be reached"))
                .hint("only local files are read: fetch it first"),
            // The schema is part of no name in quotes.
            false => match name.strip_prefix(&format!("{CATALOG}.")) {
                Some(typed) => Refusal::new(format!("no table `{typed}`"))
                    .hint(format!("the name of a file is in quotes: FROM '{typed}'")),
                None => Refusal::new(format!("no file `{name}`"))
                    .hint("paths are relative to the folder in which iamql was started"),
            },
        });
    }
    let error = Refusal::new(format!("no table `{name}`"));
    if name == "dual" {
        return Some(error.hint("FROM can be left out"));
    }
    let last = name.rsplit('.').next().unwrap_or(&name);
    Some(error.hint(meant(
        nearest(last, tables.iter().map(String::as_str)),
        format!("tables here: {}", tables.join(", ")),
    )))
}

/// Rewords any other message. If it quotes a string of the statement, that is the place.
fn other(message: &str, piece: &Piece) -> Refusal {
    let error = in_plain_words(message);
    if error.message.starts_with("cannot compare")
        && error.message.contains("object")
        && let Some((place, path)) = parameter_in(piece)
    {
        return error
            .at(place)
            .hint(format!("write {path}; {OTHER_DIALECT}"));
    }
    match literal_in(&error.message, piece) {
        Some(span) => error.at(span),
        // The value comes from a key, so the conversion may be unintended.
        None if error.message.contains("` is not a valid ") => error.hint(
            "a row has this value: TRY_CAST gives NULL for what cannot be converted, and a number in quotes is compared as text",
        ),
        None => {
            let place = function_in(&error.message).and_then(|function| find(piece, function));
            error.at(place)
        }
    }
}

/// Returns the function that `message` begins with the name of.
fn function_in(message: &str) -> Option<&str> {
    let (name, rest) = message.strip_prefix('`')?.split_once('`')?;
    let is_about_a_call = [" does not take ", " has no type ", " of a NULL", " takes "]
        .iter()
        .any(|words| rest.starts_with(words));
    is_about_a_call.then_some(name)
}

fn in_plain_words(message: &str) -> Refusal {
    let message = plain(message);
    if let Some((message, hint)) = rephrase(&message)
        && !mentions_internals(&message)
    {
        return Refusal::new(message).with_hint(hint);
    }
    if mentions_internals(&message) {
        tracing::debug!(%message, "the engine refuses the statement");
        return Refusal::new("this statement is not supported as it is written")
            .hint("write it in smaller steps, with subqueries named by WITH");
    }
    match message.split_once("Did you mean ") {
        Some((message, near)) => {
            let near = near.trim_end_matches(['?', '.']).trim_matches(['\'', '`']);
            let message = message.trim_end().trim_end_matches('.');
            let typed = message.split('`').nth(1).unwrap_or_default();
            let error = Refusal::new(message);
            match instead_of(typed) {
                Some(instead) => error.hint(instead),
                // The engine suggests the nearest name even if it is far off.
                None if nearest(typed, [near]).is_none() => error.hint("SHOW FUNCTIONS lists them"),
                None => error.hint(format!("did you mean `{near}`?")),
            }
        }
        None => Refusal::new(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_with_what_it_was_taken_of() {
        let place = |text: &str, name: &str| {
            field_in(&Piece::new(text), name).map(|(span, parent)| (span.start.column, parent))
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
