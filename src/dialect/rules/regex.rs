//! Rewrites PostgreSQL's regular expressions in the engine's syntax.

use sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value,
};

use super::rule::Context;
use crate::dialect::ast::function_name;

/// The functions that PostgreSQL has as well, whose second argument is a regular expression.
pub(in crate::dialect) const FUNCTIONS: [&str; 6] = [
    "regexp_like",
    "regexp_replace",
    "regexp_substr",
    "regexp_count",
    "regexp_instr",
    "regexp_match",
];

/// PostgreSQL's boundaries of words, and the engine's.
const BOUNDARIES: [(&str, &str); 6] = [
    ("[[:<:]]", r"\b{start}"),
    ("[[:>:]]", r"\b{end}"),
    (r"\m", r"\b{start}"),
    (r"\M", r"\b{end}"),
    (r"\y", r"\b"),
    (r"\Y", r"\B"),
];

/// The names of classes of characters, and of the boundaries of words.
const CLASSES: [&str; 15] = [
    "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit", "<", ">",
];

/// Spells the boundaries of words as the engine does.
///
/// ```sql
/// SELECT 1 FROM t WHERE a ~ '\yb' AND regexp_like(a, '[[:<:]]b\M')
/// -- becomes
/// SELECT 1 FROM t WHERE a ~ '\bb' AND regexp_like(a, '\b{start}b\b{end}')
/// ```
///
/// Only literals. Not for REGEXP, which is not PostgreSQL's.
pub(super) fn word_boundaries(expr: &mut Expr, _: &Context<'_>) {
    use BinaryOperator::{PGRegexIMatch, PGRegexMatch, PGRegexNotIMatch, PGRegexNotMatch};
    let pattern = match expr {
        Expr::BinaryOp {
            op: PGRegexMatch | PGRegexIMatch | PGRegexNotMatch | PGRegexNotIMatch,
            right,
            ..
        } => right.as_mut(),
        Expr::Function(function) if FUNCTIONS.contains(&function_name(function).as_str()) => {
            match &mut function.args {
                FunctionArguments::List(list) => match list.args.as_mut_slice() {
                    [_, FunctionArg::Unnamed(FunctionArgExpr::Expr(pattern)), ..] => pattern,
                    _ => return,
                },
                _ => return,
            }
        }
        _ => return,
    };
    if let Expr::Value(literal) = pattern
        && let Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) =
            &mut literal.value
    {
        *text = with_boundaries(text);
    }
}

fn with_boundaries(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let boundary = BOUNDARIES
            .iter()
            .find(|(theirs, _)| rest.starts_with(theirs));
        let taken = match boundary {
            Some((theirs, ours)) => {
                text.push_str(ours);
                theirs.len()
            }
            None => {
                // A backslash takes the next character along.
                let next = rest.chars().nth(1).filter(|_| c == '\\');
                let taken = c.len_utf8() + next.map_or(0, char::len_utf8);
                text.push_str(&rest[..taken]);
                taken
            }
        };
        rest = &rest[taken..];
    }
    text
}

/// Returns the first part of `pattern` that means something else to PostgreSQL, and what to write instead.
pub(in crate::dialect) fn otherwise_in_postgresql(pattern: &str) -> Option<(String, &'static str)> {
    let mut chars = pattern.chars().peekable();
    let mut is_in_class = false;
    while let Some(c) = chars.next() {
        match (c, is_in_class) {
            ('\\', _) => {
                if let Some(letter @ ('b' | 'B')) = chars.next() {
                    return Some((
                        format!("\\{letter}"),
                        r"write \y for the boundary of a word, \Y for a place that is not one, and \x08 for a backspace",
                    ));
                }
            }
            ('[', false) => {
                chars.next_if_eq(&'^');
                // A bracket that is the first in a class does not close it.
                chars.next_if_eq(&']');
                is_in_class = true;
            }
            (']', true) => is_in_class = false,
            ('[', true) => match chars.peek() {
                Some(':') => {
                    // The name of a class, up to its own bracket.
                    chars.next();
                    let name: String = chars.by_ref().take_while(|&c| c != ']').collect();
                    let name = name.trim_end_matches(':');
                    if !CLASSES.contains(&name) {
                        return Some((
                            format!("[:{name}:]"),
                            "classes are called alnum, alpha, digit, lower, space, upper and so on",
                        ));
                    }
                }
                Some('.' | '=') => {
                    let part = if chars.peek() == Some(&'.') {
                        "[."
                    } else {
                        "[="
                    };
                    return Some((part.to_owned(), "write the character itself"));
                }
                _ => return Some(("[".to_owned(), r"write \[ for a bracket in a class")),
            },
            ('&' | '-' | '~', true) if chars.peek() == Some(&c) => {
                return Some((
                    format!("{c}{c}"),
                    "write a character once in a class; two of these are an operation on classes",
                ));
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_two_meanings_is_found() {
        for (pattern, part) in [
            (r"\bfoo", r"\b"),
            (r"a\\\b", r"\b"),
            ("[a&&b]", "&&"),
            ("x[a~~b]", "~~"),
            ("[a--b]", "--"),
            ("[a[b]", "["),
            ("[[.a.]]", "[."),
            ("[^]&&]", "&&"),
            ("[[:foo:]]", "[:foo:]"),
        ] {
            let found = otherwise_in_postgresql(pattern).map(|(part, _)| part);
            assert_eq!(found.as_deref(), Some(part), "{pattern}");
        }
        for pattern in [
            r"\\b",
            "a&&b",
            "[a-z&]",
            "[[:alpha:]_]",
            "[]a]",
            "[^]]b&&",
            r"[\[]",
            "[[:<:]]foo&&",
            "a--b",
            "",
        ] {
            assert_eq!(otherwise_in_postgresql(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn boundaries_are_not_behind_a_backslash() {
        assert_eq!(with_boundaries(r"\\y\y\M"), r"\\y\b\b{end}");
    }
}
