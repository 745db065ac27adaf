//! EXEC: a method by its name, as the SQL that does the same, so that the same guards hold.
//!
//! Tokens of that SQL keep their places in what was typed: literals point to the arguments, everything else to where
//! the method is named.

use std::collections::BTreeMap;

use sqlparser::tokenizer::{Span, Token};

use super::describe::members;
use super::names::{expect_method, unknown, unknown_but};
use super::statement::Reading;
use crate::dialect::Dialect;
use crate::dialect::error::{Error, nearest};
use crate::dialect::tokens::{Cursor, Draft};
use crate::resource::{Method, Operation, Parameter, Resource, Writes};
use crate::sql::spec;

/// An argument: its value, and where that was typed.
type Argument = (String, Span);

/// Reads what follows `EXPLAIN`; None if that is no EXEC.
pub(super) fn explained(mut tokens: Cursor<'_>, text: &str) -> Result<Option<Reading>, Error> {
    let place = tokens.span();
    let explain = match tokens.take("analyze") {
        true => "EXPLAIN ANALYZE",
        false => "EXPLAIN",
    };
    if !tokens.take("exec") {
        return Ok(None);
    }
    Ok(
        match read(tokens, Draft::default().sql(explain, place), text)? {
            Reading::Statement { statement, .. } => Some(Reading::Statement {
                statement,
                shows_rows: true,
            }),
            Reading::Stackql(_) => None,
        },
    )
}

/// Reads what follows `EXEC`, as a statement that begins with `draft`.
pub(super) fn read(mut tokens: Cursor<'_>, draft: Draft, text: &str) -> Result<Reading, Error> {
    let shows_rows = tokens.has_hint("SHOWRESULTS");
    let (name, place) = tokens.name_and_place();
    let (resource, method) = expect_method(&name).map_err(|error| error.at(place))?;
    let mut arguments = BTreeMap::new();
    let mut body: Option<Body> = None;
    while !tokens.is_done() {
        let place = tokens.span();
        let name = argument_name(&mut tokens)?;
        if !tokens.take_symbol(&Token::Eq) {
            return Err(tokens.unexpected("="));
        }
        let value_place = tokens.span();
        let value = argument_value(&mut tokens)?;
        match name.strip_prefix('@') {
            Some("json") => give_body(&mut body, Body::Whole((value, place)))?,
            Some(_) => {
                return Err(Error::new(format!("no parameter `@{name}`"))
                    .at(place)
                    .hint("a body is given as @@json = '{…}'"));
            }
            None if is_spec(method, &name) => {
                give_body(&mut body, Body::Spec { name, value, place })?;
            }
            None => {
                check_argument(method, &name, place)?;
                if arguments.contains_key(&name) {
                    return Err(twice(&format!("@{name}")).at(place));
                }
                arguments.insert(name, (value, value_place));
            }
        }
        tokens.take_symbol(&Token::Comma);
    }
    check_required(method, &arguments, body.as_ref())?;
    let call = Call {
        resource,
        method,
        place,
        arguments,
        body,
        shows_rows,
    };
    let statement = call.sql(draft)?.parse(text, Dialect::Stackql)?;
    // The secret of a new key is in the answer and nowhere else, so it is shown whatever was asked for.
    let shows_rows = shows_rows || method.operation == Operation::Create;
    Ok(Reading::Statement {
        statement,
        shows_rows,
    })
}

