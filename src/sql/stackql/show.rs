//! SHOW PROVIDERS, SERVICES, RESOURCES, METHODS, INSERT, VERSION, AUTH, FUNCTIONS and COLUMNS.
//!
//! The columns are those that StackQL prints; EXTENDED adds some at the end.

use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Span, Token};

use super::describe::Describe;
use super::tokens::Tokens;
use super::{Answer, Filter, Stackql, expect_resource, no_provider, unknown};
use crate::sql::dialect::IamqlDialect;
use crate::sql::error::Error;
use crate::sql::methods::METHODS;
use crate::table::catalog::{CATALOG, SCHEMA, TABLE, VIEW};
use crate::table::columns::{Access, Column, Type, find};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the engine shows itself.
const ENGINE: [&str; 6] = [
    "tables",
    "all",
    "create",
    "databases",
    "schemas",
    "catalogs",
];

pub(super) fn read(mut tokens: Tokens, text: &str) -> Result<Option<Stackql>, Error> {
    let extended = tokens.take("extended");
    let place = tokens.span();
    let what = tokens.word().unwrap_or_default();
    let answer = match what.as_str() {
        "providers" => providers(),
        "services" => services(&mut tokens, extended)?,
        "resources" => resources(&mut tokens, extended)?,
        "methods" => methods(&mut tokens, extended)?,
        "insert" => return insert(tokens).map(Some),
        "version" => version(extended),
        "auth" => {
            tokens.name();
            tokens.expect_end()?;
            return Ok(Some(Stackql::Auth));
        }
        "functions" => {
            let like = match filter(&mut tokens, text)? {
                Filter::Like(pattern) => Some(pattern),
                _ => None,
            };
            return Ok(Some(Stackql::Functions { like }));
        }
        "columns" => {
            if !tokens.take("in") {
                tokens.expect("from")?;
            }
            return Ok(Some(Stackql::Describe(Describe {
                name: tokens.rest_as_name()?,
                extended,
            })));
        }
        _ if extended => {
            let known = [
                "providers",
                "services",
                "resources",
                "methods",
                "insert",
                "version",
            ];
            return Err(unknown("SHOW", &what, known).at(place));
        }
        other if ENGINE.contains(&other) || other.contains('.') || tokens.peek().is_some() => {
            return Ok(None);
        }
        _ => return Ok(None),
    };
    let filter = filter(&mut tokens, text)?;
    Ok(Some(Stackql::Answer(Answer { filter, ..answer })))
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<Option<String>> {
    cells
        .into_iter()
        .map(|cell| Some(cell.to_owned()))
        .collect()
}

fn providers() -> Answer {
    Answer {
        columns: vec!["name", "version"],
        rows: vec![row([CATALOG, &format!("v{VERSION}")])],
        filter: Filter::None,
    }
}

fn services(tokens: &mut Tokens, extended: bool) -> Result<Answer, Error> {
    let (name, place) = container(tokens)?;
    match name.as_slice() {
        [provider] if provider == CATALOG => {}
        [provider] => return Err(no_provider(provider).at(place)),
        _ => {
            return Err(Error::new("SHOW SERVICES wants a provider")
                .at(place)
                .hint("write SHOW SERVICES IN confluent"));
        }
    }
    let id = format!("{SCHEMA}:v{VERSION}");
    let mut answer = Answer {
        columns: vec!["id", "name", "title"],
        rows: vec![row([&id, SCHEMA, "Identity and access management"])],
        filter: Filter::None,
    };
    if extended {
        extend(
            &mut answer,
            "description",
            &["Who may do what in Confluent Cloud"],
        );
    }
    Ok(answer)
}

fn resources(tokens: &mut Tokens, extended: bool) -> Result<Answer, Error> {
    let (name, place) = container(tokens)?;
    match name.as_slice() {
        [provider, service] if provider == CATALOG && service == SCHEMA => {}
        [provider, _] if provider != CATALOG => return Err(no_provider(provider).at(place)),
        [_, service] => return Err(unknown("service", service, [SCHEMA]).at(place)),
        _ => {
            return Err(Error::new("SHOW RESOURCES wants a service")
                .at(place)
                .hint("write SHOW RESOURCES IN confluent.iam"));
        }
    }
    let id = |name: &str| format!("{CATALOG}.{SCHEMA}.{name}");
    let mut answer = Answer {
        columns: vec!["name", "id"],
        rows: vec![row([TABLE, &id(TABLE)]), row([VIEW, &id(VIEW)])],
        filter: Filter::None,
    };
    if extended {
        let descriptions = ["API keys", "API keys, flat and read-only, for people"];
        extend(&mut answer, "description", &descriptions);
    }
    Ok(answer)
}

fn methods(tokens: &mut Tokens, extended: bool) -> Result<Answer, Error> {
    let (name, place) = container(tokens)?;
    expect_resource(&name).map_err(|error| error.at(place))?;
    let required = |parameters: &[crate::sql::methods::Parameter]| {
        let required = parameters.iter().filter(|p| p.is_required).map(|p| p.name);
        required.collect::<Vec<_>>().join(", ")
    };
    let mut answer = Answer {
        columns: vec!["MethodName", "RequiredParams", "SQLVerb"],
        rows: METHODS
            .iter()
            .map(|method| row([method.name, &required(method.parameters), method.verb]))
            .collect(),
        filter: Filter::None,
    };
    if extended {
        let of = |get: fn(&crate::sql::methods::Method) -> &'static str| -> Vec<&str> {
            METHODS.iter().map(get).collect()
        };
        extend(&mut answer, "description", &of(|method| method.description));
        extend(&mut answer, "request", &of(|method| method.request));
    }
    Ok(answer)
}

