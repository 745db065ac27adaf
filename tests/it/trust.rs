//! Credentials go to the configured endpoint and nowhere else, and to that only if it is who it says.
//!
//! A witness stands where they must not go: a listener that writes down whatever reaches it.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use iamql::sandbox::{Action, Fault};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::support::{Output, TestEnv, key, organization};

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// A host that answers every request with a success, and remembers what it heard.
struct Witness {
    // Dropped with the listener in it.
    _runtime: Runtime,
    address: SocketAddr,
    heard: Arc<Mutex<String>>,
    connections: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
}

impl Witness {
    fn start() -> Self {
        let runtime = runtime();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::<Mutex<String>>::default();
        let (connections, open) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (log, count, active) = (
            Arc::clone(&heard),
            Arc::clone(&connections),
            Arc::clone(&open),
        );
        runtime.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                active.fetch_add(1, Ordering::SeqCst);
                let (log, active) = (Arc::clone(&log), Arc::clone(&active));
                tokio::spawn(async move {
                    let mut bytes = [0; 4096];
                    while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                        let text = String::from_utf8_lossy(&bytes[..read]);
                        log.lock().unwrap().push_str(&text);
                        if text.ends_with("\r\n\r\n") {
                            let answer =
                                "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"data\":[]}";
                            let _ = stream.write_all(answer.as_bytes()).await;
                        }
                    }
                    active.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            _runtime: runtime,
            address,
            heard,
            connections,
            open,
        }
    }

    /// What it heard, once all who spoke have hung up.
    fn heard(&self) -> String {
        let before = self.connections.load(Ordering::SeqCst);
        // Connections are accepted in order, so those before this one have been.
        let mut last = TcpStream::connect(self.address).unwrap();
        last.write_all(b"THE LAST ONE").unwrap();
        drop(last);
        while self.connections.load(Ordering::SeqCst) == before
            || self.open.load(Ordering::SeqCst) > 0
            || !self.heard.lock().unwrap().contains("THE LAST ONE")
        {
            std::thread::yield_now();
        }
        std::mem::take(&mut *self.heard.lock().unwrap()).replace("THE LAST ONE", "")
    }

    #[track_caller]
    fn assert_left_alone(&self, what: &str) {
        assert_eq!(self.heard(), "", "{what}");
    }
}

/// An environment with keys `K000` and `K001`.
fn two_keys() -> TestEnv {
    let env = TestEnv::start(organization(0));
    env.sandbox.insert(key("K000", "sa-1", "lkc-1"));
    env.sandbox.insert(key("K001", "sa-1", "lkc-1"));
    env
}

#[test]
fn the_link_to_the_next_page_is_not_followed() {
    let env = TestEnv::with_keys(250);
    let witness = Witness::start();
    let address = witness.address;
    for host in [
        address.to_string(),
        format!("api.confluent.cloud@{address}"),
        format!("{address}/x?page_token=stolen#"),
    ] {
        env.sandbox
            .set_faults(vec![Fault::new(Action::ForeignNext { host: host.clone() })]);
        let output = env.iamql(&["-o", "csv", "-e", "SELECT id FROM api_keys"]);
        witness.assert_left_alone(&host);
        if !host.contains("stolen") {
            assert_eq!(output.rows().lines().count(), 251, "{host}");
        }
    }
}

