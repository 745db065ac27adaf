use super::super::tests::having;
use super::*;
use crate::dialect::parse::parse;

/// Rewrites `sql`, where `a` is (x, y, p), `b` (x, y, q), `c` (y, z) and `u` is unknown.
fn merged(sql: &str) -> String {
    let tables = |name: &ObjectName| {
        let columns: &[&str] = match name.to_string().as_str() {
            "a" => &["x", "y", "p"],
            "b" => &["x", "y", "q"],
            "c" => &["y", "z"],
            _ => return None,
        };
        Some(columns.iter().map(|&name| name.to_owned()).collect())
    };
    let mut statement = parse(sql).unwrap();
    match merged_columns(&mut statement, &having(&tables)) {
        Ok(()) => statement.to_string().replace('"', ""),
        Err(error) => format!("{}; {}", error.message, error.hint.unwrap_or_default()),
    }
}

#[test]
fn the_column_is_that_of_the_side_that_keeps_its_rows() {
    insta::assert_snapshot!(merged("SELECT x FROM a JOIN b USING (x)"), @"SELECT a.x AS x FROM a JOIN b ON a.x = b.x");
    insta::assert_snapshot!(merged("SELECT x FROM a LEFT JOIN b USING (x)"), @"SELECT a.x AS x FROM a LEFT JOIN b ON a.x = b.x");
    insta::assert_snapshot!(merged("SELECT x FROM a RIGHT JOIN b USING (x)"), @"SELECT b.x AS x FROM a RIGHT JOIN b ON a.x = b.x");
    insta::assert_snapshot!(merged("SELECT x FROM a FULL JOIN b USING (x)"), @"SELECT coalesce(a.x, b.x) AS x FROM a FULL JOIN b ON a.x = b.x");
    insta::assert_snapshot!(merged("SELECT x FROM a LEFT ANTI JOIN b USING (x)"), @"SELECT a.x AS x FROM a LEFT ANTI JOIN b ON a.x = b.x");
}

#[test]
fn it_stands_for_itself_in_every_clause() {
    insta::assert_snapshot!(merged("SELECT p, count(*) FROM a FULL JOIN b USING (x) WHERE x > 1 GROUP BY x, p HAVING max(x) > 2 ORDER BY x"), @"SELECT p, count(*) FROM a FULL JOIN b ON a.x = b.x WHERE coalesce(a.x, b.x) > 1 GROUP BY coalesce(a.x, b.x), p HAVING max(coalesce(a.x, b.x)) > 2 ORDER BY coalesce(a.x, b.x)");
    insta::assert_snapshot!(merged("SELECT x AS k FROM a FULL JOIN b USING (x) ORDER BY k, x + 1"), @"SELECT coalesce(a.x, b.x) AS k FROM a FULL JOIN b ON a.x = b.x ORDER BY k, coalesce(a.x, b.x) + 1");
    insta::assert_snapshot!(merged("SELECT DISTINCT x FROM a FULL JOIN b USING (x) ORDER BY x"), @"SELECT DISTINCT coalesce(a.x, b.x) AS x FROM a FULL JOIN b ON a.x = b.x ORDER BY 1");
    insta::assert_snapshot!(merged("SELECT a.x, b.x, x FROM a FULL JOIN b USING (x)"), @"SELECT a.x AS x:1, b.x AS x:2, coalesce(a.x, b.x) AS x FROM a FULL JOIN b ON a.x = b.x");
}

#[test]
fn the_star_has_it_first_and_once() {
    insta::assert_snapshot!(merged("SELECT * FROM a LEFT JOIN b USING (y, x)"), @"SELECT a.y AS y, a.x AS x, a.p, b.q FROM a LEFT JOIN b ON a.y = b.y AND a.x = b.x");
    insta::assert_snapshot!(merged("SELECT * EXCLUDE (q), 1 FROM a NATURAL FULL JOIN b"), @"SELECT coalesce(a.x, b.x) AS x, coalesce(a.y, b.y) AS y, a.p, 1 FROM a FULL JOIN b ON a.x = b.x AND a.y = b.y");
    insta::assert_snapshot!(merged("SELECT a.*, b.q FROM a JOIN b USING (x)"), @"SELECT a.*, b.q FROM a JOIN b ON a.x = b.x");
    insta::assert_snapshot!(merged("SELECT * FROM a JOIN u USING (x)"), @"SELECT a.x AS x, a.y, a.p, u.* EXCLUDE (x) FROM a JOIN u ON a.x = u.x");
}

