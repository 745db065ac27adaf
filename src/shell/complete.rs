//! What may be typed next. A pure function of the text, the cursor and the [`Catalog`]; files come from a function.

use super::candidates::{Candidate, Candidates, Files};
use super::catalog::Catalog;
use super::command_table::{self, Argument, COMMANDS, DOT_SETTINGS};
use super::context::{Context, Place};
use super::help;
use super::lex::{Kind, Lexed, lex};
use super::prompt::{Pending, pending};
use super::settings;
use super::variables;
use super::words;
use crate::dialect::Dialect;
use crate::invisible::is_hidden;
use crate::resource::Access;

/// The most commands to list with descriptions; `\\?` describes all.
const DESCRIBED: usize = 12;

/// What could stand in place of the text from byte `start` up to the cursor.
#[derive(Debug, Default)]
pub(super) struct Completion {
    pub(super) start: usize,
    pub(super) candidates: Vec<Candidate>,
}

/// Completes `text` at byte `cursor`. Nothing before byte `line` is replaced: that is where the line at the prompt
/// begins, after those that were entered before it.
pub(super) fn complete(
    text: &str,
    line: usize,
    cursor: usize,
    catalog: &Catalog,
    files: Files<'_>,
) -> Completion {
    let mut completion = completion_at(text, line, cursor, catalog, files);
    // A name that hides something cannot be shown, and nobody should take it unseen.
    completion
        .candidates
        .retain(|candidate| !candidate.text.contains(is_hidden));
    completion
}

fn completion_at(
    text: &str,
    line: usize,
    cursor: usize,
    catalog: &Catalog,
    files: Files<'_>,
) -> Completion {
    let before = lex(&text[..cursor]);
    if let Some(at) = command_at(text, &before, line, cursor) {
        return complete_command(text, at, cursor, catalog, files);
    }
    if let Some((start, quote)) = variables::name_at(text, cursor) {
        let mut found = Candidates::new(&text[start..cursor]);
        let end = quote.filter(|quote| !text[cursor..].starts_with(*quote));
        let end = end.map(String::from).unwrap_or_default();
        found.names(catalog.variables.iter().map(|name| format!("{name}{end}")));
        return Completion {
            start: start.max(line),
            candidates: found.into_vec(),
        };
    }
    let context = Context::at(text, &before, cursor);
    let with_files = with_files(&context, catalog, &files);
    let catalog = with_files.as_ref().unwrap_or(catalog);
    let mut found = Candidates::new(&context.prefix);
    match context.place {
        Place::Nothing => {}
        Place::File => found.files_in_string(files.list),
        Place::Value => found.values(&context.path, catalog, text[cursor..].starts_with('\'')),
        Place::Droppable { is_view } => found.droppable(catalog, is_view),
        Place::Start => found.keywords(words::STARTS),
        Place::Query => found.keywords(words::QUERIES),
        Place::Setting => found.settings(&context.path),
        Place::SettingValue => found.setting_values(&context.path),
        Place::Table => found.tables(&context, catalog),
        Place::Changeable => found.changeable(&context.path, catalog),
        Place::Words(words) => found.keywords(words),
        Place::Method => found.methods(&context.path),
        Place::Parameter => found.parameters(&context.method),
        Place::Created => found.fields(&context, catalog, |access| access != Access::ReadOnly),
        Place::Changed => {
            let wanted = |access| access == Access::Writable;
            found.fields(&context, catalog, wanted);
            // No column may be changed as a whole, only fields of one.
            if context.path.is_empty() {
                found.paths(&context, catalog, wanted);
            }
        }
        Place::Expression | Place::Order => {
            found.fields(&context, catalog, |_| true);
            if context.place == Place::Order && context.path.is_empty() {
                found.names(&context.aliases);
            }
            // Listing all functions would bury the columns.
            if context.path.is_empty() && !context.prefix.is_empty() {
                found.functions(catalog, |kind| kind != "table");
                found.keywords(words::within());
            }
        }
    }
    Completion {
        start: context.start.max(line),
        candidates: spaced(found.into_vec(), &text[cursor..]),
    }
}