#[test]
fn redirections_are_errors_and_not_followed() {
    let env = two_keys();
    let witness = Witness::start();
    let address = witness.address;
    let statements = [
        "SELECT id FROM api_keys",
        "SELECT id FROM api_keys WHERE id = 'K000'",
        "INSERT INTO api_keys (spec.owner.id) VALUES ('sa-1')",
        "UPDATE api_keys SET spec.display_name = 'x' WHERE id = 'K000'",
        "DELETE FROM api_keys WHERE id = 'K000'",
    ];
    let locations = [
        format!("http://{address}/iam/v2/api-keys"),
        format!("//{address}/iam/v2/api-keys"),
        format!("\\\\{address}\\iam"),
        format!("http://api.confluent.cloud@{address}/"),
    ];
    let statuses = [301, 302, 303, 307, 308, 300, 305];
    for (turn, status) in statuses.into_iter().enumerate() {
        for (place, sql) in statements.into_iter().enumerate() {
            let location = locations[(turn + place) % locations.len()].clone();
            env.sandbox
                .set_faults(vec![Fault::new(Action::Redirect { status, location })]);
            let error = env.iamql(&["-o", "json", "-e", sql]);
            assert_eq!(error.code, Some(1), "{error:?}");
            let expected = format!("answered {status}, a redirection to `127.0.0.1`");
            assert!(error.stderr.contains(&expected), "{error:?}");
        }
    }
    witness.assert_left_alone("redirections");
    assert_eq!(env.sandbox.keys().len(), 2);
    // One request each: a redirection is not tried again.
    assert_eq!(env.requests().len(), statuses.len() * statements.len());
}

#[test]
fn an_endpoint_is_the_host_that_it_reads_as() {
    let env = two_keys();
    let witness = Witness::start();
    let (sandbox, other) = (
        env.sandbox.url().replace("http://", ""),
        witness.address.to_string(),
    );
    for (endpoint, code) in [
        (format!("http://{sandbox}@{other}"), 2),
        (format!("http://{sandbox}:pw@{other}/"), 2),
        (format!("http://{sandbox}#@{other}"), 2),
        (format!("http://{sandbox}?@{other}"), 2),
        (format!("http://{sandbox}\\@{other}"), 1),
        (format!("http://{sandbox}/@{other}"), 1),
        (format!("http://{sandbox}/%0d%0aHost:%20{other}/"), 1),
        (format!("http://{sandbox}%2f@{other}"), 2),
        (format!("http://{sandbox}.{other}"), 2),
        (format!("http:/\\{sandbox}/"), 0),
        (format!("HTTP://{sandbox}//"), 0),
        (format!("ftp://{sandbox}"), 2),
        (sandbox.clone(), 2),
        ("http://api.confluent.cloud".to_owned(), 2),
        ("http://[::ffff:127.0.0.1]".to_owned(), 2),
        ("http://0.0.0.0".to_owned(), 2),
    ] {
        let sql = "SELECT count(*) FROM api_keys";
        let output = env.iamql(&["--endpoint", &endpoint, "-e", sql]);
        assert_eq!(output.code, Some(code), "{endpoint}: {output:?}");
        witness.assert_left_alone(&endpoint);
    }
    // What looks like another host is a path that the service does not have.
    for violation in env.sandbox.take_violations() {
        assert!(
            violation.ends_with("there is no such operation"),
            "{violation}"
        );
    }
}

#[test]
fn proxies_are_not_for_this_machine_and_see_no_credentials_of_others() {
    let env = two_keys();
    let witness = Witness::start();
    let proxy = format!("http://{}", witness.address);
    let names = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ];
    let sql = "SELECT count(*) AS n FROM api_keys";
    let mut command = env.command(&["-o", "csv", "-e", sql]);
    command.envs(names.map(|name| (name, &proxy)));
    assert_eq!(Output::of(command.spawn().unwrap()).rows(), "n\n2\n");
    witness.assert_left_alone("a loopback endpoint");

    let endpoint = ["--endpoint", "https://api.iamql.invalid", "--timeout", "1"];
    let mut command = env.command(&[&endpoint[..], &["-e", sql]].concat());
    command.envs(names.map(|name| (name, &proxy)));
    let output = Output::of(command.spawn().unwrap());
    assert_eq!(output.code, Some(1), "{output:?}");
    let heard = witness.heard();
    let (name, secret) = env.sandbox.credentials();
    assert!(
        heard.starts_with("CONNECT api.iamql.invalid:443 "),
        "{heard}"
    );
    for hidden in [
        secret,
        &BASE64_STANDARD.encode(format!("{name}:{secret}")),
        "uthorization",
    ] {
        assert!(!heard.contains(hidden), "{heard}");
    }
}

