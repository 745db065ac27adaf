//! Keywords: which words are coloured, and which are offered where.

use std::sync::LazyLock;

/// Words that a statement begins with.
pub(crate) const STARTS: &[&str] = &[
    "COPY", "CREATE", "DELETE", "DESCRIBE", "DROP", "EXEC", "EXECUTE", "EXPLAIN", "INSERT",
    "PREPARE", "SELECT", "SET", "SHOW", "UPDATE", "VALUES", "WITH",
];

/// Words that stand within statements, in order.
static WITHIN: LazyLock<Vec<&str>> = LazyLock::new(|| WITHIN_IN_ORDER.split(' ').collect());

const WITHIN_IN_ORDER: &str = "\
    ALL ANALYZE AND ANY AS ASC BETWEEN BY CASE CAST COLUMNS CROSS CURRENT DATE DEFAULT DESC \
    DISTINCT ELSE END ESCAPE EXCEPT EXCLUDE EXISTS EXTENDED EXTERNAL EXTRACT FALSE FETCH FILTER \
    FIRST FOLLOWING FOR FORMAT FROM FULL FUNCTIONS GROUP HAVING IF ILIKE IN INNER INTERSECT \
    INTERVAL INTO IS JOIN LAST LATERAL LEFT LIKE LIMIT LOCATION METHOD METHODS NATURAL NOT NULL \
    NULLS OFFSET ON OPTIONS OR ORDER OUTER OVER PARTITION PRECEDING PROVIDERS QUALIFY RANGE \
    RECURSIVE REPLACE RESOURCES RETURNING RIGHT ROW ROWS SERVICES STORED TABLE TABLES \
    TEMPORARY THEN TIMESTAMP TO TRUE UNBOUNDED UNION UNNEST USING VERBOSE VIEW WHEN WHERE WINDOW \
    WITHIN";

/// Words that a query begins with.
pub(super) const QUERIES: &[&str] = &["SELECT", "TABLE", "VALUES", "WITH"];

/// What may follow a table after FROM or JOIN.
pub(super) const AFTER_SOURCE: &[&str] = &[
    "AS",
    "CROSS JOIN",
    "EXCEPT",
    "FULL JOIN",
    "GROUP BY",
    "HAVING",
    "INTERSECT",
    "JOIN",
    "LEFT JOIN",
    "LIMIT",
    "NATURAL JOIN",
    "OFFSET",
    "ON",
    "ORDER BY",
    "RIGHT JOIN",
    "UNION",
    "USING",
    "WHERE",
];

/// What a word begins that does not stand alone, and what goes on with it.
pub(super) const BEGUN: &[(&[&str], &[&str])] = &[
    (&["DELETE"], &["FROM"]),
    (&["INSERT"], &["INTO"]),
    (&["GROUP", "ORDER", "PARTITION"], &["BY"]),
    (
        &[
            "CROSS", "FULL", "INNER", "LEFT", "NATURAL", "OUTER", "RIGHT",
        ],
        &["JOIN"],
    ),
    (&["NULLS"], &["FIRST", "LAST"]),
    (
        &["EXCEPT", "INTERSECT", "UNION"],
        &["ALL", "SELECT", "TABLE", "VALUES", "WITH"],
    ),
];

/// What may follow the number of a LIMIT.
pub(super) const AFTER_LIMIT: &[&str] = &["OFFSET"];

/// What may follow the table of an INSERT.
pub(super) const AFTER_INTO: &[&str] = &["SELECT", "VALUES"];

/// What may follow the table of an UPDATE.
pub(super) const AFTER_UPDATE: &[&str] = &["SET"];

/// What may follow the table of a DELETE.
pub(super) const AFTER_DELETE: &[&str] = &["RETURNING", "WHERE"];

/// What may follow an expression of ORDER BY.
pub(super) const AFTER_ORDER: &[&str] = &[
    "ASC",
    "DESC",
    "LIMIT",
    "NULLS FIRST",
    "NULLS LAST",
    "OFFSET",
];

/// What may follow CREATE.
pub(super) const AFTER_CREATE: &[&str] = &[
    "EXTERNAL TABLE",
    "MATERIALIZED VIEW",
    "OR REPLACE TABLE",
    "OR REPLACE VIEW",
    "TABLE",
    "VIEW",
];

/// What may follow the name of what is created.
pub(super) const AFTER_NAME: &[&str] = &["AS"];

/// What may follow the name of an external table.
pub(super) const AFTER_EXTERNAL: &[&str] = &["LOCATION", "OPTIONS", "STORED AS"];

/// What may follow DROP.
pub(super) const AFTER_DROP: &[&str] = &["TABLE", "VIEW"];

/// What may follow EXPLAIN.
pub(super) const AFTER_EXPLAIN: &[&str] = &[
    "ANALYZE", "DELETE", "EXEC", "INSERT", "SELECT", "UPDATE", "VALUES", "VERBOSE", "WITH",
];

/// What may follow what COPY writes.
pub(super) const AFTER_COPY: &[&str] = &["TO"];

/// What may be shown.
pub(super) const SHOWN: &[&str] = &[
    "ALL",
    "AUTH",
    "COLUMNS FROM",
    "EXTENDED",
    "FUNCTIONS",
    "INSERT INTO",
    "METHODS IN",
    "PROVIDERS",
    "RESOURCES IN",
    "SERVICES IN",
    "TABLES",
    "VERSION",
];

/// Returns true if `word` is a keyword, in any case.
pub(super) fn is_keyword(word: &str) -> bool {
    // No keyword is longer, so most names need no search.
    if word.len() > 10 || !word.is_ascii() {
        return false;
    }
    let upper = word.to_ascii_uppercase();
    [STARTS, &WITHIN]
        .iter()
        .any(|list| list.binary_search(&upper.as_str()).is_ok())
}

/// Returns the keywords that may stand within a statement.
pub(super) fn within() -> impl Iterator<Item = &'static &'static str> {
    WITHIN.iter().chain(&["SELECT"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_and_short() {
        assert!(STARTS.is_sorted());
        assert!(WITHIN.is_sorted());
        assert!(
            STARTS
                .iter()
                .chain(WITHIN.iter())
                .all(|word| word.len() <= 10)
        );
    }

    /// Words of StackQL's statements, which are names elsewhere.
    const OF_STACKQL: [&str; 3] = ["AUTH", "MATERIALIZED", "VERSION"];

    #[test]
    fn what_is_offered_after_a_table_is_made_of_keywords() {
        for words in [
            QUERIES,
            AFTER_LIMIT,
            AFTER_SOURCE,
            AFTER_INTO,
            AFTER_UPDATE,
            AFTER_DELETE,
            AFTER_ORDER,
            AFTER_CREATE,
            AFTER_NAME,
            AFTER_EXTERNAL,
            AFTER_DROP,
            AFTER_EXPLAIN,
            AFTER_COPY,
            SHOWN,
        ]
        .into_iter()
        .chain(BEGUN.iter().flat_map(|(begin, rest)| [*begin, *rest]))
        {
            assert!(words.is_sorted());
            let is_known = |word: &str| is_keyword(word) || OF_STACKQL.contains(&word);
            assert!(words.iter().all(|words| words.split(' ').all(is_known)));
        }
    }

    #[test]
    fn keywords_are_known_in_any_case() {
        assert!(is_keyword("select") && is_keyword("SELECT") && is_keyword("Where"));
        assert!(!is_keyword("owner") && !is_keyword("é"));
    }
}
