//! Trees of joins: each USING and NATURAL becomes ON, and the columns on both sides become those of the join.

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart,
    SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins, WildcardAdditionalOptions,
};

use super::relation::{Names, Relation};
use super::{Rewriter, folded, merges, named};
use crate::dialect::ast::{binary, calls, last_ident, no_table};
use crate::dialect::error::Error;
use crate::dialect::parse;

/// Which sides of a join keep their rows, and which are seen after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Inner,
    Left,
    Right,
    Full,
    /// Of these only one side is seen.
    OnlyLeft,
    OnlyRight,
}

/// Returns what a join is and its constraint, if it is of a kind that can have USING.
pub(super) fn constraint(operator: &JoinOperator) -> Option<(Kind, &JoinConstraint)> {
    use JoinOperator as Join;
    Some(match operator {
        Join::Join(it) | Join::Inner(it) => (Kind::Inner, it),
        Join::Left(it) | Join::LeftOuter(it) => (Kind::Left, it),
        Join::Right(it) | Join::RightOuter(it) => (Kind::Right, it),
        Join::FullOuter(it) => (Kind::Full, it),
        Join::LeftSemi(it) | Join::LeftAnti(it) => (Kind::OnlyLeft, it),
        Join::RightSemi(it) | Join::RightAnti(it) => (Kind::OnlyRight, it),
        _ => return None,
    })
}

fn constraint_mut(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    use JoinOperator as Join;
    match operator {
        Join::Join(it)
        | Join::Inner(it)
        | Join::Left(it)
        | Join::LeftOuter(it)
        | Join::Right(it)
        | Join::RightOuter(it)
        | Join::FullOuter(it)
        | Join::LeftSemi(it)
        | Join::LeftAnti(it)
        | Join::RightSemi(it)
        | Join::RightAnti(it) => Some(it),
        _ => None,
    }
}

