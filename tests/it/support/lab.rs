//! A session over a sandbox in this process: the quick way to run a statement and see its requests.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use iamql::api::{Client, ClientConfig, Credentials, Endpoint, RetryPolicy, Traffic};
use iamql::error::Error;
use iamql::render::Diagnostic;
use iamql::sandbox::{Contract, Sandbox, SandboxConfig};
use iamql::secret::Secret;
use iamql::session::{Interrupt, Options, Params, Report, RescueFile, Session, Sink, in_statement};
use iamql::sql::split::{Piece, split};
use iamql::table::Connection;
use serde_json::Value;
use tempfile::TempDir;

use super::answer::{Answer, Collector, steady, without_token};
use super::{assert_requests_are_described, key, number, organization};

/// A session over a sandbox.
#[derive(Debug)]
pub(crate) struct Lab {
    /// The simulated service.
    pub(crate) sandbox: Sandbox,
    session: Session,
    params: Params,
    folder: TempDir,
}

impl Lab {
    /// A lab with an organization of `keys` keys.
    pub(crate) async fn with_keys(keys: usize) -> Self {
        Self::start(organization(keys)).await
    }

    /// A lab with an organization of 250 keys and a view `mine` of the session over it.
    pub(crate) async fn with_view() -> Self {
        let lab = Lab::with_keys(250).await;
        let view = lab
            .run(
                "CREATE VIEW mine AS
                 SELECT id, spec.owner.id AS owner, spec.resource.id AS resource, kind FROM api_keys",
            )
            .await;
        assert_eq!(view.requests, [""; 0]);
        lab
    }

    /// A lab with exactly `keys`.
    pub(crate) async fn of(keys: impl IntoIterator<Item = Value>) -> Self {
        let lab = Self::with_keys(0).await;
        keys.into_iter().for_each(|key| lab.sandbox.insert(key));
        lab
    }

    /// A lab with the keys `K000` to `K004` of `sa-1` and `K005` of `sa-2`, whose session has `options`.
    pub(crate) async fn small(options: Options) -> Self {
        Self::small_of(Contract::DEFAULT, options).await
    }

    /// The same, whose service speaks `contract`.
    pub(crate) async fn small_of(contract: Contract, options: Options) -> Self {
        let lab = Self::with_options(organization(0).with_contract(contract), options).await;
        for n in 0..5 {
            lab.sandbox.insert(key(&number(n), "sa-1", "lkc-1"));
        }
        lab.sandbox.insert(key("K005", "sa-2", "lkc-2"));
        lab
    }

    /// The same, whose session saves secrets that were not delivered: where it does, in a folder that lasts as long as its
    /// handle.
    pub(crate) async fn saving() -> (Self, RescueFile, TempDir) {
        Self::saving_of(Contract::DEFAULT).await
    }

    /// The same, whose service speaks `contract`.
    pub(crate) async fn saving_of(contract: Contract) -> (Self, RescueFile, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let unsaved = RescueFile::in_dir(folder.path());
        let options = Options {
            rescue_file: Some(unsaved.clone()),
            yes: true,
            ..Options::default()
        };
        (Self::small_of(contract, options).await, unsaved, folder)
    }

    /// A lab over the sandbox that `config` describes.
    pub(crate) async fn start(config: SandboxConfig) -> Self {
        Self::with_params(config, []).await
    }

    /// A lab whose session has parameters.
    pub(crate) async fn with_params<const N: usize>(
        config: SandboxConfig,
        params: [(&str, &str); N],
    ) -> Self {
        let params = params.map(|(name, value)| (name.to_owned(), value.into()));
        let mut lab = Self::with_options(config, Options::default()).await;
        lab.params = params.into_iter().collect();
        lab
    }

