//! The contract of the five methods: what iamql relies on, asked of a service by the statements that use them.
//!
//! The same checks go to two services: to the sandbox, always; to Confluent Cloud, only if `IAMQL_CONTRACT_OWNER` names
//! the user or service account for whom keys may be created, and the usual variables hold credentials. A check never
//! changes a key that this run did not create, and however the checks end, the keys that they created are deleted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use futures::{FutureExt, TryStreamExt};
use iamql::api::{
    Client, ClientConfig, Credentials, Deletion, Endpoint, Error, Filters, KeyId, ListParams,
    RetryPolicy,
};
use iamql::resource::API_KEYS;
use iamql::sandbox::{
    Contract, LinkStyle, NextStyle, Sandbox, SandboxConfig, SecretInReads, UnknownKey,
};
use iamql::secret::Secret;
use iamql::session::{Options, Params, Session};
use iamql::sql::split::split;
use iamql::table::Connection;
use serde_json::Value;

use crate::support::{Answer, answer, assert_requests_are_described, organization, shown};

/// A service, and what this run has created there.
struct Service {
    session: Session,
    client: Client,
    /// Whose keys are created.
    owner: String,
    /// What the names of this run's keys begin with, and those of no other key do.
    prefix: String,
    /// True if it must keep the day on which a key expires.
    sets_expiry: bool,
    created: RefCell<Vec<KeyId>>,
}

impl Service {
    /// The service at `endpoint`, where keys are created for `owner`.
    async fn at(
        endpoint: Endpoint,
        credentials: Credentials,
        retry: RetryPolicy,
        owner: &str,
    ) -> Self {
        let client = Client::new(ClientConfig {
            endpoint,
            credentials,
            timeout: Duration::from_secs(60),
            concurrency: 2,
            ca_cert: None,
            retry,
        })
        .unwrap();
        let session = Session::open(Connection::to(client.clone()), Options::default());
        Self {
            session: session.await.unwrap(),
            client,
            owner: owner.to_owned(),
            sets_expiry: true,
            prefix: format!("iamql-contract-{:016x}", fastrand::u64(..)),
            created: RefCell::default(),
        }
    }

    async fn in_sandbox(sandbox: &Sandbox) -> Self {
        let (key, secret) = sandbox.credentials();
        let credentials = Credentials::Basic {
            key: key.to_owned(),
            secret: Secret::new(secret),
        };
        let endpoint = Endpoint::parse(&sandbox.url()).unwrap();
        let owners = sandbox.owners();
        let owner = owners.iter().find(|owner| owner.starts_with("sa-"));
        Self::at(
            endpoint,
            credentials,
            RetryPolicy::without_pauses(),
            owner.unwrap(),
        )
        .await
    }

    /// Runs one statement, which succeeds. In it, `$owner` is the owner and `{prefix}` what the names begin with.
    async fn run(&self, sql: &str) -> Answer {
        let script = split(&sql.replace("{prefix}", &self.prefix));
        let params = Params::from_iter([("owner".to_owned(), self.owner.as_str().into())]);
        match answer(&self.session, &script.pieces[0], &params).await {
            Ok(answer) => answer,
            Err(error) => panic!("{sql}\n{}", shown(&error)),
        }
    }

    /// Creates a key, whose id it returns. What fails here does not show the row, for there is a secret in it.
    async fn create(&self, name: &str) -> String {
        let fields = "spec.display_name, spec.description, spec.owner.id";
        let values = format!("'{{prefix}} {name}', 'made by a test', $owner");
        self.create_with(fields, &values).await
    }

    /// Creates a key whose `fields` have these `values`, and returns its id.
    async fn create_with(&self, fields: &str, values: &str) -> String {
        let answer = self
            .run(&format!(
                "INSERT INTO api_keys ({fields}) VALUES ({values})
                 RETURNING id, spec.secret, kind, api_version, spec.owner.id, metadata.created_at IS NOT NULL"
            ))
            .await;
        assert_eq!(answer.rows.len(), 1);
        let cells: Vec<&str> = answer.rows[0].split(" | ").collect();
        let id = cells[0].to_owned();
        self.created.borrow_mut().push(KeyId::new(&id).unwrap());
        assert!(!matches!(cells[1], "" | "NULL"), "no secret");
        assert_eq!(
            cells[2..],
            ["ApiKey", "iam/v2", self.owner.as_str(), "true"]
        );
        id
    }

