//! SHOW PROVIDERS, SERVICES, RESOURCES, METHODS, INSERT, VERSION, AUTH, FUNCTIONS and COLUMNS.
//!
//! The columns are those that StackQL prints; EXTENDED adds some at the end.

use sqlparser::tokenizer::{Span, Token};

use super::names::{example, expect_resource, is_view, no_provider, unknown};
use super::statement::{Answer, Describe, Filter, Reading, Stackql};
use crate::dialect::Dialect;
use crate::dialect::error::Error;
use crate::dialect::parse::parse_expr;
use crate::dialect::tokens::{Cursor, Draft};
use crate::resource::{
    self, Access, CATALOG, Column, Method, Parameter, Resource, Type, VIEWS, Writes,
};

use crate::sql::write;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What can be shown, to suggest in errors.
#[rustfmt::skip]
const KNOWN: [&str; 16] = [
    "providers", "services", "resources", "methods", "insert", "tables", "columns", "functions", "schemas",
    "databases", "catalogs", "version", "auth", "create", "dialect", "all",
];

/// Reads what follows SHOW.
pub(super) fn read(mut tokens: Cursor<'_>, text: &str) -> Result<Option<Reading>, Error> {
    let ours = |statement| Some(Reading::Stackql(statement));
    let extended = tokens.take("extended");
    let place = tokens.span();
    let what = tokens.word().unwrap_or_default();
    let answer = match what.as_str() {
        "providers" => providers(),
        "services" => services(&mut tokens, extended)?,
        "resources" => resources(&mut tokens, extended)?,
        "methods" => methods(&mut tokens, extended)?,
        "insert" => return insert(tokens).map(ours),
        "version" => version(extended),
        "auth" => {
            let (name, place) = tokens.name_and_place();
            tokens.expect_end()?;
            return match name.as_slice() {
                [] => Ok(ours(Stackql::Auth)),
                [provider] if provider == CATALOG => Ok(ours(Stackql::Auth)),
                other => Err(no_provider(&other.join(".")).at(place)),
            };
        }
        "functions" => {
            let filter = filter(&mut tokens, text)?;
            return Ok(ours(Stackql::Functions { filter }));
        }
        "columns" => {
            let (name, _) = container(&mut tokens)?.ok_or_else(|| {
                tokens
                    .unexpected("IN")
                    .hint(format!("write SHOW COLUMNS IN {}", example()))
            })?;
            return Ok(ours(Stackql::Describe(Describe {
                name,
                extended,
                filter: filter(&mut tokens, text)?,
            })));
        }
        // Without a filter these are the engine's.
        "tables" if tokens.peek().is_some() => return tables(tokens, text).map(Some),
        "schemas" | "databases" | "catalogs" => return schemas(&what, tokens, text).map(Some),
        "transaction" => {
            tokens.expect("isolation")?;
            tokens.expect("level")?;
            isolation_level()
        }
        "tables" | "all" | "create" | "time" | "timezone" | "dialect" if !extended => {
            return Ok(None);
        }
        // A setting of the engine's has dots in its name.
        _ if !extended && tokens.peek() == Some(&Token::Period) => return Ok(None),
        "" => {
            return Err(Error::new("SHOW needs an object")
                .at(place)
                .hint(format!("one of {}", KNOWN.join(", "))));
        }
        _ => return Err(unknown("SHOW", &what, KNOWN).at(place)),
    };
    let filter = filter(&mut tokens, text)?;
    Ok(ours(Stackql::Answer(Answer { filter, ..answer })))
}

/// What drivers ask for as soon as they have connected. There are no transactions: a statement sees what the service
/// has committed when it is asked.
fn isolation_level() -> Answer {
    Answer::new(
        vec!["transaction_isolation"],
        vec![vec![Some("read committed".to_owned())]],
    )
}

/// `SHOW TABLES {IN | FROM} schema`, and with a filter.
fn tables(mut tokens: Cursor<'_>, text: &str) -> Result<Reading, Error> {
    let mut listing = Listing::of(
        "SELECT table_catalog, table_schema, table_name, table_type FROM information_schema.tables",
        tokens.span(),
    );
    if let Some((name, place)) = container(&mut tokens)? {
        match name.as_slice() {
            [catalog] if catalog == CATALOG => {}
            [schema] => listing.equals("table_schema", schema, place),
            [catalog, schema] => {
                listing.equals("table_catalog", catalog, place);
                listing.equals("table_schema", schema, place);
            }
            _ => {
                return Err(Error::new("SHOW TABLES needs a schema")
                    .at(place)
                    .hint("write SHOW TABLES IN confluent.iam"));
            }
        }
    }
    listing.filtered("table_name", &mut tokens, text)
}

