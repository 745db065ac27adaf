//! How a resource is written: what a create must set, and what must not be sent any more.
//!
//! Facts about the service, for the checks on writes in `sql`. It depends on nothing, and checks nothing itself.

/// How a resource is written: the members of [`Writes::BODY`], as far as [`Column::access`](super::Column) allows.
#[derive(Debug)]
pub struct Writes {
    /// References, objects with an id, that a create must set.
    pub owner: Needed,
    /// A reference that a create may leave out, but not set without an id.
    pub resource: Needed,
    /// Path of the name for people.
    pub display_name: &'static str,
    /// Path of the description for people.
    pub description: &'static str,
    /// Path of the secret, which is only in the answer to a create.
    pub secret: &'static str,
    /// Path of the time of the create.
    pub created_at: &'static str,
    /// Fields that the service had once, which it would ignore now.
    pub removed: &'static [Removed],
    /// Fields of an INSERT that shows how it is done.
    pub example: &'static str,
}

/// A reference, and what to say if it has no id.
#[derive(Debug)]
pub struct Needed {
    /// Path of the id.
    pub path: &'static str,
    /// Why it needs one.
    pub reason: &'static str,
    /// What to do.
    pub hint: &'static str,
}

/// A field that must not be sent any more.
#[derive(Debug)]
pub struct Removed {
    /// Its path.
    pub path: &'static str,
    /// Why not.
    pub reason: &'static str,
    /// What to do.
    pub hint: &'static str,
}

impl Needed {
    /// Returns the path of the reference.
    pub fn of(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(path, _)| path)
    }
}

impl Writes {
    /// The column whose members a body sets.
    pub const BODY: &'static str = "spec";

    /// The names of that column in a statement: its own, and StackQL's.
    pub const BODY_NAMES: [&'static str; 2] = [Self::BODY, "data__spec"];

    /// Returns `path` without the body that it begins with: `owner.id` of `spec.owner.id`.
    pub fn in_body(path: &str) -> &str {
        let rest = path.strip_prefix(Self::BODY);
        rest.and_then(|rest| rest.strip_prefix('.')).unwrap_or(path)
    }

    /// Returns the names of what tells a person which object is meant: its name, and its owner.
    pub fn telling_names(&self) -> [&'static str; 2] {
        [self.display_name, self.owner.of()].map(last_step)
    }
}

/// Returns the name of what is at `path`.
pub(crate) fn last_step(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}