impl Rewriter<'_> {
    /// Rewrites `tree` and returns its columns. Subqueries get an alias if they are one table of several, so that their
    /// columns can be told apart.
    pub(super) fn tree(
        &mut self,
        tree: &mut TableWithJoins,
        several: bool,
    ) -> Result<Relation, Error> {
        let mut left = self.factor(&mut tree.relation, several)?;
        for join in &mut tree.joins {
            let right = self.behind(left.clone(), |it| it.factor(&mut join.relation, several));
            left = self.join(left, right?, &mut join.join_operator)?;
        }
        Ok(left)
    }

    fn join(
        &mut self,
        mut left: Relation,
        mut right: Relation,
        operator: &mut JoinOperator,
    ) -> Result<Relation, Error> {
        let kind = constraint(operator).map(|(kind, _)| kind);
        let (Some(kind), Some(constraint)) = (kind, constraint_mut(operator)) else {
            left.append(right);
            return Ok(left);
        };
        let keys: Vec<Ident> = match constraint {
            JoinConstraint::On(condition) => {
                let mut both = left.clone();
                both.append(right.clone());
                self.outer.push(both);
                let outcome = self.expressions(condition);
                self.outer.pop();
                outcome?;
                Vec::new()
            }
            JoinConstraint::None => Vec::new(),
            JoinConstraint::Using(names) => names.iter().filter_map(key).collect(),
            JoinConstraint::Natural => in_common(&left, &right)?,
        };
        let mut joined = Relation::default();
        let mut condition = None;
        for key in &keys {
            let a = left.take(key, "left")?;
            let b = right.take(key, "right")?;
            let value = match kind {
                Kind::Inner | Kind::Left | Kind::OnlyLeft => a.clone(),
                Kind::Right | Kind::OnlyRight => b.clone(),
                Kind::Full => calls("coalesce", vec![a.clone(), b.clone()]),
            };
            joined.push_merged(folded(key), value);
            let same = binary(a, BinaryOperator::Eq, b);
            condition = Some(match condition {
                Some(before) => binary(before, BinaryOperator::And, same),
                None => same,
            });
        }
        match (condition, &*constraint) {
            (Some(condition), _) => *constraint = JoinConstraint::On(condition),
            // Without a column in common every row meets every other.
            (None, JoinConstraint::Natural) => {
                *constraint = JoinConstraint::On(Expr::value(sqlparser::ast::Value::Boolean(true)));
            }
            _ => {}
        }
        if kind != Kind::OnlyRight {
            joined.append(left);
        }
        if kind != Kind::OnlyLeft {
            joined.append(right);
        }
        Ok(joined)
    }

    fn factor(&mut self, factor: &mut TableFactor, several: bool) -> Result<Relation, Error> {
        match factor {
            TableFactor::NestedJoin {
                table_with_joins,
                alias,
            } => {
                let is_merged = merges(table_with_joins);
                let relation = self.tree(table_with_joins, true)?;
                match (alias.take(), is_merged) {
                    (None, _) => Ok(relation),
                    (Some(mut typed), true) => {
                        let tree = std::mem::replace(table_with_joins.as_mut(), no_table());
                        let (subquery, columns) = self.subquery(tree, &relation)?;
                        let columns = named(Some(columns), Some(&mut typed));
                        let qualifier = [typed.name.clone()];
                        *factor = TableFactor::Derived {
                            lateral: false,
                            subquery: Box::new(subquery),
                            alias: Some(typed),
                            sample: None,
                        };
                        Ok(known(&qualifier, columns))
                    }
                    (Some(mut typed), false) => {
                        let columns = named(relation.names(), Some(&mut typed));
                        let qualifier = [typed.name.clone()];
                        *alias = Some(typed);
                        Ok(known(&qualifier, columns))
                    }
                }
            }
            TableFactor::Derived {
                lateral,
                subquery,
                alias,
                ..
            } => {
                self.is_named = true;
                // Only what is LATERAL sees the tables before it.
                let columns = match lateral {
                    true => self.query(subquery)?,
                    false => {
                        let beside = self.outer.len() - self.beside;
                        let hidden = self.outer.split_off(beside);
                        let columns = self.query(subquery);
                        self.outer.extend(hidden);
                        columns?
                    }
                };
                if alias.is_none() && several {
                    self.derived += 1;
                    *alias = Some(alias_of(Ident::new(format!("__derived_{}", self.derived))));
                }
                let columns = named(columns, alias.as_mut());
                let qualifier = alias.iter().map(|alias| alias.name.clone());
                Ok(known(&qualifier.collect::<Vec<_>>(), columns))
            }
            TableFactor::Table {
                name,
                alias,
                args: None,
                ..
            } => {
                let cte = match name.0.as_slice() {
                    [part] => part.as_ident().and_then(|ident| self.cte(ident)),
                    _ => None,
                };
                let columns = match cte {
                    Some(cte) => {
                        if let Some(called) = cte.called {
                            let typed = Ident::with_quote('"', cte.name);
                            alias.get_or_insert_with(|| alias_of(typed));
                            *name = ObjectName::from(vec![called]);
                        }
                        cte.columns
                    }
                    None => (self.tables)(name),
                };
                let columns = named(columns, alias.as_mut());
                Ok(known(&qualifier(name, alias.as_ref()), columns))
            }
            // Functions, whose arguments may refer to the tables before them.
            other => {
                self.expressions(other)?;
                let (name, alias) = match other {
                    TableFactor::Table { name, alias, .. }
                    | TableFactor::Function { name, alias, .. } => (Some(&*name), alias.as_ref()),
                    TableFactor::UNNEST { alias, .. }
                    | TableFactor::TableFunction { alias, .. } => (None, alias.as_ref()),
                    _ => (None, None),
                };
                let typed: Vec<String> = alias
                    .iter()
                    .flat_map(|alias| &alias.columns)
                    .map(|column| folded(&column.name))
                    .collect();
                let columns = match typed.is_empty() {
                    true => name.and_then(|name| function_columns(name, alias)),
                    false => Some(typed),
                };
                let unnamed = ObjectName::from(vec![Ident::new("unnest")]);
                Ok(known(&qualifier(name.unwrap_or(&unnamed), alias), columns))
            }
        }
    }

    /// Returns the CTE that `ident` names, if it names one.
    pub(super) fn cte(&self, ident: &Ident) -> Option<super::CteInSight> {
        let name = folded(ident);
        let mut ctes = self.ctes.iter().rev();
        ctes.find(|cte| cte.name == name).cloned()
    }

    /// Returns the query of all columns of `tree`, each under a name of its own, and these names.
    fn subquery(
        &mut self,
        tree: TableWithJoins,
        relation: &Relation,
    ) -> Result<(sqlparser::ast::Query, Vec<String>), Error> {
        let unknown = || {
            Error::new("the columns of a join in parentheses are not known")
                .hint("name them in a subquery: `(SELECT … FROM … JOIN …) AS x`")
        };
        let mut query = parse::query("SELECT 1 FROM t").ok_or_else(unknown)?;
        let SetExpr::Select(select) = query.body.as_mut() else {
            return Err(unknown());
        };
        let names = relation.names().ok_or_else(unknown)?;
        let mut called = Vec::new();
        let items = relation.star(&WildcardAdditionalOptions::default())?;
        select.projection = items
            .into_iter()
            .zip(&names)
            .map(|(item, name)| {
                let is_double = names.iter().filter(|other| *other == name).count() > 1;
                let expr = match item {
                    SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr,
                    _ => return Err(unknown()),
                };
                let name = match is_double {
                    // Nobody can mean one of them by its name alone.
                    true => expr.to_string().replace('"', ""),
                    false => name.clone(),
                };
                called.push(name.clone());
                let alias = Ident::with_quote('"', name);
                Ok(SelectItem::ExprWithAlias { expr, alias })
            })
            .collect::<Result<_, _>>()?;
        select.from = vec![tree];
        Ok((query, called))
    }
}

