//! The columns of a FROM clause, or of a part of it, and what `*` expands to.

use sqlparser::ast::{
    ExcludeSelectItem, Expr, Ident, ObjectName, ObjectNamePart, RenameSelectItem, Select,
    SelectItem, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use crate::dialect::ast::{folded, idents};
use crate::dialect::error::{Error, meant, nearest};

/// The names of the columns of a table or a query; None if not all of them are known.
pub(super) type Names = Option<Vec<String>>;

/// The columns of a FROM clause, or of a part of it, in the order of `SELECT *`.
#[derive(Debug, Clone, Default)]
pub(super) struct Relation {
    parts: Vec<Part>,
    /// The tables, also those whose columns have all been merged.
    tables: Vec<Table>,
}

#[derive(Debug, Clone)]
struct Table {
    /// What it is called.
    qualifier: Vec<Ident>,
    /// The names of its columns; None if they are not known.
    columns: Names,
}

#[derive(Debug, Clone)]
enum Part {
    Column(Column),
    /// The columns of a table that are not known, but for those that have been merged.
    Rest {
        qualifier: Vec<Ident>,
        without: Vec<Ident>,
    },
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    /// The table before it; empty if it is merged.
    qualifier: Vec<Ident>,
    /// What its name stands for.
    value: Box<Expr>,
}

impl Column {
    fn is_merged(&self) -> bool {
        self.qualifier.is_empty()
    }
}

/// What an unqualified name is.
pub(super) enum Found<'r> {
    /// No column of this relation.
    Nothing,
    /// A merged column.
    Merged(&'r Expr),
    /// Columns of two tables.
    Ambiguous,
    /// Two columns of this table.
    Twice(&'r [Ident]),
    /// One that the engine finds, if any.
    Other,
}

impl Relation {
    /// The columns `names` of a table that is called `qualifier`.
    pub(super) fn of(qualifier: &[Ident], names: &[String]) -> Self {
        let column = |name: &String| {
            Part::Column(Column {
                name: name.clone(),
                qualifier: qualifier.to_vec(),
                value: Box::new(qualified(qualifier, Ident::with_quote('"', name))),
            })
        };
        Self {
            parts: names.iter().map(column).collect(),
            tables: vec![Table {
                qualifier: qualifier.to_vec(),
                columns: Some(names.to_vec()),
            }],
        }
    }

    /// A table that is called `qualifier` and has columns that are not known.
    pub(super) fn unknown(qualifier: &[Ident]) -> Self {
        Self {
            parts: vec![Part::Rest {
                qualifier: qualifier.to_vec(),
                without: Vec::new(),
            }],
            tables: vec![Table {
                qualifier: qualifier.to_vec(),
                columns: None,
            }],
        }
    }

    /// Puts the columns of `other` after these.
    pub(super) fn append(&mut self, other: Self) {
        self.parts.extend(other.parts);
        self.tables.extend(other.tables);
    }

    /// Puts a merged column after these.
    pub(super) fn push_merged(&mut self, name: String, value: Expr) {
        self.parts.push(Part::Column(Column {
            name,
            qualifier: Vec::new(),
            value: Box::new(value),
        }));
    }

    /// Takes the column `ident`, which is to be merged, out.
    ///
    /// Fails if it is not there, or there twice; `side` is "left" or "right".
    pub(super) fn take(&mut self, ident: &Ident, side: &str) -> Result<Expr, Error> {
        let name = folded(ident);
        let at: Vec<usize> = (0..self.parts.len())
            .filter(|&at| matches!(&self.parts[at], Part::Column(column) if column.name == name))
            .collect();
        match at.as_slice() {
            [at] => match self.parts.remove(*at) {
                Part::Column(column) => Ok(*column.value),
                Part::Rest { .. } => Err(Error::new("a column was expected")),
            },
            [] => {
                let mut rests = self.parts.iter_mut().filter_map(|part| match part {
                    Part::Rest { qualifier, without } => Some((qualifier, without)),
                    Part::Column(_) => None,
                });
                match (rests.next(), rests.next()) {
                    (Some((qualifier, without)), None) => {
                        without.push(ident.clone());
                        Ok(qualified(qualifier, ident.clone()))
                    }
                    _ => Err(self.no_column(ident, side)),
                }
            }
            _ => Err(Error::new(format!(
                "column `{}` is in more than one of the tables to the {side} of the join",
                ident.value
            ))
            .at(ident.span)
            .hint("join ON a condition that names the table, as in `a.x = b.x`")),
        }
    }

    fn no_column(&self, ident: &Ident, side: &str) -> Error {
        let error = Error::new(format!(
            "no column `{}` in the tables to the {side} of the join",
            ident.value
        ))
        .at(ident.span);
        let names = self.columns().map(|column| column.name.as_str());
        error.hint(meant(
            nearest(&ident.value, names),
            "the columns of USING are in the tables of both sides",
        ))
    }

    fn columns(&self) -> impl Iterator<Item = &Column> {
        self.parts.iter().filter_map(|part| match part {
            Part::Column(column) => Some(column),
            Part::Rest { .. } => None,
        })
    }

    /// Returns the names of the columns; None if some are not known.
    pub(super) fn names(&self) -> Names {
        let name = |part: &Part| match part {
            Part::Column(column) => Some(column.name.clone()),
            Part::Rest { .. } => None,
        };
        self.parts.iter().map(name).collect()
    }

    /// Returns the columns that `item` stands for, each with its name, if it is a star of all columns of tables that are known.
    pub(super) fn columns_of_star(&self, item: &SelectItem) -> Option<Vec<(String, Expr)>> {
        match item {
            SelectItem::Wildcard(options) if is_plain(options) => {
                let column = |part: &Part| match part {
                    Part::Column(column) => Some((column.name.clone(), (*column.value).clone())),
                    Part::Rest { .. } => None,
                };
                self.parts.iter().map(column).collect()
            }
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(table),
                options,
            ) if is_plain(options) => {
                let table = table.0.iter().filter_map(ObjectNamePart::as_ident).cloned();
                let table: Vec<Ident> = table.collect();
                let names = self.names_of(&table)?.into_iter();
                let column = |name: String| {
                    let column = qualified(&table, Ident::with_quote('"', &name));
                    (name, column)
                };
                Some(names.map(column).collect())
            }
            _ => None,
        }
    }

    /// Returns the names of the columns of `table`, merged ones among them, if it is one table and they are known.
    fn names_of(&self, table: &[Ident]) -> Names {
        let mut tables = (self.tables.iter()).filter(|known| ends_with(&known.qualifier, table));
        match (tables.next(), tables.next()) {
            (Some(known), None) => known.columns.clone(),
            _ => None,
        }
    }

    /// Returns true if one of the tables is called `table`, as far as that is said.
    pub(super) fn has_table(&self, table: &[Ident]) -> bool {
        (self.tables.iter()).any(|known| ends_with(&known.qualifier, table))
    }

    /// Returns what `name` is without a table before it.
    pub(super) fn find(&self, name: &str) -> Found<'_> {
        let mut same = self.columns().filter(|column| column.name == name);
        let is_open = || {
            self.parts
                .iter()
                .any(|part| matches!(part, Part::Rest { .. }))
        };
        match (same.next(), same.next()) {
            (None, _) if is_open() => Found::Other,
            (None, _) => Found::Nothing,
            (Some(column), None) if column.is_merged() => Found::Merged(&column.value),
            (Some(_), None) => Found::Other,
            (Some(one), Some(other)) if one.qualifier == other.qualifier => {
                Found::Twice(&one.qualifier)
            }
            _ => Found::Ambiguous,
        }
    }

    /// Returns the column `name` with its table, if there is one such column and its table has a name.
    pub(super) fn qualified(&self, name: &str) -> Option<Expr> {
        let mut same = self.columns().filter(|column| column.name == name);
        match (self.find(name), same.next()) {
            (Found::Merged(value), _) => Some(value.clone()),
            (Found::Other, Some(column)) if !column.qualifier.is_empty() => {
                Some((*column.value).clone())
            }
            _ => None,
        }
    }

    /// Returns true if it is known that there is a column `name`.
    pub(super) fn has_column(&self, name: &str) -> bool {
        self.columns().any(|column| column.name == name)
    }

    /// Returns `expr` in one spelling, if it is a column: its table and its name.
    pub(super) fn path(&self, expr: &Expr) -> String {
        let column = match expr {
            Expr::Identifier(ident) => self.qualified(&folded(ident)),
            _ => None,
        };
        let column = column.as_ref().unwrap_or(expr);
        match idents(column).as_deref() {
            Some([.., table, name]) => format!("{}.{}", folded(table), folded(name)),
            _ => column.to_string(),
        }
    }

    /// Returns true if `name` may be a column of this relation.
    pub(super) fn may_have(&self, name: &str) -> bool {
        !matches!(self.find(name), Found::Nothing)
    }

    /// Replaces `*` in the select list by the columns, the merged ones once.
    ///
    /// Fails for `* ILIKE`, which nothing is known of here.
    pub(super) fn spread_stars(&self, select: &mut Select) -> Result<(), Error> {
        let items = std::mem::take(&mut select.projection);
        for item in items {
            match item {
                SelectItem::Wildcard(options) => select.projection.extend(self.star(&options)?),
                item => select.projection.push(item),
            }
        }
        Ok(())
    }

    /// Returns the select list that stands for `*`.
    pub(super) fn star(
        &self,
        options: &WildcardAdditionalOptions,
    ) -> Result<Vec<SelectItem>, Error> {
        if options.opt_ilike.is_some() {
            return Err(
                Error::new("`* ILIKE` over a join with USING is not supported")
                    .hint("name the columns"),
            );
        }
        let left_out = left_out(options);
        let mut items = Vec::new();
        for part in &self.parts {
            match part {
                Part::Column(column) if left_out.contains(&column.name) => {}
                Part::Column(column) => items.push(item(column, options)),
                Part::Rest { qualifier, without } => {
                    let names = without
                        .iter()
                        .map(|name| ObjectName::from(vec![name.clone()]));
                    let names: Vec<_> = names.collect();
                    items.push(SelectItem::QualifiedWildcard(
                        SelectItemQualifiedWildcardKind::ObjectName(ObjectName::from(
                            qualifier.clone(),
                        )),
                        WildcardAdditionalOptions {
                            opt_exclude: (!names.is_empty())
                                .then_some(ExcludeSelectItem::Multiple(names)),
                            ..WildcardAdditionalOptions::default()
                        },
                    ));
                }
            }
        }
        Ok(items)
    }
}

