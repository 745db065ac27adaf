//! Clauses that the parser accepts, but that the engine's planner ignores, or refuses without helping.
//!
//! They are refused before anything is sent, with what to write instead: a statement without them would mean something
//! else. The same goes for time zones that do not exist, which the engine would read as UTC. Pure.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::arrow::array::timezone::Tz;
use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{
    AssignmentTarget, BinaryOperator, ColumnOption, Expr, GroupByExpr, Ident, LimitClause,
    ObjectName, Query, Select, SelectItem, Set, SetExpr, SetQuantifier, Spanned, Statement,
    TableFactor, UnaryOperator, Visitor, visit_expressions,
};
use sqlparser::tokenizer::Span;

use super::ast::{folded, idents, text_of, visit};
use super::error::Error;
use super::rules::times;

/// Refuses a statement with a clause that the engine would ignore.
///
/// # Errors
///
/// Fails with the clause and what to write instead.
pub(crate) fn refuse(statement: &EngineStatement) -> Result<(), Error> {
    visit(statement, &mut Refusal)
}

/// Returns a name in HAVING that could be a column of a table and an item of the select list: the engine takes the item,
/// and PostgreSQL the column. It can be a column there if it is grouped by, or is in a call.
fn name_of_both(select: &Select) -> Option<Ident> {
    let having = select.having.as_ref()?;
    let items: Vec<(&Expr, Option<&Ident>)> = (select.projection.iter())
        .filter_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } => Some((expr, Some(alias))),
            SelectItem::UnnamedExpr(expr) => Some((expr, None)),
            _ => None,
        })
        .collect();
    let given = |name: &Ident| {
        items.iter().any(|(expr, alias)| {
            let column = idents(expr).and_then(|idents| idents.last().map(folded));
            alias.is_some_and(|alias| folded(alias) == folded(name)) && column != Some(folded(name))
        })
    };
    let keys: &[Expr] = match &select.group_by {
        GroupByExpr::Expressions(keys, _) => keys,
        GroupByExpr::All(_) => &[],
    };
    let grouped = |name: &Ident| {
        let items = items.iter().map(|(expr, _)| *expr);
        let mut columns = keys.iter().chain(items);
        columns.any(|expr| matches!(expr, Expr::Identifier(key) if folded(key) == folded(name)))
    };
    let find = |expr: &Expr, is_column: &dyn Fn(&Ident) -> bool| {
        visit_expressions(expr, |expr| match expr {
            Expr::Identifier(name) if given(name) && is_column(name) => {
                ControlFlow::Break(name.clone())
            }
            _ => ControlFlow::Continue(()),
        })
        .break_value()
    };
    let in_calls = visit_expressions(having, |expr| {
        let call = matches!(expr, Expr::Function(_)).then_some(expr);
        match call.and_then(|call| find(call, &|_| true)) {
            Some(name) => ControlFlow::Break(name),
            None => ControlFlow::Continue(()),
        }
    });
    in_calls.break_value().or_else(|| find(having, &grouped))
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

struct Refusal;

impl Visitor for Refusal {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        if let Some(by_name) = union_by_name(&query.body) {
            return no("UNION BY NAME", by_name, "the columns in one order in both");
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
        if let Some(name) = name_of_both(select) {
            let message = format!(
                "`{name}` in HAVING is a column, and a name of the select list for something else"
            );
            return ControlFlow::Break(
                Error::new(message)
                    .hint("give the item another name")
                    .at(name.span),
            );
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
        let is_literal = |expr: &Expr| text_of(expr).is_some();
        match expr {
            Expr::SimilarTo { pattern, .. } if !is_literal(pattern) => no(
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
            Expr::Function(function) => match times::unread_pattern(function) {
                Some(span) => no(
                    "this pattern",
                    span,
                    "one such as 'YYYY-MM-DD' or '%Y-%m-%d'",
                ),
                None => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<Error> {
        match statement {
            Statement::Set(Set::SetTimeZone { value, .. }) => known_zone(value),
            Statement::Set(Set::SingleAssignment {
                variable, values, ..
            }) if is_time_zone(variable) => values.iter().try_for_each(known_zone),
            Statement::CreateTable(table) => {
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
        insta::assert_snapshot!(refused("SELECT id FROM t FETCH FIRST 2 ROWS WITH TIES"), @"FETCH with PERCENT or TIES is not supported; write QUALIFY rank() OVER (ORDER BY …) <= n");
        insta::assert_snapshot!(refused("SELECT TOP 3 id FROM t"), @"TOP is not supported; write LIMIT n at the end");
        insta::assert_snapshot!(refused("SELECT * FROM generate_series(1, 2) WITH ORDINALITY"), @"WITH ORDINALITY is not supported; write row_number() OVER (), which numbers rows");
        insta::assert_snapshot!(refused("SELECT id FROM t SORT BY id"), @"a sort by part is not supported; write ORDER BY");
        insta::assert_snapshot!(refused("SELECT id FROM t WHERE id SIMILAR TO kind"), @"SIMILAR TO with a pattern that is not a literal is not supported; write `~` and a regular expression");
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
    fn a_pattern_that_would_be_given_as_it_is_is_refused() {
        assert_eq!(
            refused("SELECT to_char(now(), 'RM YYYY')"),
            "this pattern is not supported; write one such as 'YYYY-MM-DD' or '%Y-%m-%d'"
        );
    }

    #[test]
    fn what_changes_no_answer_is_let_through() {
        for sql in [
            "SET TIME ZONE '+02:00'",
            "SELECT now() AT TIME ZONE 'Europe/Berlin', now() AT TIME ZONE kind FROM t",
            "SELECT id FROM t FOR UPDATE",
            "SELECT id FROM t WITH (NOLOCK)",
            "SELECT id FROM t WHERE id SIMILAR TO 'a%' LIMIT 1",
        ] {
            refuse(&parse(sql).unwrap()).unwrap();
        }
    }
}
