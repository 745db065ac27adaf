//! StackQL's own statements, which the SQL parser does not know: SHOW PROVIDERS and the like, DESCRIBE, EXEC, and the
//! commands around them.
//!
//! They are read from tokens, and become answers that need no network, or ordinary SQL whose places are in what was
//! typed. All other statements are left to the parser.

mod describe;
mod exec;
mod names;
mod show;
mod statement;

use sqlparser::tokenizer::Token;

use crate::dialect::Dialect;
use crate::dialect::error::Error;
use crate::dialect::piece::Piece;
use crate::dialect::tokens::{Cursor, Draft};
use crate::resource::CATALOG;
use names::{example, no_provider};

pub(crate) use statement::{Answer, Describe, Filter, Reading, Stackql};

/// Reads `piece`, written in `dialect`, as one of StackQL's statements; None if it is not one.
///
/// Fails if it is one but has an error, and says what was expected.
pub(crate) fn read(piece: &Piece, dialect: Dialect) -> Result<Option<Reading>, Error> {
    // What cannot be cut into tokens is refused by the parser.
    let mut tokens = Cursor::new(piece.tokens().unwrap_or_default());
    let Some(first) = tokens.word() else {
        return Ok(None);
    };
    let text = piece.text.as_str();
    let ours = |statement| Some(Reading::Stackql(statement));
    match first.as_str() {
        "show" => show::read(tokens, text),
        "describe" | "desc" => Ok(describe::read(tokens)?.and_then(ours)),
        "exec" => exec::read(tokens, Draft::default(), text).map(Some),
        "explain" => exec::explained(tokens, text),
        // A prepared statement of the engine's has a name without dots.
        "execute" if tokens.is_dotted() => exec::read(tokens, Draft::default(), text).map(Some),
        "use" => used(tokens).map(ours),
        "registry" => registry(tokens).map(ours),
        "sleep" => sleep(tokens).map(ours),
        "purge" => Ok(ours(Stackql::Nothing("there is no cache to purge".to_owned()))),
        "auth" => Err(Error::new("AUTH cannot log in: Confluent Cloud uses a key and its secret").hint(
            "set CONFLUENT_CLOUD_API_KEY and CONFLUENT_CLOUD_API_SECRET, or pass --auth or --profile",
        )),
        "nativequery" => Err(Error::new("NATIVEQUERY has no database to query")
            .hint("write the query itself; SQLite's functions are available")),
        "replace" => Err(Error::new("REPLACE has no method: the service cannot replace a key").hint(
            format!(
                "UPDATE changes a key's name and description; SHOW METHODS IN {} lists what there is",
                example()
            ),
        )),
        "create" => Ok(materialize(tokens, text, dialect)?.and_then(ours)),
        "refresh" => {
            tokens.expect("materialized")?;
            tokens.expect("view")?;
            let name = tokens.rest_as_name()?.join(".");
            Ok(ours(Stackql::Refresh { name }))
        }
        "drop" => drop_materialized(tokens, text),
        _ => Ok(None),
    }
}

fn used(mut tokens: Cursor<'_>) -> Result<Stackql, Error> {
    let place = tokens.span();
    match tokens.rest_as_name()?.first().map(String::as_str) {
        None | Some(CATALOG) => Ok(Stackql::Nothing(format!("`{CATALOG}` is in use"))),
        Some(other) => Err(no_provider(other).at(place)),
    }
}

fn registry(mut tokens: Cursor<'_>) -> Result<Stackql, Error> {
    let place = tokens.span();
    let verb = tokens.word().unwrap_or_default();
    let provider = tokens.word();
    if let Some(name) = provider.as_deref().filter(|name| *name != CATALOG) {
        return Err(no_provider(name).at(place));
    }
    let version = Some(format!("v{}", env!("CARGO_PKG_VERSION")));
    match verb.as_str() {
        "pull" => Ok(Stackql::Nothing(format!("`{CATALOG}` is built in"))),
        "list" => Ok(Stackql::Answer(Answer::new(
            match provider {
                Some(_) => vec!["provider", "versions"],
                None => vec!["provider", "version"],
            },
            vec![vec![Some(CATALOG.to_owned()), version]],
        ))),
        _ => Err(Error::new("REGISTRY takes LIST or PULL").at(place)),
    }
}

fn sleep(tokens: Cursor<'_>) -> Result<Stackql, Error> {
    let place = tokens.span();
    let milliseconds = match tokens.peek() {
        Some(Token::Number(number, _)) => number.parse().ok(),
        _ => None,
    };
    milliseconds.map(Stackql::Sleep).ok_or_else(|| {
        Error::new("SLEEP needs a number of milliseconds")
            .at(place)
            .hint("for example SLEEP 100")
    })
}

/// Reads `CREATE [OR REPLACE] MATERIALIZED VIEW name AS query`.
fn materialize(
    mut tokens: Cursor<'_>,
    text: &str,
    dialect: Dialect,
) -> Result<Option<Stackql>, Error> {
    if tokens.take("or") {
        tokens.take("replace");
    }
    if !tokens.take("materialized") {
        return Ok(None);
    }
    tokens.expect("view")?;
    let before = tokens.rest();
    let (name, place) = tokens.name_and_place();
    let typed = &before[..before.len() - tokens.rest().len()];
    tokens.expect("as")?;
    let fill = Draft::default()
        .sql("CREATE OR REPLACE TABLE", place)
        .typed(typed)
        .sql("AS", place)
        .typed(tokens.rest())
        .parse(text, dialect)?;
    Ok(Some(Stackql::Materialize {
        name: name.join("."),
        fill: Box::new(fill),
    }))
}

fn drop_materialized(mut tokens: Cursor<'_>, text: &str) -> Result<Option<Reading>, Error> {
    let place = tokens.span();
    if !tokens.take("materialized") {
        return Ok(None);
    }
    tokens.expect("view")?;
    let typed = tokens.rest();
    if tokens.take("if") {
        tokens.expect("exists")?;
    }
    tokens.rest_as_name()?;
    let statement = Draft::default().sql("DROP TABLE", place).typed(typed);
    Ok(Some(Reading::Statement {
        statement: statement.parse(text, Dialect::Stackql)?,
        shows_rows: false,
    }))
}

#[cfg(test)]
mod tests;
