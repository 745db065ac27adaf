//! What the three kinds of clusters share: each is in an environment, and cannot be listed without naming it.

use super::environments::ENVIRONMENTS;
use super::filter::{Filter, Required, Values};
use super::method::Parameter;

/// The environment; without one, there is one listing for each.
pub(super) const IN_ENVIRONMENT: &[Filter] = &[Filter {
    required: Some(Required {
        values: Values::Ids {
            of: &ENVIRONMENTS,
            prefix: "",
            is_never_empty: false,
        },
        for_get: true,
    }),
    also: &["spec.environment.id"],
    ..Filter::exact("environment", "environment")
}];

const ENVIRONMENT: Parameter = Parameter::optional(
    "environment",
    "Id of the environment; all of them if it is left out",
);

/// The parameters of a listing.
pub(super) const OF_LIST: &[Parameter] = &[Parameter::PAGE_SIZE, ENVIRONMENT];

/// The parameters of a GET beside the id.
pub(super) const OF_GET: &[Parameter] = &[Parameter::ID, ENVIRONMENT];
