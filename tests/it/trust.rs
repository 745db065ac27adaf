//! Credentials go to the configured endpoint and nowhere else, and to that only if it is who it says.
//!
//! A witness stands where they must not go: a listener that writes down whatever reaches it.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use iamql::sandbox::{Action, Fault};
use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair};
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

/// The program that asks a host which is not this machine, and which no network has, for as many seconds.
fn ask_elsewhere(env: &TestEnv, seconds: &str, variables: &[(&str, &str)]) -> Child {
    let mut command = env.command(&[
        "--endpoint",
        "https://api.iamql.invalid",
        "--timeout",
        seconds,
        "-e",
        "SELECT id FROM api_keys LIMIT 1",
    ]);
    command.envs(variables.iter().copied());
    command.spawn().unwrap()
}

/// Asserts that the program goes to `witness` as to a proxy.
#[track_caller]
fn assert_goes_to(witness: &Witness, env: &TestEnv, variables: &[(&str, &str)]) {
    let before = witness.connections.load(Ordering::SeqCst);
    let mut child = ask_elsewhere(env, "60", variables);
    while witness.heard.lock().unwrap().is_empty() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    // It would wait for an answer of the host behind the proxy.
    let _ = child.kill();
    let output = Output::of(child);
    let is_asked = witness.connections.load(Ordering::SeqCst) > before;
    assert!(is_asked, "{variables:?}: {output:?}");
    let heard = witness.heard();
    let begins = "CONNECT api.iamql.invalid:443 ";
    assert!(heard.starts_with(begins), "{variables:?}: {heard}");
}

/// Asserts that the program fails without having gone to `witness`.
#[track_caller]
fn assert_passes_by(witness: &Witness, env: &TestEnv, variables: &[(&str, &str)]) {
    let output = Output::of(ask_elsewhere(env, "1", variables));
    assert_eq!(output.code, Some(1), "{variables:?}: {output:?}");
    assert!(
        !output.stderr.contains("goes through the proxy"),
        "{output:?}"
    );
    witness.assert_left_alone(&format!("{variables:?}"));
}

#[test]
fn the_proxy_is_that_of_the_first_variable() {
    let env = two_keys();
    let (right, wrong) = (Witness::start(), Witness::start());
    let yes = format!("http://me:canary@{}", right.address);
    // As curl takes it, without a scheme.
    let (bare, no) = (right.address.to_string(), wrong.address.to_string());
    for variables in [
        &[
            ("https_proxy", yes.as_str()),
            ("HTTPS_PROXY", &no),
            ("all_proxy", &no),
            ("ALL_PROXY", &no),
            ("http_proxy", &no),
            ("HTTP_PROXY", &no),
        ][..],
        &[
            ("HTTPS_PROXY", &bare),
            ("all_proxy", &no),
            ("ALL_PROXY", &no),
        ],
        &[
            ("https_proxy", ""),
            ("all_proxy", &bare),
            ("ALL_PROXY", &no),
        ],
        &[("ALL_PROXY", &bare), ("HTTP_PROXY", &no)],
    ] {
        assert_goes_to(&right, &env, variables);
        wrong.assert_left_alone(&format!("{variables:?}"));
    }
    // Of plain requests there are none.
    let plain = [("http_proxy", no.as_str()), ("HTTP_PROXY", &no)];
    assert_passes_by(&wrong, &env, &plain);
}

#[test]
fn hosts_that_no_proxy_names_are_reached_without_one() {
    let env = two_keys();
    let witness = Witness::start();
    let proxy = witness.address.to_string();
    for (name, list) in [
        ("NO_PROXY", "*.iamql.invalid"),
        ("no_proxy", "api.iamql.invalid:443"),
        ("NO_PROXY", "x.example, .iamql.invalid"),
        ("NO_PROXY", "*"),
    ] {
        assert_passes_by(&witness, &env, &[("https_proxy", &proxy), (name, list)]);
    }
    for (name, list) in [
        ("NO_PROXY", "api.iamql.invalid:8443"),
        ("NO_PROXY", "*.x.iamql.invalid"),
        ("NO_PROXY", "ql.invalid"),
    ] {
        assert_goes_to(&witness, &env, &[("https_proxy", &proxy), (name, list)]);
    }
    let both = [
        ("https_proxy", proxy.as_str()),
        ("no_proxy", "x.example"),
        ("NO_PROXY", "*"),
    ];
    assert_goes_to(&witness, &env, &both);
}

