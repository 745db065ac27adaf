//! Small repairs of a query's syntax tree, for what people write and the engine's planner does not take.
//!
//! - `spec.resources[1].id`, `k.spec.owner.id` from an outer query: the planner takes the fields of a struct by
//!   subscript everywhere, by dot only in places, so every path into one of our columns becomes subscripts;
//! - an unaliased `spec.owner.id` is named so, in sub-selects, views and files too, and `x::date` beside `x` is not `x`;
//! - `spec.*` is the fields of `spec`;
//! - what stands in a select list twice is planned under names of its own;
//! - clauses that the planner does not know are put into others, see `clauses`, and so are conditions, subqueries, times
//!   and functions, see `conditions`, `subqueries`, `times` and `synonyms`;
//! - objects become text where text is wanted, see `objects`.
//!
//! What the functions want of a query, above all `json_each` over a column, is done along with it. It knows the names
//! of our columns and nothing else, and leaves alone what it does not recognise.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as EngineStatement};
use sqlparser::ast::{
    AccessExpr, Expr, Ident, ObjectName, Query, Select, SetExpr, Statement, Subscript, TableFactor,
    Value, ValueWithSpan, VisitMut, VisitorMut,
};
use sqlparser::tokenizer::Span;

use super::functions;
use super::rules::bare_columns;
use super::rules::clauses;
use super::rules::conditions;
use super::rules::objects;
use super::rules::select_list;
use super::rules::spelling;
use super::rules::subqueries;
use super::rules::synonyms;
use super::rules::times;
use crate::resource::columns::{COLUMNS, Type};

/// Repairs the query in any statement of the engine: a plain one, COPY, EXPLAIN.
pub fn rewrite(statement: &mut EngineStatement) {
    each_sql(statement, &mut repair);
}

/// Turns the quoted name `name` into a string where it stands in the place of a value, or in calls of functions only;
/// returns whether it did.
pub fn name_to_text(statement: &mut EngineStatement, name: &str, in_calls_only: bool) -> bool {
    let mut found = false;
    each_sql(statement, &mut |sql| {
        found |= spelling::name_to_text(sql, name, in_calls_only);
    });
    found
}

/// Puts the expression that a select list calls `name` in the place of that name in its WHERE; returns whether it did.
pub fn name_to_item(statement: &mut EngineStatement, name: &str) -> bool {
    let mut found = false;
    each_sql(statement, &mut |sql| {
        found |= spelling::name_to_item(sql, name);
    });
    found
}

/// Gives every item of every select list a name of its own; returns whether one of them had none.
pub fn name_every_item(statement: &mut EngineStatement) -> bool {
    let mut named = false;
    each_sql(statement, &mut |sql| {
        named |= select_list::name_every_item(sql);
    });
    named
}

/// Calls the column of a table function in FROM `name`, if the function is called so itself; returns whether it did.
pub fn name_rows(statement: &mut EngineStatement, name: &str) -> bool {
    let mut named = false;
    each_sql(statement, &mut |sql| {
        named |= spelling::name_rows(sql, name);
    });
    named
}

