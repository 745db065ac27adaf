//! The words of the language: what is coloured as a keyword, and what is offered where.

/// Words that a statement begins with.
pub(super) const STARTS: &[&str] = &[
    "COPY", "CREATE", "DELETE", "DESCRIBE", "DROP", "EXEC", "EXECUTE", "EXPLAIN", "INSERT",
    "PREPARE", "SELECT", "SET", "SHOW", "UPDATE", "VALUES", "WITH",
];

/// Words that stand within statements, in order.
const WITHIN: &[&str] = &[
    "ALL",
    "ANALYZE",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "COLUMNS",
    "CROSS",
    "CURRENT",
    "DATE",
    "DEFAULT",
    "DESC",
    "DISTINCT",
    "ELSE",
    "END",
    "ESCAPE",
    "EXCEPT",
    "EXCLUDE",
    "EXISTS",
    "EXTENDED",
    "EXTERNAL",
    "EXTRACT",
    "FALSE",
    "FETCH",
    "FILTER",
    "FIRST",
    "FOLLOWING",
    "FOR",
    "FORMAT",
    "FROM",
    "FULL",
    "FUNCTIONS",
    "GROUP",
    "HAVING",
    "IF",
    "ILIKE",
    "IN",
    "INNER",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "LAST",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCATION",
    "METHOD",
    "METHODS",
    "NATURAL",
    "NOT",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OPTIONS",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "PRECEDING",
    "PROVIDERS",
    "QUALIFY",
    "RANGE",
    "RECURSIVE",
    "REPLACE",
    "RESOURCES",
    "RETURNING",
    "RIGHT",
    "ROW",
    "ROWS",
    "SERVICES",
    "SIMILAR",
    "STORED",
    "TABLE",
    "TABLES",
    "TEMPORARY",
    "THEN",
    "TIMESTAMP",
    "TO",
    "TRUE",
    "UNBOUNDED",
    "UNION",
    "UNNEST",
    "USING",
    "VERBOSE",
    "VIEW",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITHIN",
];

/// Returns true if `word` is a keyword, in any case.
pub(super) fn is_keyword(word: &str) -> bool {
    // No keyword is longer, and most names are told apart without a look at the lists.
    if word.len() > 10 || !word.is_ascii() {
        return false;
    }
    let upper = word.to_ascii_uppercase();
    [STARTS, WITHIN]
        .iter()
        .any(|list| list.binary_search(&upper.as_str()).is_ok())
}

/// Returns all keywords.
pub(super) fn keywords() -> impl Iterator<Item = &'static &'static str> {
    STARTS.iter().chain(WITHIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_and_short() {
        assert!(STARTS.is_sorted());
        assert!(WITHIN.is_sorted());
        assert!(keywords().all(|word| word.len() <= 10));
    }

    #[test]
    fn keywords_are_known_in_any_case() {
        assert!(is_keyword("select") && is_keyword("SELECT") && is_keyword("Where"));
        assert!(!is_keyword("owner") && !is_keyword("é"));
    }
}
