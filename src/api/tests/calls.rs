//! The results of calls: values, errors, and the number of requests. Over a scripted transport, on paused time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::transport::Response;
use super::super::*;
use super::script::*;
use crate::resource::API_KEYS;
use crate::secret::Secret;

#[tokio::test(start_paused = true)]
async fn reads_are_repeated_until_they_are_answered() {
    let cut = Response {
        broken: Some(Failure::sent(FailureKind::Truncated, "cut")),
        ..answer(200, &[], "{")
    };
    let (client, script) = client([
        status(503),
        status(500),
        Step::Fail(FailureKind::Reset, false),
        Step::Fail(FailureKind::Refused, true),
        Step::Answer(answer(200, &[], "<html>")),
        Step::Answer(cut),
        ok(),
    ]);
    let traffic = Arc::new(Traffic::default());
    let key = client
        .observed_by(Arc::clone(&traffic))
        .get(&API_KEYS, &id())
        .await
        .unwrap();
    assert_eq!(key.raw(), r#"{"id":"K"}"#);
    assert_eq!(script.lines(), vec!["GET /iam/v2/api-keys/K"; 7]);
    assert_eq!(
        (traffic.figures().requests, traffic.figures().retries),
        (7, 6)
    );
    assert_eq!(traffic.lines().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn refusals_are_not_repeated() {
    for code in [400, 401, 402, 403, 404, 409, 422, 501] {
        let (client, script) = client([status(code), ok()]);
        assert!(client.get(&API_KEYS, &id()).await.is_err());
        assert_eq!(script.lines().len(), 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_is_repeated_only_if_nothing_can_have_happened() {
    let limited = Step::Answer(answer(429, &[("retry-after", "3")], ""));
    let made = Step::Answer(answer(202, &[], r#"{"spec":{"secret":"s"}}"#));
    let (client, script) = client([Step::Fail(FailureKind::Refused, true), limited, made]);
    let start = Instant::now();
    assert_eq!(
        client.create(&API_KEYS, &body()).await.unwrap().raw(),
        r#"{"spec":{"secret":"s"}}"#
    );
    assert_eq!(script.times(start), [0.0, 0.0, 3.0]);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_may_have_happened_is_not_repeated_and_says_so() {
    let broken = Response {
        broken: Some(Failure::sent(FailureKind::Truncated, "cut")),
        ..answer(202, &[], "{")
    };
    for step in [
        status(500),
        status(502),
        status(503),
        status(504),
        status(408),
        Step::Fail(FailureKind::Reset, false),
        Step::Fail(FailureKind::Timeout, false),
        Step::Late(1000, answer(202, &[], "{}")),
        Step::Answer(answer(202, &[], r#"{"errors":[{"status":"403"}]}"#)),
        Step::Answer(answer(202, &[], "null")),
        Step::Answer(broken),
    ] {
        let (client, script) = client([step, ok()]);
        let error = client.create(&API_KEYS, &body()).await.unwrap_err();
        assert!(error.outcome_unknown(), "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"));
        assert_eq!(script.lines().len(), 1, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_leaves_doubt_where_its_status_cannot_prove_that_nothing_happened() {
    let location = [("location", "/iam/v2/api-keys/NEWKEY")];
    for (code, is_unknown) in [
        (301, true),
        (303, true),
        (304, true),
        (305, true),
        (400, true),
        (409, false),
        (422, true),
        (429, true),
    ] {
        let (client, script) = client([Step::Answer(answer(code, &location, "")), ok()]);
        let error = client.create(&API_KEYS, &body()).await.unwrap_err();
        assert_eq!(error.outcome_unknown(), is_unknown, "{code}");
        assert_eq!(script.lines().len(), 1, "{code}");
    }
    for code in [303, 400, 429, 500] {
        let (client, _) = client([Step::Answer(answer(code, &location, ""))]);
        let error = client.create(&API_KEYS, &body()).await.unwrap_err();
        assert_eq!(error.created_key(), Some("NEWKEY"), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_comes_with_its_secret_was_created_whatever_the_status_says() {
    const KEY: &str = r#"{"id":"NEWKEY","spec":{"secret":"s"}}"#;
    for code in [400, 409, 429, 500, 503] {
        let (client, script) = client([Step::Answer(answer(code, &[], KEY)), ok()]);
        let created = client.create(&API_KEYS, &body()).await.unwrap();
        assert_eq!((created.raw(), script.lines().len()), (KEY, 1), "{code}");
    }
    for none in [
        r#"{"id":"NEWKEY","spec":{"secret":""}}"#,
        r#"{"errors":[{"id":"NEWKEY"}]}"#,
    ] {
        let (client, _) = client([Step::Answer(answer(400, &[], none))]);
        assert!(client.create(&API_KEYS, &body()).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_created_key_without_an_id_has_that_of_the_header() {
    let location = [("location", "/iam/v2/api-keys/NEWKEY")];
    for (sent, expected) in [
        (
            r#"{"spec":{"secret":"s"}}"#,
            r#"{"id":"NEWKEY","spec":{"secret":"s"}}"#,
        ),
        (
            r#"{"id":"K","spec":{"secret":"s"}}"#,
            r#"{"id":"K","spec":{"secret":"s"}}"#,
        ),
    ] {
        let (client, _) = client([Step::Answer(answer(202, &location, sent))]);
        let created = client.create(&API_KEYS, &body()).await.unwrap();
        assert_eq!(created.raw(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_location_elsewhere_or_of_the_own_key_names_no_new_key() {
    for location in [
        "https://other.example/iam/v2/api-keys/VICTIM",
        "//other.example/iam/v2/api-keys/VICTIM",
        "/iam/v2/api-keys/OWNKEY",
    ] {
        for code in [201, 303, 500] {
            let (client, _) = client([Step::Answer(answer(code, &[("location", location)], ""))]);
            let error = client.create(&API_KEYS, &body()).await.unwrap_err();
            assert!(error.outcome_unknown(), "{code} {location}");
            assert_eq!(error.created_key(), None, "{code} {location}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_make_an_unknown_outcome_a_known_one() {
    // Which of two branches that are ready is taken first is up to chance.
    for _ in 0..50 {
        for code in [408, 500, 502] {
            let stop = watch::Sender::new(false);
            let (client, _) = client([Step::Late(5, answer(code, &[], ""))]);
            let client = client.stopped_by(Stop::when(stop.subscribe()));
            let raise = async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                stop.send_replace(true);
            };
            let body = body();
            let (created, ()) = tokio::join!(client.create(&API_KEYS, &body), raise);
            assert!(created.unwrap_err().outcome_unknown(), "{code}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_was_refused_leaves_no_doubt() {
    for code in [307, 400, 401, 402, 403, 409, 422] {
        let (client, _) = client([status(code)]);
        assert!(
            !client
                .create(&API_KEYS, &body())
                .await
                .unwrap_err()
                .outcome_unknown(),
            "{code}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_answer_broke_off_still_names_the_key() {
    let location = [(
        "location",
        "https://api.confluent.cloud/iam/v2/api-keys/NEWKEY?x",
    )];
    let broken = Response {
        broken: Some(Failure::sent(FailureKind::Truncated, "cut")),
        ..answer(202, &location, "")
    };
    for response in [answer(202, &location, "{\"id\""), broken] {
        let (client, _) = client([Step::Answer(response)]);
        let error = client.create(&API_KEYS, &body()).await.unwrap_err();
        assert_eq!(error.created_key(), Some("NEWKEY"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_created_key_is_never_lost_to_its_form() {
    for odd in [r#"[{"spec":{"secret":"s"}}]"#, r#"{"id":7,"spec":null}"#] {
        let (client, _) = client([Step::Answer(answer(201, &[], odd))]);
        assert_eq!(client.create(&API_KEYS, &body()).await.unwrap().raw(), odd);
    }
    let key = r#"{"id":"K","spec":{"secret":"s"}}"#;
    let marked = format!("\u{feff}{key}");
    for damaged in [marked, format!("{key}<!-- proxied -->"), format!("{key}}}")] {
        let (client, _) = client([Step::Answer(answer(201, &[], &damaged))]);
        assert_eq!(client.create(&API_KEYS, &body()).await.unwrap().raw(), key);
    }
    let cut = Response {
        broken: Some(Failure::sent(FailureKind::Truncated, "cut")),
        ..answer(202, &[], &key[..key.len() - 2])
    };
    let (cut, _) = client([Step::Answer(cut)]);
    let kept = serde_json::json!(key[..key.len() - 2]).to_string();
    assert_eq!(cut.create(&API_KEYS, &body()).await.unwrap().raw(), kept);
    let mut invalid = answer(201, &[], "");
    invalid.body = Bytes::from_static(b"{\"id\":\"K\",\"x\":\"\xff\",\"spec\":{\"secret\":\"s\"}}");
    let (client, _) = client([Step::Answer(invalid)]);
    let created = client.create(&API_KEYS, &body()).await.unwrap();
    assert!(created.raw().ends_with(r#""spec":{"secret":"s"}}"#));
}

#[tokio::test(start_paused = true)]
async fn a_success_that_tells_of_an_error_or_of_another_key_is_none() {
    for odd in [
        r#"{"errors":[{"status":"403","detail":"no"}]}"#,
        r#"{"error":{"message":"nope"}}"#,
        r#"{"error_code":40301,"message":"nope"}"#,
    ] {
        let odd = || client([Step::Answer(answer(200, &[], odd))]).0;
        let error = odd().delete(&API_KEYS, &id()).await.unwrap_err();
        assert!(error.outcome_unknown(), "{error}");
        let error = odd().update(&API_KEYS, &id(), &body()).await.unwrap_err();
        assert!(error.outcome_unknown(), "{error}");
        let filters = Filters::default();
        let read = odd().get_opt(&API_KEYS, &id(), &filters).await;
        assert!(read.unwrap_err().to_string().contains("reports an error"));
    }
    let other = || client([Step::Answer(answer(200, &[], r#"{"id":"L"}"#))]).0;
    let error = other().update(&API_KEYS, &id(), &body()).await.unwrap_err();
    assert!(error.outcome_unknown(), "{error}");
    other().get(&API_KEYS, &id()).await.unwrap_err();
    let (part, _) = client([Step::Answer(answer(206, &[], r#"{"data":[]}"#))]);
    let pages = part.list(ListParams::all(&API_KEYS));
    let error = pages.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(error.to_string().contains("only a part"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_shown_neither_with_a_secret_nor_at_length() {
    let secret = "aB3dE6fG7hI8jK9lM0nO1pQ2rS3tU4vW5xY6zA7bC8dE9fG0hI1jK2lM3nO4";
    let credentials = || Credentials::Basic {
        key: "KEY".into(),
        secret: Secret::new(secret),
    };
    for (token, told) in [
        (secret.to_owned(), "page_token=***` answered 403"),
        ("t".repeat(10_000), "tttt…` answered 403"),
        ("t".repeat(20_000), "a shorter `page_token`"),
    ] {
        let first = format!(r#"{{"data":[],"metadata":{{"next":"?page_token={token}"}}}}"#);
        let page = || Step::Answer(answer(200, &[], &first));
        let steps = match token.len() {
            // What has the wrong shape is asked for once more.
            20_000 => [page(), page()],
            _ => [page(), status(403)],
        };
        let (client, _) = client_as(steps, credentials());
        let pages = client.list(ListParams::all(&API_KEYS));
        let error = pages.try_collect::<Vec<_>>().await.unwrap_err().to_string();
        assert!(error.contains(told) && error.len() < 3000, "{error}");
        assert!(!error.contains(&secret[..12]), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_is_repeated_but_not_after_a_500() {
    let (client, script) = client([status(504), ok()]);
    assert!(client.update(&API_KEYS, &id(), &body()).await.is_ok());
    assert_eq!(script.lines(), vec!["PATCH /iam/v2/api-keys/K"; 2]);
    let (client, script) = client_with([status(500), ok()], 1, || 0.0);
    assert!(
        client
            .update(&API_KEYS, &id(), &body())
            .await
            .unwrap_err()
            .outcome_unknown()
    );
    assert_eq!(script.lines().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_404_on_a_repeated_delete_means_that_the_first_one_worked() {
    for (first, expected) in [
        (None, Deletion::NotFound),
        (Some(status(503)), Deletion::Deleted),
        (
            Some(Step::Fail(FailureKind::Reset, false)),
            Deletion::Deleted,
        ),
        (
            Some(Step::Fail(FailureKind::Refused, true)),
            Deletion::NotFound,
        ),
        (Some(status(429)), Deletion::NotFound),
    ] {
        let (client, _) = client(first.into_iter().chain([status(404)]));
        assert_eq!(client.delete(&API_KEYS, &id()).await.unwrap(), expected);
    }
    let (client, _) = client([status(204)]);
    assert_eq!(
        client.delete(&API_KEYS, &id()).await.unwrap(),
        Deletion::Deleted
    );
}

#[tokio::test(start_paused = true)]
async fn a_403_on_a_repeated_delete_means_the_same_if_the_key_was_read_and_no_longer_can_be() {
    for (steps, deleted) in [
        ([status(503), status(403), status(403)], true),
        ([status(503), status(403), status(404)], true),
        ([status(503), status(403), ok()], false),
        ([status(503), status(403), status(401)], false),
        ([status(429), status(403), status(403)], false),
        ([status(403), status(403), status(403)], false),
    ] {
        let (reader, script) = client(steps.clone());
        let outcome = reader.delete_read(&API_KEYS, &id()).await;
        assert_eq!(outcome.is_ok(), deleted, "{:?}", script.lines());
        // Of a key that was never seen it is not known.
        let (other, _) = client(steps);
        assert!(other.delete(&API_KEYS, &id()).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lookup_tells_gone_from_forbidden_from_bad_credentials() {
    let look = async |step: Step| {
        client([step])
            .0
            .get_opt(&API_KEYS, &id(), &Filters::default())
            .await
    };
    assert!(matches!(look(ok()).await, Ok(Lookup::Found(_))));
    assert!(matches!(look(status(404)).await, Ok(Lookup::NotFound)));
    let gone = r#"{"errors":[{"code":"forbidden_access","detail":"Forbidden Access"}]}"#;
    let gone = look(Step::Answer(answer(403, &[("x-request-id", "r-1")], gone))).await;
    assert!(matches!(gone, Ok(Lookup::Forbidden(e)) if e.request_id.as_deref() == Some("r-1")));
    let bad = look(Step::Answer(answer(
        403,
        &[],
        r#"{"error":{"message":"Invalid API key"}}"#,
    )))
    .await;
    assert!(bad.unwrap_err().is_unauthorized());
    assert!(look(status(401)).await.unwrap_err().is_unauthorized());
}

#[tokio::test(start_paused = true)]
async fn the_page_of_another_server_says_nothing_of_a_key() {
    for status in [403, 404] {
        let page = || {
            Step::Answer(answer(
                status,
                &[],
                "<html><title>No such page</title></html>",
            ))
        };
        let looked = client([page()])
            .0
            .get_opt(&API_KEYS, &id(), &Filters::default())
            .await;
        let error = looked.unwrap_err();
        assert!(error.hint().unwrap().contains("`--endpoint`"), "{error}");
        let deleted = client([page()]).0.delete(&API_KEYS, &id()).await;
        assert!(deleted.is_err(), "{deleted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn redirections_are_errors_that_name_the_host() {
    let moved = answer(
        302,
        &[(
            "location",
            "https://user:pw@Elsewhere.example/login?token=canary",
        )],
        "",
    );
    let (client, script) = client([Step::Answer(moved), ok()]);
    let error = client.get(&API_KEYS, &id()).await.unwrap_err();
    insta::assert_snapshot!(error, @"`GET /iam/v2/api-keys/K` answered 302, a redirection to `elsewhere.example`, where credentials are not sent");
    assert_eq!(script.lines().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_listing_asks_for_page_after_page_of_the_configured_endpoint() {
    let first =
        r#"{"data":[{},{}],"metadata":{"next":"https://elsewhere.example/x?page_token=t1"}}"#;
    let (client, script) = client([Step::Answer(answer(200, &[], first)), page()]);
    let traffic = Arc::new(Traffic::default());
    let params = ListParams {
        filters: Filters::default().with("spec.owner", "sa-1"),
        ..ListParams::all(&API_KEYS)
    };
    let mut pages = std::pin::pin!(client.observed_by(Arc::clone(&traffic)).list(params));
    assert_eq!(pages.next().await.unwrap().unwrap().len(), 2);
    assert_eq!(script.lines().len(), 1);
    assert_eq!(pages.next().await.unwrap().unwrap().len(), 1);
    assert!(pages.next().await.is_none());
    insta::assert_snapshot!(script.lines().join("\n"), @r"
    GET /iam/v2/api-keys?spec.owner=sa-1&show_expired=true&page_size=100
    GET /iam/v2/api-keys?spec.owner=sa-1&show_expired=true&page_size=100&page_token=t1
    ");
    assert_eq!((traffic.figures().pages, traffic.figures().keys), (2, 3));
}

const REFUSED: &str =
    r#"{"errors":[{"code":"invalid_filter","source":{"parameter":"show_expired"}}]}"#;

#[tokio::test(start_paused = true)]
async fn a_service_that_refuses_to_show_all_is_asked_without_and_not_asked_again() {
    let first = r#"{"data":[{}],"metadata":{"next":"?page_token=t1"}}"#;
    let steps = [
        Step::Answer(answer(400, &[], REFUSED)),
        Step::Answer(answer(200, &[], first)),
        page(),
    ];
    let (client, script) = client(steps);
    for _ in 0..2 {
        let pages = client.list(ListParams::all(&API_KEYS));
        let pages: Vec<Page> = pages.try_collect().await.unwrap();
        assert!(!pages.is_empty());
    }
    insta::assert_snapshot!(script.lines().join("\n"), @r"
    GET /iam/v2/api-keys?show_expired=true&page_size=100
    GET /iam/v2/api-keys?page_size=100
    GET /iam/v2/api-keys?page_size=100&page_token=t1
    GET /iam/v2/api-keys?page_size=100
    ");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_on_a_later_page_or_is_another_thing_is_an_error() {
    let first = r#"{"data":[{}],"metadata":{"next":"?page_token=t1"}}"#;
    let other = REFUSED.replace("show_expired", "page_size");
    for (steps, requests) in [
        ([answer(200, &[], first), answer(400, &[], REFUSED)], 2),
        ([answer(400, &[], &other), answer(200, &[], first)], 1),
    ] {
        let (client, script) = client(steps.map(Step::Answer));
        let pages = client.list(ListParams::all(&API_KEYS));
        let pages: Result<Vec<Page>, Error> = pages.try_collect().await;
        assert!(pages.unwrap_err().to_string().contains("answered 400"));
        assert_eq!(script.lines().len(), requests);
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_the_wrong_shape_twice_is_not_asked_for_again() {
    let shapes = [
        r#"{"data":{}}"#,
        r#"{"metadata":{}}"#,
        r#"{"data":[],"metadata":7}"#,
    ];
    for shape in shapes {
        let (client, script) = client([Step::Answer(answer(200, &[], shape))]);
        let pages = client.list(ListParams::all(&API_KEYS));
        assert!(pages.try_collect::<Vec<_>>().await.is_err());
        assert_eq!(script.lines().len(), 2, "{shape}");
    }
    // Another time it is right, or wrong in another way.
    let [a, b, c] = shapes.map(|shape| Step::Answer(answer(200, &[], shape)));
    let (client, script) = client([a, b, c, page()]);
    let pages = client.list(ListParams::all(&API_KEYS));
    assert_eq!(pages.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    assert_eq!(script.lines().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_goes_in_circles_is_an_error() {
    let circle = r#"{"data":[],"metadata":{"next":"?page_token=t"}}"#;
    let (client, script) = client([Step::Answer(answer(200, &[], circle))]);
    let pages: Vec<_> = client.list(ListParams::all(&API_KEYS)).collect().await;
    assert!(matches!(
        &pages[..],
        [Ok(_), Err(Error::RepeatedToken { .. })]
    ));
    assert_eq!(script.lines().len(), 2);
}

#[test]
fn a_client_shows_no_secret() {
    let config = ClientConfig {
        endpoint: Endpoint::production(),
        credentials: Credentials::Basic {
            key: "KEY".into(),
            secret: Secret::new("canary"),
        },
        timeout: Duration::from_secs(1),
        concurrency: 0,
        ca_cert: None,
        retry: RetryPolicy::default(),
    };
    let shown = format!("{config:?}");
    let client = Client::new(config).unwrap();
    assert!(!format!("{shown} {client:?} {:?}", client.caller).contains("canary"));
    assert_eq!((client.key_id(), client.concurrency()), (Some("KEY"), 1));
    assert_eq!(client.endpoint(), &Endpoint::production());
}
