//! The dialect of the parser: sqlparser's generic one, with the precedence of PostgreSQL's operators or, in `stackql`, of
//! SQLite's, PostgreSQL's `TABLE t`, NOTNULL and AS MATERIALIZED, DuckDB's ORDER BY ALL, StackQL's `a DIV b` and `a MOD b`,
//! and SQLite's `a IS b`.
//!
//! In the generic dialect `a = b IN (…)` is `(a = b) IN (…)`, and `->` binds less tightly than `=`. PostgreSQL's own dialect
//! lacks `EXCLUDE`, backticks and `@name`, which StackQL's users write.

use std::any::TypeId;

use sqlparser::ast::{BinaryOperator, Expr, Statement, UnaryOperator};
use sqlparser::dialect::{GenericDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::Dialect;
use super::limits::MAX_DEPTH;

/// How tightly operators bind, between `+` (30) or `::` (50) and AND (10).
///
/// PostgreSQL: <https://www.postgresql.org/docs/15/sql-syntax-lexical.html#SQL-PRECEDENCE>. SQLite:
/// <https://www.sqlite.org/lang_expr.html#operators_and_parse_affecting_attributes>.
struct Binding {
    /// `||`, `->` and `->>`.
    join: u8,
    /// `~`, `@>` and other operators with no place of their own in PostgreSQL.
    other: u8,
    /// `|`, `&`, `<<` and `>>`.
    bits: u8,
    /// `^`: tighter than `*`, as a power and as MySQL's exclusive or.
    caret: u8,
    /// `<`, `<=`, `>` and `>=`.
    order: u8,
    /// IN, BETWEEN, LIKE and its kin.
    test: u8,
    /// IS.
    is: u8,
}

/// `=` and `<>`.
const EQUALITY: u8 = 20;

const POSTGRESQL: Binding = Binding {
    join: 22,
    other: 22,
    bits: 22,
    caret: 42,
    order: EQUALITY,
    test: 21,
    is: 17,
};

const SQLITE: Binding = Binding {
    join: 45,
    other: EQUALITY,
    bits: 22,
    caret: 42,
    order: 21,
    test: EQUALITY,
    is: EQUALITY,
};

/// Operators that the parser has no name for, as it names them in a tree: SQLite's IS and IS NOT with a value on the right.
pub(crate) const MOD: &str = "MOD";
pub(crate) const IS: &str = "IS";
pub(crate) const IS_NOT: &str = "IS NOT";

/// The dialect of iamql.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IamqlDialect(Dialect);

impl IamqlDialect {
    /// The default dialect, for tokens and for what the program itself has written.
    pub(crate) const DEFAULT: Self = Self(Dialect::Default);

    /// Returns the dialect of the parser for a statement of `dialect`.
    pub(crate) fn of(dialect: Dialect) -> Self {
        Self(dialect)
    }

    fn binding(self) -> &'static Binding {
        match self.0 {
            Dialect::Default => &POSTGRESQL,
            Dialect::Stackql => &SQLITE,
        }
    }
}

macro_rules! as_generic {
    ($($method:ident,)*) => {
        $(fn $method(&self) -> bool {
            GenericDialect.$method()
        })*
    };
}

impl sqlparser::dialect::Dialect for IamqlDialect {
    // The parser asks in places whether the dialect is the generic one.
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_delimited_identifier_start(&self, c: char) -> bool {
        GenericDialect.is_delimited_identifier_start(c)
    }

    fn is_identifier_start(&self, c: char) -> bool {
        GenericDialect.is_identifier_start(c)
    }

