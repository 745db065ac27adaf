//! Asks for confirmation before many keys are created, changed or revoked: shows them, and expects their number.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use rustyline::{Config, DefaultEditor};

use super::pager::Size;
use super::shutdown::Shutdown;
use crate::render::{Expanded, OutputFormat, RenderOptions, Summary, renderer};
use crate::session::{Confirm, Question, Verb, text_at};
use crate::sql::spec;
use crate::terminal::notes;

/// The most keys to show before the question.
const SHOWN: usize = 20;

/// Asks at the terminal.
#[derive(Debug, Default, Clone)]
pub(super) struct ConfirmAtTerminal {
    shutdown: Shutdown,
}

impl ConfirmAtTerminal {
    /// Returns the shutdown flags, which the shell shares: SIGTERM ends the program while either waits for a person.
    pub(super) fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }
}

impl Confirm for ConfirmAtTerminal {
    fn confirm(&self, question: &Question<'_>) -> bool {
        notes::end_status();
        let width = Size::of_terminal().map(|size| size.columns);
        notes::line(&preview(question, width));
        let is_yes = self
            .shutdown
            .while_reading(|| confirm(&prompt(question), question.count));
        // The write may take a while.
        notes::begin_status();
        is_yes
    }
}

/// Asks with `prompt`, and returns true if `count` is typed. Ctrl-C, Ctrl-D and anything else mean no.
fn confirm(prompt: &str, count: usize) -> bool {
    // A separate editor, so that the answer is not kept in the history.
    let config = Config::builder()
        .behavior(super::dialogue::behavior())
        .build();
    DefaultEditor::with_config(config)
        .and_then(|mut editor| editor.readline(prompt))
        .is_ok_and(|answer| is_yes(&answer, count))
}

fn is_yes(answer: &str, count: usize) -> bool {
    answer.trim() == count.to_string()
}

fn prompt(question: &Question<'_>) -> String {
    let keys = match question.count {
        1 => "this key".to_owned(),
        n => format!("these {n} keys"),
    };
    format!(
        "Type {} to {} {keys}: ",
        question.count,
        question.verb.plain()
    )
}

/// Returns the first keys, as a table if the new values have room in one, and says what is not shown.
fn preview(question: &Question<'_>, width: Option<usize>) -> String {
    let mut text = drawn(question, width).unwrap_or_else(|| {
        let ids = question.ids.iter().take(SHOWN);
        ids.map(|id| format!("{id}\n")).collect()
    });
    if question.count > SHOWN {
        let more = question.count - SHOWN;
        text.push_str(&format!("… and {more} more, which are not shown\n"));
    }
    text
}

/// Draws the first keys. Old values give way to new ones, and where even those have no room, there is a record for each
/// key.
fn drawn(question: &Question<'_>, width: Option<usize>) -> Option<String> {
    let (rows, needed) = rows(question)?;
    let schema = rows.schema();
    let names: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    for kept in (needed..=rows.num_columns()).rev() {
        let columns: Vec<usize> = (0..kept).collect();
        let part = rows.project(&columns).ok()?;
        let (mut text, summary) = rendered(&part, width, Expanded::Never)?;
        let is_cut = names[..needed]
            .iter()
            .any(|name| summary.cut.contains(name));
        if !summary.dropped.is_empty() || is_cut && kept > needed {
            continue;
        }
        for (what, columns) in [
            ("cut to fit", &summary.cut[..]),
            ("left out", &names[kept..]),
        ] {
            if !columns.is_empty() {
                text.push_str(&format!("{what}: {}\n", columns.join(", ")));
            }
        }
        return Some(text);
    }
    Some(rendered(&rows, width, Expanded::On)?.0)
}

fn rendered(
    rows: &RecordBatch,
    width: Option<usize>,
    expanded: Expanded,
) -> Option<(String, Summary)> {
    let options = RenderOptions {
        width,
        expanded,
        ..RenderOptions::default()
    };
    let mut text = Vec::new();
    let mut table = renderer(OutputFormat::Table, &options, Box::new(&mut text));
    table.begin(&rows.schema()).ok()?;
    table.batch(rows).ok()?;
    let summary = table.finish().ok()?;
    drop(table);
    Some((String::from_utf8_lossy(&text).into_owned(), summary))
}

/// Returns the first keys, and how many columns have to be shown: the id and the new values, which come first.
fn rows(question: &Question<'_>) -> Option<(RecordBatch, usize)> {
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    let mut others = Vec::new();
    let shown = question.count.min(SHOWN);
    if question.verb != Verb::Insert {
        let ids = question.ids.iter().take(SHOWN).map(|id| Some(*id));
        columns.push(("id".to_owned(), Arc::new(ids.collect::<StringArray>())));
    }
    let writes = question.resource.writes.as_ref();
    let paths = writes.map(|w| [w.display_name, w.owner.path, w.resource.path]);
    let paths = paths.unwrap_or_default();
    if let Some(rows) = question.rows {
        let rows = rows.slice(0, rows.num_rows().min(SHOWN));
        for path in paths {
            if let Some(column) = text_at(&rows, path) {
                others.push((named(path), column));
            }
        }
    }
    let values = &question.values[..question.values.len().min(shown)];
    for path in paths.into_iter().chain(writes.map(|w| w.description)) {
        let value = |spec| spec::at(spec, path)?.as_str();
        if !values.iter().any(|spec| value(spec).is_some()) {
            continue;
        }
        let name = named(path);
        let new: ArrayRef = Arc::new(values.iter().map(value).collect::<StringArray>());
        if question.verb == Verb::Insert {
            columns.push((name, new));
            continue;
        }
        let old = question
            .rows
            .and_then(|rows| text_at(&rows.slice(0, shown), path));
        if let Some(old) = old.filter(|_| others.iter().all(|(column, _)| *column != name)) {
            others.push((name.clone(), old));
        }
        columns.push((format!("new {name}"), new));
    }
    let needed = columns.len();
    columns.extend(others);
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, _)| Field::new(name, DataType::Utf8, true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).ok()?;
    Some((rows, needed))
}

