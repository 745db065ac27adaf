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
}
