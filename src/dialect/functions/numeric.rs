//! Rewrites truth values and JSON where numbers are expected, so that `operators` sees them.
//!
//! `sum(x LIKE 'a%')` counts in SQLite, whose truth is 1 or 0: it becomes `sum(x LIKE 'a%' + 0)`, and so do `avg` and the
//! number in `sum(json_extract(x, '$.n'))`, whose type is text.
//!
//! All that is the dialect `stackql`'s alone. Pure: a tree in, a tree out.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator,
    Value, VisitMut,
};

use crate::dialect::ast::{binary, number, taken};
use crate::dialect::walk::WalkMut;

/// Rewrites a statement in place. A second time changes nothing.
pub(crate) fn numbers(node: &mut impl VisitMut) {
    node.change_expressions(|expr| {
        rewrite(expr);
    });
}

/// Returns true for the sum or the average of a condition.
pub(crate) fn sums_truth(function: &Function) -> bool {
    matches!(&function.args, FunctionArguments::List(list)
        if matches!(list.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))] if is_truth(arg)))
        && is_named(function, &["sum", "avg"])
}

fn rewrite(expr: &mut Expr) {
    if let Expr::Function(function) = expr
        && is_named(function, &["sum", "avg"])
        && let FunctionArguments::List(list) = &mut function.args
        && let [FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))] = list.args.as_mut_slice()
        && (is_truth(arg) || is_json(arg))
    {
        *arg = Expr::Nested(Box::new(binary(
            taken(arg),
            BinaryOperator::Plus,
            number(0),
        )));
    }
}

fn is_named(function: &Function, names: &[&str]) -> bool {
    match function.name.0.as_slice() {
        [part] => part.as_ident().is_some_and(|ident| {
            names
                .iter()
                .any(|name| ident.value.eq_ignore_ascii_case(name))
        }),
        _ => false,
    }
}

/// Returns true for what can be seen to be a condition.
pub(crate) fn is_truth(expr: &Expr) -> bool {
    use BinaryOperator as Op;
    match expr {
        Expr::Nested(expr) => is_truth(expr),
        Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::SimilarTo { .. }
        | Expr::RLike { .. }
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::Exists { .. } => true,
        Expr::UnaryOp { op, .. } => *op == UnaryOperator::Not,
        Expr::BinaryOp { op, .. } => matches!(
            op,
            Op::Eq
                | Op::NotEq
                | Op::Lt
                | Op::LtEq
                | Op::Gt
                | Op::GtEq
                | Op::Spaceship
                | Op::And
                | Op::Or
                | Op::Regexp
                | Op::PGRegexMatch
                | Op::PGRegexIMatch
                | Op::PGRegexNotMatch
                | Op::PGRegexNotIMatch
        ),
        Expr::Value(value) => matches!(value.value, Value::Boolean(_)),
        Expr::Function(function) => is_named(
            function,
            &[
                "regexp",
                "regexp_like",
                "json_valid",
                "json_equal",
                "stackql_like",
            ],
        ),
        _ => false,
    }
}

/// Returns true for a part of a JSON text, which is text whatever it is there.
fn is_json(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(expr) => is_json(expr),
        Expr::BinaryOp { op, .. } => {
            matches!(op, BinaryOperator::Arrow | BinaryOperator::LongArrow)
        }
        Expr::Function(function) => is_named(function, &["json_extract"]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::functions::testing::column;

    #[tokio::test]
    async fn truth_and_json_can_be_summed() {
        let sql = "SELECT json_array(sum(spec.owner.id LIKE 'sa-%'), sum(id <> 'KEYA'), sum(id IN ('KEYA')), \
                   avg(id = 'KEYA' OR id = 'KEYB') > 0.6, sum(json_valid(_spec)), \
                   sum(json_extract('{\"n\":2}', '$.n')), sum(DISTINCT id IS NULL)) FROM api_keys";
        assert_eq!(column(sql).await, ["[1,2,1,true,3,6.0,0]"]);
    }
}
