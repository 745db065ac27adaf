//! Prepared statements.
//!
//! The engine would optimize a statement when it is prepared, before the rules of `dialect` have seen it, and convert
//! any argument of EXECUTE: a date would become a number of days. So the plan is kept as it was written. When it is
//! executed it is handled like every other plan, with parameters checked as PostgreSQL checks values assigned to a
//! column.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::metadata::ScalarAndMetadata;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, ParamValues, ResolvedTableReference, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{
    Cast, Execute, Expr, LogicalPlan, LogicalPlanBuilder, Prepare, Statement,
};
use datafusion::prelude::SessionContext;
use parking_lot::Mutex;

use crate::dialect::error::{meant, nearest};
use crate::dialect::plan::assigned;
use crate::error::{Error, counted};

/// The prepared statements of a session, by their names.
#[derive(Debug, Default)]
pub(super) struct Prepared(Mutex<BTreeMap<String, Kept>>);

#[derive(Debug)]
struct Kept {
    /// The types of `$1`, `$2` and so on; None where the statement does not tell.
    types: Vec<Option<FieldRef>>,
    plan: Arc<LogicalPlan>,
    /// The tables that it reads.
    tables: Vec<ResolvedTableReference>,
}

impl Prepared {
    /// Carries out PREPARE and DEALLOCATE, which leave nothing to run, and puts what was prepared in the place of EXECUTE.
    ///
    /// `tables` are those that the statement reads. It `is_typed` if it names the types of its parameters.
    ///
    /// Fails for names that are taken or unknown, and for parameters that are of another kind or not as many.
    pub(super) fn settle(
        &self,
        plan: LogicalPlan,
        tables: Vec<ResolvedTableReference>,
        is_typed: bool,
        context: &SessionContext,
    ) -> Result<LogicalPlan> {
        match plan {
            LogicalPlan::Statement(Statement::Prepare(prepare)) => {
                let mut types = types(&prepare)?;
                if !is_typed {
                    settle(&mut types, &prepare.input, &context.state())?;
                }
                self.keep(prepare, types, tables)?;
            }
            LogicalPlan::Statement(Statement::Deallocate(gone)) => self.forget(&gone.name)?,
            LogicalPlan::Statement(Statement::Execute(execute)) => {
                return self.plan(execute, &context.state());
            }
            plan => return Ok(plan),
        }
        LogicalPlanBuilder::empty(false).build()
    }

    fn keep(
        &self,
        prepare: Prepare,
        types: Vec<Option<FieldRef>>,
        tables: Vec<ResolvedTableReference>,
    ) -> Result<()> {
        match self.0.lock().entry(prepare.name) {
            Entry::Occupied(known) => Err(refused(
                format!("there is a prepared statement `{}` already", known.key()),
                format!("DEALLOCATE {} removes it", known.key()),
            )),
            Entry::Vacant(free) => {
                free.insert(Kept {
                    types,
                    plan: prepare.input,
                    tables,
                });
                Ok(())
            }
        }
    }

    /// Returns the name of a statement that reads `table`.
    pub(super) fn reader_of(&self, table: &ResolvedTableReference) -> Option<String> {
        let known = self.0.lock();
        let mut readers = known.iter().filter(|(_, kept)| kept.tables.contains(table));
        readers.next().map(|(name, _)| name.clone())
    }

    fn forget(&self, name: &str) -> Result<()> {
        let mut known = self.0.lock();
        match known.remove(name) {
            Some(_) => Ok(()),
            None if name.eq_ignore_ascii_case("all") => {
                known.clear();
                Ok(())
            }
            None => Err(unknown(name, &known)),
        }
    }

    /// Returns the plan that `execute` runs.
    ///
    /// Fails if there is no statement of that name, or if parameters do not fit.
    pub(super) fn plan(&self, execute: Execute, state: &SessionState) -> Result<LogicalPlan> {
        let (types, plan) = {
            let known = self.0.lock();
            let kept = known.get(&execute.name);
            let kept = kept.ok_or_else(|| unknown(&execute.name, &known))?;
            (kept.types.clone(), kept.plan.as_ref().clone())
        };
        let given = execute.parameters.len();
        if given != types.len() {
            let wanted = counted(types.len() as u64, "parameter");
            let message = format!("`{}` takes {wanted}, not {given}", execute.name);
            return Err(refused(message, "EXECUTE lists them in parentheses"));
        }
        let values = execute.parameters.into_iter().zip(&types);
        let values = values.map(|(value, wanted)| {
            let wanted = wanted.as_ref().map(|field| field.data_type());
            Ok(ScalarAndMetadata::from(computed(value, wanted, state)?))
        });
        let values = values.collect::<Result<Vec<_>>>()?;
        plan.replace_params_with_values(&ParamValues::List(values))
    }
}

