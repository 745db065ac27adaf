//! What the default dialect refuses because PostgreSQL would give a different answer: spellings that both know, with
//! two meanings.
//!
//! Each is rare, and its error says what to write for either meaning. Differences that cannot be seen in the text of a
//! statement are listed in `docs/statements.md`. Pure.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{
    AccessExpr, BinaryOperator, DataType, Expr, Function, JoinConstraint, JoinOperator, Select,
    SelectItem, Spanned, Subscript, TableFactor, TableWithJoins, TimezoneInfo, UnaryOperator,
    Value, ValueWithSpan, Visitor,
};

use super::ast::{args, function_name, text_of, visit};
use super::error::Error;
use super::rules::regex;

/// Refuses `statement` if PostgreSQL would answer otherwise.
///
/// Fails at the first spelling of the kind, with what to write instead.
pub(super) fn refuse(statement: &EngineStatement) -> Result<(), Error> {
    visit(statement, &mut Conflicts::default())
}

#[derive(Default)]
struct Conflicts {
    /// How many of the next calls of `generate_series` are arguments of `unnest`, which makes rows of a list.
    unnested: usize,
}

impl Visitor for Conflicts {
    type Break = Error;

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Error> {
        let refused = select.projection.iter().find_map(text_as_name);
        broken(refused.or_else(|| unconditional(&select.from)))
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        if let TableFactor::UNNEST { array_exprs, .. } = factor {
            self.unnested += array_exprs.iter().filter(|expr| is_series(expr)).count();
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
        let found = match expr {
            Expr::Function(function) => self.series(function).or_else(|| call(function)),
            Expr::BinaryOp { left, op, right } => pattern_beside(op, right)
                .or_else(|| jsonb_beside(left, op, right))
                .or_else(|| chained(left, op)),
            Expr::InList { expr, .. } | Expr::InSubquery { expr, .. } if is_jsonb(expr) => {
                Some(jsonb())
            }
            Expr::CompoundFieldAccess { access_chain, .. } => {
                access_chain.iter().find_map(from_the_end)
            }
            Expr::AtTimeZone { time_zone, .. } => offset(time_zone),
            Expr::Cast {
                expr,
                data_type: DataType::Bytea,
                ..
            } => escaped_bytes(expr),
            Expr::Interval(interval) if interval.leading_field.is_none() => {
                without_unit(&interval.value)
            }
            Expr::Cast {
                expr,
                data_type: DataType::Interval { .. },
                ..
            } => without_unit(expr),
            Expr::TypedString(typed) => offset_beside_timestamp(&typed.data_type, &typed.value),
            Expr::Cast {
                expr, data_type, ..
            } => match expr.as_ref() {
                Expr::Value(value) => offset_beside_timestamp(data_type, value),
                _ => None,
            },
            _ => None,
        };
        broken(found.map(|error| match error.span {
            Some(_) => error,
            None => error.at(expr.span()),
        }))
    }
}

fn broken(error: Option<Error>) -> ControlFlow<Error> {
    error.map_or(ControlFlow::Continue(()), ControlFlow::Break)
}

impl Conflicts {
    /// Refuses `generate_series` as a list: to PostgreSQL it is rows.
    fn series(&mut self, function: &Function) -> Option<Error> {
        match function_name(function).as_str() {
            "unnest" => {
                self.unnested += args(function).filter(|arg| is_series(arg)).count();
                None
            }
            "generate_series" if self.unnested > 0 => {
                self.unnested -= 1;
                None
            }
            "generate_series" => Some(
                Error::new("generate_series makes rows, and belongs in FROM").hint(
                    "write FROM generate_series(1, 3) AS s(n), or with a column FROM t, unnest(range(1, t.n + 1)) AS s(n)",
                ),
            ),
            _ => None,
        }
    }
}

fn is_series(expr: &Expr) -> bool {
    matches!(expr, Expr::Function(function) if function_name(function) == "generate_series")
}

fn call(function: &Function) -> Option<Error> {
    let name = function_name(function);
    if regex::FUNCTIONS.contains(&name.as_str()) {
        return args(function).nth(1).and_then(pattern);
    }
    let is_null = |arg: &Expr| matches!(arg, Expr::Value(value) if value.value == Value::Null);
    if name == "regr_r2" {
        let error = Error::new("regr_r2 differs from PostgreSQL if y is the same in all rows");
        return Some(error.hint("write power(corr(y, x), 2), which is NULL there"));
    }
    if name == "json_object" {
        return lists_of_members(function);
    }
    if name == "array_remove" && args(function).nth(1).is_some_and(is_null) {
        let error = Error::new("array_remove with NULL removes nothing here");
        return Some(error.hint("write array_compact(x) to remove every NULL"));
    }
    if name == "to_char" {
        let format = args(function).nth(1)?;
        let is_literal = matches!(format, Expr::Value(value)
            if !matches!(value.value, Value::Placeholder(_)));
        return (!is_literal).then(|| {
            let error =
                Error::new("the pattern of to_char is part of the statement").at(format.span());
            error.hint("write it as a text: to_char(x, 'YYYY-MM-DD')")
        });
    }
    None
}

/// Refuses a text beside a text, `'a' 'b'`, and any other name that is a text.
fn text_as_name(item: &SelectItem) -> Option<Error> {
    let SelectItem::ExprWithAlias { expr, alias } = item else {
        return None;
    };
    let ends_in_text = expr.to_string().ends_with('\'');
    (alias.quote_style == Some('\'') && ends_in_text).then(|| {
        let name = &alias.value;
        Error::new(format!("one text literal follows another: '{name}'"))
            .at(alias.span)
            .hint(format!(
                "|| joins texts, and a name is written AS \"{name}\""
            ))
    })
}

/// Refuses a join that does not say which rows belong together, a syntax error in PostgreSQL: `JOIN t` without ON would pair
/// every row with every other.
fn unconditional(from: &[TableWithJoins]) -> Option<Error> {
    use JoinOperator::{FullOuter, Inner, Join, Left, LeftOuter, Right, RightOuter};
    from.iter().find_map(|table| {
        let mut joins = table.joins.iter();
        let join = joins.find(|join| {
            matches!(
                &join.join_operator,
                Join(JoinConstraint::None)
                    | Inner(JoinConstraint::None)
                    | Left(JoinConstraint::None)
                    | LeftOuter(JoinConstraint::None)
                    | Right(JoinConstraint::None)
                    | RightOuter(JoinConstraint::None)
                    | FullOuter(JoinConstraint::None)
            )
        });
        let here = join.map(|join| {
            Error::new("this JOIN has no condition")
                .hint(
                    "say which rows belong together with ON or USING; CROSS JOIN pairs all of them",
                )
                .at(join.relation.span())
        });
        here.or_else(|| {
            let joined = table.joins.iter().map(|join| &join.relation);
            let nested = std::iter::once(&table.relation).chain(joined);
            nested.into_iter().find_map(|relation| match relation {
                TableFactor::NestedJoin {
                    table_with_joins, ..
                } => unconditional(std::slice::from_ref(table_with_joins)),
                _ => None,
            })
        })
    })
}

/// Refuses SQLite's `json_object` where PostgreSQL's makes an object of two lists.
fn lists_of_members(function: &Function) -> Option<Error> {
    let mut args = args(function);
    let (first, second) = (args.next()?, args.next());
    let is_list = match first {
        Expr::Array(_) => true,
        expr => text_of(expr).is_some_and(|(text, _)| text.trim_start().starts_with('{')),
    };
    (is_list && args.next().is_none()).then(|| {
        Error::new("json_object of lists is not supported")
            .at(second.unwrap_or(first).span())
            .hint("write json_build_object('a', 1, 'b', 2)")
    })
}

/// Refuses `a < b < c`, a syntax error in PostgreSQL: it would compare a truth value with `c`.
fn chained(left: &Expr, op: &BinaryOperator) -> Option<Error> {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    let compares = |op: &BinaryOperator| matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq);
    let Expr::BinaryOp { op: first, .. } = left else {
        return None;
    };
    (compares(first) && compares(op)).then(|| {
        Error::new(format!("`{first}` and `{op}` cannot be chained"))
            .hint("write a < b AND b < c; parentheses compare a truth value, as in (a < b) = c")
    })
}

