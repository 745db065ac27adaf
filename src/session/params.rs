//! Values of the parameters of one statement.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::ScalarValue;

use crate::dialect::error::{Error, Place, nearest};
use crate::error::ErrorKind;

/// The values of `$name`; positional parameters are called `1`, `2`, ….
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params(Arc<BTreeMap<String, ScalarValue>>);

impl Params {
    /// The parameters `1`, `2`, … in order.
    pub fn positional(values: impl IntoIterator<Item = ScalarValue>) -> Self {
        let names = (1..).map(|position: usize| position.to_string());
        names.zip(values).collect()
    }

    /// Parameters that are all text, by name.
    pub fn texts<'t>(texts: impl IntoIterator<Item = (&'t String, &'t String)>) -> Self {
        let texts = texts.into_iter();
        texts
            .map(|(name, text)| (name.clone(), ScalarValue::from(text.as_str())))
            .collect()
    }

    /// Returns true if there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value of `name`.
    pub(super) fn value(&self, name: &str) -> Option<ScalarValue> {
        self.0.get(name).cloned()
    }

    /// Returns the error that `$name` has no value, with the nearest one that has.
    pub(super) fn missing(&self, name: &str) -> Error {
        let bare = name.trim_start_matches('$');
        let pass = pass(bare);
        let is_numbered = |name: &&str| name.starts_with(|c: char| c.is_ascii_digit());
        let others = self.0.keys().map(String::as_str);
        let others = others.filter(|other| !is_numbered(other) && !is_numbered(&bare));
        Error::new(format!("parameter `{name}` has no value"))
            .kind(ErrorKind::Name)
            .hint(match nearest(bare, others) {
                Some(near) => format!("did you mean `${near}`? Otherwise {pass}"),
                None => pass,
            })
            .near(Place::typed(name))
    }

    /// Returns the parameters as the engine takes them.
    pub(super) fn values(&self) -> Vec<(String, ScalarValue)> {
        let values = self.0.iter();
        values
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// Says how the parameter `name` gets a value.
pub(super) fn pass(name: &str) -> String {
    format!("pass it as --param {name}=…")
}

impl FromIterator<(String, ScalarValue)> for Params {
    fn from_iter<I: IntoIterator<Item = (String, ScalarValue)>>(values: I) -> Self {
        Self(Arc::new(values.into_iter().collect()))
    }
}
