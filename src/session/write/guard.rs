//! Guards against changing more keys than intended.

use std::time::Instant;

use super::confirm::{Question, Verb};
use super::{Rows, Writer};
use crate::error::{Error, ErrorKind};
use crate::sql::spec::Spec;

impl Writer<'_> {
    /// Refuses a statement without WHERE if nobody can be asked. Runs before the first request.
    pub(super) fn check_bounded(&self, verb: Verb, is_unbounded: bool) -> Result<(), Error> {
        let options = &self.session.options;
        if !is_unbounded || options.yes || self.is_dry || options.confirm.is_some() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Permission,
            format!(
                "{} without WHERE would {} every key",
                verb.keyword(),
                verb.plain()
            ),
        )
        .hint("add a WHERE, preview with --dry-run, or pass --yes"))
    }

    /// Asks or refuses if an INSERT creates unusually many keys. Runs before the first request.
    pub(super) fn check_creates(&self, specs: &[Spec]) -> Result<(), Error> {
        let is_unusual = self.is_unusual(false, specs.len());
        self.ask(is_unusual, || Question {
            resource: self.resource,
            verb: Verb::Insert,
            count: specs.len(),
            ids: Vec::new(),
            rows: None,
            values: specs,
        })
    }

    /// Returns true if a person will be asked, and should see which keys they are.
    pub(super) fn asks(&self, is_unbounded: bool, rows: &Rows) -> bool {
        self.session.options.confirm.is_some() && self.is_unusual(is_unbounded, rows.ids.len())
    }

    /// Asks or refuses if a statement affects unusually many keys. Runs before the first request that changes any;
    /// `values` are what an UPDATE sets.
    pub(super) fn check_rows(
        &self,
        verb: Verb,
        is_unbounded: bool,
        rows: &Rows,
        values: &[Spec],
    ) -> Result<(), Error> {
        self.check_self(verb, rows)?;
        let is_unusual = self.is_unusual(is_unbounded, rows.ids.len());
        self.ask(is_unusual, || Question {
            resource: self.resource,
            verb,
            count: rows.ids.len(),
            ids: rows.ids.iter().map(|id| id.as_str()).collect(),
            rows: rows.fetched.as_ref(),
            values,
        })
    }

    fn ask<'q>(
        &self,
        is_unusual: bool,
        question: impl FnOnce() -> Question<'q>,
    ) -> Result<(), Error> {
        if !is_unusual {
            return Ok(());
        }
        let question = question();
        let Some(confirm) = &self.session.options.confirm else {
            return Err(self.too_many(question.verb, question.count));
        };
        let asked = Instant::now();
        let is_confirmed = confirm.confirm(&question);
        self.call.scope.wait(asked.elapsed());
        match is_confirmed {
            true => Ok(()),
            false => Err(Error::new(
                ErrorKind::Permission,
                match question.verb {
                    Verb::Insert => "not confirmed: nothing was created",
                    Verb::Update | Verb::Delete => "not confirmed: nothing was changed",
                },
            )),
        }
    }

    /// Warns if creates that are only shown would be refused.
    pub(super) fn warn_of_creates(&self, count: usize) {
        if self.is_unusual(false, count) && self.session.options.confirm.is_none() {
            self.call.scope.warn_of_write(format!(
                "if sent, these would be refused: {}",
                self.too_many(Verb::Insert, count).message
            ));
        }
    }

    /// Warns if requests that are only shown would be refused.
    pub(super) fn warn_of_guards(&self, verb: Verb, is_unbounded: bool, rows: &Rows) {
        let options = &self.session.options;
        let count = rows.ids.len();
        let is_refused = self.is_unusual(is_unbounded, count) && options.confirm.is_none();
        let refusals = [
            self.check_self(verb, rows).err(),
            is_refused.then(|| self.too_many(verb, count)),
        ];
        for refusal in refusals.into_iter().flatten() {
            self.call.scope.warn_of_write(format!(
                "if sent, these would be refused: {}",
                refusal.message
            ));
        }
    }

    /// Returns true if the statement needs confirmation.
    fn is_unusual(&self, is_unbounded: bool, count: usize) -> bool {
        let options = &self.session.options;
        count > 0 && !options.yes && (is_unbounded || count > options.max_affected)
    }

    fn too_many(&self, verb: Verb, count: usize) -> Error {
        let max = self.session.options.max_affected;
        let than = match count > max {
            true => format!("more than {max}"),
            false => "and has no WHERE".to_owned(),
        };
        Error::new(
            ErrorKind::Permission,
            format!(
                "{} would {} {}, {than}",
                verb.keyword(),
                verb.plain(),
                self.resource.count(count),
            ),
        )
        .hint("preview with --dry-run, then pass --max-affected N or --yes")
    }

    /// Refuses to revoke the key that the session itself uses.
    fn check_self(&self, verb: Verb, rows: &Rows) -> Result<(), Error> {
        if verb != Verb::Delete || self.session.options.allow_self_delete {
            return Ok(());
        }
        match self.own_key() {
            // Whether the service tells upper case from lower is not known.
            Some(own) if rows.ids.iter().any(|id| id.as_str().eq_ignore_ascii_case(&own)) => {
                Err(Error::new(ErrorKind::Permission, format!(
                    "`{own}` is the key that this session authenticates with: deleting it would lock you out"
                ))
                .hint(format!("add AND id <> '{own}', or pass --allow-self-delete")))
            }
            _ => Ok(()),
        }
    }
}
