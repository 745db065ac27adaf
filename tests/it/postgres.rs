//! The default dialect against PostgreSQL: every expression of `tests/fixtures/postgres_expressions.tsv`.
//!
//! The columns of the fixture are the expression, the kind and the text of PostgreSQL's value, and, where ours is meant to
//! differ, our value and why. What is an error in only one of the two cannot be mistaken for an answer. What has another
//! value is a silent difference, and its reason must stand in `docs/statements.md`.

use std::path::Path;

use crate::support::{Lab, shown};

const FIXTURE: &str = include_str!("../fixtures/postgres_expressions.tsv");

/// One line of the fixture.
struct Line<'f> {
    expression: &'f str,
    kind: &'f str,
    text: &'f str,
    ours: &'f str,
    why: &'f str,
}

impl<'f> Line<'f> {
    fn of(line: &'f str) -> Self {
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap_or_default();
        Self {
            expression: next(),
            kind: next(),
            text: next(),
            ours: next(),
            why: next(),
        }
    }

    /// Returns true if `outcome`, our value or None for an error, is PostgreSQL's.
    fn is_matched(&self, outcome: Option<&str>) -> bool {
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-12 * a.abs().max(b.abs());
        match (self.kind, outcome) {
            ("error", None) => true,
            ("error", Some(_)) | (_, None) => false,
            ("null", Some(value)) => value == "NULL",
            ("integer" | "real", Some(value)) => {
                matches!((value.parse(), self.text.parse()), (Ok(a), Ok(b)) if close(a, b))
            }
            ("timestamp", Some(value)) => {
                value.trim_end_matches('Z') == self.text.replace(' ', "T")
            }
            ("json", Some(value)) => value.replace(' ', "") == self.text.replace(' ', ""),
            (_, Some(value)) => value == self.text,
        }
    }
}

#[tokio::test]
async fn every_expression_gives_what_postgresql_gives() {
    let lab = Lab::with_keys(0).await;
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/statements.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let docs = docs.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in FIXTURE.lines().filter(|line| !line.starts_with('#')) {
        let line = Line::of(line);
        let sql = format!("SELECT {} AS x", line.expression);
        let outcome = lab.try_run(&sql).await;
        let value = outcome.as_ref().ok().map(|answer| answer.rows.join("; "));
        let is_as_expected = match line.ours {
            "" => line.is_matched(value.as_deref()),
            "error" => value.is_none() && line.kind != "error",
            ours => {
                value.as_deref() == Some(ours)
                    && !line.is_matched(value.as_deref())
                    && !line.why.is_empty()
                    && docs.contains(line.why)
            }
        };
        if !is_as_expected {
            let ours = match &outcome {
                Ok(answer) => answer.rows.join("; "),
                Err(error) => shown(error),
            };
            wrong.push(format!(
                "{}\n  postgres {} {}\n  expected {}\n  ours     {ours}",
                line.expression, line.kind, line.text, line.ours
            ));
        }
        count += 1;
    }
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count >= 250, "{count} are too few");
}
