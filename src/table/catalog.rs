//! Where tables live: one catalog, with a schema for each service. It holds the tables of its resources, their views, and
//! whatever the user creates. A view is planned when a statement first names it: most statements name none.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::{exec_err, internal_err};
use datafusion::datasource::ViewTable;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::prelude::{SessionConfig, SessionContext};
use tokio::sync::OnceCell;

use super::{Connection, ResourceTable, findings};
use crate::resource::{self, CATALOG, Definition, VIEWS, View};

/// Plans views with the settings that the session began with.
#[derive(Clone)]
struct Planner {
    /// Returns the state of the session. It holds the session weakly, because that holds the catalog.
    state: Arc<dyn Fn() -> Option<SessionState> + Send + Sync>,
    config: SessionConfig,
}

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planner").finish_non_exhaustive()
    }
}

impl Planner {
    async fn plan(&self, view: &View) -> Result<Arc<dyn TableProvider>> {
        let Some(mut state) = (self.state)() else {
            return internal_err!("the session of `{}` is gone", view.name);
        };
        *state.config_mut() = self.config.clone();
        let plan = match view.definition {
            Definition::Sql(sql) => state.create_logical_plan(sql).await?,
            Definition::Controls => findings::plan(&state).await?,
        };
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

/// A view, and its plan once it has been needed.
#[derive(Debug)]
struct LazyView {
    view: &'static View,
    planned: OnceCell<Arc<dyn TableProvider>>,
}

/// The schema of a service: tables and views of resources, which nobody can replace, and those of the session.
#[derive(Debug)]
struct ServiceSchema {
    tables: MemorySchemaProvider,
    views: BTreeMap<&'static str, LazyView>,
    planner: Planner,
    own: MemorySchemaProvider,
}

impl ServiceSchema {
    fn is_fixed(&self, name: &str) -> bool {
        self.tables.table_exist(name) || self.views.contains_key(name)
    }

    fn check(&self, name: &str) -> Result<()> {
        if self.is_fixed(name) {
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
        let mut names = self.tables.table_names();
        names.extend(self.views.keys().map(|name| (*name).to_owned()));
        names.extend(self.own.table_names());
        names.sort();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(LazyView { view, planned }) = self.views.get(name) {
            let table = planned.get_or_try_init(|| self.planner.plan(view)).await?;
            return Ok(Some(Arc::clone(table)));
        }
        match self.tables.table(name).await? {
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
        self.is_fixed(name) || self.own.table_exist(name)
    }
}

/// Mounts all resources and their views in `context`, which is to be that of the session.
///
/// # Errors
///
/// Fails if the engine does not take them.
pub(crate) fn mount(context: &SessionContext, connection: &Connection) -> Result<()> {
    context.register_udf(findings::threshold());
    let state = context.state_weak_ref();
    let planner = Planner {
        state: Arc::new(move || Some(state.upgrade()?.read().clone())),
        config: context.copied_config(),
    };
    let catalog = Arc::new(MemoryCatalogProvider::new());
    for service in resource::services() {
        let tables = MemorySchemaProvider::new();
        for resource in resource::ALL.iter().copied() {
            if resource.service == service {
                let table = ResourceTable::new(resource, connection.clone());
                tables.register_table(resource.table.to_owned(), Arc::new(table))?;
            }
        }
        let views = VIEWS.iter().copied().filter(|view| view.service == service);
        let views = views.map(|view| {
            let planned = OnceCell::new();
            (view.name, LazyView { view, planned })
        });
        let schema = ServiceSchema {
            tables,
            views: views.collect(),
            planner: planner.clone(),
            own: MemorySchemaProvider::new(),
        };
        catalog.register_schema(service.name, Arc::new(schema))?;
    }
    context.register_catalog(CATALOG, catalog);
    Ok(())
}
