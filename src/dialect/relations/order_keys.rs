//! Sort keys: duplicates, positions, and constants.
//!
//! A duplicate key changes nothing, and the engine panics at some. A position in DISTINCT ON is a constant
//! to it. `ORDER BY 'x'`, which has no effect, is refused: most likely a column was meant.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{
    Distinct, Expr, Function, FunctionArgumentClause, FunctionArguments, Ident, NullTreatment,
    ObjectName, OrderByKind, Query, Select, SelectItem, Value, ValueWithSpan, VisitorMut,
    WindowType,
};

use super::rule::Tables;
use crate::dialect::ast::{items_before_star, position, taken, visit_mut};
use crate::dialect::error::Error;

/// Puts the keys of every order right, and makes any value of an order its first.
///
/// ```sql
/// SELECT DISTINCT ON (1) g, any_value(x ORDER BY y, y) FROM t ORDER BY g, x, g
/// -- becomes
/// SELECT DISTINCT ON (g) g, first_value(x ORDER BY y) IGNORE NULLS FROM t ORDER BY g, x
/// ```
///
/// Refuses a constant, and a position that does not exist. After a star the position of an item is not known.
pub(super) fn order_keys(statement: &mut EngineStatement, _: &Tables<'_>) -> Result<(), Error> {
    visit_mut(statement, &mut Orders)
}

struct Orders;