    /// Deletes a key of this run by its id.
    async fn delete(&self, id: &str) {
        let sql = format!("DELETE FROM api_keys WHERE id = '{id}' RETURNING id");
        assert_eq!(self.run(&sql).await.value(), id);
        self.created.borrow_mut().retain(|made| made.as_str() != id);
    }

    /// The ids of the owner's keys that bear this run's prefix, each as often as a listing in pages of `page_size` has
    /// it.
    async fn listed(&self, page_size: u16) -> Result<Vec<KeyId>, Error> {
        let params = ListParams {
            filters: Filters::default().with("spec.owner", &self.owner),
            page_size,
            ..ListParams::all(&API_KEYS)
        };
        let pages: Vec<_> = self.client.list(params).try_collect().await?;
        let keys = pages.iter().flat_map(|page| page.keys());
        let ids = keys.filter_map(|key| {
            let key: Value = serde_json::from_str(key.raw()).unwrap();
            let name = key.pointer("/spec/display_name")?.as_str()?;
            KeyId::new(key["id"].as_str()?).filter(|_| name.starts_with(&self.prefix))
        });
        Ok(ids.collect())
    }

    /// Deletes what this run created: the keys that it knows of, and those whose creation nobody has heard back of.
    async fn clean_up(&self) -> Vec<String> {
        let mut ids = self.created.take();
        let mut left = Vec::new();
        match self.listed(100).await {
            Ok(found) => ids.extend(found),
            Err(error) => left.push(format!("keys named `{}…`: {error}", self.prefix)),
        }
        ids.sort();
        ids.dedup();
        for id in ids {
            if let Err(error) = self.client.delete(&API_KEYS, &id).await {
                left.push(format!("key `{id}`: {error}"));
            }
        }
        left
    }

    /// Runs `checks`, and deletes what they created whether they succeed or not.
    async fn keeps(self, checks: impl AsyncFnOnce(&Self)) {
        let outcome = AssertUnwindSafe(checks(&self)).catch_unwind().await;
        let left = self.clean_up().await;
        assert!(left.is_empty(), "could not be deleted: {left:?}");
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
    }
}

/// All that is asked of a service.
async fn contract(service: &Service) {
    let first = service.create("first").await;
    let second = service.create("second").await;
    let mut both = [first.as_str(), second.as_str()];
    both.sort_unstable();
    a_key_is_read_by_its_id(service, &first).await;
    the_secret_is_shown_once(service, &first).await;
    a_listing_holds_every_key_once(service, &both).await;
    the_filters_match_exactly(service, &both).await;
    an_update_changes_what_it_names(service, &first, &second).await;
    a_deleted_key_is_gone(service, &first, &second).await;
    a_key_expires_on_the_day_that_was_set(service).await;
    bad_credentials_are_an_error(service).await;
}

/// A service of before September 2026 sets no day, which is not a breach of its contract.
async fn a_key_expires_on_the_day_that_was_set(service: &Service) {
    let id = service
        .create_with(
            "spec.display_name, spec.owner.id, spec.expires_at",
            "'{prefix} expiring', $owner, current_date + interval '2 days'",
        )
        .await;
    let sql = "SELECT expires_at = current_date + interval '2 days' AND NOT is_expired AND days_left = 2 FROM vw_api_keys WHERE";
    let by_id = service.run(&format!("{sql} id = '{id}'")).await;
    let listed = service
        .run(&format!("{sql} display_name = '{{prefix}} expiring'"))
        .await;
    assert_eq!(by_id.value(), listed.value());
    if service.sets_expiry {
        assert_eq!(by_id.value(), "true");
    }
    service.delete(&id).await;
}

