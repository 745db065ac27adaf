//! Rewrites clauses that the engine's planner does not support into equivalent ones.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, LimitClause, ObjectName, OrderBy,
    OrderByKind, Query, Select, SelectFlavor, SelectItem, Set, SetExpr, Statement,
    TableAliasColumnDef, TableFactor, Value, WildcardAdditionalOptions,
};

use super::rule::Context;
use crate::dialect::ast::{
    apart, folded, idents, is_number, items_before_star, leftmost, number, position, taken,
};
use crate::dialect::parse;
use crate::dialect::walk::Walk;

/// The query that SHOW TABLES stands for.
const LISTED_TABLES: &str =
    "SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables
    WHERE table_schema <> 'information_schema'";

/// Lists the tables and views that people have, without those that describe them.
///
/// ```sql
/// SHOW TABLES
/// -- becomes
/// SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables
/// WHERE table_schema <> 'information_schema'
/// ```
///
/// SHOW TABLES with a filter never gets here: StackQL's statements are read before.
pub(super) fn show_tables(statement: &mut Statement) {
    if matches!(statement, Statement::ShowTables { .. })
        && statement.to_string() == "SHOW TABLES"
        && let Some(query) = parse::query(LISTED_TABLES)
    {
        *statement = Statement::Query(Box::new(query));
    }
}

/// Drops TEMPORARY: all tables and views end with the session.
///
/// ```sql
/// CREATE TEMPORARY TABLE t AS SELECT 1
/// -- becomes
/// CREATE TABLE t AS SELECT 1
/// ```
pub(super) fn not_temporary(statement: &mut Statement) {
    match statement {
        Statement::CreateTable(table) => table.temporary = false,
        Statement::CreateView(view) => view.temporary = false,
        _ => {}
    }
}

/// Reads TABLE as a SELECT of everything, also below set operations.
///
/// ```sql
/// SELECT 1 UNION TABLE iam.t
/// -- becomes
/// SELECT 1 UNION SELECT * FROM iam.t
/// ```
///
/// A TABLE that begins a statement is not known to the parser; [`crate::dialect::parser`] reads that one.
pub(super) fn table_to_select(query: &mut Query) {
    tables_to_selects(&mut query.body);
}

