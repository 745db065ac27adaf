//! How large a statement becomes once its named queries are inlined.
//!
//! The engine plans a query that WITH or a view names once for every reference to it. Twenty queries, each of which
//! joins the previous one with itself, read a million tables, and planning them would exhaust memory. So they are
//! counted before anything is planned.
//!
//! For the same reason a named query with a volatile function would give each reference different rows, where
//! PostgreSQL computes it once. So only one reference to it is allowed. Pure.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as EngineStatement};
use sqlparser::ast::{Expr, ObjectName, Query, SetExpr, Spanned, Visitor};

use super::rule::Tables;
use crate::dialect::ast::{folded, function_name, visit};
use crate::dialect::error::Error;

/// The most tables that a statement may read: far more than people write, and planned within seconds.
const MAX_TABLES: u64 = 1_000;

/// Refuses a statement that reads too many tables. Where `t` is a view of 600 tables:
///
/// ```sql
/// WITH a AS (SELECT * FROM t) SELECT * FROM a JOIN a AS b USING (x)
/// -- becomes
/// refused
/// ```
///
/// The other kind that is refused is `WITH a AS (SELECT random() AS x) SELECT * FROM a JOIN a AS b USING (x)`.
pub(super) fn expansion(statement: &mut EngineStatement, tables: &Tables<'_>) -> Result<(), Error> {
    let tables = count(statement, tables.size)?;
    match tables > MAX_TABLES {
        true => Err(Error::new(format!(
            "the statement reads {tables} tables after CTEs and views are expanded; the limit is {MAX_TABLES}"
        ))
        .hint("CREATE TABLE … AS keeps the rows of a query, and is read as one table")),
        false => Ok(()),
    }
}

fn count(statement: &EngineStatement, size: &dyn Fn(&ObjectName) -> u64) -> Result<u64, Error> {
    let mut counter = Counter {
        size,
        frames: vec![Frame::default()],
    };
    match statement {
        EngineStatement::Explain(explain) => return count(&explain.statement, size),
        EngineStatement::CopyTo(copy) => {
            if let CopyToSource::Relation(name) = &copy.source {
                return Ok(size(name));
            }
        }
        _ => {}
    }
    visit(statement, &mut counter)?;
    Ok(counter.frames.first().map_or(0, |frame| frame.tables))
}

/// A query that is being looked at.
#[derive(Default)]
struct Frame {
    /// Tables so far.
    tables: u64,
    /// True if a volatile function was called so far.
    is_volatile: bool,
    /// The named queries that come next: the parser's tree has them before everything else of a query.
    coming: VecDeque<String>,
    /// The named queries before.
    named: HashMap<String, Named>,
}

/// A named query.
struct Named {
    /// How many tables it stands for.
    tables: u64,
    /// True if it gives other rows each time it is computed.
    is_volatile: bool,
    /// True if it was read.
    is_read: bool,
}

/// The functions that give another value each time they are called.
const VOLATILE: [&str; 3] = ["gen_random_uuid", "random", "uuid"];

struct Counter<'s> {
    size: &'s dyn Fn(&ObjectName) -> u64,
    frames: Vec<Frame>,
}

