//! Rules over logical plans about patterns.
//!
//! - An escape at the end of a LIKE pattern escapes nothing, and is an error, as in PostgreSQL. The engine would match it.
//! - A regular expression with a backslash is matched by a function. The engine would make LIKE of it: `x ~ '\\'` would
//!   become `x LIKE '%\%'`, where the backslash escapes the percent sign.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::{BinaryExpr, ColumnarValue, Expr, Operator, lit};

use crate::dialect::error::Error;
use crate::dialect::functions::{self, InternalFunction};

/// Refuses LIKE patterns that end with an escape. To be run when types fit.
pub(super) fn check_patterns(mut expr: Expr, _: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::Like(like) = &mut expr else {
        return Ok(Transformed::no(expr));
    };
    if let Expr::Literal(pattern, _) = like.pattern.as_ref()
        && pattern
            .try_as_str()
            .is_some_and(|text| !text.is_some_and(ends_with_escape))
    {
        return Ok(Transformed::no(expr));
    }
    let pattern = like.pattern.as_mut();
    *pattern = whole_pattern().call(vec![std::mem::take(pattern)]);
    Ok(Transformed::yes(expr))
}

/// Returns the function that gives a pattern, or fails for one that ends with an escape.
fn whole_pattern() -> InternalFunction {
    InternalFunction::new("whole_pattern", 1, |args| {
        for text in texts_of(&args.args[0])? {
            if ends_with_escape(&text) {
                return Err(
                    Error::new(format!("the LIKE pattern `{text}` ends with an escape"))
                        .hint("a backslash is written twice: LIKE '%\\\\'")
                        .into(),
                );
            }
        }
        Ok(args.args[0].clone())
    })
    .unnamed()
}

fn texts_of(column: &ColumnarValue) -> Result<Vec<String>> {
    let texts = cast(&column.to_array(1)?, &DataType::Utf8)?;
    Ok((texts.as_string::<i32>().iter().flatten())
        .filter(|text| text.ends_with('\\'))
        .map(str::to_owned)
        .collect())
}

fn ends_with_escape(pattern: &str) -> bool {
    let escapes = pattern.len() - pattern.trim_end_matches('\\').len();
    escapes % 2 == 1
}

/// Matches by a function where the engine could see a backslash. To be run when types fit.
pub(super) fn keep_backslashes(expr: Expr, _: &DFSchema) -> Result<Transformed<Expr>> {
    use Operator::{RegexIMatch, RegexMatch, RegexNotIMatch, RegexNotMatch};
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (RegexMatch | RegexIMatch | RegexNotMatch | RegexNotIMatch),
            right,
        }) if functions::may_hold_a_backslash(&right) => {
            let flags = matches!(op, RegexIMatch | RegexNotIMatch).then(|| lit("i"));
            let matches = functions::matches(*left, *right, flags);
            Transformed::yes(match op {
                RegexNotMatch | RegexNotIMatch => !matches,
                _ => matches,
            })
        }
        expr => Transformed::no(expr),
    })
}
