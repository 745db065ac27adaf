//! Decides from predicates which requests can answer a query. Pure: it sends nothing.
//!
//! A predicate is read as *bounds*: for each of the paths that the service can look up or filter by, the set of values
//! that a row satisfying it may have. Bounds only ever say what cannot match, so a predicate that is not understood
//! bounds nothing, and the caller checks every row against the predicates themselves.
//!
//! The same reading serves EXPLAIN, the scan, predicates that a join supplies while it runs, and the writes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::Schema;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, DynamicFilterPhysicalExpr, InListExpr, Literal,
};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::expressions::Column;

use super::fields::get_field;
use crate::api::{Filters, KeyId};
use crate::resource::{Pushed, Resource};

/// Ids fetched one by one when the size of the organization is not known; beyond it, it is listed.
const MAX_GETS: usize = 300;

/// Filtered listings made side by side; beyond it, everything is listed once.
const MAX_LISTINGS: usize = 50;

/// The values that a row may have at one path.
type Values = BTreeSet<String>;

/// What predicates say about the paths that the service can look up or filter by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The values of the paths that are bound; any other path may have any value, or none.
    values: BTreeMap<Pushed, Values>,
    /// True if every row within the bounds satisfies the predicates, so that nothing else is left to check.
    exact: bool,
}

impl Bounds {
    /// No bounds, exactly: what an absent predicate says.
    pub(crate) const ALL: Self = Self {
        values: BTreeMap::new(),
        exact: true,
    };

    fn unknown() -> Self {
        Self {
            exact: false,
            ..Self::ALL
        }
    }

    fn on(path: Pushed, values: Values) -> Self {
        Self {
            values: BTreeMap::from([(path, values)]),
            exact: true,
        }
    }

    fn nothing() -> Self {
        Self::on(Pushed::Get, Values::new())
    }

    /// Returns true if the values at `path` are known.
    pub(super) fn names(&self, path: Pushed) -> bool {
        self.values.contains_key(&path)
    }

    /// Returns the values that the service writes in another way, each with that way and the path that it is compared with.
    pub(super) fn misspelled(
        &self,
        resource: &Resource,
    ) -> Vec<(&'static str, String, &'static str)> {
        let filters = resource.filters.iter().enumerate();
        let values = filters.flat_map(|(position, filter)| {
            let values = self
                .values
                .get(&Pushed::Filter(position))
                .into_iter()
                .flatten();
            values.filter_map(move |value| {
                Some((filter.column, value.clone(), (filter.written)(value)?))
            })
        });
        values.collect()
    }

    fn is_nothing(&self) -> bool {
        self.values.values().any(BTreeSet::is_empty)
    }

    /// Returns the bounds of rows that satisfy both.
    pub(crate) fn and(mut self, other: Self) -> Self {
        for (path, theirs) in other.values {
            match self.values.get_mut(&path) {
                Some(ours) => ours.retain(|value| theirs.contains(value)),
                None => {
                    self.values.insert(path, theirs);
                }
            }
        }
        self.exact &= other.exact;
        self
    }

    /// Returns the bounds of rows that satisfy either.
    pub(crate) fn or(mut self, mut other: Self) -> Self {
        if self.is_nothing() {
            return other;
        }
        if other.is_nothing() {
            return self;
        }
        // `(a and x) or (b and y)` bounds to `(a or b) and (x or y)`, which also holds `a and y`: it is exact only
        // if the two sides differ at one path at most.
        let paths: BTreeSet<_> = self.values.keys().chain(other.values.keys()).collect();
        let differs = |path: &&&Pushed| self.values.get(path) != other.values.get(path);
        let differing = paths.iter().filter(differs).count();
        self.exact = self.exact && other.exact && differing <= 1;
        self.values
            .retain(|path, ours| match other.values.get_mut(path) {
                Some(theirs) => {
                    ours.append(theirs);
                    true
                }
                None => false,
            });
        self
    }