/// `SHOW SCHEMAS`, and MySQL's names for it.
fn schemas(what: &str, mut tokens: Cursor<'_>, text: &str) -> Result<Reading, Error> {
    let (columns, name) = match what {
        "catalogs" => ("DISTINCT catalog_name", "catalog_name"),
        _ => ("catalog_name, schema_name", "schema_name"),
    };
    let select = format!("SELECT {columns} FROM information_schema.schemata");
    Listing::of(&select, tokens.span()).filtered(name, &mut tokens, text)
}

/// A query over the engine's own tables.
struct Listing {
    draft: Draft,
    /// Where the statement says what is to be listed.
    place: Span,
    /// The word that the next condition begins with.
    word: &'static str,
}

impl Listing {
    fn of(select: &str, place: Span) -> Self {
        Self {
            draft: Draft::default().sql(select, place),
            place,
            word: "WHERE",
        }
    }

    /// Adds a condition, which `rest` completes.
    fn condition(&mut self, begin: &str, rest: impl FnOnce(Draft) -> Draft) {
        let draft = std::mem::take(&mut self.draft);
        let begin = format!("{} {begin}", self.word);
        self.draft = rest(draft.sql(&begin, self.place));
        self.word = "AND";
    }

    fn equals(&mut self, column: &str, value: &str, place: Span) {
        self.condition(&format!("{column} ="), |draft| draft.text(value, place));
    }

    /// Takes `[LIKE 'pattern' | WHERE expression]`, LIKE of the column `name`, and parses the query.
    fn filtered(
        mut self,
        name: &str,
        tokens: &mut Cursor<'_>,
        text: &str,
    ) -> Result<Reading, Error> {
        let mut before = tokens.clone();
        before.advance();
        match filter(tokens, text)? {
            Filter::None => {}
            Filter::Like(pattern) => {
                let place = before.span();
                self.condition(&format!("{name} ILIKE"), |draft| {
                    draft.text(&pattern, place)
                });
            }
            Filter::Where(_) => {
                let place = self.place;
                self.condition("(", |draft| draft.typed(before.rest()).sql(")", place));
            }
        }
        Ok(Reading::Statement {
            statement: self.draft.parse(text, Dialect::Stackql)?,
            shows_rows: true,
        })
    }
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<Option<String>> {
    cells
        .into_iter()
        .map(|cell| Some(cell.to_owned()))
        .collect()
}

fn providers() -> Answer {
    Answer::new(
        vec!["name", "version"],
        vec![row([CATALOG, &format!("v{VERSION}")])],
    )
}

fn services(tokens: &mut Cursor<'_>, extended: bool) -> Result<Answer, Error> {
    if let Some((name, place)) = container(tokens)? {
        match name.as_slice() {
            [provider] if provider == CATALOG => {}
            [provider] => return Err(no_provider(provider).at(place)),
            _ => {
                return Err(Error::new("SHOW SERVICES needs a provider")
                    .at(place)
                    .hint("write SHOW SERVICES IN confluent"));
            }
        }
    }
    let services = resource::services();
    let rows = services.iter().map(|service| {
        let id = format!("{}:v{VERSION}", service.name);
        row([&id, service.name, service.title])
    });
    let mut answer = Answer::new(vec!["id", "name", "title"], rows.collect());
    if extended {
        let descriptions: Vec<&str> = services.iter().map(|s| s.description).collect();
        extend(&mut answer, "description", &descriptions);
        let version = format!("v{VERSION}");
        extend(
            &mut answer,
            "version",
            &vec![version.as_str(); services.len()],
        );
        extend_unknown(&mut answer, "preferred");
    }
    Ok(answer)
}

fn resources(tokens: &mut Cursor<'_>, extended: bool) -> Result<Answer, Error> {
    let services = resource::services();
    let is_service = |name: &str| services.iter().any(|service| service.name == name);
    let mut wanted = None;
    if let Some((name, place)) = container(tokens)? {
        match name.as_slice() {
            [provider] if provider == CATALOG => {}
            [provider, service] if provider == CATALOG && is_service(service) => {
                wanted = Some(service.clone());
            }
            // There is one provider.
            [service] if is_service(service) => wanted = Some(service.clone()),
            [provider, _] if provider != CATALOG => return Err(no_provider(provider).at(place)),
            [_, service] | [service] => {
                let known = services.iter().map(|service| service.name);
                return Err(unknown("service", service, known).at(place));
            }
            _ => {
                return Err(Error::new("SHOW RESOURCES needs a service")
                    .at(place)
                    .hint("write SHOW RESOURCES IN confluent.iam"));
            }
        }
    }
    let mut names = Vec::new();
    let mut descriptions = Vec::new();
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
    for service in services.iter().filter(|service| is_wanted(service.name)) {
        let mut show = |name: &'static str, description| {
            names.push(row([name, &format!("{CATALOG}.{}.{name}", service.name)]));
            descriptions.push(description);
        };
        for resource in resource::ALL.iter().filter(|r| r.service == *service) {
            show(resource.table, resource.nouns.title);
        }
        for view in VIEWS.iter().filter(|view| view.service == *service) {
            show(view.name, view.description);
        }
    }
    let mut answer = Answer::new(vec!["name", "id"], names);
    if extended {
        extend(&mut answer, "description", &descriptions);
    }
    Ok(answer)
}