    fn is_identifier_part(&self, c: char) -> bool {
        GenericDialect.is_identifier_part(c)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        let binding = self.binding();
        match &parser.peek_token_ref().token {
            Token::StringConcat
            | Token::Arrow
            | Token::LongArrow
            | Token::HashArrow
            | Token::HashLongArrow => Some(Ok(binding.join)),
            Token::Tilde
            | Token::TildeAsterisk
            | Token::ExclamationMarkTilde
            | Token::ExclamationMarkTildeAsterisk
            | Token::DoubleTilde
            | Token::DoubleTildeAsterisk
            | Token::ExclamationMarkDoubleTilde
            | Token::ExclamationMarkDoubleTildeAsterisk
            | Token::AtArrow
            | Token::ArrowAt
            | Token::Overlap => Some(Ok(binding.other)),
            Token::Caret => Some(Ok(binding.caret)),
            Token::Pipe | Token::Ampersand | Token::ShiftLeft | Token::ShiftRight => {
                Some(Ok(binding.bits))
            }
            Token::Lt | Token::LtEq | Token::Gt | Token::GtEq => Some(Ok(binding.order)),
            Token::Word(word) if is_isnull(word) => Some(Ok(binding.is)),
            Token::Word(word) if division(word).is_some() => {
                // After a column `mod` may be its alias.
                let is_operator = begins_an_operand(&parser.peek_nth_token_ref(1).token);
                let precedence = match is_operator {
                    true => self.prec_value(Precedence::MulDivModOp),
                    false => self.prec_unknown(),
                };
                Some(Ok(precedence))
            }
            _ => None,
        }
    }

    fn prec_value(&self, of: Precedence) -> u8 {
        let binding = self.binding();
        match of {
            Precedence::Between | Precedence::Like => binding.test,
            Precedence::Is => binding.is,
            Precedence::Eq => EQUALITY,
            of => GenericDialect.prec_value(of),
        }
    }