    /// Reads the conjunction of `predicates`, expressions over columns named as in the table of `resource`.
    pub(crate) fn of<'p>(
        resource: &Resource,
        predicates: impl IntoIterator<Item = &'p Arc<dyn PhysicalExpr>>,
    ) -> Self {
        let predicates = predicates.into_iter();
        predicates
            .map(|predicate| read(resource, predicate))
            .fold(Self::ALL, Self::and)
    }
}

/// The requests that fetch every row within some bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// None: no row can match.
    Nothing,
    /// One GET for each id, side by side.
    Get {
        /// The ids.
        ids: Vec<KeyId>,
        /// What each of the requests needs besides.
        filters: Filters,
    },
    /// One listing for each, side by side. Where a parameter that the service requires is missing, there is one for each
    /// of its values.
    List(Vec<Filters>),
}

impl Plan {
    /// Returns one listing, of all there is.
    pub(super) fn list_all() -> Self {
        Self::List(vec![Filters::default()])
    }

    /// Chooses the cheapest requests for `bounds`.
    ///
    /// `known_pages` is the number of pages that the last complete listing of this session took, if there was one.
    pub(crate) fn choose(resource: &Resource, bounds: &Bounds, known_pages: Option<usize>) -> Self {
        if bounds.is_nothing() {
            return Self::Nothing;
        }
        if let Some(ids) = bounds.values.get(&Pushed::Get) {
            // What cannot be addressed cannot be the id of anything.
            let ids: Vec<KeyId> = ids.iter().filter_map(|id| KeyId::new(id)).collect();
            if ids.is_empty() {
                return Self::Nothing;
            }
            if ids.len() <= known_pages.unwrap_or(MAX_GETS).max(1)
                && let Some(filters) = filters_of_get(resource, bounds)
            {
                return Self::Get { ids, filters };
            }
        }
        let mut alternatives: Vec<_> = (0..resource.filters.len())
            .map(|position| alternatives(resource, bounds, position))
            .collect();
        // All together where that is few enough, else without those that take the most listings.
        while alternatives.iter().map(Vec::len).product::<usize>() > MAX_LISTINGS {
            let most = (0..alternatives.len()).max_by_key(|&filter| alternatives[filter].len());
            alternatives[most.unwrap_or_default()] = vec![Vec::new()];
        }
        let mut listings = vec![Filters::default()];
        for (filter, alternatives) in resource.filters.iter().zip(&alternatives) {
            let with = |listing: &Filters, values: &[&str]| {
                let values = values.iter();
                values.fold(listing.clone(), |listing, value| {
                    listing.with(filter.parameter, *value)
                })
            };
            listings = listings
                .iter()
                .flat_map(|listing| alternatives.iter().map(move |values| with(listing, values)))
                .collect();
        }
        Self::List(listings)
    }

    /// Returns true if the requests answer with the rows of `bounds` and no others, as far as the service keeps its
    /// word, so that a LIMIT may shrink the page.
    pub(crate) fn covers(&self, resource: &Resource, bounds: &Bounds) -> bool {
        let is_sent = |path: &Pushed| match (self, path) {
            (Self::Nothing, _) | (Self::Get { .. }, Pushed::Get) => true,
            (Self::List(_), Pushed::Get) => false,
            (Self::Get { filters, .. }, Pushed::Filter(position)) => {
                filters.has(resource.filters[*position].parameter)
            }
            (Self::List(listings), Pushed::Filter(position)) => {
                let filter = &resource.filters[*position];
                let mut listings = listings.iter();
                filter.is_exact && listings.all(|listing| listing.has(filter.parameter))
            }
        };
        bounds.exact && bounds.values.keys().all(is_sent)
    }
}

/// Returns the values that may be sent for the filter at `position`; None if none is known, or one of them cannot be sent.
fn sendable<'b>(resource: &Resource, bounds: &'b Bounds, position: usize) -> Option<Vec<&'b str>> {
    let filter = &resource.filters[position];
    let values = bounds.values.get(&Pushed::Filter(position))?.iter();
    // An empty filter means "no filter" to the service.
    let may_be_sent = |value: &&str| !value.is_empty() && (filter.is_sendable)(value);
    values
        .map(|value| Some(value.as_str()).filter(may_be_sent))
        .collect()
}

