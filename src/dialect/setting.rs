//! The dialect of SQL that a session speaks, as its configuration carries it.

use std::any::Any;
use std::str::FromStr;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::error::{DataFusionError, Result};
use serde::Deserialize;

/// The dialect of SQL that a session speaks. Where the two agree a statement means the same in both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Close to PostgreSQL: what does not fit is an error.
    #[default]
    Default,
    /// StackQL's, which is SQLite's: text counts for the number that it holds.
    Stackql,
}

/// What an error adds to what to write instead.
pub(crate) const OTHER_DIALECT: &str = "--dialect stackql takes it";

impl Dialect {
    /// All dialects.
    pub const ALL: [Self; 2] = [Self::Default, Self::Stackql];

    /// Returns the dialect that the engine's `options` carry.
    pub(crate) fn of(options: &ConfigOptions) -> Self {
        options
            .extensions
            .get::<Self>()
            .copied()
            .unwrap_or_default()
    }

    /// Returns its name, as it is set.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Stackql => "stackql",
        }
    }
}

impl FromStr for Dialect {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| format!("no dialect `{name}`: there are default and stackql"))
    }
}

/// The dialects that a rule belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialects(&'static [Dialect]);

impl Dialects {
    /// All dialects.
    pub(crate) const BOTH: Self = Self(&[Dialect::Default, Dialect::Stackql]);

    /// The default one alone.
    pub(crate) const DEFAULT: Self = Self(&[Dialect::Default]);

    /// StackQL's alone.
    pub(crate) const STACKQL: Self = Self(&[Dialect::Stackql]);

    /// Returns true if `dialect` is one of these.
    pub(crate) fn contains(self, dialect: Dialect) -> bool {
        self.0.contains(&dialect)
    }
}

/// A session's configuration carries its dialect, so that the rules over plans can see it.
impl ConfigExtension for Dialect {
    const PREFIX: &'static str = "iamql";
}

impl ExtensionOptions for Dialect {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(*self)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        if key != "dialect" {
            return Err(DataFusionError::Configuration(format!(
                "no setting `iamql.{key}`"
            )));
        }
        *self = value.parse().map_err(DataFusionError::Configuration)?;
        Ok(())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        vec![ConfigEntry {
            key: "dialect".to_owned(),
            value: Some(self.name().to_owned()),
            description: "The dialect of SQL: default or stackql",
        }]
    }
}
