//! Clauses that the parser accepts, but that the engine's planner ignores, or refuses without helping.
//!
//! They are refused before anything is sent, with what to write instead: without them a statement would mean something
//! else. The same goes for time zones that do not exist, which the engine would read as UTC. Pure.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::arrow::array::timezone::Tz;
use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{
    AssignmentTarget, BinaryOperator, ColumnOption, DataType, Expr, FunctionArguments, GroupByExpr,
    Join, JoinOperator, LimitClause, ObjectName, OrderByKind, Query, Select, SelectItem, Set,
    SetExpr, SetQuantifier, Spanned, Statement, TableFactor, UnaryOperator, Value, ValueWithSpan,
    Visitor,
};
use sqlparser::tokenizer::Span;

use super::ast::{folded, text_of, visit};
use super::error::Error;
use super::rules::times;
use crate::pattern::patterns;

/// Refuses a statement with a clause that the engine would ignore.
///
/// Fails with the clause and what to write instead.
pub(crate) fn refuse(statement: &EngineStatement) -> Result<(), Error> {
    if let EngineStatement::CreateExternalTable(table) = statement
        && let Some(key) = table.order_exprs.iter().flatten().next()
    {
        // Nobody would check that a file is sorted.
        return Err(Error::new("WITH ORDER is not supported")
            .at(key.expr.span())
            .hint("ORDER BY sorts what is read"));
    }
    visit(statement, &mut Refusal)
}

/// Returns where a set operation puts columns together by their names, which the engine does not.
fn union_by_name(body: &SetExpr) -> Option<Span> {
    let SetExpr::SetOperation {
        left,
        right,
        set_quantifier,
        ..
    } = body
    else {
        return None;
    };
    match set_quantifier {
        SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName => {
            Some(right.span())
        }
        _ => union_by_name(left).or_else(|| union_by_name(right)),
    }
}

/// Returns the first key of the order of a set operation that is computed. It is not said from which part its columns are.
fn computed_key(query: &Query) -> Option<&Expr> {
    let OrderByKind::Expressions(keys) = &query.order_by.as_ref()?.kind else {
        return None;
    };
    fn is_named(key: &Expr) -> bool {
        match key {
            Expr::Nested(key) => is_named(key),
            key => matches!(
                key,
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_)
            ),
        }
    }
    let is_set = matches!(*query.body, SetExpr::SetOperation { .. });
    let mut keys = keys.iter().map(|key| &key.expr);
    keys.find(|key| is_set && !is_named(key))
}

struct Refusal;