    // The parser would take all that follows for the right side, so that `a IS DISTINCT FROM b OR c` would compare `a`
    // with `b OR c`.
    fn parse_infix(
        &self,
        parser: &mut Parser<'_>,
        expr: &Expr,
        precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        // Copied only where it is wanted, since this is asked at every operator of a chain.
        let left = || Box::new(expr.clone());
        let infix = |parser: &mut Parser<'_>, op: BinaryOperator| {
            let right = parser.parse_subexpr(precedence)?;
            Ok(Expr::BinaryOp {
                left: left(),
                op,
                right: Box::new(right),
            })
        };
        if let Token::Word(word) = &parser.peek_token_ref().token
            && let Some(division) = division(word)
        {
            parser.advance_token();
            return Some(infix(parser, division));
        }
        if matches!(&parser.peek_token_ref().token, Token::Word(word) if is_isnull(word)) {
            parser.advance_token();
            return Some(Ok(Expr::IsNull(left())));
        }
        if let Some(list) = list_that_begins_with_a_subquery(parser) {
            return Some(list.map(|(negated, list)| Expr::InList {
                expr: left(),
                list,
                negated,
            }));
        }
        let compare: fn(Box<Expr>, Box<Expr>) -> Expr = if parser.parse_keywords(&[
            Keyword::IS,
            Keyword::DISTINCT,
            Keyword::FROM,
        ]) {
            Expr::IsDistinctFrom
        } else if parser.parse_keywords(&[
            Keyword::IS,
            Keyword::NOT,
            Keyword::DISTINCT,
            Keyword::FROM,
        ]) {
            Expr::IsNotDistinctFrom
        } else if parser.peek_keyword(Keyword::IS) {
            let is_negated = matches!(&parser.peek_nth_token_ref(1).token, Token::Word(word) if word.keyword == Keyword::NOT);
            let operand = if is_negated { 2 } else { 1 };
            if !begins_an_operand(&parser.peek_nth_token_ref(operand).token) {
                return None;
            }
            (0..operand).for_each(|_| parser.advance_token());
            let operator = if is_negated { IS_NOT } else { IS };
            return Some(infix(parser, BinaryOperator::Custom(operator.to_owned())));
        } else {
            return None;
        };
        let right = parser.parse_subexpr(precedence);
        Some(right.map(|right| compare(left(), Box::new(right))))
    }

    // The parser knows subqueries in parentheses by SELECT and WITH, and takes the word of a clause for a column: in
    // `SELECT a + FROM t`, `t` would be a name.
    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let next = parser.peek_token_ref();
        if matches!(&next.token, Token::Word(word) if CLAUSES.contains(&word.keyword)) {
            return Some(parser.expected_ref("an expression", next));
        }
        // To the parser `NOT EXISTS (…)` is one word, which would bind more tightly than IS.
        let is_exists =
            |token: &Token| matches!(token, Token::Word(word) if word.keyword == Keyword::EXISTS);
        if parser.peek_keyword(Keyword::NOT) && is_exists(&parser.peek_nth_token_ref(1).token) {
            parser.advance_token();
            let operand = parser.parse_subexpr(self.prec_value(Precedence::UnaryNot));
            return Some(operand.map(|operand| match operand {
                Expr::Exists { subquery, negated } => Expr::Exists {
                    subquery,
                    negated: !negated,
                },
                operand => Expr::UnaryOp {
                    op: UnaryOperator::Not,
                    expr: Box::new(operand),
                },
            }));
        }
        if follows_any(parser) && begins_a_query(parser, 0) {
            return Some(parser.parse_query().map(Expr::Subquery));
        }
        if next.token != Token::LParen || !begins_a_query(parser, 1) {
            return None;
        }
        parser.advance_token();
        Some(parser.parse_query().and_then(|query| {
            parser.expect_token(&Token::RParen)?;
            Ok(Expr::Subquery(query))
        }))
    }

    // PostgreSQL's and DuckDB's.
    fn supports_order_by_all(&self) -> bool {
        true
    }

    fn supports_notnull_operator(&self) -> bool {
        true
    }

    fn parse_statement(&self, parser: &mut Parser<'_>) -> Option<Result<Statement, ParserError>> {
        let mut words = (0..).map_while(|n| match parser.peek_nth_token_no_skip(n).token {
            Token::EOF => None,
            Token::Word(word) => Some(word.keyword),
            _ => Some(Keyword::NoKeyword),
        });
        if !words.any(|word| matches!(word, Keyword::TABLE | Keyword::MATERIALIZED)) {
            return None;
        }
        let tokens = respelled(&upcoming(parser).collect::<Vec<_>>())?;
        while parser.next_token().token != Token::EOF {}
        let parsed = Parser::new(self)
            .with_recursion_limit(MAX_DEPTH)
            .with_tokens_with_locations(tokens);
        Some(whole(parsed))
    }

    as_generic! {
        allow_extract_custom,
        allow_extract_single_quotes,
        support_map_literal_syntax,
        supports_array_join_syntax,
        supports_array_typedef_with_brackets,
        supports_asc_desc_in_column_definition,
        supports_bitwise_shift_operators,
        supports_comma_separated_set_assignments,
        supports_comma_separated_trim,
        supports_comment_on,
        supports_comment_optimizer_hint,
        supports_connect_by,
        supports_constraint_keyword_without_name,
        supports_create_index_with_clause,
        supports_create_view_comment_syntax,
        supports_cte_without_as,
        supports_data_type_signed_suffix,
        supports_detach,
        supports_dictionary_syntax,
        supports_empty_projections,
        supports_explain_with_utility_options,
        supports_extract_comma_syntax,
        supports_filter_during_aggregation,
        supports_from_first_select,
        supports_group_by_expr,
        supports_group_by_with_modifier,
        supports_install,
        supports_interpolate,
        supports_interval_options,
        supports_key_column_option,
        supports_left_associative_joins_without_parens,
        supports_limit_by,
        supports_limit_comma,
        supports_load_extension,
        supports_match_against,
        supports_match_recognize,
        supports_named_fn_args_with_assignment_operator,
        supports_nested_comments,
        supports_optimize_table,
        supports_parens_around_table_factor,
        supports_parenthesized_set_variables,
        supports_partition_by_after_order_by,
        supports_pipe_operator,
        supports_prewhere,
        supports_projection_trailing_commas,
        supports_quote_delimited_string,
        supports_select_format,
        supports_select_item_multi_column_alias,
        supports_select_wildcard_except,
        supports_select_wildcard_exclude,
        supports_select_wildcard_ilike,
        supports_select_wildcard_rename,
        supports_select_wildcard_replace,
        supports_set_names,
        supports_settings,
        supports_start_transaction_modifier,
        supports_string_escape_constant,
        supports_struct_literal,
        supports_try_convert,
        supports_unicode_string_literal,
        supports_update_order_by,
        supports_user_host_grantee,
        supports_values_as_table_factor,
        supports_window_clause_named_window_reference,
        supports_window_function_null_treatment_arg,
        supports_with_fill,
        supports_xml_expressions,
    }
}

