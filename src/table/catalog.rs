//! Where tables live: catalog `confluent`, schema `iam`, with the table, its view, and whatever the user creates.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::prelude::SessionContext;

use super::{ApiKeysTable, Connection};

/// Name of the catalog.
pub const CATALOG: &str = "confluent";
/// Name of the schema.
pub const SCHEMA: &str = "iam";
/// Name of the table.
pub const TABLE: &str = "api_keys";
/// Name of the view for people.
pub const VIEW: &str = "vw_api_keys";

/// The definition of [`VIEW`].
///
/// The names of resource types are those of Confluent's own CLI. A resource's environment stands in the reference, or
/// in its resource name (CRN), or, in ids of Flink regions from before March 2024, before the region.
pub const VIEW_SQL: &str = "
SELECT
    id,
    spec.display_name AS display_name,
    spec.description AS description,
    spec.owner.id AS owner_id,
    spec.owner.kind AS owner_kind,
    spec.resource.id AS resource_id,
    spec.resource.kind AS resource_kind,
    CASE
        WHEN spec.resource.id LIKE 'lkc-%' THEN 'kafka'
        WHEN spec.resource.id LIKE 'lsrc-%' OR spec.resource.kind = 'SchemaRegistry' THEN 'schema-registry'
        WHEN spec.resource.id LIKE 'lksqlc-%' OR spec.resource.kind = 'ksqlDB' THEN 'ksql'
        WHEN spec.resource.kind = 'Region' THEN 'flink-region'
        WHEN lower(spec.resource.id) = 'tableflow' OR spec.resource.kind = 'Tableflow' THEN 'tableflow'
        WHEN lower(spec.resource.id) = 'global' OR spec.resource.kind = 'Global' THEN 'global'
        WHEN lower(spec.resource.id) = 'cloud' OR spec.resource.kind = 'Cloud' THEN 'cloud'
        WHEN spec.resource.kind = 'Cluster' THEN 'kafka'
        WHEN spec IS NOT NULL AND spec.resource.id IS NULL AND spec.resources IS NULL THEN 'cloud'
    END AS resource_type,
    coalesce(
        nullif(spec.resource.environment, ''),
        (regexp_match(spec.resource.resource_name, '/environment=([^/]+)'))[1],
        (regexp_match(spec.resource.id, '^(env-[^.]+)[.]'))[1]
    ) AS environment_id,
    metadata.created_at AS created_at,
    metadata.updated_at AS updated_at,
    spec.expires_at AS expires_at,
    CAST(floor((date_part('epoch', now()) - date_part('epoch', metadata.created_at)) / 86400) AS BIGINT) AS age_days
FROM confluent.iam.api_keys";

/// The schema `iam`: the table and the view, which nobody can replace, and the tables and views of the session.
#[derive(Debug)]
struct IamSchema {
    fixed: MemorySchemaProvider,
    own: MemorySchemaProvider,
}

impl IamSchema {
    fn check(&self, name: &str) -> Result<()> {
        if self.fixed.table_exist(name) {
            return exec_err!(
                "`{name}` is part of the schema and cannot be created, replaced or dropped"
            );
        }
        Ok(())
    }
}

#[async_trait]
impl SchemaProvider for IamSchema {
    fn table_names(&self) -> Vec<String> {
        let mut names = self.fixed.table_names();
        names.extend(self.own.table_names());
        names.sort();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.fixed.table(name).await? {
            Some(table) => Ok(Some(table)),
            None => self.own.table(name).await,
        }
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        self.check(&name)?;
        self.own.register_table(name, table)
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        self.check(name)?;
        self.own.deregister_table(name)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.fixed.table_exist(name) || self.own.table_exist(name)
    }
}

/// Mounts the table and the view in `context`.
///
/// # Errors
///
/// Fails if the engine does not take them.
pub async fn mount(context: &SessionContext, connection: Connection) -> Result<()> {
    let schema = Arc::new(IamSchema {
        fixed: MemorySchemaProvider::new(),
        own: MemorySchemaProvider::new(),
    });
    let table = Arc::new(ApiKeysTable::new(connection));
    schema.fixed.register_table(TABLE.to_owned(), table)?;
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(SCHEMA, Arc::clone(&schema) as _)?;
    context.register_catalog(CATALOG, Arc::new(catalog));
    let view = context.sql(VIEW_SQL).await?.into_view();
    schema.fixed.register_table(VIEW.to_owned(), view)?;
    Ok(())
}