fn methods(tokens: &mut Cursor<'_>, extended: bool) -> Result<Answer, Error> {
    let listed: Vec<(&Resource, &Method)> = match container(tokens)? {
        // A view can be selected from, which no method is needed for.
        Some((name, _)) if is_view(&name) => Vec::new(),
        Some((name, place)) => {
            let resource = expect_resource(&name).map_err(|error| error.at(place))?;
            resource.methods.iter().map(|m| (resource, m)).collect()
        }
        None => {
            let resources = resource::ALL.iter().copied();
            let all = resources.flat_map(|r| r.methods.iter().map(move |m| (r, m)));
            all.collect()
        }
    };
    let required = |parameters: &[Parameter]| {
        let required = parameters.iter().filter(|p| p.is_required).map(|p| p.name);
        required.collect::<Vec<_>>().join(", ")
    };
    let mut answer = Answer::new(
        vec!["MethodName", "RequiredParams", "SQLVerb"],
        listed
            .iter()
            .map(|(_, method)| row([method.name, &required(method.parameters), method.verb()]))
            .collect(),
    );
    if extended {
        let descriptions: Vec<&str> = listed.iter().map(|(_, m)| m.description).collect();
        extend(&mut answer, "description", &descriptions);
        let requests: Vec<String> = listed.iter().map(|(r, m)| r.request(m)).collect();
        let requests: Vec<&str> = requests.iter().map(String::as_str).collect();
        extend(&mut answer, "request", &requests);
    }
    Ok(answer)
}

fn version(extended: bool) -> Answer {
    let mut answer = Answer::new(vec!["version"], vec![row([VERSION])]);
    if extended {
        let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
        // StackQL's are those of its build; ours is known by its version.
        extend_unknown(&mut answer, "commit");
        extend_unknown(&mut answer, "build_date");
        extend(&mut answer, "platform", &[&platform]);
    }
    answer
}

fn extend(answer: &mut Answer, column: &'static str, cells: &[&str]) {
    answer.columns.push(column);
    for (row, cell) in answer.rows.iter_mut().zip(cells) {
        row.push(Some((*cell).to_owned()));
    }
}

/// Adds a column of StackQL's that is always NULL here.
fn extend_unknown(answer: &mut Answer, column: &'static str) {
    answer.columns.push(column);
    answer.rows.iter_mut().for_each(|row| row.push(None));
}

/// Takes `[{IN | FROM} name]` and returns the name with its place.
fn container(tokens: &mut Cursor<'_>) -> Result<Option<(Vec<String>, Span)>, Error> {
    if !tokens.take("in") && !tokens.take("from") {
        return Ok(None);
    }
    let (name, place) = tokens.name_and_place();
    match name.is_empty() {
        true => Err(tokens.unexpected("a name")),
        false => Ok(Some((name, place))),
    }
}

/// Takes `[LIKE 'pattern' | WHERE expression]`, which ends the statement.
fn filter(tokens: &mut Cursor<'_>, text: &str) -> Result<Filter, Error> {
    if tokens.take("like") {
        return match tokens.advance().map(|token| &token.token) {
            Some(Token::SingleQuotedString(pattern)) => {
                tokens.expect_end()?;
                Ok(Filter::Like(pattern.clone()))
            }
            _ => Err(tokens.unexpected("a pattern in quotes")),
        };
    }
    if tokens.take("where") {
        let expr = parse_expr(tokens.rest(), text)?;
        return Ok(Filter::Where(Box::new(expr)));
    }
    tokens.expect_end()?;
    Ok(Filter::None)
}

