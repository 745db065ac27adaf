//! What the functions are called and what they do, for `\df`, completion and the documentation.
//!
//! One line per function that this room adds or redefines. A test holds the list against what is registered.

/// One function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionDoc {
    /// Its name.
    pub name: &'static str,
    /// How it is called: `json_extract(json, path [, path …])`.
    pub signature: &'static str,
    /// What it does, in one line, without a final stop.
    pub description: &'static str,
    /// What it turns into what.
    pub kind: FunctionKind,
}

/// What a function turns into what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FunctionKind {
    /// Values of a row into a value.
    Scalar,
    /// Values of many rows into a value.
    Aggregate,
    /// A value into rows; stands in FROM.
    Table,
}

/// Returns the functions, each kind in order of its names.
pub fn catalogue() -> &'static [FunctionDoc] {
    CATALOGUE
}

const fn scalar(
    name: &'static str,
    signature: &'static str,
    description: &'static str,
) -> FunctionDoc {
    FunctionDoc {
        name,
        signature,
        description,
        kind: FunctionKind::Scalar,
    }
}

const fn aggregate(
    name: &'static str,
    signature: &'static str,
    description: &'static str,
) -> FunctionDoc {
    FunctionDoc {
        name,
        signature,
        description,
        kind: FunctionKind::Aggregate,
    }
}

const fn table(
    name: &'static str,
    signature: &'static str,
    description: &'static str,
) -> FunctionDoc {
    FunctionDoc {
        name,
        signature,
        description,
        kind: FunctionKind::Table,
    }
}

