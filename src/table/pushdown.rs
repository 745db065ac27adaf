//! Decides from predicates which requests can answer a query. Pure: it sends nothing.
//!
//! A predicate is read as *bounds*: for each of the three paths that the service can look up or filter by, the set of
//! values that a row satisfying it may have. Bounds only ever say what cannot match, so a predicate that is not
//! understood bounds nothing, and the caller checks every row against the predicates themselves.
//!
//! The same reading serves EXPLAIN, the scan, predicates that a join supplies while it runs, and the writes.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::Schema;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CastExpr, DynamicFilterPhysicalExpr, InListExpr, Literal,
};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::expressions::Column;

use super::fields::get_field;
use crate::api::KeyId;
use crate::resource::columns::{self, Pushdown};

/// Ids fetched one by one when the size of the organization is not known; beyond it, it is listed.
const MAX_GETS: usize = 300;

/// Filtered listings made side by side; beyond it, everything is listed once.
const MAX_LISTINGS: usize = 50;

/// The values that a row may have at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Domain {
    /// Any value, or none.
    All,
    /// One of these.
    Only(BTreeSet<String>),
}

impl Domain {
    fn one(value: &str) -> Self {
        Self::Only(BTreeSet::from([value.to_owned()]))
    }

    fn none() -> Self {
        Self::Only(BTreeSet::new())
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, domain) | (domain, Self::All) => domain,
            (Self::Only(a), Self::Only(b)) => Self::Only(a.intersection(&b).cloned().collect()),
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Only(mut a), Self::Only(b)) => {
                a.extend(b);
                Self::Only(a)
            }
            _ => Self::All,
        }
    }

    fn is_none(&self) -> bool {
        matches!(self, Self::Only(values) if values.is_empty())
    }
}

/// What predicates say about the three paths that the service can look up or filter by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The values of `id`.
    pub id: Domain,
    /// The values of `spec.owner.id`.
    pub owner: Domain,
    /// The values of `spec.resource.id`.
    pub resource: Domain,
    /// True if every row within the bounds satisfies the predicates, so that nothing else is left to check.
    pub exact: bool,
}

impl Bounds {
    /// No bounds, exactly: what an absent predicate says.
    pub const ALL: Self = Self {
        id: Domain::All,
        owner: Domain::All,
        resource: Domain::All,
        exact: true,
    };

    fn unknown() -> Self {
        Self {
            exact: false,
            ..Self::ALL
        }
    }

    fn on(path: Pushdown, domain: Domain) -> Self {
        match path {
            Pushdown::Get => Self {
                id: domain,
                ..Self::ALL
            },
            Pushdown::Owner => Self {
                owner: domain,
                ..Self::ALL
            },
            Pushdown::Resource => Self {
                resource: domain,
                ..Self::ALL
            },
            Pushdown::None => Self::unknown(),
        }
    }

    fn nothing() -> Self {
        Self::on(Pushdown::Get, Domain::none())
    }

    fn is_nothing(&self) -> bool {
        self.id.is_none() || self.owner.is_none() || self.resource.is_none()
    }

    /// Returns the bounds of rows that satisfy both.
    pub fn and(self, other: Self) -> Self {
        Self {
            id: self.id.and(other.id),
            owner: self.owner.and(other.owner),
            resource: self.resource.and(other.resource),
            exact: self.exact && other.exact,
        }
    }

    /// Returns the bounds of rows that satisfy either.
    pub fn or(self, other: Self) -> Self {
        if self.is_nothing() {
            return other;
        }
        if other.is_nothing() {
            return self;
        }
        // `(a and x) or (b and y)` bounds to `(a or b) and (x or y)`, which also holds `a and y`: it is exact only
        // if the two sides differ at one path at most.
        let differing = [
            self.id != other.id,
            self.owner != other.owner,
            self.resource != other.resource,
        ];
        let exact = self.exact && other.exact && differing.into_iter().filter(|&d| d).count() <= 1;
        Self {
            id: self.id.or(other.id),
            owner: self.owner.or(other.owner),
            resource: self.resource.or(other.resource),
            exact,
        }
    }

    /// Reads the conjunction of `predicates`, expressions over columns named as in `api_keys`.
    pub fn of<'p>(predicates: impl IntoIterator<Item = &'p Arc<dyn PhysicalExpr>>) -> Self {
        predicates.into_iter().map(read).fold(Self::ALL, Self::and)
    }
}

/// The filters of one listing, `spec.owner` and `spec.resource`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Value of `spec.owner`.
    pub owner: Option<String>,
    /// Value of `spec.resource`.
    pub resource: Option<String>,
}

/// The requests that fetch every row within some bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// None: no row can match.
    Nothing,
    /// One GET for each id, side by side.
    Get(Vec<KeyId>),
    /// One listing for each filter, side by side.
    List(Vec<Filter>),
}

