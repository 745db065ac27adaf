//! StackQL's own statements, which the SQL parser does not know: SHOW PROVIDERS and its kin, DESCRIBE, EXEC, and the
//! commands around them.
//!
//! They are read from tokens, and become answers that need no network, or ordinary SQL. Everything else is not ours
//! and goes on to the parser.

mod describe;
mod exec;
mod show;
mod tokens;

use sqlparser::ast::Expr;

use crate::dialect::error::{Error, nearest};
use crate::resource::{self, CATALOG, Method, Relation, Resource, older_spelling};
use tokens::Tokens;

pub use describe::{Describe, writable};

/// A statement of StackQL's.
#[derive(Debug, Clone, PartialEq)]
pub enum Stackql {
    /// Rows that are known.
    Answer(Answer),
    /// The columns of a table.
    Describe(Describe),
    /// Who the session authenticates as.
    Auth,
    /// The functions that statements may use.
    Functions {
        /// Which of them are asked for.
        filter: Filter,
    },
    /// SQL in the place of the statement.
    Sql {
        /// The statement to run.
        sql: String,
        /// False if its rows are not asked for.
        shows_rows: bool,
    },
    /// A view that holds its rows, to be made.
    Materialize {
        /// Its name.
        name: String,
        /// The query that fills it.
        query: String,
    },
    /// A view that holds its rows, to be filled anew.
    Refresh {
        /// Its name.
        name: String,
    },
    /// A wait, in milliseconds.
    Sleep(u64),
    /// Nothing to do, and why.
    Nothing(String),
}

/// Rows that are known without asking anybody.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Names of the columns.
    pub columns: Vec<&'static str>,
    /// The rows, all of text.
    pub rows: Vec<Vec<Option<String>>>,
    /// Which of them are asked for.
    pub filter: Filter,
}

/// Which rows of an answer are asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All.
    None,
    /// Those with a text like this in the first two columns.
    Like(String),
    /// Those for which an expression over the columns is true.
    Where(Box<Expr>),
}

/// Reads `text` as one of StackQL's statements; None if it is none.
///
/// # Errors
///
/// Fails if it is one and does not fit, with what would.
pub fn read(text: &str) -> Result<Option<Stackql>, Error> {
    let Some(mut tokens) = Tokens::of(text) else {
        return Ok(None);
    };
    let Some(first) = tokens.word() else {
        return Ok(None);
    };
    match first.as_str() {
        "show" => show::read(tokens, text),
        "describe" | "desc" => describe::read(tokens),
        "exec" => exec::read(tokens).map(Some),
        "explain" => exec::explained(tokens),
        // A prepared statement of the engine's has a name without dots.
        "execute" if tokens.is_dotted() => exec::read(tokens).map(Some),
        "use" => used(tokens).map(Some),
        "registry" => registry(tokens).map(Some),
        "sleep" => sleep(tokens).map(Some),
        "purge" => Ok(Some(Stackql::Nothing("there is no cache to purge".to_owned()))),
        "auth" => Err(Error::new("AUTH has no login to make: Confluent Cloud takes a key and its secret").hint(
            "set CONFLUENT_CLOUD_API_KEY and CONFLUENT_CLOUD_API_SECRET, or pass --auth or --profile",
        )),
        "nativequery" => Err(Error::new("NATIVEQUERY has no database behind it to ask")
            .hint("write the query itself; SQLite's functions are here")),
        "replace" => Err(Error::new("REPLACE has no method: the service cannot replace a key").hint(
            format!(
                "UPDATE changes a key's name and description; SHOW METHODS IN {} lists what there is",
                example()
            ),
        )),
        "create" => materialize(tokens, text),
        "refresh" => {
            tokens.expect("materialized")?;
            tokens.expect("view")?;
            let name = tokens.rest_as_name()?.join(".");
            Ok(Some(Stackql::Refresh { name }))
        }
        "drop" => drop_materialized(tokens),
        _ => Ok(None),
    }
}

fn used(mut tokens: Tokens) -> Result<Stackql, Error> {
    let place = tokens.span();
    match tokens.rest_as_name()?.first().map(String::as_str) {
        None | Some(CATALOG) => Ok(Stackql::Nothing(format!("`{CATALOG}` is in use"))),
        Some(other) => Err(no_provider(other).at(place)),
    }
}

fn registry(mut tokens: Tokens) -> Result<Stackql, Error> {
    let place = tokens.span();
    let verb = tokens.word().unwrap_or_default();
    let provider = tokens.word();
    if let Some(name) = provider.as_deref().filter(|name| *name != CATALOG) {
        return Err(no_provider(name).at(place));
    }
    let version = Some(format!("v{}", env!("CARGO_PKG_VERSION")));
    match verb.as_str() {
        "pull" => Ok(Stackql::Nothing(format!("`{CATALOG}` is built in"))),
        "list" => Ok(Stackql::Answer(Answer {
            columns: match provider {
                Some(_) => vec!["provider", "versions"],
                None => vec!["provider", "version"],
            },
            rows: vec![vec![Some(CATALOG.to_owned()), version]],
            filter: Filter::None,
        })),
        _ => Err(Error::new("REGISTRY knows LIST and PULL").at(place)),
    }
}

fn sleep(mut tokens: Tokens) -> Result<Stackql, Error> {
    let place = tokens.span();
    tokens
        .number()
        .and_then(|number| number.parse().ok())
        .map(Stackql::Sleep)
        .ok_or_else(|| {
            Error::new("SLEEP wants a number of milliseconds")
                .at(place)
                .hint("for example SLEEP 100")
        })
}