const CATALOGUE: &[FunctionDoc] = &[
    scalar("abs", "abs(x)", "the absolute value"),
    scalar("acos", "acos(x)", "the arc cosine, in radians"),
    scalar("acosh", "acosh(x)", "the inverse hyperbolic cosine"),
    scalar("asin", "asin(x)", "the arc sine, in radians"),
    scalar("asinh", "asinh(x)", "the inverse hyperbolic sine"),
    scalar("atan", "atan(x)", "the arc tangent, in radians"),
    scalar(
        "atan2",
        "atan2(y, x)",
        "the angle of the point (x, y), in radians",
    ),
    scalar("atanh", "atanh(x)", "the inverse hyperbolic tangent"),
    scalar("ceil", "ceil(x)", "the next integer up; also `ceiling`"),
    scalar(
        "char",
        "char(code [, code …])",
        "the characters of these Unicode code points",
    ),
    scalar(
        "coalesce",
        "coalesce(x [, y …])",
        "the first value that is not NULL",
    ),
    scalar("cos", "cos(x)", "the cosine of an angle in radians"),
    scalar("cosh", "cosh(x)", "the hyperbolic cosine"),
    scalar(
        "date",
        "date([time [, modifier …]])",
        "the date as text, YYYY-MM-DD",
    ),
    scalar(
        "datetime",
        "datetime([time [, modifier …]])",
        "date and time as text, YYYY-MM-DD HH:MM:SS",
    ),
    scalar("degrees", "degrees(x)", "radians as degrees"),
    scalar("exp", "exp(x)", "e to the power of x"),
    scalar("floor", "floor(x)", "the next integer down"),
    scalar(
        "format",
        "format(format [, value …])",
        "values written by `%s`, `%L` and `%2$s`; as `printf` in `stackql`",
    ),
    scalar("hex", "hex(x)", "the bytes of a text as hexadecimal digits"),
    scalar(
        "iif",
        "iif(condition, yes, no)",
        "one value or the other; also `if`",
    ),
    scalar(
        "instr",
        "instr(text, part)",
        "where the part begins, from 1; 0 if it is not there",
    ),
    scalar("json", "json(json)", "the same JSON without white space"),
    scalar(
        "json_array",
        "json_array([value …])",
        "an array of the values",
    ),
    scalar(
        "json_array_length",
        "json_array_length(json [, path])",
        "the number of elements",
    ),
    scalar(
        "json_equal",
        "json_equal(json, json)",
        "whether two JSON values are equal, members in any order",
    ),
    scalar(
        "json_extract",
        "json_extract(json, path [, path …])",
        "the value at a path, or an array of the values at several",
    ),
    scalar(
        "json_get",
        "json_get(json, key)",
        "the part under a key or an index as JSON: `json -> key`",
    ),
    scalar(
        "json_get_text",
        "json_get_text(json, key)",
        "the part under a key or an index as text: `json ->> key`",
    ),
    scalar(
        "json_insert",
        "json_insert(json, path, value [, path, value …])",
        "the JSON with values put where nothing was",
    ),
    scalar(
        "json_object",
        "json_object([name, value …])",
        "an object of these members",
    ),
    scalar(
        "json_patch",
        "json_patch(json, patch)",
        "the JSON with a merge patch applied (RFC 7396)",
    ),
    scalar("json_quote", "json_quote(value)", "a value as JSON"),
    scalar(
        "json_remove",
        "json_remove(json [, path …])",
        "the JSON without the parts at the paths",
    ),
    scalar(
        "json_replace",
        "json_replace(json, path, value [, path, value …])",
        "the JSON with values put where something was",
    ),
    scalar(
        "json_set",
        "json_set(json, path, value [, path, value …])",
        "the JSON with values put at the paths",
    ),
    scalar(
        "json_type",
        "json_type(json [, path])",
        "object, array, text, integer, real, true, false or null",
    ),
    scalar("json_valid", "json_valid(text)", "whether the text is JSON"),
    scalar(
        "julianday",
        "julianday([time [, modifier …]])",
        "the Julian day number, for differences in days",
    ),
    scalar("length", "length(x)", "the number of characters"),
    scalar(
        "likelihood",
        "likelihood(x, probability)",
        "x; the rest is advice to SQLite",
    ),
    scalar("likely", "likely(x)", "x; the name is advice to SQLite"),
    scalar("ln", "ln(x)", "the natural logarithm"),
    scalar(
        "log",
        "log([base,] x)",
        "the logarithm, to base 10 unless another is given",
    ),
    scalar("log10", "log10(x)", "the logarithm to base 10"),
    scalar("log2", "log2(x)", "the logarithm to base 2"),
    scalar("lower", "lower(x)", "the text in lower case"),
    scalar("mod", "mod(x, y)", "the remainder of x / y"),
    scalar("pi", "pi()", "3.14159265358979"),
    scalar("pow", "pow(x, y)", "x to the power of y; also `power`"),
    scalar(
        "printf",
        "printf(format [, value …])",
        "values written by a format",
    ),
    scalar("quote", "quote(x)", "the value as a literal of SQL"),
    scalar("radians", "radians(x)", "degrees as radians"),
    scalar(
        "regexp",
        "regexp(pattern, text)",
        "whether the text matches: `text REGEXP pattern`",
    ),
    scalar(
        "regexp_like",
        "regexp_like(text, pattern [, flags])",
        "whether the text matches",
    ),
    scalar(
        "regexp_match",
        "regexp_match(text, pattern [, flags])",
        "the groups of the first match as a list, or the match",
    ),
    scalar(
        "regexp_replace",
        "regexp_replace(text, pattern, replacement [, flags])",
        "the text with the first match replaced, or every one with the flag `g` and in `stackql`",
    ),
    scalar(
        "regexp_substr",
        "regexp_substr(text, pattern)",
        "the first match, NULL without one",
    ),
    scalar(
        "replace",
        "replace(text, from, to)",
        "the text with every occurrence replaced",
    ),
    scalar(
        "round",
        "round(x [, places])",
        "rounded, halves away from zero",
    ),
    scalar("sign", "sign(x)", "-1, 0 or 1; also `signum`"),
    scalar("sin", "sin(x)", "the sine of an angle in radians"),
    scalar("sinh", "sinh(x)", "the hyperbolic sine"),
    scalar(
        "split_part",
        "split_part(text, separator, n)",
        "the n-th part, from the end if n is negative; empty beyond the end, and NULL there in `stackql`",
    ),
    scalar(
        "sqlite_version",
        "sqlite_version()",
        "the version of SQLite that the functions are compared with",
    ),
    scalar("sqrt", "sqrt(x)", "the square root"),
    scalar(
        "strftime",
        "strftime(format [, time [, modifier …]])",
        "the time written by a format",
    ),
    scalar(
        "substr",
        "substr(text, start [, length])",
        "a part of the text; in `stackql` a negative start counts from the end; also `substring`",
    ),
    scalar("tan", "tan(x)", "the tangent of an angle in radians"),
    scalar("tanh", "tanh(x)", "the hyperbolic tangent"),
    scalar(
        "time",
        "time([time [, modifier …]])",
        "the time of day as text, HH:MM:SS",
    ),
    scalar(
        "timediff",
        "timediff(time, time)",
        "what has to be added to the second time to give the first",
    ),
    scalar("to_json", "to_json(x)", "any value as JSON"),
    scalar("to_text", "to_text(x)", "any value as text"),
    scalar(
        "trunc",
        "trunc(x [, places])",
        "the integer part, or fewer digits",
    ),
    scalar("typeof", "typeof(x)", "null, integer, real, text or blob"),
    scalar(
        "unhex",
        "unhex(digits [, ignored])",
        "the text of these hexadecimal digits",
    ),
    scalar(
        "unicode",
        "unicode(text)",
        "the Unicode code point of the first character",
    ),
    scalar(
        "unixepoch",
        "unixepoch([time [, modifier …]])",
        "seconds since 1970",
    ),
    scalar("unlikely", "unlikely(x)", "x; the name is advice to SQLite"),
    scalar("upper", "upper(x)", "the text in upper case"),
    scalar("zeroblob", "zeroblob(n)", "n bytes, all of them 0"),
    aggregate(
        "group_concat",
        "group_concat(x [, separator])",
        "the values as one text, `,` between them",
    ),
    aggregate(
        "json_group_array",
        "json_group_array(x)",
        "an array of the values",
    ),
    aggregate(
        "json_group_object",
        "json_group_object(name, value)",
        "an object of these members",
    ),
    aggregate(
        "total",
        "total(x)",
        "the sum as a float, 0.0 without values",
    ),
    table(
        "json_each",
        "json_each(json [, path])",
        "a row for each member or element",
    ),
    table(
        "json_tree",
        "json_tree(json [, path])",
        "a row for each part at every depth",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_lists_what_is_registered() {
        let listed: BTreeSet<_> = CATALOGUE
            .iter()
            .filter(|doc| doc.kind != FunctionKind::Table)
            .map(|doc| doc.name.to_owned())
            .collect();
        let scalars = crate::dialect::functions::scalar_functions();
        let bounded: BTreeSet<_> = (crate::dialect::functions::bounded::functions().iter())
            .map(|function| function.name().to_owned())
            .collect();
        let aggregates = crate::dialect::functions::aggregate::functions();
        let registered: BTreeSet<_> = scalars
            .iter()
            .map(|function| function.name().to_owned())
            .chain(aggregates.iter().map(|function| function.name().to_owned()))
            // What a function is called in the dialect `stackql` is its own business.
            .filter(|name| !name.starts_with("stackql_"))
            // These are the engine's, with a bound.
            .filter(|name| !bounded.contains(name) || listed.contains(name))
            .collect();
        assert_eq!(listed, registered);
    }

    #[test]
    fn a_line_is_short_and_in_order() {
        for doc in CATALOGUE {
            assert!(
                doc.signature.starts_with(&format!("{}(", doc.name)),
                "{}",
                doc.name
            );
            assert!(!doc.description.ends_with('.'), "{}", doc.name);
        }
        for kind in [
            FunctionKind::Scalar,
            FunctionKind::Aggregate,
            FunctionKind::Table,
        ] {
            let names: Vec<_> = CATALOGUE
                .iter()
                .filter(|doc| doc.kind == kind)
                .map(|doc| doc.name)
                .collect();
            assert!(names.is_sorted(), "{names:?}");
        }
    }
}