impl Plan {
    /// Chooses the cheapest requests for `bounds`.
    ///
    /// `known_pages` is the number of pages that the last complete listing of this session took, if there was one.
    pub fn choose(bounds: &Bounds, known_pages: Option<usize>) -> Self {
        if bounds.is_nothing() {
            return Self::Nothing;
        }
        if let Domain::Only(ids) = &bounds.id {
            // What cannot be addressed cannot be the id of a key.
            let ids: Vec<KeyId> = ids.iter().filter_map(|id| KeyId::new(id)).collect();
            if ids.is_empty() {
                return Self::Nothing;
            }
            if ids.len() <= known_pages.unwrap_or(MAX_GETS).max(1) {
                return Self::Get(ids);
            }
        }
        let mut owners = filterable(&bounds.owner, |_| true);
        let mut resources = filterable(&bounds.resource, is_matched_exactly);
        // Both together where that is few enough, else the one that takes fewer listings.
        if owners.len() * resources.len() > MAX_LISTINGS {
            if resources.len() < owners.len() && resources != [None] || owners == [None] {
                owners = vec![None];
            } else {
                resources = vec![None];
            }
        }
        if owners.len() * resources.len() > MAX_LISTINGS {
            (owners, resources) = (vec![None], vec![None]);
        }
        let filters = owners.iter().flat_map(|owner| {
            resources.iter().map(move |resource| Filter {
                owner: owner.map(str::to_owned),
                resource: resource.map(str::to_owned),
            })
        });
        Self::List(filters.collect())
    }

    /// Returns true if the requests answer with the rows of `bounds` and no others, as far as the service keeps its
    /// word, so that a LIMIT may shrink the page.
    pub fn covers(&self, bounds: &Bounds) -> bool {
        let covered = |domain: &Domain, filtered: bool| *domain == Domain::All || filtered;
        bounds.exact
            && match self {
                Self::Nothing => true,
                Self::Get(_) => bounds.owner == Domain::All && bounds.resource == Domain::All,
                Self::List(filters) => {
                    bounds.id == Domain::All
                        && covered(&bounds.owner, filters.iter().all(|f| f.owner.is_some()))
                        && covered(
                            &bounds.resource,
                            filters.iter().all(|f| f.resource.is_some()),
                        )
                }
            }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(owner) = &self.owner {
            parts.push(format!("spec.owner={owner}"));
        }
        if let Some(resource) = &self.resource {
            parts.push(format!("spec.resource={resource}"));
        }
        f.write_str(&parts.join("&"))
    }
}

/// Returns the values to filter by, or `[None]` for no filter: none is known, or one of them cannot be sent.
fn filterable(domain: &Domain, sendable: impl Fn(&str) -> bool) -> Vec<Option<&str>> {
    match domain {
        // An empty filter means "no filter" to the service.
        Domain::Only(values) if values.iter().all(|v| !v.is_empty() && sendable(v)) => {
            values.iter().map(|v| Some(v.as_str())).collect()
        }
        _ => vec![None],
    }
}

/// Returns true for the resource ids that the service is known to match exactly.
///
/// Confluent's CLI filters by these and by no others; for Flink regions it lists everything.
fn is_matched_exactly(id: &str) -> bool {
    ["lkc-", "lsrc-", "lksqlc-"]
        .iter()
        .any(|prefix| id.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()))
        || ["cloud", "global", "tableflow"].contains(&id)
}

/// Returns the paths in `expr` on which an equality saves something.
pub(super) fn pushed_paths(expr: &Arc<dyn PhysicalExpr>) -> BTreeSet<String> {
    if pushed_path(expr).is_some() {
        return path(expr).map(|path| path.join(".")).into_iter().collect();
    }
    expr.children().into_iter().flat_map(pushed_paths).collect()
}

fn downcast<T: 'static>(expr: &Arc<dyn PhysicalExpr>) -> Option<&T> {
    (expr.as_ref() as &dyn std::any::Any).downcast_ref()
}

fn read(expr: &Arc<dyn PhysicalExpr>) -> Bounds {
    if let Some(binary) = downcast::<BinaryExpr>(expr) {
        return match binary.op() {
            Operator::And => read(binary.left()).and(read(binary.right())),
            Operator::Or => read(binary.left()).or(read(binary.right())),
            Operator::Eq => equality(binary.left(), binary.right())
                .or_else(|| equality(binary.right(), binary.left()))
                .unwrap_or_else(Bounds::unknown),
            // With a value, the same as equality.
            Operator::IsNotDistinctFrom => given(binary.left(), binary.right())
                .or_else(|| given(binary.right(), binary.left()))
                .unwrap_or_else(Bounds::unknown),
            _ => Bounds::unknown(),
        };
    }
    if let Some(list) = downcast::<InListExpr>(expr) {
        return in_list(list).unwrap_or_else(Bounds::unknown);
    }
    if let Some(dynamic) = downcast::<DynamicFilterPhysicalExpr>(expr) {
        return dynamic
            .current()
            .map_or_else(|_| Bounds::unknown(), |current| read(&current));
    }
    match constant(expr) {
        Some(ScalarValue::Boolean(Some(true))) => Bounds::ALL,
        Some(ScalarValue::Boolean(_) | ScalarValue::Null) => Bounds::nothing(),
        _ => Bounds::unknown(),
    }
}