/// Returns what the filter at `position` may carry: one listing is made for each alternative.
fn alternatives<'b>(
    resource: &'b Resource,
    bounds: &'b Bounds,
    position: usize,
) -> Vec<Vec<&'b str>> {
    let filter = &resource.filters[position];
    match sendable(resource, bounds, position) {
        Some(values) if filter.is_repeatable && values.len() <= MAX_LISTINGS => vec![values],
        Some(values) => values.into_iter().map(|value| vec![value]).collect(),
        None => vec![Vec::new()],
    }
}

/// Returns the parameters that a GET by id needs; None if they are not known.
fn filters_of_get(resource: &Resource, bounds: &Bounds) -> Option<Filters> {
    let mut filters = Filters::default();
    for (position, filter) in resource.filters.iter().enumerate() {
        if filter.required.as_ref().is_some_and(|r| r.for_get) {
            let [value] = sendable(resource, bounds, position)?[..] else {
                return None;
            };
            filters = filters.with(filter.parameter, value);
        }
    }
    Some(filters)
}

/// Returns the paths in `expr` on which an equality saves something.
pub(super) fn pushed_paths(resource: &Resource, expr: &Arc<dyn PhysicalExpr>) -> BTreeSet<String> {
    if pushed_path(resource, expr).is_some() {
        return path(expr).map(|path| path.join(".")).into_iter().collect();
    }
    let children = expr.children().into_iter();
    children
        .flat_map(|child| pushed_paths(resource, child))
        .collect()
}

fn downcast<T: 'static>(expr: &Arc<dyn PhysicalExpr>) -> Option<&T> {
    (expr.as_ref() as &dyn std::any::Any).downcast_ref()
}

fn read(resource: &Resource, expr: &Arc<dyn PhysicalExpr>) -> Bounds {
    if let Some(binary) = downcast::<BinaryExpr>(expr) {
        return match binary.op() {
            Operator::And => read(resource, binary.left()).and(read(resource, binary.right())),
            Operator::Or => read(resource, binary.left()).or(read(resource, binary.right())),
            Operator::Eq => equality(resource, binary.left(), binary.right())
                .or_else(|| equality(resource, binary.right(), binary.left()))
                .unwrap_or_else(Bounds::unknown),
            // With a value, the same as equality.
            Operator::IsNotDistinctFrom => given(resource, binary.left(), binary.right())
                .or_else(|| given(resource, binary.right(), binary.left()))
                .unwrap_or_else(Bounds::unknown),
            _ => Bounds::unknown(),
        };
    }
    if let Some(list) = downcast::<InListExpr>(expr) {
        return in_list(resource, list).unwrap_or_else(Bounds::unknown);
    }
    if let Some(expr) = downcast::<CaseExpr>(expr) {
        return case(resource, expr).unwrap_or_else(Bounds::unknown);
    }
    if let Some(dynamic) = downcast::<DynamicFilterPhysicalExpr>(expr) {
        return dynamic
            .current()
            .map_or_else(|_| Bounds::unknown(), |current| read(resource, &current));
    }
    match constant(expr) {
        Some(ScalarValue::Boolean(Some(true))) => Bounds::ALL,
        Some(ScalarValue::Boolean(_) | ScalarValue::Null) => Bounds::nothing(),
        _ => Bounds::unknown(),
    }
}

fn equality(
    resource: &Resource,
    column: &Arc<dyn PhysicalExpr>,
    value: &Arc<dyn PhysicalExpr>,
) -> Option<Bounds> {
    let path = pushed_path(resource, column)?;
    let value = constant(value)?;
    Some(Bounds::on(path, equal_to(&value)?))
}

