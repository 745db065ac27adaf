//! Regular expressions: `regexp`, `regexp_like`, `regexp_match`, `regexp_substr`, `regexp_replace`; `rewrite` handles the
//! operator `REGEXP`.
//!
//! All but `regexp_match` stand for DataFusion's own functions, whose syntax contains the one that StackQL documents, and take
//! timestamps and numbers for text as well. `regexp_replace` stays PostgreSQL's: it replaces the first match, and
//! every one with the flag `g`, which the dialect `stackql` adds. There the new text is the engine's, in which `$1` is a
//! group; in the default dialect it is PostgreSQL's, in which `\1` is one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, ListBuilder, StringBuilder,
};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;
use datafusion::functions::expr_fn::{regexp_like, regexp_match};
use datafusion::functions::string::expr_fn::concat;
use datafusion::functions::utils::make_scalar_function;
use datafusion::functions_nested::expr_fn::array_element;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use regex::Regex;

use super::bounded;
use super::error::Error;
use super::internal::InternalFunction;
use super::scalar::{Arity, Macro, ReturnType, row};
use super::value::Value;

/// The name of the function of this module that answers otherwise in the dialect `stackql`.
pub(super) const OF_STACKQL: &str = "regexp_replace";

/// Returns the functions of this module.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    let two_or_three = Arity::Between(2, 3);
    let three_or_four = Arity::Between(3, 4);
    vec![
        RegexpMatch::udf(),
        Macro::new("regexp", Arity::Between(2, 2), |args| {
            let [pattern, text] = two(args);
            Ok(like(text, pattern, None))
        })
        .of_text()
        .returning(|_| DataType::Boolean)
        .udf(),
        Macro::new("regexp_like", two_or_three, |args| {
            let flags = args.get(2).cloned();
            let [text, pattern] = two(args);
            Ok(like(text, pattern, flags))
        })
        .of_text()
        .returning(|_| DataType::Boolean)
        .udf(),
        Macro::new("regexp_substr", Arity::Between(2, 2), |args| {
            let [text, pattern] = two(args);
            // `regexp_match` gives the groups if there are any, so the whole match is made the first.
            let pattern = concat(vec![lit("("), pattern, lit(")")]);
            Ok(array_element(regexp_match(text, pattern, None), lit(1_i64)))
        })
        .of_text()
        .udf(),
        Macro::new(OF_STACKQL, three_or_four, |mut args| {
            args[2] = new_text().call(vec![std::mem::take(&mut args[2])]);
            Ok(replaced(args))
        })
        .of_text()
        .udf(),
        Macro::new("stackql_regexp_replace", three_or_four, |args| {
            Ok(replaced(args))
        })
        .of_text()
        .udf(),
    ]
}

/// Returns whether `text` matches `pattern`.
fn like(text: Expr, pattern: Expr, flags: Option<Expr>) -> Expr {
    match may_hold_a_backslash(&pattern) {
        true => matches(text, pattern, flags),
        false => {
            let flags = flags.map(|flags| flags_for_engine(flags, FLAGS));
            regexp_like(text, not_null(pattern), flags)
        }
    }
}

/// Returns true if the engine could take `pattern` for a text with a backslash: it would make LIKE of it, where a backslash
/// escapes what follows.
pub(crate) fn may_hold_a_backslash(pattern: &Expr) -> bool {
    match pattern {
        Expr::Literal(text, _) => match text.try_as_str() {
            // A backslash may also be what is left of two classes.
            Some(Some(text)) => ["\\", "--", "&&", "~~"].iter().any(|it| text.contains(it)),
            _ => false,
        },
        // What follows from constants is a literal by the time that the engine looks at it.
        _ => true,
    }
}

/// Returns whether `text` matches `pattern`, in a call that the engine does not look through.
pub(crate) fn matches(text: Expr, pattern: Expr, flags: Option<Expr>) -> Expr {
    InternalFunction::new("regexp_like", 2, |args| {
        let texts = args
            .args
            .iter()
            .map(|arg| arg.cast_to(&DataType::Utf8, None));
        let texts = texts.collect::<Result<Vec<_>>>()?;
        make_scalar_function(matching, Vec::new())(&texts)
    })
    .taking(Signature::variadic_any(Volatility::Immutable))
    .returning(|_| Ok(DataType::Boolean))
    .call([text, pattern].into_iter().chain(flags).collect())
}