/// Words that begin a clause, or a part of CASE, and no expression.
const CLAUSES: [Keyword; 12] = [
    Keyword::FROM,
    Keyword::WHERE,
    Keyword::GROUP,
    Keyword::HAVING,
    Keyword::ORDER,
    Keyword::LIMIT,
    Keyword::UNION,
    Keyword::EXCEPT,
    Keyword::INTERSECT,
    Keyword::WHEN,
    Keyword::THEN,
    Keyword::ELSE,
];

/// Words that follow a query in parentheses which is a part of a larger one.
const AFTER_A_QUERY: [Keyword; 7] = [
    Keyword::UNION,
    Keyword::INTERSECT,
    Keyword::EXCEPT,
    Keyword::ORDER,
    Keyword::LIMIT,
    Keyword::OFFSET,
    Keyword::FETCH,
];

/// Returns the tokens that `parser` has not read yet, without white space.
fn upcoming<'p>(parser: &'p Parser<'_>) -> impl Iterator<Item = TokenWithSpan> + 'p {
    let tokens = (0..).map(|n| parser.peek_nth_token_no_skip(n));
    let tokens = tokens.take_while(|token| token.token != Token::EOF);
    tokens.filter(|token| !matches!(token.token, Token::Whitespace(_)))
}

/// Returns the token behind the parenthesis that begins `at` tokens from here.
fn after_parenthesis(parser: &Parser<'_>, at: usize) -> Option<Token> {
    let mut depth = 0_usize;
    let mut from_end = upcoming(parser).skip(at).skip_while(|token| {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        depth > 0
    });
    from_end.nth(1).map(|token| token.token)
}

/// Returns true if VALUES, or a query in parentheses that is a part of a larger one, begins `at` tokens from here.
fn begins_a_query(parser: &Parser<'_>, at: usize) -> bool {
    let is_open = |at: usize| parser.peek_nth_token_ref(at).token == Token::LParen;
    match &parser.peek_nth_token_ref(at).token {
        Token::Word(word) => word.keyword == Keyword::VALUES && is_open(at + 1),
        Token::LParen => matches!(
            after_parenthesis(parser, at),
            Some(Token::Word(word)) if AFTER_A_QUERY.contains(&word.keyword)
        ),
        _ => false,
    }
}

/// Returns true behind `ANY (`: the parser has taken the parenthesis already.
fn follows_any(parser: &Parser<'_>) -> bool {
    let last = parser.get_current_index();
    let tokens = (0..=last).rev().map(|at| &parser.token_at(at).token);
    let mut tokens = tokens.filter(|token| !matches!(token, Token::Whitespace(_)));
    tokens.next() == Some(&Token::LParen)
        && matches!(
            tokens.next(),
            Some(Token::Word(word))
                if matches!(word.keyword, Keyword::ANY | Keyword::ALL | Keyword::SOME)
        )
}

