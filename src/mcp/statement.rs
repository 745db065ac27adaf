//! The one statement of a call, and whether its tool takes it.
//!
//! The parsed statement is checked against a list of what is allowed. The session below would refuse everything else
//! again; here the refusal names the statement, before anything is sent.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{SetExpr, Spanned, Statement, Visit};

use crate::dialect::Dialect;
use crate::dialect::error::Error as Refusal;
use crate::dialect::parse::STDOUT;
use crate::dialect::walk::Walk;
use crate::error::{Error, ErrorKind};
use crate::session::in_statement;
use crate::sql::operation::Operation;
use crate::sql::split::{Piece, split};
use crate::sql::stackql::Stackql;
use crate::sql::write::Write;

/// Which statements a tool takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Those that return rows.
    Reads,
    /// Queries, which EXPLAIN can be put before.
    Queries,
    /// Those that change keys.
    Writes,
}

/// Returns the only statement in `sql`, if it is one of those that the tool takes.
///
/// Fails with what is wrong, and where.
pub(super) fn read(sql: &str, takes: Takes) -> Result<Piece, Error> {
    let piece = only(sql)?;
    let wrong = |refusal| in_statement(refusal, &piece.text, piece.line);
    let operation = Operation::read(&piece, Dialect::default()).map_err(|refusal| match takes {
        // EXPLAIN of a write, which it points to, is refused here as well.
        Takes::Reads | Takes::Queries
            if refusal.message.starts_with("EXPLAIN ANALYZE of a write") =>
        {
            wrong(refusal.hint("preview_write shows the requests of the write alone"))
        }
        _ => wrong(refusal),
    })?;
    let refused = match takes {
        Takes::Reads => reads(&operation),
        Takes::Queries => queries(&operation),
        Takes::Writes => writes(&operation),
    };
    let place_of_verb = |refusal: Refusal| match refusal.span {
        None => refusal.at(verb(&piece)),
        Some(_) => refusal,
    };
    refused.map_err(place_of_verb).map_err(wrong)?;
    Ok(piece)
}

/// Returns the only statement in `sql`.
fn only(sql: &str) -> Result<Piece, Error> {
    let mut script = split(sql);
    if let Some((piece, error)) = script.broken {
        return Err(in_statement(error, &piece.text, piece.line));
    }
    if let Some(second) = script.pieces.get(1) {
        let refusal = Refusal::new("a call takes one statement, and this is the second")
            .hint("make a call for each statement")
            .at(verb(second));
        return Err(in_statement(refusal, &second.text, second.line));
    }
    script
        .pieces
        .pop()
        .ok_or_else(|| Error::statement("there is no statement in `sql`"))
}

/// Returns the place of the first word.
fn verb(piece: &Piece) -> Option<sqlparser::tokenizer::Span> {
    let tokens = piece.tokens().ok()?;
    let first = tokens
        .iter()
        .find(|token| !crate::dialect::piece::is_layout(token))?;
    Some(first.span)
}

fn refused(what: &str) -> Refusal {
    Refusal::new(format!("{what} is refused: this server only reads")).kind(ErrorKind::Permission)
}

fn reads(operation: &Operation) -> Result<(), Refusal> {
    match operation {
        Operation::Stackql(statement) => match statement {
            Stackql::Answer(_)
            | Stackql::Describe(_)
            | Stackql::Auth
            | Stackql::Functions { .. }
            | Stackql::Nothing(_) => Ok(()),
            Stackql::Materialize { .. } => Err(refused("CREATE MATERIALIZED VIEW")),
            Stackql::Refresh { .. } => Err(refused("REFRESH MATERIALIZED VIEW")),
            Stackql::Sleep(_) => Err(refused("SLEEP")),
        },
        Operation::Query(statement) => engine(statement),
        Operation::Write { write, .. } => {
            let verb = match write {
                Write::Insert(_) => "a statement that creates keys",
                Write::Update(_) => "a statement that changes keys",
                Write::Delete(_) => "a statement that revokes keys",
            };
            Err(refused(verb).hint("preview_write shows what it would send, for a person to run"))
        }
        Operation::WithoutRows(operation) => reads(operation),
    }
}