/// Returns whether each row of a text, an expression and flags matches.
fn matching(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let mut matches = BooleanBuilder::new();
    each_row(columns, |row| {
        matches.append_option(row.map(|(regex, text)| regex.is_match(text)));
    })?;
    Ok(Arc::new(matches.finish()))
}

/// `regexp_match(text, pattern [, flags])`: the groups of the first match as a list, or the whole match if there are none.
///
/// A group that takes no part in the match is NULL. The engine would leave it out, so that the others moved up.
#[derive(Debug, PartialEq, Eq, Hash)]
struct RegexpMatch {
    signature: Signature,
}

impl RegexpMatch {
    const NAME: &'static str = "regexp_match";

    fn udf() -> ScalarUDF {
        ScalarUDF::new_from_impl(Self {
            signature: Signature::user_defined(Volatility::Immutable),
        })
    }
}

impl ScalarUDFImpl for RegexpMatch {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Arity::Between(2, 3).check(Self::NAME, types.len())?;
        Ok(vec![DataType::Utf8; types.len()])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Utf8, true))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        make_scalar_function(groups, Vec::new())(&args.args)
    }
}

/// Returns the groups of the first match in each row of a text, an expression and flags.
fn groups(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let mut matches = ListBuilder::new(StringBuilder::new());
    each_row(columns, |row| {
        let Some(found) = row.and_then(|(regex, text)| regex.captures(text)) else {
            matches.append_null();
            return;
        };
        // The whole match comes first.
        let groups = usize::from(found.len() > 1);
        for group in found.iter().skip(groups) {
            matches
                .values()
                .append_option(group.map(|group| group.as_str()));
        }
        matches.append(true);
    })?;
    Ok(Arc::new(matches.finish()))
}

/// Gives `see` the expression and the text of each row of a text, an expression and flags; None where one of them is NULL.
fn each_row<'a>(
    columns: &'a [ArrayRef],
    mut see: impl FnMut(Option<(&Regex, &'a str)>),
) -> Result<()> {
    let at = |argument: usize, row: usize| {
        let column = columns.get(argument)?.as_string::<i32>();
        column.is_valid(row).then(|| column.value(row))
    };
    let mut compiled = HashMap::new();
    for row in 0..columns.first().map_or(0, Array::len) {
        let flags = if columns.len() == 3 {
            at(2, row)
        } else {
            Some("")
        };
        let (Some(text), Some(pattern), Some(flags)) = (at(0, row), at(1, row), flags) else {
            see(None);
            continue;
        };
        let regex = match compiled.entry((pattern, flags)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                let flags = engine_flags(flags, FLAGS)?;
                let regex = bounded::compiled_as(pattern, &flags);
                free.insert(regex.map_err(|error| exec_datafusion_err!("{error}"))?)
            }
        };
        see(Some((regex, text)));
    }
    Ok(())
}

/// Returns the call of the engine's function, whose results are bounded.
fn replaced(mut args: Vec<Expr>) -> Expr {
    if let Some(flags) = args.get_mut(3) {
        *flags = flags_for_engine(std::mem::take(flags), FLAGS_OF_REPLACE);
    }
    bounded::regexp_replace().call(args)
}

/// The flags of functions that look for one match.
const FLAGS: &str = "cimnsx";

/// The flags of functions that replace.
const FLAGS_OF_REPLACE: &str = "cgimnsx";

/// Returns the engine's flags for `flags`, each of which is one of `known`.
fn flags_for_engine(flags: Expr, known: &str) -> Expr {
    let function = row(
        "regexp_flags",
        Arity::Between(2, 2),
        ReturnType::Text,
        |args| match (args[0].text(), args[1].text()) {
            (Some(flags), Some(known)) => Ok(Value::Text(engine_flags(&flags, &known)?.into())),
            _ => Ok(Value::Null),
        },
    );
    function.call(vec![flags, lit(known)])
}