fn whole(mut parser: Parser<'_>) -> Result<Statement, ParserError> {
    let statement = parser.parse_statement()?;
    match parser.peek_token_ref().token {
        Token::EOF => Ok(statement),
        _ => parser.expected("end of statement", parser.peek_token()),
    }
}

/// Replaces words that the parser does not know: a TABLE that begins a statement by `SELECT * FROM`, and the MATERIALIZED
/// of WITH by nothing. None if there are none.
fn respelled(tokens: &[TokenWithSpan]) -> Option<Vec<TokenWithSpan>> {
    let word = |at: usize| match tokens.get(at).map(|token| &token.token) {
        Some(Token::Word(word)) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    };
    let is_open = |at: usize| matches!(tokens.get(at), Some(it) if it.token == Token::LParen);
    let is_name =
        |at: usize| matches!(tokens.get(at), Some(it) if matches!(it.token, Token::Word(_)));
    // `IN (TABLE t)`.
    let is_in_parentheses = |at: usize| is_open(at - 1) && is_name(at + 1);
    let mut spelled = Vec::with_capacity(tokens.len() + 2);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let as_it = |token| TokenWithSpan::new(token, tokens[at].span);
        match word(at) {
            Some(Keyword::TABLE) if at == 0 || is_in_parentheses(at) => spelled.extend([
                as_it(Token::make_keyword("SELECT")),
                as_it(Token::Mul),
                as_it(Token::make_keyword("FROM")),
            ]),
            Some(Keyword::AS) if word(at + 1) == Some(Keyword::MATERIALIZED) && is_open(at + 2) => {
                spelled.push(token.clone());
                at += 1;
            }
            Some(Keyword::AS)
                if word(at + 1) == Some(Keyword::NOT)
                    && word(at + 2) == Some(Keyword::MATERIALIZED)
                    && is_open(at + 3) =>
            {
                spelled.push(token.clone());
                at += 2;
            }
            _ => spelled.push(token.clone()),
        }
        at += 1;
    }
    let is_other = word(0) == Some(Keyword::TABLE) || spelled.len() != tokens.len();
    is_other.then_some(spelled)
}

/// Parses `[NOT] IN ((SELECT …), …)`, and returns whether there is a NOT, and the list.
///
/// The parser would take the first element for the whole.
fn list_that_begins_with_a_subquery(
    parser: &mut Parser<'_>,
) -> Option<Result<(bool, Vec<Expr>), ParserError>> {
    let first = usize::from(parser.peek_keyword(Keyword::NOT));
    let is = |at: usize, token: &Token| parser.peek_nth_token_ref(at).token == *token;
    let is_in = matches!(&parser.peek_nth_token_ref(first).token, Token::Word(word) if word.keyword == Keyword::IN);
    if !(is_in && is(first + 1, &Token::LParen) && is(first + 2, &Token::LParen)) {
        return None;
    }
    // A subquery by itself, in two parentheses, is not a list.
    if after_parenthesis(parser, first + 2) != Some(Token::Comma) {
        return None;
    }
    (0..first + 2).for_each(|_| parser.advance_token());
    let list = parser.parse_comma_separated(Parser::parse_expr);
    Some(list.and_then(|list| {
        parser.expect_token(&Token::RParen)?;
        Ok((first == 1, list))
    }))
}

/// Returns true for PostgreSQL's and SQLite's `a ISNULL`, of which the parser knows `a NOTNULL` alone.
fn is_isnull(word: &Word) -> bool {
    word.quote_style.is_none() && word.value.eq_ignore_ascii_case("isnull")
}

/// Returns the operator that DIV or MOD is.
fn division(word: &Word) -> Option<BinaryOperator> {
    if word.quote_style.is_some() {
        None
    } else if word.value.eq_ignore_ascii_case("div") {
        Some(BinaryOperator::MyIntegerDivide)
    } else if word.value.eq_ignore_ascii_case("mod") {
        Some(BinaryOperator::Custom(MOD.to_owned()))
    } else {
        None
    }
}

