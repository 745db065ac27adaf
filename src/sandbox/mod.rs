//! A simulated Confluent Cloud on loopback: the IAM v2 api-keys resource, and to read, the collections beside it.
//!
//! It turns a [`SandboxConfig`] into an HTTP server with a believable organization behind it: for newcomers without
//! an account, for tests, and for measurements. It speaks both editions of the api-keys [`Contract`]. Its JSON is
//! written from the published description of the service and shares nothing with the client, so that a name the client
//! gets wrong fails a test instead of matching itself. It depends on axum and a runtime of tokio. It never listens beyond
//! loopback, never talks to the real service, and gives the secret of a key it creates once.

mod bomb;
mod call;
mod clock;
mod config;
mod cursor;
mod description;
mod fault_text;
mod faults;
mod hostile_content;
mod keys;
mod listing;
mod log;
mod names;
mod organization;
mod problem;
mod random;
mod server;
mod service;
mod siblings;
mod store;
#[cfg(test)]
mod tests;
mod wire;
mod writes;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::config::{
    Contract, DEMO_KEY, DEMO_SECRET, DEMO_TOKEN, EXTRA_MEMBER, LEAKED_SECRET, LinkStyle, NextStyle,
    PageOrder, SandboxConfig, SecretInReads, UnknownContract, UnknownFilter, UnknownKey,
};
pub use self::fault_text::FaultSyntaxError;
use self::faults::Script;
pub use self::faults::{Action, Fault, FaultBody, When};
pub use self::log::LoggedRequest;
pub use self::server::{SandboxState, router};
use self::wire::{Connection, Wires};

/// A running simulated service. It stops when this is dropped.
pub struct Sandbox {
    state: Arc<SandboxState>,
    address: SocketAddr,
    running: watch::Sender<()>,
    server: JoinHandle<io::Result<()>>,
}

impl Sandbox {
    /// Invents the organization, binds the port, and serves on the current runtime of tokio.
    ///
    /// # Errors
    ///
    /// Fails if the port cannot be bound.
    pub async fn start(config: SandboxConfig) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await?;
        let address = listener.local_addr()?;
        let state = SandboxState::new(config);
        let (running, mut stopped) = watch::channel(());
        let wires = Wires::new(listener, address, stopped.clone());
        let service =
            router(Arc::clone(&state)).into_make_service_with_connect_info::<Connection>();
        // Changes come never; the wait ends when the sender is dropped.
        let stop = async move { while stopped.changed().await.is_ok() {} };
        let server = axum::serve(wires, service).with_graceful_shutdown(stop);
        let server = tokio::spawn(server.into_future());
        Ok(Self {
            state,
            address,
            running,
            server,
        })
    }

    /// Stops, and waits until the port is free and every connection is closed.
    ///
    /// Requests under way are answered first. Dropping does the same without waiting.
    pub async fn stop(self) {
        drop(self.running);
        // The server's only outcome is its end.
        let _ = self.server.await;
    }

    /// Returns the endpoint: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the API key and the secret that open the service. The key is a row of the organization.
    pub fn credentials(&self) -> (&str, &str) {
        let (key, secret) = &self.state.config().credentials;
        (key, secret.reveal())
    }

    /// Returns the bearer token that opens the service.
    pub fn access_token(&self) -> &str {
        self.state.config().access_token.reveal()
    }

    /// Returns the edition of the published description that the service keeps to.
    pub fn contract(&self) -> Contract {
        self.state.config().contract
    }

    /// Returns the requests seen since the start or the last [`clear_requests`](Self::clear_requests), in order of
    /// arrival. At most 100,000 are remembered.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.state.requests()
    }

    /// Forgets the requests, and the highest number of them at the same time.
    pub fn clear_requests(&self) {
        self.state.clear_requests();
    }

    /// Returns what is wrong with the requests since the start or the last call of this, by the published description of
    /// September 2026 ([`Contract::V05`]): a line for each fault, at most 100. It does not matter which contract the
    /// sandbox keeps to and how it answered, so this finds what a lenient service would let pass.
    pub fn take_violations(&self) -> Vec<String> {
        self.state.take_violations()
    }

    /// Returns what is stored now as reads would give it, by id, expired keys included. There are no secrets in it.
    pub fn keys(&self) -> Vec<Value> {
        let mut keys = self.state.service().keys();
        if self.state.config().extra_members {
            keys.iter_mut().for_each(hostile_content::add_extra_members);
        }
        keys
    }

    /// Returns the ids of those who may own keys, the ones with most keys first.
    pub fn owners(&self) -> Vec<String> {
        self.state.service().owners()
    }

    /// Puts a key in as it is, however odd, in the place of one of the same id; without an id it is kept under the
    /// empty one. Its owner may own keys from then on.
    pub fn insert(&self, key: Value) {
        self.state.service().insert(&key);
    }

    /// Returns the objects of a collection beside the keys, by id: `/iam/v2/users`. Empty if there is no such collection.
    pub fn objects(&self, path: &str) -> Vec<Value> {
        self.state.service().objects(path)
    }

    /// Puts `objects` in the place of those of the collection at `path`, one beside the keys. What refers to the objects that
    /// were there stays as it is.
    pub fn set_objects(&self, path: &str, objects: Vec<Value>) {
        self.state.service().set_objects(path, objects);
    }

    /// Replaces the faults, and starts counting anew.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.state.set_script(Script::new(faults));
    }

    /// Returns the highest number of requests that were being answered at the same time.
    pub fn max_in_flight(&self) -> usize {
        self.state.max_in_flight()
    }

    /// Returns what `iamql sandbox` says when it is ready: where it is, how to reach it, and an example.
    ///
    /// The credentials are in it: they open nothing but this sandbox.
    pub fn banner(&self) -> String {
        let (key, secret) = self.credentials();
        let keys = self.state.config().keys;
        let noun = if keys == 1 { "API key" } else { "API keys" };
        let contract = self.contract();
        let url = self.url();
        format!(
            "simulated Confluent Cloud with {keys} {noun} on {url} (contract {contract})\n\
             \n\
             export CONFLUENT_CLOUD_ENDPOINT={url}\n\
             export CONFLUENT_CLOUD_API_KEY={}\n\
             export CONFLUENT_CLOUD_API_SECRET={}\n\
             \n\
             curl -s -u \"$CONFLUENT_CLOUD_API_KEY:$CONFLUENT_CLOUD_API_SECRET\" \
             \"$CONFLUENT_CLOUD_ENDPOINT/iam/v2/api-keys?page_size=2\"\n\
             \n\
             or with a bearer token, in place of the API key and its secret:\n\
             \n\
             export CONFLUENT_CLOUD_ACCESS_TOKEN={}\n",
            quoted(key),
            quoted(secret),
            quoted(self.access_token()),
        )
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}

/// Quotes a word for a POSIX shell where that is needed.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_.=".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