fn equality(column: &Arc<dyn PhysicalExpr>, value: &Arc<dyn PhysicalExpr>) -> Option<Bounds> {
    let path = pushed_path(column)?;
    let value = constant(value)?;
    Some(Bounds::on(path, domain(&value)?))
}

/// Reads an equality with a value that is not NULL.
fn given(column: &Arc<dyn PhysicalExpr>, value: &Arc<dyn PhysicalExpr>) -> Option<Bounds> {
    let is_null = constant(value)?.is_null();
    (!is_null).then(|| equality(column, value))?
}

fn in_list(list: &InListExpr) -> Option<Bounds> {
    if list.negated() {
        return None;
    }
    if let Some(paths) = pushed_struct(list.expr()) {
        return in_struct_list(&paths, list);
    }
    let path = pushed_path(list.expr())?;
    let mut values = Domain::none();
    for value in list.list() {
        values = values.or(domain(&constant(value)?)?);
    }
    Some(Bounds::on(path, values))
}

/// Reads `struct(a, b) IN (…)`, the form in which a join on two columns supplies its keys.
fn in_struct_list(paths: &[Option<Pushdown>], list: &InListExpr) -> Option<Bounds> {
    let mut domains = vec![Domain::none(); paths.len()];
    for value in list.list() {
        let ScalarValue::Struct(fields) = constant(value)? else {
            return None;
        };
        for (position, values) in domains.iter_mut().enumerate() {
            let field = ScalarValue::try_from_array(fields.columns().get(position)?, 0).ok()?;
            let field = domain(&field).unwrap_or(Domain::All);
            *values = std::mem::replace(values, Domain::All).or(field);
        }
    }
    let bounds = paths
        .iter()
        .zip(domains)
        .filter_map(|(path, domain)| path.map(|path| Bounds::on(path, domain)))
        .fold(Bounds::ALL, Bounds::and);
    Some(Bounds {
        exact: false,
        ..bounds
    })
}

/// Returns the values that equality with `value` allows; None if it is no text.
fn domain(value: &ScalarValue) -> Option<Domain> {
    match value.try_as_str() {
        Some(Some(text)) => Some(Domain::one(text)),
        Some(None) => Some(Domain::none()),
        None if value.is_null() => Some(Domain::none()),
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
fn pushed_path(expr: &Arc<dyn PhysicalExpr>) -> Option<Pushdown> {
    let path = path(expr)?;
    let column = columns::find(&path)?;
    (column.pushdown != Pushdown::None).then_some(column.pushdown)
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

fn pushed_struct(expr: &Arc<dyn PhysicalExpr>) -> Option<Vec<Option<Pushdown>>> {
    let function = downcast::<ScalarFunctionExpr>(expr)?;
    (function.fun().name() == "struct").then(|| function.args().iter().map(pushed_path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::columns::schema;
    use datafusion::common::DFSchema;
    use datafusion::prelude::SessionContext;

    /// Reads `sql`, a predicate over the columns of `api_keys`.
    fn bounds(sql: &str) -> Bounds {
        let session = SessionContext::new();
        let schema = DFSchema::try_from(schema().as_ref().clone()).unwrap();
        let expr = session.parse_sql_expr(sql, &schema).unwrap();
        Bounds::of([&session.create_physical_expr(expr, &schema).unwrap()])
    }

    fn plan(sql: &str) -> Plan {
        Plan::choose(&bounds(sql), None)
    }

    fn gets(ids: &[&str]) -> Plan {
        Plan::Get(ids.iter().map(|id| KeyId::new(id).unwrap()).collect())
    }

    fn lists(filters: &[(&str, &str)]) -> Plan {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Plan::List(
            filters
                .iter()
                .map(|(owner, resource)| Filter {
                    owner: some(owner),
                    resource: some(resource),
                })
                .collect(),
        )
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
        assert_eq!(Plan::choose(&many, None), lists(&[("", "")]));
        let few = bounds(&format!("id IN ({})", quoted(4)));
        assert_eq!(Plan::choose(&few, Some(3)), lists(&[("", "")]));
        assert!(matches!(Plan::choose(&few, Some(4)), Plan::Get(_)));
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
            Plan::choose(&bounds, None).covers(&bounds)
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
}
