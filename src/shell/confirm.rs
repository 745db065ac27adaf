//! Asks for confirmation before many keys are created, changed or revoked: shows them, and expects their number.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use rustyline::{Config, DefaultEditor};

use super::leave::Shutdown;
use super::pager::Size;
use crate::render::{OutputFormat, RenderOptions, renderer};
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
        notes::line(&preview(question));
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

/// Returns the first keys as a table.
fn preview(question: &Question<'_>) -> String {
    let options = RenderOptions {
        width: Size::of_terminal().map(|size| size.columns),
        ..RenderOptions::default()
    };
    let mut text = Vec::new();
    let mut table = renderer(OutputFormat::Table, &options, Box::new(&mut text));
    let rows = rows(question);
    let drawn = rows.is_some_and(|rows| {
        table.begin(&rows.schema()).is_ok() && table.batch(&rows).is_ok() && table.finish().is_ok()
    });
    drop(table);
    let mut text = match drawn {
        true => String::from_utf8_lossy(&text).into_owned(),
        false => question
            .ids
            .iter()
            .take(SHOWN)
            .map(|id| format!("{id}\n"))
            .collect(),
    };
    if question.count > SHOWN {
        text.push_str(&format!("… and {} more\n", question.count - SHOWN));
    }
    text
}

fn rows(question: &Question<'_>) -> Option<RecordBatch> {
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
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
                columns.push((named(path), column));
            }
        }
    }
    let values = &question.values[..question.values.len().min(shown)];
    for path in paths.into_iter().chain(["spec.description"]) {
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
        if let Some(old) = old.filter(|_| columns.iter().all(|(column, _)| *column != name)) {
            columns.push((name.clone(), old));
        }
        columns.push((format!("new {name}"), new));
    }
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, _)| Field::new(name, DataType::Utf8, true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).ok()
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
        let text = preview(&created);
        for shown in ["display_name", "owner_id", "one", "two", "sa-1"] {
            assert!(text.contains(shown), "{text}");
        }
        let ids = ["K1", "K2"].map(str::to_owned);
        let mut changed = question(&ids, None);
        (changed.verb, changed.values) = (Verb::Update, &specs);
        let text = preview(&changed);
        assert!(
            text.contains("new display_name") && text.contains("K2"),
            "{text}"
        );
    }

    #[test]
    fn many_keys_are_shown_in_part() {
        let ids: Vec<_> = (0..23).map(|n| format!("K{n}")).collect();
        let text = preview(&question(&ids, None));
        assert!(text.contains("K19") && !text.contains("K20"), "{text}");
        assert!(text.ends_with("… and 3 more\n"), "{text}");
    }
}
