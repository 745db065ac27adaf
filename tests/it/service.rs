//! A service that refuses, fails or breaks off: an answer is whole, or it is an error that says why.

use iamql::sandbox::{Action, Contract, Fault, FaultBody, UnknownKey};

use crate::support::{Lab, key, organization};

/// `error` without the parameter that only one of the contracts takes.
fn without_expired(error: &str) -> String {
    error.replace("show_expired=true&", "")
}

#[tokio::test]
async fn an_unknown_key_is_no_row_and_a_warning_only_for_403() {
    for contract in Contract::ALL {
        let query = "SELECT id FROM api_keys WHERE id IN ('K001', 'GONE')";
        let lab = Lab::start(
            organization(0)
                .with_contract(contract)
                .with(|config| config.unknown_key = UnknownKey::NotFound404),
        )
        .await;
        lab.sandbox.insert(key("K001", "sa-1", "lkc-1"));
        let answer = lab.run(query).await;
        assert_eq!((answer.sorted(), answer.warnings.len()), (vec!["K001"], 0));

        let lab = Lab::start(organization(0).with_contract(contract)).await;
        lab.sandbox.insert(key("K001", "sa-1", "lkc-1"));
        let answer = lab.run(query).await;
        assert_eq!(answer.rows, ["K001"]);
        insta::allow_duplicates!(
            insta::assert_snapshot!(answer.warnings.join("\n"), @"key `GONE` is left out: the service answered 403, as it does for keys that are gone and for keys that these credentials may not see")
        );
    }
}

