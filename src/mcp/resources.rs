//! What a model may read before it asks: the tables, and the dialect. Made from the declarations and the documentation.

use std::fmt::Write;

use rmcp::model::{ReadResourceResult, Resource, ResourceContents};

use crate::resource::{self, Access};
use crate::session::{Session, type_name};

const TABLES: &str = "iamql://reference/tables";
const DIALECT: &str = "iamql://reference/dialect";

const MARKDOWN: &str = "text/markdown";

/// The page on statements is the description of the dialect.
const STATEMENTS: &str = include_str!("../../docs/statements.md");

/// Returns the resources.
pub(super) fn all() -> Vec<Resource> {
    let page = |uri: &str, name: &str, title: &str, description: &str| {
        Resource::new(uri, name)
            .with_title(title)
            .with_description(description)
            .with_mime_type(MARKDOWN)
    };
    vec![
        page(
            TABLES,
            "tables",
            "Tables and views",
            "Every table and view with its columns, what they mean and which conditions save requests",
        ),
        page(
            DIALECT,
            "dialect",
            "The dialect of SQL",
            "What a statement may say, what is different from other databases, and the functions",
        ),
    ]
}

/// Returns the content of the resource at `uri`; None if there is none.
pub(super) async fn read(uri: &str, session: &Session) -> Option<ReadResourceResult> {
    let text = match uri {
        TABLES => tables(session).await,
        DIALECT => dialect(session),
        _ => return None,
    };
    let contents = ResourceContents::text(text, uri).with_mime_type(MARKDOWN);
    Some(ReadResourceResult::new(vec![contents]))
}

async fn tables(session: &Session) -> String {
    let mut page = "# Tables and views\n".to_owned();
    let relations = session.relations().await;
    for resource in resource::ALL {
        let name = resource.full_name();
        let title = resource.nouns.title;
        let _ = write!(
            page,
            "\n## {name}\n\n{title}, as the service has them.\n\n\
             | column | type | set by | an equality saves | what it is |\n| --- | --- | --- | --- | --- |\n"
        );
        for (path, column) in resource.paths() {
            let set_by = match column.access {
                Access::ReadOnly => "",
                Access::OnCreate => "INSERT",
                Access::Writable => "INSERT, UPDATE",
            };
            let sent = resource.sent_as(&path);
            let (ty, sent, said) = (
                column.ty.label(),
                sent.unwrap_or_default(),
                column.description,
            );
            let _ = writeln!(page, "| {path} | {ty} | {set_by} | {sent} | {said} |");
        }
        let Some(view) = &resource.view else { continue };
        let _ = write!(
            page,
            "\n## {}.{}.{}\n\n{}.\n\n| column | type | what it is |\n| --- | --- | --- |\n",
            resource::CATALOG,
            resource.service.name,
            view.name,
            view.description
        );
        let schema = relations.iter().find(|relation| {
            let name = relation.name.rsplit('.').next();
            name == Some(view.name)
        });
        for field in schema.iter().flat_map(|relation| relation.schema.fields()) {
            let name = field.name();
            let computed = view.computed.iter().find(|(column, _)| column == name);
            let said = computed.map_or("", |(_, said)| said);
            let _ = writeln!(
                page,
                "| {name} | {} | {said} |",
                type_name(field.data_type())
            );
        }
    }
    page
}

fn dialect(session: &Session) -> String {
    let mut page = format!("{STATEMENTS}\n## Functions\n\n");
    for function in session.functions() {
        let described = match function.description.is_empty() {
            true => String::new(),
            false => format!(": {}", function.description),
        };
        let _ = writeln!(page, "- `{}`{described}", function.signature);
    }
    page
}