/// Returns the types of the parameters that `prepare` has, whether it names them or not.
///
/// # Errors
///
/// Fails if it names some types, and has a parameter beyond them.
fn types(prepare: &Prepare) -> Result<Vec<Option<FieldRef>>> {
    let told = prepare.input.get_parameter_fields()?;
    let last = told
        .keys()
        .filter_map(|name| position(name))
        .max()
        .unwrap_or(0);
    let inferred: Vec<_> = (1..=last)
        .map(|at| told.get(&format!("${at}")).cloned().flatten())
        .collect();
    // The engine leaves those out that it cannot infer.
    if prepare.fields.iter().eq(inferred.iter().flatten()) {
        return Ok(inferred);
    }
    let count = prepare.fields.len();
    match last > count {
        true => Err(refused(
            format!("there is no parameter `${last}`"),
            format!("PREPARE names the types of {count}, and they are numbered from $1"),
        )),
        false => Ok(prepare.fields.iter().cloned().map(Some).collect()),
    }
}

/// Returns the number of the parameter `name`, such as `$1`.
fn position(name: &str) -> Option<usize> {
    name.trim_start_matches('$').parse().ok()
}

/// Gives parameters the types that they are converted to in the end: the column of a UNION that one is compared with may get
/// another type when types are made to fit.
fn settle(types: &mut [Option<FieldRef>], plan: &LogicalPlan, state: &SessionState) -> Result<()> {
    let options = state.config_options();
    // What is wrong with it is told when it is executed.
    let Ok(plan) = state
        .analyzer()
        .execute_and_check(plan.clone(), options, |_, _| {})
    else {
        return Ok(());
    };
    let mut settle = |expr: &Expr| {
        if let Expr::Cast(Cast { expr, field }) = expr
            && let Expr::Placeholder(parameter) = expr.as_ref()
            && let Some(known) = position(&parameter.id).and_then(|at| types.get_mut(at - 1))
        {
            *known = Some(Arc::clone(field));
        }
        Ok(TreeNodeRecursion::Continue)
    };
    plan.apply_with_subqueries(|plan| plan.apply_expressions(|expr| expr.apply(&mut settle)))?;
    Ok(())
}

/// Returns the value of a parameter, of type `wanted` if that is known. It is computed as in a SELECT.
fn computed(value: Expr, wanted: Option<&DataType>, state: &SessionState) -> Result<ScalarValue> {
    let value = match wanted {
        Some(wanted) => assigned(value, wanted)?,
        None => value,
    };
    let query = LogicalPlanBuilder::empty(true).project([value])?.build()?;
    let value = match state.optimize(&query)? {
        LogicalPlan::Projection(projection) => projection.expr.into_iter().next(),
        _ => None,
    };
    let value = value.ok_or_else(|| {
        refused(
            "EXECUTE takes values",
            "write literals and what is computed of them, as in EXECUTE p(1, 'a')",
        )
    })?;
    let row = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &row)?;
    let value = state.create_physical_expr(value.unalias_nested().data, &DFSchema::empty())?;
    let value = ScalarValue::try_from_array(&value.evaluate(&row)?.into_array(1)?, 0)?;
    match wanted {
        Some(wanted) => value.cast_to(wanted),
        None => Ok(value),
    }
}

fn unknown(name: &str, known: &BTreeMap<String, Kept>) -> DataFusionError {
    let names = known.keys().map(String::as_str);
    let hint = meant(
        nearest(name, names),
        format!("PREPARE {name} AS SELECT … makes one"),
    );
    refused(format!("there is no prepared statement `{name}`"), hint)
}

fn refused(message: impl Into<String>, hint: impl Into<String>) -> DataFusionError {
    let error = Error::statement(message.into()).hint(hint.into());
    DataFusionError::External(Box::new(error))
}
