//! Statements of the engine into ones that it plans: walks their trees, and calls the rules of [`super::rules`].
//!
//! The tree is walked twice, however many rules there are, and once more for the functions. Second readings are for
//! statements that the engine has refused. Knows no table but by its [`Shape`].

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::parser::{CopyToSource, Statement as EngineStatement};
use sqlparser::ast::{Expr, Query, Select, Statement, TableFactor, VisitMut, VisitorMut};

use super::Dialect;
use super::ast::{folded, last_ident};
use super::error::nearest;
use super::rules::rule::{Aggregation, Answer, Context, Hook, SyntaxRule, UnknownColumn};
use super::rules::{SECOND_READINGS, SYNTAX_RULES};
use super::shape::Shape;

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

/// Reads `statement`, which the engine has refused with `error`, as SQLite or PostgreSQL would.
///
/// Returns the columns that now come from any row of their group, often none; None if there is no other reading.
/// `is_aggregate` knows the aggregate functions by their names in lower case.
pub(crate) fn reread(
    statement: &mut EngineStatement,
    error: &DataFusionError,
    shape: &Shape,
    is_aggregate: &dyn Fn(&str) -> bool,
) -> Option<BTreeSet<String>> {
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
    let says =
        |words: &str| matches!(root, DataFusionError::Plan(message) if message.contains(words));
    let aggregation = Aggregation {
        is_aggregate,
        shape,
    };
    let readings = SECOND_READINGS.iter();
    let mut readings = readings.filter(|reading| reading.dialects.contains(Dialect::Default));
    readings.find_map(|reading| {
        let (mut is_changed, mut columns) = (false, BTreeSet::new());
        each_sql(statement, &mut |sql| match (reading.answer, unknown) {
            (Answer::UnknownColumn(read), Some(unknown)) => is_changed |= read(sql, unknown),
            (Answer::SameName(read), _) if says(SAME_NAME) => is_changed |= read(sql),
            (Answer::BareColumn(read), _) if says(BARE_COLUMN) => {
                columns = read(sql, &aggregation);
                is_changed |= !columns.is_empty();
            }
            _ => {}
        });
        is_changed.then_some(columns)
    })
}

fn each_sql(statement: &mut EngineStatement, change: &mut dyn FnMut(&mut Statement)) {
    match statement {
        EngineStatement::Statement(statement) => change(statement),
        EngineStatement::Explain(explain) => each_sql(&mut explain.statement, change),
        EngineStatement::CopyTo(copy) => {
            if let CopyToSource::Query(query) = &mut copy.source {
                let mut statement = Statement::Query(query.clone());
                change(&mut statement);
                if let Statement::Query(changed) = statement {
                    *query = changed;
                }
            }
        }
        _ => {}
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
    let _ = statement.visit(&mut early);
    let _ = statement.visit(&mut SecondWalk {
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
