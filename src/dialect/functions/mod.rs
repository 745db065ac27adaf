//! SQL functions beyond DataFusion's: SQLite's, as StackQL documents them.
//!
//! Turns a session's builder into one that knows nested access in four spellings and SQLite's functions, over JSON text
//! and Arrow's structs alike. Depends on DataFusion and on the errors of this room; never touches the network.
//!
//! # What is whose
//!
//! People write PostgreSQL's dialect and SQLite's. A function of DataFusion stays where both agree on sane input, and
//! is replaced where SQLite's answer is the documented one and DataFusion has an error or another:
//!
//! | function | whose, and why |
//! | --- | --- |
//! | `substr`, `substring`, `split_part` | PostgreSQL's; StackQL's in `stackql`: negative places count from the end |
//! | `instr`, `length`, `replace` | SQLite's: any type is read as text, structs too; replacing the empty text changes nothing |
//! | `regexp_like`, `regexp_replace` | DataFusion's (PostgreSQL's), also over timestamps; first match without the flag `g` |
//! | `date`, `time`, `datetime` as calls | SQLite's; `DATE '…'`, `CAST(… AS date)` and `…::date` stay DataFusion's |
//! | `now`, `date_trunc`, `date_part`, `extract`, `to_char` | DataFusion's |
//! | `lower`, `upper` | DataFusion's, over any type; case beyond ASCII |
//! | `trim`, `ltrim`, `rtrim`, `concat`, `ifnull`, `nullif` | DataFusion's |
//! | `iif`, `coalesce` | SQLite's; text beside anything else makes both text |
//! | `max`, `min` | DataFusion's aggregates; SQLite's scalars with two arguments and more |
//! | `group_concat`, `total`, `json_group_…` | SQLite's, computed by `string_agg` and `sum` |
//! | mathematics | SQLite's, because the engine is built without its own; a result that is not a number is an error, and NULL in `stackql` |
//! | `text + number`, `-`, `*`, `/`, `%` | SQLite's: text is read as a number; DataFusion refuses it |
//! | `json_extract(…) > number`, and other text compared with a number | SQLite's: compared as numbers; text that is not a number sorts after all numbers |
//! | `sum`, `avg` of truth values and of JSON | SQLite's: 1 and 0, and the number there |
//!
//! Reading text as a number, and turning anything beside text into text, happens in the dialect `stackql`
//! only: in the default one the rules of `plan` refuse it before a function sees it.
//!
//! # Where the answers differ from SQLite's
//!
//! Here a column has one type; in SQLite every value has its own:
//!
//! - `json_extract` and `->>` give text where the JSON is text, because the type is not known before the value; over a
//!   struct they give the field's own. Truth values are booleans, and equal SQLite's 1 and 0.
//! - Text from `json_extract`, `->>` and `json_each` that looks like an array or an object is taken for one by other JSON
//!   functions: `json_array(json_extract('{"a":"[1]"}', '$.a'))` is `[[1]]`.
//! - JSON is written anew: escapes, floats and integers beyond 64 bits in their usual spelling (`"\u00e9"` as `"é"`,
//!   `1e2` as `100.0`), the latter being reals. Nesting deeper than 128 levels is malformed.
//! - `-> -1` is the last element, `-> 'a.b'` and `->> '1'` are members of that name, as in later versions of SQLite; a
//!   path that ends with a dot is an error, also where the JSON has nothing there; `$["a"]` is a path; a NULL among
//!   several paths makes the result NULL.
//! - A date beyond the end of its month is always carried over, `24:00` is midnight, and fractions of a millisecond are
//!   cut.
//! - `json_set(x, '$', 'text')` is JSON, as in later versions; positions beyond 32 bits are beyond the end.
//! - In the default dialect LIKE looks at case, as in PostgreSQL. Integers that overflow are an error: see `plan`.
//! - `json_each` takes columns of the tables to its left in the same FROM, not of an outer query.
//!
//! `tests/fixtures/sqlite_functions.tsv` holds the values of sqlite3 for some hundreds of calls, with ours where they are
//! meant to differ.

mod aggregate;
mod argument_types;
mod bounded;
mod catalogue;
pub(crate) mod checked;
mod collect;
#[cfg(test)]
mod conformance;
mod decimals;
mod error;
mod floats;
mod format;
mod internal;
mod interval_sums;
mod intervals;
pub(crate) mod json;
mod lateral;
mod nested;
mod number;
mod numeric;
mod operators;
mod regexp;
mod rewrite;
mod scalar;
mod series;
mod sliding;
mod sum;
#[cfg(test)]
mod testing;
mod text;
mod time;
mod value;

