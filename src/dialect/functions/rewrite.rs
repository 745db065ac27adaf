//! What has to change in the syntax tree before DataFusion plans it.
//!
//! Puts a call of `json_each`, `json_tree` or `unnest` in FROM into parentheses with everything to its left, which its
//! arguments may refer to: `FROM a, json_each(a.x)` becomes `FROM (a CROSS JOIN json_each(a.x))`. That is a shape
//! `lateral` can plan, because it gets both sides at once. Makes `x REGEXP p` the operator `x ~ p`.
//! Pure: a tree in, a tree out.

use std::ops::ControlFlow;

use crate::dialect::ast::{binary, no_table, taken};
use crate::dialect::walk::{Walk, WalkMut};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArgumentList, FunctionArguments, Join, JoinConstraint,
    JoinOperator, Select, TableFactor, TableFunctionArgs, TableWithJoins, VisitMut, VisitorMut,
};

/// Rewrites a statement, a query or an expression in place.
///
/// A second time changes nothing.
pub(crate) fn rewrite(node: &mut impl VisitMut) {
    // The visitor never breaks off.
    let _ = node.walk_mut(&mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let from = std::mem::take(&mut select.from);
        select.from = grouped(from);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::NestedJoin {
            table_with_joins, ..
        } = factor
            && !is_pair(table_with_joins)
        {
            let tables = vec![std::mem::replace(table_with_joins.as_mut(), no_table())];
            if let Some(table) = grouped(tables).pop() {
                **table_with_joins = table;
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::RLike {
                negated,
                expr: text,
                pattern,
                ..
            } => {
                let op = if *negated {
                    BinaryOperator::PGRegexNotMatch
                } else {
                    BinaryOperator::PGRegexMatch
                };
                *expr = binary(taken(text), op, taken(pattern));
            }
            Expr::BinaryOp {
                op: op @ BinaryOperator::Regexp,
                ..
            } => {
                *op = BinaryOperator::PGRegexMatch;
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Returns true for `json_each(…)`, `json_tree(…)` and `unnest(…)` in FROM.
pub(crate) fn makes_rows(factor: &TableFactor) -> bool {
    let name = match factor {
        TableFactor::UNNEST {
            array_exprs,
            with_offset: false,
            with_ordinality: false,
            ..
        } => return array_exprs.len() == 1,
        TableFactor::Table {
            name,
            args: Some(_),
            ..
        }
        | TableFactor::Function {
            name,
            with_ordinality: false,
            ..
        } => name,
        _ => return false,
    };
    match name.0.as_slice() {
        [part] => part.as_ident().is_some_and(|ident| {
            ["json_each", "json_tree", "unnest"]
                .iter()
                .any(|name| ident.value.eq_ignore_ascii_case(name))
        }),
        _ => false,
    }
}

/// Returns true for `x JOIN json_each(…)` and nothing more, which is what this module makes.
pub(crate) fn is_pair(table: &TableWithJoins) -> bool {
    matches!(table.joins.as_slice(), [join] if makes_rows(&join.relation))
}

fn grouped(from: Vec<TableWithJoins>) -> Vec<TableWithJoins> {
    let mut tables: Vec<TableWithJoins> = Vec::with_capacity(from.len());
    for TableWithJoins { relation, joins } in from {
        let mut table = TableWithJoins {
            relation: series_of_columns(relation),
            joins: Vec::new(),
        };
        if makes_rows(&table.relation)
            && let Some(left) = crossed(std::mem::take(&mut tables))
        {
            table = pair(left, cross(table.relation));
        }
        for mut join in joins {
            join.relation = series_of_columns(join.relation);
            if makes_rows(&join.relation) && sees_its_left(&join.join_operator) {
                table = pair(table, join);
            } else {
                table.joins.push(join);
            }
        }
        tables.push(table);
    }
    tables
}

/// Turns `generate_series(1, t.n)`, which DataFusion takes for a table of its own, into `unnest` of the list of that name.
fn series_of_columns(factor: TableFactor) -> TableFactor {
    let (name, args, alias) = match &factor {
        TableFactor::Table {
            name,
            args: Some(TableFunctionArgs { args, .. }),
            alias,
            ..
        }
        | TableFactor::Function {
            name,
            args,
            alias,
            with_ordinality: false,
            ..
        } => (name, args, alias),
        _ => return factor,
    };
    let names_column = args.expressions(|expr| match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    if !name.to_string().eq_ignore_ascii_case("generate_series") || names_column.is_continue() {
        return factor;
    }
    let list = Expr::Function(Function {
        name: name.clone(),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.clone(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    });
    TableFactor::UNNEST {
        alias: alias.clone(),
        array_exprs: vec![list],
        with_offset: false,
        with_offset_alias: None,
        with_ordinality: false,
    }
}

/// Joins a list of tables, as the commas between them do.
fn crossed(tables: Vec<TableWithJoins>) -> Option<TableWithJoins> {
    tables.into_iter().reduce(|mut left, right| {
        left.joins.push(cross(factor(right)));
        left
    })
}

fn cross(relation: TableFactor) -> Join {
    Join {
        relation,
        global: false,
        join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
    }
}

fn pair(left: TableWithJoins, join: Join) -> TableWithJoins {
    let pair = TableWithJoins {
        relation: factor(left),
        joins: vec![join],
    };
    TableWithJoins {
        relation: nested(pair),
        joins: Vec::new(),
    }
}

fn factor(table: TableWithJoins) -> TableFactor {
    if table.joins.is_empty() {
        table.relation
    } else {
        nested(table)
    }
}

fn nested(table: TableWithJoins) -> TableFactor {
    TableFactor::NestedJoin {
        table_with_joins: Box::new(table),
        alias: None,
    }
}

/// Returns true for the joins whose left side is settled first.
fn sees_its_left(operator: &JoinOperator) -> bool {
    matches!(
        operator,
        JoinOperator::Join(_)
            | JoinOperator::Inner(_)
            | JoinOperator::CrossJoin(_)
            | JoinOperator::Left(_)
            | JoinOperator::LeftOuter(_)
    )
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn rewritten(sql: &str) -> String {
        let mut statements = Parser::parse_sql(&GenericDialect {}, sql).expect("SQL");
        rewrite(&mut statements);
        let once = statements[0].to_string();
        rewrite(&mut statements);
        assert_eq!(statements[0].to_string(), once, "a second time");
        once
    }

    #[test]
    fn json_rows_are_paired_with_their_left() {
        for (sql, expected) in [
            ("a, json_each(a.x)", "(a CROSS JOIN json_each(a.x))"),
            (
                "a, b, JSON_EACH(x) AS j, c",
                "((a CROSS JOIN b) CROSS JOIN JSON_EACH(x) AS j), c",
            ),
            (
                "a JOIN json_tree(a.x) AS t ON true JOIN c",
                "(a JOIN json_tree(a.x) AS t ON true) JOIN c",
            ),
            (
                "a JOIN b ON p LEFT JOIN json_each(x) ON true",
                "((a JOIN b ON p) LEFT JOIN json_each(x) ON true)",
            ),
            (
                "a, json_each(x) AS e, json_each(e.value) AS f",
                "((a CROSS JOIN json_each(x) AS e) CROSS JOIN json_each(e.value) AS f)",
            ),
            (
                "(a JOIN b JOIN json_each(x))",
                "(((a JOIN b) JOIN json_each(x)))",
            ),
            ("json_each('[1]')", "json_each('[1]')"),
            ("a, other(a.x)", "a, other(a.x)"),
        ] {
            assert_eq!(
                rewritten(&format!("SELECT 1 FROM {sql}")),
                format!("SELECT 1 FROM {expected}")
            );
        }
    }

    #[test]
    fn regexp_is_an_operator() {
        assert_eq!(
            rewritten("SELECT 1 FROM t WHERE a REGEXP '^x' AND b NOT REGEXP 'y'"),
            "SELECT 1 FROM t WHERE a ~ '^x' AND b !~ 'y'"
        );
    }

    #[test]
    fn subqueries_and_unions_are_reached() {
        assert_eq!(
            rewritten("SELECT 1 UNION SELECT 2 FROM (SELECT 3 FROM a, json_each(x)) AS s"),
            "SELECT 1 UNION SELECT 2 FROM (SELECT 3 FROM (a CROSS JOIN json_each(x))) AS s"
        );
    }
}
