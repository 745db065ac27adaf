//! Small helpers over syntax trees, which the parser and the rules share. Pure.

use std::ops::ControlFlow;

use crate::dialect::walk::{Walk, WalkMut};
use datafusion::sql::parser::{CopyToSource, Statement as EngineStatement};
use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, ObjectName, Query, Select, SelectItem, SetExpr, Statement,
    TableFactor, TableWithJoins, UnaryOperator, Value, ValueWithSpan, Visitor, VisitorMut,
};
use sqlparser::tokenizer::Span;

/// Returns the name that an identifier stands for: lower case unless quoted.
pub(crate) fn folded(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

/// Returns what the CTEs of `statement` are called.
pub(crate) fn cte_names(statement: &EngineStatement) -> Vec<String> {
    struct Named(Vec<String>);
    impl Visitor for Named {
        type Break = ();
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
            self.0.extend(ctes.map(|cte| folded(&cte.alias.name)));
            ControlFlow::Continue(())
        }
    }
    let mut named = Named(Vec::new());
    let _ = visit(statement, &mut named);
    named.0
}

/// Returns the last part of `name`.
pub(crate) fn last_ident(name: &ObjectName) -> Option<&Ident> {
    name.0.last()?.as_ident()
}

/// Returns the name of the function that is called, empty if it is qualified.
pub(crate) fn function_name(function: &Function) -> String {
    match function.name.0.as_slice() {
        [part] => part.as_ident().map(folded).unwrap_or_default(),
        _ => String::new(),
    }
}

/// Returns the parts of a name, also of one in parentheses.
pub(crate) fn idents(expr: &Expr) -> Option<Vec<Ident>> {
    match expr {
        Expr::Nested(expr) => idents(expr),
        Expr::Identifier(ident) => Some(vec![ident.clone()]),
        Expr::CompoundIdentifier(idents) => Some(idents.clone()),
        _ => None,
    }
}

/// Returns the leftmost SELECT of a query, whose list names the columns.
pub(crate) fn leftmost(body: &mut SetExpr) -> Option<&mut Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::SetOperation { left, .. } => leftmost(left),
        SetExpr::Query(query) => leftmost(&mut query.body),
        _ => None,
    }
}

/// Returns the items of a select list up to the first star, after which the position of an item is not known.
pub(crate) fn items_before_star(items: &[SelectItem]) -> impl Iterator<Item = &Expr> {
    items.iter().map_while(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    })
}

/// Returns the position in a select list that `key` names, counted from 0.
pub(crate) fn position(key: &Expr) -> Option<usize> {
    match key {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => number.parse::<usize>().ok()?.checked_sub(1),
            _ => None,
        },
        _ => None,
    }
}

/// Returns a text literal.
pub(crate) fn text(value: &str, span: Span) -> Expr {
    Expr::Value(ValueWithSpan {
        value: Value::SingleQuotedString(value.to_owned()),
        span,
    })
}

/// Returns the text of a literal, and where it is.
pub(crate) fn text_of(expr: &Expr) -> Option<(&str, Span)> {
    match expr {
        Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedString(text),
            span,
        }) => Some((text, *span)),
        _ => None,
    }
}

/// Returns true for NULL.
pub(crate) fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if value.value == Value::Null)
}

/// Returns true for a number that is typed, with a sign or without.
pub(crate) fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::Nested(expr) => is_number(expr),
        Expr::UnaryOp { op, expr } => {
            matches!(op, UnaryOperator::Minus | UnaryOperator::Plus) && is_number(expr)
        }
        _ => false,
    }
}

/// Returns a number.
pub(crate) fn number(number: u64) -> Expr {
    Expr::value(Value::Number(number.to_string(), false))
}

/// Returns `left op right`.
pub(crate) fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    }
}

/// Returns the arguments of a call that are expressions without a name.
pub(crate) fn args(function: &Function) -> impl Iterator<Item = &Expr> {
    let list = match &function.args {
        FunctionArguments::List(list) => list.args.as_slice(),
        _ => &[],
    };
    list.iter().filter_map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    })
}

/// The same, to be changed.
pub(crate) fn args_mut(function: &mut Function) -> impl Iterator<Item = &mut Expr> {
    let list = match &mut function.args {
        FunctionArguments::List(list) => list.args.as_mut_slice(),
        _ => &mut [],
    };
    list.iter_mut().filter_map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    })
}

/// Returns the call of the function `name` with one argument.
pub(crate) fn call(name: &str, arg: Expr) -> Expr {
    calls(name, vec![arg])
}

/// Returns the call of the function `name` with `args`.
pub(crate) fn calls(name: &str, args: Vec<Expr>) -> Expr {
    let args = args.into_iter();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args
                .map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)))
                .collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// Wraps `expr` in a call of the function `name`, in place.
pub(crate) fn wrap(name: &str, expr: &mut Expr) {
    let inner = taken(expr);
    *expr = call(name, inner);
}

/// Gives `function` another name in the same place.
pub(crate) fn rename(function: &mut Function, name: &str) {
    let place = last_ident(&function.name).map_or(Span::empty(), |ident| ident.span);
    function.name = ObjectName::from(vec![Ident::with_span(place, name)]);
}

/// Returns `expr` under another name than the planner would give it. It takes the CASE away again, when it has named
/// everything: `condition` is one that always holds.
pub(crate) fn apart(condition: Expr, expr: Expr) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen {
            condition,
            result: expr,
        }],
        else_result: None,
    }
}

/// Takes `expr` out of its place, which must be filled again.
pub(crate) fn taken(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Tuple(Vec::new()))
}

/// Returns what is left in the place of a table that is taken out, which must be filled again.
pub(crate) fn no_table() -> TableWithJoins {
    TableWithJoins {
        relation: TableFactor::UNNEST {
            alias: None,
            array_exprs: Vec::new(),
            with_offset: false,
            with_offset_alias: None,
            with_ordinality: false,
        },
        joins: Vec::new(),
    }
}

/// Shows `visitor` the SQL in `statement`, including that inside EXPLAIN and COPY.
///
/// Fails with what the visitor breaks off with.
pub(crate) fn visit<V: Visitor>(
    statement: &EngineStatement,
    visitor: &mut V,
) -> Result<(), V::Break> {
    let outcome = match statement {
        EngineStatement::Statement(statement) => statement.walk(visitor),
        EngineStatement::Explain(explain) => return visit(&explain.statement, visitor),
        EngineStatement::CopyTo(copy) => match &copy.source {
            CopyToSource::Query(query) => query.walk(visitor),
            CopyToSource::Relation(_) => return Ok(()),
        },
        _ => return Ok(()),
    };
    result(outcome)
}

/// The same, to change it.
///
/// Fails with what the visitor breaks off with.
pub(crate) fn visit_mut<V: VisitorMut>(
    statement: &mut EngineStatement,
    visitor: &mut V,
) -> Result<(), V::Break> {
    let mut outcome = ControlFlow::Continue(());
    each_sql(statement, &mut |sql| outcome = sql.walk_mut(visitor));
    result(outcome)
}

/// Calls `change` for the SQL in `statement`, also in that of EXPLAIN and COPY.
pub(crate) fn each_sql(statement: &mut EngineStatement, change: &mut dyn FnMut(&mut Statement)) {
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

/// Returns what a visit has broken off with as an error.
pub(crate) fn result<B>(outcome: ControlFlow<B>) -> Result<(), B> {
    match outcome {
        ControlFlow::Break(stop) => Err(stop),
        ControlFlow::Continue(()) => Ok(()),
    }
}