    /// A lab whose session has other options.
    pub(crate) async fn with_options(config: SandboxConfig, options: Options) -> Self {
        let sandbox = Sandbox::start(config).await.unwrap();
        let (key, secret) = sandbox.credentials();
        let client = Client::new(ClientConfig {
            endpoint: Endpoint::parse(&sandbox.url()).unwrap(),
            credentials: Credentials::Basic {
                key: key.to_owned(),
                secret: Secret::new(secret),
            },
            timeout: Duration::from_secs(60),
            concurrency: 8,
            ca_cert: None,
            retry: RetryPolicy::without_pauses(),
        })
        .unwrap();
        let session = Session::open(Connection::to(client), options)
            .await
            .unwrap();
        Self {
            sandbox,
            session,
            params: Params::default(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Runs `script` and returns what its last statement came to. In it, `{dir}` stands for a folder of the lab's own.
    ///
    /// # Errors
    ///
    /// Fails as the first statement of it that does.
    pub(crate) async fn try_run(&self, script: &str) -> Result<Answer, Error> {
        let script = split(&script.replace("{dir}", self.folder().to_str().unwrap()));
        let mut answer = Answer::default();
        for piece in &script.pieces {
            self.sandbox.clear_requests();
            answer = self::answer(&self.session, piece, &self.params).await?;
            answer.requests = self.requests();
        }
        match script.broken {
            Some((piece, error)) => Err(in_statement(error, &piece.text, piece.line)),
            None => Ok(answer),
        }
    }

    /// Runs `script`, which succeeds, and returns what its last statement came to.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> impl Future<Output = Answer> {
        let caller = std::panic::Location::caller();
        async move {
            match self.try_run(script).await {
                Ok(answer) => answer,
                Err(error) => panic!("{caller}: {script}\n{}", shown(&error)),
            }
        }
    }

    /// Runs `script`, whose last statement fails, and returns the error as people see it.
    #[track_caller]
    pub(crate) fn fail(&self, script: &str) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        async move {
            match self.try_run(script).await {
                Ok(answer) => panic!("{caller}: {script}\n{answer:?}"),
                Err(error) => shown(&error),
            }
        }
    }

    /// The session.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// The request lines since the last statement began.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.sandbox.requests();
        requests
            .iter()
            .map(|request| without_token(&request.to_string()))
            .collect()
    }

    /// The bodies of the requests since the last statement began.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        let requests = self.sandbox.requests();
        let bodies = requests.iter().filter(|request| !request.body.is_empty());
        bodies
            .map(|request| serde_json::from_slice(&request.body).unwrap())
            .collect()
    }

    /// The key `id` as the service has it.
    pub(crate) fn stored(&self, id: &str) -> Option<Value> {
        self.sandbox.keys().into_iter().find(|key| key["id"] == id)
    }

    /// Runs `statement`, its rows going to `sink`.
    ///
    /// # Errors
    ///
    /// Fails as the statement does.
    pub(crate) async fn run_into(
        &self,
        statement: &str,
        sink: &mut dyn Sink,
    ) -> Result<Report, Error> {
        let script = split(statement);
        self.sandbox.clear_requests();
        self.session
            .run(
                &script.pieces[0],
                &self.params,
                Arc::default(),
                sink,
                &Interrupt::default(),
            )
            .await
    }

    /// Puts a file into the lab's own folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder().join(name), text).unwrap();
    }

    /// The lab's own folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        assert_requests_are_described(&self.sandbox);
    }
}

/// Runs one statement. Which requests it took, the session does not tell.
///
/// # Errors
///
/// Fails as the statement does.
pub(crate) async fn answer(
    session: &Session,
    piece: &Piece,
    params: &Params,
) -> Result<Answer, Error> {
    let mut rows = Collector::default();
    let traffic = Arc::new(Traffic::default());
    let report = session
        .run(piece, params, traffic, &mut rows, &Interrupt::default())
        .await?;
    Ok(Answer {
        rows: rows.lines(),
        cells: rows.rows,
        columns: rows.columns,
        requests: Vec::new(),
        warnings: report.warnings.iter().map(ToString::to_string).collect(),
        done: Some(report.done),
    })
}

/// The error as people see it, without what differs from run to run.
pub(crate) fn shown(error: &Error) -> String {
    let shown = Diagnostic {
        error,
        color: false,
        width: None,
    };
    steady(&shown.to_string())
}
