//! `json_each`, `json_tree` and `unnest` in FROM.
//!
//! Turns `t JOIN json_each(t.x)`, which `rewrite` has put into parentheses, into the rows of `t` unnested over the list
//! that the call makes of each; alone, over a single row. The one column of `unnest(t.x) AS r` is `r`, as in PostgreSQL,
//! so that `r.id` is a field of it. So a predicate on `t` still reaches `t`, and a LEFT JOIN keeps
//! the rows without a match. Other table functions are left to DataFusion.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{
    Column, DataFusionError, NullHandling, TableReference, UnnestOptions, plan_err,
};
use datafusion::error::Result;
use datafusion::functions::core::expr_ext::FieldAccessor;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, col};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, JoinConstraint, JoinOperator, ObjectName,
    TableAlias, TableFactor, Value,
};

use super::error::Error;
use super::json::each::{COLUMNS, rows_of};
use super::rewrite::{is_pair, makes_rows};

/// The column that holds the list on its way to being unnested.
const ROWS: &str = "__rows";

/// The call whose rows are the elements of a list.
const UNNEST: &str = "unnest";

/// Plans `json_each`, `json_tree` and `unnest`.
#[derive(Debug)]
pub(crate) struct RowsPlanner;

impl RelationPlanner for RowsPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        match relation {
            call if makes_rows(&call) => {
                let one_row = LogicalPlanBuilder::empty(true).build()?;
                planned(joined(one_row, call, None, context)?)
            }
            TableFactor::NestedJoin {
                mut table_with_joins,
                alias: None,
            } if is_pair(&table_with_joins) => {
                let Some(join) = table_with_joins.joins.pop() else {
                    return plan_err!("a join without a right side");
                };
                let left = context.plan(table_with_joins.relation)?;
                planned(joined(
                    left,
                    join.relation,
                    Some(join.join_operator),
                    context,
                )?)
            }
            other => Ok(RelationPlanning::Original(Box::new(other))),
        }
    }
}

fn planned(plan: LogicalPlan) -> Result<RelationPlanning> {
    // The columns carry the alias already.
    Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
        plan, None,
    ))))
}

fn joined(
    left: LogicalPlan,
    call: TableFactor,
    operator: Option<JoinOperator>,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let (name, args, alias) = parts(call)?;
    let args = args
        .into_iter()
        .map(|arg| context.sql_to_expr(arg, left.schema()))
        .collect::<Result<Vec<_>>>()?;
    let (outer, condition) = match operator {
        None | Some(JoinOperator::CrossJoin(_)) => (false, None),
        Some(JoinOperator::Join(on) | JoinOperator::Inner(on)) => (false, condition(&name, on)?),
        Some(JoinOperator::Left(on) | JoinOperator::LeftOuter(on)) => match condition(&name, on)? {
            None => (true, None),
            Some(_) => {
                return unplannable(
                    format!("a left join of `{name}` on a condition"),
                    "put the condition below the join: `LEFT JOIN LATERAL (SELECT … FROM unnest(…) AS u(x) WHERE …) AS u ON true`",
                );
            }
        },
        Some(_) => {
            return unplannable(
                format!("this kind of join of `{name}`"),
                "`,`, `CROSS JOIN`, `JOIN … ON` and `LEFT JOIN … ON true` are possible",
            );
        }
    };

    let left_columns: Vec<_> = left
        .schema()
        .iter()
        .map(|(qualifier, field)| Expr::from((qualifier, field)))
        .collect();
    let mut with_rows = left_columns.clone();
    let is_unnest = name == UNNEST;
    let rows = match is_unnest {
        true => list_of(args, &left)?,
        false => rows_of(name == "json_tree").call(args),
    };
    with_rows.push(rows.alias(ROWS));
    let null_handling = if outer {
        NullHandling::PreserveAndExpandEmpty
    } else {
        NullHandling::Drop
    };

    let row = || col(Column::new_unqualified(ROWS));
    let mut columns = left_columns;
    if is_unnest {
        // A column that is not named is called like its table.
        let called = alias.as_ref().map(|alias| alias.name.clone());
        let called = called.map_or(name.clone(), |ident| context.normalize_ident(ident));
        let (table, names) = named(name, vec![called], alias, context)?;
        columns.extend(
            names
                .into_iter()
                .map(|name| row().alias_qualified(Some(table.clone()), name)),
        );
    } else {
        let names = COLUMNS.iter().map(|field| field.name().clone()).collect();
        let (table, names) = named(name, names, alias, context)?;
        columns.extend(COLUMNS.iter().zip(names).map(|(field, name)| {
            row()
                .field(field.name().as_str())
                .alias_qualified(Some(table.clone()), name)
        }));
    }
    let plan = LogicalPlanBuilder::from(left)
        .project(with_rows)?
        .unnest_column_with_options(
            Column::new_unqualified(ROWS),
            UnnestOptions {
                null_handling,
                recursions: Vec::new(),
            },
        )?
        .project(columns)?
        .build()?;
    match condition {
        None => Ok(plan),
        Some(condition) => {
            let condition = context.sql_to_expr(condition, plan.schema())?;
            LogicalPlanBuilder::from(plan).filter(condition)?.build()
        }
    }
}

