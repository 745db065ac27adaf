//! Completion candidates: names that begin with what was typed, sorted and without duplicates. Pure.

use super::buffered_rows::LAST_RESULT;
use super::catalog::{Catalog, Field, Table};
use super::context::Context;
use super::sources::Source;
use crate::dialect::Dialect;
use crate::resource::findings::{Setting, settings};
use crate::resource::{self, Access, CATALOG, DEFAULT_SCHEMA, Resource};

/// The setting of the dialect.
const DIALECT: &str = "dialect";

/// Lists the paths that begin with a text; those of folders end in a separator.
pub(super) type ListFiles<'f> = &'f dyn Fn(&str) -> Vec<String>;

/// What is known of files.
#[derive(Clone, Copy)]
pub(super) struct Files<'f> {
    /// Lists files.
    pub(super) list: ListFiles<'f>,
    /// Returns the columns of a file, whose name is in quotes.
    pub(super) columns: &'f dyn Fn(&str) -> Vec<Field>,
}

/// Something that could stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// What is put in.
    pub(super) text: String,
    /// What is shown in the list.
    pub(super) display: String,
    /// A space follows it, whatever comes next.
    pub(super) is_word: bool,
}

impl Candidate {
    /// Makes a candidate without a space after it.
    pub(super) fn new(text: impl Into<String>, display: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            display: display.into(),
            is_word: false,
        }
    }
}

/// What is offered for one prefix.
pub(super) struct Candidates {
    prefix: String,
    candidates: Vec<Candidate>,
}