async fn a_key_is_read_by_its_id(service: &Service, id: &str) {
    let answer = service
        .run(&format!(
            "SELECT id, spec.display_name, spec.description, spec.owner.id FROM api_keys WHERE id = '{id}'"
        ))
        .await;
    let name = format!("{} first", service.prefix);
    let expected = [id, name.as_str(), "made by a test", service.owner.as_str()];
    assert_eq!(answer.value_list(), expected);
    let exec =
        format!("EXEC /*+ SHOWRESULTS */ confluent.iam.api_keys.get_iam_v2api_key @id = '{id}'");
    assert_eq!(service.run(&exec).await.rows.len(), 1);
}

async fn the_secret_is_shown_once(service: &Service, id: &str) {
    let sql = format!("SELECT spec.secret IS NULL FROM api_keys WHERE id = '{id}'");
    assert_eq!(service.run(&sql).await.value(), "true");
}

async fn a_listing_holds_every_key_once(service: &Service, both: &[&str; 2]) {
    let all = "SELECT id FROM api_keys WHERE spec.display_name LIKE '{prefix}%'";
    assert_eq!(service.run(all).await.sorted(), both);
    for page_size in [1, 100] {
        let mut ids = service.listed(page_size).await.unwrap();
        ids.sort();
        let ids: Vec<&str> = ids.iter().map(KeyId::as_str).collect();
        assert_eq!(ids, both, "pages of {page_size}");
    }
}

/// Pushdown relies on it that a filter leaves out no key that it should not.
async fn the_filters_match_exactly(service: &Service, both: &[&str; 2]) {
    for filter in [
        "spec.owner.id = $owner",
        "spec.resource.id = 'cloud'",
        "spec.owner.id = $owner AND spec.resource.id = 'cloud'",
    ] {
        let sql = format!(
            "SELECT id FROM api_keys WHERE {filter} AND spec.display_name LIKE '{{prefix}}%'"
        );
        assert_eq!(service.run(&sql).await.sorted(), both, "{filter}");
    }
    let params = ListParams {
        filters: Filters::default().with("spec.owner", &service.owner),
        ..ListParams::all(&API_KEYS)
    };
    let pages: Vec<_> = service.client.list(params).try_collect().await.unwrap();
    for key in pages.iter().flat_map(|page| page.keys()) {
        let key: Value = serde_json::from_str(key.raw()).unwrap();
        assert_eq!(key["spec"]["owner"]["id"], *service.owner);
    }
}

async fn an_update_changes_what_it_names(service: &Service, first: &str, second: &str) {
    let update = format!(
        "UPDATE api_keys SET spec.description = 'changed' WHERE id = '{first}'
         RETURNING spec.display_name, spec.description"
    );
    let name = format!("{} first", service.prefix);
    assert_eq!(
        service.run(&update).await.value_list(),
        [name.as_str(), "changed"]
    );
    let described = "SELECT spec.description FROM api_keys WHERE id = ";
    for (id, description) in [(first, "changed"), (second, "made by a test")] {
        let answer = service.run(&format!("{described}'{id}'")).await;
        assert_eq!(answer.value(), description);
    }
}

async fn a_deleted_key_is_gone(service: &Service, first: &str, second: &str) {
    service.delete(first).await;
    let by_id = format!("SELECT id FROM api_keys WHERE id = '{first}'");
    assert_eq!(service.run(&by_id).await.rows, [""; 0]);
    let all = "SELECT id FROM api_keys WHERE spec.display_name LIKE '{prefix}%'";
    assert_eq!(service.run(all).await.value(), second);
    // The service is known to answer 403 for a key that is gone, and documented to answer 404.
    match service
        .client
        .delete(&API_KEYS, &KeyId::new(first).unwrap())
        .await
    {
        Ok(deletion) => assert_eq!(deletion, Deletion::NotFound),
        Err(error) => assert!(error.to_string().contains("403"), "{error}"),
    }
}

async fn bad_credentials_are_an_error(service: &Service) {
    let credentials = Credentials::Basic {
        key: "AAAAAAAAAAAAAAAA".to_owned(),
        secret: Secret::new("not a secret"),
    };
    let endpoint = service.client.endpoint().clone();
    let stranger = Service::at(
        endpoint,
        credentials,
        RetryPolicy::default(),
        &service.owner,
    );
    assert!(stranger.await.listed(100).await.is_err());
}

