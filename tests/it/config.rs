//! The real program's configuration: credentials, endpoints, parameters, and what cannot be carried out.

#![cfg(unix)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::support::{Output, TestEnv, key};

fn env() -> TestEnv {
    let env = TestEnv::with_keys(0);
    env.sandbox.insert(key("K001", "sa-1", "lkc-1"));
    env.sandbox.insert(key("K002", "sa-1", "cloud"));
    env
}

#[test]
fn what_asks_nothing_needs_no_credentials() {
    let env = env();
    for sql in [
        "SELECT 1",
        "EXPLAIN SELECT * FROM api_keys WHERE id = 'K001'",
        "DESCRIBE api_keys",
        "-- what there is\nSHOW TABLES",
        "SELECT * FROM api_keys WHERE false",
        "CREATE VIEW v AS SELECT * FROM api_keys",
    ] {
        let child = env.command_without_credentials(&["-e", sql]).spawn();
        let output = Output::of(child.unwrap());
        assert_eq!(
            (output.code, output.stderr.as_str()),
            (Some(0), ""),
            "{sql}"
        );
    }
}

#[test]
fn a_variable_that_is_not_text_is_an_error_and_does_not_count_as_unset() {
    let env = env();
    for variable in [
        "CONFLUENT_CLOUD_ENDPOINT",
        "CONFLUENT_CLOUD_API_SECRET",
        "https_proxy",
        "NO_PROXY",
    ] {
        let mut command = env.command(&["-e", "SELECT id FROM api_keys"]);
        command.env(variable, OsStr::from_bytes(b"http://h\xff"));
        let error = Output::of(command.spawn().unwrap()).error(2);
        assert!(
            error.contains(&format!("the variable {variable} is not valid UTF-8")),
            "{error}"
        );
    }
    assert_eq!(env.requests(), [""; 0]);
}

