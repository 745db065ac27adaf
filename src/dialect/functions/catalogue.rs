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
    /// A value into rows; used in FROM.
    Table,
}

/// Returns the functions, each kind in order of its names.
pub fn catalogue() -> &'static [FunctionDoc] {
    CATALOGUE
}

/// Lists functions by how they are called, and what they do.
macro_rules! catalogue {
    ($($kind:ident { $($signature:literal: $description:literal,)* })*) => {
        const CATALOGUE: &[FunctionDoc] = &[$($(FunctionDoc {
            name: $signature.split_at(bracket($signature)).0,
            signature: $signature,
            description: $description,
            kind: FunctionKind::$kind,
        },)*)*];
    };
}

/// Returns where the name ends in `signature`.
const fn bracket(signature: &str) -> usize {
    let mut at = 0;
    while signature.as_bytes()[at] != b'(' {
        at += 1;
    }
    at
}

catalogue! {
    Scalar {
        "abs(x)": "the absolute value",
        "acos(x)": "the arc cosine, in radians",
        "acosh(x)": "the inverse hyperbolic cosine",
        "asin(x)": "the arc sine, in radians",
        "asinh(x)": "the inverse hyperbolic sine",
        "atan(x)": "the arc tangent, in radians",
        "atan2(y, x)": "the angle of the point (x, y), in radians",
        "atanh(x)": "the inverse hyperbolic tangent",
        "ceil(x)": "the next integer up; also `ceiling`",
        "char(code [, code …])": "the characters of these Unicode code points",
        "coalesce(x [, y …])": "the first value that is not NULL",
        "cos(x)": "the cosine of an angle in radians",
        "cosh(x)": "the hyperbolic cosine",
        "date([time [, modifier …]])": "the date as text, YYYY-MM-DD",
        "datetime([time [, modifier …]])": "date and time as text, YYYY-MM-DD HH:MM:SS",
        "degrees(x)": "radians as degrees",
        "exp(x)": "e to the power of x",
        "floor(x)": "the next integer down",
        "format(format [, value …])": "values written by `%s`, `%L` and `%2$s`",
        "iif(condition, yes, no)": "one value or the other; also `if`",
        "instr(text, part)": "where the part begins, from 1; 0 if it is not there",
        "json(json)": "the same JSON without white space",
        "json_array([value …])": "an array of the values",
        "json_array_length(json [, path])": "the number of elements",
        "json_equal(json, json)": "whether two JSON values are equal, members in any order",
        "json_extract(json, path [, path …])": "the value at a path, or an array of the values at several",
        "json_get(json, key)": "the part under a key or an index as JSON: `json -> key`",
        "json_get_text(json, key)": "the part under a key or an index as text: `json ->> key`",
        "json_insert(json, path, value [, path, value …])": "the JSON with values put where nothing was",
        "json_object([name, value …])": "an object of these members",
        "json_patch(json, patch)": "the JSON with a merge patch applied (RFC 7396)",
        "json_quote(value)": "a value as JSON",
        "json_remove(json [, path …])": "the JSON without the parts at the paths",
        "json_replace(json, path, value [, path, value …])": "the JSON with values put where something was",
        "json_set(json, path, value [, path, value …])": "the JSON with values put at the paths",
        "json_type(json [, path])": "object, array, text, integer, real, true, false or null",
        "json_valid(text)": "whether the text is JSON",
        "julianday([time [, modifier …]])": "the Julian day number, for differences in days",
        "length(x)": "the number of characters",
        "likely(x)": "x; the name is advice to SQLite",
        "ln(x)": "the natural logarithm",
        "log([base,] x)": "the logarithm, to base 10 unless another is given",
        "log10(x)": "the logarithm to base 10",
        "log2(x)": "the logarithm to base 2",
        "lower(x)": "the text in lower case",
        "mod(x, y)": "the remainder of x / y",
        "pi()": "3.14159265358979",
        "pow(x, y)": "x to the power of y; also `power`",
        "radians(x)": "degrees as radians",
        "regexp(pattern, text)": "whether the text matches: `text REGEXP pattern`",
        "regexp_like(text, pattern [, flags])": "whether the text matches",
        "regexp_match(text, pattern [, flags])": "the groups of the first match as a list, or the match",
        "regexp_replace(text, pattern, replacement [, flags])": "the text with the first match replaced, or every one with the flag `g` and in `stackql`",
        "regexp_substr(text, pattern)": "the first match, NULL without one",
        "replace(text, from, to)": "the text with every occurrence replaced",
        "round(x [, places])": "rounded, halves away from zero",
        "sign(x)": "-1, 0 or 1; also `signum`",
        "sin(x)": "the sine of an angle in radians",
        "sinh(x)": "the hyperbolic sine",
        "split_part(text, separator, n)": "the n-th part, from the end if n is negative; empty beyond the end, and NULL there in `stackql`",
        "sqlite_version()": "the version of SQLite that the functions are compared with",
        "sqrt(x)": "the square root",
        "strftime(format [, time [, modifier …]])": "the time written by a format",
        "substr(text, start [, length])": "a part of the text; in `stackql` a negative start counts from the end; also `substring`",
        "tan(x)": "the tangent of an angle in radians",
        "tanh(x)": "the hyperbolic tangent",
        "time([time [, modifier …]])": "the time of day as text, HH:MM:SS",
        "timediff(time, time)": "what has to be added to the second time to give the first",
        "to_json(x)": "any value as JSON",
        "to_text(x)": "any value as text",
        "trunc(x [, places])": "the integer part, or fewer digits",
        "typeof(x)": "null, integer, real, text or blob",
        "unixepoch([time [, modifier …]])": "seconds since 1970",
        "upper(x)": "the text in upper case",
        "zeroblob(n)": "n bytes, all of them 0",
    }
    Aggregate {
        "group_concat(x [, separator])": "the values as one text, `,` between them",
        "json_group_array(x)": "an array of the values",
        "json_group_object(name, value)": "an object of these members",
        "json_object_agg(name, value)": "the same, an error for a member without a name",
        "total(x)": "the sum as a float, 0.0 without values",
    }
    Table {
        "json_each(json [, path])": "a row for each member or element",
        "json_tree(json [, path])": "a row for each part at every depth",
    }
}

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