fn pattern_beside(op: &BinaryOperator, right: &Expr) -> Option<Error> {
    use BinaryOperator::{PGRegexIMatch, PGRegexMatch, PGRegexNotIMatch, PGRegexNotMatch};
    match op {
        PGRegexMatch | PGRegexIMatch | PGRegexNotMatch | PGRegexNotIMatch => pattern(right),
        _ => None,
    }
}

fn pattern(expr: &Expr) -> Option<Error> {
    let Expr::Value(literal) = expr else {
        return None;
    };
    let (Value::SingleQuotedString(pattern) | Value::EscapedStringLiteral(pattern)) =
        &literal.value
    else {
        return None;
    };
    let (part, instead) = regex::otherwise_in_postgresql(pattern)?;
    let error = Error::new(format!("`{part}` in a regular expression has two meanings"));
    Some(error.at(literal.span).hint(instead))
}

/// Refuses operators that compare and join values of jsonb: here they would be texts.
fn jsonb_beside(left: &Expr, op: &BinaryOperator, right: &Expr) -> Option<Error> {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq, StringConcat};
    let is_of_values = matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | StringConcat);
    (is_of_values && (is_jsonb(left) || is_jsonb(right))).then(jsonb)
}

fn jsonb() -> Error {
    Error::new("jsonb is text here, so it cannot be compared or concatenated as JSON").hint(
        "compare members, as in x ->> 'a' = 'b'; json_patch(x, y) joins objects; ::text compares the text",
    )
}

