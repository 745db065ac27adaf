//! The names of items of a select list that were given none, as PostgreSQL names them.
//!
//! `x::text` is called `x`, `spec.owner.id` is called `id`, and `count(*)` is called `count`. The engine has long names of
//! its own for these, so that a query around them would not find the column, and would take one of an outer query.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{
    AccessExpr, DataType, Expr, Ident, SelectItem, SetExpr, Statement, TimezoneInfo, TrimWhereField,
};

use super::relation::Relation;
use crate::dialect::Dialect;
use crate::dialect::ast::{folded, last_ident};
use crate::dialect::parse;
use crate::dialect::walk::Walk;

/// What an item is called that was given no name.
pub(super) struct Own {
    /// Its name in PostgreSQL.
    pub(super) name: String,
    /// True if the engine calls it otherwise.
    pub(super) is_hidden: bool,
    /// The path into a nested column that it is.
    pub(super) path: Option<Vec<String>>,
}

/// How items are named.
pub(super) struct Naming {
    /// True if calls and conditions have a name, and not only what has that of a column.
    has_calls: bool,
    dialect: Dialect,
}

impl Naming {
    /// In the dialect `stackql`, and in a statement with a name such as `"count(*)"`, calls are called as they are written.
    pub(super) fn of(statement: &EngineStatement, dialect: Dialect) -> Self {
        let is_call = |ident: &Ident| ident.quote_style.is_some() && ident.value.contains('(');
        let named = |statement: &Statement| {
            statement.expressions(|expr| match expr {
                Expr::Identifier(ident) if is_call(ident) => ControlFlow::Break(()),
                Expr::CompoundIdentifier(path) if path.iter().any(is_call) => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            })
        };
        let names_a_call = parse::as_sql(statement).is_some_and(|it| named(it).is_break());
        Self {
            has_calls: dialect == Dialect::Default && !names_a_call,
            dialect,
        }
    }

    /// Returns true if a name that several items have is an error, as in PostgreSQL.
    pub(super) fn is_strict(&self) -> bool {
        self.dialect == Dialect::Default
    }

    /// Returns the name of `expr` over `from`; None if it has none.
    pub(super) fn name(&self, expr: &Expr, from: &Relation) -> Option<Own> {
        let hidden = |name: &str| {
            Some(Own {
                name: name.to_owned(),
                is_hidden: true,
                path: None,
            })
        };
        let call = |name: &str| self.has_calls.then(|| hidden(name)).flatten();
        match expr {
            Expr::Identifier(ident) => {
                let name = folded(ident);
                Some(Own {
                    is_hidden: !from.may_have(&name),
                    name,
                    path: None,
                })
            }
            Expr::CompoundIdentifier(path) => {
                let (last, table) = path.split_last()?;
                let is_column = from.has_table(table);
                let parts = || path.iter().map(folded).collect();
                Some(Own {
                    name: folded(last),
                    is_hidden: !is_column,
                    path: (!is_column).then(parts),
                })
            }
            Expr::Nested(expr) => self.name(expr, from),
            Expr::Collate { expr, .. } => self.name(expr, from),
            Expr::Cast {
                expr, data_type, ..
            } => match self.name(expr, from) {
                Some(own) => Some(Own {
                    is_hidden: true,
                    ..own
                }),
                None => call(type_name(data_type)?),
            },
            Expr::TypedString(typed) => call(type_name(&typed.data_type)?),
            Expr::Interval(_) => call("interval"),
            Expr::CompoundFieldAccess { root, access_chain } => {
                let field = access_chain.iter().rev().find_map(|access| match access {
                    AccessExpr::Dot(Expr::Identifier(field)) => Some(folded(field)),
                    _ => None,
                });
                match field {
                    Some(field) => hidden(&field),
                    None => hidden(&self.name(root, from)?.name),
                }
            }
            Expr::Function(function) => call(&folded(last_ident(&function.name)?)),
            Expr::Case { else_result, .. } => {
                let other = else_result.as_ref().and_then(|it| self.name(it, from));
                call(other.as_ref().map_or("case", |own| &own.name))
            }
            Expr::Subquery(query) => {
                let SetExpr::Select(select) = query.body.as_ref() else {
                    return None;
                };
                match select.projection.first()? {
                    SelectItem::ExprWithAlias { alias, .. } => hidden(&folded(alias)),
                    // Which tables it reads is not known here, and does not matter.
                    SelectItem::UnnamedExpr(expr) => {
                        hidden(&self.name(expr, &Relation::default())?.name)
                    }
                    _ => None,
                }
            }
            Expr::Exists { .. } => call("exists"),
            Expr::Extract { .. } => call("extract"),
            Expr::Substring { .. } => call("substring"),
            Expr::Position { .. } => call("position"),
            Expr::Trim { trim_where, .. } => call(match trim_where {
                Some(TrimWhereField::Leading) => "ltrim",
                Some(TrimWhereField::Trailing) => "rtrim",
                _ => "btrim",
            }),
            Expr::Ceil { .. } => call("ceil"),
            Expr::Floor { .. } => call("floor"),
            Expr::AtTimeZone { .. } => call("timezone"),
            Expr::Array(_) => call("array"),
            _ => None,
        }
    }

    /// Gives the items of a select list over `from` the names that a query around it may use. Returns the paths into nested
    /// columns that were named.
    ///
    /// A name that two items have names neither.
    pub(super) fn name_items(&self, items: &mut [SelectItem], from: &Relation) -> Vec<Vec<String>> {
        let mut names = Vec::new();
        for item in &*items {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => names.push(folded(alias)),
                SelectItem::UnnamedExpr(expr) => {
                    names.extend(self.name(expr, from).map(|own| own.name));
                }
                star => match from.columns_of_star(star) {
                    Some(columns) => names.extend(columns.into_iter().map(|(name, _)| name)),
                    None => return Vec::new(),
                },
            }
        }
        let mut paths = Vec::new();
        for item in items {
            let SelectItem::UnnamedExpr(expr) = item else {
                continue;
            };
            let Some(own) = self.name(expr, from).filter(|own| own.is_hidden) else {
                continue;
            };
            if names.iter().filter(|name| **name == own.name).count() == 1 {
                *item = SelectItem::ExprWithAlias {
                    expr: expr.clone(),
                    alias: Ident::with_quote('"', own.name),
                };
                paths.extend(own.path);
            }
        }
        paths
    }
}

/// Returns what PostgreSQL calls a type, for those that a value without a name is usually cast to.
fn type_name(data_type: &DataType) -> Option<&'static str> {
    Some(match data_type {
        DataType::Text => "text",
        DataType::Varchar(_) | DataType::CharacterVarying(_) => "varchar",
        DataType::SmallInt(_) => "int2",
        DataType::Int(_) | DataType::Integer(_) => "int4",
        DataType::BigInt(_) => "int8",
        DataType::Boolean | DataType::Bool => "bool",
        DataType::Real => "float4",
        DataType::Double(_) | DataType::DoublePrecision => "float8",
        DataType::Numeric(_) | DataType::Decimal(_) => "numeric",
        DataType::Date => "date",
        DataType::Interval { .. } => "interval",
        DataType::Timestamp(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => "timestamptz",
        DataType::Timestamp(..) => "timestamp",
        _ => return None,
    })
}

/// Returns true if the columns of the query of `statement` become those of a table or a view.
pub(super) fn is_relation(statement: &EngineStatement) -> bool {
    matches!(
        statement,
        EngineStatement::Statement(it)
            if matches!(**it, Statement::CreateView(_) | Statement::CreateTable(_))
    )
}