/// Reads an equality with a value that is not NULL: `x IS TRUE`, or that of rows or of texts.
fn given(
    resource: &Resource,
    column: &Arc<dyn PhysicalExpr>,
    value: &Arc<dyn PhysicalExpr>,
) -> Option<Bounds> {
    match constant(value)? {
        ScalarValue::Boolean(Some(true)) => Some(read(resource, column)),
        ScalarValue::Struct(row) => {
            let row = row.columns().iter();
            let bounds = pushed_struct(resource, column)?
                .into_iter()
                .zip(row)
                .filter_map(|(path, value)| {
                    let value = ScalarValue::try_from_array(value, 0).ok()?;
                    let values = equal_to(&value).filter(|_| !value.is_null())?;
                    Some(Bounds::on(path?, values))
                })
                .fold(Bounds::ALL, Bounds::and);
            Some(Bounds {
                exact: false,
                ..bounds
            })
        }
        value if value.is_null() => None,
        _ => equality(resource, column, value),
    }
}

/// Reads what makes a CASE true: a branch with its condition, or the ELSE.
fn case(resource: &Resource, case: &CaseExpr) -> Option<Bounds> {
    let is_condition = |base| matches!(constant(base), Some(ScalarValue::Boolean(Some(true))));
    if !case.expr().is_none_or(is_condition) {
        return None;
    }
    let branches = case.when_then_expr().iter();
    let branches = branches.map(|(when, then)| read(resource, when).and(read(resource, then)));
    let otherwise = case.else_expr();
    let otherwise = otherwise.map_or_else(Bounds::nothing, |expr| read(resource, expr));
    Some(Bounds {
        exact: false,
        ..branches.fold(otherwise, Bounds::or)
    })
}

fn in_list(resource: &Resource, list: &InListExpr) -> Option<Bounds> {
    if list.negated() {
        return None;
    }
    if let Some(paths) = pushed_struct(resource, list.expr()) {
        return in_struct_list(&paths, list);
    }
    let path = pushed_path(resource, list.expr())?;
    let mut values = Values::new();
    for value in list.list() {
        values.append(&mut equal_to(&constant(value)?)?);
    }
    Some(Bounds::on(path, values))
}

/// Reads `struct(a, b) IN (…)`, the form in which a join on two columns supplies its keys.
fn in_struct_list(paths: &[Option<Pushed>], list: &InListExpr) -> Option<Bounds> {
    // None where any value will do.
    let mut domains = vec![Some(Values::new()); paths.len()];
    for value in list.list() {
        let ScalarValue::Struct(fields) = constant(value)? else {
            return None;
        };
        for (position, values) in domains.iter_mut().enumerate() {
            let field = ScalarValue::try_from_array(fields.columns().get(position)?, 0).ok()?;
            match (&mut *values, equal_to(&field)) {
                (Some(values), Some(mut more)) => values.append(&mut more),
                _ => *values = None,
            }
        }
    }
    let bounds = paths
        .iter()
        .zip(domains)
        .filter_map(|(path, values)| Some(Bounds::on((*path)?, values?)))
        .fold(Bounds::ALL, Bounds::and);
    Some(Bounds {
        exact: false,
        ..bounds
    })
}

/// Returns the values that equality with `value` allows; None if it is no text.
fn equal_to(value: &ScalarValue) -> Option<Values> {
    match value.try_as_str() {
        Some(Some(text)) => Some(Values::from([text.to_owned()])),
        Some(None) => Some(Values::new()),
        None if value.is_null() => Some(Values::new()),
        None => None,
    }
}

/// Returns the value of an expression without columns. A scalar subquery has one only once the query runs.
fn constant(expr: &Arc<dyn PhysicalExpr>) -> Option<ScalarValue> {
    if let Some(literal) = downcast::<Literal>(expr) {
        return Some(literal.value().clone());
    }
    if !collect_columns(expr).is_empty() || is_volatile(expr) {
        return None;
    }
    let row = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &row).ok()?;
    match expr.evaluate(&row).ok()? {
        ColumnarValue::Scalar(value) => Some(value),
        ColumnarValue::Array(values) => ScalarValue::try_from_array(&values, 0).ok(),
    }
}

