//! Clauses that the engine's planner does not take, put into others that mean the same. Pure: one part of a syntax tree
//! at a time, for [`crate::dialect::rewrite`] to call.
//!
//! - `FETCH FIRST 5 ROWS ONLY` and `SELECT TOP 5` become LIMIT 5;
//! - `FROM t` alone becomes `SELECT * FROM t`;
//! - `TABLE t` becomes `SELECT * FROM t`, and ORDER BY ALL the positions of the select list;
//! - positions inside ROLLUP, CUBE and GROUPING SETS become the items that they stand for;
//! - CREATE TEMP TABLE becomes CREATE TABLE, for all tables end with the session;
//! - `SET TIME ZONE 'UTC'` becomes `SET timezone = 'UTC'`;
//! - SHOW TABLES leaves out the tables of `information_schema`;
//! - `SELECT DISTINCT x … ORDER BY x`, and the same below a UNION, where `x` is an expression: it becomes its ordinal.

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{
    Expr, GroupByExpr, Ident, LimitClause, ObjectName, OrderByExpr, OrderByKind, Query, Select,
    SelectFlavor, SelectItem, Set, SetExpr, Statement, TableFactor, Top, TopQuantity, Value,
    WildcardAdditionalOptions,
};

use crate::dialect::parse::parse;
use crate::dialect::rewrite::leftmost;

/// The tables and views that people have, without those that describe them.
const SHOW_TABLES: &str =
    "SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables
    WHERE table_schema <> 'information_schema'";

/// Turns SHOW TABLES into a query.
pub(crate) fn show_tables(statement: &mut Statement) {
    if matches!(statement, Statement::ShowTables { .. })
        && statement.to_string() == "SHOW TABLES"
        && let Ok(EngineStatement::Statement(query)) = parse(SHOW_TABLES)
    {
        *statement = *query;
    }
}

/// Leaves out that a table or a view is a temporary one, as they all are.
pub(crate) fn not_temporary(statement: &mut Statement) {
    match statement {
        Statement::CreateTable(table) => table.temporary = false,
        Statement::CreateView(view) => view.temporary = false,
        _ => {}
    }
}

/// Turns TABLE into a SELECT, also below set operations.
pub(crate) fn table_to_select(body: &mut SetExpr) {
    match body {
        SetExpr::SetOperation { left, right, .. } => {
            table_to_select(left);
            table_to_select(right);
        }
        SetExpr::Table(table) => {
            let names = [&table.schema_name, &table.table_name];
            let names: Vec<Ident> = names.into_iter().flatten().map(Ident::new).collect();
            if let Ok(EngineStatement::Statement(statement)) = parse("SELECT * FROM t")
                && let Statement::Query(mut query) = *statement
                && let SetExpr::Select(select) = query.body.as_mut()
                && let Some(from) = select.from.first_mut()
                && let TableFactor::Table { name, .. } = &mut from.relation
            {
                *name = ObjectName::from(names);
                *body = *query.body;
            }
        }
        _ => {}
    }
}

/// Turns ORDER BY ALL into the positions of the select list, if it tells how many there are.
pub(crate) fn order_by_all(query: &mut Query) {
    let Some(select) = leftmost(&mut query.body) else {
        return;
    };
    let is_column = |item: &SelectItem| {
        matches!(
            item,
            SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. }
        )
    };
    let columns = select.projection.len();
    if !select.projection.iter().all(is_column) {
        return;
    }
    if let Some(order_by) = &mut query.order_by
        && let OrderByKind::All(options) = &order_by.kind
    {
        let keys = (1..=columns).map(|column| OrderByExpr {
            expr: number(column as u64),
            options: *options,
            with_fill: None,
        });
        order_by.kind = OrderByKind::Expressions(keys.collect());
    }
}