impl Candidates {
    /// Offers nothing yet.
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            candidates: Vec::new(),
        }
    }

    /// Returns what is offered, in order.
    pub(super) fn into_vec(self) -> Vec<Candidate> {
        self.candidates
    }

    fn matches(&self, name: &str) -> bool {
        name.get(..self.prefix.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(&self.prefix))
    }

    fn offer(&mut self, text: &str, display: &str) {
        if self.matches(text) && !self.candidates.iter().any(|c| c.text == text) {
            self.candidates.push(Candidate::new(text, display));
        }
    }

    /// Offers `names` as they are.
    pub(super) fn names<S: AsRef<str>>(&mut self, names: impl IntoIterator<Item = S>) {
        for name in names {
            self.offer(name.as_ref(), name.as_ref());
        }
    }

    /// Offers files within a string, in which a quote is doubled.
    pub(super) fn files_in_string(&mut self, files: ListFiles<'_>) {
        let found = files(&self.prefix.replace("''", "'"));
        self.names(found.iter().map(|file| file.replace('\'', "''")));
    }

    /// Offers files as the argument of a command, in which `quote` is open, if any. Names with spaces are quoted; the
    /// quote after a folder stays open.
    pub(super) fn files(&mut self, files: ListFiles<'_>, quote: Option<char>) {
        for file in files(&self.prefix) {
            let is_odd = |c: char| c.is_whitespace() || matches!(c, '\'' | '"');
            let mark = match quote {
                None if file.contains('\'') => Some('"'),
                None if file.contains(is_odd) => Some('\''),
                _ => None,
            };
            let text = match mark {
                Some(mark) if file.ends_with('/') => format!("{mark}{file}"),
                Some(mark) => format!("{mark}{file}{mark}"),
                None => file.clone(),
            };
            self.candidates.push(Candidate::new(text, file));
        }
    }

    /// Offers keywords in the case that was begun.
    pub(super) fn keywords<'k>(&mut self, keywords: impl IntoIterator<Item = &'k &'static str>) {
        let is_lower = self.prefix.contains(char::is_lowercase);
        let others = self.candidates.len();
        for keyword in keywords {
            match is_lower {
                true => self.names([keyword.to_lowercase()]),
                false => self.names([keyword]),
            }
        }
        for keyword in &mut self.candidates[others..] {
            keyword.is_word = true;
        }
    }

    /// Offers the functions of the kinds that `wanted` holds for, ready for their arguments.
    pub(super) fn functions(&mut self, catalog: &Catalog, wanted: impl Fn(&str) -> bool) {
        for function in catalog.functions.iter().filter(|f| wanted(f.kind)) {
            self.offer(&format!("{}(", function.name), &function.signature);
        }
    }

    /// Offers values that the column at `path` had, with the quote that ends one unless it is there already.
    pub(super) fn values(&mut self, path: &[String], catalog: &Catalog, is_closed: bool) {
        let end = if is_closed { "" } else { "'" };
        let values = catalog.values.of(path);
        self.names(values.map(|value| format!("{}{end}", value.replace('\'', "''"))));
    }

    /// Offers settings, or those below the names before the cursor.
    pub(super) fn settings(&mut self, path: &[String]) {
        let before: String = path.iter().map(|name| format!("{name}.")).collect();
        let names = setting_names();
        let names = names.filter_map(|name| name.strip_prefix(&before).map(str::to_owned));
        let names: Vec<String> = names.collect();
        self.names(names.iter().map(|name| format!("{name} = ")));
    }

    /// Offers values of the setting at `path`, as far as they can be listed.
    pub(super) fn setting_values(&mut self, path: &[String]) {
        let [name] = path else {
            let setting = settings().find(|each| path.last().is_some_and(|name| name == each.name));
            self.names(setting.map(|setting| setting.default.to_string()));
            return;
        };
        if name.eq_ignore_ascii_case(DIALECT) {
            self.names(Dialect::ALL.map(|dialect| format!("'{}'", dialect.name())));
        }
    }

    /// Offers tables, or views, of the session's own. The last result comes and goes by itself.
    pub(super) fn droppable(&mut self, catalog: &Catalog, is_view: bool) {
        let own = catalog.tables.iter().filter(|table| {
            let name: Vec<&str> = table.name.split('.').collect();
            table.is_view == is_view
                && table.name != LAST_RESULT
                && resource::named(&name).is_none()
        });
        self.names(own.map(|table| &table.name));
    }

    /// Offers the paths of nested fields that `wanted` holds for.
    pub(super) fn paths(
        &mut self,
        context: &Context,
        catalog: &Catalog,
        wanted: fn(Access) -> bool,
    ) {
        let (tables, _) = resolve(context, catalog);
        for table in tables {
            for column in &table.fields {
                for field in column.fields.iter().filter(|field| wanted(field.access)) {
                    let path = format!("{}.{}", column.name, field.name);
                    self.offer(&path, &format!("{path}  {}", field.ty));
                }
            }
        }
    }

    /// Offers tables, or what the path before the cursor leads to.
    pub(super) fn tables(&mut self, context: &Context, catalog: &Catalog) {
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
            [catalog] if catalog.eq_ignore_ascii_case(CATALOG) => self.names(schemas()),
            [INFORMATION] => self.names(INFORMATION_TABLES),
            [schema] | [_, schema] => self.names(in_schema(schema, catalog.tables.iter())),
            _ => {}
        }
    }

    /// Offers tables that can be changed, or the way to them.
    pub(super) fn changeable(&mut self, path: &[String], catalog: &Catalog) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            [catalog] if catalog.eq_ignore_ascii_case(CATALOG) => self.names(schemas()),
            _ => {
                let is_changeable = |table: &&Table| {
                    let is_read_only = |resource: &Resource| resource.writes.is_none();
                    let is_last_result = table.name == LAST_RESULT;
                    !table.is_view && !is_last_result && !table.resource.is_some_and(is_read_only)
                };
                let tables = catalog.tables.iter().filter(is_changeable);
                match path.as_slice() {
                    [] => {
                        self.names(tables.map(|table| &table.name));
                        if !self.prefix.is_empty() {
                            self.names([CATALOG]);
                        }
                    }
                    [schema] | [_, schema] => self.names(in_schema(schema, tables)),
                    _ => {}
                }
            }
        }
    }

    /// Offers the parameters of `method`.
    pub(super) fn parameters(&mut self, method: &str) {
        let Some((_, method)) = resource::method(method) else {
            return;
        };
        for parameter in method.parameters {
            // A body is given whole.
            let name = match parameter.ty {
                "object" => "@@json =".to_owned(),
                _ => format!("@{} =", parameter.name),
            };
            self.offer(&name, &format!("{name}  {}", parameter.description));
        }
    }

    /// Offers methods, or the way to them.
    pub(super) fn methods(&mut self, path: &[String]) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let resources = resource::ALL.iter();
        match path.as_slice() {
            [] => self.names(resources.map(|r| format!("{}.", r.full_name()))),
            [CATALOG] => {
                self.names(resources.map(|r| format!("{}.{}.", r.service.name, r.table)));
            }
            [CATALOG, service] => {
                let resources = resources.filter(|r| r.service.name == *service);
                self.names(resources.map(|r| format!("{}.", r.table)));
            }
            _ => {
                for resource in resources.filter(|r| path.last() == Some(&r.table)) {
                    for method in resource.methods {
                        let request = resource.request(method);
                        self.offer(method.name, &format!("{}  {request}", method.name));
                    }
                }
            }
        }
    }

    /// Offers the columns that `wanted` holds for, or the fields of the one that the path leads to.
    pub(super) fn fields(
        &mut self,
        context: &Context,
        catalog: &Catalog,
        wanted: fn(Access) -> bool,
    ) {
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

/// Returns the names of the settings that a statement may set.
fn setting_names() -> impl Iterator<Item = String> {
    let thresholds = settings().map(|each| format!("{}.{}", Setting::PREFIX, each.name));
    std::iter::once(DIALECT.to_owned()).chain(thresholds)
}

/// Returns the schemas of all services.
fn schemas() -> impl Iterator<Item = &'static str> {
    resource::services().into_iter().map(|service| service.name)
}

/// Returns the names of those of `tables` that are in `schema`, without it.
fn in_schema<'c>(schema: &str, tables: impl Iterator<Item = &'c Table>) -> Vec<&'c str> {
    tables
        .filter_map(|table| match table.name.split_once('.') {
            Some((of, name)) => (of == schema).then_some(name),
            None => (schema == DEFAULT_SCHEMA).then_some(table.name.as_str()),
        })
        .collect()
}

/// Returns the tables that the path at the cursor may be about, and what of it leads into their columns.
fn resolve<'c>(context: &'c Context, catalog: &'c Catalog) -> (Vec<&'c Table>, Vec<&'c str>) {
    let mut path: Vec<&str> = context.path.iter().map(String::as_str).collect();
    if let [CATALOG, DEFAULT_SCHEMA, ..] = path.as_slice() {
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
    // There is nothing after FROM yet, so the first name may be the alias of a table that follows.
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