/// Returns what an equality on `expr` saves: it is a column, or a field of one, that the service knows.
fn pushed_path(resource: &Resource, expr: &Arc<dyn PhysicalExpr>) -> Option<Pushed> {
    resource.pushed(&path(expr)?.join("."))
}

fn path(expr: &Arc<dyn PhysicalExpr>) -> Option<Vec<String>> {
    if let Some(column) = downcast::<Column>(expr) {
        return Some(vec![column.name().to_owned()]);
    }
    // Text compared with text of another width, as Utf8View, is the same text.
    if let Some(cast) = downcast::<CastExpr>(expr) {
        return cast
            .cast_type()
            .is_string()
            .then(|| path(cast.expr()))
            .flatten();
    }
    let (base, names) = get_field(expr)?;
    let mut path = path(base)?;
    path.extend(names);
    Some(path)
}

fn pushed_struct(resource: &Resource, expr: &Arc<dyn PhysicalExpr>) -> Option<Vec<Option<Pushed>>> {
    let function = downcast::<ScalarFunctionExpr>(expr)?;
    let args = function.args().iter();
    (function.fun().name() == "struct")
        .then(|| args.map(|arg| pushed_path(resource, arg)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::api_keys::IAM;
    use crate::resource::{API_KEYS, Column as Declared, Filter, Required, Type, Values as Source};
    use datafusion::common::DFSchema;
    use datafusion::prelude::SessionContext;

    /// Reads `sql`, a predicate over the columns of `resource`.
    fn bounds_of(resource: &Resource, sql: &str) -> Bounds {
        let session = SessionContext::new();
        let schema = DFSchema::try_from(resource.schema().as_ref().clone()).unwrap();
        let expr = session.parse_sql_expr(sql, &schema).unwrap();
        let expr = session.create_physical_expr(expr, &schema).unwrap();
        Bounds::of(resource, [&expr])
    }

    fn bounds(sql: &str) -> Bounds {
        bounds_of(&API_KEYS, sql)
    }

    fn choose(bounds: &Bounds, known_pages: Option<usize>) -> Plan {
        Plan::choose(&API_KEYS, bounds, known_pages)
    }

    fn plan(sql: &str) -> Plan {
        choose(&bounds(sql), None)
    }

    fn gets(ids: &[&str]) -> Plan {
        Plan::Get {
            ids: ids.iter().map(|id| KeyId::new(id).unwrap()).collect(),
            filters: Filters::default(),
        }
    }

    fn lists(filters: &[(&str, &str)]) -> Plan {
        let listing = |(owner, resource): &(&str, &str)| {
            let filters = Filters::default();
            let filters = match *owner {
                "" => filters,
                owner => filters.with("spec.owner", owner),
            };
            match *resource {
                "" => filters,
                resource => filters.with("spec.resource", resource),
            }
        };
        Plan::List(filters.iter().map(listing).collect())
    }

    #[test]
    fn ids_are_fetched_one_by_one() {
        assert_eq!(plan("id = 'a'"), gets(&["a"]));
        assert_eq!(plan("'a' = id"), gets(&["a"]));
        assert_eq!(plan("id IN ('b', 'a', 'b')"), gets(&["a", "b"]));
        assert_eq!(plan("id = 'a' OR id = 'b' OR false"), gets(&["a", "b"]));
        assert_eq!(plan("id = 'a' AND spec.owner.id = 'x'"), gets(&["a"]));
        assert_eq!(
            plan("id = 'a' AND spec.display_name LIKE '%x%'"),
            gets(&["a"])
        );
        assert_eq!(
            plan("CAST(id AS VARCHAR) = concat('a', 'b')"),
            gets(&["ab"])
        );
    }

    #[test]
    fn conditions_that_only_look_different_are_read() {
        for sql in [
            "(id = 'a') IS TRUE",
            "(id = 'a' AND spec.display_name = 'x') IS NOT DISTINCT FROM true",
            "CASE WHEN id = 'a' THEN true END",
            "CASE WHEN id = 'a' THEN spec.display_name = 'x' ELSE false END",
            "CASE true WHEN spec.display_name = 'x' THEN id = 'a' ELSE false END",
            "CASE WHEN spec.display_name = 'x' THEN NULL ELSE id = 'a' END",
            "struct(id, spec.display_name) IS NOT DISTINCT FROM struct('a', NULL)",
        ] {
            assert_eq!(plan(sql), gets(&["a"]), "{sql}");
        }
        for sql in [
            "(id = 'a') IS FALSE",
            "(id = 'a') IS NOT TRUE",
            "CASE WHEN id = 'a' THEN false ELSE true END",
            "CASE WHEN spec.display_name = 'x' THEN true ELSE id = 'a' END",
            "CASE spec.display_name = 'x' WHEN id = 'a' THEN true END",
            "struct(id, spec.display_name) IS NOT DISTINCT FROM struct(NULL, 'a')",
        ] {
            assert_eq!(plan(sql), Plan::list_all(), "{sql}");
        }
    }

    #[test]
    fn contradictions_ask_for_nothing() {
        for sql in [
            "false",
            "id = NULL",
            "id IN (NULL)",
            "id = 'a' AND id = 'b'",
            "id IN ('a', 'b') AND id IN ('c', 'd')",
            "spec.owner.id = 'a' AND spec.owner.id = 'b'",
            "id = ''",
            "id = '..'",
            "(id = 'a' AND false) OR spec.owner.id = NULL",
        ] {
            assert_eq!(plan(sql), Plan::Nothing, "{sql}");
        }
    }

    #[test]
    fn owners_and_resources_are_filtered_by_the_service() {
        assert_eq!(plan("spec.owner.id = 'sa-1'"), lists(&[("sa-1", "")]));
        assert_eq!(
            plan("spec['owner']['id'] = 'sa-1' AND spec.resource.id = 'lkc-1'"),
            lists(&[("sa-1", "lkc-1")])
        );
        assert_eq!(
            plan("spec.owner.id IN ('a', 'b')"),
            lists(&[("a", ""), ("b", "")])
        );
        assert_eq!(
            plan("(spec.owner.id = 'a' AND spec.display_name = 'x') OR spec.owner.id = 'b'"),
            lists(&[("a", ""), ("b", "")])
        );
    }

    #[test]
    fn only_resources_that_the_service_matches_exactly_are_sent() {
        for id in [
            "lkc-1",
            "lsrc-1",
            "lksqlc-1",
            "cloud",
            "global",
            "tableflow",
        ] {
            assert_eq!(
                plan(&format!("spec.resource.id = '{id}'")),
                lists(&[("", id)])
            );
        }
        for id in ["aws.us-east-1", "CLOUD", "lkc-", "", "env-1.aws.us-east-1"] {
            assert_eq!(
                plan(&format!("spec.resource.id = '{id}'")),
                lists(&[("", "")]),
                "{id}"
            );
        }
        assert_eq!(plan("spec.owner.id = ''"), lists(&[("", "")]));
        assert_eq!(
            plan("spec.resource.id IN ('lkc-1', 'aws.us-east-1')"),
            lists(&[("", "")])
        );
    }

    #[test]
    fn what_is_not_understood_bounds_nothing() {
        for sql in [
            "id <> 'a'",
            "NOT id = 'a'",
            "id NOT IN ('a')",
            "id = 'a' OR spec.owner.id = 'b'",
            "id > 'a'",
            "upper(id) = 'A'",
            "spec.owner.kind = 'User'",
            "id = kind",
        ] {
            assert_eq!(plan(sql), lists(&[("", "")]), "{sql}");
        }
    }

    #[test]
    fn many_ids_or_owners_are_listed_at_once() {
        let quoted = |n: usize| {
            let values: Vec<_> = (0..n).map(|i| format!("'k{i}'")).collect();
            values.join(",")
        };
        let many = bounds(&format!("id IN ({})", quoted(301)));
        assert_eq!(choose(&many, None), lists(&[("", "")]));
        let few = bounds(&format!("id IN ({})", quoted(4)));
        assert_eq!(choose(&few, Some(3)), lists(&[("", "")]));
        assert!(matches!(choose(&few, Some(4)), Plan::Get { .. }));
        assert_eq!(
            plan(&format!("spec.owner.id IN ({})", quoted(51))),
            lists(&[("", "")])
        );
        assert_eq!(
            plan(&format!(
                "spec.owner.id IN ({}) AND spec.resource.id IN ('lkc-1', 'lkc-2')",
                quoted(26)
            )),
            lists(&[("", "lkc-1"), ("", "lkc-2")])
        );
    }

    #[test]
    fn only_a_predicate_that_the_requests_answer_alone_is_covered() {
        let covered = |sql: &str| {
            let bounds = bounds(sql);
            choose(&bounds, None).covers(&API_KEYS, &bounds)
        };
        assert!(covered("true"));
        assert!(covered("id IN ('a', 'b')"));
        assert!(covered(
            "spec.owner.id = 'a' AND spec.resource.id = 'lkc-1'"
        ));
        assert!(covered("spec.owner.id = 'a' OR spec.owner.id = 'b'"));
        assert!(!covered("spec.owner.id = 'a' AND kind = 'x'"));
        assert!(!covered("spec.resource.id = 'aws.us-east-1'"));
        assert!(!covered("id = 'a' AND spec.owner.id = 'b'"));
        assert!(!covered(
            "(spec.owner.id = 'a' AND spec.resource.id = 'lkc-1') OR (spec.owner.id = 'b' AND spec.resource.id = 'lkc-2')"
        ));
    }

    /// A resource with the parameters that siblings of API keys have.
    const CLUSTERS: Resource = Resource {
        table: "clusters",
        path: "/cmk/v2/clusters",
        columns: &[
            Declared::read("id", Type::Text, ""),
            Declared::lifted(
                "spec",
                &[
                    Declared::read("display_name", Type::Text, ""),
                    Declared::read("environment", Type::Text, ""),
                ],
            ),
        ],
        filters: &[
            Filter {
                required: Some(Required {
                    values: Source::Ids {
                        of: &API_KEYS,
                        prefix: "",
                        is_never_empty: false,
                    },
                    for_get: true,
                }),
                ..Filter::exact("environment", "environment")
            },
            Filter {
                is_repeatable: true,
                is_exact: false,
                ..Filter::exact("display_name", "display_name")
            },
        ],
        writes: None,
        ..API_KEYS
    };

    #[test]
    fn required_and_repeatable_parameters_are_sent() {
        assert_eq!(CLUSTERS.service, &IAM);
        let sent = |sql: &str| {
            let bounds = bounds_of(&CLUSTERS, sql);
            let plan = Plan::choose(&CLUSTERS, &bounds, None);
            let covers = plan.covers(&CLUSTERS, &bounds);
            let sent = match plan {
                Plan::Nothing => vec!["nothing".to_owned()],
                Plan::Get { ids, filters } => {
                    ids.iter().map(|id| format!("{id}?{filters}")).collect()
                }
                Plan::List(listings) => listings.iter().map(|l| format!("?{l}")).collect(),
            };
            (sent.join(" "), covers)
        };
        let list = |text: &str, covers| (text.to_owned(), covers);
        assert_eq!(sent("environment = 'e'"), list("?environment=e", true));
        assert_eq!(
            sent("display_name IN ('a', 'b') AND environment IN ('e', 'f')"),
            list(
                "?environment=e&display_name=a&display_name=b ?environment=f&display_name=a&display_name=b",
                false
            )
        );
        // Which of the environments it lives in is not known.
        assert_eq!(sent("id = 'lkc-1'"), list("?", false));
        assert_eq!(
            sent("id = 'lkc-1' AND environment = 'e'"),
            list("lkc-1?environment=e", true)
        );
        assert_eq!(sent("environment = NULL"), list("nothing", true));
    }
}
