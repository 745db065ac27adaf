//! Rules about the relations of a query: joins, named windows, recursion. SQL in, SQL out, or an error with its place.
//!
//! Unlike the other rules they look at whole queries, and are told the columns of the tables that those read.

pub(crate) mod expansion;
pub(crate) mod merged_columns;
pub(crate) mod named_windows;
pub(crate) mod orders;
pub(crate) mod recursion;

use datafusion::sql::parser::{CopyToSource, Statement as EngineStatement};
use sqlparser::ast::{VisitMut, VisitorMut};

use crate::dialect::ast::folded;

/// Lets `visitor` go over the SQL in `statement`, also in that of EXPLAIN and COPY.
fn visit<V: VisitorMut>(statement: &mut EngineStatement, visitor: &mut V) -> Result<(), V::Break> {
    use std::ops::ControlFlow::{Break, Continue};
    let outcome = match statement {
        EngineStatement::Statement(statement) => statement.visit(visitor),
        EngineStatement::Explain(explain) => return visit(&mut explain.statement, visitor),
        EngineStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(visitor),
            CopyToSource::Relation(_) => return Ok(()),
        },
        _ => return Ok(()),
    };
    match outcome {
        Break(stop) => Err(stop),
        Continue(()) => Ok(()),
    }
}
