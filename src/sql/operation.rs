//! Who carries a statement out: the engine, or us.

use datafusion::sql::parser::{CopyToSource, Statement as EngineStatement};
use sqlparser::ast::Statement;

use super::stackql::{self, Stackql};
use super::write::{self, Write};
use crate::dialect::error::Error;
use crate::dialect::parse::{as_sql, parse};
use crate::dialect::unsupported;

/// A statement, by who carries it out.
#[derive(Debug)]
pub enum Operation {
    /// Us, without a look at the parser: a statement of StackQL's.
    Stackql(Stackql),
    /// The engine.
    Query(EngineStatement),
    /// Us: a write to a resource.
    Write {
        /// The write.
        write: Write,
        /// True for EXPLAIN: the requests are shown and not sent.
        is_dry: bool,
    },
}

impl Operation {
    /// Reads the statement `text`.
    ///
    /// # Errors
    ///
    /// Fails for statements that cannot be read or are refused, with the reason and what to use instead.
    pub fn read(text: &str) -> Result<Self, Error> {
        match stackql::read(text)? {
            Some(statement) => Ok(Self::Stackql(statement)),
            None => Self::of(parse(text)?),
        }
    }

    /// Reads `statement`.
    ///
    /// # Errors
    ///
    /// Fails for statements that are refused, with the reason and what to use instead.
    pub fn of(statement: EngineStatement) -> Result<Self, Error> {
        unsupported::refuse(&statement)?;
        if let EngineStatement::Explain(explain) = &statement {
            return match Self::of_sql(as_sql(&explain.statement))? {
                Some(_) if explain.options.analyze => {
                    Err(Error::new("EXPLAIN ANALYZE of a write would carry it out")
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