/// Turns positions inside ROLLUP, CUBE and GROUPING SETS into the items of the select list that they stand for. Those
/// that stand alone in GROUP BY the planner reads itself.
pub(crate) fn positions_in_grouping_sets(select: &mut Select) {
    let GroupByExpr::Expressions(groups, _) = &mut select.group_by else {
        return;
    };
    // Behind a star nobody knows which position an item has.
    let items: Vec<&Expr> = (select.projection.iter())
        .map_while(|item| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
            _ => None,
        })
        .collect();
    for group in groups {
        let (Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets)) = group else {
            continue;
        };
        for expr in sets.iter_mut().flatten() {
            if let Expr::Value(value) = expr
                && let Value::Number(position, _) = &value.value
                && let Ok(position) = position.parse::<usize>()
                && let Some(item) = position.checked_sub(1).and_then(|index| items.get(index))
            {
                *expr = (*item).clone();
            }
        }
    }
}

/// Turns SET TIME ZONE into the assignment that the engine knows.
pub(crate) fn set_time_zone(statement: &mut Statement) {
    if let Statement::Set(Set::SetTimeZone {
        local: false,
        value,
    }) = statement
    {
        *statement = Statement::Set(Set::SingleAssignment {
            scope: None,
            hivevar: false,
            variable: ObjectName::from(vec![Ident::new("timezone")]),
            values: vec![value.clone()],
        });
    }
}

/// Turns `FROM t`, which the planner takes for a query without columns, into `SELECT * FROM t`.
pub(crate) fn from_alone(query: &mut Query) {
    if let Some(select) = leftmost(&mut query.body)
        && select.flavor == SelectFlavor::FromFirstNoSelect
    {
        select.flavor = SelectFlavor::Standard;
        select.projection = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
    }
}

/// Turns TOP into LIMIT, where the two mean the same.
pub(crate) fn top_to_limit(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return;
    };
    let Some(Top {
        with_ties: false,
        percent: false,
        quantity: Some(quantity),
    }) = &select.top
    else {
        return;
    };
    let rows = match quantity {
        TopQuantity::Expr(rows) => rows.clone(),
        TopQuantity::Constant(rows) => number(*rows),
    };
    if limit_to(query, rows)
        && let SetExpr::Select(select) = query.body.as_mut()
    {
        select.top = None;
    }
}

/// Turns FETCH FIRST, which the planner does not know, into LIMIT, where the two mean the same.
pub(crate) fn fetch_to_limit(query: &mut Query) {
    let Some(fetch) = query.fetch.as_ref().filter(|f| !f.percent && !f.with_ties) else {
        return;
    };
    let rows = fetch.quantity.clone().unwrap_or_else(|| number(1));
    if limit_to(query, rows) {
        query.fetch = None;
    }
}

/// Adds `LIMIT rows` to `query` if it has none; returns whether it had none. The planner refuses a query with both.
fn limit_to(query: &mut Query, rows: Expr) -> bool {
    let clause = query
        .limit_clause
        .get_or_insert_with(|| LimitClause::LimitOffset {
            limit: None,
            offset: None,
            limit_by: Vec::new(),
        });
    match clause {
        LimitClause::LimitOffset {
            limit: limit @ None,
            ..
        } => {
            *limit = Some(rows);
            true
        }
        _ => false,
    }
}

fn number(number: u64) -> Expr {
    Expr::Value(Value::Number(number.to_string(), false).into())
}

