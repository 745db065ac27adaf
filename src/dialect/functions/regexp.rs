//! Regular expressions: `regexp`, `regexp_like`, `regexp_substr`, `regexp_replace`; `rewrite`
//! handles the operator `REGEXP`.
//!
//! All stand for DataFusion's own functions, whose syntax contains the one that StackQL documents, and take
//! timestamps and numbers for text as well. `regexp_replace` stays PostgreSQL's: it replaces the first match, and
//! every one with the flag `g`, which the dialect `stackql` adds.

use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::functions::expr_fn::{regexp_like, regexp_match, regexp_replace};
use datafusion::functions::string::expr_fn::concat;
use datafusion::functions_nested::expr_fn::array_element;
use datafusion::logical_expr::{Expr, ScalarUDF, lit};

use super::scalar::{Arity, Macro};

/// Returns the functions of this module.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    let function =
        |name, arity, returns, expand| Macro::new(name, arity, text, returns, expand).udf();
    vec![
        function(
            "regexp",
            Arity::Between(2, 2),
            |_| DataType::Boolean,
            |args| {
                let [pattern, text, ..] = four(args);
                Ok(regexp_like(text, pattern, None))
            },
        ),
        function(
            "regexp_like",
            Arity::Between(2, 3),
            |_| DataType::Boolean,
            |args| {
                let flags = args.get(2).cloned();
                let [text, pattern, ..] = four(args);
                Ok(regexp_like(text, pattern, flags))
            },
        ),
        function(
            "regexp_substr",
            Arity::Between(2, 2),
            |_| DataType::Utf8,
            |args| {
                let [text, pattern, ..] = four(args);
                // `regexp_match` gives the groups if there are any, so the whole match is made the first.
                let pattern = concat(vec![lit("("), pattern, lit(")")]);
                Ok(array_element(regexp_match(text, pattern, None), lit(1_i64)))
            },
        ),
        function(
            "regexp_replace",
            Arity::Between(3, 4),
            |_| DataType::Utf8,
            |args| {
                let flags = args.get(3).cloned();
                let [text, pattern, replacement, _] = four(args);
                Ok(regexp_replace(text, pattern, replacement, flags))
            },
        ),
    ]
}

fn text(types: &[DataType]) -> Result<Vec<DataType>> {
    Ok(vec![DataType::Utf8; types.len()])
}

/// Returns the arguments, which have been counted, and NULL for those that were not given.
fn four(args: Vec<Expr>) -> [Expr; 4] {
    let mut args = args.into_iter();
    std::array::from_fn(|_| args.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use crate::dialect::functions::testing::{column, default_value, value};

    #[tokio::test]
    async fn expressions_match_extract_and_replace() {
        for (expression, expected) in [
            ("regexp('^b', 'abc')", "false"),
            ("regexp('b.', 'abc')", "true"),
            ("regexp_like('abc', 'b.')", "true"),
            ("regexp_like('ABC', 'b.', 'i')", "true"),
            ("regexp_like('abc', 'b.') = 1", "true"),
            ("regexp_like(NULL, 'b.')", "NULL"),
            ("regexp_substr('hello world', 'w.*d')", "world"),
            ("regexp_substr('ab12cd', '([a-z])([0-9]+)')", "b12"),
            ("regexp_substr('hello', 'x')", "NULL"),
            ("regexp_replace('a1b2', '[0-9]', '-')", "a-b-"),
            ("regexp_replace('a1b2', '[0-9]', '-', 'g')", "a-b-"),
            (
                r"regexp_replace('john smith', '(\w+) (\w+)', '\2 \1')",
                "smith john",
            ),
        ] {
            assert_eq!(value(expression).await, expected, "{expression}");
        }
        assert_eq!(
            default_value("regexp_replace('a1b2', '[0-9]', '-')").await,
            "a-b2"
        );
    }

    #[tokio::test]
    async fn a_timestamp_is_text_to_an_expression() {
        let sql = "SELECT regexp_replace(json_extract(metadata, '$.created_at'), 'T.*', '') FROM api_keys";
        assert_eq!(column(sql).await, ["2026-01-03", "2026-03-01", "NULL"]);
        for predicate in ["LIKE '2026-01%'", "REGEXP '^2026-01'"] {
            let sql = format!(
                "SELECT id FROM api_keys WHERE json_extract(metadata, '$.created_at') {predicate}"
            );
            assert_eq!(column(&sql).await, ["KEYA"], "{predicate}");
        }
    }
}
