//! What may be typed next. A pure function of the text, the cursor and the [`Catalog`]; files come from a function.

use super::catalog::{Catalog, Field, Table};
use super::command::{self, Argument, COMMANDS};
use super::context::{Context, Place, Source};
use super::lex::{Kind, lex};
use super::prompt::{Pending, pending};
use super::settings;
use super::words;
use crate::sql::methods::METHODS;
use crate::table::catalog::{CATALOG, SCHEMA, TABLE};
use crate::table::columns::Access;

/// Lists the paths that begin with a text; those of folders end in a separator.
pub(super) type Files<'f> = &'f dyn Fn(&str) -> Vec<String>;

/// What could stand in place of the text from byte `start` up to the cursor.
#[derive(Debug, Default)]
pub(super) struct Completion {
    pub(super) start: usize,
    pub(super) candidates: Vec<Candidate>,
}

/// Something that could stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// What is put in.
    pub(super) text: String,
    /// What is shown in the list.
    pub(super) display: String,
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
    if let Some(at) = command_at(text, line, cursor) {
        return complete_command(text, at, cursor, catalog, files);
    }
    let context = Context::at(text, cursor);
    let mut found = Candidates::new(&context.prefix);
    match context.place {
        Place::Nothing => {}
        Place::File => found.files(files),
        Place::Start => found.keywords(words::STARTS),
        Place::Table => found.tables(&context, catalog),
        Place::AfterTable => found.keywords(words::keywords()),
        Place::Method => found.methods(&context.path),
        Place::Created => found.fields(&context, catalog, |access| access != Access::ReadOnly),
        Place::Changed => found.fields(&context, catalog, |access| access == Access::Writable),
        Place::Expression => {
            found.fields(&context, catalog, |_| true);
            // All of them would bury the columns.
            if context.path.is_empty() && !context.prefix.is_empty() {
                found.functions(catalog, |kind| kind != "table");
                found.keywords(words::keywords());
            }
        }
    }
    Completion {
        start: context.start.max(line),
        candidates: found.candidates,
    }
}

/// Returns where the command begins that the cursor is in, its sign included.
fn command_at(text: &str, line: usize, cursor: usize) -> Option<usize> {
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
    let lexemes = lex(&text[..cursor]).lexemes;
    let backslash = lexemes.iter().find(|l| l.kind == Kind::Backslash)?;
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
            candidates: commands(sign, typed),
        };
    };
    let argument = command::find(sign, name).map_or(Argument::None, |entry| entry.argument);
    let earlier = rest.rfind(char::is_whitespace).map_or(0, |space| space + 1);
    let mut prefix = &rest[earlier..];
    if argument == Argument::File
        && let Some(quoted) = rest.trim_start().strip_prefix(['\'', '"'])
    {
        // A name in quotes may hold spaces.
        prefix = quoted;
    }
    let mut found = Candidates::new(prefix);
    match argument {
        Argument::Table => found.names(catalog.tables.iter().map(|table| &table.name)),
        Argument::Function => found.names(catalog.functions.iter().map(|f| &f.name)),
        Argument::Statement => found.keywords(words::STARTS),
        Argument::File => found.files(files),
        Argument::Format => found.names(settings::values("format")),
        Argument::OnOff => found.names(["on", "off"]),
        Argument::OnOffAuto => found.names(settings::values("expanded")),
        Argument::Profile => found.names(&catalog.profiles),
        Argument::Variable => found.names(&catalog.variables),
        Argument::Setting => match rest[..earlier].split_whitespace().next() {
            None => found.names(settings::NAMES.iter().map(|(name, _)| name)),
            Some(setting) => found.names(settings::values(setting)),
        },
        Argument::None | Argument::Other => {}
    }
    Completion {
        start: cursor - prefix.len(),
        candidates: found.candidates,
    }
}

fn commands(sign: &str, prefix: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    for entry in COMMANDS {
        let own = [entry.name];
        let names = if sign == "." { entry.dots } else { &own };
        for name in names.iter().filter(|name| name.starts_with(prefix)) {
            found.push(Candidate {
                text: format!("{sign}{name}"),
                display: format!("{sign}{name}  {}", entry.description),
            });
        }
    }
    found
}