#[test]
fn a_chain_merges_what_was_merged() {
    insta::assert_snapshot!(merged("SELECT x, y FROM a FULL JOIN b USING (x, y) FULL JOIN c USING (y)"), @"SELECT coalesce(a.x, b.x) AS x, coalesce(coalesce(a.y, b.y), c.y) AS y FROM a FULL JOIN b ON a.x = b.x AND a.y = b.y FULL JOIN c ON coalesce(a.y, b.y) = c.y");
    insta::assert_snapshot!(merged("SELECT * FROM a JOIN b USING (x, y) JOIN c ON c.z = x"), @"SELECT a.x AS x, a.y AS y, a.p, b.q, c.y AS y:1, c.z FROM a JOIN b ON a.x = b.x AND a.y = b.y JOIN c ON c.z = a.x");
    insta::assert_snapshot!(merged("SELECT 1 FROM a JOIN b USING (x) JOIN c USING (y)"), @"column `y` is in more than one of the tables to the left of the join; join ON a condition that names the table, as in `a.x = b.x`");
    insta::assert_snapshot!(merged("SELECT 1 FROM a JOIN c USING (x)"), @"no column `x` in the tables to the right of the join; the columns of USING are in the tables of both sides");
    insta::assert_snapshot!(merged("SELECT 1 FROM a JOIN (b JOIN c USING (y)) USING (x)"), @"SELECT 1 FROM a JOIN (b JOIN c ON b.y = c.y) ON a.x = b.x");
}

#[test]
fn a_join_with_an_alias_is_a_subquery() {
    insta::assert_snapshot!(merged("SELECT j.x, p FROM (a FULL JOIN b USING (x)) AS j"), @"SELECT j.x, p FROM (SELECT coalesce(a.x, b.x) AS x, a.y AS a.y, a.p AS p, b.y AS b.y, b.q AS q FROM a FULL JOIN b ON a.x = b.x) AS j");
    insta::assert_snapshot!(merged("SELECT * FROM (a JOIN b USING (x, y)) j (m, n) JOIN c ON c.y = j.n"), @"SELECT j.m, j.n, j.p, j.q, c.y, c.z FROM (SELECT a.x AS x, a.y AS y, a.p AS p, b.q AS q FROM a JOIN b ON a.x = b.x AND a.y = b.y) j (m, n, p, q) JOIN c ON c.y = j.n");
}

#[test]
fn subqueries_see_it_unless_they_have_their_own() {
    insta::assert_snapshot!(merged("SELECT 1 FROM a FULL JOIN b USING (x) WHERE EXISTS (SELECT 1 FROM c WHERE z = x) AND x IN (SELECT x FROM a)"), @"SELECT 1 FROM a FULL JOIN b ON a.x = b.x WHERE EXISTS (SELECT 1 FROM c WHERE z = coalesce(a.x, b.x)) AND coalesce(a.x, b.x) IN (SELECT x FROM a)");
    insta::assert_snapshot!(merged("SELECT 1 FROM a FULL JOIN b USING (x), LATERAL (SELECT x + z FROM c) l"), @"SELECT 1 FROM a FULL JOIN b ON a.x = b.x, LATERAL (SELECT coalesce(a.x, b.x) + z FROM c) l");
    insta::assert_snapshot!(merged("WITH d AS (SELECT * FROM a FULL JOIN b USING (x, y)) SELECT x FROM d NATURAL LEFT JOIN c"), @"WITH d AS (SELECT coalesce(a.x, b.x) AS x, coalesce(a.y, b.y) AS y, a.p, b.q FROM a FULL JOIN b ON a.x = b.x AND a.y = b.y) SELECT x FROM d LEFT JOIN c ON d.y = c.y");
    insta::assert_snapshot!(merged("SELECT x FROM (SELECT x FROM a) JOIN (SELECT x FROM b) USING (x)"), @"SELECT __derived_1.x AS x FROM (SELECT x FROM a) AS __derived_1 JOIN (SELECT x FROM b) AS __derived_2 ON __derived_1.x = __derived_2.x");
}

#[test]
fn the_same_column_with_its_table_and_without_is_told_apart() {
    insta::assert_snapshot!(merged("SELECT p, a.p, b.q, a.p FROM a, b"), @"SELECT p, a.p AS p:1, b.q, a.p AS p:2 FROM a, b");
    insta::assert_snapshot!(merged("SELECT id, spec.owner.id FROM u"), @"SELECT id, spec.owner.id FROM u");
}

#[test]
fn a_cte_may_have_the_name_of_one_outside() {
    insta::assert_snapshot!(merged("WITH w AS (SELECT 1 AS m) SELECT * FROM w WHERE m = (WITH w AS (SELECT m + 1 AS m FROM w) SELECT w.m FROM w)"), @"WITH w AS (SELECT 1 AS m) SELECT * FROM w WHERE m = (WITH __w_1 AS (SELECT m + 1 AS m FROM w) SELECT w.m FROM __w_1 AS w)");
}

#[test]
fn all_columns_are_ordered_by_their_positions() {
    insta::assert_snapshot!(merged("SELECT * FROM c UNION ALL SELECT * FROM c ORDER BY ALL DESC"), @"SELECT * FROM c UNION ALL SELECT * FROM c ORDER BY 1 DESC, 2 DESC");
    insta::assert_snapshot!(merged("SELECT * FROM u ORDER BY ALL"), @"SELECT * FROM u ORDER BY ALL");
}

#[test]
fn aliases_that_are_too_few_are_completed() {
    insta::assert_snapshot!(merged("WITH w(m) AS (VALUES (1, 2)) SELECT * FROM w, (VALUES (1, 2, 3)) t(a, b), a AS s(k)"), @"WITH w (m, column2) AS (VALUES (1, 2)) SELECT * FROM w, (VALUES (1, 2, 3)) t (a, b, column3), a AS s (k, y, p)");
}
