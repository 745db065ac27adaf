//! The engine's messages in plain words: without the names of its parts, with columns and types as people write them.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

/// What is replaced in messages, in this order.
const WORDS: [(&str, &str); 14] = [
    // Where in the engine it happened.
    (
        r"(?s)\.?\s*This issue was likely caused by a bug in DataFusion.*",
        "",
    ),
    (r"(?s)^.*\bcaused by\s+", ""),
    (
        r"\b(Error during planning|Execution error|Internal error|External error|Schema error|SQL error|Arrow error|Parser error|Cast error|Csv error|Invalid argument error|Compute error|This feature is not implemented|Object Store error|IO error|Generic \w+ error): ",
        "",
    ),
    (r" ?You might need to add explicit type casts\.?", ""),
    (r"(?s)\s+Candidate functions:.*", ""),
    // Values.
    (r#"\b(?:Large)?Utf8(?:View)?\("([^"]*)"\)"#, "'$1'"),
    (r"\bU?Int\d+\((-?\d+)\)", "$1"),
    (r"\bFloat\d+\(([^)]*)\)", "$1"),
    (r"\bBoolean\((\w+)\)", "$1"),
    // Types.
    (r"\b(?:Large)?Utf8(?:View)?\b", "text"),
    (r"\bU?Int(?:8|16|32|64)\b", "integer"),
    (r"\bTimestamp\([^)]*\)", "timestamp"),
    (r"\bFloat(?:16|32|64)\b", "number"),
    (r"\bDate32\b", "date"),
];

/// Plain messages that are told in other words, with the next step where there is one.
const RETOLD: [(&str, &str, &str); 19] = [
    (
        r"(?s)^unsupported ast node in sqltorel: Collate.*",
        "there are no collations",
        "compare lower(x), or write ILIKE",
    ),
    (
        r#"^projections require unique expression names but the expression "(?:\w+\.)?([^"]+)" at.*"#,
        "`$1` stands in the select list twice",
        "give one of them another name with AS",
    ),
    (
        r"^column in (SELECT|HAVING|ORDER BY) must be in GROUP BY or an aggregate function.*",
        "a column in $1 is neither in GROUP BY nor in an aggregate function",
        "add it to GROUP BY, or take one of its values with min or max",
    ),
    (
        r"^cannot infer common argument type for comparison operation (.+) (\S+) (.+)",
        "cannot compare $1 with $3 by `$2`",
        "",
    ),
    (
        r"^cannot create filter with non-boolean predicate `(?:\w+\.)?([^`]+)` returning (.+)",
        "a condition was expected, and `$1` is $2",
        "",
    ),
    (
        r"(?s)^function `(\w+)` (?:failed to match any signature|user-defined coercion failed).*argument types '([^']*)'.*",
        "`$1` does not take these arguments: `$2`",
        "convert them with CAST",
    ),
    (
        r"(?s)^function `(\w+)` failed to match any signature.*\(DataType: ([^)]*)\).*",
        "`$1` does not take $2",
        "convert it with CAST",
    ),
    (
        r"(?s)^function `(\w+)` failed to match any signature, errors:.*",
        "`$1` has no type for all of its arguments",
        "convert them with CAST",
    ),
    (r"(?s)^(`\w+` does not support \w+ arguments).*", "$1", ""),
    (
        r"^cannot access field at argument \d+: type (\w+) is not.*",
        "cannot take a field of $1",
        "",
    ),
    (
        r"^nested type \w+ is not supported in CSV",
        "csv files hold no nested columns",
        "select their fields, or write json or parquet",
    ),
    (
        r"^there is no registered file format with ext (\w+)",
        "unknown format of files: `$1`",
        "formats of files: csv, json, parquet, arrow; STORED AS names one",
    ),
    (
        r#"^could not find config namespace for key "(\w+)""#,
        "no setting `$1`",
        "SHOW ALL lists the settings",
    ),
    (
        r"^error encountered while finalizing writes.*",
        "the file cannot be written",
        "look whether its folder can be written to",
    ),
    (
        r"(?s)^cannot cast string (?:`(.*)`|'(.*)') to value of (\w+) type",
        "`$1$2` is no $3",
        "text is compared with text: put the value in quotes; TRY_CAST gives NULL for what cannot be converted",
    ),
    (
        r"(?s)^unsupported ast node (\w+) .*",
        "$1 is not supported in FROM",
        "",
    ),
    (
        r"(?s)^SET variant not implemented yet: .*",
        "this form of SET is not supported",
        "write SET name = value",
    ),
    (
        r"^aggregate functions are not allowed in the WHERE clause.*",
        "an aggregate function cannot stand in WHERE, which looks at one row at a time",
        "HAVING looks at groups",
    ),
    (
        r"^physical plan does not support logical expression (Exists|InSubquery)\(.*",
        "a test of a subquery cannot stand here",
        "it can stand in WHERE; elsewhere, join, or compare (SELECT count(*) …) with 0",
    ),
];

/// Returns `message`, which is plain, in other words, and the next step.
pub(super) fn retell(message: &str) -> Option<(String, Option<String>)> {
    RETOLD.iter().find_map(|(pattern, words, hint)| {
        let pattern = Regex::new(pattern).ok()?;
        let found = pattern.captures(message)?;
        let told = |template: &str| {
            let mut text = String::new();
            found.expand(template, &mut text);
            text
        };
        Some((told(words), (!hint.is_empty()).then(|| told(hint))))
    })
}

/// Returns `message` in plain words: lower case, without a final stop, names in backticks.
pub(super) fn plain(message: &str) -> String {
    static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        WORDS
            .iter()
            .filter_map(|(pattern, with)| Some((Regex::new(pattern).ok()?, *with)))
            .collect()
    });
    static QUOTED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"'([^'\s]+)'").ok());
    let mut message: Cow<'_, str> = Cow::Owned(paths(&shorten_types(message)));
    if let Some(quoted) = QUOTED.as_ref() {
        message = Cow::Owned(quoted.replace_all(&message, "`$1`").into_owned());
    }
    for (rule, with) in RULES.iter() {
        if let Cow::Owned(replaced) = rule.replace_all(&message, *with) {
            message = Cow::Owned(replaced);
        }
    }
    lower_first(message.trim().trim_end_matches('.'))
}

fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    match (chars.next(), chars.next()) {
        // An acronym stays as it is.
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => first
            .to_lowercase()
            .chain(message.chars().skip(1))
            .collect(),
        _ => message.to_owned(),
    }
}

/// Replaces `get_field(get_field(k.spec, Utf8("owner")), Utf8("id"))` by `k.spec.owner.id`.
fn paths(message: &str) -> String {
    static FIELD: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r#"get_field\(([\w.]+), Utf8\("(\w+)"\)\)"#).ok());
    let mut message = message.to_owned();
    while let Some(field) = FIELD.as_ref()
        && let Cow::Owned(shorter) = field.replace_all(&message, "$1.$2")
    {
        message = shorter;
    }
    message
}

/// Replaces `Struct("id": Utf8, …)`, which can be hundreds of characters, by `object`, and lists likewise.
fn shorten_types(message: &str) -> String {
    shorten(&shorten(message, "Struct(", "object"), "List(", "list")
}

fn shorten(message: &str, open: &str, word: &str) -> String {
    let mut short = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find(open) {
        short.push_str(&rest[..at]);
        short.push_str(word);
        let mut depth = 0_usize;
        let end = rest[at..].char_indices().find_map(|(i, c)| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => return None,
            }
            (depth == 0).then_some(at + i + 1)
        });
        match end {
            Some(end) => rest = &rest[end..],
            None => return short,
        }
    }
    short.push_str(rest);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_in_messages_are_short() {
        assert_eq!(
            shorten_types(
                "Cannot coerce Utf8 + Struct(\"a\": Struct(\"b\": Utf8), \"c\": Utf8) to x"
            ),
            "Cannot coerce Utf8 + object to x"
        );
        assert_eq!(
            shorten_types("cut off Struct(\"a\": Utf8"),
            "cut off object"
        );
    }

    #[test]
    fn paths_values_and_types_are_what_people_write() {
        assert_eq!(
            plain(
                r#"Error during planning: Cannot coerce get_field(get_field(k.spec, Utf8("owner")), Utf8("id")) = Int64(5) of Utf8View and Timestamp(µs, "UTC")."#
            ),
            "cannot coerce k.spec.owner.id = 5 of text and timestamp"
        );
    }

    #[test]
    fn what_is_retold_is_written_as_it_should_be() {
        for (pattern, ..) in RETOLD {
            assert!(Regex::new(pattern).is_ok(), "{pattern}");
        }
        for (pattern, _) in WORDS {
            assert!(Regex::new(pattern).is_ok(), "{pattern}");
        }
        assert_eq!(
            retell("could not find config namespace for key \"nonsense\""),
            Some((
                "no setting `nonsense`".to_owned(),
                Some("SHOW ALL lists the settings".to_owned())
            ))
        );
        assert_eq!(retell("divide by zero error"), None);
    }

    #[test]
    fn the_parts_of_the_engine_are_not_named() {
        assert_eq!(
            plain(
                "Optimizer rule 'simplify_expressions' failed\ncaused by\nArrow error: Parser error: Error parsing 'x'"
            ),
            "error parsing `x`"
        );
        assert_eq!(
            plain(
                "Internal error: Oh no!.\nThis issue was likely caused by a bug in DataFusion's code. Please help."
            ),
            "oh no!"
        );
    }
}