#[test]
fn what_a_command_has_started_does_not_delay_the_start_and_pipes_do_not_hang_it() {
    let env = env();
    let folder = env.config().join("iamql");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("config.toml");
    let profile = format!(
        "[profiles.x]\nendpoint = '{}'\napi_key = 'K'\napi_secret_command = 'sleep 20 >/dev/null & echo s'\n",
        env.sandbox.url()
    );
    std::fs::write(&file, profile).unwrap();
    let begun = Instant::now();
    let output = env.iamql(&["--profile", "x", "-e", "SELECT 1"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(begun.elapsed() < Duration::from_secs(15));
    std::fs::remove_file(&file).unwrap();
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let error = env.iamql(&["-e", "SELECT 1"]).error(2);
    assert!(error.contains("it is a pipe"), "{error}");
}

#[test]
fn a_command_for_a_secret_has_as_long_as_the_timeout_says() {
    let env = env();
    let folder = env.config().join("iamql");
    std::fs::create_dir_all(&folder).unwrap();
    let command = "echo the vault is locked >&2; exec sleep 600";
    let profile = format!(
        "[profiles.x]\nendpoint = '{}'\napi_key = 'K'\napi_secret_command = '{command}'\n",
        env.sandbox.url()
    );
    std::fs::write(folder.join("config.toml"), profile).unwrap();
    let error = env
        .iamql(&["--profile", "x", "--timeout", "1", "-e", "SELECT 1"])
        .error(2);
    insta::assert_snapshot!(error, @r"
    the vault is locked
    error: profile `x`: the command `echo the vault is locked >&2; exec sleep 600` that prints the secret did not end within 1 s
    hint: pass --timeout to allow more time, and so does timeout in the profile
    ");
}

#[test]
fn missing_and_wrong_credentials_say_what_to_set() {
    let env = env();
    let run = |set: &[(&str, &str)]| {
        let mut command =
            env.command_without_credentials(&["-e", "SELECT id FROM api_keys WHERE id = 'K001'"]);
        command.env("CONFLUENT_CLOUD_ENDPOINT", env.sandbox.url());
        command.envs(set.iter().copied());
        Output::of(command.spawn().unwrap())
    };
    let (name, secret) = ("CONFLUENT_CLOUD_API_KEY", "CONFLUENT_CLOUD_API_SECRET");
    insta::assert_snapshot!(run(&[]).error(2), @r"
    error: no credentials: CONFLUENT_CLOUD_API_KEY and CONFLUENT_CLOUD_API_SECRET are not set
    hint: set CONFLUENT_CLOUD_API_KEY and CONFLUENT_CLOUD_API_SECRET to a Cloud API key and its secret, or try --sandbox, which needs no account
    ");
    insta::assert_snapshot!(run(&[(name, "KEY")]).error(2), @r"
    error: no credentials: CONFLUENT_CLOUD_API_KEY is set, and CONFLUENT_CLOUD_API_SECRET is not
    hint: set CONFLUENT_CLOUD_API_SECRET, too, or unset CONFLUENT_CLOUD_API_KEY to use a profile of config.toml
    ");
    insta::assert_snapshot!(run(&[(secret, "canary")]).error(2), @r"
    error: no credentials: CONFLUENT_CLOUD_API_SECRET is set, and CONFLUENT_CLOUD_API_KEY is not
    hint: set CONFLUENT_CLOUD_API_KEY, too, or unset CONFLUENT_CLOUD_API_SECRET to use a profile of config.toml
    ");
    let wrong = run(&[(name, "KEY"), (secret, "canary")]);
    insta::assert_snapshot!(wrong.error(1), @r"
    error: `GET /iam/v2/api-keys/K001` answered 401 Unauthorized (request id *)
    hint: the credentials come from the variables CONFLUENT_CLOUD_API_KEY and CONFLUENT_CLOUD_API_SECRET: set both to a Cloud or Global API key; the key of a cluster does not work here
    ");
    let token = run(&[("CONFLUENT_CLOUD_ACCESS_TOKEN", env.sandbox.access_token())]);
    assert!(token.rows().contains("K001"));
}

#[test]
fn credentials_come_from_profiles_and_from_stackqls_description() {
    let env = env();
    let (name, secret) = env.sandbox.credentials();
    let folder = env.config().join("iamql");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("secret"), format!("{secret}\n")).unwrap();
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(folder.join("secret"), mode).unwrap();
    let profile = format!(
        "[profiles.test]\nendpoint = \"{}\"\napi_key = \"{name}\"\napi_secret_file = \"{}\"\n",
        env.sandbox.url(),
        folder.join("secret").display()
    );
    std::fs::write(folder.join("config.toml"), profile).unwrap();
    let query = "SELECT id FROM api_keys WHERE id = 'K001'";
    let profile = env
        .command_without_credentials(&["--profile", "test", "-o", "csv", "-e", query])
        .spawn();
    assert_eq!(Output::of(profile.unwrap()).rows(), "id\nK001\n");

    let auth = r#"{"confluent":{"type":"basic","username_var":"U","password_var":"P"}}"#;
    let mut described =
        env.command_without_credentials(&["--auth", auth, "-o", "csv", "-e", query]);
    described
        .args(["--endpoint", &env.sandbox.url()])
        .envs([("U", name), ("P", secret)]);
    assert_eq!(Output::of(described.spawn().unwrap()).rows(), "id\nK001\n");

    let unknown = env
        .command_without_credentials(&["--profile", "tset", "-e", query])
        .spawn();
    insta::assert_snapshot!(Output::of(unknown.unwrap()).error(2), @r"
    error: no profile `tset` in config.toml
    hint: did you mean `test`?
    ");
}

#[test]
fn a_command_line_that_cannot_be_carried_out_ends_with_2() {
    let env = env();
    let mut errors = String::new();
    for args in [
        ["--endpoint", "http://api.example.com", "-e", "SELECT 1"].as_slice(),
        &["--endpoint", "not a url", "-e", "SELECT 1"],
        &[
            "--endpoint",
            "https://user:canary@example.com",
            "-e",
            "SELECT 1",
        ],
        &["--output-file", "missing/rows.csv", "-e", "SELECT 1"],
        &["-f", "missing.sql"],
        &["--param", "noequals", "-e", "SELECT 1"],
        &["--delimiter", "é", "-e", "SELECT 1"],
        &["--concurrency", "0", "-e", "SELECT 1"],
        &["--auth", "{canary", "-e", "SELECT 1"],
        &["--ca-cert", "missing.pem", "-e", "SELECT 1"],
    ] {
        let output = env.iamql(args);
        let error = output.error(2);
        assert!(!error.contains("canary"), "{args:?}: {error}");
        errors.push_str(&error);
    }
    insta::assert_snapshot!(errors, @r#"
    error: endpoint `http://api.example.com` would send credentials unencrypted; expected `https://`, or a loopback address
    hint: `--endpoint` takes an address such as `https://api.confluent.cloud`
    error: endpoint `not a url` does not begin with https:// or http://
    hint: write https:// before it, or http:// for a service on this machine
    error: the endpoint carries a user name or password; expected an address alone
    hint: `--endpoint` takes an address such as `https://api.confluent.cloud`
    error: cannot write to `missing/rows.csv`
      caused by: No such file or directory (os error 2)
    error: cannot read statements from `missing.sql`
      caused by: No such file or directory (os error 2)
    error: --param `noequals` has no `=`
    hint: write it as --param NAME=VALUE
    error: --delimiter `é` is not one ASCII character
    error: --concurrency must be at least 1
    error: --auth cannot be read at column 2
    hint: write it as {"confluent":{"type":"basic","username_var":"NAME OF A VARIABLE","password_var":"NAME OF A VARIABLE"}}
    error: --ca-cert cannot be read from `missing.pem`
      caused by: No such file or directory (os error 2)
    "#);
    for args in [
        ["--bogus"].as_slice(),
        &["-o", "xml", "-e", "SELECT 1"],
        &["--sandbox", "--endpoint", "https://example.com"],
        &["-e", "SELECT 1", "-f", "x.sql"],
    ] {
        let _ = env.iamql(args).error(2);
    }
}

#[test]
fn a_host_that_is_not_there_is_told_soon() {
    let env = env();
    // A port that was free a moment ago.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("http://127.0.0.1:{port}");
    let output = env.iamql(&["--endpoint", &url, "-e", "SELECT * FROM api_keys"]);
    let error = output.error(1);
    assert!(
        error.contains("could not connect: connection refused"),
        "{error}"
    );
    assert!(error.contains("hint: check the network"), "{error}");
}

#[test]
fn parameters_are_given_by_name_or_number() {
    let env = env();
    let args = [
        "--param",
        "owner=sa-1",
        "--param",
        "1=K002",
        "-o",
        "csv",
        "-e",
    ];
    let query = "SELECT id FROM api_keys WHERE spec.owner.id = $owner AND id = $1";
    let output = env.iamql(&[args.as_slice(), &[query]].concat());
    assert_eq!(output.rows(), "id\nK002\n");
    // What is calculated with is a number.
    let query = "SELECT $1 + 1, 2.5 * $1, interval '1 day' * $1 = interval '7 days', $1 * interval '1 day' > interval '6 days'";
    let number = ["--param", "1=7", "-o", "csv", "--no-header", "-e"];
    let output = env.iamql(&[number.as_slice(), &[query]].concat());
    assert_eq!(output.rows(), "8,17.5,true,true\n");
    let text = ["--param", "1=x", "-e", "SELECT $1 + 1"];
    assert!(env.iamql(&text).error(1).contains("`x` is not a number"));
    let missing = env.iamql(&["-e", "SELECT id FROM api_keys WHERE id = $id"]);
    insta::assert_snapshot!(missing.error(1), @r"
    error: parameter `$id` has no value
      |
    1 | SELECT id FROM api_keys WHERE id = $id
      |                                    ^^^
    hint: pass it as --param id=…
    ");
    for (query, hint) in [
        ("SELECT ?, ?", "pass it as --param 2=…"),
        (
            "SELECT $1, $onwer",
            "did you mean `$owner`? Otherwise pass it as --param onwer=…",
        ),
    ] {
        let given = ["--param", "1=x", "--param", "owner=y", "-e", query];
        let error = env.iamql(&given).error(1);
        assert!(error.contains(hint), "{error}");
        // The last parameter is the one.
        let mark = error.lines().find(|line| line.contains('^')).unwrap();
        assert_eq!(mark.rfind('^'), Some(query.len() + 3), "{error}");
    }
}

#[test]
fn sources_of_credentials_without_an_end_are_refused() {
    let env = env();
    let folder = env.config().join("iamql");
    std::fs::create_dir_all(&folder).unwrap();
    let run = |file: &str| {
        std::fs::write(folder.join("config.toml"), file).unwrap();
        let args = ["--profile", "x", "-e", "SELECT id FROM api_keys"];
        Output::of(env.command_without_credentials(&args).spawn().unwrap())
    };
    let profile = |line: &str| {
        format!(
            "[profiles.x]\nendpoint = '{}'\napi_key = 'K'\n{line}\n",
            env.sandbox.url()
        )
    };
    for line in [
        "api_secret_file = '/dev/zero'",
        "api_secret_command = 'cat /dev/zero'",
    ] {
        let error = run(&profile(line)).error(2);
        assert!(error.contains("profile `x`"), "{error}");
        assert!(error.contains("longer than a secret can be"), "{error}");
    }
    let remarks = "api_secret_command = 'head -c 1000000 /dev/zero | tr \"\\\\0\" x >&2; echo s'";
    let told = run(&profile(remarks));
    assert!(told.stderr.len() < 70_000, "{}", told.stderr.len());
    // What cannot be sent names the profile, and not the variables.
    let odd = run(&profile("api_secret_command = 'printf \"a\\\\tb\"'")).error(2);
    assert!(
        odd.contains("profile `x`") && !odd.contains("CONFLUENT_"),
        "{odd}"
    );
    let config = folder.join("config.toml");
    std::fs::remove_file(&config).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &config).unwrap();
    let args = ["--profile", "x", "-e", "SELECT 1"];
    let error = env.iamql(&args).error(2);
    assert!(error.contains("more than 1 MiB"), "{error}");
}

#[test]
fn what_stands_in_place_of_a_path_in_auth_is_not_repeated() {
    let env = env();
    let auth = r#"{"confluent":{"type":"basic","credentialsfilepath":"secretpass12345"}}"#;
    let args = ["--auth", auth, "-e", "SELECT id FROM api_keys"];
    let error = env.iamql(&args).error(2);
    assert!(
        error.contains("that --auth names cannot be read"),
        "{error}"
    );
    assert!(!error.contains("secretpass"), "{error}");
}
