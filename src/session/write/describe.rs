//! The columns and parameters of a write, without running it.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;

use super::requests;
use super::returning::Returning;
use crate::dialect::parse::query_statement;
use crate::error::Error;
use crate::session::plan::Reading;
use crate::session::{Description, Params, Session, diagnose};
use crate::sql::split::Piece;
use crate::sql::write::{self, Write};

/// Describes `write`, which the statement `piece` was read as; with `is_dry` its rows are its requests.
pub(in crate::session) async fn describe(
    session: &Session,
    piece: &Piece,
    write: Write,
    is_dry: bool,
) -> Result<Description, Error> {
    let (named, query, returning) = match write {
        Write::Insert(insert) => {
            let shown = || write::Returning::of_created(insert.resource);
            (
                None,
                insert.source,
                Some(insert.returning.unwrap_or_else(shown)),
            )
        }
        Write::Update(update) => (Some(update.resource), update.rows, update.returning),
        Write::Delete(delete) => (Some(delete.resource), delete.rows, delete.returning),
    };
    let named = named.filter(|_| session.options.dry_run);
    let mut description = session
        .describe_planned(piece, query_statement(query), Reading::Strict)
        .await?;
    description.columns = match (is_dry, returning) {
        (true, _) => requests::schema(named.and_then(|resource| resource.writes.as_ref())),
        (false, None) => Arc::new(Schema::empty()),
        (false, Some(returning)) => {
            let planner = session.planner(&Params::default());
            let planning = || async move { Returning::describe(returning, &planner).await };
            let described = session.within_timeout(planning).await?;
            let Description {
                columns,
                parameters,
            } = described.map_err(|error| diagnose::diagnose(error, piece, &session.tables()))?;
            description.parameters.extend(parameters);
            columns
        }
    };
    Ok(description)
}