fn queries(operation: &Operation) -> Result<(), Refusal> {
    reads(operation)?;
    match operation.is_query() {
        true => Ok(()),
        false => Err(Refusal::new("only a query has a plan")
            .hint("write the SELECT alone: explain puts EXPLAIN before it")),
    }
}

fn writes(operation: &Operation) -> Result<(), Refusal> {
    match operation {
        Operation::Write { is_dry: true, .. } => {
            Err(Refusal::new("EXPLAIN of a write has nothing to preview")
                .hint("write the statement without EXPLAIN"))
        }
        Operation::Write { .. } => Ok(()),
        Operation::WithoutRows(operation) => writes(operation),
        operation => {
            reads(operation)?;
            Err(Refusal::new("this statement changes no key").hint("query runs it"))
        }
    }
}

/// Refuses a statement of the engine's unless it returns rows and nothing else.
fn engine(statement: &EngineStatement) -> Result<(), Refusal> {
    match statement {
        EngineStatement::Statement(statement) => match statement.as_ref() {
            Statement::Query(_)
            | Statement::ShowVariable { .. }
            | Statement::ShowTables { .. }
            | Statement::ShowColumns { .. }
            | Statement::ShowFunctions { .. }
            | Statement::ShowSchemas { .. }
            | Statement::ShowDatabases { .. }
            | Statement::ShowViews { .. }
            | Statement::ShowCreate { .. }
            | Statement::ExplainTable { .. } => reads_tables(statement.as_ref()),
            other => Err(refused(&name(&other.to_string()))),
        },
        EngineStatement::Explain(explain) => engine(&explain.statement),
        EngineStatement::CopyTo(copy) => {
            let what = match copy.target == STDOUT {
                true => "COPY TO STDOUT",
                false => "COPY TO, which writes a file,",
            };
            Err(refused(what).hint("query returns the rows of its SELECT"))
        }
        EngineStatement::CreateExternalTable(_) => {
            Err(refused("CREATE EXTERNAL TABLE, which reads a file,"))
        }
        EngineStatement::Reset(_) => Err(refused("RESET")),
    }
}

/// Refuses a query that makes a table or holds a write, at any depth.
fn reads_tables(statement: &impl Visit) -> Result<(), Refusal> {
    let found = statement.queries(|query| match only_reads(&query.body) {
        Err(refusal) => ControlFlow::Break(refusal),
        Ok(()) => ControlFlow::Continue(()),
    });
    found.break_value().map_or(Ok(()), Err)
}

fn only_reads(body: &SetExpr) -> Result<(), Refusal> {
    match body {
        SetExpr::Select(select) => match &select.into {
            Some(into) => Err(refused("SELECT INTO, which makes a table,").at(into.name.span())),
            None => Ok(()),
        },
        SetExpr::SetOperation { left, right, .. } => {
            only_reads(left)?;
            only_reads(right)
        }
        // The query within is visited on its own.
        SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => Ok(()),
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
            Err(refused("a write within a query"))
        }
    }
}