/// Takes bare columns beside aggregates from some row of each group, and returns their names. `is_aggregate` knows the
/// aggregate functions.
pub fn columns_of_any_row(
    statement: &mut EngineStatement,
    is_aggregate: &dyn Fn(&str) -> bool,
) -> BTreeSet<String> {
    let mut taken = BTreeSet::new();
    each_sql(statement, &mut |sql| {
        taken.append(&mut bare_columns::take(sql, is_aggregate));
    });
    taken
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

fn repair(statement: &mut Statement) {
    clauses::show_tables(statement);
    clauses::set_time_zone(statement);
    clauses::not_temporary(statement);
    spelling::parameters(statement);
    let mut names = TableNames::default();
    let _ = statement.visit(&mut names);
    let _ = statement.visit(&mut Repair { tables: names.0 });
    functions::rewrite(statement);
}

/// The names and aliases of tables, which a leading `spec.` may stand for instead of the column.
#[derive(Default)]
struct TableNames(HashSet<String>);

impl VisitorMut for TableNames {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let (name, alias) = match factor {
            TableFactor::Table { name, alias, .. } => (last_ident(name), alias.as_ref()),
            TableFactor::Derived { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::NestedJoin { alias, .. } => (None, alias.as_ref()),
            _ => (None, None),
        };
        self.0.extend(name.map(folded));
        self.0.extend(alias.map(|alias| folded(&alias.name)));
        ControlFlow::Continue(())
    }
}

struct Repair {
    tables: HashSet<String>,
}

impl VisitorMut for Repair {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        clauses::table_to_select(&mut query.body);
        clauses::top_to_limit(query);
        clauses::fetch_to_limit(query);
        clauses::from_alone(query);
        clauses::order_by_all(query);
        clauses::order_by_ordinals(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        clauses::positions_in_grouping_sets(select);
        select_list::spread_objects(select, &self.tables);
        select_list::name_items(select, &self.tables);
        subqueries::rows_in_where(select);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(path) = Path::of(expr, &self.tables) {
            *expr = path.into_subscripts();
        } else {
            quote_fields(expr);
        }
        times::in_microseconds(expr);
        times::patterns(expr);
        synonyms::call_by_name(expr);
        conditions::path_by_arrows(expr);
        // Objects are told by the condition that they stand in, so before it is put into another.
        objects::to_text(expr);
        conditions::escape_by_backslash(expr);
        conditions::similar_to_regex(expr);
        conditions::rows_by_columns(expr);
        subqueries::row_in_subquery(expr);
        conditions::like_each(expr);
        conditions::array_in_text(expr);
        conditions::clock_in_interval(expr);
        ControlFlow::Continue(())
    }
}

/// A path into one of our nested columns, `k.spec.owner['id']`.
pub(crate) struct Path {
    /// The column with its qualifiers.
    column: Vec<Ident>,
    /// Steps by name.
    fields: Vec<Ident>,
    /// What comes after them, from the first subscript on.
    rest: Vec<AccessExpr>,
}

impl Path {
    /// Reads `expr`; `tables` are the names and aliases of tables, which a leading `spec` may be.
    pub(crate) fn of(expr: &Expr, tables: &HashSet<String>) -> Option<Self> {
        let (mut column, rest) = match expr {
            Expr::CompoundIdentifier(idents) => (idents.clone(), [].as_slice()),
            Expr::CompoundFieldAccess { root, access_chain } => {
                let mut idents = match root.as_ref() {
                    Expr::Identifier(ident) => vec![ident.clone()],
                    Expr::CompoundIdentifier(idents) => idents.clone(),
                    _ => return None,
                };
                let dots = access_chain
                    .iter()
                    .map_while(|access| match access {
                        AccessExpr::Dot(Expr::Identifier(ident)) => Some(ident.clone()),
                        _ => None,
                    })
                    .collect::<Vec<_>>();
                let rest = &access_chain[dots.len()..];
                idents.extend(dots);
                (idents, rest)
            }
            _ => return None,
        };
        let at = column.iter().position(is_nested_column)?;
        // An unqualified `spec` may be a table of that name.
        if at == 0 && column.len() > 1 && tables.contains(&folded(&column[0])) {
            return None;
        }
        let fields = column.split_off(at + 1);
        (!fields.is_empty() || !rest.is_empty()).then(|| Self {
            column,
            fields,
            rest: rest.to_vec(),
        })
    }

    /// Returns the path without the column's qualifiers, as a name for people.
    pub(crate) fn name(&self) -> String {
        let mut name = String::new();
        for ident in self.column.iter().rev().take(1).chain(&self.fields) {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(&folded(ident));
        }
        for access in &self.rest {
            name.push_str(&access.to_string());
        }
        name
    }

    fn into_subscripts(self) -> Expr {
        let root = match <[Ident; 1]>::try_from(self.column) {
            Ok([ident]) => Expr::Identifier(ident),
            Err(idents) => Expr::CompoundIdentifier(idents),
        };
        let fields = self.fields.iter().map(|ident| {
            AccessExpr::Subscript(Subscript::Index {
                index: text(&folded(ident), ident.span),
            })
        });
        let rest = self.rest.into_iter().map(subscript_of_dot);
        Expr::CompoundFieldAccess {
            root: Box::new(root),
            access_chain: fields.chain(rest).collect(),
        }
    }
}

/// Returns the name of a path into one of our nested columns, without the qualifiers of the column.
pub(crate) fn path_name(expr: &Expr) -> Option<String> {
    Path::of(expr, &HashSet::new()).map(|path| path.name())
}

/// Quotes names after a dot that follows a subscript, which the planner takes as text only.
fn quote_fields(expr: &mut Expr) {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else {
        return;
    };
    let mut subscripted = !matches!(
        root.as_ref(),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_)
    );
    for access in access_chain {
        subscripted |= matches!(access, AccessExpr::Subscript(_));
        if let (true, AccessExpr::Dot(Expr::Identifier(ident))) = (subscripted, &*access) {
            *access = AccessExpr::Dot(text(&folded(ident), ident.span));
        }
    }
}

fn subscript_of_dot(access: AccessExpr) -> AccessExpr {
    match access {
        AccessExpr::Dot(Expr::Identifier(ident)) => AccessExpr::Subscript(Subscript::Index {
            index: text(&folded(&ident), ident.span),
        }),
        access => access,
    }
}

pub(crate) fn leftmost(body: &mut SetExpr) -> Option<&mut Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::SetOperation { left, .. } => leftmost(left),
        SetExpr::Query(query) => leftmost(&mut query.body),
        _ => None,
    }
}

pub(crate) fn is_nested_column(ident: &Ident) -> bool {
    let name = folded(ident);
    COLUMNS
        .iter()
        .any(|column| matches!(column.ty, Type::Object(_)) && column.name == name)
}

/// Returns the name that an identifier stands for: lower case unless quoted.
pub(crate) fn folded(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

pub(crate) fn last_ident(name: &ObjectName) -> Option<&Ident> {
    name.0.last()?.as_ident()
}

pub(crate) fn text(value: &str, span: Span) -> Expr {
    Expr::Value(ValueWithSpan {
        value: Value::SingleQuotedString(value.to_owned()),
        span,
    })
}

/// Returns what becomes of a statement, for the tests of those that have a part in it.
#[cfg(test)]
pub(crate) fn rewritten(sql: &str) -> String {
    let mut statement = super::parse::parse(sql).expect("it can be parsed");
    rewrite(&mut statement);
    statement.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_into_our_columns_become_subscripts() {
        insta::assert_snapshot!(rewritten("SELECT 1 FROM api_keys k WHERE spec.owner.id = K.SPEC.Owner.Id"), @"SELECT 1 FROM api_keys k WHERE spec['owner']['id'] = K.SPEC['owner']['id']");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM api_keys WHERE spec.owner['id'] = spec.resources[1].id"), @"SELECT 1 FROM api_keys WHERE spec['owner']['id'] = spec['resources'][1]['id']");
        insta::assert_snapshot!(rewritten("SELECT 1 FROM t WHERE (x).y.z = a[1].b"), @"SELECT 1 FROM t WHERE (x).'y'.'z' = a[1].'b'");
    }

    #[test]
    fn a_table_called_spec_is_a_table() {
        insta::assert_snapshot!(rewritten("SELECT spec.id FROM api_keys AS spec"), @"SELECT spec.id FROM api_keys AS spec");
    }
}
