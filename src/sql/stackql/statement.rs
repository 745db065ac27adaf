//! StackQL's statements as plain values.

use datafusion::sql::parser::Statement as EngineStatement;
use sqlparser::ast::Expr;

/// What a statement of StackQL's is read as.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading {
    /// One that the SQL parser has no words for.
    Stackql(Stackql),
    /// SQL that means the same.
    Statement {
        /// The statement; its places are in what was typed.
        statement: EngineStatement,
        /// False if its rows are not asked for.
        shows_rows: bool,
    },
}

/// A statement of StackQL's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stackql {
    /// Rows that are known without a request.
    Answer(Answer),
    /// The columns of a table.
    Describe(Describe),
    /// Who the session authenticates as.
    Auth,
    /// The functions that statements may use.
    Functions {
        /// Which of them are asked for.
        filter: Filter,
    },
    /// Creates a view that holds its rows.
    Materialize {
        /// Its name.
        name: String,
        /// The statement that fills it, CREATE OR REPLACE TABLE.
        fill: Box<EngineStatement>,
    },
    /// Fills a view that holds its rows again.
    Refresh {
        /// Its name.
        name: String,
    },
    /// A wait, in milliseconds.
    Sleep(u64),
    /// Nothing to do, and why.
    Nothing(String),
}

/// Rows that are known without a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// Names of the columns.
    pub(crate) columns: Vec<&'static str>,
    /// The rows, all of text.
    pub(crate) rows: Vec<Vec<Option<String>>>,
    /// Which of them are asked for.
    pub(crate) filter: Filter,
}

impl Answer {
    /// Returns all of `rows`.
    pub(crate) fn new(columns: Vec<&'static str>, rows: Vec<Vec<Option<String>>>) -> Self {
        Self {
            columns,
            rows,
            filter: Filter::None,
        }
    }
}

/// Which rows of an answer are asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    /// All.
    None,
    /// Those whose id or name matches this pattern.
    Like(String),
    /// Those for which an expression over the columns is true.
    Where(Box<Expr>),
}

/// `DESCRIBE [EXTENDED] name`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Describe {
    /// The table's name, its parts.
    pub(crate) name: Vec<String>,
    /// True if nested fields and descriptions are asked for.
    pub(crate) extended: bool,
    /// Which columns are asked for.
    pub(crate) filter: Filter,
}