/// Reads `CREATE [OR REPLACE] MATERIALIZED VIEW name AS query`.
fn materialize(mut tokens: Tokens, text: &str) -> Result<Option<Stackql>, Error> {
    if tokens.take("or") {
        tokens.take("replace");
    }
    if !tokens.take("materialized") {
        return Ok(None);
    }
    tokens.expect("view")?;
    let name = tokens.name().join(".");
    tokens.expect("as")?;
    Ok(Some(Stackql::Materialize {
        name,
        query: tokens.rest_of(text).to_owned(),
    }))
}

fn drop_materialized(mut tokens: Tokens) -> Result<Option<Stackql>, Error> {
    if !tokens.take("materialized") {
        return Ok(None);
    }
    tokens.expect("view")?;
    let exists = match tokens.take("if") {
        true => {
            tokens.expect("exists")?;
            "IF EXISTS "
        }
        false => "",
    };
    let name = tokens.rest_as_name()?.join(".");
    Ok(Some(Stackql::Sql {
        sql: format!("DROP TABLE {exists}{name}"),
        shows_rows: false,
    }))
}

fn no_provider(name: &str) -> Error {
    unknown("provider", name, [CATALOG])
}

/// Returns the name of the first resource, for hints that show what to write.
fn example() -> String {
    resource::ALL
        .first()
        .map_or_else(String::new, |r| r.full_name())
}

/// Returns true for a view, in full or from the right, which is a resource without methods.
fn is_view(name: &[String]) -> bool {
    matches!(resource::named(name), Some(Relation::View(..)))
}

/// Finds the resource called `name`, in full or from the right.
fn expect_resource(name: &[String]) -> Result<&'static Resource, Error> {
    if let Some(Relation::View(resource, view)) = resource::named(name) {
        return Err(
            Error::new(format!("`{}` is a view, which has no methods", view.name))
                .hint(format!("the methods are those of {}", resource.full_name())),
        );
    }
    let known: Vec<String> = resource::ALL.iter().map(|r| r.full_name()).collect();
    let known = format!("the resource is {}", known.join(" or "));
    let (table, service, provider) = match name {
        [] => return Err(Error::new("expected the name of a resource").hint(known)),
        [table] => (table, None, None),
        [service, table] => (table, Some(service), None),
        [provider, service, table] => (table, Some(service), Some(provider)),
        _ => return Err(Error::new(format!("no resource `{}`", name.join("."))).hint(known)),
    };
    if let Some(provider) = provider.filter(|name| *name != CATALOG) {
        return Err(no_provider(provider));
    }
    let services = resource::services().into_iter().map(|service| service.name);
    if let Some(service) = service
        && !services.clone().any(|name| name == service)
    {
        return Err(unknown("service", service, services));
    }
    let is_there = |r: &&&Resource| service.is_none_or(|service| r.service.name == service);
    let resources = resource::ALL.iter().filter(is_there);
    match resources.clone().find(|r| r.table == table) {
        Some(resource) => Ok(resource),
        None => Err(unknown("resource", table, resources.map(|r| r.table))),
    }
}

/// Finds the method that the last part of `name` names; the other parts are the resource.
fn expect_method(name: &[String]) -> Result<(&'static Resource, &'static Method), Error> {
    let is_resource = matches!(resource::named(name), Some(Relation::Table(_)));
    let (Some((last, of)), false) = (name.split_last(), is_resource) else {
        return Err(Error::new("expected the name of a method")
            .hint(format!("SHOW METHODS IN {} lists them", example())));
    };
    let resources = match of {
        [] => resource::ALL.to_vec(),
        of => vec![expect_resource(of)?],
    };
    let mut found = resources.iter().copied();
    if let Some(found) = found.find_map(|r| Some((r, r.method(last)?))) {
        return Ok(found);
    }
    let methods = resources.iter().flat_map(|r| r.methods);
    let names = methods.map(|method| method.name);
    // `get_api_key` is as near to a method as `get_iam_v2api_keys` is.
    let spelled = older_spelling(last);
    let plain = |name: &str| name.replace("iam_v2", "");
    let near = names.clone().find(|name| {
        let whole = plain(name);
        whole == plain(&spelled) || whole.split('_').next() == Some(last.as_str())
    });
    let near = near.or_else(|| nearest(&spelled, names.clone()));
    Err(unknown_but("method", last, near, names))
}

/// The error for a name that does not exist: the nearest one, and all that there are.
fn unknown<'n>(kind: &str, name: &str, known: impl IntoIterator<Item = &'n str>) -> Error {
    let known: Vec<&str> = known.into_iter().collect();
    let near = nearest(name, known.iter().copied());
    unknown_but(kind, name, near, known)
}

/// The same, where `near` is known to be the nearest.
fn unknown_but<'n>(
    kind: &str,
    name: &str,
    near: Option<&str>,
    known: impl IntoIterator<Item = &'n str>,
) -> Error {
    let known: Vec<&str> = known.into_iter().collect();
    let all = known.join(", ");
    let error = Error::new(format!("no {kind} `{name}`"));
    match near {
        Some(near) => error.hint(format!("did you mean `{near}`? There is: {all}")),
        None => error.hint(format!("there is: {all}")),
    }
}

#[cfg(test)]
mod tests;
