//! Select lists: what `spec.*` stands for, and the names of items.
//!
//! The planner wants a name of its own for every item, and names an item after what it makes of it. Results are renamed
//! at the very end, see [`crate::dialect::output_names`].

use std::collections::HashSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    CaseWhen, Distinct, Expr, GroupByExpr, Ident, ObjectNamePart, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, Statement, Value, VisitorMut,
    WildcardAdditionalOptions,
};

use super::rule::Context;
use crate::dialect::ast::{apart, args, folded, idents, taken};
use crate::dialect::path::{Path, nested_column};
use crate::dialect::walk::{Walk, WalkMut};

/// Selects the fields of an object in the place of its star.
///
/// ```sql
/// SELECT k.spec.owner.* FROM t k
/// -- becomes
/// SELECT k.spec.owner.id, k.spec.owner.environment, k.spec.owner.related, k.spec.owner.resource_name,
/// k.spec.owner.api_version, k.spec.owner.kind FROM t k
/// ```
///
/// Not a list, whose elements have the fields, not with EXCLUDE and the like, not where a table is called `spec`, and not where
/// tables of the statement have other fields there.
pub(super) fn spread_objects(select: &mut Select, context: &Context<'_>) {
    let items = std::mem::take(&mut select.projection);
    select.projection = items
        .into_iter()
        .flat_map(|item| spread(&item, context).unwrap_or_else(|| vec![item]))
        .collect();
}

fn spread(item: &SelectItem, context: &Context<'_>) -> Option<Vec<SelectItem>> {
    let SelectItem::QualifiedWildcard(kind, options) = item else {
        return None;
    };
    let path = match kind {
        SelectItemQualifiedWildcardKind::ObjectName(name) => name
            .0
            .iter()
            .map(|part| part.as_ident().cloned())
            .collect::<Option<Vec<_>>>()?,
        SelectItemQualifiedWildcardKind::Expr(expr) => idents(expr)?,
    };
    let at = nested_column(&path, context.shape)?;
    // An unqualified `spec` may be a table of that name.
    if !is_plain(options) || at == 0 && context.tables.contains(&folded(&path[0])) {
        return None;
    }
    let names: Vec<String> = path[at..].iter().map(folded).collect();
    let object = context.shape.find_in(&context.tables, &names)?;
    if !object.is_nested() {
        return None;
    }
    let items = object.fields.iter().map(|field| {
        let mut path = path.clone();
        path.push(Ident::new(&field.name));
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path))
    });
    Some(items.collect())
}

fn is_plain(options: &WildcardAdditionalOptions) -> bool {
    matches!(
        options,
        WildcardAdditionalOptions {
            wildcard_token: _,
            opt_ilike: None,
            opt_exclude: None,
            opt_except: None,
            opt_replace: None,
            opt_rename: None,
            opt_alias: None,
        }
    )
}

/// Gives items the aliases that the planner needs to tell them apart: a path is named as it is written, a conversion
/// beside what it converts is named too, and what is listed twice is numbered.
///
/// ```sql
/// SELECT spec.owner.id, id, id::date, count(*), count(*) FROM t
/// -- becomes
/// SELECT spec.owner.id AS "spec.owner.id", id, id::DATE AS "id::DATE", count(*), count(*) AS "count(*)_1" FROM t
/// ```
///
/// Not one field of two tables: each keeps its table. What the planner only makes equal while it plans is left to
/// [`name_every_item`].
pub(super) fn name_items(select: &mut Select, context: &Context<'_>) {
    let items: Vec<Item> = select
        .projection
        .iter()
        .map(|item| Item::of(item, context, select))
        .collect();
    let mut taken: HashSet<String> = items.iter().filter_map(Item::name).collect();
    for (position, item) in select.projection.iter_mut().enumerate() {
        let Some(alias) = alias(&items, position, &mut taken) else {
            continue;
        };
        let alias = Ident::with_quote('"', alias);
        match item {
            SelectItem::UnnamedExpr(expr) => {
                *item = SelectItem::ExprWithAlias {
                    expr: expr.clone(),
                    alias,
                };
            }
            SelectItem::ExprWithAlias { alias: typed, .. } => *typed = alias,
            _ => {}
        }
    }
}

