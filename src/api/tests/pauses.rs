//! When requests are sent: backoff, rate limits, timeouts and the bound on requests in flight, on paused time.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use futures::future;
use tokio::time::{Instant, sleep};

use super::super::*;
use super::script::*;
use crate::resource::API_KEYS;

#[tokio::test(start_paused = true)]
async fn pauses_grow_and_attempts_are_bounded() {
    let (client, script) = client_with([status(502)], 10, || 1.0);
    let start = Instant::now();
    let error = client.get(&API_KEYS, &id()).await.unwrap_err();
    assert_eq!(
        script.times(start),
        [0.0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75, 31.75]
    );
    insta::assert_snapshot!(error, @"`GET /iam/v2/api-keys/K` answered 502 Bad Gateway, after 8 tries in 32 s");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_not_there_is_reported_soon() {
    let (client, script) = client_with([Step::Fail(FailureKind::Dns, true)], 10, || 1.0);
    let start = Instant::now();
    assert!(
        client
            .create(&API_KEYS, &body())
            .await
            .is_err_and(|e| !e.outcome_unknown())
    );
    assert_eq!(script.times(start), [0.0, 0.25, 0.75, 1.75]);
}

#[tokio::test(start_paused = true)]
async fn a_page_in_place_of_the_answer_is_reported_soon() {
    let login = "<!DOCTYPE html><title>Log in</title>";
    for (headers, body) in [
        (vec![("content-type", "text/html; charset=utf-8")], login),
        (vec![("content-type", "Text/HTML")], "please log in"),
        (vec![], login),
        (vec![("content-type", "application/json")], ""),
    ] {
        let (client, script) = client_with([Step::Answer(answer(200, &headers, body))], 10, || 1.0);
        let start = Instant::now();
        let error = client.get(&API_KEYS, &id()).await.unwrap_err();
        assert_eq!(script.times(start), [0.0, 0.25], "{error}");
        let error = client.delete(&API_KEYS, &id()).await;
        assert_eq!(error.is_err(), !body.is_empty());
    }
    // What began as the service's answer is asked for as often as anything else.
    for (content, body) in [("application/json", "{\"id\":"), ("text/plain", "{\"id\":")] {
        let step = Step::Answer(answer(200, &[("content-type", content)], body));
        let (client, script) = client_with([step], 10, || 1.0);
        assert!(client.get(&API_KEYS, &id()).await.is_err());
        assert_eq!(script.lines().len(), 8, "{content}");
    }
    // The service may be back in between.
    let page = || Step::Answer(answer(200, &[], login));
    let (client, script) = client_with([page(), status(503), page(), ok()], 10, || 1.0);
    assert!(client.get(&API_KEYS, &id()).await.is_ok());
    assert_eq!(script.lines().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_does_not_fit_fails_at_once_and_says_how_long_it_is() {
    let (client, script) = client([
        Step::Answer(answer(429, &[("retry-after", "1200")], "slow down")),
        ok(),
    ]);
    let start = Instant::now();
    let error = client.get(&API_KEYS, &id()).await.unwrap_err();
    insta::assert_snapshot!(error, @"the service asks `GET /iam/v2/api-keys/K` to wait 1200 s, but only 300 s are left: 429 Too Many Requests: slow down");
    assert_eq!(
        error.service().unwrap().detail.as_deref(),
        Some("slow down")
    );
    assert_eq!((script.lines().len(), start.elapsed()), (1, Duration::ZERO));
    // The next request need not be sent to know.
    let again = client.get(&API_KEYS, &id()).await;
    assert!(matches!(again, Err(Error::WaitTooLong { .. })));
    assert_eq!(script.lines().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn waits_that_cannot_be_meant_are_replaced_by_the_client_s_own() {
    for value in ["31536000", "-1", "soon", "0"] {
        let (client, script) = client_with(
            [
                Step::Answer(answer(429, &[("retry-after", value)], "")),
                ok(),
            ],
            10,
            || 1.0,
        );
        let start = Instant::now();
        assert!(client.get(&API_KEYS, &id()).await.is_ok());
        assert_eq!(script.times(start), [0.0, 0.25], "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn waits_are_as_long_as_the_service_asks_in_each_of_its_ways() {
    // The calendar of these tests stands at the first second of 1970.
    let date = ("retry-after", "Thu, 01 Jan 1970 00:00:07 GMT");
    for (status, headers, wait) in [
        (429, vec![("retry-after", "7")], 7.0),
        (429, vec![date], 7.0),
        (503, vec![date], 7.0),
        (429, vec![("x-ratelimit-reset", "7")], 7.0),
        (429, vec![date, ("x-ratelimit-reset", "9")], 7.0),
        (
            429,
            vec![("retry-after", "1e9"), ("x-ratelimit-reset", "7")],
            7.0,
        ),
        // A year, the past and nonsense leave the client's own pause.
        (
            429,
            vec![("retry-after", "Fri, 01 Jan 1971 00:00:00 GMT")],
            0.25,
        ),
        (
            503,
            vec![("retry-after", "Wed, 31 Dec 1969 23:59:59 GMT")],
            0.25,
        ),
        (429, vec![("x-ratelimit-reset", "31536000")], 0.25),
        (429, vec![("x-ratelimit-reset", "-7")], 0.25),
        (429, vec![], 0.25),
    ] {
        let asks = Step::Answer(answer(status, &headers, ""));
        // Jitter only adds to what was asked, a tenth at most, and is all there is of a pause of one's own.
        let (client, script) = client_with([asks, ok()], 10, || 1.0);
        let start = Instant::now();
        assert!(client.get(&API_KEYS, &id()).await.is_ok());
        let second = script.times(start)[1];
        assert!(
            (wait..=wait * 1.1).contains(&second),
            "{status} {headers:?}: {second}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_call_takes_longer_than_its_timeout_whatever_the_service_asks() {
    let late = |status| Step::Late(29, answer(status, &[], ""));
    let asks = |wait| Step::Answer(answer(429, &[("retry-after", wait)], ""));
    for step in [
        asks("1"),
        asks("40"),
        asks("299"),
        asks("300"),
        asks("3600"),
        asks("999999999999"),
        late(503),
        late(429),
        status(503),
        Step::Late(100_000, answer(200, &[], "")),
        Step::Fail(FailureKind::Reset, false),
        Step::Fail(FailureKind::Timeout, true),
    ] {
        let (client, _) = client_with([step], 10, || 1.0);
        let start = Instant::now();
        let key = id();
        let calls = future::join_all((0..10).map(|_| client.get(&API_KEYS, &key))).await;
        assert!(calls.iter().all(Result::is_err));
        assert!(
            start.elapsed() <= Duration::from_secs(300),
            "{:?}",
            start.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn many_requests_side_by_side_share_one_pause() {
    let limited = Step::Answer(answer(429, &[("retry-after", "30")], ""));
    let (client, script) = client_with([limited, ok()], 1, || 0.0);
    let start = Instant::now();
    let key = id();
    let calls = future::join_all((0..20).map(|_| client.get(&API_KEYS, &key))).await;
    assert!(calls.iter().all(Result::is_ok));
    // One was told to wait; the other nineteen did not have to be told.
    let times = script.times(start);
    assert_eq!(times.len(), 21);
    assert_eq!(times[0], 0.0);
    assert!(times[1..].iter().all(|time| *time == 30.0), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_used_up_limit_holds_the_next_request_back() {
    let last = answer(
        200,
        &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "4")],
        r#"{"id":"K"}"#,
    );
    let (client, script) = client([Step::Answer(last), ok()]);
    let traffic = Arc::new(Traffic::default());
    let client = client.observed_by(Arc::clone(&traffic));
    let start = Instant::now();
    client.get(&API_KEYS, &id()).await.unwrap();
    assert_eq!(traffic.waiting(), None);
    let (second, waiting) =
        future::join(client.get(&API_KEYS, &id()), async { traffic.waiting() }).await;
    assert!(second.is_ok());
    assert_eq!(waiting, Some(Duration::from_secs(4)));
    assert_eq!(script.times(start), [0.0, 4.0]);
}

#[tokio::test(start_paused = true)]
async fn requests_side_by_side_share_one_pause() {
    let limited = Step::Answer(answer(429, &[("x-ratelimit-reset", "5")], ""));
    let (client, script) = client([limited, ok()]);
    let start = Instant::now();
    let other = async {
        sleep(Duration::from_secs(1)).await;
        client.get(&API_KEYS, &id()).await
    };
    let (first, second) = future::join(client.get(&API_KEYS, &id()), other).await;
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(script.times(start), [0.0, 5.0, 5.0]);
}

#[tokio::test(start_paused = true)]
async fn only_so_many_requests_are_in_flight_and_their_queue_takes_no_time() {
    let slow = Step::Late(20, answer(200, &[], r#"{"id":"K"}"#));
    let (client, script) = client_with([slow], 4, || 0.0);
    let start = Instant::now();
    // The last of 80 waits for 380 s, which is more than a call may take, and is sent nevertheless.
    let results =
        future::join_all((0..80).map(|_| async { client.get(&API_KEYS, &id()).await.is_ok() }))
            .await;
    assert!(results.into_iter().all(|ok| ok));
    assert_eq!(script.most_in_flight.load(SeqCst), 4);
    assert_eq!(start.elapsed(), Duration::from_secs(400));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_leaves_its_turn_to_others() {
    let busy = Step::Answer(answer(503, &[("retry-after", "60")], ""));
    let (client, script) = client_with([busy, ok()], 1, || 0.0);
    let start = Instant::now();
    let (first, second) =
        future::join(client.get(&API_KEYS, &id()), client.get(&API_KEYS, &id())).await;
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(script.times(start), [0.0, 0.0, 60.0]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_is_given_up_after_thirty_seconds_and_a_call_after_its_timeout() {
    let slow = Step::Late(1000, answer(200, &[], ""));
    let (client, script) = client([slow.clone(), ok()]);
    let start = Instant::now();
    client.get(&API_KEYS, &id()).await.unwrap();
    assert_eq!(script.times(start), [0.0, 30.0]);

    let (client, script) = client_with([slow], 10, || 1.0);
    let start = Instant::now();
    let error = client.create(&API_KEYS, &body()).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(300));
    assert_eq!(script.lines().len(), 1);
    insta::assert_snapshot!(error, @"`POST /iam/v2/api-keys` timed out: no answer within 300 s");
    let start = Instant::now();
    assert!(client.get(&API_KEYS, &id()).await.is_err());
    assert!(start.elapsed() <= Duration::from_secs(300));
}

#[tokio::test(start_paused = true)]
async fn a_create_that_waits_is_not_sent_once_it_is_stopped() {
    let (client, script) = client([Step::Answer(answer(429, &[("retry-after", "4")], "")), ok()]);
    let (raise, raised) = tokio::sync::watch::channel(false);
    let client = client.stopped_by(Stop::when(raised));
    let request_body = body();
    let create = client.create(&API_KEYS, &request_body);
    let stop = async {
        sleep(Duration::from_secs(1)).await;
        raise.send_replace(true);
    };
    let start = Instant::now();
    let (created, ()) = future::join(create, stop).await;
    let error = created.unwrap_err();
    assert!(error.is_not_sent() && !error.outcome_unknown(), "{error}");
    assert_eq!(script.times(start), [0.0]);
    // Nothing is sent any more, even if it could be at once.
    assert!(
        client
            .create(&API_KEYS, &body())
            .await
            .unwrap_err()
            .is_not_sent()
    );
    assert_eq!(script.times(start).len(), 1);
}
