//! Walks over syntax trees.
//!
//! `Visit::visit` of the parser is compiled for each visitor and each of some 400 types of nodes: half a megabyte of program
//! for each visitor. Here every visitor is passed as a trait object, so that walks are compiled once. Pure.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, ObjectName, Query, Select, Statement, TableFactor, ValueWithSpan, Visit, VisitMut,
    Visitor, VisitorMut,
};

/// A node that can be looked at with all that is below it.
pub(crate) trait Walk: Visit {
    /// Shows `visitor` the nodes, until it breaks off.
    fn walk<V: Visitor>(&self, visitor: &mut V) -> ControlFlow<V::Break> {
        let mut stopping = Stopping::of(visitor);
        let _ = self.visit(&mut AnyVisitor(&mut stopping));
        stopping.outcome()
    }

    /// Shows `visitor` the nodes outside of the queries in this one, and these queries themselves.
    fn walk_own<V: Visitor>(&self, visitor: &mut V) -> ControlFlow<V::Break> {
        self.walk(&mut Own { visitor, depth: 0 })
    }

    /// Calls `look` for each expression, the outer ones first.
    fn expressions<B>(&self, look: impl FnMut(&Expr) -> ControlFlow<B>) -> ControlFlow<B> {
        self.walk(&mut Expressions(look))
    }

    /// Calls `look` for each expression outside of the queries in this node, the outer ones first.
    fn own_expressions<B>(&self, look: impl FnMut(&Expr) -> ControlFlow<B>) -> ControlFlow<B> {
        self.walk_own(&mut Expressions(look))
    }

    /// Calls `look` for each query, the outer ones first.
    fn queries<B>(&self, look: impl FnMut(&Query) -> ControlFlow<B>) -> ControlFlow<B> {
        self.walk(&mut Queries(look))
    }

    /// Calls `look` for each statement, the outer ones first.
    fn statements<B>(&self, look: impl FnMut(&Statement) -> ControlFlow<B>) -> ControlFlow<B> {
        self.walk(&mut Statements(look))
    }
}

impl<N: Visit + ?Sized> Walk for N {}

/// A node that can be changed with all that is below it.
pub(crate) trait WalkMut: VisitMut {
    /// Lets `visitor` change the nodes, until it breaks off.
    fn walk_mut<V: VisitorMut>(&mut self, visitor: &mut V) -> ControlFlow<V::Break> {
        let mut stopping = Stopping::of(visitor);
        let _ = self.visit(&mut AnyVisitorMut(&mut stopping));
        stopping.outcome()
    }

    /// Lets `visitor` change the nodes outside of the queries in this one, and these queries themselves.
    fn walk_own_mut<V: VisitorMut>(&mut self, visitor: &mut V) -> ControlFlow<V::Break> {
        self.walk_mut(&mut Own { visitor, depth: 0 })
    }

    /// Calls `change` for each expression, the inner ones first.
    fn change_expressions(&mut self, mut change: impl FnMut(&mut Expr)) {
        let _ = self.walk_mut(&mut ChangedExpressions(|expr: &mut Expr| {
            change(expr);
            ControlFlow::<()>::Continue(())
        }));
    }
}

impl<N: VisitMut + ?Sized> WalkMut for N {}

/// A visitor of one hook, which calls a function.
macro_rules! calling {
    ($name:ident: $visitor:ident $hook:ident $node:ty) => {
        pub(crate) struct $name<F>(pub(crate) F);

        impl<B, F: FnMut($node) -> ControlFlow<B>> $visitor for $name<F> {
            type Break = B;

            fn $hook(&mut self, node: $node) -> ControlFlow<B> {
                self.0(node)
            }
        }
    };
}

calling!(Expressions: Visitor pre_visit_expr &Expr);
calling!(Statements: Visitor pre_visit_statement &Statement);
calling!(Queries: Visitor pre_visit_query &Query);
calling!(ChangedExpressions: VisitorMut post_visit_expr &mut Expr);
calling!(ChangedQueries: VisitorMut pre_visit_query &mut Query);

/// A visitor, and what it broke off with, which a trait object cannot return.
struct Stopping<'v, V, B> {
    visitor: &'v mut V,
    stop: Option<B>,
}

impl<'v, V, B> Stopping<'v, V, B> {
    fn of(visitor: &'v mut V) -> Self {
        Self {
            visitor,
            stop: None,
        }
    }