/// Returns what the column of the member at `path` is called: `owner_id` for `spec.owner.id`.
fn named(path: &str) -> String {
    let (_, member) = path.split_once('.').unwrap_or(("", path));
    member.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::API_KEYS;
    use datafusion::arrow::array::StructArray;
    use datafusion::arrow::datatypes::Fields;

    fn question<'q>(ids: &'q [String], rows: Option<&'q RecordBatch>) -> Question<'q> {
        Question {
            resource: &API_KEYS,
            verb: Verb::Delete,
            count: ids.len(),
            ids: ids.iter().map(String::as_str).collect(),
            rows,
            values: &[],
        }
    }

    #[test]
    fn only_the_count_is_a_yes() {
        assert!(is_yes("12", 12) && is_yes(" 12 ", 12));
        for answer in ["", "y", "yes", "13", "012", "12 "[..1].trim()] {
            assert!(!is_yes(answer, 12), "{answer}");
        }
    }

    #[test]
    fn the_question_names_what_will_be_done() {
        let ids: Vec<_> = (0..12).map(|n| format!("K{n}")).collect();
        assert_eq!(
            prompt(&question(&ids, None)),
            "Type 12 to revoke these 12 keys: "
        );
        assert_eq!(
            prompt(&question(&ids[..1], None)),
            "Type 1 to revoke this key: "
        );
    }

    #[test]
    fn new_keys_and_new_values_are_shown() {
        let spec = |name: &str| {
            let spec = serde_json::json!({"display_name": name, "owner": {"id": "sa-1"}});
            spec.as_object().unwrap().clone()
        };
        let specs = [spec("one"), spec("two")];
        let mut created = question(&[], None);
        (created.verb, created.count, created.values) = (Verb::Insert, 2, &specs);
        assert_eq!(prompt(&created), "Type 2 to create these 2 keys: ");
        let text = preview(&created, None);
        for shown in ["display_name", "owner_id", "one", "two", "sa-1"] {
            assert!(text.contains(shown), "{text}");
        }
        let ids = ["K1", "K2"].map(str::to_owned);
        let mut changed = question(&ids, None);
        (changed.verb, changed.values) = (Verb::Update, &specs);
        let text = preview(&changed, None);
        assert!(
            text.contains("new display_name") && text.contains("K2"),
            "{text}"
        );
    }

    #[test]
    fn many_keys_are_shown_in_part() {
        let ids: Vec<_> = (0..23).map(|n| format!("K{n}")).collect();
        let text = preview(&question(&ids, None), None);
        assert!(text.contains("K19") && !text.contains("K20"), "{text}");
        assert!(
            text.ends_with("… and 3 more, which are not shown\n"),
            "{text}"
        );
    }

    #[test]
    fn new_values_are_shown_in_any_width_and_what_is_not_is_named() {
        let ids = ["PKCV3ZXH7WXP2Q4T"].map(str::to_owned);
        let spec = serde_json::json!({"display_name": "BILLING", "description": "x"});
        let specs = [spec.as_object().unwrap().clone()];
        let text = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
        let fields = ["display_name", "description"].map(|n| Field::new(n, DataType::Utf8, true));
        let old = vec![text("billing"), text("of the first of May")];
        let old = StructArray::new(Fields::from(fields.to_vec()), old, None);
        let rows = RecordBatch::try_from_iter([("spec", Arc::new(old) as ArrayRef)]).unwrap();
        let mut changed = question(&ids, Some(&rows));
        (changed.verb, changed.values) = (Verb::Update, &specs);
        insta::assert_snapshot!(preview(&changed, Some(80)), @"
        ┌──────────────────┬──────────────────┬─────────────────┬──────────────┐
        │ id               │ new display_name │ new description │ display_name │
        ├──────────────────┼──────────────────┼─────────────────┼──────────────┤
        │ PKCV3ZXH7WXP2Q4T │ BILLING          │ x               │ billing      │
        └──────────────────┴──────────────────┴─────────────────┴──────────────┘
        left out: description
        ");
        insta::assert_snapshot!(preview(&changed, Some(40)), @"
        -[ RECORD 1 ]---------------------------
        id               | PKCV3ZXH7WXP2Q4T
        new display_name | BILLING
        new description  | x
        display_name     | billing
        description      | of the first of May
        ");
    }
}