fn is_jsonb(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(expr) => is_jsonb(expr),
        Expr::Cast { data_type, .. } => *data_type == DataType::JSONB,
        Expr::Function(function) => {
            let name = function_name(function);
            name == "to_jsonb" || name.starts_with("jsonb_build_")
        }
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Arrow | BinaryOperator::HashArrow,
            ..
        } => is_jsonb(left),
        _ => false,
    }
}

/// Refuses text with escapes that is cast to bytes, which would be the characters of the escapes.
fn escaped_bytes(expr: &Expr) -> Option<Error> {
    let Expr::Value(literal) = expr else {
        return None;
    };
    let (Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text)) = &literal.value
    else {
        return None;
    };
    text.contains('\\').then(|| {
        Error::new("escapes in a bytea literal are not supported")
            .at(literal.span)
            .hint("write decode('6162', 'hex')")
    })
}

/// Refuses an interval without a unit, which is seconds in PostgreSQL and months to the engine.
fn without_unit(expr: &Expr) -> Option<Error> {
    let (text, span) = text_of(expr)?;
    let count = text.trim();
    count.parse::<f64>().is_ok().then(|| {
        Error::new(format!("`{count}` as an interval has no unit"))
            .at(span)
            .hint(format!(
                "write INTERVAL '{count} days', hours, minutes or seconds"
            ))
    })
}

/// Refuses an offset in a timestamp without a zone, which PostgreSQL leaves out and the engine counts.
fn offset_beside_timestamp(data_type: &DataType, literal: &ValueWithSpan) -> Option<Error> {
    let has_no_zone = matches!(
        data_type,
        DataType::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone)
            | DataType::Datetime(_)
    );
    let Value::SingleQuotedString(text) = &literal.value else {
        return None;
    };
    let (_, time) = text.trim().split_once([' ', 'T'])?;
    let has_offset = time.ends_with(['Z', 'z']) || time.contains(['+', '-']);
    (has_no_zone && has_offset).then(|| {
        Error::new("a timestamp without a time zone has no offset")
            .at(literal.span)
            .hint(format!(
                "write TIMESTAMPTZ '{text}', or leave the offset out"
            ))
    })
}

/// Refuses a subscript below zero: PostgreSQL has nothing there, the engine counts from the end.
fn from_the_end(access: &AccessExpr) -> Option<Error> {
    let AccessExpr::Subscript(subscript) = access else {
        return None;
    };
    let bounds = match subscript {
        Subscript::Index { index } => [Some(index), None],
        Subscript::Slice {
            lower_bound,
            upper_bound,
            ..
        } => [lower_bound.as_ref(), upper_bound.as_ref()],
    };
    let mut bounds = bounds.into_iter().flatten();
    let below = bounds.find(|bound| {
        matches!(
            bound,
            Expr::UnaryOp {
                op: UnaryOperator::Minus,
                ..
            }
        )
    })?;
    let error = Error::new(format!("`{below}` as a subscript has two meanings"));
    Some(error.at(below.span()).hint(
        "array_element(x, -1) and array_slice(x, -2, -1) count from the end; to PostgreSQL nothing is there",
    ))
}

