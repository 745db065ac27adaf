//! Where tables live: one catalog, with a schema for each service. It holds the tables of its resources, their views, and
//! whatever the user creates.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::prelude::SessionContext;

use super::{Connection, ResourceTable};
use crate::resource::{self, CATALOG, Service};

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
    for service in resource::services() {
        let schema = Arc::new(ServiceSchema {
            fixed: MemorySchemaProvider::new(),
            own: MemorySchemaProvider::new(),
        });
        catalog.register_schema(service.name, Arc::clone(&schema) as _)?;
        mount_service(context, service, &schema.fixed, &connection).await?;
    }
    Ok(())
}

async fn mount_service(
    context: &SessionContext,
    service: &Service,
    schema: &MemorySchemaProvider,
    connection: &Connection,
) -> Result<()> {
    let resources = resource::ALL.iter().filter(|r| r.service == service);
    for resource in resources.copied() {
        let table = ResourceTable::new(resource, connection.clone());
        schema.register_table(resource.table.to_owned(), Arc::new(table))?;
        if let Some(view) = &resource.view {
            let definition = context.sql(view.sql).await?.into_view();
            schema.register_table(view.name.to_owned(), definition)?;
        }
    }
    Ok(())
}