/// Gives an alias to every item that is neither a name nor has one.
///
/// ```sql
/// SELECT SUBSTR(x, 2), SUBSTRING(x FROM 2) FROM t
/// -- becomes
/// SELECT SUBSTR(x, 2) AS "SUBSTR(x, 2)", SUBSTRING(x FROM 2) AS "SUBSTRING(x FROM 2)" FROM t
/// ```
///
/// Not before the engine has refused the list: the aliases would hide which items are paths.
pub(super) fn name_every_item(statement: &mut Statement) -> bool {
    let mut namer = Namer(false);
    let _ = statement.walk_mut(&mut namer);
    namer.0
}

struct Namer(bool);

impl VisitorMut for Namer {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut taken: HashSet<String> = HashSet::new();
        for item in &mut select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) if idents(expr).is_none() => {
                    let text = expr.to_string();
                    let name = match taken.insert(text.clone()) {
                        true => text,
                        false => numbered(&format!("{text}_"), &mut taken),
                    };
                    *item = SelectItem::ExprWithAlias {
                        expr: expr.clone(),
                        alias: Ident::with_quote('"', name),
                    };
                    self.0 = true;
                }
                SelectItem::ExprWithAlias { alias, .. } => {
                    taken.insert(folded(alias));
                }
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }
}

/// Gives conversions a name that is not that of what they convert, where both are keys of groups or of DISTINCT ON, or in aggregates: those
/// have no alias that could tell them apart.
///
/// ```sql
/// SELECT x, CAST(x AS TEXT) AS t, count(*) FROM t GROUP BY x, CAST(x AS TEXT)
/// -- becomes
/// SELECT x, CASE WHEN true THEN CAST(x AS TEXT) END AS t, count(*) FROM t GROUP BY x, CASE WHEN true THEN CAST(x AS TEXT) END
/// ```
///
/// The planner takes the CASE away again, when it has named everything.
pub(super) fn disambiguate_casts(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return;
    };
    if !has_cast_beside_its_operand(select) {
        return;
    }
    let mut casts = Casts::default();
    let mut tell_apart = || {
        select.projection.walk_mut(&mut casts)?;
        select.distinct.walk_mut(&mut casts)?;
        select.group_by.walk_mut(&mut casts)?;
        select.having.walk_mut(&mut casts)?;
        query.order_by.walk_mut(&mut casts)
    };
    // It breaks off at the first conversion that is distinct already.
    let _ = tell_apart();
}

/// Returns true if a key of a group or an argument of a call converts what is another one, or an item.
fn has_cast_beside_its_operand(select: &Select) -> bool {
    let (mut operands, mut others) = (HashSet::new(), HashSet::new());
    let mut look = |expr: &Expr| {
        let mut operand = expr;
        while let Expr::Cast { expr, .. } | Expr::Nested(expr) = operand {
            operand = expr;
        }
        match operand == expr {
            true => others.insert(expr.to_string()),
            false => operands.insert(operand.to_string()),
        };
    };
    if let Some(Distinct::On(keys)) = &select.distinct {
        keys.iter().for_each(&mut look);
    }
    let mut has_groups = true;
    match &select.group_by {
        GroupByExpr::Expressions(keys, _) => {
            keys.iter().for_each(&mut look);
            has_groups = !keys.is_empty();
        }
        GroupByExpr::All(_) => {}
    }
    for item in &select.projection {
        let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else {
            continue;
        };
        if has_groups {
            look(expr);
        }
        let _ = expr.expressions(|expr| {
            if let Expr::Function(function) = expr {
                args(function).for_each(&mut look);
            }
            ControlFlow::<()>::Continue(())
        });
    }
    !operands.is_disjoint(&others)
}

#[derive(Default)]
struct Casts {
    /// True right below a CASE of ours.
    is_apart: bool,
}

impl VisitorMut for Casts {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let is_cast = matches!(expr, Expr::Cast { .. });
        if is_cast && self.is_apart {
            return ControlFlow::Break(());
        }
        self.is_apart = matches!(expr, Expr::Case { operand: None, conditions, else_result: None, .. }
            if matches!(conditions.as_slice(), [CaseWhen { condition, .. }] if is_true(condition)))
            || self.is_apart && is_true(expr);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Cast { .. }) {
            let cast = taken(expr);
            *expr = apart(Expr::Value(Value::Boolean(true).into()), cast);
        }
        ControlFlow::Continue(())
    }
}

fn is_true(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if value.value == Value::Boolean(true))
}