/// Returns the one argument of `unnest`, which is to be a list.
fn list_of(args: Vec<Expr>, left: &LogicalPlan) -> Result<Expr> {
    let Ok([list]) = <[Expr; 1]>::try_from(args) else {
        return plan_err!("{UNNEST} takes one list");
    };
    match list.get_type(left.schema())? {
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _) => Ok(list),
        other => unplannable(
            format!(
                "`{UNNEST}` of {}",
                if other.is_nested() {
                    "an object"
                } else {
                    "what is not a list"
                }
            ),
            "it takes a list, as in unnest(ARRAY[1, 2]); `x.*` gives the fields of an object",
        ),
    }
}

/// Takes a call apart into its name in lower case, its arguments and its alias.
fn parts(call: TableFactor) -> Result<(String, Vec<SqlExpr>, Option<TableAlias>)> {
    let (name, args, alias): (ObjectName, Vec<FunctionArg>, _) = match call {
        TableFactor::UNNEST {
            array_exprs, alias, ..
        } => return Ok((UNNEST.to_owned(), array_exprs, alias)),
        TableFactor::Table {
            name,
            args: Some(args),
            alias,
            ..
        } => (name, args.args, alias),
        TableFactor::Function {
            name, args, alias, ..
        } => (name, args, alias),
        other => return plan_err!("{other} is not a call"),
    };
    let args = args
        .into_iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Ok(expr),
            other => plan_err!("{name} takes values, not {other}"),
        })
        .collect::<Result<_, DataFusionError>>()?;
    Ok((name.to_string().to_lowercase(), args, alias))
}

/// Returns the name of the table and of its columns, which are called `names`: the alias's where it has them.
fn named(
    name: String,
    mut names: Vec<String>,
    alias: Option<TableAlias>,
    context: &dyn RelationPlannerContext,
) -> Result<(TableReference, Vec<String>)> {
    let Some(alias) = alias else {
        return Ok((TableReference::bare(name), names));
    };
    if alias.columns.len() > names.len() {
        return plan_err!(
            "{name} has {} columns, not {}",
            names.len(),
            alias.columns.len()
        );
    }
    for (name, column) in names.iter_mut().zip(alias.columns) {
        *name = context.normalize_ident(column.name);
    }
    Ok((
        TableReference::bare(context.normalize_ident(alias.name)),
        names,
    ))
}

fn unplannable<T>(what: String, instead: &'static str) -> Result<T> {
    Err(Error::Unplannable { what, instead }.into())
}