/// Returns `catalog` with the columns of the files that the statement reads, if it reads any.
fn with_files(context: &Context, catalog: &Catalog, files: &Files<'_>) -> Option<Catalog> {
    let needs_columns = matches!(context.place, Place::Expression | Place::Order);
    let mut names = context.tables.iter().map(|source| &source.table);
    if !needs_columns || !names.any(|name| name.starts_with('\'')) {
        return None;
    }
    let mut catalog = catalog.clone();
    for source in context.tables.iter().filter(|s| s.table.starts_with('\'')) {
        catalog.add(&source.table, (files.columns)(&source.table));
    }
    Some(catalog)
}

/// Puts a space behind the one word that is offered, before what is the `rest`.
fn spaced(mut candidates: Vec<Candidate>, rest: &str) -> Vec<Candidate> {
    if let [word] = candidates.as_mut_slice()
        && word.is_word
        && !rest.starts_with(char::is_whitespace)
    {
        word.text.push(' ');
    }
    candidates
}

/// Returns where the command begins that the cursor is in, its sign included; `before` are the parts before the cursor.
fn command_at(text: &str, before: &Lexed, line: usize, cursor: usize) -> Option<usize> {
    let typed = &text[line..cursor];
    let first = line + typed.len() - typed.trim_start().len();
    // Within the open quote of an argument a backslash further left is seen no more, hence the look at the first.
    if typed.trim_start().starts_with(['.', '\\'])
        && matches!(
            (pending(&lex(&text[..line])), &text[first..first + 1]),
            (Pending::Nothing, _) | (Pending::Semicolon | Pending::Bracket, "\\")
        )
    {
        return Some(first);
    }
    let backslash = before.lexemes.iter().find(|l| l.kind == Kind::Backslash)?;
    (backslash.start >= line).then_some(backslash.start)
}

fn complete_command(
    text: &str,
    at: usize,
    cursor: usize,
    catalog: &Catalog,
    files: Files<'_>,
) -> Completion {
    let typed = &text[at..cursor];
    let (sign, typed) = typed.split_at(1);
    let Some((name, rest)) = typed.split_once(char::is_whitespace) else {
        return Completion {
            start: at,
            candidates: spaced(commands(sign, typed), &text[cursor..]),
        };
    };
    let setting = DOT_SETTINGS
        .iter()
        .find(|(dot, _)| (sign, *dot) == (".", name));
    let argument = command_table::find(sign, name).map_or(Argument::None, |entry| entry.argument);
    let earlier = rest.rfind(char::is_whitespace).map_or(0, |space| space + 1);
    let mut prefix = &rest[earlier..];
    if argument == Argument::Statement {
        // Names of statements may have several words.
        prefix = rest.trim_start();
    }
    let quote = rest
        .trim_start()
        .chars()
        .next()
        .filter(|c| matches!(c, '\'' | '"'));
    if matches!(argument, Argument::File | Argument::Folder) && quote.is_some() {
        // A name in quotes may hold spaces.
        prefix = &rest.trim_start()[1..];
    }
    let mut found = Candidates::new(prefix);
    match argument {
        Argument::Table => found.names(catalog.tables.iter().map(|table| &table.name)),
        Argument::Function => found.names(catalog.functions.iter().map(|f| &f.name)),
        Argument::Statement => found.keywords(help::names()),
        Argument::File => found.files(files.list, quote),
        Argument::Folder => {
            let folders = |prefix: &str| {
                let mut found = (files.list)(prefix);
                found.retain(|path| path.ends_with(['/', std::path::MAIN_SEPARATOR]));
                found
            };
            found.files(&folders, quote);
        }
        Argument::Format => found.names(settings::values("format")),
        Argument::OnOff => found.names(["on", "off"]),
        Argument::OnOffAuto => found.names(settings::values("expanded")),
        Argument::Dialect => found.names(Dialect::ALL.map(Dialect::name)),
        Argument::Profile => found.names(&catalog.profiles),
        Argument::Variable => found.names(&catalog.variables),
        Argument::Setting => match rest[..earlier].split_whitespace().next() {
            None => found.names(settings::NAMES.iter().map(|(name, _)| name)),
            Some(setting) => found.names(settings::values(setting)),
        },
        Argument::None | Argument::Other => {
            if let Some((_, setting)) = setting {
                found.names(settings::values(setting));
            }
        }
    }
    Completion {
        start: cursor - prefix.len(),
        candidates: found.into_vec(),
    }
}