#[test]
fn a_malformed_proxy_is_refused_rather_than_passed_by() {
    let env = two_keys();
    for (variable, address) in [
        ("https_proxy", "http://"),
        ("HTTPS_PROXY", "http://me:canary@host:port"),
        ("all_proxy", "socks5://me:canary@host:1080"),
        ("ALL_PROXY", "http://host:3128/path"),
        ("HTTPS_PROXY", "me:canary@ho st"),
        ("HTTPS_PROXY", "http://\u{1b}[31m"),
    ] {
        let error = Output::of(ask_elsewhere(&env, "1", &[(variable, address)])).error(2);
        assert!(error.contains(variable), "{error}");
        assert!(error.contains("http://HOST:PORT"), "{error}");
        assert!(!error.contains("canary"), "{error}");
        assert!(!error.contains('\u{1b}'), "{error}");
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
        Self::with(env, &certificate, &pair)
    }

    /// Speaks for the sandbox of `env` with this certificate.
    fn with(env: &TestEnv, certificate: &Certificate, pair: &KeyPair) -> Self {
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
    error: `GET /iam/v2/api-keys?show_expired=true&page_size=100` failed the TLS handshake: its certificate is signed by an authority that is not trusted here
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
    hint: check the address if one is given with `--endpoint`, and whether a proxy is in between
    ");
    assert_eq!(env.requests(), [""; 0]);
}

#[test]
fn a_certificate_that_signs_itself_is_trusted_if_it_is_named_unless_it_is_an_authority() {
    let env = two_keys();
    for (is_ca, trusted) in [
        (IsCa::NoCa, true),
        (IsCa::ExplicitNoCa, true),
        (IsCa::Ca(BasicConstraints::Unconstrained), false),
    ] {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = is_ca;
        let pair = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&pair).unwrap();
        std::fs::write(env.work().join("self.pem"), certificate.pem()).unwrap();
        let front = Front::with(&env, &certificate, &pair);
        let named = front.ask(&env, "localhost", &["--ca-cert", "self.pem"]);
        match trusted {
            true => assert_eq!(named.rows(), "n\n2\n"),
            false => insta::assert_snapshot!(named.error(1), @r"
            error: `GET /iam/v2/api-keys?show_expired=true&page_size=100` does not trust the certificate of the host: it is that of an authority (CA:TRUE), which cannot be that of a host as well
            hint: make a certificate for the host with basicConstraints=CA:FALSE; the authority may sign it, or it may sign itself
            "),
        }
        let unnamed = front.ask(&env, "localhost", &[]);
        assert_eq!(unnamed.code, Some(1), "{unnamed:?}");
    }
}

#[test]
fn a_file_without_a_certificate_is_no_authority() {
    let env = two_keys();
    std::fs::write(env.work().join("ca.pem"), "precious\n").unwrap();
    for file in ["ca.pem", "none.pem"] {
        let output = env.iamql(&["--ca-cert", file, "-e", "SELECT id FROM api_keys"]);
        let error = output.error(2);
        assert!(
            error.contains("cert") && !error.contains("precious"),
            "{error}"
        );
    }
    let folder = env.config().join("iamql");
    std::fs::create_dir_all(&folder).unwrap();
    let profile =
        "[profiles.prod]\napi_key = 'K'\napi_secret_command = 'echo x'\nca_cert = 'ca.pem'\n";
    std::fs::write(folder.join("config.toml"), profile).unwrap();
    std::fs::write(folder.join("ca.pem"), "precious\n").unwrap();
    let of_a_profile = ["--profile", "prod", "-e", "SELECT id FROM api_keys"];
    let error = env.iamql(&of_a_profile).error(2);
    assert!(
        error.contains("profile `prod`: `ca_cert` cannot be read from `"),
        "{error}"
    );
    assert_eq!(env.requests(), [""; 0]);
}

#[test]
fn https_to_a_port_for_http_says_so() {
    let env = two_keys();
    let endpoint = env.sandbox.url().replace("http://", "https://");
    let args = ["--endpoint", &endpoint, "-e", "SELECT id FROM api_keys"];
    insta::assert_snapshot!(env.iamql(&args).error(1), @r"
    error: `GET /iam/v2/api-keys?show_expired=true&page_size=100` failed the TLS handshake: the other side does not speak TLS; is it a port for http?
    hint: check the port; for plain http, the address given with `--endpoint` begins with `http://`
    ");
    assert_eq!(env.requests(), [""; 0]);
}