/// Returns the names of the columns of a function in FROM, if they are known.
fn function_columns(name: &ObjectName, alias: Option<&TableAlias>) -> Names {
    let function = folded(last_ident(name)?);
    let columns: &[&str] = match function.as_str() {
        "json_each" | "json_tree" => &[
            "key", "value", "type", "atom", "id", "parent", "fullkey", "path",
        ],
        // The column of a series is called like its alias, or like the function.
        "generate_series" | "range" => {
            return Some(vec![alias.map_or(function, |alias| folded(&alias.name))]);
        }
        _ => return None,
    };
    Some(columns.iter().map(|&column| column.to_owned()).collect())
}

/// Returns the columns of a table that is read as it is.
pub(super) fn table(
    name: &ObjectName,
    alias: Option<&TableAlias>,
    columns: &super::Columns<'_>,
) -> Relation {
    known(&qualifier(name, alias), columns(name))
}

fn known(qualifier: &[Ident], columns: Names) -> Relation {
    match columns {
        Some(columns) => Relation::of(qualifier, &columns),
        None => Relation::unknown(qualifier),
    }
}

/// Returns what qualifies the columns of a table.
fn qualifier(name: &ObjectName, alias: Option<&TableAlias>) -> Vec<Ident> {
    match alias {
        Some(alias) => vec![alias.name.clone()],
        None => (name.0.iter().filter_map(ObjectNamePart::as_ident).cloned()).collect(),
    }
}

fn key(name: &ObjectName) -> Option<Ident> {
    match name.0.as_slice() {
        [part] => part.as_ident().cloned(),
        _ => None,
    }
}

/// Returns the columns that both sides have, in the order of the left one.
fn in_common(left: &Relation, right: &Relation) -> Result<Vec<Ident>, Error> {
    let (Some(left), Some(right)) = (left.names(), right.names()) else {
        return Err(
            Error::new("the columns of a NATURAL join are not known here")
                .hint("name the columns that both sides have: `JOIN … USING (…)`"),
        );
    };
    let mut common: Vec<Ident> = Vec::new();
    for name in left {
        if right.contains(&name) && common.iter().all(|ident| ident.value != name) {
            common.push(Ident::with_quote('"', name));
        }
    }
    Ok(common)
}

fn alias_of(name: Ident) -> TableAlias {
    TableAlias {
        explicit: true,
        name,
        columns: Vec::new(),
        at: None,
    }
}