/// Returns the alias that the item at `position` needs. `taken` are the names that others have.
fn alias(items: &[Item], position: usize, taken: &mut HashSet<String>) -> Option<String> {
    let Item::Value {
        text,
        planned,
        name,
        is_named,
        is_path,
        is_in_star,
    } = &items[position]
    else {
        return None;
    };
    let others = |wanted: &dyn Fn(&Item) -> bool| {
        let mut others = items.iter().enumerate();
        others.any(|(other, item)| other != position && wanted(item))
    };
    let before = |item: &Item| matches!(item, Item::Value { text: other, .. } if other == text);
    let is_again = items[..position].iter().any(before);
    if *is_named {
        // As the engine calls it where two tables give one name. Nobody can mean either of them by the name alone.
        return is_again.then(|| numbered(&format!("{name}:"), taken));
    }
    if *is_in_star || is_again {
        return Some(numbered(&format!("{name}_"), taken));
    }
    if *is_path {
        // Of the same field of two tables, each keeps its table.
        let unique = !others(&|item| item.name().as_ref() == Some(name) && !before(item));
        return unique.then(|| name.clone());
    }
    let collides = |item: &Item| {
        matches!(item, Item::Value { planned: other, .. } if other == planned) && !before(item)
    };
    (planned != text && others(&collides)).then(|| name.clone())
}

/// Returns `beginning` with the first number after it that makes it a name that is not taken.
fn numbered(beginning: &str, taken: &mut HashSet<String>) -> String {
    let mut number = 1;
    loop {
        let candidate = format!("{beginning}{number}");
        if taken.insert(candidate.clone()) {
            return candidate;
        }
        number += 1;
    }
}

/// An item of a select list, by what distinguishes it.
enum Item {
    /// Any number of columns.
    Star,
    /// One column.
    Value {
        /// As it is typed; its alias, if it has one.
        text: String,
        /// What the planner calls it after: a conversion and what is converted are one to it.
        planned: String,
        /// What people would call it.
        name: String,
        /// True if it has an alias.
        is_named: bool,
        /// True for a path into one of our nested columns.
        is_path: bool,
        /// True for a column that a star in the same list stands for as well.
        is_in_star: bool,
    },
}

impl Item {
    fn of(item: &SelectItem, context: &Context<'_>, select: &Select) -> Self {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let path = Path::of(expr, context.shape, &context.tables).map(|path| path.name());
                let last = idents(expr).and_then(|idents| idents.last().map(folded));
                let text = spelled(expr);
                Self::Value {
                    planned: planned(expr),
                    is_named: false,
                    is_path: path.is_some(),
                    is_in_star: path.is_none() && is_in_star(expr, select),
                    name: path.or(last).unwrap_or_else(|| expr.to_string()),
                    text,
                }
            }
            SelectItem::ExprWithAlias { alias, .. } => {
                let name = folded(alias);
                Self::Value {
                    text: name.clone(),
                    planned: name.clone(),
                    name,
                    is_named: true,
                    is_path: false,
                    is_in_star: false,
                }
            }
            _ => Self::Star,
        }
    }

    fn name(&self) -> Option<String> {
        match self {
            Self::Star => None,
            Self::Value { name, .. } => Some(name.clone()),
        }
    }
}

/// Returns `expr` as text in which names differ only if they mean something else.
pub(super) fn spelled(expr: &Expr) -> String {
    match idents(expr) {
        Some(idents) => idents.iter().map(folded).collect::<Vec<_>>().join("."),
        // Case matters in strings and quoted names alone.
        None => match expr.to_string() {
            text if text.contains(['\'', '"']) => text,
            text => text.to_lowercase(),
        },
    }
}

/// Returns what the planner calls `expr` after: what is converted, if it is a conversion.
fn planned(expr: &Expr) -> String {
    match expr {
        Expr::Cast { expr, .. } | Expr::Nested(expr) => planned(expr),
        Expr::AtTimeZone { timestamp, .. } => planned(timestamp),
        Expr::TypedString(typed) => typed.value.to_string(),
        expr => spelled(expr),
    }
}