/// Returns true if `name` may be a column of one of `relations`.
pub(super) fn any_may_have(relations: &[Relation], name: &str) -> bool {
    relations.iter().any(|relation| relation.may_have(name))
}

/// Returns true if `qualifier` ends with `table`.
fn ends_with(qualifier: &[Ident], table: &[Ident]) -> bool {
    let mut qualifier = qualifier.iter().rev().map(folded);
    let mut table = table.iter().rev();
    table.all(|ident| qualifier.next() == Some(folded(ident)))
}

/// Returns the item of a select list for a column that `*` stands for.
fn item(column: &Column, options: &WildcardAdditionalOptions) -> SelectItem {
    let replaced = options.opt_replace.as_ref().and_then(|replace| {
        let mut items = replace.items.iter();
        items.find(|item| folded(&item.column_name) == column.name)
    });
    let renamed = match &options.opt_rename {
        Some(RenameSelectItem::Single(one)) => std::slice::from_ref(one),
        Some(RenameSelectItem::Multiple(several)) => several,
        None => &[],
    };
    let renamed = renamed.iter().find(|it| folded(&it.ident) == column.name);
    let alias = match renamed {
        Some(renamed) => Some(renamed.alias.clone()),
        None if replaced.is_some() || column.is_merged() => {
            Some(Ident::with_quote('"', &column.name))
        }
        None => None,
    };
    let expr = replaced.map_or_else(|| column.value.as_ref().clone(), |it| it.expr.clone());
    match alias {
        Some(alias) => SelectItem::ExprWithAlias { expr, alias },
        None => SelectItem::UnnamedExpr(expr),
    }
}

