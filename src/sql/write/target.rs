//! The fields that a write sets, checked against the column declaration.

use sqlparser::ast::{ObjectName, Spanned};
use sqlparser::tokenizer::Span;

use crate::dialect::ast::folded;
use crate::dialect::error::{Error, meant, nearest};
use crate::resource::{Access, CATALOG, Column, Resource, Writes};

/// A field that a write sets.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Its path, `spec` first.
    pub(crate) path: Vec<String>,
    /// Its declaration.
    pub(crate) column: &'static Column,
    /// Where it was typed.
    pub(crate) span: Span,
}

impl Target {
    /// Reads a field of an INSERT's column list.
    pub(super) fn of_insert(resource: &'static Resource, name: &ObjectName) -> Result<Self, Error> {
        let target = Self::of(resource, name, |access| access != Access::ReadOnly)?;
        match target.column.access {
            Access::ReadOnly => Err(target.read_only()),
            Access::OnCreate | Access::Writable => Ok(target),
        }
    }

    /// Reads a field of an UPDATE's SET.
    pub(super) fn of_update(resource: &'static Resource, name: &ObjectName) -> Result<Self, Error> {
        let target = Self::of(resource, name, |access| access == Access::Writable)?;
        match target.column.access {
            Access::Writable => Ok(target),
            _ if target.is_spec() => Ok(target),
            Access::ReadOnly => Err(target.read_only()),
            Access::OnCreate => Err(immutable(resource, &target.name()).at(target.span)),
        }
    }

    /// Returns true for the whole of `spec`.
    pub(crate) fn is_spec(&self) -> bool {
        self.path == [Writes::BODY]
    }

    /// Returns the dotted path.
    pub(crate) fn name(&self) -> String {
        self.path.join(".")
    }

    fn of(
        resource: &'static Resource,
        name: &ObjectName,
        offered: impl Fn(Access) -> bool,
    ) -> Result<Self, Error> {
        let span = name.span();
        let idents = name.0.iter().filter_map(|part| part.as_ident());
        let mut path: Vec<String> = idents.map(folded).collect();
        // StackQL also writes one quoted name, and calls the body's fields `data__…`.
        if let [only] = path.as_slice()
            && only.contains('.')
        {
            path = only.split('.').map(str::to_owned).collect();
        }
        if let Some(Writes::BODY) = path.first().and_then(|first| first.strip_prefix("data__")) {
            path[0] = Writes::BODY.to_owned();
        }
        // The table's name may stand before it.
        for qualifier in [CATALOG, resource.service.name, resource.table] {
            if path.len() > 1 && path[0] == qualifier {
                path.remove(0);
            }
        }
        if let Some(column) = resource.find(&path) {
            return Ok(Self { path, column, span });
        }
        if let Some(error) = removed(resource, &path) {
            return Err(error.at(span));
        }
        let typed = path.join(".");
        let error = Error::new(format!("no field `{typed}`")).at(span);
        let paths = resource.paths();
        let offered: Vec<&str> = paths
            .iter()
            .filter(|(_, column)| offered(column.access))
            .map(|(path, _)| path.as_str())
            .collect();
        let nested = offered
            .iter()
            .find(|path| path.split_once('.').is_some_and(|(_, rest)| rest == typed));
        Err(error.hint(meant(
            nearest(&typed, offered.iter().copied()).or(nested.copied()),
            format!("fields that can be set: {}", offered.join(", ")),
        )))
    }

    fn read_only(&self) -> Error {
        read_only(&self.name()).at(self.span)
    }
}

/// The error for a field that only the service sets.
pub(crate) fn read_only(name: &str) -> Error {
    Error::new(format!("`{name}` is read-only: the service sets it")).hint("leave it out")
}

/// The error for a field that the service does not have any more; None for any other.
pub(crate) fn removed<S: AsRef<str>>(resource: &Resource, path: &[S]) -> Option<Error> {
    let removed = resource.removed(path)?;
    let error = Error::new(format!(
        "`{}` is no longer a field: {}",
        removed.path, removed.reason
    ));
    Some(error.hint(removed.hint))
}

/// The error for a field that cannot be changed once the key exists.
pub(crate) fn immutable(resource: &Resource, name: &str) -> Error {
    let paths = resource.paths().into_iter();
    let changeable = paths.filter(|(_, column)| column.access == Access::Writable);
    let changeable: Vec<String> = changeable.map(|(path, _)| path).collect();
    let one = resource.nouns.one;
    Error::new(format!("`{name}` cannot be changed once the {one} exists")).hint(format!(
        "only {} can; for anything else create a new {one} and delete this one",
        changeable.join(" and ")
    ))
}

/// Refuses a target that is set twice, or together with a field that contains it.
pub(super) fn check_overlaps(targets: &[Target]) -> Result<(), Error> {
    for (position, target) in targets.iter().enumerate() {
        for earlier in &targets[..position] {
            if target.path.starts_with(&earlier.path) || earlier.path.starts_with(&target.path) {
                let error = match target.path == earlier.path {
                    true => Error::new(format!("`{}` is set twice", target.name())),
                    false => Error::new(format!(
                        "`{}` and `{}` set the same field",
                        earlier.name(),
                        target.name()
                    )),
                };
                return Err(error.at(target.span).hint("set it once"));
            }
        }
    }
    Ok(())
}