/// What is offered for one prefix.
struct Candidates {
    prefix: String,
    candidates: Vec<Candidate>,
}

impl Candidates {
    fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            candidates: Vec::new(),
        }
    }

    fn matches(&self, name: &str) -> bool {
        name.get(..self.prefix.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(&self.prefix))
    }

    fn offer(&mut self, text: &str, display: &str) {
        if self.matches(text) && !self.candidates.iter().any(|c| c.text == text) {
            self.candidates.push(Candidate {
                text: text.to_owned(),
                display: display.to_owned(),
            });
        }
    }

    fn names<S: AsRef<str>>(&mut self, names: impl IntoIterator<Item = S>) {
        for name in names {
            self.offer(name.as_ref(), name.as_ref());
        }
    }

    fn files(&mut self, files: Files<'_>) {
        self.names(files(&self.prefix));
    }

    /// Offers keywords in the case that was begun.
    fn keywords<'k>(&mut self, keywords: impl IntoIterator<Item = &'k &'static str>) {
        let is_lower = self.prefix.contains(char::is_lowercase);
        for keyword in keywords {
            match is_lower {
                true => self.names([keyword.to_lowercase()]),
                false => self.names([keyword]),
            }
        }
    }

    fn functions(&mut self, catalog: &Catalog, wanted: impl Fn(&str) -> bool) {
        for function in catalog.functions.iter().filter(|f| wanted(f.kind)) {
            self.offer(&format!("{}(", function.name), &function.signature);
        }
    }

    fn tables(&mut self, context: &Context, catalog: &Catalog) {
        let path: Vec<&str> = context.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            [] => {
                let queries = context.tables.iter().filter(|s| s.table.is_empty());
                self.names(queries.map(|source| &source.alias));
                self.names(catalog.tables.iter().map(|table| &table.name));
                if !self.prefix.is_empty() {
                    self.names([CATALOG, INFORMATION]);
                    self.functions(catalog, |kind| kind == "table");
                    self.keywords(&["EXTENDED", "LATERAL", "METHOD", "SELECT"]);
                }
            }
            [catalog] if catalog.eq_ignore_ascii_case(CATALOG) => self.names([SCHEMA]),
            [INFORMATION] => self.names(INFORMATION_TABLES),
            [SCHEMA] | [_, SCHEMA] => {
                self.names(catalog.tables.iter().map(|table| &table.name));
            }
            _ => {}
        }
    }

    fn methods(&mut self, path: &[String]) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            [] => self.names([format!("{CATALOG}.{SCHEMA}.{TABLE}.")]),
            [CATALOG] => self.names([format!("{SCHEMA}.{TABLE}.")]),
            [CATALOG, SCHEMA] => self.names([format!("{TABLE}.")]),
            _ => {
                for method in METHODS {
                    self.offer(method.name, &format!("{}  {}", method.name, method.request));
                }
            }
        }
    }

    /// Offers the columns that `wanted` holds for, or the fields of the one that the path leads to.
    fn fields(&mut self, context: &Context, catalog: &Catalog, wanted: fn(Access) -> bool) {
        if context.path.is_empty() && context.tables.len() > 1 {
            self.names(context.tables.iter().map(|source| &source.alias));
        }
        let (tables, path) = resolve(context, catalog);
        for table in tables {
            let fields = reach(&table.fields, &path).iter();
            for field in fields.filter(|field| wanted(field.access)) {
                self.offer(&field.name, &format!("{}  {}", field.name, field.ty));
            }
        }
    }
}

/// Returns the tables that the path at the cursor may be about, and what of it leads into their columns.
fn resolve<'c>(context: &'c Context, catalog: &'c Catalog) -> (Vec<&'c Table>, Vec<&'c str>) {
    let mut path: Vec<&str> = context.path.iter().map(String::as_str).collect();
    if let [CATALOG, SCHEMA, ..] = path.as_slice() {
        path.drain(..2);
    }
    let table = |source: &Source| catalog.table(&source.table);
    let first = path.first().copied().unwrap_or_default();
    let named = context
        .tables
        .iter()
        .find(|s| s.alias.eq_ignore_ascii_case(first));
    if let Some(source) = named {
        return (table(source).into_iter().collect(), path.split_off(1));
    }
    if !context.tables.is_empty() {
        return (context.tables.iter().filter_map(table).collect(), path);
    }
    // Nothing stands after FROM yet, so the first name may be the alias of a table to come.
    let is_column = |table: &Table| table.fields.iter().any(|field| field.name == first);
    if !path.is_empty() && !catalog.tables.iter().any(is_column) {
        path.remove(0);
    }
    (catalog.tables.iter().collect(), path)
}