/// Returns the names that `* EXCLUDE` or `* EXCEPT` leaves out.
fn left_out(options: &WildcardAdditionalOptions) -> Vec<String> {
    let last = |name: &ObjectName| name.0.last().and_then(ObjectNamePart::as_ident).map(folded);
    let mut names: Vec<String> = match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => last(name).into_iter().collect(),
        Some(ExcludeSelectItem::Multiple(names)) => names.iter().filter_map(last).collect(),
        None => Vec::new(),
    };
    if let Some(except) = &options.opt_except {
        names.push(folded(&except.first_element));
        names.extend(except.additional_elements.iter().map(folded));
    }
    names
}

/// Returns true for a star that stands for all columns under their own names.
fn is_plain(options: &WildcardAdditionalOptions) -> bool {
    options.opt_ilike.is_none()
        && options.opt_exclude.is_none()
        && options.opt_except.is_none()
        && options.opt_replace.is_none()
        && options.opt_rename.is_none()
        && options.opt_alias.is_none()
}

fn qualified(qualifier: &[Ident], name: Ident) -> Expr {
    let mut idents = qualifier.to_vec();
    idents.push(name);
    match <[Ident; 1]>::try_from(idents) {
        Ok([ident]) => Expr::Identifier(ident),
        Err(idents) => Expr::CompoundIdentifier(idents),
    }
}