use std::sync::Arc;

use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::prelude::SessionContext;

pub(crate) use argument_types::{
    ArgumentTypes, compares_elements, counts_text, texts, wants, whole_numbers,
};
pub(crate) use bounded::constant as bounded_constant;
pub(crate) use bounded::{join_texts, slice_size};
pub use catalogue::{FunctionDoc, FunctionKind, catalogue};
pub(crate) use decimals::of_decimals;
pub(crate) use error::Error;
pub(crate) use floats::{float_key, holds, holds_float, one_nan};
pub(crate) use internal::InternalFunction;
pub(crate) use intervals::{interval_epoch, interval_length, interval_part, series_step};
pub(crate) use nested::spelled;
pub(crate) use number::{rounded, to_rank};
pub(crate) use numeric::{is_truth, numbers, sums_truth};
pub(crate) use regexp::{matches, may_hold_a_backslash};
pub(crate) use rewrite::rewrite;
pub(crate) use value::truth_of;

use super::sql_types::SqlTypes;

/// Adds the functions to `builder`, whose default features must be there already.
///
/// Statements go through [`rewrite()`] before they are planned.
pub(crate) fn register(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    // The first planner that takes an expression has it, so these come before the engine's.
    let planners: [Arc<dyn ExprPlanner>; 4] = [
        Arc::new(nested::NestedPlanner),
        Arc::new(operators::OperatorPlanner),
        Arc::new(aggregate::AggregatePlanner),
        Arc::new(text::SubstringPlanner),
    ];
    builder
        .expr_planners()
        .get_or_insert_default()
        .splice(0..0, planners);
    builder
        .relation_planners()
        .get_or_insert_default()
        .insert(0, Arc::new(lateral::RowsPlanner));
    // Of two functions with one name the later wins.
    builder.scalar_functions().get_or_insert_default().extend(
        scalar_functions()
            .into_iter()
            .chain(bounded::functions())
            .map(Arc::new),
    );
    builder
        .aggregate_functions()
        .get_or_insert_default()
        .extend(aggregate_functions().map(Arc::new));
    builder.with_type_planner(Arc::new(SqlTypes))
}

/// Gives the functions their names in `context` again.
///
/// Where the engine copies a session's state it registers all functions anew in no particular order, and other names of
/// its own, such as `length` for `character_length`, may then win over ours.
pub(crate) fn claim_names(context: &SessionContext) {
    scalar_functions()
        .into_iter()
        .chain(bounded::functions())
        .for_each(|function| context.register_udf(function));
    aggregate_functions().for_each(|function| context.register_udaf(function));
    series::claim_names(context);
}

/// Returns true if the function `name` answers otherwise in the dialect `stackql`, where it is called `stackql_name`.
pub(crate) fn differs_in_stackql(name: &str) -> bool {
    text::OF_STACKQL.contains(&name) || number::NAMES.contains(&name) || name == regexp::OF_STACKQL
}

fn aggregate_functions() -> impl Iterator<Item = AggregateUDF> {
    aggregate::functions()
        .into_iter()
        .chain(collect::functions())
        .chain(sliding::functions(sum::checked()))
        .chain([sum::percentile_cont()])
}

fn scalar_functions() -> Vec<ScalarUDF> {
    let mut functions = vec![
        json::convert::to_json(),
        json::convert::to_text(),
        json::extract::json_extract(),
        json::extract::json_get(),
        json::extract::json_get_text(),
        json::extract::json_get_of_stackql(),
        json::extract::json_get_text_of_stackql(),
        format::format(),
    ];
    functions.extend(json::build::functions());
    functions.extend(json::edit::functions());
    functions.extend(text::functions());
    functions.extend(regexp::functions());
    functions.extend(number::functions());
    functions.extend(time::functions());
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_ours_when_the_engine_copies_its_state() {
        let context = testing::context();
        for _ in 0..8 {
            let copy = SessionStateBuilder::new_from_existing(context.state()).build();
            let context = SessionContext::new_with_state(copy);
            claim_names(&context);
            let state = context.state();
            for function in scalar_functions() {
                let names = std::iter::once(function.name().to_owned())
                    .chain(function.aliases().iter().cloned());
                for name in names {
                    assert_eq!(state.scalar_functions()[&name].name(), function.name());
                }
            }
        }
    }
}