/// Where and for whom to check Confluent Cloud, by the environment; None unless it is asked for.
///
/// Fails if it is asked for and cannot be done, so that a run without credentials does not look like a success.
fn live(
    variable: impl Fn(&str) -> Option<String>,
) -> Option<Result<(Endpoint, Credentials, String), String>> {
    let owner = variable("IAMQL_CONTRACT_OWNER").filter(|owner| !owner.is_empty())?;
    let needed = |name: &str| variable(name).ok_or_else(|| format!("{name} is not set"));
    let read = || -> Result<_, String> {
        let endpoint = match variable("CONFLUENT_CLOUD_ENDPOINT") {
            Some(url) => Endpoint::parse(&url).map_err(|error| error.to_string())?,
            None => Endpoint::production(),
        };
        let credentials = Credentials::Basic {
            key: needed("CONFLUENT_CLOUD_API_KEY")?,
            secret: Secret::new(needed("CONFLUENT_CLOUD_API_SECRET")?),
        };
        Ok((endpoint, credentials, owner))
    };
    Some(read())
}

#[tokio::test]
async fn the_sandbox_keeps_the_contract_and_no_key_of_it() {
    for edition in Contract::ALL {
        for config in [
            organization(250),
            organization(120).with(|config| config.unknown_key = UnknownKey::NotFound404),
            organization(120)
                .with(|config| config.link_style = LinkStyle::Relative)
                .with(|config| config.next_style = NextStyle::NoMetadata)
                .with(|config| config.secret_in_reads = SecretInReads::Absent),
            SandboxConfig::default(),
        ] {
            let sandbox = Sandbox::start(config.with_contract(edition)).await.unwrap();
            let before = sandbox.keys();
            let mut service = Service::in_sandbox(&sandbox).await;
            service.sets_expiry = edition == Contract::V05;
            service.keeps(contract).await;
            assert_eq!(sandbox.keys(), before);
            assert_requests_are_described(&sandbox);
        }
    }
}

#[tokio::test]
async fn confluent_cloud_keeps_the_contract_where_it_is_asked_for() {
    let Some(live) = live(|name| std::env::var(name).ok()) else {
        return;
    };
    let (endpoint, credentials, owner) = live.unwrap();
    let service = Service::at(endpoint, credentials, RetryPolicy::default(), &owner);
    service.await.keeps(contract).await;
}

#[tokio::test]
async fn a_check_that_fails_leaves_no_key_behind() {
    let sandbox = Sandbox::start(organization(120)).await.unwrap();
    let before = sandbox.keys();
    let service = Service::in_sandbox(&sandbox).await;
    let fails = service.keeps(async |service| {
        service.create("known").await;
        // One that was created, though nobody has heard back of it.
        service.create("unknown").await;
        service.created.borrow_mut().pop();
        assert_eq!(sandbox.keys().len(), before.len() + 2);
        panic!("the check fails");
    });
    let panic = AssertUnwindSafe(fails).catch_unwind().await.unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"the check fails"));
    assert_eq!(sandbox.keys(), before);
}

#[test]
fn confluent_cloud_is_asked_only_on_demand() {
    let of = |variables: &[(&'static str, &'static str)]| {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        live(move |name| variables.get(name).map(|value| (*value).to_owned()))
    };
    let key = ("CONFLUENT_CLOUD_API_KEY", "K");
    let secret = ("CONFLUENT_CLOUD_API_SECRET", "S");
    let owner = ("IAMQL_CONTRACT_OWNER", "sa-1");
    assert!(of(&[key, secret]).is_none());
    assert!(of(&[key, secret, ("IAMQL_CONTRACT_OWNER", "")]).is_none());
    let missing = of(&[owner, key]).unwrap().unwrap_err();
    assert_eq!(missing, "CONFLUENT_CLOUD_API_SECRET is not set");
    let (endpoint, _, whose) = of(&[owner, key, secret]).unwrap().unwrap();
    assert_eq!(
        (endpoint.to_string().as_str(), whose.as_str()),
        ("https://api.confluent.cloud", "sa-1")
    );
}