/// Returns the condition of a join, None if it is always true.
fn condition(name: &str, constraint: JoinConstraint) -> Result<Option<SqlExpr>> {
    match constraint {
        JoinConstraint::None => Ok(None),
        JoinConstraint::On(SqlExpr::Value(value)) if value.value == Value::Boolean(true) => {
            Ok(None)
        }
        JoinConstraint::On(condition) => Ok(Some(condition)),
        JoinConstraint::Using(_) | JoinConstraint::Natural => unplannable(
            format!("a join of `{name}` by the names of columns"),
            "write the condition out: `ON e.key = …`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::functions::testing::{column, error, optimized_plan, rows};

    const DESCRIBED: &str = "SELECT k.id, json_each.key, json_each.value \
        FROM api_keys k, JSON_EACH(spec) WHERE json_each.key = 'description'";

    #[tokio::test]
    async fn a_call_sees_the_tables_to_its_left() {
        assert_eq!(
            rows(DESCRIBED).await.expect("runs"),
            [
                ["KEYA", "description", "naïve \"key\""],
                ["KEYB", "description", "NULL"],
                ["KEYC", "description", "NULL"]
            ]
        );
        for from in [
            "api_keys k, json_each(k.spec, '$.resources') r",
            "api_keys AS k CROSS JOIN json_each(k.spec.resources) AS r",
            "api_keys k JOIN json_each(k.spec -> 'resources') AS r ON true",
            "api_keys k JOIN json_each(spec) AS s ON s.key = 'resources', json_each(s.value) r",
        ] {
            let sql = format!(
                "SELECT k.id || r.key || (r.value ->> 'id') FROM {from} WHERE r.key IS NOT NULL ORDER BY 1"
            );
            assert_eq!(column(&sql).await, ["KEYA0lkc-1", "KEYA1lkc-2"], "{from}");
        }
    }

    #[tokio::test]
    async fn the_elements_of_a_list_are_rows_with_fields() {
        for from in [
            "api_keys k, unnest(k.spec.resources) AS r",
            "api_keys k CROSS JOIN unnest(spec.resources) r",
            "api_keys k CROSS JOIN LATERAL unnest(k.spec.resources) AS r",
            "api_keys k JOIN unnest(k.spec.resources) r ON r.id LIKE 'lkc%'",
            "api_keys k, unnest(k.spec.resources) AS s(r)",
        ] {
            let sql = format!("SELECT k.id || r.id FROM {from} ORDER BY 1");
            assert_eq!(column(&sql).await, ["KEYAlkc-1", "KEYAlkc-2"], "{from}");
        }
        let kept = "SELECT k.id || coalesce(r.id, '') FROM api_keys k \
                    LEFT JOIN unnest(k.spec.resources) r ON true ORDER BY 1";
        assert_eq!(
            column(kept).await,
            ["KEYAlkc-1", "KEYAlkc-2", "KEYB", "KEYC"]
        );
        assert_eq!(
            column("SELECT unnest FROM unnest([1, 2])").await,
            ["1", "2"]
        );
        assert_eq!(
            column("SELECT x FROM unnest([1, 2]) t(x) WHERE x > 1").await,
            ["2"]
        );
        let object = error("SELECT 1 FROM api_keys k, unnest(k.spec.owner) o").await;
        assert_eq!(
            object.to_string(),
            "`unnest` of an object cannot be planned"
        );
    }

    #[tokio::test]
    async fn a_left_join_keeps_what_has_no_rows() {
        let sql = "SELECT k.id, r.key FROM api_keys k LEFT JOIN json_each(spec.resources) r ON true \
                   ORDER BY 1, 2";
        assert_eq!(
            rows(sql).await.expect("runs"),
            [
                ["KEYA", "0"],
                ["KEYA", "1"],
                ["KEYB", "NULL"],
                ["KEYC", "NULL"]
            ]
        );
    }

    #[tokio::test]
    async fn a_call_alone_is_a_table() {
        let sql = "SELECT * FROM json_each('{\"a\":1,\"b c\":[1,{\"x\":null}]}')";
        assert_eq!(
            rows(sql).await.expect("runs"),
            [
                ["a", "1", "integer", "1", "2", "NULL", "$.a", "$"],
                [
                    "b c",
                    r#"[1,{"x":null}]"#,
                    "array",
                    "NULL",
                    "4",
                    "NULL",
                    "$.\"b c\"",
                    "$"
                ]
            ]
        );
        let sql = "SELECT fullkey, parent FROM json_tree('{\"a\":{\"b\":[true]}}') WHERE atom IS NOT NULL";
        assert_eq!(rows(sql).await.expect("runs"), [["$.a.b[0]", "4"]]);
        let sql = "SELECT t.k FROM json_each('[7]') AS t(k, v) WHERE v = '7'";
        assert_eq!(column(sql).await, ["0"]);
        assert_eq!(column("SELECT count(*) FROM json_each(NULL)").await, ["0"]);
        assert_eq!(column("SELECT count(*) FROM json_each('[]')").await, ["0"]);
        assert_eq!(
            column("SELECT json_group_array(value) FROM json_each('[[1],\"[2\"]')").await,
            ["[[1],\"[2\"]"]
        );
    }

    #[tokio::test]
    async fn predicates_on_the_table_reach_it() {
        let plan = optimized_plan(&format!(
            "{DESCRIBED} AND k.id = 'KEYB' AND k.spec.owner.id = 'u-2'"
        ))
        .await;
        let unnest = plan.find("Unnest").expect("an unnest");
        let own = plan
            .find("api_keys.id = Utf8(\"KEYB\")")
            .expect("the predicate");
        let nested = plan
            .find("Utf8(\"id\")) = Utf8(\"u-2\")")
            .expect("the nested predicate");
        assert!(own > unnest && nested > unnest, "{plan}");
        assert_eq!(
            column(&format!("{DESCRIBED} AND k.id = 'KEYB'")).await,
            ["KEYB"]
        );
    }

    #[tokio::test]
    async fn what_cannot_be_planned_says_so() {
        let left = error("SELECT 1 FROM api_keys LEFT JOIN json_each(spec) e ON e.key = 'x'").await;
        assert!(
            left.hint().is_some_and(|hint| hint.ends_with("ON true`")),
            "{left}"
        );
    }
}
