//! What a rule is: a name, its dialects, whose users write its spelling, and a function over one part of a syntax tree.

use std::collections::{BTreeSet, HashSet};

use sqlparser::ast::{Expr, Query, Select, Statement};

use crate::dialect::error::Error;
use crate::dialect::setting::Dialects;
use crate::dialect::shape::Shape;

/// Who writes what a rule reads. A spelling that none of them knows has no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    /// People from PostgreSQL.
    Psql,
    /// People from DuckDB.
    DuckDb,
    /// People from StackQL, whose functions are SQLite's.
    Stackql,
}

/// A rule over syntax trees: it turns what people write into what the engine plans, and leaves alone what it does not
/// recognize.
pub(crate) struct SyntaxRule {
    /// Its name: that of its function.
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests pin the order by it"))]
    pub(crate) name: &'static str,
    /// Where it applies.
    pub(crate) dialects: Dialects,
    /// Who writes this.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the tests hold it against the dialects")
    )]
    pub(crate) writers: &'static [Writer],
    /// When it runs, and what it does.
    pub(crate) hook: Hook,
    /// What to say about what it reads, in a dialect without it. None where the engine's own error will do, or where the other
    /// dialect has another meaning.
    pub(crate) refusal: Option<Refusal>,
}

/// What a dialect without a rule says of one part of a statement that the rule reads.
#[derive(Clone, Copy)]
pub(crate) enum Refusal {
    /// Of an expression.
    Expr(fn(&Expr) -> Option<Error>),
    /// Of a query.
    Query(fn(&Query) -> Option<Error>),
}

/// When a rule runs, and on what. The tree is walked twice, whatever the number of rules.
pub(crate) enum Hook {
    /// On the whole statement, before both walks.
    Statement(fn(&mut Statement)),
    /// On every expression in the first walk, before its operands.
    EarlyExpr(fn(&mut Expr, &mut Context<'_>)),
    /// On every query in the second walk, before its parts.
    Query(fn(&mut Query)),
    /// On every SELECT in the second walk, before its parts.
    Select(fn(&mut Select, &Context<'_>)),
    /// On every expression in the second walk, after its operands.
    Expr(fn(&mut Expr, &Context<'_>)),
    /// On the whole statement, after both walks.
    Finish(fn(&mut Statement)),
}

/// Lists syntax rules, one per line: its dialects, whose spelling it reads, its function and when that runs, and the
/// function that refuses the same spelling in the other dialect. A rule has the name of its function.
macro_rules! syntax_rules {
    (@refusal) => { None };
    (@refusal $module:ident::$refusal:ident: $part:ident) => {
        Some(Refusal::$part($module::$refusal))
    };
    ($(
        $dialects:ident [$($writer:ident),*] $module:ident::$rule:ident: $hook:ident
        $(or $elsewhere:ident::$refusal:ident: $part:ident)?;
    )*) => {
        &[$(SyntaxRule {
            name: stringify!($rule),
            dialects: Dialects::$dialects,
            writers: &[$(Writer::$writer),*],
            hook: Hook::$hook($module::$rule),
            refusal: syntax_rules!(@refusal $($elsewhere::$refusal: $part)?),
        }),*]
    };
}
pub(super) use syntax_rules;

/// What rules may know of the statement and its tables.
pub(crate) struct Context<'s> {
    /// The nested columns, and the parameters.
    pub(crate) shape: &'s Shape,
    /// The names and aliases of the statement's tables. The first walk collects them.
    pub(crate) tables: HashSet<String>,
    /// How many `?` the first walk has met.
    pub(crate) placeholders: usize,
}

impl<'s> Context<'s> {
    /// Returns what is known before the first walk.
    pub(crate) fn new(shape: &'s Shape) -> Self {
        Self {
            shape,
            tables: HashSet::new(),
            placeholders: 0,
        }
    }
}

/// A second reading of a statement that the engine has refused, so that it changes the meaning of no other statement.
///
/// Each takes away what the engine refused, so that trying again comes to an end.
pub(crate) struct SecondReading {
    /// Its name: that of its function.
    pub(crate) name: &'static str,
    /// Where it applies.
    pub(crate) dialects: Dialects,
    /// Who writes this.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the tests hold it against the dialects")
    )]
    pub(crate) writers: &'static [Writer],
    /// What to write in a dialect without it, `{name}` being the name that no column has. None if no dialect is without.
    pub(crate) instead: Option<&'static str>,
    /// Which refusal it answers, and how. The functions tell whether they have changed the statement.
    pub(crate) answer: Answer,
}

/// What the engine has refused, and the function that reads it in another way.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// A name that no column has.
    UnknownColumn(fn(&mut Statement, UnknownColumn<'_>) -> bool),
    /// Two items of a select list that the planner gives one name.
    SameName(fn(&mut Statement) -> bool),
    /// Two items, or two expressions that are computed in one place, such as aggregates, that the planner gives one name.
    DuplicateNames(fn(&mut Statement) -> bool),
    /// A column that is neither grouped nor aggregated. Returns the names of such columns.
    BareColumn(fn(&mut Statement, &Aggregation<'_>) -> BTreeSet<String>),
}

/// Lists second readings, one per line: its dialects, whose spelling it reads, its function, the error that it answers,
/// and what to write instead. A reading has the name of its function.
macro_rules! second_readings {
    (@instead) => { None };
    (@instead $instead:literal) => { Some($instead) };
    ($(
        $dialects:ident [$($writer:ident),*] $module:ident::$reading:ident: $answer:ident $(or $instead:literal)?;
    )*) => {
        &[$(SecondReading {
            name: stringify!($reading),
            dialects: Dialects::$dialects,
            writers: &[$(Writer::$writer),*],
            instead: second_readings!(@instead $($instead)?),
            answer: Answer::$answer($module::$reading),
        }),*]
    };
}
pub(super) use second_readings;

/// A name that no column has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnknownColumn<'n> {
    /// The name, as the engine knows it.
    pub(crate) name: &'n str,
    /// True if a column is called almost so, and the name may be a slip.
    pub(crate) is_slip: bool,
}

/// What it takes to find columns beside aggregates.
pub(crate) struct Aggregation<'f> {
    /// Knows the aggregate functions by their names in lower case.
    pub(crate) is_aggregate: &'f dyn Fn(&str) -> bool,
    /// The nested columns.
    pub(crate) shape: &'f Shape,
}