/// Follows `path` into nested fields.
fn reach<'f>(fields: &'f [Field], path: &[&str]) -> &'f [Field] {
    match path.split_first() {
        None => fields,
        Some((first, rest)) => fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(first))
            .map_or(&[], |field| reach(&field.fields, rest)),
    }
}

const INFORMATION: &str = "information_schema";
const INFORMATION_TABLES: [&str; 6] = [
    "columns",
    "df_settings",
    "routines",
    "schemata",
    "tables",
    "views",
];

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

    fn no_files(_: &str) -> Vec<String> {
        Vec::new()
    }

    /// Completes at `|`, and spells what is offered; what is replaced comes first.
    fn offered(text: &str) -> String {
        let cursor = text.find('|').unwrap();
        let text = text.replace('|', "");
        let line = text[..cursor].rfind('\n').map_or(0, |at| at + 1);
        let completion = complete(&text, line, cursor, &sample(), &no_files);
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
        assert_eq!(offered("sel|"), "sel: select");
        assert_eq!(offered("SELECT 1; EXPL|"), "EXPL: EXPLAIN");
    }

    #[test]
    fn tables_follow_from_join_into_and_update() {
        for text in [
            "SELECT * FROM |",
            "SELECT 1 FROM a JOIN |",
            "INSERT INTO |",
            "UPDATE |",
        ] {
            assert_eq!(offered(text), ": api_keys vw_api_keys", "{text}");
        }
        assert_eq!(offered("SELECT * FROM confluent.|"), ": iam");
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
            ": secret display_name description expires_at owner resource resources"
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
            ": display_name description owner resource resources"
        );
        assert_eq!(
            offered("UPDATE api_keys SET spec.|"),
            ": display_name description"
        );
    }

    #[test]
    fn functions_and_methods_have_their_names() {
        assert_eq!(offered("SELECT json_e|"), "json_e: json_extract(");
        assert_eq!(
            offered("EXEC confluent.iam.api_keys.g|"),
            "g: get_iam_v2api_key"
        );
        assert_eq!(offered("EXEC conf|"), "conf: confluent.iam.api_keys.");
        assert_eq!(
            offered("DESCRIBE METHOD confluent.iam.api_keys.up|"),
            "up: update_iam_v2api_key"
        );
    }

    #[test]
    fn commands_and_their_arguments_are_offered() {
        assert_eq!(offered("\\ti|"), "\\ti: \\timing");
        assert_eq!(offered(".ta|"), ".ta: .tables");
        assert_eq!(offered("SELECT 1 \\wa|"), "\\wa: \\watch");
        assert_eq!(offered("SELECT (\n\\ti|"), "\\ti: \\timing");
        assert_eq!(offered("\\d v|"), "v: vw_api_keys");
        assert_eq!(offered("\\format j|"), "j: json jsonl");
        assert_eq!(offered("\\x |"), ": on off auto");
        assert_eq!(offered("\\pset pa|"), "pa: pager");
        assert_eq!(offered("\\pset pager |"), ": on off");
        assert_eq!(offered("\\c p|"), "p: prod");
        assert_eq!(offered("\\unset |"), ": owner");
        assert_eq!(offered("\\q x|"), "x: ");
    }

    #[test]
    fn files_are_offered_where_a_path_stands() {
        let files = |prefix: &str| vec![format!("{prefix}…")];
        for (text, start) in [
            ("\\i /tmp/a", "/tmp/a"),
            ("\\o 'a b", "a b"),
            (".read x", "x"),
            ("COPY api_keys TO 'out", "out"),
            ("SELECT * FROM '/da", "/da"),
        ] {
            let completion = complete(text, 0, text.len(), &sample(), &files);
            assert_eq!(&text[completion.start..], start);
            assert_eq!(completion.candidates[0].text, format!("{start}…"));
        }
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
