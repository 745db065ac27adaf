//! Decides who runs a statement: the engine, or this program.

use datafusion::sql::parser::{CopyToSource, Statement as EngineStatement};
use sqlparser::ast::Statement;

use super::split::Piece;
use super::stackql::{self, Reading, Stackql};
use super::write::{self, Write};
use crate::dialect::Dialect;
use crate::dialect::error::Error;
use crate::dialect::parse::{as_sql, parse_piece};
use crate::dialect::unsupported;

/// A statement, by who runs it.
#[derive(Debug)]
pub(crate) enum Operation {
    /// This program: one of StackQL's own statements.
    Stackql(Stackql),
    /// The engine.
    Query(EngineStatement),
    /// This program: a write to a resource.
    Write {
        /// The write.
        write: Write,
        /// True for EXPLAIN: the requests are shown and not sent.
        is_dry: bool,
    },
    /// A query or a write whose rows are not asked for: EXEC.
    WithoutRows(Box<Operation>),
}

impl Operation {
    /// Reads the statement that was typed as `piece` in `dialect`.
    ///
    /// Fails for statements that cannot be read or are refused, with the reason and what to use instead.
    pub(crate) fn read(piece: &Piece, dialect: Dialect) -> Result<Self, Error> {
        Ok(match stackql::read(piece, dialect)? {
            None => Self::of(parse_piece(piece, dialect)?)?,
            Some(Reading::Stackql(statement)) => Self::Stackql(statement),
            Some(Reading::Statement {
                statement,
                shows_rows,
            }) => {
                let operation = Self::of(statement)?;
                match shows_rows {
                    true => operation,
                    false => Self::WithoutRows(Box::new(operation)),
                }
            }
        })
    }

    /// Returns true if the statement may change keys, tables or files.
    pub(crate) fn changes(&self) -> bool {
        match self {
            Self::Stackql(statement) => {
                matches!(
                    statement,
                    Stackql::Materialize { .. } | Stackql::Refresh { .. }
                )
            }
            Self::Query(statement) => match statement {
                EngineStatement::Statement(statement) => matches!(
                    statement.as_ref(),
                    Statement::Insert(_)
                        | Statement::Update(_)
                        | Statement::Delete(_)
                        | Statement::CreateTable(_)
                        | Statement::CreateView(_)
                        | Statement::Drop { .. }
                ),
                EngineStatement::CopyTo(_) | EngineStatement::CreateExternalTable(_) => true,
                _ => false,
            },
            Self::Write { is_dry, .. } => !is_dry,
            Self::WithoutRows(operation) => operation.changes(),
        }
    }

    /// Returns true for a SELECT and its kin, which only read.
    pub(crate) fn is_query(&self) -> bool {
        matches!(self, Self::Query(EngineStatement::Statement(statement))
            if matches!(statement.as_ref(), Statement::Query(_)))
    }

    /// Returns true if the statement creates keys, and shows their secrets.
    pub(crate) fn creates_keys(&self) -> bool {
        match self {
            Self::Write { write, .. } => matches!(write, Write::Insert(_)),
            Self::WithoutRows(operation) => operation.creates_keys(),
            _ => false,
        }
    }

    /// Reads `statement`.
    ///
    /// Fails for statements that are refused, with the reason and what to use instead.
    pub(crate) fn of(statement: EngineStatement) -> Result<Self, Error> {
        unsupported::refuse(&statement)?;
        if let EngineStatement::Explain(explain) = &statement {
            return match Self::of_sql(as_sql(&explain.statement))? {
                Some(_) if explain.options.analyze => {
                    Err(Error::new("EXPLAIN ANALYZE of a write would run it")
                        .hint("EXPLAIN shows its requests without sending them"))
                }
                Some(write) => Ok(Self::Write {
                    write,
                    is_dry: true,
                }),
                None => Ok(Self::Query(statement)),
            };
        }
        if let EngineStatement::CopyTo(copy) = &statement
            && let CopyToSource::Query(query) = &copy.source
        {
            write::within_query(query)?;
        }
        Ok(match Self::of_sql(as_sql(&statement))? {
            Some(write) => Self::Write {
                write,
                is_dry: false,
            },
            None => Self::Query(statement),
        })
    }

    fn of_sql(statement: Option<&Statement>) -> Result<Option<Write>, Error> {
        let Some(statement) = statement else {
            return Ok(None);
        };
        write::refuse(statement)?;
        Write::of(statement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse::parse;

    #[test]
    fn what_changes_something_is_told_from_what_does_not() {
        for (sql, changes) in [
            ("SELECT 1", false),
            ("SHOW PROVIDERS", false),
            ("SHOW TABLES IN iam", false),
            ("DESCRIBE api_keys", false),
            ("EXEC api_keys.get_iam_v2api_key @id = 'a'", false),
            ("EXEC api_keys.delete_iam_v2api_key @id = 'a'", true),
            (
                "EXPLAIN EXEC api_keys.delete_iam_v2api_key @id = 'a'",
                false,
            ),
            ("DELETE FROM api_keys WHERE id = 'a'", true),
            ("EXPLAIN DELETE FROM api_keys WHERE id = 'a'", false),
            ("CREATE VIEW v AS SELECT 1", true),
            ("DROP MATERIALIZED VIEW v", true),
            ("REFRESH MATERIALIZED VIEW v", true),
            ("COPY (SELECT 1) TO 'x.csv'", true),
        ] {
            let operation = Operation::read(&Piece::new(sql), Dialect::default()).unwrap();
            assert_eq!(operation.changes(), changes, "{sql}");
        }
    }

    #[test]
    fn explain_of_a_write_is_a_dry_run() {
        let of = |sql: &str| Operation::of(parse(sql).unwrap());
        let dry = of("EXPLAIN DELETE FROM api_keys WHERE id = 'a'").unwrap();
        assert!(matches!(dry, Operation::Write { is_dry: true, .. }));
        let wet = of("DELETE FROM api_keys WHERE id = 'a'").unwrap();
        assert!(matches!(wet, Operation::Write { is_dry: false, .. }));
        assert!(of("EXPLAIN ANALYZE DELETE FROM api_keys").is_err());
        let query = of("EXPLAIN ANALYZE SELECT 1").unwrap();
        assert!(matches!(query, Operation::Query(_)));
    }
}