    fn noted(&mut self, visit: impl FnOnce(&mut V) -> ControlFlow<B>) -> ControlFlow<()> {
        visit(self.visitor).map_break(|stop| self.stop = Some(stop))
    }

    fn outcome(self) -> ControlFlow<B> {
        self.stop
            .map_or(ControlFlow::Continue(()), ControlFlow::Break)
    }
}

/// A visitor that is shown no more than a query itself of the queries in a node.
struct Own<'v, V> {
    visitor: &'v mut V,
    /// How many queries there are around the current node.
    depth: usize,
}

/// Passes the name of each hook of a visitor, and the node it is for, to `$hooks`.
macro_rules! each {
    ($hooks:ident) => {
        $hooks! { pre_visit_query Query, post_visit_query Query }
        each_but_of_queries!($hooks);
    };
}

macro_rules! each_but_of_queries {
    ($hooks:ident) => {
        $hooks! {
            pre_visit_select Select, post_visit_select Select,
            pre_visit_relation ObjectName, post_visit_relation ObjectName,
            pre_visit_table_factor TableFactor, post_visit_table_factor TableFactor,
            pre_visit_expr Expr, post_visit_expr Expr,
            pre_visit_statement Statement, post_visit_statement Statement,
            pre_visit_value ValueWithSpan, post_visit_value ValueWithSpan
        }
    };
}

macro_rules! noted {
    ($($hook:ident $node:ty),+) => {
        $(fn $hook(&mut self, node: &$node) -> ControlFlow<()> {
            self.noted(|visitor| visitor.$hook(node))
        })+
    };
}

macro_rules! noted_mut {
    ($($hook:ident $node:ty),+) => {
        $(fn $hook(&mut self, node: &mut $node) -> ControlFlow<()> {
            self.noted(|visitor| visitor.$hook(node))
        })+
    };
}

macro_rules! at_the_top {
    ($($hook:ident $node:ty),+) => {
        $(fn $hook(&mut self, node: &$node) -> ControlFlow<Self::Break> {
            match self.depth {
                0 => self.visitor.$hook(node),
                _ => ControlFlow::Continue(()),
            }
        })+
    };
}

macro_rules! at_the_top_mut {
    ($($hook:ident $node:ty),+) => {
        $(fn $hook(&mut self, node: &mut $node) -> ControlFlow<Self::Break> {
            match self.depth {
                0 => self.visitor.$hook(node),
                _ => ControlFlow::Continue(()),
            }
        })+
    };
}

macro_rules! passed {
    ($($hook:ident $node:ty),+) => {
        $(fn $hook(&mut self, node: &$node) -> ControlFlow<()> {
            self.0.$hook(node)
        })+
    };
}

macro_rules! passed_mut {
    ($($hook:ident $node:ty),+) => {
        $(fn $hook(&mut self, node: &mut $node) -> ControlFlow<()> {
            self.0.$hook(node)
        })+
    };
}

impl<V: Visitor> Visitor for Stopping<'_, V, V::Break> {
    type Break = ();

    each!(noted);
}

impl<V: VisitorMut> VisitorMut for Stopping<'_, V, V::Break> {
    type Break = ();

    each!(noted_mut);
}

impl<V: Visitor> Visitor for Own<'_, V> {
    type Break = V::Break;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<V::Break> {
        self.depth += 1;
        match self.depth {
            1 => self.visitor.pre_visit_query(query),
            _ => ControlFlow::Continue(()),
        }
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<V::Break> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    each_but_of_queries!(at_the_top);
}

impl<V: VisitorMut> VisitorMut for Own<'_, V> {
    type Break = V::Break;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<V::Break> {
        self.depth += 1;
        match self.depth {
            1 => self.visitor.pre_visit_query(query),
            _ => ControlFlow::Continue(()),
        }
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<V::Break> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    each_but_of_queries!(at_the_top_mut);
}

struct AnyVisitor<'v>(&'v mut dyn Visitor<Break = ()>);

impl Visitor for AnyVisitor<'_> {
    type Break = ();

    each!(passed);
}

struct AnyVisitorMut<'v>(&'v mut dyn VisitorMut<Break = ()>);

impl VisitorMut for AnyVisitorMut<'_> {
    type Break = ();

    each!(passed_mut);
}