#[tokio::test]
async fn answers_about_the_credentials_are_errors() {
    let lab = Lab::of([key("K001", "sa-1", "lkc-1")]).await;
    lab.sandbox
        .set_faults(vec![Fault::new(Action::Unauthorized)]);
    let query = "SELECT id FROM api_keys WHERE id = 'K001'";
    insta::assert_snapshot!(lab.fail(query).await, @r"
    error: `GET /iam/v2/api-keys/K001` answered 401 Unauthorized (request id *)
    hint: set CONFLUENT_CLOUD_API_KEY and CONFLUENT_CLOUD_API_SECRET to a Cloud or Global API key; the key of a cluster does not work here
    ");
    lab.sandbox
        .set_faults(vec![Fault::new(Action::BadCredentials403)]);
    insta::assert_snapshot!(lab.fail(query).await, @r"
    error: `GET /iam/v2/api-keys/K001` answered 403 Forbidden: invalid API key (request id *)
    hint: set CONFLUENT_CLOUD_API_KEY and CONFLUENT_CLOUD_API_SECRET to a Cloud or Global API key; the key of a cluster does not work here
    ");
    lab.sandbox.set_faults(vec![Fault::new(Action::Status {
        code: 403,
        headers: Vec::new(),
        body: FaultBody::Json,
    })]);
    insta::assert_snapshot!(lab.fail("SELECT id FROM api_keys").await, @r#"
    error: `GET /iam/v2/api-keys?show_expired=true&page_size=100` answered 403 forbidden: Forbidden (request id *)
    hint: the owner of these credentials may not read API keys: that needs the role OrganizationAdmin
    "#);
}

#[tokio::test]
async fn a_listing_that_fails_for_good_is_an_error_whatever_came_before() {
    for contract in Contract::ALL {
        let lab = Lab::start(organization(250).with_contract(contract)).await;
        let mut errors = String::new();
        for fault in [
            Fault::status(500),
            Fault::status(503),
            Fault::new(Action::Status {
                code: 502,
                headers: Vec::new(),
                body: FaultBody::Html,
            }),
            Fault::new(Action::Malformed),
            Fault::new(Action::Status {
                code: 200,
                headers: Vec::new(),
                body: FaultBody::Html,
            }),
            Fault::new(Action::Status {
                code: 200,
                headers: Vec::new(),
                body: FaultBody::Empty,
            }),
            Fault::new(Action::Truncate { chunked: false }),
            Fault::new(Action::Reset),
            Fault::status(400),
            Fault::new(Action::Redirect {
                status: 307,
                location: "https://elsewhere.example/".to_owned(),
            }),
        ] {
            for page in [1, 3] {
                lab.sandbox.set_faults(vec![fault.clone().on_page(page)]);
                let error = lab.fail("SELECT id FROM api_keys").await;
                if page == 1 {
                    errors.push_str(&without_expired(&error));
                }
            }
        }
        insta::allow_duplicates!(insta::assert_snapshot!(errors, @r"
        error: `GET /iam/v2/api-keys?page_size=100` answered 500 internal_server_error: Internal Server Error (request id *), after 8 tries in *
        error: `GET /iam/v2/api-keys?page_size=100` answered 503 service_unavailable: Service Unavailable (request id *), after 8 tries in *
        error: `GET /iam/v2/api-keys?page_size=100` answered 502 Bad Gateway: 502 Bad Gateway 502 Bad Gateway (request id *), after 8 tries in *
        error: `GET /iam/v2/api-keys?page_size=100` answered 200, but the JSON ends too early, after 8 tries in *
        hint: check that `--endpoint` names the service, and that no proxy is in between
        error: `GET /iam/v2/api-keys?page_size=100` answered 200, but the body is a page of HTML or XML, after 2 tries in *
        hint: check that `--endpoint` names the service, and that no proxy is in between
        error: `GET /iam/v2/api-keys?page_size=100` answered 200, but the body is empty, after 2 tries in *
        hint: check that `--endpoint` names the service, and that no proxy is in between
        error: `GET /iam/v2/api-keys?page_size=100` got an incomplete answer: end of file before message length reached, after 8 tries in *
        error: `GET /iam/v2/api-keys?page_size=100` lost its connection before an answer arrived: *, after 8 tries in *
        error: `GET /iam/v2/api-keys?page_size=100` answered 400 bad_request: Bad Request (request id *)
        error: `GET /iam/v2/api-keys?page_size=100` answered 307, a redirection to `elsewhere.example`, where credentials are not sent
        hint: if the service has moved, name its new address with `--endpoint`
        "));
    }
}

#[tokio::test]
async fn a_passing_fault_changes_nothing_but_the_number_of_requests() {
    for contract in Contract::ALL {
        let lab = Lab::start(organization(250).with_contract(contract)).await;
        // From here on an older service is not asked for expired keys.
        let _ = lab.run("SELECT count(*) FROM api_keys").await;
        for action in [
            Action::Reset,
            Action::Malformed,
            Action::Truncate { chunked: true },
            Action::RateLimited {
                retry_after: Some("0".to_owned()),
                reset: None,
            },
        ] {
            let fault = Fault::new(action.clone()).on_page(2).times(2);
            lab.sandbox.set_faults(vec![fault]);
            let answer = lab.run("SELECT count(DISTINCT id) FROM api_keys").await;
            assert_eq!(answer.value(), "250", "{action:?}");
            assert_eq!(answer.requests.len(), 5, "{action:?}");
        }
    }
}

#[tokio::test]
async fn a_listing_that_leads_back_to_a_page_is_an_error() {
    for contract in Contract::ALL {
        let lab = Lab::start(organization(250).with_contract(contract)).await;
        lab.sandbox
            .set_faults(vec![Fault::new(Action::RepeatToken).on_page(2)]);
        let error = lab.fail("SELECT id FROM api_keys").await;
        insta::allow_duplicates!(
            insta::assert_snapshot!(without_expired(&error), @"error: the listing `GET /iam/v2/api-keys?page_size=100` is endless: the service links to a page for the second time")
        );
    }
}

#[tokio::test]
async fn an_error_of_one_among_several_requests_is_the_error_of_all() {
    for contract in Contract::ALL {
        let lab = Lab::start(organization(0).with_contract(contract)).await;
        for n in 0..5 {
            lab.sandbox.insert(key(&format!("K{n}"), "sa-1", "lkc-1"));
        }
        lab.sandbox
            .set_faults(vec![Fault::status(400).on_path("/K3")]);
        let error = lab
            .fail("SELECT id FROM api_keys WHERE id IN ('K1', 'K2', 'K3')")
            .await;
        assert!(
            error.contains("`GET /iam/v2/api-keys/K3` answered 400"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_explanation_in_gzip_is_read_though_no_header_tells_of_it() {
    for contract in Contract::ALL {
        let lab = Lab::start(organization(3).with_contract(contract)).await;
        lab.sandbox
            .set_faults(vec!["get:403,body=gzip".parse::<Fault>().unwrap()]);
        let error = lab.fail("SELECT id FROM api_keys").await;
        assert!(
            error.contains("answered 403 forbidden: Forbidden"),
            "{error}"
        );
    }
}
