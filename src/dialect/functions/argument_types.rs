//! The argument types that functions expect, for rules that check types. At run time they accept anything, as in
//! SQLite.

use super::number;

/// What a function wants of its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArgumentTypes {
    /// Nothing that types could show.
    Anything,
    /// Numbers, from this argument on, counted from 0.
    Numbers { from: usize },
    /// JSON, and what names a part of it.
    Json,
    /// Values of one class, from this argument on.
    OneClass {
        from: usize,
        /// True if they are compared with one another, false if the result is one of them.
        is_compared: bool,
    },
}

/// Returns what the function `name` wants.
pub(crate) fn wants(name: &str) -> ArgumentTypes {
    match name {
        "coalesce" | "ifnull" | "nvl" => ArgumentTypes::OneClass {
            from: 0,
            is_compared: false,
        },
        "iif" | "if" | "nvl2" => ArgumentTypes::OneClass {
            from: 1,
            is_compared: false,
        },
        "nullif" | "greatest" | "least" => ArgumentTypes::OneClass {
            from: 0,
            is_compared: true,
        },
        "json_get" | "json_get_text" => ArgumentTypes::Json,
        "split_part" => ArgumentTypes::Numbers { from: 2 },
        "substr" | "substring" | "left" | "right" | "repeat" => ArgumentTypes::Numbers { from: 1 },
        "char" | "chr" | "factorial" | "gcd" | "total" => ArgumentTypes::Numbers { from: 0 },
        name if number::NAMES.contains(&name) => ArgumentTypes::Numbers { from: 0 },
        _ => ArgumentTypes::Anything,
    }
}

/// Returns which arguments of the function `name` are texts, counted from 0.
///
/// These are the functions that PostgreSQL has for text alone. `concat`, `concat_ws` and `format` write values of all
/// types.
pub(crate) fn texts(name: &str) -> &'static [usize] {
    match name {
        "ascii" | "bit_length" | "char_length" | "character_length" | "initcap" | "left"
        | "length" | "lower" | "md5" | "octet_length" | "repeat" | "reverse" | "right"
        | "substr" | "substring" | "upper" => &[0],
        "btrim" | "ends_with" | "instr" | "levenshtein" | "ltrim" | "position" | "regexp_count"
        | "regexp_instr" | "regexp_like" | "regexp_match" | "regexp_substr" | "rtrim"
        | "split_part" | "starts_with" | "string_to_array" | "strpos" | "trim" => &[0, 1],
        // Its values may come from `group_concat`, which takes anything.
        "string_agg" => &[1],
        "lpad" | "rpad" => &[0, 2],
        "to_date" => &[0, 1],
        "regexp_replace" | "replace" | "translate" => &[0, 1, 2],
        _ => &[],
    }
}

/// Returns which of the numbers of the function `name` are integers, counted from 0 among its arguments.
pub(crate) fn whole_numbers(name: &str) -> &'static [usize] {
    match name {
        "substr" | "substring" => &[1, 2],
        "left" | "right" | "repeat" => &[1],
        "split_part" => &[2],
        "char" | "chr" | "factorial" => &[0],
        "gcd" | "lcm" => &[0, 1],
        _ => &[],
    }
}

/// What the names of functions that compare elements of lists begin with.
#[rustfmt::skip]
const COMPARING: [&str; 11] = [
    "array_has", "array_position", "array_remove", "array_replace", "array_distinct", "array_union", "array_intersect",
    "array_except", "array_sort", "array_max", "array_min",
];

/// Returns true for the functions that compare elements of lists.
pub(crate) fn compares_elements(function: &str) -> bool {
    COMPARING.iter().any(|prefix| function.starts_with(prefix))
}

/// Returns true for the functions that the planner of operators puts around text that counts for a number.
pub(crate) fn counts_text(name: &str) -> bool {
    matches!(name, "to_number" | "to_integer" | "to_rank")
}