impl Visitor for Refusal {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        if let Some(by_name) = union_by_name(&query.body) {
            return no("UNION BY NAME", by_name, "the columns in one order in both");
        }
        if let Some(key) = computed_key(query) {
            let error = Error::new(
                "ORDER BY after a UNION, INTERSECT or EXCEPT takes names and positions of its columns",
            );
            return ControlFlow::Break(error.at(key.span()).hint(
                "name the value in each part, or order in a query around it: SELECT * FROM (SELECT … UNION SELECT …) AS u ORDER BY …",
            ));
        }
        let by = match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit_by, .. }) => limit_by.first(),
            _ => None,
        };
        if let Some(by) = by {
            return no(
                "LIMIT … BY",
                by.span(),
                "QUALIFY row_number() OVER (PARTITION BY …) <= n",
            );
        }
        if query.format_clause.is_some() || query.for_clause.is_some() {
            return no(
                "a format in the statement",
                Span::empty(),
                "-o json or another format on the command line",
            );
        }
        if query.settings.is_some() {
            return no("SETTINGS", Span::empty(), "SET before the statement");
        }
        if let Some(lock) = query.locks.first() {
            let error = Error::new(format!("{lock} is not supported"));
            return ControlFlow::Break(error.hint("leave it out: queries take no locks"));
        }
        if query
            .fetch
            .as_ref()
            .is_some_and(|f| f.percent || f.with_ties)
        {
            return no(
                "FETCH with PERCENT or TIES",
                Span::empty(),
                "QUALIFY rank() OVER (ORDER BY …) <= n",
            );
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Error> {
        // The engine would join it to the tables before it first.
        let after_others = select.from.iter().skip(1);
        if let Some(tree) = after_others.into_iter().find(|tree| {
            let keeps_right = |join: &Join| {
                matches!(
                    join.join_operator,
                    JoinOperator::Right(_)
                        | JoinOperator::RightOuter(_)
                        | JoinOperator::FullOuter(_)
                )
            };
            matches!(tree.relation, TableFactor::UNNEST { .. })
                && tree.joins.iter().any(keeps_right)
        }) {
            return no(
                "unnest after other tables and before RIGHT or FULL JOIN",
                tree.relation.span(),
                "the join in a subquery",
            );
        }
        if let Some(condition) = &select.prewhere {
            return no("PREWHERE", condition.span(), "WHERE");
        }
        if !select.connect_by.is_empty() {
            return no("CONNECT BY", Span::empty(), "WITH RECURSIVE");
        }
        if let GroupByExpr::Expressions(_, modifiers) | GroupByExpr::All(modifiers) =
            &select.group_by
            && let Some(modifier) = modifiers.first()
        {
            return no(
                &modifier.to_string(),
                select.group_by.span(),
                "GROUP BY ROLLUP (a, b)",
            );
        }
        if select.top.is_some() {
            return no("TOP", select.select_token.0.span, "LIMIT n at the end");
        }
        let sorts = select.cluster_by.iter().chain(&select.distribute_by);
        let sorts = sorts.chain(select.sort_by.iter().map(|by| &by.expr));
        if let Some(by) = sorts.into_iter().next() {
            return no("a sort by part", by.span(), "ORDER BY");
        }
        if let Some(view) = select.lateral_views.first() {
            return no(
                "LATERAL VIEW",
                view.lateral_view.span(),
                "CROSS JOIN unnest(…) AS x",
            );
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        match factor {
            TableFactor::Table {
                sample: Some(_), ..
            }
            | TableFactor::Derived {
                sample: Some(_), ..
            } => no("TABLESAMPLE", factor.span(), "ORDER BY random() LIMIT n"),
            TableFactor::Table {
                with_ordinality: true,
                ..
            }
            | TableFactor::Function {
                with_ordinality: true,
                ..
            }
            | TableFactor::UNNEST {
                with_ordinality: true,
                ..
            } => no(
                "WITH ORDINALITY",
                factor.span(),
                "row_number() OVER (), which numbers rows",
            ),
            TableFactor::Pivot { .. } | TableFactor::Unpivot { .. } => no(
                "PIVOT",
                factor.span(),
                "count(*) FILTER (WHERE …) for each column",
            ),
            TableFactor::MatchRecognize { .. } => no(
                "MATCH_RECOGNIZE",
                factor.span(),
                "window functions such as lag() and lead()",
            ),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
        match expr {
            // The engine would take the pattern for a regular expression.
            Expr::SimilarTo { pattern, .. } if text_of(pattern).is_none() => no(
                "SIMILAR TO with a pattern that is not a literal",
                pattern.span(),
                "`~` and a regular expression",
            ),
            Expr::AtTimeZone { time_zone, .. } => known_zone(time_zone),
            Expr::BinaryOp { op, .. } => match op {
                BinaryOperator::PGOverlap => no("`&&`", expr.span(), "array_has_any(x, y)"),
                BinaryOperator::PGStartsWith => no("`^@`", expr.span(), "starts_with(x, y)"),
                _ => ControlFlow::Continue(()),
            },
            Expr::UnaryOp {
                op: UnaryOperator::BitwiseNot,
                ..
            } => no("`~` before a number", expr.span(), "-x - 1"),
            // The engine would leave out the first of two lists of arguments.
            Expr::Function(function) if function.parameters != FunctionArguments::None => {
                let error = Error::new(format!(
                    "`{}` has a second list of arguments",
                    function.name
                ));
                ControlFlow::Break(
                    error
                        .at(function.name.span())
                        .hint("a call has one list of arguments, as in abs(x)"),
                )
            }
            Expr::Function(function) => match times::unread_pattern(function) {
                Some(span) => no(
                    "this pattern",
                    span,
                    "one such as 'YYYY-MM-DD' or '%Y-%m-%d'",
                ),
                None => ControlFlow::Continue(()),
            },
            Expr::Value(literal) => number(literal),
            Expr::Cast {
                expr: text,
                data_type: DataType::Timestamp(..),
                ..
            } => match text.as_ref() {
                Expr::Value(literal) => known_offset(literal),
                _ => ControlFlow::Continue(()),
            },
            Expr::TypedString(typed) if matches!(typed.data_type, DataType::Timestamp(..)) => {
                known_offset(&typed.value)
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<Error> {
        match statement {
            Statement::Set(Set::SetTimeZone { value, .. }) => utc_alone(value),
            Statement::Set(Set::SingleAssignment {
                variable, values, ..
            }) if is_time_zone(variable) => values.iter().try_for_each(utc_alone),
            Statement::CreateView(view) if view.columns.is_empty() => {
                named_once("view", &view.query.body)
            }
            Statement::CreateTable(table) => {
                if let Some(query) = &table.query {
                    named_once("table", &query.body)?;
                }
                let kept = |option: &ColumnOption| {
                    matches!(
                        option,
                        ColumnOption::Null
                            | ColumnOption::NotNull
                            | ColumnOption::Default(_)
                            | ColumnOption::Comment(_)
                    )
                };
                let columns = table.columns.iter();
                let option = columns
                    .flat_map(|column| column.options.iter().map(move |it| (column, &it.option)))
                    .find(|(_, option)| !kept(option));
                match (option, table.constraints.first()) {
                    (Some((column, option)), _) => no(
                        &format!("`{option}` of a column"),
                        column.name.span,
                        "its name and its type, NOT NULL and DEFAULT",
                    ),
                    (_, Some(constraint)) => no(
                        "a constraint of a table",
                        constraint.span(),
                        "the columns alone, each with NOT NULL or DEFAULT",
                    ),
                    _ => ControlFlow::Continue(()),
                }
            }
            Statement::Update(update) => {
                let mut seen = HashSet::new();
                let mut targets = update
                    .assignments
                    .iter()
                    .filter_map(|set| match &set.target {
                        AssignmentTarget::ColumnName(name) => Some(name),
                        AssignmentTarget::Tuple(_) => None,
                    });
                match targets.find(|name| !seen.insert(name.to_string().to_lowercase())) {
                    Some(name) => ControlFlow::Break(
                        Error::new(format!("`{name}` is set twice"))
                            .hint("keep one of the two")
                            .at(name.span()),
                    ),
                    None => ControlFlow::Continue(()),
                }
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Refuses two columns of one name in a new table or view: the engine would give the second one another.
fn named_once(what: &str, body: &SetExpr) -> ControlFlow<Error> {
    let select = match body {
        SetExpr::Select(select) => select,
        SetExpr::SetOperation { left, .. } => return named_once(what, left),
        SetExpr::Query(query) => return named_once(what, &query.body),
        _ => return ControlFlow::Continue(()),
    };
    let names = select.projection.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.clone()),
        // What has a dot may be a nested field, which is called by its whole path.
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.clone()),
        _ => None,
    });
    let mut seen = HashSet::new();
    let mut names = names.into_iter();
    match names.find(|name| !seen.insert(folded(name))) {
        Some(name) => ControlFlow::Break(
            Error::new(format!("column `{}` is in the {what} twice", name.value))
                .at(name.span)
                .hint("give one of the two another name with AS"),
        ),
        None => ControlFlow::Continue(()),
    }
}

fn is_time_zone(variable: &ObjectName) -> bool {
    let name = variable.to_string().to_lowercase();
    matches!(
        name.as_str(),
        "timezone" | "time.zone" | "datafusion.execution.time_zone"
    )
}

/// Refuses a time zone that does not exist: the engine would show UTC.
fn known_zone(zone: &Expr) -> ControlFlow<Error> {
    let Some((name, span)) = text_of(zone) else {
        return ControlFlow::Continue(());
    };
    match name.parse::<Tz>() {
        Ok(_) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(
            Error::new(format!("no time zone `{name}`"))
                .at(span)
                .hint("zones are called as in `UTC`, `Europe/Berlin` and `+02:00`"),
        ),
    }
}

/// Refuses another zone than UTC for the session: the engine would read literals in it, and compute with columns in UTC.
fn utc_alone(zone: &Expr) -> ControlFlow<Error> {
    const UTC: [&str; 6] = ["UTC", "GMT", "Z", "Etc/UTC", "+00:00", "+00"];
    known_zone(zone)?;
    let (name, span) = match text_of(zone) {
        Some((name, span)) => (name.to_owned(), span),
        None => (zone.to_string(), zone.span()),
    };
    if UTC.iter().any(|utc| utc.eq_ignore_ascii_case(&name)) {
        return ControlFlow::Continue(());
    }
    let known = text_of(zone).map_or("Europe/Berlin", |(name, _)| name);
    ControlFlow::Break(
        Error::new("the time zone of a session is always UTC")
            .at(span)
            .hint(format!(
                "now() AT TIME ZONE '{known}' shows a time in a zone"
            )),
    )
}

/// Refuses a number beyond the range of numbers, which the engine would take for infinity, and what is no number elsewhere:
/// the engine reads `0x1F` as bytes, and `1L` as 1.
fn number(literal: &ValueWithSpan) -> ControlFlow<Error> {
    let (message, hint) = match &literal.value {
        Value::Number(number, _) if number.parse::<f64>().is_ok_and(f64::is_infinite) => (
            format!("the number {number} is out of range"),
            "numbers reach up to 1.8e308".to_owned(),
        ),
        Value::Number(number, true) => (
            format!("`{number}L` is not a number"),
            format!("write {number}"),
        ),
        Value::HexStringLiteral(digits) if is_typed_as_number(literal) => (
            format!("`0x{digits}` is not a number here"),
            match i64::from_str_radix(digits, 16) {
                Ok(number) => format!("write {number}; X'{digits}' is bytes"),
                Err(_) => format!("X'{digits}' is bytes"),
            },
        ),
        _ => return ControlFlow::Continue(()),
    };
    ControlFlow::Break(Error::new(message).at(literal.span).hint(hint))
}

/// Returns true for `0x1F`, which the parser reads as it does `X'1F'`.
fn is_typed_as_number(literal: &ValueWithSpan) -> bool {
    let Value::HexStringLiteral(digits) = &literal.value else {
        return false;
    };
    let (start, end) = (literal.span.start, literal.span.end);
    end.column.saturating_sub(start.column) == digits.len() as u64 + 2
}

/// Refuses an offset of 60 minutes and more in a timestamp: the engine would count them as hours.
fn known_offset(literal: &ValueWithSpan) -> ControlFlow<Error> {
    let Value::SingleQuotedString(text) = &literal.value else {
        return ControlFlow::Continue(());
    };
    match OFFSET.captures(text.trim()) {
        Some(offset) if &offset[1] >= "60" => ControlFlow::Break(
            Error::new(format!("`{text}` is not a timestamp"))
                .at(literal.span)
                .hint("the minutes of an offset must be below 60, as in +05:30"),
        ),
        _ => ControlFlow::Continue(()),
    }
}

patterns! {
    /// The minutes of the offset at the end of a timestamp.
    OFFSET = r":.*[+-]\d\d:?(\d\d)$";
}

fn no(clause: &str, span: Span, instead: &str) -> ControlFlow<Error> {
    let error = Error::new(format!("{clause} is not supported")).at(span);
    ControlFlow::Break(error.hint(format!("write {instead}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::parse::parse;

    fn refused(sql: &str) -> String {
        let error = refuse(&parse(sql).unwrap()).unwrap_err();
        format!("{}; {}", error.message, error.hint.unwrap_or_default())
    }

    #[test]
    fn what_an_answer_would_not_heed_is_refused_wherever_it_stands() {
        insta::assert_snapshot!(refused("SELECT id FROM t TABLESAMPLE (10)"), @"TABLESAMPLE is not supported; write ORDER BY random() LIMIT n");
        insta::assert_snapshot!(refused("SELECT 1 WHERE EXISTS (SELECT id FROM t PREWHERE id = 'x')"), @"PREWHERE is not supported; write WHERE");
        insta::assert_snapshot!(refused("COPY (SELECT id FROM t LIMIT 1 BY id) TO 'x.csv'"), @"LIMIT … BY is not supported; write QUALIFY row_number() OVER (PARTITION BY …) <= n");
        insta::assert_snapshot!(refused("EXPLAIN SELECT id FROM t LIMIT 1 FORMAT JSON"), @"a format in the statement is not supported; write -o json or another format on the command line");
        insta::assert_snapshot!(refused("SELECT id FROM t START WITH id = 'a' CONNECT BY id = PRIOR id"), @"CONNECT BY is not supported; write WITH RECURSIVE");
        insta::assert_snapshot!(refused("SELECT id FROM t PIVOT (count(id) FOR kind IN ('a'))"), @"PIVOT is not supported; write count(*) FILTER (WHERE …) for each column");
        insta::assert_snapshot!(refused("SELECT id FROM t FOR UPDATE"), @"FOR UPDATE is not supported; leave it out: queries take no locks");
        insta::assert_snapshot!(refused("DELETE FROM t WHERE upper(id)('X') = 'X'"), @"`upper` has a second list of arguments; a call has one list of arguments, as in abs(x)");
        insta::assert_snapshot!(refused("SELECT 1e400"), @"the number 1e400 is out of range; numbers reach up to 1.8e308");
        insta::assert_snapshot!(refused("SELECT 0x1F"), @"`0x1F` is not a number here; write 31; X'1F' is bytes");
        insta::assert_snapshot!(refused("SELECT 1L"), @"`1L` is not a number; write 1");
        insta::assert_snapshot!(refused("SELECT '2026-01-01 10:00:00+02:99'::timestamptz"), @"`2026-01-01 10:00:00+02:99` is not a timestamp; the minutes of an offset must be below 60, as in +05:30");
        insta::assert_snapshot!(refused("SELECT id FROM t FETCH FIRST 2 ROWS WITH TIES"), @"FETCH with PERCENT or TIES is not supported; write QUALIFY rank() OVER (ORDER BY …) <= n");
        insta::assert_snapshot!(refused("SELECT TOP 3 id FROM t"), @"TOP is not supported; write LIMIT n at the end");
        insta::assert_snapshot!(refused("SELECT * FROM generate_series(1, 2) WITH ORDINALITY"), @"WITH ORDINALITY is not supported; write row_number() OVER (), which numbers rows");
        insta::assert_snapshot!(refused("SELECT id FROM t SORT BY id"), @"a sort by part is not supported; write ORDER BY");
        insta::assert_snapshot!(refused("SELECT id FROM t WHERE id SIMILAR TO id"), @"SIMILAR TO with a pattern that is not a literal is not supported; write `~` and a regular expression");
    }

    #[test]
    fn a_zone_that_does_not_exist_is_refused() {
        for sql in [
            "SELECT now() AT TIME ZONE 'Europe/Nowhere'",
            "SET TIME ZONE 'Europe/Nowhere'",
            "SET TIME ZONE = 'Europe/Nowhere'",
            "SET timezone TO 'Europe/Nowhere'",
        ] {
            assert_eq!(
                refused(sql),
                "no time zone `Europe/Nowhere`; zones are called as in `UTC`, `Europe/Berlin` and `+02:00`",
                "{sql}"
            );
        }
    }

    #[test]
    fn a_session_is_in_utc() {
        for sql in [
            "SET TIME ZONE 'America/New_York'",
            "SET timezone = 'America/New_York'",
            "SET datafusion.execution.time_zone = 'America/New_York'",
        ] {
            assert_eq!(
                refused(sql),
                "the time zone of a session is always UTC; now() AT TIME ZONE 'America/New_York' shows a time in a zone",
                "{sql}"
            );
        }
    }

    #[test]
    fn a_pattern_that_would_be_given_as_it_is_is_refused() {
        assert_eq!(
            refused("SELECT to_char(now(), 'RM YYYY')"),
            "this pattern is not supported; write one such as 'YYYY-MM-DD' or '%Y-%m-%d'"
        );
    }

    #[test]
    fn what_changes_no_answer_is_let_through() {
        for sql in [
            "SET TIME ZONE 'UTC'",
            "SELECT now() AT TIME ZONE 'Europe/Berlin', now() AT TIME ZONE kind FROM t",
            "SELECT id FROM t WITH (NOLOCK)",
        ] {
            refuse(&parse(sql).unwrap()).unwrap();
        }
    }
}