/// Replaces expressions in ORDER BY by the position of the same expression in the select list, where the planner wants
/// them there: after DISTINCT and below a set operation.
pub(crate) fn order_by_ordinals(query: &mut Query) {
    let is_set = matches!(query.body.as_ref(), SetExpr::SetOperation { .. });
    let Some(select) = leftmost(&mut query.body) else {
        return;
    };
    if !is_set && select.distinct.is_none() {
        return;
    }
    let items: Vec<Option<Expr>> = select
        .projection
        .iter()
        .map(|item| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                Some(expr.clone())
            }
            _ => None,
        })
        .collect();
    // A wildcard stands for an unknown number of columns, so positions end there.
    let items: Vec<Expr> = items.into_iter().map_while(|item| item).collect();
    let Some(order_by) = query.order_by.as_mut() else {
        return;
    };
    let OrderByKind::Expressions(keys) = &mut order_by.kind else {
        return;
    };
    for key in keys {
        let is_name = matches!(key.expr, Expr::Identifier(_) | Expr::Value(_));
        if let (false, Some(at)) = (is_name, items.iter().position(|item| *item == key.expr)) {
            key.expr = number(at as u64 + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::rewrite::rewritten;

    #[test]
    fn fetch_first_is_a_limit() {
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t OFFSET 2 ROWS FETCH FIRST 3 ROWS ONLY"), @"SELECT 1 FROM t LIMIT 3 OFFSET 2 ROWS");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t FETCH NEXT ROW ONLY"), @"SELECT 1 FROM t LIMIT 1");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t FETCH FIRST 3 ROWS WITH TIES"), @"SELECT 1 FROM t FETCH FIRST 3 ROWS WITH TIES");
    }

    #[test]
    fn top_is_a_limit() {
        insta::assert_snapshot!(rewritten("SELECT TOP 3 id FROM t ORDER BY id"), @"SELECT id FROM t ORDER BY id LIMIT 3");
        insta::assert_snapshot!(rewritten("SELECT DISTINCT TOP (2 + 1) id FROM t"), @"SELECT DISTINCT id FROM t LIMIT 2 + 1");
    }

    #[test]
    fn positions_are_read_in_grouping_sets_too() {
        insta::assert_snapshot!(rewritten("SELECT a AS x, b + 1, count(*) FROM t GROUP BY ROLLUP (1, 2), 1"), @"SELECT a AS x, b + 1, count(*) FROM t GROUP BY ROLLUP (a, b + 1), 1");
        insta::assert_snapshot!(rewritten("SELECT a, t.*, b FROM t GROUP BY GROUPING SETS ((1), (3), ()), CUBE (9)"), @r#"SELECT a AS "a_1", t.*, b AS "b_1" FROM t GROUP BY GROUPING SETS ((a), (3), ()), CUBE (9)"#);
    }

    #[test]
    fn a_time_zone_is_a_setting() {
        insta::assert_snapshot!(rewritten("SET TIME ZONE 'Europe/Berlin'"), @"SET timezone = 'Europe/Berlin'");
    }

    #[test]
    fn from_alone_selects_everything() {
        insta::assert_snapshot!(rewritten("FROM t LIMIT 3"), @"SELECT * FROM t LIMIT 3");
    }

    #[test]
    fn a_table_alone_is_its_rows() {
        insta::assert_snapshot!(rewritten("TABLE confluent.iam.api_keys ORDER BY id LIMIT 3"), @"SELECT * FROM confluent.iam.api_keys ORDER BY id LIMIT 3");
        insta::assert_snapshot!(rewritten("SELECT 1 UNION TABLE iam.t"), @"SELECT 1 UNION SELECT * FROM iam.t");
    }

    #[test]
    fn everything_is_ordered_by_positions() {
        insta::assert_snapshot!(rewritten("SELECT a, b FROM t ORDER BY ALL DESC"), @"SELECT a, b FROM t ORDER BY 1 DESC, 2 DESC");
        insta::assert_snapshot!(rewritten("SELECT * FROM t ORDER BY ALL"), @"SELECT * FROM t ORDER BY ALL");
    }

    #[test]
    fn every_table_of_a_session_is_temporary() {
        insta::assert_snapshot!(rewritten("CREATE TEMP TABLE t AS SELECT 1"), @"CREATE TABLE t AS SELECT 1");
        insta::assert_snapshot!(rewritten("CREATE TEMPORARY VIEW v AS SELECT 1"), @"CREATE VIEW v AS SELECT 1");
    }

    #[test]
    fn order_by_after_distinct_and_union_uses_positions() {
        insta::assert_snapshot!(rewritten("SELECT DISTINCT id, upper(kind) FROM api_keys ORDER BY upper(kind) DESC, id"), @"SELECT DISTINCT id, upper(kind) FROM api_keys ORDER BY 2 DESC, id");
        insta::assert_snapshot!(rewritten("SELECT spec.owner.id FROM api_keys UNION SELECT 'x' ORDER BY spec.owner.id"), @r#"SELECT spec['owner']['id'] AS "spec.owner.id" FROM api_keys UNION SELECT 'x' ORDER BY 1"#);
        insta::assert_snapshot!(rewritten("SELECT upper(kind) FROM api_keys ORDER BY upper(kind)"), @"SELECT upper(kind) FROM api_keys ORDER BY upper(kind)");
    }
}
