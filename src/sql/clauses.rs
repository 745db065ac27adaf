//! Clauses that the engine's planner does not take, put into others that mean the same. Pure: one part of a syntax tree
//! at a time, for [`super::rewrite`] to call.
//!
//! - `FETCH FIRST 5 ROWS ONLY` becomes LIMIT 5;
//! - `LIKE 'a!_b' ESCAPE '!'` is escaped by backslashes;
//! - `SELECT DISTINCT x … ORDER BY x`, and the same below a UNION, where `x` is an expression: it becomes its ordinal.

use sqlparser::ast::{Expr, LimitClause, OrderByKind, Query, SelectItem, SetExpr, Value};

use super::rewrite::leftmost;

/// Turns FETCH FIRST, which the planner does not know, into LIMIT, where the two mean the same.
pub(super) fn fetch_to_limit(query: &mut Query) {
    let Some(fetch) = query.fetch.as_ref().filter(|f| !f.percent && !f.with_ties) else {
        return;
    };
    let clause = query
        .limit_clause
        .get_or_insert_with(|| LimitClause::LimitOffset {
            limit: None,
            offset: None,
            limit_by: Vec::new(),
        });
    // The planner refuses a query with both.
    if let LimitClause::LimitOffset {
        limit: limit @ None,
        ..
    } = clause
    {
        let one = || Expr::Value(Value::Number("1".to_owned(), false).into());
        *limit = Some(fetch.quantity.clone().unwrap_or_else(one));
        query.fetch = None;
    }
}

/// Turns a pattern with an escape character of its own into one with the backslash, the only one that the engine knows.
pub(super) fn escape_by_backslash(expr: &mut Expr) {
    let (Expr::Like {
        pattern,
        escape_char,
        ..
    }
    | Expr::ILike {
        pattern,
        escape_char,
        ..
    }) = expr
    else {
        return;
    };
    let escape = match escape_char.as_ref().map(|escape| &escape.value) {
        Some(Value::SingleQuotedString(escape)) => escape.clone(),
        _ => return,
    };
    let (Expr::Value(pattern), Ok(escape)) = (pattern.as_mut(), escape.parse::<char>()) else {
        return;
    };
    if let Value::SingleQuotedString(text) = &mut pattern.value {
        let mut escaped = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                c if c == escape => {
                    escaped.push('\\');
                    escaped.extend(chars.next());
                }
                '\\' => escaped.push_str("\\\\"),
                c => escaped.push(c),
            }
        }
        *text = escaped;
        *escape_char = None;
    }
}

/// Replaces expressions in ORDER BY by the position of the same expression in the select list, where the planner wants
/// them there: after DISTINCT and below a set operation.
pub(super) fn order_by_ordinals(query: &mut Query) {
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
            key.expr = Expr::Value(Value::Number((at + 1).to_string(), false).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::parse::parse;
    use crate::sql::rewrite::rewrite;

    fn rewritten(sql: &str) -> String {
        let mut statement = parse(sql).unwrap();
        rewrite(&mut statement);
        statement.to_string()
    }

    #[test]
    fn patterns_are_escaped_by_backslashes() {
        insta::assert_snapshot!(rewritten(r"SELECT 1 FROM t WHERE a LIKE '1!%\_!!' ESCAPE '!' OR a ILIKE 'x' ESCAPE 'xy'"), @r"SELECT 1 FROM t WHERE a LIKE '1\%\\_\!' OR a ILIKE 'x' ESCAPE 'xy'");
    }

    #[test]
    fn fetch_first_is_a_limit() {
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t OFFSET 2 ROWS FETCH FIRST 3 ROWS ONLY"), @"SELECT 1 FROM t LIMIT 3 OFFSET 2 ROWS");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t FETCH NEXT ROW ONLY"), @"SELECT 1 FROM t LIMIT 1");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t FETCH FIRST 3 ROWS WITH TIES"), @"SELECT 1 FROM t FETCH FIRST 3 ROWS WITH TIES");
    }

    #[test]
    fn order_by_after_distinct_and_union_uses_positions() {
        insta::assert_snapshot!(rewritten("SELECT DISTINCT id, upper(kind) FROM api_keys ORDER BY upper(kind) DESC, id"), @"SELECT DISTINCT id, upper(kind) FROM api_keys ORDER BY 2 DESC, id");
        insta::assert_snapshot!(rewritten("SELECT spec.owner.id FROM api_keys UNION SELECT 'x' ORDER BY spec.owner.id"), @r#"SELECT spec['owner']['id'] AS "spec.owner.id" FROM api_keys UNION SELECT 'x' ORDER BY 1"#);
        insta::assert_snapshot!(rewritten("SELECT upper(kind) FROM api_keys ORDER BY upper(kind)"), @"SELECT upper(kind) FROM api_keys ORDER BY upper(kind)");
    }
}