fn tables_to_selects(body: &mut SetExpr) {
    match body {
        SetExpr::SetOperation { left, right, .. } => {
            tables_to_selects(left);
            tables_to_selects(right);
        }
        SetExpr::Table(table) => {
            let names = [&table.schema_name, &table.table_name];
            let names: Vec<Ident> = names.into_iter().flatten().map(Ident::new).collect();
            if let Some(mut query) = parse::query("SELECT * FROM t")
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

/// Takes the parentheses around keys of GROUP BY away.
///
/// ```sql
/// SELECT a, b, count(*) FROM t GROUP BY (a, b)
/// -- becomes
/// SELECT a, b, count(*) FROM t GROUP BY a, b
/// ```
pub(super) fn rows_in_groups(select: &mut Select, _: &Context<'_>) {
    if let GroupByExpr::Expressions(groups, _) = &mut select.group_by {
        let keys = std::mem::take(groups).into_iter();
        *groups = keys.flat_map(keys_of_row).collect();
    }
}

fn keys_of_row(key: Expr) -> Vec<Expr> {
    match key {
        Expr::Tuple(keys) if !keys.is_empty() => keys.into_iter().flat_map(keys_of_row).collect(),
        key => vec![key],
    }
}

/// Puts items in the place of their positions inside ROLLUP, CUBE and GROUPING SETS.
///
/// ```sql
/// SELECT a AS x, b + 1 FROM t GROUP BY ROLLUP (1, 2), 1
/// -- becomes
/// SELECT a AS x, b + 1 FROM t GROUP BY ROLLUP (a, b + 1), 1
/// ```
///
/// The planner itself reads positions that are keys of GROUP BY by themselves. After a star the position of an item is not
/// known.
pub(super) fn positions_in_grouping_sets(select: &mut Select, _: &Context<'_>) {
    let GroupByExpr::Expressions(groups, _) = &mut select.group_by else {
        return;
    };
    let items: Vec<&Expr> = items_before_star(&select.projection).collect();
    for group in groups {
        let (Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets)) = group else {
            continue;
        };
        for expr in sets.iter_mut().flatten() {
            if let Some(item) = position(expr).and_then(|index| items.get(index)) {
                *expr = (*item).clone();
            }
        }
    }
}

/// Computes a number that GROUP BY names by its alias: the planner takes the number itself for a position.
///
/// ```sql
/// SELECT 2 AS n, a, count(*) FROM t GROUP BY n, a
/// -- becomes
/// SELECT CASE WHEN true THEN 2 END AS n, a, count(*) FROM t GROUP BY n, a
/// ```
///
/// The planner takes the CASE away again.
pub(super) fn numbers_in_groups(select: &mut Select, _: &Context<'_>) {
    let GroupByExpr::Expressions(groups, _) = &select.group_by else {
        return;
    };
    let keys = groups
        .iter()
        .filter_map(|key| match idents(key)?.as_slice() {
            [name] => Some(folded(name)),
            _ => None,
        });
    let keys: HashSet<String> = keys.collect();
    for item in &mut select.projection {
        if let SelectItem::ExprWithAlias { expr, alias } = item
            && is_number(expr)
            && keys.contains(&folded(alias))
        {
            *expr = apart(Expr::Value(Value::Boolean(true).into()), taken(expr));
        }
    }
}

/// Turns SET TIME ZONE into the setting that the engine knows.
///
/// ```sql
/// SET TIME ZONE 'Europe/Berlin'
/// -- becomes
/// SET timezone = 'Europe/Berlin'
/// ```
///
/// Not with LOCAL: there are no transactions that it could end with.
pub(super) fn set_time_zone(statement: &mut Statement) {
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

/// Sets the dialect of the session by its short name.
///
/// ```sql
/// SET dialect = 'stackql'
/// -- becomes
/// SET iamql.dialect = 'stackql'
/// ```
///
/// SHOW finds it by the short name already.
pub(super) fn set_dialect(statement: &mut Statement) {
    if let Statement::Set(Set::SingleAssignment { variable, .. }) = statement
        && let [name] = variable.0.as_slice()
        && name
            .as_ident()
            .is_some_and(|name| folded(name) == "dialect")
    {
        *variable = ObjectName::from(vec![Ident::new("iamql"), Ident::new("dialect")]);
    }
}

/// Selects everything where there is no SELECT: the planner takes `FROM t` for a query without columns.
///
/// ```sql
/// FROM t LIMIT 3
/// -- becomes
/// SELECT * FROM t LIMIT 3
/// ```
pub(super) fn from_alone(query: &mut Query) {
    if let Some(select) = leftmost(&mut query.body)
        && select.flavor == SelectFlavor::FromFirstNoSelect
    {
        select.flavor = SelectFlavor::Standard;
        select.projection = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
    }
}

/// Joins a table before a comma with those behind it, where one of these is LATERAL: the planner shows it only those that it is
/// joined with.
///
/// ```sql
/// SELECT 1 FROM t, LATERAL (SELECT t.a) AS q LEFT JOIN u ON u.b = q.a
/// -- becomes
/// SELECT 1 FROM t CROSS JOIN LATERAL (SELECT t.a) AS q LEFT JOIN u ON u.b = q.a
/// ```
///
/// Not before RIGHT and FULL joins, which would have more rows then.
pub(super) fn join_before_lateral(select: &mut Select, _: &Context<'_>) {
    let is_lateral =
        |factor: &TableFactor| matches!(factor, TableFactor::Derived { lateral: true, .. });
    for tree in std::mem::take(&mut select.from) {
        let joins = &tree.joins;
        let keeps_rows = joins.iter().all(|join| {
            use JoinOperator::{CrossJoin, Inner, Join, Left, LeftOuter};
            let operator = &join.join_operator;
            matches!(
                operator,
                Join(_) | Inner(_) | Left(_) | LeftOuter(_) | CrossJoin(_)
            )
        });
        let has_lateral =
            is_lateral(&tree.relation) || joins.iter().any(|join| is_lateral(&join.relation));
        match select.from.last_mut() {
            Some(before) if has_lateral && keeps_rows && !joins.is_empty() => {
                before.joins.push(Join {
                    relation: tree.relation,
                    global: false,
                    join_operator: JoinOperator::CrossJoin(JoinConstraint::None),
                });
                before.joins.extend(tree.joins);
            }
            _ => select.from.push(tree),
        }
    }
}

/// Turns FETCH FIRST into LIMIT.
///
/// ```sql
/// SELECT 1 FROM t OFFSET 2 ROWS FETCH FIRST 3 ROWS ONLY
/// -- becomes
/// SELECT 1 FROM t LIMIT 3 OFFSET 2 ROWS
/// ```
///
/// Not WITH TIES and PERCENT, which LIMIT cannot say, and not beside a LIMIT.
pub(super) fn fetch_to_limit(query: &mut Query) {
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

/// Gives an item a name where ORDER BY names its position: beside GROUP BY the planner wants a column there.
///
/// ```sql
/// SELECT 7, 'x' || max(a) FROM t ORDER BY 1, 2
/// -- becomes
/// SELECT 7 AS "7", 'x' || max(a) AS "'x' || max(a)" FROM t ORDER BY 1, 2
/// ```
///
/// Columns and paths have a name.
pub(super) fn name_ordered_items(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return;
    };
    let Some(OrderBy {
        kind: OrderByKind::Expressions(keys),
        ..
    }) = &query.order_by
    else {
        return;
    };
    let is_named = |item: &&SelectItem| match item {
        SelectItem::UnnamedExpr(expr) => idents(expr).is_some(),
        _ => true,
    };
    let named = select.projection.iter().filter(is_named);
    let mut known: HashSet<String> = named.filter_map(item_name).collect();
    for key in keys {
        let Some(position) = position(&key.expr) else {
            continue;
        };
        if let Some(item) = select.projection.get_mut(position)
            && let SelectItem::UnnamedExpr(expr) = item
            && idents(expr).is_none()
            && known.insert(expr.to_string())
        {
            *item = SelectItem::ExprWithAlias {
                alias: Ident::with_quote('"', expr.to_string()),
                expr: taken(expr),
            };
        }
    }
}

/// Returns what the column of `item` is called, if that is known.
fn item_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        SelectItem::UnnamedExpr(expr) => Some(match idents(expr).as_deref() {
            Some([name] | [_, name]) => folded(name),
            _ => expr.to_string(),
        }),
        _ => None,
    }
}

/// Names the items of the sides of a set operation: the planner would give those that are computed the names of the first
/// side, which may be those of columns in ORDER BY and DISTINCT ON, and confuses equal names of two sides.
///
/// ```sql
/// SELECT a, 1 FROM t UNION SELECT 1, a FROM t UNION (SELECT b, c + 1 FROM t ORDER BY a)
/// -- becomes
/// SELECT a, 1 AS "1" FROM t UNION SELECT 1 AS "1:1", a AS "a:2" FROM t UNION (SELECT b, c + 1 AS "c + 1:2" FROM t ORDER BY a)
/// ```
///
/// Nobody names a column so. A name that was typed stays, and so does a column in a side in parentheses, which has an order
/// of its own.
pub(super) fn name_sides(query: &mut Query) {
    if !matches!(query.body.as_ref(), SetExpr::SetOperation { .. }) {
        return;
    }
    let is_ordered = query.order_by.is_some();
    let names = name_first(&mut query.body, is_ordered);
    if let Some(names) = names {
        name_values(&mut query.body, &names);
    }
    name_others(&mut query.body, true);
}

/// Names the items of the first side, if it is not in parentheses, and returns the names of its columns, if they are known.
fn name_first(body: &mut SetExpr, is_ordered: bool) -> Option<Vec<String>> {
    let select = match body {
        SetExpr::Select(select) => select,
        SetExpr::SetOperation { left, .. } => return name_first(left, is_ordered),
        _ => return None,
    };
    let names: Option<Vec<String>> = select.projection.iter().map(item_name).collect();
    let mut names = names?;
    for position in 1..names.len() {
        if names[..position].contains(&names[position]) {
            // One that ORDER BY may name.
            if is_ordered {
                return None;
            }
            names[position] = format!("{}_{position}", names[position]);
        }
    }
    for (item, name) in select.projection.iter_mut().zip(&names) {
        if let SelectItem::UnnamedExpr(expr) = item {
            let has_name = idents(expr).is_some_and(|path| {
                path.len() > 2 || path.last().map(folded).as_ref() == Some(name)
            });
            if !has_name {
                *item = SelectItem::ExprWithAlias {
                    alias: Ident::with_quote('"', name),
                    expr: taken(expr),
                };
            }
        }
    }
    Some(names)
}

/// Names the items of all sides but the first.
fn name_others(body: &mut SetExpr, is_first: bool) {
    match body {
        SetExpr::SetOperation { left, right, .. } => {
            name_others(left, is_first);
            name_others(right, false);
        }
        SetExpr::Select(select) if !is_first => name_apart(select, false),
        SetExpr::Query(query) if !is_first && query.with.is_none() => {
            if let Some(select) = leftmost(&mut query.body) {
                name_apart(select, true);
            }
        }
        // The planner would give the names to the first query within.
        SetExpr::Query(_) if !is_first => select_from(body, Vec::new()),
        SetExpr::Values(values)
            if !is_first && values.queries(|_| ControlFlow::Break(())).is_break() =>
        {
            select_from(body, Vec::new());
        }
        _ => {}
    }
}

/// Turns `body` into a SELECT of its rows, with `columns` for their names, if there are any.
fn select_from(body: &mut SetExpr, columns: Vec<TableAliasColumnDef>) {
    if let Some(mut around) = parse::query("SELECT * FROM (SELECT 1) AS \"__side\"")
        && let SetExpr::Select(select) = around.body.as_mut()
        && let Some(from) = select.from.first_mut()
        && let TableFactor::Derived {
            subquery,
            alias: Some(alias),
            ..
        } = &mut from.relation
    {
        std::mem::swap(subquery.body.as_mut(), body);
        alias.columns = columns;
        std::mem::swap(body, &mut around.body);
    }
}

/// Gives the items without a name one that nobody writes. Columns have one if `keeps_columns`.
fn name_apart(select: &mut Select, keeps_columns: bool) {
    for (position, item) in (1..).zip(&mut select.projection) {
        let SelectItem::UnnamedExpr(expr) = item else {
            continue;
        };
        let is_column = idents(expr).is_some_and(|path| path.len() <= 2);
        if !(keeps_columns && is_column) {
            let name = item_name(item).unwrap_or_default();
            if let SelectItem::UnnamedExpr(expr) = item {
                *item = SelectItem::ExprWithAlias {
                    alias: Ident::with_quote('"', format!("{name}:{position}")),
                    expr: taken(expr),
                };
            }
        }
    }
}

/// Gives the columns of VALUES `names` below two set operations or more.
fn name_values(body: &mut SetExpr, names: &[String]) {
    let SetExpr::SetOperation { left, .. } = body else {
        return;
    };
    if let SetExpr::SetOperation { right, .. } = left.as_mut()
        && matches!(right.as_ref(), SetExpr::Values(_))
    {
        let columns = names.iter().map(|name| TableAliasColumnDef {
            name: Ident::with_quote('"', name),
            data_type: None,
        });
        select_from(right, columns.collect());
    }
    name_values(left, names);
}

/// Orders by the position of an item that ORDER BY repeats, after DISTINCT and below a set operation: there the
/// planner wants expressions of the select list.
///
/// ```sql
/// SELECT DISTINCT id, upper(kind) FROM t ORDER BY upper(kind) DESC, id
/// -- becomes
/// SELECT DISTINCT id, upper(kind) FROM t ORDER BY 2 DESC, id
/// ```
///
/// An expression that no item is made of stays, and the planner refuses it. After a star the position of an item is not
/// known.
pub(super) fn order_by_ordinals(query: &mut Query) {
    let is_set = matches!(query.body.as_ref(), SetExpr::SetOperation { .. });
    let Some(select) = leftmost(&mut query.body) else {
        return;
    };
    if !is_set && select.distinct.is_none() {
        return;
    }
    let items: Vec<Expr> = items_before_star(&select.projection).cloned().collect();
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
    use super::super::tests::rewritten;

    #[test]
    fn fetch_first_is_a_limit() {
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t OFFSET 2 ROWS FETCH FIRST 3 ROWS ONLY"), @"SELECT 1 FROM t LIMIT 3 OFFSET 2 ROWS");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t FETCH NEXT ROW ONLY"), @"SELECT 1 FROM t LIMIT 1");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t FETCH FIRST 3 ROWS WITH TIES"), @"SELECT 1 FROM t FETCH FIRST 3 ROWS WITH TIES");
    }

    #[test]
    fn positions_are_read_in_grouping_sets_too() {
        insta::assert_snapshot!(rewritten("SELECT a AS x, b + 1, count(*) FROM t GROUP BY ROLLUP (1, 2), 1"), @"SELECT a AS x, b + 1, count(*) FROM t GROUP BY ROLLUP (a, b + 1), 1");
        insta::assert_snapshot!(rewritten("SELECT a, t.*, b FROM t GROUP BY GROUPING SETS ((1), (3), ()), CUBE (9)"), @r#"SELECT a AS "a_1", t.*, b AS "b_1" FROM t GROUP BY GROUPING SETS ((a), (3), ()), CUBE (9)"#);
    }

    #[test]
    fn keys_of_groups_may_be_in_parentheses() {
        insta::assert_snapshot!(rewritten("SELECT a, b, c FROM t GROUP BY (a, (b, c)), a"), @"SELECT a, b, c FROM t GROUP BY a, b, c, a");
        insta::assert_snapshot!(rewritten("SELECT count(*) FROM t GROUP BY ()"), @"SELECT count(*) FROM t GROUP BY ()");
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
        insta::assert_snapshot!(rewritten("SELECT 1 UNION TABLE iam.t"), @r#"SELECT 1 AS "1" UNION SELECT * FROM iam.t"#);
    }

    #[test]
    fn every_table_of_a_session_is_temporary() {
        insta::assert_snapshot!(rewritten("CREATE TEMP TABLE t AS SELECT 1"), @"CREATE TABLE t AS SELECT 1");
        insta::assert_snapshot!(rewritten("CREATE TEMPORARY VIEW v AS SELECT 1"), @"CREATE VIEW v AS SELECT 1");
    }

    #[test]
    fn order_by_after_distinct_and_union_uses_positions() {
        insta::assert_snapshot!(rewritten("SELECT DISTINCT id, upper(kind) FROM api_keys ORDER BY upper(kind) DESC, id"), @r#"SELECT DISTINCT id, upper(kind) AS "upper(kind)" FROM api_keys ORDER BY 2 DESC, id"#);
        insta::assert_snapshot!(rewritten("SELECT spec.owner.id FROM api_keys UNION SELECT 'x' ORDER BY spec.owner.id"), @r#"SELECT spec['owner']['id'] AS "spec.owner.id" FROM api_keys UNION SELECT 'x' AS "'x':1" ORDER BY 1"#);
        insta::assert_snapshot!(rewritten("SELECT upper(kind) FROM api_keys ORDER BY upper(kind)"), @"SELECT upper(kind) FROM api_keys ORDER BY upper(kind)");
    }
}