fn commands(sign: &str, prefix: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    for entry in COMMANDS {
        let own = [entry.name];
        let names = if sign == "." { entry.dots } else { &own };
        for name in names.iter().filter(|name| name.starts_with(prefix)) {
            found.push(Candidate {
                is_word: entry.argument != Argument::None,
                ..Candidate::new(
                    format!("{sign}{name}"),
                    format!("{sign}{name}  {}", entry.description),
                )
            });
        }
    }
    if found.len() > DESCRIBED {
        for command in &mut found {
            command.display.clone_from(&command.text);
        }
    }
    found
}

/// Returns the rest of what stands in the brackets of the call that ends `text`: its arguments, as a hint.
pub(super) fn signature<'c>(text: &str, catalog: &'c Catalog) -> Option<&'c str> {
    let name = text.strip_suffix('(')?;
    let start = name
        .rfind(|c: char| !c.is_alphanumeric() && c != '_')
        .map_or(0, |at| at + 1);
    let name = name[start..].to_lowercase();
    let function = catalog.functions.iter().find(|f| f.name == name)?;
    function.signature.get(name.len() + 1..)
}

#[cfg(test)]
mod tests {
    use super::super::catalog::sample;
    use super::*;

    const NO_FILES: Files<'_> = Files {
        list: &|_| Vec::new(),
        columns: &|_| Vec::new(),
    };

    /// Completes at `|`, and spells what is offered; what is replaced comes first.
    fn offered(text: &str) -> String {
        let cursor = text.find('|').unwrap();
        let text = text.replace('|', "");
        let line = text[..cursor].rfind('\n').map_or(0, |at| at + 1);
        let completion = complete(&text, line, cursor, &sample(), NO_FILES);
        let texts: Vec<_> = completion
            .candidates
            .iter()
            .map(|c| c.text.as_str())
            .collect();
        format!("{}: {}", &text[completion.start..cursor], texts.join(" "))
    }

    #[test]
    fn a_statement_begins_with_a_keyword_in_the_case_that_was_begun() {
        assert_eq!(offered("SE|"), "SE: SELECT SET");
        assert_eq!(offered("sel|"), "sel: select ");
        assert_eq!(offered("SELECT 1; EXPL|"), "EXPL: EXPLAIN ");
        assert_eq!(offered("EXPL| SELECT 1"), "EXPL: EXPLAIN");
    }

    #[test]
    fn what_follows_a_table_is_offered_in_its_own_words() {
        assert_eq!(offered("SELECT * FROM api_keys w|"), "w: where ");
        assert_eq!(offered("SELECT * FROM api_keys ORD|"), "ORD: ORDER BY ");
        assert_eq!(offered("DELETE FROM api_keys |"), ": RETURNING WHERE");
        assert_eq!(offered("UPDATE api_keys |"), ": SET ");
        assert_eq!(offered("INSERT INTO api_keys (spec) |"), ": SELECT VALUES");
        assert_eq!(offered("SHOW RE|"), "RE: RESOURCES IN ");
    }

    #[test]
    fn an_expression_has_no_words_that_begin_another_statement() {
        assert_eq!(offered("SELECT * FROM api_keys WHERE ins|"), "ins: ");
        assert_eq!(
            offered("SELECT * FROM api_keys WHERE id IN (SEL|"),
            "SEL: SELECT "
        );
    }

    #[test]
    fn tables_follow_from_join_into_and_update() {
        for text in ["SELECT * FROM |", "SELECT 1 FROM a JOIN |"] {
            assert_eq!(offered(text), ": api_keys vw_api_keys", "{text}");
        }
        // The view cannot be changed.
        for text in [
            "INSERT INTO |",
            "UPDATE |",
            "DELETE FROM |",
            "DELETE FROM confluent.iam.|",
        ] {
            assert_eq!(offered(text), ": api_keys", "{text}");
        }
        assert_eq!(offered("INSERT INTO conf|"), "conf: confluent");
        assert_eq!(offered("SHOW METHODS IN confluent.iam.a|"), "a: api_keys");
        assert_eq!(
            offered("SELECT * FROM confluent.|"),
            ": iam org managed_kafka_clusters schema_registry_clusters ksqldb_clusters quotas"
        );
        assert_eq!(offered("SELECT * FROM confluent.iam.v|"), "v: vw_api_keys");
        assert_eq!(
            offered("WITH old AS (SELECT 1) SELECT * FROM |"),
            ": old api_keys vw_api_keys"
        );
    }

    #[test]
    fn columns_are_those_of_the_statement_s_tables() {
        assert_eq!(
            offered("SELECT | FROM vw_api_keys"),
            ": id owner_id age_days"
        );
        assert_eq!(
            offered("SELECT k.| FROM api_keys AS k, vw_api_keys v"),
            ": id _spec api_version kind metadata spec"
        );
        assert_eq!(
            offered("SELECT v.o| FROM api_keys AS k, vw_api_keys v"),
            "o: owner_id"
        );
        assert_eq!(
            offered("SELECT *\nFROM vw_api_keys\nWHERE ag|"),
            "ag: age_days"
        );
    }

    #[test]
    fn nested_fields_follow_their_path() {
        assert_eq!(
            offered("SELECT spec.|"),
            ": secret display_name description expires_at created_by owner resource"
        );
        assert_eq!(
            offered("SELECT 1 FROM api_keys k WHERE k.spec.owner.i|"),
            "i: id"
        );
        assert_eq!(
            offered("SELECT confluent.iam.api_keys.spec.de| FROM confluent.iam.api_keys"),
            "de: description"
        );
        assert_eq!(offered("SELECT spec.bogus.|"), ": ");
        // The alias comes later.
        assert_eq!(offered("SELECT k.spec.owner.i|"), "i: id");
    }

    #[test]
    fn writes_are_offered_what_they_may_set() {
        assert_eq!(offered("INSERT INTO api_keys (|"), ": spec");
        assert_eq!(
            offered("INSERT INTO api_keys (spec.|"),
            ": display_name description expires_at owner resource"
        );
        assert_eq!(
            offered("UPDATE api_keys SET spec.|"),
            ": display_name description"
        );
        assert_eq!(
            offered("UPDATE api_keys SET |"),
            ": spec.display_name spec.description"
        );
        assert_eq!(
            offered("UPDATE api_keys SET spec.description = 'x', sp|"),
            "sp: spec.display_name spec.description"
        );
    }

    #[test]
    fn variables_follow_a_colon() {
        assert_eq!(offered("SELECT :|"), ": owner");
        assert_eq!(offered("SELECT 1 WHERE id = :ow|"), "ow: owner");
        assert_eq!(offered("SELECT 1 WHERE id = :'ow|"), "ow: owner'");
        assert_eq!(offered("SELECT 1 WHERE id = :'ow|'"), "ow: owner");
        assert_eq!(offered("SELECT :\"|"), ": owner\"");
        for text in ["SELECT 1::o|", "SELECT ':o|", "SELECT 'a':'o|", "-- :o|"] {
            let found = offered(text);
            let mut names = found.split([' ', '\'']);
            assert!(!names.any(|name| name == "owner"), "{text}");
        }
    }

    #[test]
    fn order_by_knows_the_names_of_the_select_list() {
        assert_eq!(
            offered("SELECT age_days AS old FROM vw_api_keys ORDER BY ol|"),
            "ol: old"
        );
        assert_eq!(
            offered("SELECT 1 FROM vw_api_keys ORDER BY age_days D|"),
            "D: DESC "
        );
    }

    #[test]
    fn tables_follow_copy_and_drop_and_nothing_wrong_follows_create() {
        assert_eq!(offered("COPY |"), ": api_keys vw_api_keys");
        assert_eq!(offered("CREATE VIEW |"), ": ");
        assert_eq!(offered("DROP V|"), "V: VIEW ");
        let mut catalog = sample();
        catalog.add("mine", Vec::new());
        catalog.add("_", Vec::new());
        let offered = |text: &str| -> Vec<String> {
            let found = complete(text, 0, text.len(), &catalog, NO_FILES);
            found.candidates.into_iter().map(|c| c.text).collect()
        };
        assert_eq!(offered("DROP TABLE "), ["mine"]);
        assert!(offered("DROP VIEW ").is_empty());
    }

    #[test]
    fn settings_follow_set_and_queries_follow_as() {
        assert_eq!(offered("SET d|"), "d: dialect = ");
        assert_eq!(offered("SET findings.max_a|"), "max_a: max_age_days = ");
        assert!(offered("SET |").starts_with(": dialect =  findings.max_age_days = "));
        assert_eq!(offered("SET dialect = |"), ": 'default' 'stackql'");
        assert_eq!(offered("SET findings.max_age_days = |"), ": 90");
        assert_eq!(offered("SET dialect |"), ": ");
        assert_eq!(offered("CREATE VIEW x AS |"), ": SELECT TABLE VALUES WITH");
        assert_eq!(offered("CREATE TABLE x AS S|"), "S: SELECT ");
        let files = Files {
            list: &|_| vec!["a.csv".to_owned(), "b/".to_owned()],
            ..NO_FILES
        };
        let of_command = |text: &str| -> Vec<String> {
            let found = complete(text, 0, text.len(), &sample(), files);
            found.candidates.into_iter().map(|c| c.text).collect()
        };
        assert_eq!(of_command("\\cd "), ["b/"]);
        assert_eq!(of_command("\\i "), ["a.csv", "b/"]);
    }

    #[test]
    fn columns_of_a_file_are_asked_for() {
        let columns = |file: &str| {
            assert_eq!(file, "'staff.csv'");
            sample().tables[1].fields.clone()
        };
        let files = Files {
            columns: &columns,
            ..NO_FILES
        };
        for (text, at) in [
            ("SELECT ow FROM 'staff.csv'", 9),
            ("SELECT s.ow FROM 'staff.csv' AS s", 11),
        ] {
            let found = complete(text, 0, at, &sample(), files);
            let texts: Vec<_> = found.candidates.iter().map(|c| &c.text).collect();
            assert_eq!(texts, ["owner_id"], "{text}");
        }
    }

    #[test]
    fn values_that_rows_had_are_offered() {
        use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
        let mut catalog = sample();
        let owners: ArrayRef = std::sync::Arc::new(StringArray::from(vec!["sa-1", "u-'2"]));
        let batch = RecordBatch::try_from_iter([("owner_id", owners)]).unwrap();
        catalog.values.note(&batch);
        let offered = |text: &str| -> Vec<String> {
            let cursor = text.find('|').unwrap();
            let text = text.replace('|', "");
            let found = complete(&text, 0, cursor, &catalog, NO_FILES);
            found.candidates.into_iter().map(|c| c.text).collect()
        };
        assert_eq!(
            offered("SELECT 1 FROM api_keys k WHERE k.spec.owner.id = 's|"),
            ["sa-1'"]
        );
        assert_eq!(
            offered("SELECT 1 FROM vw_api_keys WHERE owner_id IN ('sa-1', '|')"),
            ["sa-1", "u-''2"]
        );
        assert_eq!(
            offered("SELECT 1 FROM vw_api_keys WHERE owner_id = 's|'"),
            ["sa-1"]
        );
        assert!(offered("SELECT 1 FROM vw_api_keys WHERE id = '|").is_empty());
    }

    #[test]
    fn functions_and_methods_have_their_names() {
        assert_eq!(offered("SELECT json_e|"), "json_e: json_extract(");
        assert_eq!(
            offered("EXEC confluent.iam.api_keys.g|"),
            "g: get_iam_v2api_key"
        );
        assert_eq!(
            offered("EXEC confluent.org.|"),
            ": organizations. environments."
        );
        assert_eq!(
            offered("EXEC confluent.quotas.applied_quotas.l|"),
            "l: list_service_quota_v1applied_quotas"
        );
        assert_eq!(
            offered("DESCRIBE METHOD confluent.iam.api_keys.up|"),
            "up: update_iam_v2api_key"
        );
    }

    #[test]
    fn parameters_are_those_of_the_method_that_is_called() {
        let call = "EXEC confluent.iam.api_keys";
        assert_eq!(
            offered(&format!("{call}.get_iam_v2_api_key @|")),
            "@: @id ="
        );
        assert_eq!(
            offered(&format!("{call}.update_iam_v2api_key @id = 'x', |")),
            ": @id = @@json ="
        );
        assert_eq!(offered(&format!("{call}.nonsense @|")), "@: ");
    }

    #[test]
    fn commands_and_their_arguments_are_offered() {
        assert_eq!(offered("\\ti|"), "\\ti: \\timing ");
        assert_eq!(offered("\\conn|"), "\\conn: \\conninfo");
        assert_eq!(offered(".ta|"), ".ta: .tables ");
        assert_eq!(offered(".headers |"), ": on off");
        assert_eq!(offered("SELECT 1 \\wa|"), "\\wa: \\watch ");
        assert_eq!(offered("SELECT (\n\\ti|"), "\\ti: \\timing ");
        assert_eq!(offered("\\d v|"), "v: vw_api_keys");
        assert_eq!(offered("\\format j|"), "j: json jsonl");
        assert_eq!(offered("\\x |"), ": on off auto never");
        assert_eq!(
            offered("\\h cr|"),
            "cr: create table create view create external table"
        );
        assert_eq!(offered("\\h CREATE V|"), "CREATE V: CREATE VIEW");
        assert_eq!(offered("\\pset pa|"), "pa: pager");
        assert_eq!(offered("\\pset pager |"), ": on off");
        assert_eq!(offered("\\c p|"), "p: prod");
        assert_eq!(offered("\\unset |"), ": owner");
        assert_eq!(offered("\\q x|"), "x: ");
    }

    #[test]
    fn files_are_offered_where_a_path_stands() {
        let list = |prefix: &str| vec![format!("{prefix}…")];
        let files = || Files {
            list: &list,
            ..NO_FILES
        };
        for (text, start) in [
            ("\\i /tmp/a", "/tmp/a"),
            ("\\o 'a b", "a b"),
            (".read x", "x"),
            ("COPY api_keys TO 'out", "out"),
            ("SELECT * FROM '/da", "/da"),
        ] {
            let completion = complete(text, 0, text.len(), &sample(), files());
            assert_eq!(&text[completion.start..], start);
            assert_eq!(completion.candidates[0].text, format!("{start}…"));
        }
    }

    #[test]
    fn files_that_would_come_apart_are_put_in_quotes() {
        let list = |_: &str| -> Vec<String> {
            ["a b.sql", "c d/", "it's", "plain"]
                .map(str::to_owned)
                .into()
        };
        let texts = |text: &str| -> Vec<String> {
            let files = Files {
                list: &list,
                ..NO_FILES
            };
            let completion = complete(text, 0, text.len(), &sample(), files);
            completion.candidates.into_iter().map(|c| c.text).collect()
        };
        assert_eq!(texts("\\i "), ["'a b.sql'", "'c d/", "\"it's\"", "plain"]);
        assert_eq!(texts("\\i \""), ["a b.sql", "c d/", "it's", "plain"]);
        assert_eq!(
            texts("SELECT * FROM '"),
            ["a b.sql", "c d/", "it''s", "plain"]
        );
    }

    #[test]
    fn a_long_list_of_commands_is_one_of_names() {
        let shown = |text: &str| complete(text, 0, text.len(), &sample(), NO_FILES).candidates;
        assert!(shown("\\").iter().all(|c| c.display == c.text));
        assert!(shown("\\d").iter().all(|c| c.display.len() > c.text.len()));
    }

    #[test]
    fn nothing_is_offered_within_strings_and_comments() {
        for text in [
            "SELECT 'se|",
            "SELECT 1 -- se|",
            "SELECT /* se|",
            "SELECT '\n.ta|",
        ] {
            let offered = offered(text);
            assert!(offered.ends_with(": "), "{text}: {offered}");
        }
    }

    #[test]
    fn the_arguments_of_a_call_are_a_hint() {
        let catalog = sample();
        assert_eq!(
            signature("SELECT json_extract(", &catalog),
            Some("json, path [, path …])")
        );
        assert_eq!(signature("SELECT COUNT(", &catalog), Some("x)"));
        assert_eq!(signature("SELECT (", &catalog), None);
        assert_eq!(signature("SELECT count(id", &catalog), None);
    }
}
