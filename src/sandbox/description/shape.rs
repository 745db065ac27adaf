//! What a description is made of: operations, their parameters, and the shapes of values.

use std::fmt;

/// What a value may be.
#[derive(Debug)]
pub(super) enum Shape {
    /// A string of so many characters.
    Text { least: usize, most: usize },
    /// One of these strings.
    Word(&'static [&'static str]),
    /// `YYYY-MM-DD`.
    Date,
    /// A time in RFC 3339.
    Time,
    /// `true` or `false`.
    Truth,
    /// A whole number.
    Number { least: u64, most: u64 },
    /// An object of these members and no others.
    Object(&'static [Member]),
    /// That, or null.
    Nullable(&'static Shape),
}

/// A member of an object, or a query parameter.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) shape: &'static Shape,
    /// Whether it must be there; a read-only member in answers alone.
    pub(super) required: bool,
    /// Whether it has no place in a request.
    pub(super) read_only: bool,
    /// Whether a parameter may be given more than once.
    pub(super) repeatable: bool,
}

impl Member {
    pub(super) const fn new(name: &'static str, shape: &'static Shape) -> Self {
        Self {
            name,
            shape,
            required: false,
            read_only: false,
            repeatable: false,
        }
    }

    pub(super) const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    pub(super) const fn repeatable(self) -> Self {
        Self {
            repeatable: true,
            ..self
        }
    }

    pub(super) const fn read_only(self) -> Self {
        Self {
            read_only: true,
            ..self
        }
    }
}

/// One operation of the service.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// The path, or if `by_id` what stands before the id.
    pub(super) path: &'static str,
    pub(super) by_id: bool,
    pub(super) parameters: &'static [Member],
    pub(super) body: Option<&'static Shape>,
}

pub(super) static TEXT: Shape = Shape::Text {
    least: 0,
    most: usize::MAX,
};
pub(super) static SOME_TEXT: Shape = Shape::Text {
    least: 1,
    most: usize::MAX,
};
pub(super) static NAME: Shape = Shape::Text {
    least: 1,
    most: 255,
};

pub(super) const PAGE_SIZE: Member = Member::new(
    "page_size",
    &Shape::Number {
        least: 1,
        most: 100,
    },
);
pub(super) const PAGE_TOKEN: Member = Member::new(
    "page_token",
    &Shape::Text {
        least: 0,
        most: 255,
    },
);

impl Operation {
    pub(super) const fn new(method: &'static str, path: &'static str) -> Self {
        Self {
            method,
            path,
            by_id: false,
            parameters: &[],
            body: None,
        }
    }

    pub(super) const fn by_id(self) -> Self {
        Self {
            by_id: true,
            ..self
        }
    }

    pub(super) const fn with_parameters(self, parameters: &'static [Member]) -> Self {
        Self { parameters, ..self }
    }

    pub(super) const fn with_body(self, body: &'static Shape) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { least, most } if *most < usize::MAX => {
                write!(f, "a string of {least} to {most} characters")
            }
            Self::Text { least: 0, .. } => f.write_str("a string"),
            Self::Text { .. } => f.write_str("a string that is not empty"),
            Self::Word(words) => write!(f, "`{}`", words.join("` or `")),
            Self::Date => f.write_str("a date"),
            Self::Time => f.write_str("a time"),
            Self::Truth => f.write_str("true or false"),
            Self::Number { least, most } => write!(f, "a number from {least} to {most}"),
            Self::Object(_) => f.write_str("an object"),
            Self::Nullable(shape) => write!(f, "{shape} or null"),
        }
    }
}
