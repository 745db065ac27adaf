//! Inlines named windows where they are referenced.
//!
//! The engine supports `OVER w` only in the select list, and ignores the `w` in `OVER (w …)`. What may be added
//! to a window is what PostgreSQL allows: ORDER BY to one that has none, and a frame.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::{
    Expr, Ident, NamedWindowDefinition, NamedWindowExpr, Query, Select, SetExpr, VisitorMut,
    WindowSpec, WindowType,
};

use super::rule::Tables;
use crate::dialect::ast::{folded, visit_mut};
use crate::dialect::error::{Error, meant, nearest};
use crate::dialect::walk::WalkMut;

/// Puts every window that has a name where it is named.
///
/// ```sql
/// SELECT sum(x) OVER (w ORDER BY x) FROM t WINDOW v AS (PARTITION BY y), w AS (v)
/// -- becomes
/// SELECT sum(x) OVER (PARTITION BY y ORDER BY x) FROM t
/// ```
///
/// Refuses a window that does not exist or cannot be changed as it is said.
pub(super) fn named_windows(statement: &mut EngineStatement, _: &Tables<'_>) -> Result<(), Error> {
    visit_mut(statement, &mut Queries)
}

struct Queries;

impl VisitorMut for Queries {
    type Break = Error;

    // ORDER BY belongs to the query, and the windows to the SELECT in it.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        let SetExpr::Select(select) = query.body.as_mut() else {
            return ControlFlow::Continue(());
        };
        match windows(select) {
            Err(error) => ControlFlow::Break(error),
            Ok(known) => {
                let mut windows = Windows(known);
                query.order_by.walk_own_mut(&mut windows)
            }
        }
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        let known = match windows(select) {
            Ok(known) => known,
            Err(error) => return ControlFlow::Break(error),
        };
        select.named_window.clear();
        let mut windows = Windows(known);
        select.projection.walk_own_mut(&mut windows)?;
        select.qualify.walk_own_mut(&mut windows)
    }
}

/// The windows of one SELECT.
struct Windows(Vec<(String, WindowSpec)>);

