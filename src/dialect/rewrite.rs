//! Rewrites statements into ones that the engine can plan: walks their trees, and calls the rules of [`super::rules`].
//!
//! The tree is walked twice, however many rules there are, and once more for the functions. Second readings are for
//! statements that the engine has refused. Knows tables only by their [`Shape`].

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{Expr, Query, Select, Spanned, Statement, TableFactor, Visitor, VisitorMut};

use super::ast::{each_sql, folded, last_ident, visit};
use super::error::{Error, nearest};
use super::postgres_conflicts;
use super::rules::rule::{
    self, Aggregation, Answer, Context, Hook, SecondReading, SyntaxRule, UnknownColumn,
};
use super::rules::{SECOND_READINGS, SYNTAX_RULES};
use super::shape::Shape;
use super::{Dialect, OTHER_DIALECT};
use crate::dialect::walk::WalkMut;

/// What the engine says of two items of a select list that it gives one name.
const SAME_NAME: &str = "require unique expression names";

/// What the engine says of a column that is neither grouped nor aggregated.
const BARE_COLUMN: &str = "must be in GROUP BY or an aggregate function";

/// Rewrites the query in any statement of the engine: a plain one, COPY, EXPLAIN. `shape` tells of its tables,
/// `dialect` which rules there are.
pub(crate) fn rewrite(statement: &mut EngineStatement, shape: &Shape, dialect: Dialect) {
    let rules = SYNTAX_RULES.iter();
    let rules: Vec<&SyntaxRule> = rules
        .filter(|rule| rule.dialects.contains(dialect))
        .collect();
    each_sql(statement, &mut |sql| apply(&rules, sql, shape));
}

/// Refuses syntax that only the other dialect accepts, with a clearer message than the engine's; in the default dialect
/// also what PostgreSQL would answer otherwise.
///
/// Fails at the first expression of the kind, with what to write instead.
pub(crate) fn refuse_other_dialect(
    statement: &EngineStatement,
    dialect: Dialect,
) -> Result<(), Error> {
    let rules = SYNTAX_RULES.iter();
    let rules = rules.filter(|rule| !rule.dialects.contains(dialect));
    let mut refusals = Refusals(rules.filter_map(|rule| rule.refusal).collect());
    let instead = |error: Error| {
        let instead = error.hint.clone().unwrap_or_default();
        error.hint(format!("{instead}; {OTHER_DIALECT}"))
    };
    visit(statement, &mut refusals).map_err(instead)?;
    match dialect {
        Dialect::Default => postgres_conflicts::refuse(statement),
        Dialect::Stackql => Ok(()),
    }
}

/// Looks for what other dialects read.
struct Refusals(Vec<rule::Refusal>);

impl Visitor for Refusals {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        let mut refused = self.0.iter().filter_map(|refusal| match refusal {
            rule::Refusal::Query(refused) => refused(query),
            rule::Refusal::Expr(_) => None,
        });
        refused
            .next()
            .map_or(ControlFlow::Continue(()), ControlFlow::Break)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
        let mut refused = self.0.iter().filter_map(|refusal| match refusal {
            rule::Refusal::Expr(refused) => refused(expr),
            rule::Refusal::Query(_) => None,
        });
        match refused.next() {
            Some(error) => ControlFlow::Break(error.at(expr.span())),
            None => ControlFlow::Continue(()),
        }
    }
}

/// Reads `statement`, which the engine has refused with `error`, in another way that `dialect` knows.
///
/// Returns the columns that now come from any row of their group, often none; None if there is no other reading.
/// `is_aggregate` knows the aggregate functions by their names in lower case.
pub(crate) fn reread(
    statement: &mut EngineStatement,
    error: &DataFusionError,
    shape: &Shape,
    dialect: Dialect,
    is_aggregate: &dyn Fn(&str) -> bool,
) -> Option<BTreeSet<String>> {
    let readings = SECOND_READINGS.iter();
    let mut readings = readings.filter(|reading| reading.dialects.contains(dialect));
    let refusal = Refusal::of(error);
    readings.find_map(|reading| refusal.answered(statement, reading, shape, is_aggregate))
}

/// An error of a statement that only another dialect can read.
#[derive(Debug)]
pub(crate) struct OtherDialectOnly {
    /// What the engine says.
    pub(crate) error: DataFusionError,
    /// What to write instead, and which dialect takes it as it is.
    pub(crate) hint: String,
    /// The columns that it is about, if they are known.
    pub(crate) columns: BTreeSet<String>,
}

impl fmt::Display for OtherDialectOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for OtherDialectOnly {}

/// Adds to `error`, with which the engine has refused `statement` in `dialect`, that another dialect can read it, if
/// one can.
pub(crate) fn suggest_other_dialect(
    mut statement: EngineStatement,
    error: DataFusionError,
    shape: &Shape,
    dialect: Dialect,
    is_aggregate: &dyn Fn(&str) -> bool,
) -> DataFusionError {
    let refusal = Refusal::of(&error);
    let others = SECOND_READINGS.iter();
    // What looks like a slip is one, but for a name that the select list gives.
    let is_slip = refusal.unknown.is_some_and(|unknown| unknown.is_slip);
    let mut others = others.filter(|reading| {
        !reading.dialects.contains(dialect) && (!is_slip || reading.name == "name_to_item")
    });
    let found = others.find_map(|reading| {
        let columns = refusal.answered(&mut statement, reading, shape, is_aggregate)?;
        Some((reading.instead?, columns))
    });
    let Some((instead, columns)) = found else {
        return error;
    };
    let name = refusal.unknown.map_or("", |unknown| unknown.name);
    let hint = format!("{}; {OTHER_DIALECT}", instead.replace("{name}", name));
    DataFusionError::External(Box::new(OtherDialectOnly {
        error,
        hint,
        columns,
    }))
}

