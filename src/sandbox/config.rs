//! What the simulated service is asked to be: how many keys, how slow, how strict, and how it spells what the
//! published description leaves open.
//!
//! Plain values and builder methods. Nothing here opens a socket or makes a key.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::faults::Fault;
use crate::secret::Secret;

/// The API key that opens the sandbox unless another is set.
pub const DEMO_KEY: &str = "SANDBOXDEMOKEY22";

/// The secret of [`DEMO_KEY`]: in the service's format, checksum included, and worth nothing anywhere else.
pub const DEMO_SECRET: &str = "cfltSandboxOnlyThisSecretOpensNothingOutsideTheSandboxHerexg6JRA";

/// The bearer token that opens the sandbox unless another is set.
pub const DEMO_TOKEN: &str = "sandbox-access-token";

/// The secret that [`Action::LeakSecrets`](super::Action::LeakSecrets) puts where none belongs, in the service's format.
pub const LEAKED_SECRET: &str = "cfltThisSecretLeaksWhereNoneBelongsAndMustNeverBeShownToAnNDqzfA";

/// The name of the member that [`SandboxConfig::extra_members`] adds to every object.
pub const EXTRA_MEMBER: &str = "brand_new";

/// Which edition of the published description the service keeps to.
///
/// Both have the same five operations. They differ in what a key says, and in which keys a listing gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contract {
    /// Until the summer of 2026: `spec.expires_at` is a time that only the service sets, a key may be for several
    /// resources (`spec.resources`), and a listing gives every key.
    V04,
    /// Since September 2026: `spec.expires_at` is a date that a create may set, `spec.created_by` names who created
    /// the key, and a listing leaves expired keys out unless it is asked for them with `show_expired=true`.
    V05,
}

impl Contract {
    /// All editions, the oldest first.
    pub const ALL: [Self; 2] = [Self::V04, Self::V05];

    /// The edition unless another is set.
    pub const DEFAULT: Self = Self::V05;

    /// Returns its number, as the command line takes it.
    pub const fn number(self) -> &'static str {
        match self {
            Self::V04 => "0.4",
            Self::V05 => "0.5",
        }
    }
}

impl Default for Contract {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}

impl FromStr for Contract {
    type Err = UnknownContract;

    fn from_str(text: &str) -> Result<Self, UnknownContract> {
        let known = Self::ALL.into_iter().find(|own| own.number() == text);
        known.ok_or_else(|| UnknownContract(text.to_owned()))
    }
}

/// A text that names no [`Contract`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown contract `{0}`; use 0.4 or 0.5")]
pub struct UnknownContract(String);

/// How GET, PATCH and DELETE answer for a key that does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownKey {
    /// 403 `forbidden_access`, as recorded answers of the service have it.
    #[default]
    Forbidden403,
    /// 404 `api_key_not_found`, as the published description has it.
    NotFound404,
}

/// How the last page of a listing says that it is the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextStyle {
    /// `metadata` has no `next`.
    #[default]
    Absent,
    /// `metadata.next` is `null`.
    Null,
    /// `metadata.next` is `""`.
    Empty,
    /// There is no `metadata`.
    NoMetadata,
}

/// How a page links to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkStyle {
    /// With scheme and host, as recorded answers have it.
    #[default]
    Absolute,
    /// With the path alone.
    Relative,
}

/// How a listing answers for a query parameter that its contract does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownFilter {
    /// 400 `invalid_filter` that names the parameter, as the published description has a sample of.
    #[default]
    Refused400,
    /// As if it was not there, as the service's rules for clients have it.
    Ignored,
}

/// The order of a listing. The service documents none, so a client must work with any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageOrder {
    /// By id, ascending.
    #[default]
    Ascending,
    /// By id, descending.
    Descending,
}

/// What `spec.secret` is wherever a key is read rather than created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretInReads {
    /// The member is missing, as the published description has it.
    Absent,
    /// `""`, as recorded answers have it.
    #[default]
    Empty,
}

/// What the simulated service is asked to be.
///
/// `SandboxConfig::default()` is the organization that a newcomer sees: 250 keys, no latency, no limits, no faults.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SandboxConfig {
    /// The edition of the published description that the service keeps to.
    pub contract: Contract,
    /// Keys in the organization, the one of `credentials` included. 0 makes an organization without keys.
    pub keys: usize,
    /// What the organization, new ids and new secrets are drawn from: the same seed, the same organization.
    pub seed: u64,
    /// Time from the arrival of a request to its answer.
    pub latency: Duration,
    /// Port to listen on, on loopback; 0 takes a free one.
    pub port: u16,
    /// API key and secret that open the service. The key itself is a row of the organization.
    pub credentials: (String, Secret),
    /// Bearer token that opens the service.
    pub access_token: Secret,
    /// The time at which the organization is seen.
    pub now: DateTime<Utc>,
    /// Whether time stands still at `now`, except for one second with every write, so that answers can be predicted.
    pub frozen: bool,
    /// Order of the listing.
    pub page_order: PageOrder,
    /// How an unknown key is answered.
    pub unknown_key: UnknownKey,
    /// Whether a create may name a cluster or an environment that nobody has, as long as its id looks like one. Tests that
    /// are not about it need not know what there is.
    pub any_resource: bool,
    /// How the last page is marked.
    pub next_style: NextStyle,
    /// How pages link to others.
    pub link_style: LinkStyle,
    /// How a listing answers for a parameter that it does not have.
    pub unknown_filter: UnknownFilter,
    /// Whether every object in an answer has a member [`EXTRA_MEMBER`], which no description has: what comes next.
    pub extra_members: bool,
    /// Whether listings give `metadata.total_size`.
    pub total_size: bool,
    /// What a read says of the secret.
    pub secret_in_reads: SecretInReads,
    /// The most keys that the organization may have, if that is limited. A create above it is answered 402.
    pub quota: Option<usize>,
    /// What goes wrong, see [`Fault`].
    pub faults: Vec<Fault>,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            contract: Contract::default(),
            keys: 250,
            seed: 1,
            latency: Duration::ZERO,
            port: 0,
            credentials: (DEMO_KEY.to_owned(), Secret::new(DEMO_SECRET)),
            access_token: Secret::new(DEMO_TOKEN),
            now: Utc::now(),
            frozen: false,
            page_order: PageOrder::default(),
            unknown_key: UnknownKey::default(),
            any_resource: false,
            next_style: NextStyle::default(),
            link_style: LinkStyle::default(),
            unknown_filter: UnknownFilter::default(),
            extra_members: false,
            total_size: false,
            secret_in_reads: SecretInReads::default(),
            quota: None,
            faults: Vec::new(),
        }
    }
}

impl SandboxConfig {
    /// Sets the edition of the published description.
    pub fn with_contract(mut self, contract: Contract) -> Self {
        self.contract = contract;
        self
    }

    /// Sets how many keys the organization has.
    pub fn with_keys(mut self, keys: usize) -> Self {
        self.keys = keys;
        self
    }

    /// Stops the clock at `now`; every write then happens one second after the one before.
    pub fn with_now(mut self, now: DateTime<Utc>) -> Self {
        self.now = now;
        self.frozen = true;
        self
    }

    /// Changes the fields that have no method of their own.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Adds a fault after those already there.
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contracts_are_read_by_their_number() {
        for contract in Contract::ALL {
            assert_eq!(contract.to_string().parse(), Ok(contract));
        }
        let error = "0.6".parse::<Contract>().unwrap_err();
        assert_eq!(error.to_string(), "unknown contract `0.6`; use 0.4 or 0.5");
    }
}