impl VisitorMut for Windows {
    type Break = Error;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        let Expr::Function(function) = expr else {
            return ControlFlow::Continue(());
        };
        let spec = match &function.over {
            Some(WindowType::NamedWindow(name)) => find(&self.0, name).cloned(),
            Some(WindowType::WindowSpec(spec)) => inherited(&self.0, spec),
            None => return ControlFlow::Continue(()),
        };
        match spec {
            Ok(spec) => {
                function.over = Some(WindowType::WindowSpec(spec));
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// Returns the windows that `select` names, each spelled out. One may build on those before it.
fn windows(select: &Select) -> Result<Vec<(String, WindowSpec)>, Error> {
    let mut known: Vec<(String, WindowSpec)> = Vec::new();
    for NamedWindowDefinition(name, window) in &select.named_window {
        if known.iter().any(|(other, _)| *other == folded(name)) {
            let message = format!("two windows are called `{}`", name.value);
            return Err(Error::new(message)
                .at(name.span)
                .hint("give one of them another name"));
        }
        let spec = match window {
            NamedWindowExpr::NamedWindow(base) => find(&known, base)?.clone(),
            NamedWindowExpr::WindowSpec(spec) => inherited(&known, spec)?,
        };
        known.push((folded(name), spec));
    }
    Ok(known)
}

fn find<'k>(known: &'k [(String, WindowSpec)], name: &Ident) -> Result<&'k WindowSpec, Error> {
    let folded = folded(name);
    if let Some((_, spec)) = known.iter().find(|(other, _)| *other == folded) {
        return Ok(spec);
    }
    let error = Error::new(format!("no window `{}`", name.value)).at(name.span);
    let names = known.iter().map(|(name, _)| name.as_str());
    Err(error.hint(meant(
        nearest(&folded, names),
        format!(
            "windows are named after HAVING: `WINDOW {} AS (PARTITION BY … ORDER BY …)`",
            name.value
        ),
    )))
}

/// Returns `spec` with what it takes from the window that it names.
fn inherited(known: &[(String, WindowSpec)], spec: &WindowSpec) -> Result<WindowSpec, Error> {
    let Some(name) = &spec.window_name else {
        return Ok(spec.clone());
    };
    let base = find(known, name)?;
    let refused = |message: String, hint: &str| Err(Error::new(message).at(name.span).hint(hint));
    let called = &name.value;
    if !spec.partition_by.is_empty() {
        return refused(
            format!("window `{called}` cannot be given another PARTITION BY"),
            "only ORDER BY and a frame can be added to a window; spell the window out instead",
        );
    }
    if !spec.order_by.is_empty() && !base.order_by.is_empty() {
        return refused(
            format!("window `{called}` has an ORDER BY already"),
            "leave one of the two out, or spell the window out",
        );
    }
    if base.window_frame.is_some() {
        return refused(
            format!("window `{called}` has a frame and cannot be built on"),
            "write OVER and the name without parentheses, or put the frame where the window is used",
        );
    }
    Ok(WindowSpec {
        window_name: None,
        partition_by: base.partition_by.clone(),
        order_by: match spec.order_by.is_empty() {
            true => base.order_by.clone(),
            false => spec.order_by.clone(),
        },
        window_frame: spec.window_frame.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::told;
    use super::named_windows;

    fn spelled(sql: &str) -> String {
        told(named_windows, sql)
    }

    #[test]
    fn a_named_window_is_put_where_it_is_named() {
        insta::assert_snapshot!(spelled("SELECT sum(x) OVER w, sum(x) OVER (w), sum(x) OVER (w ORDER BY x) FROM t WINDOW w AS (PARTITION BY y) ORDER BY sum(x) OVER w"), @"SELECT sum(x) OVER (PARTITION BY y), sum(x) OVER (PARTITION BY y), sum(x) OVER (PARTITION BY y ORDER BY x) FROM t ORDER BY sum(x) OVER (PARTITION BY y)");
        insta::assert_snapshot!(spelled("SELECT sum(x) OVER W FROM t WINDOW v AS (PARTITION BY y), w AS (v ORDER BY x ROWS 1 PRECEDING)"), @"SELECT sum(x) OVER (PARTITION BY y ORDER BY x ROWS 1 PRECEDING) FROM t");
        insta::assert_snapshot!(spelled("SELECT 1 FROM (SELECT sum(x) OVER w FROM t WINDOW w AS (ORDER BY x)) s WINDOW w AS (ORDER BY y)"), @"SELECT 1 FROM (SELECT sum(x) OVER (ORDER BY x) FROM t) s");
    }

    #[test]
    fn a_window_that_is_not_there_or_cannot_be_changed_is_an_error() {
        insta::assert_snapshot!(spelled("SELECT sum(x) OVER w FROM t"), @"no window `w`; windows are named after HAVING: `WINDOW w AS (PARTITION BY … ORDER BY …)`");
        insta::assert_snapshot!(spelled("SELECT sum(x) OVER (wni) FROM t WINDOW win AS ()"), @"no window `wni`; did you mean `win`?");
        insta::assert_snapshot!(spelled("SELECT 1 FROM t WINDOW w AS (v), v AS ()"), @"no window `v`; windows are named after HAVING: `WINDOW v AS (PARTITION BY … ORDER BY …)`");
        insta::assert_snapshot!(spelled("SELECT sum(x) OVER (w PARTITION BY x) FROM t WINDOW w AS ()"), @"window `w` cannot be given another PARTITION BY; only ORDER BY and a frame can be added to a window; spell the window out instead");
        insta::assert_snapshot!(spelled("SELECT sum(x) OVER (w ORDER BY x) FROM t WINDOW w AS (ORDER BY y)"), @"window `w` has an ORDER BY already; leave one of the two out, or spell the window out");
        insta::assert_snapshot!(spelled("SELECT sum(x) OVER (w) FROM t WINDOW w AS (ROWS 1 PRECEDING)"), @"window `w` has a frame and cannot be built on; write OVER and the name without parentheses, or put the frame where the window is used");
        insta::assert_snapshot!(spelled("SELECT 1 FROM t WINDOW w AS (), W AS ()"), @"two windows are called `W`; give one of them another name");
    }
}