/// Returns the words in capitals that `sql`, as the parser prints it, begins with: `CREATE VIEW`.
fn name(sql: &str) -> String {
    let words = sql.split_whitespace();
    let is_keyword = |word: &&str| word.chars().all(|c| c.is_ascii_uppercase());
    let words: Vec<&str> = words.take_while(is_keyword).take(3).collect();
    match words.is_empty() {
        true => "this statement".to_owned(),
        false => words.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(sql: &str, takes: Takes) -> String {
        match read(sql, takes) {
            Ok(_) => panic!("{sql} is taken"),
            Err(error) => error.message,
        }
    }

    #[test]
    fn what_returns_rows_is_taken() {
        for sql in [
            "SELECT 1",
            "WITH a AS (SELECT 1) SELECT * FROM a;",
            "VALUES (1)",
            "TABLE api_keys",
            "SHOW TABLES",
            "SHOW METHODS IN confluent.iam.api_keys",
            "DESCRIBE api_keys",
            "EXPLAIN SELECT 1",
            "EXPLAIN ANALYZE SELECT 1",
            "EXEC confluent.iam.api_keys.get_iam_v2api_key @id = 'a'",
            "-- ;\nSELECT ';' /* ; */",
        ] {
            if let Err(error) = read(sql, Takes::Reads) {
                panic!("{sql}: {error}");
            }
        }
    }

    #[test]
    fn everything_else_is_refused_by_what_it_is() {
        for (sql, what) in [
            ("DELETE FROM api_keys", "a statement that revokes keys"),
            (
                "UPDATE api_keys SET spec.display_name = 'a'",
                "a statement that changes keys",
            ),
            (
                "INSERT INTO api_keys (spec.owner.id) VALUES ('a')",
                "a statement that creates keys",
            ),
            (
                "WITH a AS (SELECT 1) DELETE FROM api_keys WHERE id = 'a'",
                "a statement that revokes keys",
            ),
            (
                "EXEC confluent.iam.api_keys.delete_iam_v2api_key @id = 'a'",
                "a statement that revokes keys",
            ),
            (
                "EXPLAIN DELETE FROM api_keys",
                "a statement that revokes keys",
            ),
            ("COPY api_keys TO 'a.csv'", "COPY TO"),
            ("EXPLAIN COPY api_keys TO 'a.csv'", "COPY TO"),
            (
                "CREATE EXTERNAL TABLE a STORED AS CSV LOCATION 'a.csv'",
                "CREATE EXTERNAL TABLE",
            ),
            ("CREATE VIEW a AS SELECT 1", "CREATE VIEW is refused"),
            ("CREATE TABLE a (b INT)", "CREATE TABLE is refused"),
            ("SELECT 1 AS a INTO b", "SELECT INTO"),
            ("SELECT * FROM (SELECT 1 AS a INTO b) c", "SELECT INTO"),
            (
                "CREATE MATERIALIZED VIEW a AS SELECT 1",
                "CREATE MATERIALIZED VIEW",
            ),
            ("SET x = 1", "SET is refused"),
            ("PREPARE a AS SELECT 1", "PREPARE is refused"),
            ("SLEEP 100", "SLEEP is refused"),
            (
                "EXPLAIN ANALYZE DELETE FROM api_keys",
                "EXPLAIN ANALYZE of a write",
            ),
            ("SELECT 1; SELECT 2", "this is the second"),
            ("SELECT 1; DELETE FROM api_keys", "this is the second"),
            ("SELECT 1;;; SELEC", "this is the second"),
            (" ; -- nothing", "there is no statement"),
        ] {
            let message = refusal(sql, Takes::Reads);
            assert!(message.contains(what), "{sql}: {message}");
        }
    }

    #[test]
    fn only_a_write_has_a_preview_and_only_a_query_a_plan() {
        let write = "DELETE FROM api_keys WHERE id = 'a'";
        assert!(read(write, Takes::Writes).is_ok());
        let exec = "EXEC confluent.iam.api_keys.delete_iam_v2api_key @id = 'a'";
        assert!(read(exec, Takes::Writes).is_ok());
        for (sql, what) in [
            ("SELECT 1", "changes no key"),
            ("EXPLAIN DELETE FROM api_keys", "without EXPLAIN"),
            ("COPY api_keys TO 'a.csv'", "COPY TO"),
            ("DROP VIEW a", "DROP VIEW"),
        ] {
            let error = read(sql, Takes::Writes).unwrap_err();
            let told = format!("{} {}", error.message, error.hint.unwrap_or_default());
            assert!(told.contains(what), "{sql}: {told}");
        }
        assert!(read("SELECT 1", Takes::Queries).is_ok());
        for sql in [
            "EXPLAIN SELECT 1",
            "EXPLAIN ANALYZE SELECT 1",
            "SHOW TABLES",
        ] {
            assert_eq!(refusal(sql, Takes::Queries), "only a query has a plan");
        }
    }

    #[test]
    fn a_refusal_has_its_place() {
        let error = read("SELECT 1;\n  DROP VIEW a", Takes::Reads).unwrap_err();
        let place = error.place.unwrap();
        assert_eq!((place.line, place.span.start.column), (2, 1));
        let error = read("/* x */ DROP VIEW a", Takes::Reads).unwrap_err();
        assert_eq!(error.place.unwrap().span.start.column, 9);
    }
}