/// What the engine has refused.
struct Refusal<'e> {
    unknown: Option<UnknownColumn<'e>>,
    /// True if two columns of one node have one name.
    is_twin: bool,
    message: &'e str,
}

impl<'e> Refusal<'e> {
    fn of(error: &'e DataFusionError) -> Self {
        let root = error.find_root();
        let unknown = match root {
            DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
                SchemaError::FieldNotFound {
                    field,
                    valid_fields,
                } => {
                    let columns = valid_fields.iter().map(|column| column.name.as_str());
                    Some(UnknownColumn {
                        name: &field.name,
                        is_slip: nearest(&field.name, columns).is_some(),
                    })
                }
                _ => None,
            },
            _ => None,
        };
        let is_twin = matches!(root, DataFusionError::SchemaError(schema, _)
            if matches!(schema.as_ref(), SchemaError::DuplicateUnqualifiedField { .. }));
        let message = match root {
            DataFusionError::Plan(message) => message.as_str(),
            _ => "",
        };
        Self {
            unknown,
            is_twin,
            message,
        }
    }

    /// Reads `statement` by `reading`, if that answers this. Returns the columns that now come from any row.
    fn answered(
        &self,
        statement: &mut EngineStatement,
        reading: &SecondReading,
        shape: &Shape,
        is_aggregate: &dyn Fn(&str) -> bool,
    ) -> Option<BTreeSet<String>> {
        let says = |words: &str| self.message.contains(words);
        let aggregation = Aggregation {
            is_aggregate,
            shape,
        };
        let (mut is_changed, mut columns) = (false, BTreeSet::new());
        each_sql(statement, &mut |sql| match (reading.answer, self.unknown) {
            (Answer::UnknownColumn(read), Some(unknown)) => is_changed |= read(sql, unknown),
            (Answer::SameName(read), _) if says(SAME_NAME) => is_changed |= read(sql),
            (Answer::DuplicateNames(read), _) if self.is_twin || says(SAME_NAME) => {
                is_changed |= read(sql)
            }
            (Answer::BareColumn(read), _) if says(BARE_COLUMN) => {
                columns = read(sql, &aggregation);
                is_changed |= !columns.is_empty();
            }
            _ => {}
        });
        is_changed.then_some(columns)
    }
}

/// Applies `rules` to `statement`, those of one hook in their order.
pub(super) fn apply(rules: &[&SyntaxRule], statement: &mut Statement, shape: &Shape) {
    let mut early = FirstWalk {
        rules: Vec::new(),
        context: Context::new(shape),
    };
    let (mut queries, mut selects, mut exprs) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = Vec::new();
    for rule in rules {
        match rule.hook {
            Hook::Statement(change) => change(statement),
            Hook::EarlyExpr(change) => early.rules.push(change),
            Hook::Query(change) => queries.push(change),
            Hook::Select(change) => selects.push(change),
            Hook::Expr(change) => exprs.push(change),
            Hook::Finish(change) => last.push(change),
        }
    }
    // The visitors never break off.
    let _ = statement.walk_mut(&mut early);
    let _ = statement.walk_mut(&mut SecondWalk {
        queries,
        selects,
        exprs,
        context: early.context,
    });
    last.iter().for_each(|change| change(statement));
}

/// Collects the names of tables, and lets rules see expressions as they are written.
struct FirstWalk<'s> {
    rules: Vec<fn(&mut Expr, &mut Context<'_>)>,
    context: Context<'s>,
}

impl VisitorMut for FirstWalk<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let (name, alias) = match factor {
            TableFactor::Table { name, alias, .. } => (last_ident(name), alias.as_ref()),
            TableFactor::Derived { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::NestedJoin { alias, .. } => (None, alias.as_ref()),
            _ => (None, None),
        };
        let tables = &mut self.context.tables;
        tables.extend(name.map(folded));
        tables.extend(alias.map(|alias| folded(&alias.name)));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        for change in &self.rules {
            change(expr, &mut self.context);
        }
        ControlFlow::Continue(())
    }
}

/// Lets rules change queries from the outside in, and expressions from the inside out.
struct SecondWalk<'s> {
    queries: Vec<fn(&mut Query)>,
    selects: Vec<fn(&mut Select, &Context<'_>)>,
    exprs: Vec<fn(&mut Expr, &Context<'_>)>,
    context: Context<'s>,
}

impl VisitorMut for SecondWalk<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.queries.iter().for_each(|change| change(query));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for change in &self.selects {
            change(select, &self.context);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        for change in &self.exprs {
            change(expr, &self.context);
        }
        ControlFlow::Continue(())
    }
}