/// Returns true if `expr` is a column that a star beside it stands for in any case.
fn is_in_star(expr: &Expr, select: &Select) -> bool {
    let (Some(column), false) = (idents(expr), select.from.is_empty()) else {
        return false;
    };
    let is_alone = matches!(select.from.as_slice(), [table] if table.joins.is_empty());
    select.projection.iter().any(|item| match item {
        SelectItem::Wildcard(options) => is_plain(options),
        SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(name),
            options,
        ) => {
            let names: Vec<_> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
            let qualifier = column[..column.len() - 1].iter().map(folded);
            is_plain(options) && (is_alone || qualifier.eq(names.into_iter().map(folded)))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::rewritten;

    #[test]
    fn unaliased_paths_are_named_as_they_are_read() {
        insta::assert_snapshot!(rewritten("SELECT id, spec.owner.id, k.metadata.self, spec.resources[1].id, spec.secret AS s FROM api_keys k"), @r#"SELECT id, spec['owner']['id'] AS "spec.owner.id", k.metadata['self'] AS "metadata.self", spec['resources'][1]['id'] AS "spec.resources[1].id", spec['secret'] AS s FROM api_keys k"#);
        insta::assert_snapshot!(rewritten("SELECT a.spec.owner.id, b.spec.owner.id FROM api_keys a, api_keys b"), @"SELECT a.spec['owner']['id'], b.spec['owner']['id'] FROM api_keys a, api_keys b");
        insta::assert_snapshot!(rewritten("CREATE VIEW v AS SELECT spec.owner.id FROM api_keys"), @r#"CREATE VIEW v AS SELECT spec['owner']['id'] AS "spec.owner.id" FROM api_keys"#);
    }

    #[test]
    fn conversions_of_one_thing_are_told_apart() {
        insta::assert_snapshot!(rewritten("SELECT id, id::date, CAST(id AS INT), kind::date FROM t"), @r#"SELECT id, id::DATE AS "id::DATE", CAST(id AS INT) AS "CAST(id AS INT)", kind::DATE FROM t"#);
    }

    #[test]
    fn what_stands_there_twice_is_numbered() {
        insta::assert_snapshot!(rewritten("SELECT id, ID, count(*), count(*), 1 AS id_1, 2 AS id_1 FROM t"), @r#"SELECT id, ID AS "id_2", count(*), count(*) AS "count(*)_1", 1 AS id_1, 2 AS "id_1:1" FROM t"#);
        insta::assert_snapshot!(rewritten("SELECT spec.owner.id, spec.owner.id FROM api_keys"), @r#"SELECT spec['owner']['id'] AS "spec.owner.id", spec['owner']['id'] AS "spec.owner.id_1" FROM api_keys"#);
        insta::assert_snapshot!(rewritten("SELECT DATE '2026-01-01', TIMESTAMP '2026-01-01' FROM t"), @r#"SELECT DATE '2026-01-01' AS "DATE '2026-01-01'", TIMESTAMP(6) '2026-01-01' AS "TIMESTAMP '2026-01-01'" FROM t"#);
    }

    #[test]
    fn a_column_beside_the_star_that_holds_it_is_numbered() {
        insta::assert_snapshot!(rewritten("SELECT *, id, a.kind FROM a"), @r#"SELECT *, id AS "id_1", a.kind AS "kind_1" FROM a"#);
        insta::assert_snapshot!(rewritten("SELECT a.*, id FROM a"), @r#"SELECT a.*, id AS "id_1" FROM a"#);
        insta::assert_snapshot!(rewritten("SELECT a.*, b.id, a.kind FROM a, b"), @r#"SELECT a.*, b.id, a.kind AS "kind_1" FROM a, b"#);
        insta::assert_snapshot!(rewritten("SELECT * EXCLUDE (id), id FROM a"), @"SELECT * EXCLUDE (id), id FROM a");
    }

    #[test]
    fn the_star_of_an_object_is_its_fields() {
        insta::assert_snapshot!(rewritten("SELECT id, k.spec.owner.* FROM api_keys k"), @r#"SELECT id, k.spec['owner']['id'] AS "spec.owner.id", k.spec['owner']['environment'] AS "spec.owner.environment", k.spec['owner']['related'] AS "spec.owner.related", k.spec['owner']['resource_name'] AS "spec.owner.resource_name", k.spec['owner']['api_version'] AS "spec.owner.api_version", k.spec['owner']['kind'] AS "spec.owner.kind" FROM api_keys k"#);
        insta::assert_snapshot!(rewritten("SELECT spec.* FROM t AS spec"), @"SELECT spec.* FROM t AS spec");
    }
}