/// Takes `@name`, `@"name"` or `@@json`, and returns it without the first `@`.
fn argument_name(tokens: &mut Cursor<'_>) -> Result<String, Error> {
    let unexpected = tokens.unexpected("a parameter such as @id");
    match tokens.advance().map(|token| &token.token) {
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

fn argument_value(tokens: &mut Cursor<'_>) -> Result<String, Error> {
    let unexpected = tokens.unexpected("a value such as 'text'");
    let place = tokens.span();
    match tokens.advance().map(|token| &token.token) {
        Some(Token::SingleQuotedString(text) | Token::Number(text, _)) => Ok(text.clone()),
        Some(Token::Word(word)) if word.quote_style == Some('"') => Ok(word.value.clone()),
        Some(Token::Word(word))
            if ["true", "false"].contains(&word.value.to_lowercase().as_str()) =>
        {
            Ok(word.value.to_lowercase())
        }
        Some(Token::Placeholder(name)) => Err(Error::new(format!(
            "EXEC takes values, and no parameters such as `{name}`"
        ))
        .at(place)
        .hint(format!(
            "SELECT, INSERT, UPDATE and DELETE take parameters, as in DELETE FROM api_keys WHERE id = {name}"
        ))),
        _ => Err(unexpected),
    }
}

/// The body of a request.
enum Body {
    /// All of it, as `@@json`.
    Whole(Argument),
    /// Its `spec`, under the name that the parameter has in this or in another edition of StackQL's provider.
    Spec {
        name: String,
        value: String,
        place: Span,
    },
}

impl Body {
    fn name(&self) -> String {
        match self {
            Self::Whole(_) => "@@json".to_owned(),
            Self::Spec { name, .. } => format!("@{name}"),
        }
    }

    fn place(&self) -> Span {
        match self {
            Self::Whole((_, place)) | Self::Spec { place, .. } => *place,
        }
    }
}

/// Returns true if `name` is the parameter of `method` that holds the `spec` of a body.
fn is_spec(method: &Method, name: &str) -> bool {
    let body = method.parameters.iter().find(|p| p.ty == "object");
    body.is_some_and(|body| name.strip_prefix("data__").unwrap_or(name) == body.name)
}

/// Takes `given` for the body, which may be given once.
fn give_body(body: &mut Option<Body>, given: Body) -> Result<(), Error> {
    match body {
        None => {
            *body = Some(given);
            Ok(())
        }
        Some(before) if before.name() == given.name() => {
            Err(twice(&given.name()).at(given.place()))
        }
        Some(before) => {
            let names = format!("`{}` and `{}`", before.name(), given.name());
            let error = Error::new(format!("the body is given twice, by {names}"));
            Err(error.at(given.place()).hint("leave one of them out"))
        }
    }
}

fn twice(parameter: &str) -> Error {
    Error::new(format!("`{parameter}` is given twice")).hint("leave one of them out")
}

fn check_argument(method: &Method, name: &str, place: Span) -> Result<(), Error> {
    let in_path_or_query = method.parameters.iter().filter(|p| p.ty != "object");
    let known: Vec<&str> = in_path_or_query.map(|p| p.name).collect();
    if known.contains(&name) {
        return Ok(());
    }
    let body = method.parameters.iter().find(|p| p.ty == "object");
    let error = match (name, body) {
        ("page_token", _) => {
            Error::new("no parameter `page_token`").hint("leave it out: all pages are read for you")
        }
        _ => {
            let is_end = |known: &&&str| known.rsplit('.').next() == Some(name);
            match known.iter().find(is_end) {
                Some(known) => Error::new(format!("no parameter `{name}`"))
                    .hint(format!("did you mean @\"{known}\"?")),
                None => {
                    let body = body.map(|body| [body.name, "@json"]).into_iter().flatten();
                    let known: Vec<&str> = known.into_iter().chain(body).collect();
                    let near = nearest(name, known.iter().copied()).map(|near| format!("@{near}"));
                    let known: Vec<String> = known.iter().map(|name| format!("@{name}")).collect();
                    let known = known.iter().map(String::as_str);
                    unknown_but("parameter", name, near.as_deref(), known)
                }
            }
        }
    };
    Err(error.at(place))
}

/// Checks that `method` gets all that it needs. One with a body is of no use without it, whatever the service calls
/// required.
fn check_required(
    method: &Method,
    arguments: &BTreeMap<String, Argument>,
    body: Option<&Body>,
) -> Result<(), Error> {
    let takes_body = |parameter: &&Parameter| parameter.ty == "object";
    let needs = |name: &str, example: &str| {
        Error::new(format!("`{}` needs {name}", method.name)).hint(format!("add {example}"))
    };
    for parameter in method.parameters {
        let is_given = match arguments.get(parameter.name) {
            Some((value, _)) => !value.is_empty(),
            None => takes_body(&parameter) && body.is_some(),
        };
        if takes_body(&parameter) && !is_given {
            return Err(needs(
                "@spec",
                "@spec = '{…}', or @@json = '{\"spec\": {…}}'",
            ));
        }
        if parameter.is_required && !is_given {
            return Err(needs("@id", "@id = '…'"));
        }
    }
    match body {
        Some(body) if !method.parameters.iter().any(|each| takes_body(&each)) => {
            Err(Error::new(format!("`{}` does not accept a body", method.name)).at(body.place()))
        }
        _ => Ok(()),
    }
}

/// A call of a method.
struct Call {
    resource: &'static Resource,
    method: &'static Method,
    /// Where the method is named.
    place: Span,
    arguments: BTreeMap<String, Argument>,
    body: Option<Body>,
    shows_rows: bool,
}

impl Call {
    /// Adds the statement that does the same to `draft`.
    fn sql(&self, draft: Draft) -> Result<Draft, Error> {
        let table = self.resource.full_name();
        let sql = |draft: Draft, sql: &str| draft.sql(sql, self.place);
        let draft = match self.method.operation {
            Operation::Get | Operation::List => {
                let draft = sql(draft, &format!("SELECT * FROM {table}"));
                let filters = self.resource.filters.iter();
                let parameters = filters.map(|filter| (filter.parameter, filter.column));
                let id = matches!(self.method.operation, Operation::Get).then_some(("id", "id"));
                let parameters: Vec<_> = id.into_iter().chain(parameters).collect();
                return Ok(self.with_where(draft, &parameters));
            }
            Operation::Delete => {
                let draft = sql(draft, &format!("DELETE FROM {table}"));
                return Ok(self.with_where(draft, &[("id", "id")]));
            }
            Operation::Create => {
                let (spec, place) = self.spec()?;
                sql(draft, &format!("INSERT INTO {table} ("))
                    .sql(Writes::BODY, place)
                    .sql(") SELECT", self.place)
                    .text(&spec, place)
            }
            Operation::Update => {
                let (spec, place) = self.spec()?;
                let draft = sql(draft, &format!("UPDATE {table} SET"))
                    .sql(&format!("{} =", Writes::BODY), place)
                    .text(&spec, place);
                self.with_where(draft, &[("id", "id")])
            }
        };
        Ok(match self.shows_rows {
            true => sql(draft, "RETURNING *"),
            false => draft,
        })
    }

    /// Adds the predicates of those `parameters` that are given, each with the path that it is about.
    fn with_where(&self, mut draft: Draft, parameters: &[(&str, &str)]) -> Draft {
        let mut word = "WHERE";
        for (parameter, path) in parameters {
            if let Some((value, place)) = self.arguments.get(*parameter) {
                draft = draft
                    .sql(&format!("{word} {path} ="), self.place)
                    .text(value, *place);
                word = "AND";
            }
        }
        draft
    }

    /// Returns the `spec` in the body, and the place of the body.
    fn spec(&self) -> Result<Argument, Error> {
        let (body, place) = match &self.body {
            Some(Body::Whole((body, place))) => (body.as_str(), *place),
            Some(Body::Spec { name, value, place }) => {
                // Checked here, so that the error names what was typed.
                let checked = spec::parse(value).map_err(|mut error| {
                    error.message = error.message.replace("`spec`", &format!("`@{name}`"));
                    error.at(*place)
                });
                return checked.map(|_| (value.clone(), *place));
            }
            None => ("", self.place),
        };
        let id = self.arguments.get("id").map(|(id, _)| id.as_str());
        let spec = spec_of(self.resource, body, id).map_err(|error| error.at(place))?;
        Ok((spec, place))
    }
}

/// Returns the `spec` in the body of a request about the object `id` of `resource`.
fn spec_of(resource: &Resource, body: &str, id: Option<&str>) -> Result<String, Error> {
    let body = spec::parse(body).map_err(|mut error| {
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