impl VisitorMut for Orders {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        if let Some(order_by) = &mut query.order_by
            && let OrderByKind::Expressions(keys) = &mut order_by.kind
        {
            keys.iter_mut().for_each(|key| unnest(&mut key.expr));
            let constant = (keys.iter()).find_map(|key| Some((&key.expr, constant(&key.expr)?)));
            if let Some((key, constant)) = constant {
                let typed = match key {
                    Expr::UnaryOp { .. } => key.to_string(),
                    _ => constant.value.to_string(),
                };
                let error = Error::new(format!("ORDER BY {typed} has no effect"));
                return ControlFlow::Break(error.at(constant.span).hint(match &constant.value {
                    Value::SingleQuotedString(text) => {
                        format!("a column is written without quotes: ORDER BY {text}")
                    }
                    _ => "order by a column, or by its position".to_owned(),
                }));
            }
            without_doubles(keys, |key| &key.expr);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        let Select {
            distinct,
            projection,
            ..
        } = select;
        if let Some(Distinct::On(keys)) = distinct {
            keys.iter_mut().for_each(unnest);
            if let Some(constant) = keys.iter().find_map(constant) {
                let error = Error::new(format!("DISTINCT ON {} has no effect", constant.value));
                return ControlFlow::Break(error.at(constant.span).hint(
                    "name a column, or its position: names are written without quotes, or in double quotes",
                ));
            }
            for key in keys.iter_mut() {
                match at_position(key, projection) {
                    Ok(Some(item)) => *key = item,
                    Ok(None) => {}
                    Err(error) => return ControlFlow::Break(error),
                }
            }
            without_doubles(keys, |key| key);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        if let Expr::Function(call) = expr {
            any_value_in_order(call);
        }
        if let Expr::Function(Function {
            args,
            over,
            within_group,
            ..
        }) = expr
        {
            without_doubles(within_group, |key| &key.expr);
            if let Some(WindowType::WindowSpec(spec)) = over {
                // RANGE with an offset takes one key, and says so itself.
                without_doubles(&mut spec.order_by, |key| &key.expr);
            }
            if let FunctionArguments::List(list) = args {
                for clause in &mut list.clauses {
                    if let FunctionArgumentClause::OrderBy(keys) = clause {
                        without_doubles(keys, |key| &key.expr);
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Takes the parentheses around a key away: `(x)` may be an item, and `(1)` a position.
fn unnest(key: &mut Expr) {
    while let Expr::Nested(inner) = key {
        *key = taken(inner);
    }
}

/// Makes `any_value` with an ORDER BY return its first value; the engine would ignore the ORDER BY.
fn any_value_in_order(call: &mut Function) {
    let ordered =
        |clause: &FunctionArgumentClause| matches!(clause, FunctionArgumentClause::OrderBy(_));
    if let (FunctionArguments::List(list), None) = (&call.args, &call.over)
        && list.clauses.iter().any(ordered)
        && call.name.to_string().eq_ignore_ascii_case("any_value")
    {
        call.name = ObjectName::from(vec![Ident::new("first_value")]);
        call.null_treatment = Some(NullTreatment::IgnoreNulls);
    }
}

/// Leaves out duplicate keys, in whatever direction.
fn without_doubles<K>(keys: &mut Vec<K>, expr: impl Fn(&K) -> &Expr) {
    let mut at = 1;
    while at < keys.len() {
        match keys[..at].iter().any(|key| expr(key) == expr(&keys[at])) {
            true => {
                keys.remove(at);
            }
            false => at += 1,
        }
    }
}

/// Returns a constant that is not a position.
fn constant(expr: &Expr) -> Option<&ValueWithSpan> {
    match expr {
        Expr::UnaryOp { expr, .. } => match expr.as_ref() {
            Expr::Value(value) if matches!(value.value, Value::Number(..)) => Some(value),
            _ => None,
        },
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(_) | Value::Boolean(_) | Value::Null => Some(value),
            // It may have been meant for a position, and is a value.
            Value::Placeholder(_) => Some(value),
            Value::Number(number, _) if number.parse::<u64>().is_err() => Some(value),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the item of the select list that `key` is the position of, if it is one.
fn at_position(key: &Expr, items: &[SelectItem]) -> Result<Option<Expr>, Error> {
    let Expr::Value(value) = key else {
        return Ok(None);
    };
    let Value::Number(number, _) = &value.value else {
        return Ok(None);
    };
    match position(key).and_then(|index| items_before_star(items).nth(index)) {
        Some(item) => Ok(Some(item.clone())),
        None => Err(Error::new(format!(
            "DISTINCT ON ({number}) is not a position in the select list"
        ))
        .at(value.span)
        .hint("name the column")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;
    use super::order_keys;

    fn settled(sql: &str) -> String {
        told(order_keys, sql)
    }

    #[test]
    fn a_key_is_in_an_order_once() {
        insta::assert_snapshot!(settled("SELECT first_value(x ORDER BY x, x DESC) FROM t ORDER BY g, x, g"), @"SELECT first_value(x ORDER BY x) FROM t ORDER BY g, x");
        insta::assert_snapshot!(settled("SELECT rank() OVER (ORDER BY x, y, x) FROM t"), @"SELECT rank() OVER (ORDER BY x, y) FROM t");
    }

    #[test]
    fn a_position_in_distinct_on_is_the_item_there() {
        insta::assert_snapshot!(settled("SELECT DISTINCT ON (2, 1) g, x + 1 AS y FROM t"), @"SELECT DISTINCT ON (x + 1, g) g, x + 1 AS y FROM t");
        insta::assert_snapshot!(settled("SELECT DISTINCT ON (g, 1) g, x FROM t ORDER BY g, g, x"), @"SELECT DISTINCT ON (g) g, x FROM t ORDER BY g, x");
        insta::assert_snapshot!(settled("SELECT DISTINCT ON (3) g, x FROM t"), @"DISTINCT ON (3) is not a position in the select list; name the column");
        insta::assert_snapshot!(settled("SELECT DISTINCT ON (1) * FROM t"), @"DISTINCT ON (1) is not a position in the select list; name the column");
    }

    #[test]
    fn any_value_of_an_order_is_its_first() {
        insta::assert_snapshot!(settled("SELECT any_value(x ORDER BY y, y), any_value(x) FROM t"), @"SELECT first_value(x ORDER BY y) IGNORE NULLS, any_value(x) FROM t");
    }

    #[test]
    fn a_constant_orders_nothing() {
        insta::assert_snapshot!(settled("SELECT x FROM t ORDER BY 'x'"), @"ORDER BY 'x' has no effect; a column is written without quotes: ORDER BY x");
        insta::assert_snapshot!(settled("SELECT x FROM t ORDER BY 1, (1.5)"), @"ORDER BY 1.5 has no effect; order by a column, or by its position");
        insta::assert_snapshot!(settled("SELECT x FROM t ORDER BY 1, NULL"), @"ORDER BY NULL has no effect; order by a column, or by its position");
        insta::assert_snapshot!(settled("SELECT x FROM t ORDER BY -1"), @"ORDER BY -1 has no effect; order by a column, or by its position");
        insta::assert_snapshot!(settled("SELECT x FROM t ORDER BY $d"), @"ORDER BY $d has no effect; order by a column, or by its position");
        insta::assert_snapshot!(settled("SELECT x FROM t ORDER BY -x, 1 + 1"), @"SELECT x FROM t ORDER BY -x, 1 + 1");
        insta::assert_snapshot!(settled("SELECT x FROM t ORDER BY true"), @"ORDER BY true has no effect; order by a column, or by its position");
        insta::assert_snapshot!(settled("SELECT DISTINCT ON (x, 'y') x FROM t"), @"DISTINCT ON 'y' has no effect; name a column, or its position: names are written without quotes, or in double quotes");
    }
}
