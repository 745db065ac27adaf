//! The types of the parameters of prepared statements.
//!
//! The engine converts what EXECUTE is given into them, whatever it is: a date would be a number of days. Here it is checked
//! as PostgreSQL does for what is put into a column.

use std::collections::HashMap;

use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, Statement};
use parking_lot::Mutex;

use crate::dialect::plan::assigned;
use crate::error::Error;

/// The types of the parameters of each prepared statement, by its name.
#[derive(Debug, Default)]
pub(super) struct Prepared(Mutex<HashMap<String, Vec<DataType>>>);

impl Prepared {
    /// Keeps the types of what `plan`, which has been carried out, prepares.
    pub(super) fn keep(&self, plan: &LogicalPlan) {
        if let LogicalPlan::Statement(Statement::Prepare(prepare)) = plan {
            let types = prepare.fields.iter().map(|field| field.data_type().clone());
            let mut known = self.0.lock();
            known.insert(prepare.name.clone(), types.collect());
        }
    }

    /// Gives the parameters of EXECUTE their types.
    ///
    /// # Errors
    ///
    /// Fails if one of them is of another kind, and for a PREPARE with a parameter that EXECUTE could not give.
    pub(super) fn typed(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        match plan {
            LogicalPlan::Statement(Statement::Prepare(prepare)) => {
                let count = prepare.fields.len();
                let is_given = |name: &String| match name.trim_start_matches('$').parse() {
                    Ok(position) => (1..=count).contains(&position),
                    Err(_) => true,
                };
                let mut names: Vec<String> =
                    prepare.input.get_parameter_names()?.into_iter().collect();
                names.sort();
                match names.iter().find(|name| !is_given(name)) {
                    Some(name) => {
                        let error = Error::statement(format!("there is no parameter `{name}`"));
                        let hint = format!(
                            "PREPARE names the types of {count}, and they are numbered from $1"
                        );
                        Err(error.hint(hint).into())
                    }
                    None => Ok(LogicalPlan::Statement(Statement::Prepare(prepare))),
                }
            }
            LogicalPlan::Statement(Statement::Execute(mut execute)) => {
                let known = self.0.lock();
                if let Some(types) = known.get(&execute.name)
                    && types.len() == execute.parameters.len()
                {
                    for (value, wanted) in execute.parameters.iter_mut().zip(types) {
                        *value = assigned(std::mem::take(value), wanted)?;
                    }
                }
                Ok(LogicalPlan::Statement(Statement::Execute(execute)))
            }
            plan => Ok(plan),
        }
    }
}