/// Returns true for tokens that can begin an operand and cannot follow a complete expression.
fn begins_an_operand(token: &Token) -> bool {
    match token {
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::Placeholder(_)
        | Token::LParen
        | Token::Minus => true,
        Token::Word(word) => {
            word.quote_style.is_some()
                || matches!(
                    word.keyword,
                    Keyword::NoKeyword
                        | Keyword::ID
                        | Keyword::KEY
                        | Keyword::VALUE
                        | Keyword::TYPE
                        | Keyword::NAME
                )
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_in(dialect: Dialect, sql: &str) -> Expr {
        let dialect = IamqlDialect::of(dialect);
        let mut parser = Parser::new(&dialect).try_with_sql(sql).unwrap();
        parser.parse_expr().unwrap()
    }

    fn parse(sql: &str) -> Expr {
        parse_in(Dialect::Default, sql)
    }

    /// The operands of an expression in parentheses, and so on.
    fn grouped(expr: &Expr) -> String {
        let not = |negated: bool| if negated { "NOT " } else { "" };
        match expr {
            Expr::BinaryOp { left, op, right } => {
                format!("({} {op} {})", grouped(left), grouped(right))
            }
            Expr::UnaryOp { op, expr } => format!("({op} {})", grouped(expr)),
            Expr::InList { expr, negated, .. } => {
                format!("({} {}IN _)", grouped(expr), not(*negated))
            }
            Expr::Between {
                expr, low, high, ..
            } => {
                let [expr, low, high] = [expr, low, high].map(|expr| grouped(expr));
                format!("({expr} BETWEEN {low} AND {high})")
            }
            Expr::Like { expr, pattern, .. } => {
                format!("({} LIKE {})", grouped(expr), grouped(pattern))
            }
            Expr::IsNull(expr) => format!("({} IS NULL)", grouped(expr)),
            Expr::IsDistinctFrom(left, right) => {
                format!("({} IS DISTINCT {})", grouped(left), grouped(right))
            }
            expr => expr.to_string(),
        }
    }

    #[test]
    fn operators_bind_as_in_postgresql_or_sqlite() {
        for (sql, default, stackql) in [
            ("a = b IN (c)", "(a = (b IN _))", "((a = b) IN _)"),
            (
                "a = b NOT IN (c)",
                "(a = (b NOT IN _))",
                "((a = b) NOT IN _)",
            ),
            ("a < b IN (c)", "(a < (b IN _))", "((a < b) IN _)"),
            ("a LIKE b = c", "((a LIKE b) = c)", "((a LIKE b) = c)"),
            ("a = b LIKE c", "(a = (b LIKE c))", "((a = b) LIKE c)"),
            (
                "a = b BETWEEN c AND d",
                "(a = (b BETWEEN c AND d))",
                "((a = b) BETWEEN c AND d)",
            ),
            ("a = b < c", "((a = b) < c)", "(a = (b < c))"),
            ("a || b IN (c)", "((a || b) IN _)", "((a || b) IN _)"),
            ("a || b + c", "(a || (b + c))", "((a || b) + c)"),
            ("a * b || c", "((a * b) || c)", "(a * (b || c))"),
            ("a ~ b || c", "((a ~ b) || c)", "(a ~ (b || c))"),
            ("a = b ~ c", "(a = (b ~ c))", "((a = b) ~ c)"),
            ("a ->> 'b' = c", "((a ->> 'b') = c)", "((a ->> 'b') = c)"),
            ("a ->> 'b' || c", "((a ->> 'b') || c)", "((a ->> 'b') || c)"),
            ("a || b ->> 'c'", "((a || b) ->> 'c')", "((a || b) ->> 'c')"),
            ("a + b ->> 'c'", "((a + b) ->> 'c')", "(a + (b ->> 'c'))"),
            ("a -> b + 1", "(a -> (b + 1))", "((a -> b) + 1)"),
            ("a < b IS NULL", "((a < b) IS NULL)", "((a < b) IS NULL)"),
            (
                "a < b ISNULL OR c",
                "(((a < b) IS NULL) OR c)",
                "(((a < b) IS NULL) OR c)",
            ),
            ("NOT a IN (b)", "(NOT (a IN _))", "(NOT (a IN _))"),
            ("NOT a = b", "(NOT (a = b))", "(NOT (a = b))"),
            (
                "NOT EXISTS (SELECT 1) IS NULL",
                "(NOT (EXISTS (SELECT 1) IS NULL))",
                "(NOT (EXISTS (SELECT 1) IS NULL))",
            ),
            (
                "NOT EXISTS (SELECT 1) AND a",
                "(NOT EXISTS (SELECT 1) AND a)",
                "(NOT EXISTS (SELECT 1) AND a)",
            ),
            ("- a::b", "(- a::b)", "(- a::b)"),
            (
                "a OR b AND c = d",
                "(a OR (b AND (c = d)))",
                "(a OR (b AND (c = d)))",
            ),
            (
                "a = b IS DISTINCT FROM c",
                "((a = b) IS DISTINCT c)",
                "((a = b) IS DISTINCT c)",
            ),
            ("a & b = c", "((a & b) = c)", "((a & b) = c)"),
        ] {
            assert_eq!(grouped(&parse(sql)), default, "{sql}");
            assert_eq!(grouped(&parse_in(Dialect::Stackql, sql)), stackql, "{sql}");
        }
    }

    #[test]
    fn a_comparison_for_distinctness_ends_before_and_and_or() {
        for operator in ["AND", "OR"] {
            for comparison in ["IS DISTINCT FROM", "IS NOT DISTINCT FROM"] {
                let Expr::BinaryOp { left, op, .. } =
                    parse(&format!("a {comparison} b || 'x' {operator} c = d"))
                else {
                    panic!("{comparison} is not applied last");
                };
                assert_eq!(op.to_string(), operator);
                assert_eq!(left.to_string(), format!("a {comparison} b || 'x'"));
            }
        }
    }

    #[test]
    fn operators_on_bits_bind_alike() {
        for (sql, first) in [
            ("1 | 2 & 4", "1 | 2"),
            ("1 & 2 | 4", "1 & 2"),
            ("1 | 2 << 1", "1 | 2"),
            ("1 << 2 >> 1", "1 << 2"),
            ("6 & 3 = 2", "6 & 3"),
        ] {
            let Expr::BinaryOp { left, .. } = parse(sql) else {
                panic!("{sql} is one operation");
            };
            assert_eq!(left.to_string(), first, "{sql}");
        }
        let Expr::BinaryOp { right, .. } = parse("1 << 2 + 1") else {
            panic!("one operation");
        };
        assert_eq!(right.to_string(), "2 + 1");
    }

    #[test]
    fn divisions_and_equality_may_be_words() {
        for sql in [
            "a DIV 2 + b MOD c * 3",
            "a IS 'x' OR b IS NOT c",
            "a IS id AND b IS (1)",
            "a IS NULL AND b IS NOT NULL OR c IS TRUE",
            "mod(a, 2)",
        ] {
            assert_eq!(parse(sql).to_string(), sql);
        }
        let query =
            Parser::parse_sql(&IamqlDialect::DEFAULT, "SELECT a mod, b div FROM t").unwrap();
        assert_eq!(query[0].to_string(), "SELECT a AS mod, b AS div FROM t");
    }

    #[test]
    fn a_cast_binds_tighter_than_an_arrow() {
        let Expr::BinaryOp { right, .. } = parse("spec ->> 'x'::text") else {
            panic!("the arrow is applied last");
        };
        assert!(matches!(*right, Expr::Cast { .. }));
    }
}
