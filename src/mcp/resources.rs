//! What a model may read before it asks: the tables, the catalogue of findings, and the dialect. Made from the declarations and the documentation.

use std::fmt::Write;

use rmcp::model::{ReadResourceResult, Resource, ResourceContents};

use crate::dialect::type_names::type_name;
use crate::resource::{self, Access, findings};
use crate::session::{Relation, Session};

const TABLES: &str = "iamql://reference/tables";
const FINDINGS: &str = "iamql://reference/findings";
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
            FINDINGS,
            "findings",
            "The catalogue of findings",
            "What vw_api_key_findings looks for, how bad it is, and the threshold that it goes by",
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
        FINDINGS => findings(),
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
    }
    for view in resource::VIEWS {
        let (name, said) = (view.full_name(), view.description);
        let _ = write!(
            page,
            "\n## {name}\n\n{said}.\n\n| column | type | what it is |\n| --- | --- | --- |\n"
        );
        let is_named = |relation: &&Relation| {
            let of_schema = format!("{}.{}", view.service.name, view.name);
            relation.name == view.name || relation.name == of_schema
        };
        let relation = relations.iter().find(is_named);
        for field in relation
            .iter()
            .flat_map(|relation| relation.schema.fields())
        {
            let name = field.name();
            let computed = view.computed.iter().find(|(column, _)| column == name);
            let said = computed.map_or("", |(_, said)| said);
            let ty = type_name(field.data_type());
            let _ = writeln!(page, "| {name} | {ty} | {said} |");
        }
    }
    page
}

fn findings() -> String {
    let mut page = "# Findings\n\nThe controls of confluent.iam.vw_api_key_findings, which has a row for each finding. \
                    `WHERE control = …` sends only what that control needs.\n\n\
                    | column | what it is |\n| --- | --- |\n"
        .to_owned();
    for (column, said) in findings::COLUMNS {
        let _ = writeln!(page, "| {column} | {said} |");
    }
    page += "\n| control | severity | status | what it finds | threshold | lists | source |\n\
             | --- | --- | --- | --- | --- | --- | --- |\n";
    for control in findings::CONTROLS {
        let threshold = control.setting.map_or_else(String::new, |setting| {
            format!("{} ({})", setting.default, setting.description)
        });
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {threshold} | {} | {} |",
            control.name,
            control.severity,
            control.status,
            control.description,
            control.requests,
            control.source
        );
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