/// Returns PostgreSQL's `flags` as the engine writes them. It takes no empty text: `u` is on anyway.
///
/// # Errors
///
/// Fails at a flag that is not one of `known`.
fn engine_flags(flags: &str, known: &str) -> Result<String, Error> {
    let mut written = String::from("u");
    for flag in flags.chars() {
        if !known.contains(flag) {
            return Err(Error::Flag {
                flag,
                known: known.to_owned(),
            });
        }
        // Of two that contradict each other, the last counts.
        let (set, cleared) = match flag {
            'c' => (None, 'i'),
            'm' | 'n' => (Some('m'), 's'),
            's' => (Some('s'), 'm'),
            flag => (Some(flag), flag),
        };
        written.retain(|other| other != cleared && Some(other) != set);
        written.extend(set);
    }
    Ok(written)
}

/// Returns a function from the new text of PostgreSQL's `regexp_replace` to that of the engine's.
fn new_text() -> ScalarUDF {
    row(
        "regexp_new_text",
        Arity::Between(1, 1),
        ReturnType::Text,
        |args| Ok(Value::Text(engine_text(&args[0].to_text()).into())),
    )
}

/// Returns PostgreSQL's `new` text as the engine writes it: `\1` to `\9` are groups, `\&` is the match, `\\` a backslash,
/// and a dollar is a dollar.
fn engine_text(new: &str) -> String {
    // The engine reads a backslash before a digit as PostgreSQL does, but with any number of digits, and before all else.
    // `${}` is a group that no expression has: it keeps the two apart.
    const BACKSLASH: &str = r"\${}";
    let mut text = String::with_capacity(new.len());
    let mut chars = new.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('$', _) => text.push_str("$$"),
            ('\\', Some('&')) => {
                chars.next();
                text.push_str("${0}");
            }
            ('\\', Some(&group @ '1'..='9')) => {
                chars.next();
                text.extend(["${", group.encode_utf8(&mut [0; 4]), "}"]);
            }
            ('\\', next) => {
                if next == Some(&'\\') {
                    chars.next();
                }
                text.push_str(BACKSLASH);
            }
            (c, _) => text.push(c),
        }
    }
    text
}

/// Returns another pattern for `.*`, of which the engine would make IS NOT NULL, which is not NULL for NULL.
fn not_null(pattern: Expr) -> Expr {
    match &pattern {
        Expr::Literal(text, _) if text.try_as_str() == Some(Some(".*")) => lit(""),
        _ => pattern,
    }
}

/// Returns the first two arguments, which have been counted.
fn two(args: Vec<Expr>) -> [Expr; 2] {
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
            ("regexp_like('ABC', 'b.', 'ic')", "false"),
            ("regexp_like('ABC', 'b.', '')", "false"),
            ("regexp_match('abc', 'B', 'i')[1]", "b"),
            ("regexp_replace('aBab', 'b', '', 'gi')", "aa"),
            (
                "regexp_replace(chr(97) || chr(10), '^', '-', 'gn')",
                "-a\n-",
            ),
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

    #[test]
    fn flags_are_postgresqls() {
        let engine = |flags| super::engine_flags(flags, super::FLAGS);
        assert_eq!(engine("").unwrap(), "u");
        assert_eq!(engine("icxx").unwrap(), "ux");
        assert_eq!(engine("ns").unwrap(), "us");
        assert_eq!(engine("sm").unwrap(), "um");
        for flags in ["g", "q", "I", "i!"] {
            assert!(engine(flags).is_err(), "{flags}");
        }
    }

    #[tokio::test]
    async fn the_new_text_is_postgresqls_in_the_default_dialect() {
        for (new, expected, of_stackql) in [
            ("$1", "a$1c", "abc"),
            ("$$", "a$$c", "a$c"),
            ("<${1}>", "a<${1}>c", "a<b>c"),
            (r"<\&>", "a<b>c", r"a<\&>c"),
            (r"\1\1", "abbc", "abbc"),
            (r"\12", "ab2c", "ac"),
            (r"\0", r"a\0c", "abc"),
            (r"\\1", r"a\1c", "abc"),
            (r"\\", r"a\c", r"a\\c"),
            (r"x\", r"ax\c", r"ax\c"),
            (r"\q", r"a\qc", r"a\qc"),
        ] {
            let call = format!("regexp_replace('abc', '(b)', '{new}')");
            assert_eq!(default_value(&call).await, expected, "{call}");
            assert_eq!(value(&call).await, of_stackql, "{call}");
        }
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