/// What stands before the sandbox and speaks TLS with a certificate.
struct Front {
    _runtime: Runtime,
    port: u16,
}

/// A certificate authority of that name: its certificate in PEM, and what it signs with.
fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pair = KeyPair::generate().unwrap();
    let pem = params.self_signed(&pair).unwrap().pem();
    (pem, Issuer::new(params, pair))
}

impl Front {
    /// Speaks for the sandbox of `env`, with a certificate for `name` that ends on the first day of `end`.
    fn start(env: &TestEnv, issuer: &Issuer<'_, KeyPair>, name: &str, end: i32) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(end, 1, 1);
        let pair = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&pair, issuer).unwrap();
        let private = PrivateKeyDer::try_from(pair.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let runtime = runtime();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let sandbox = env.sandbox.url().replace("http://", "");
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, sandbox) = (acceptor.clone(), sandbox.clone());
                tokio::spawn(async move {
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        let mut sandbox = tokio::net::TcpStream::connect(sandbox).await.unwrap();
                        let _ = copy_bidirectional(&mut stream, &mut sandbox).await;
                    }
                });
            }
        });
        Self {
            _runtime: runtime,
            port,
        }
    }

    /// Asks for the number of keys over TLS; `more` are further arguments.
    fn ask(&self, env: &TestEnv, host: &str, more: &[&str]) -> Output {
        let endpoint = format!("https://{host}:{}", self.port);
        let args = [
            "--endpoint",
            &endpoint,
            "-o",
            "csv",
            "-e",
            "SELECT count(*) AS n FROM api_keys",
        ];
        env.iamql(&[&args[..], more].concat())
    }
}

#[test]
fn an_authority_of_one_s_own_is_trusted_if_it_is_named() {
    let env = two_keys();
    let (pem, issuer) = authority("ours");
    std::fs::write(env.work().join("ca.pem"), pem).unwrap();
    std::fs::write(env.work().join("other.pem"), authority("other").0).unwrap();
    let front = Front::start(&env, &issuer, "localhost", 4000);
    assert_eq!(
        front
            .ask(&env, "localhost", &["--ca-cert", "ca.pem"])
            .rows(),
        "n\n2\n"
    );
    let asked = env.requests().len();
    let nobody = front.ask(&env, "localhost", &[]).error(1);
    insta::assert_snapshot!(nobody, @r"
    error: `GET /iam/v2/api-keys?show_expired=true&page_size=100` could not agree on encryption: its certificate is signed by an authority that is not trusted here
    hint: if the certificate is signed by an authority of your own, name it with `--ca-cert`
    ");
    let other = front.ask(&env, "localhost", &["--ca-cert", "other.pem"]);
    assert_eq!(other.error(1), nobody);
    assert_eq!(env.requests().len(), asked);
}

#[test]
fn a_certificate_that_is_not_valid_is_refused_with_the_reason() {
    let env = two_keys();
    let (pem, issuer) = authority("ours");
    std::fs::write(env.work().join("ca.pem"), pem).unwrap();
    let trusted = ["--ca-cert", "ca.pem"];
    let expired = Front::start(&env, &issuer, "localhost", 2020);
    insta::assert_snapshot!(expired.ask(&env, "localhost", &trusted).error(1), @r"
    error: `GET /iam/v2/api-keys?show_expired=true&page_size=100` does not trust the certificate of the host: it expired on 2020-01-01
    hint: check the clock of this machine, and the address if one is given with `--endpoint`
    ");
    let other = Front::start(&env, &issuer, "api.example.com", 4000);
    insta::assert_snapshot!(other.ask(&env, "localhost", &trusted).error(1), @r"
    error: `GET /iam/v2/api-keys?show_expired=true&page_size=100` does not trust the certificate of the host: it is for `api.example.com`, not for `localhost`
    hint: check the clock of this machine, and the address if one is given with `--endpoint`
    ");
    assert_eq!(env.requests(), [""; 0]);
}