/// `SHOW INSERT [/*+ REQUIRED */] INTO resource [(columns)]`: a statement to edit, every field that can be set in it.
fn insert(mut tokens: Cursor<'_>) -> Result<Stackql, Error> {
    let only_required = tokens.has_hint("REQUIRED");
    tokens.expect("into")?;
    let (name, place) = tokens.name_and_place();
    let resource = expect_resource(&name).map_err(|error| error.at(place))?;
    let Some(writes) = &resource.writes else {
        return Err(write::only_read(resource).at(place));
    };
    let names = insert_columns(&mut tokens, resource)?;
    tokens.expect_end()?;
    let required = only_required.then(|| Writes::in_body(writes.owner.path));
    let values = names.iter().map(|name| match name.as_str() {
        name if Writes::BODY_NAMES.contains(&name) => {
            let spec = resource.find(&[Writes::BODY]);
            spec.map_or_else(String::new, |spec| template(spec, "", required, "  "))
        }
        path => format!("{{{{ {} }}}}", Writes::in_body(path).replace('.', "_")),
    });
    let values: Vec<String> = values.map(|value| format!("'{value}'")).collect();
    let statement = format!(
        "INSERT INTO {} ({})\nSELECT {}\nRETURNING id, {};",
        resource.full_name(),
        names.join(", "),
        values.join(", "),
        writes.secret
    );
    Ok(Stackql::Answer(Answer::new(
        vec!["insert_statement"],
        vec![row([&statement])],
    )))
}

/// Takes `[(column [, column …])]`: the body, or paths to texts in it.
fn insert_columns(tokens: &mut Cursor<'_>, resource: &Resource) -> Result<Vec<String>, Error> {
    if !tokens.take_symbol(&Token::LParen) {
        return Ok(vec![Writes::BODY.to_owned()]);
    }
    let is_text = |column: &Column| {
        column.access != Access::ReadOnly
            && matches!(column.ty, Type::Text | Type::Secret | Type::Date)
    };
    let mut names = Vec::new();
    loop {
        let (path, place) = tokens.name_and_place();
        let name = path.join(".");
        let is_known = resource.find(&path).is_some_and(is_text);
        if !is_known && !Writes::BODY_NAMES.contains(&name.as_str()) {
            let texts = resource.paths().into_iter();
            let texts: Vec<String> = texts
                .filter(|(_, column)| is_text(column))
                .map(|(path, _)| path)
                .collect();
            let known = Writes::BODY_NAMES.into_iter();
            let known = known.chain(texts.iter().map(String::as_str));
            return Err(unknown("column", &name, known).at(place));
        }
        names.push(name);
        if !tokens.take_symbol(&Token::Comma) {
            break;
        }
    }
    match tokens.take_symbol(&Token::RParen) {
        true => Ok(names),
        false => Err(tokens.unexpected(")")),
    }
}

/// Returns the JSON of `column`, `{{ … }}` in the place of every value that can be set; or only of the one at
/// `required`, a path from `column` on.
fn template(column: &Column, path: &str, required: Option<&str>, indent: &str) -> String {
    let required = required.map(|path| path.split_once('.').unwrap_or((path, "")));
    let object = |columns: &[Column], indent: &str| {
        let members: Vec<String> = columns
            .iter()
            .filter(|c| c.access != Access::ReadOnly)
            .filter(|c| required.is_none_or(|(name, _)| c.name == name))
            .map(|c| {
                let path = match path {
                    "" => c.name.to_owned(),
                    path => format!("{path}_{}", c.name),
                };
                let value = template(
                    c,
                    &path,
                    required.map(|(_, rest)| rest),
                    &format!("{indent}  "),
                );
                format!("{indent}\"{}\": {value}", c.json)
            })
            .collect();
        let close = &indent[..indent.len().saturating_sub(2)];
        format!("{{\n{}\n{close}}}", members.join(",\n"))
    };
    match column.ty {
        Type::Object(columns) | Type::Lifted(columns) => object(columns, indent),
        _ => format!("\"{{{{ {path} }}}}\""),
    }
}