impl Visitor for Counter<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        let named = query.with.iter().flat_map(|with| &with.cte_tables);
        self.frames.push(Frame {
            tables: written_rows(&query.body),
            coming: named.map(|named| folded(&named.alias.name)).collect(),
            ..Frame::default()
        });
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
        if let Expr::Function(function) = expr
            && VOLATILE.contains(&function_name(function).as_str())
            && let Some(frame) = self.frames.last_mut()
        {
            frame.is_volatile = true;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Error> {
        let Some(ended) = self.frames.pop() else {
            return ControlFlow::Continue(());
        };
        if let Some(frame) = self.frames.last_mut() {
            match frame.coming.pop_front() {
                Some(name) => {
                    let named = Named {
                        // Rows that are written there are planned as a table is.
                        tables: ended.tables.max(1),
                        is_volatile: ended.is_volatile,
                        is_read: false,
                    };
                    frame.named.insert(name, named);
                }
                None => {
                    frame.tables = frame.tables.saturating_add(ended.tables);
                    frame.is_volatile |= ended.is_volatile;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<Error> {
        let word = match name.0.as_slice() {
            [part] => part.as_ident().map(folded),
            _ => None,
        };
        let named = word.and_then(|word| {
            let mut frames = self.frames.iter_mut().rev();
            frames.find_map(|frame| frame.named.get_mut(&word))
        });
        let (tables, is_volatile) = match named {
            Some(named) if named.is_volatile && named.is_read => {
                return ControlFlow::Break(
                    Error::new(format!(
                        "`{name}` is referenced twice, and would have different random values each time"
                    ))
                    .hint("CREATE TABLE … AS keeps the rows of a query")
                    .at(name.span()),
                );
            }
            Some(named) => {
                named.is_read = true;
                (named.tables, named.is_volatile)
            }
            None => ((self.size)(name), false),
        };
        if let Some(frame) = self.frames.last_mut() {
            frame.tables = frame.tables.saturating_add(tables);
            frame.is_volatile |= is_volatile;
        }
        ControlFlow::Continue(())
    }
}

/// Returns how many members of UNION and its kin read no table: planned as one each.
fn written_rows(body: &SetExpr) -> u64 {
    let (mut rows, mut parts) = (0, Vec::new());
    if let SetExpr::SetOperation { left, right, .. } = body {
        parts.extend([left, right]);
    }
    while let Some(part) = parts.pop() {
        match part.as_ref() {
            SetExpr::SetOperation { left, right, .. } => parts.extend([left, right]),
            SetExpr::Select(select) => rows += u64::from(select.from.is_empty()),
            SetExpr::Values(_) => rows += 1,
            _ => {}
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::super::tests::having;
    use super::*;
    use crate::dialect::parse::parse;

    fn tables(sql: &str) -> u64 {
        count(&parse(sql).unwrap(), &|name| {
            if name.to_string() == "v" { 10 } else { 1 }
        })
        .unwrap()
    }

    #[test]
    fn a_named_query_with_random_values_is_read_once() {
        let count = |sql: &str| count(&parse(sql).unwrap(), &|_| 1);
        for sql in [
            "WITH a AS (SELECT random() AS x) SELECT * FROM a JOIN a b USING (x)",
            "WITH a AS (SELECT random() AS x), b AS (SELECT * FROM a) SELECT * FROM b WHERE x IN (SELECT x FROM b)",
            "WITH a AS (SELECT uuid() AS x) SELECT * FROM (SELECT * FROM a), a",
        ] {
            assert!(count(sql).is_err(), "{sql}");
        }
        for sql in [
            "WITH a AS (SELECT random() AS x) SELECT * FROM a, t a2",
            "WITH a AS (SELECT now() AS x) SELECT * FROM a, a b",
            "WITH a AS (SELECT 1 AS x) SELECT random() FROM a, a b",
        ] {
            assert!(count(sql).is_ok(), "{sql}");
        }
    }

    #[test]
    fn named_queries_count_wherever_they_are_read() {
        for (sql, expected) in [
            ("SELECT 1", 0),
            ("SELECT * FROM t, u JOIN v USING (x)", 12),
            ("WITH a AS (SELECT * FROM t, t b) SELECT * FROM a, a b", 4),
            (
                "WITH a AS (SELECT * FROM t), b AS (SELECT * FROM a, a x) SELECT * FROM b, b y, a",
                5,
            ),
            ("WITH unused AS (SELECT * FROM v) SELECT * FROM t", 1),
            (
                "SELECT (SELECT count(*) FROM t) FROM t WHERE x IN (SELECT x FROM v)",
                12,
            ),
            (
                "WITH a AS (SELECT * FROM t) SELECT * FROM (WITH a AS (SELECT * FROM v) SELECT * FROM a) x, a",
                11,
            ),
            (
                "WITH a AS (SELECT 1 AS x), b AS (SELECT * FROM a, a y) SELECT * FROM b, b z",
                4,
            ),
            (
                "WITH a AS (SELECT 1 AS x UNION ALL SELECT 2 UNION ALL VALUES (3)) SELECT * FROM a, a b",
                6,
            ),
            (
                "WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT * FROM r) SELECT * FROM r, r s",
                4,
            ),
            ("EXPLAIN SELECT * FROM v", 10),
            ("COPY (SELECT * FROM v) TO 'x.csv'", 10),
            ("COPY v TO 'x.csv'", 10),
        ] {
            assert_eq!(tables(sql), expected, "{sql}");
        }
    }

    #[test]
    fn chained_joins_are_refused_by_their_number() {
        let mut named = vec!["c0 AS (SELECT * FROM t)".to_owned()];
        for n in 1..=25 {
            named.push(format!(
                "c{n} AS (SELECT a.* FROM c{0} a JOIN c{0} b USING (id))",
                n - 1
            ));
        }
        let sql = format!("WITH {} SELECT * FROM c25", named.join(", "));
        assert_eq!(tables(&sql), 1 << 25);
        let error = expansion(&mut parse(&sql).unwrap(), &having(&|_| None)).unwrap_err();
        assert!(
            error.message.contains("33554432 tables"),
            "{}",
            error.message
        );
    }
}
