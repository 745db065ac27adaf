//! What folders say about the rows of their files: `day=2026-01-02`.
//!
//! To the engine Hive's name for NULL is a text, and it reads a file for which a condition over such columns is NULL. Here
//! the name is NULL, and a condition that the engine takes to the files is true or false.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::listing::ListingTable;
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::functions::core::expr_fn::nullif;
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan, cast, lit};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::class::Class;
use super::tree::map_columns;

/// What a folder says for NULL.
pub(crate) const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Puts NULL in the place of Hive's name for it.
pub(super) fn null_folders(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let names = match &plan {
        LogicalPlan::TableScan(scan) => columns_of_folders(scan),
        _ => Vec::new(),
    };
    if names.is_empty() {
        return Ok(Transformed::no(plan));
    }
    let columns = map_columns(plan.into(), |_, field, column| {
        let is_text = Class::of(field.data_type()) == Class::Text;
        match is_text && names.contains(field.name()) {
            true => Transformed::yes(nullif(cast(column, DataType::Utf8), lit(HIVE_NULL))),
            false => Transformed::no(column),
        }
    })?;
    Ok(Transformed::yes(columns))
}

/// Makes conditions over columns of folders true or false. To be run when filters are where they stay.
#[derive(Debug)]
pub(super) struct NoUnknownFolders;

impl OptimizerRule for NoUnknownFolders {
    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        plan.transform_up_with_subqueries(|plan| {
            let LogicalPlan::TableScan(mut scan) = plan else {
                return Ok(Transformed::no(plan));
            };
            let names = columns_of_folders(&scan);
            let is_open = |filter: &Expr| {
                let columns = filter.column_refs();
                let is_of_folders = columns.iter().all(|column| names.contains(&column.name));
                !matches!(filter, Expr::IsTrue(_)) && !columns.is_empty() && is_of_folders
            };
            let mut is_changed = false;
            for filter in &mut scan.filters {
                if is_open(filter) {
                    *filter = std::mem::take(filter).is_true();
                    is_changed = true;
                }
            }
            let scan = LogicalPlan::TableScan(scan);
            Ok(Transformed::new_transformed(scan, is_changed))
        })
    }

    fn name(&self) -> &str {
        "no_unknown_folders"
    }
}

/// Returns the names of the columns of `scan` that folders give.
fn columns_of_folders(scan: &TableScan) -> Vec<String> {
    let table = source_as_provider(&scan.source).ok();
    let table = table
        .as_ref()
        .and_then(|it| it.downcast_ref::<ListingTable>());
    let columns = table.map_or(&[][..], |table| &table.options().table_partition_cols);
    columns.iter().map(|(name, _)| name.clone()).collect()
}
