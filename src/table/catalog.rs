//! Where tables live: one catalog, with a schema for each service. It holds the tables of its resources, their views, and
//! whatever the user creates.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::exec_err;
use datafusion::datasource::ViewTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::SessionContext;

use super::{Connection, ResourceTable, findings};
use crate::resource::{self, CATALOG, Definition, Service, VIEWS};

/// The schema of a service: tables and views of resources, which nobody can replace, and those of the session.
#[derive(Debug)]
struct ServiceSchema {
    fixed: MemorySchemaProvider,
    own: MemorySchemaProvider,
}

impl ServiceSchema {
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
impl SchemaProvider for ServiceSchema {
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

/// Mounts all resources and their views in `context`.
///
/// # Errors
///
/// Fails if the engine does not take them.
pub async fn mount(context: &SessionContext, connection: Connection) -> Result<()> {
    let catalog = Arc::new(MemoryCatalogProvider::new());
    context.register_catalog(CATALOG, Arc::clone(&catalog) as _);
    let mut schemas = Vec::new();
    for service in resource::services() {
        let schema = Arc::new(ServiceSchema {
            fixed: MemorySchemaProvider::new(),
            own: MemorySchemaProvider::new(),
        });
        catalog.register_schema(service.name, Arc::clone(&schema) as _)?;
        schemas.push((service, schema));
    }
    let fixed = |service: &Service, name: &str, table: Arc<dyn TableProvider>| {
        let mut schemas = schemas.iter();
        if let Some((_, schema)) = schemas.find(|(known, _)| *known == service) {
            schema.fixed.register_table(name.to_owned(), table)?;
        }
        Ok::<_, DataFusionError>(())
    };
    for resource in resource::ALL.iter().copied() {
        let table = ResourceTable::new(resource, connection.clone());
        fixed(resource.service, resource.table, Arc::new(table))?;
    }
    for view in VIEWS {
        let plan = match view.definition {
            Definition::Sql(sql) => context.sql(sql).await?.into_unoptimized_plan(),
            Definition::Controls => findings::plan(context).await?,
        };
        let definition = ViewTable::new(plan, None);
        fixed(view.service, view.name, Arc::new(definition))?;
    }
    Ok(())
}