fn version(extended: bool) -> Answer {
    let mut answer = Answer {
        columns: vec!["version"],
        rows: vec![row([VERSION])],
        filter: Filter::None,
    };
    if extended {
        let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
        extend(&mut answer, "platform", &[&platform]);
    }
    answer
}

fn extend(answer: &mut Answer, column: &'static str, cells: &[&str]) {
    answer.columns.push(column);
    for (row, cell) in answer.rows.iter_mut().zip(cells) {
        row.push(Some((*cell).to_owned()));
    }
}

/// Takes `{IN | FROM} name` and returns the name with its place.
fn container(tokens: &mut Tokens) -> Result<(Vec<String>, Span), Error> {
    if !tokens.take("in") && !tokens.take("from") {
        return Err(tokens.unexpected("IN"));
    }
    let start = tokens.span().start;
    let name = tokens.name();
    Ok((name, Span::new(start, tokens.last_span().end)))
}

/// Takes `[LIKE 'pattern' | WHERE expression]`, which ends the statement.
fn filter(tokens: &mut Tokens, text: &str) -> Result<Filter, Error> {
    if tokens.take("like") {
        return match tokens.advance() {
            Some(Token::SingleQuotedString(pattern)) => {
                tokens.expect_end()?;
                Ok(Filter::Like(pattern))
            }
            _ => Err(tokens.unexpected("a pattern in quotes")),
        };
    }
    if tokens.take("where") {
        let place = tokens.span();
        // Blanks in the place of what was read keep the places of the rest.
        let rest = tokens.rest_of(text);
        let read = &text[..text.len() - rest.len()];
        let blank: String = read
            .chars()
            .map(|c| if c == '\n' { c } else { ' ' })
            .collect();
        return Parser::new(&IamqlDialect)
            .try_with_sql(&format!("{blank}{rest}"))
            .and_then(|mut parser| parser.parse_expr())
            .map(|expr| Filter::Where(Box::new(expr)))
            .map_err(|error| Error::new(format!("syntax error: {error}")).at(place));
    }
    tokens.expect_end()?;
    Ok(Filter::None)
}

/// `SHOW INSERT [/*+ REQUIRED */] INTO resource [(columns)]`: a statement to edit, every field that can be set in it.
fn insert(mut tokens: Tokens) -> Result<Stackql, Error> {
    let only_required = tokens.has_hint("REQUIRED");
    tokens.expect("into")?;
    let place = tokens.span();
    expect_resource(&tokens.name()).map_err(|error| error.at(place))?;
    let mut column = "spec".to_owned();
    if tokens.take_symbol(&Token::LParen) {
        let place = tokens.span();
        column = tokens.word().unwrap_or_default();
        if !["spec", "data__spec"].contains(&column.as_str()) {
            return Err(unknown("column", &column, ["spec", "data__spec"]).at(place));
        }
        if !tokens.take_symbol(&Token::RParen) {
            return Err(tokens.unexpected(")"));
        }
    }
    tokens.expect_end()?;
    let spec =
        find(&["spec"]).map_or_else(String::new, |spec| template(spec, "", only_required, "  "));
    let statement = format!(
        "INSERT INTO {CATALOG}.{SCHEMA}.{TABLE} ({column})\nSELECT '{spec}'\nRETURNING id, spec.secret;"
    );
    Ok(Stackql::Answer(Answer {
        columns: vec!["insert_statement"],
        rows: vec![row([&statement])],
        filter: Filter::None,
    }))
}

/// Returns the JSON of `column`, `{{ … }}` in the place of every value that can be set.
fn template(column: &Column, path: &str, only_required: bool, indent: &str) -> String {
    let object = |columns: &[Column], indent: &str| {
        let members: Vec<String> = columns
            .iter()
            .filter(|c| c.access != Access::ReadOnly)
            .filter(|c| !only_required || matches!(c.name, "owner" | "id"))
            .map(|c| {
                let path = match path {
                    "" => c.name.to_owned(),
                    path => format!("{path}_{}", c.name),
                };
                let value = template(c, &path, only_required, &format!("{indent}  "));
                format!("{indent}\"{}\": {value}", c.json)
            })
            .collect();
        let close = &indent[..indent.len().saturating_sub(2)];
        format!("{{\n{}\n{close}}}", members.join(",\n"))
    };
    match column.ty {
        Type::Object(columns) => object(columns, indent),
        Type::List(columns) => format!("[{}]", object(columns, indent)),
        _ => format!("\"{{{{ {path} }}}}\""),
    }
}