/// Refuses an offset as a time zone: `+02` is two hours west of Greenwich to PostgreSQL, and east of it to ISO 8601.
fn offset(zone: &Expr) -> Option<Error> {
    let (name, span) = text_of(zone)?;
    let is_offset = name.trim_start().starts_with(['+', '-']);
    is_offset.then(|| {
        Error::new(format!("`{name}` as a time zone has two meanings"))
            .at(span)
            .hint(
                "write a name such as 'Europe/Berlin'; 'Etc/GMT-2' is two hours east of Greenwich",
            )
    })
}

#[cfg(test)]
mod tests {
    use crate::dialect::Dialect;
    use crate::dialect::parse::parse;
    use crate::dialect::rewrite::refuse_other_dialect;

    fn refused(item: &str) -> String {
        let parsed = parse(&format!("SELECT {item}")).unwrap();
        assert_eq!(
            refuse_other_dialect(&parsed, Dialect::Stackql),
            Ok(()),
            "{item}"
        );
        match refuse_other_dialect(&parsed, Dialect::Default) {
            Err(error) => {
                assert!(error.hint.is_some(), "{item}");
                error.message
            }
            Ok(()) => String::new(),
        }
    }

    #[test]
    fn what_postgresql_answers_otherwise_is_refused() {
        for (item, message) in [
            ("'a' 'b'", "one text literal follows another: 'b'"),
            (
                "x, generate_series(1, x) + 1 FROM t",
                "generate_series makes rows, and belongs in FROM",
            ),
            (
                r"'foo' ~ '\bfoo\b'",
                r"`\b` in a regular expression has two meanings",
            ),
            (
                "regexp_replace(a, '[a&&b]', '')",
                "`&&` in a regular expression has two meanings",
            ),
            (
                "(x::jsonb -> 'a') = '1' FROM t",
                "jsonb is text here, so it cannot be compared or concatenated as JSON",
            ),
            (
                "jsonb_build_object('a', 1) || y FROM t",
                "jsonb is text here, so it cannot be compared or concatenated as JSON",
            ),
            ("(ARRAY[1, 2])[-1]", "`-1` as a subscript has two meanings"),
            (
                "(ARRAY[1, 2])[1:-2]",
                "`-2` as a subscript has two meanings",
            ),
            (
                "now() AT TIME ZONE '+02:00'",
                "`+02:00` as a time zone has two meanings",
            ),
            (
                "array_remove(x, NULL) FROM t",
                "array_remove with NULL removes nothing here",
            ),
            ("INTERVAL '5'", "`5` as an interval has no unit"),
            ("1 < x < 5 FROM t", "`<` and `<` cannot be chained"),
            ("a = b <> c FROM t", "`=` and `<>` cannot be chained"),
            (
                "to_char(now(), p) FROM t",
                "the pattern of to_char is part of the statement",
            ),
        ] {
            assert_eq!(refused(item), message, "{item}");
        }
    }

    #[test]
    fn what_has_one_meaning_is_let_through() {
        for item in [
            "'a' AS \"b\", x 'name', 'a' || 'b' FROM t",
            "unnest(generate_series(1, 3)), range(1, 3)",
            "1 FROM generate_series(1, 3) AS s(n), unnest(generate_series(1, 3)) AS u(n)",
            r"'foo' REGEXP '\bfoo' AND 'foo' ~ '\yfoo[[:alpha:]&-]'",
            "x::jsonb ->> 'a' = '1' AND x::json -> 'a' = '1' FROM t",
            "(ARRAY[1, 2])[1:2], x -> -1 FROM t",
            "now() AT TIME ZONE 'Etc/GMT-2'",
            "to_char(now(), 'YYYY'), to_char(now(), NULL)",
        ] {
            assert_eq!(refused(item), "", "{item}");
        }
    }
}
