//! The collections beside the keys: how they are asked, and that they fit the keys.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::http::Method;
use chrono::DateTime;
use serde_json::Value;

use super::super::call::Call;
use super::super::clock::Clock;
use super::super::config::{Contract, NextStyle, SandboxConfig};
use super::super::faults::Action;
use super::super::organization::PUBLIC_BASE;
use super::super::service::Service;
use super::inputs::text;
use super::*;

fn service(config: SandboxConfig) -> Service {
    let clock = Arc::new(Clock::new(&config));
    Service::new(config, clock)
}

fn ask_with(service: &mut Service, target: &str, fault: Option<&Action>) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let call = Call {
        method: &Method::GET,
        path,
        query,
        body: &[],
    };
    let (status, body) = match service.answer(call, fault) {
        Ok(reply) => (reply.status, reply.body),
        Err(problem) => (problem.status, problem.body("")),
    };
    (status.as_u16(), serde_json::from_str(&body).expect("JSON"))
}

fn ask(service: &mut Service, target: &str) -> (u16, Value) {
    ask_with(service, target, None)
}

/// All objects of a listing, which follows its own links.
fn all(service: &mut Service, target: &str) -> Vec<Value> {
    let mut target = target.to_owned();
    let mut objects = Vec::new();
    loop {
        let (status, page) = ask(service, &target);
        assert_eq!(status, 200, "{target} {page}");
        objects.extend(page["data"].as_array().cloned().unwrap_or_default());
        match page["metadata"]["next"].as_str() {
            None | Some("") => return objects,
            Some(next) => target = next.trim_start_matches(PUBLIC_BASE).to_owned(),
        }
    }
}

/// A listing of each collection that gives something.
fn listings(service: &mut Service) -> Vec<String> {
    let environment = all(service, "/org/v2/environments").swap_remove(0);
    let environment = text(&environment, "/id");
    vec![
        "/iam/v2/users".to_owned(),
        "/iam/v2/service-accounts".to_owned(),
        "/iam/v2/role-bindings?crn_pattern=crn://confluent.cloud/organization%3D".to_owned(),
        "/org/v2/organizations".to_owned(),
        "/org/v2/environments".to_owned(),
        format!("/cmk/v2/clusters?environment={environment}"),
        format!("/srcm/v3/clusters?environment={environment}"),
        format!("/ksqldbcm/v2/clusters?environment={environment}"),
        "/service-quota/v1/applied-quotas?scope=ORGANIZATION".to_owned(),
    ]
}

#[test]
fn every_collection_lists_objects_that_are_found_by_id() {
    let mut service = service(SandboxConfig::default());
    let listings = listings(&mut service);
    assert_eq!(listings.len(), COLLECTIONS.len());
    for target in listings {
        let objects = all(&mut service, &target);
        let ids: Vec<_> = objects.iter().map(|object| text(object, "/id")).collect();
        assert!(!ids.is_empty() && ids.is_sorted(), "{target}");
        let distinct: BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "{target}");
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let environment = query.strip_prefix("environment=");
        let query = environment.map_or_else(String::new, |id| format!("?environment={id}"));
        for object in &objects {
            let by_id = format!("{path}/{}{query}", text(object, "/id"));
            assert_eq!(ask(&mut service, &by_id), (200, object.clone()));
            assert!(text(object, "/metadata/self").ends_with(text(object, "/id")));
        }
        let (status, error) = ask(&mut service, &format!("{path}/nothing{query}"));
        assert_eq!(
            (status, text(&error, "/errors/0/status")),
            (404, "404"),
            "{target}"
        );
    }
}

#[test]
fn pages_of_one_are_the_listing() {
    for style in [NextStyle::Absent, NextStyle::Null, NextStyle::Empty] {
        let mut service =
            service(SandboxConfig::default().with(|config| config.next_style = style));
        for target in listings(&mut service) {
            let whole = all(&mut service, &target);
            let sign = if target.contains('?') { '&' } else { '?' };
            let one_by_one = all(&mut service, &format!("{target}{sign}page_size=1"));
            assert_eq!(one_by_one, whole, "{target}");
        }
    }
}

#[test]
fn what_must_be_given_is_asked_for_by_name() {
    let mut service = service(SandboxConfig::default());
    let parameter = |(status, error): (u16, Value)| {
        let parameter = text(&error, "/errors/0/source/parameter").to_owned();
        (status, text(&error, "/errors/0/code").to_owned(), parameter)
    };
    let refused = |name: &str| (400, "invalid_filter".to_owned(), name.to_owned());
    for (target, name) in [
        ("/iam/v2/role-bindings", "crn_pattern"),
        ("/iam/v2/role-bindings?crn_pattern=", "crn_pattern"),
        ("/cmk/v2/clusters", "environment"),
        ("/cmk/v2/clusters/lkc-1", "environment"),
        ("/srcm/v3/clusters", "environment"),
        ("/ksqldbcm/v2/clusters/lksqlc-1", "environment"),
        ("/service-quota/v1/applied-quotas", "scope"),
        ("/iam/v2/users?email=x", "email"),
        ("/iam/v2/users?page_size=101", "page_size"),
        ("/iam/v2/users?page_token=x", "page_token"),
        ("/iam/v2/users/u-1?page_size=1", "page_size"),
        (
            "/service-quota/v1/applied-quotas?scope=ORGANIZATION&page_size=201",
            "page_size",
        ),
    ] {
        assert_eq!(
            parameter(ask(&mut service, target)),
            refused(name),
            "{target}"
        );
    }
    let (_, page) = ask(&mut service, "/iam/v2/users?page_size=1");
    let next = text(&page, "/metadata/next").to_owned();
    let token = next
        .split_once("page_token=")
        .map_or("", |(_, token)| token);
    let elsewhere = format!("/iam/v2/service-accounts?page_token={token}");
    assert_eq!(
        parameter(ask(&mut service, &elsewhere)),
        refused("page_token")
    );
    let keys = format!("/iam/v2/api-keys?page_token={token}");
    assert_eq!(parameter(ask(&mut service, &keys)), refused("page_token"));
}

#[test]
fn filters_select_what_they_name() {
    let mut service = service(SandboxConfig::default());
    let accounts = all(&mut service, "/iam/v2/service-accounts");
    let (a, b) = (
        text(&accounts[0], "/display_name"),
        text(&accounts[5], "/display_name"),
    );
    let two =
        format!("/iam/v2/service-accounts?display_name={a}&display_name={b}&display_name=none");
    assert_eq!(
        all(&mut service, &two),
        [accounts[0].clone(), accounts[5].clone()]
    );

    let every = "/iam/v2/role-bindings?crn_pattern=crn://confluent.cloud/organization";
    let bindings = all(&mut service, every);
    let roles: BTreeSet<_> = bindings.iter().map(|one| text(one, "/role_name")).collect();
    assert!(
        roles.contains("MetricsViewer") && roles.contains("OrganizationAdmin"),
        "{roles:?}"
    );
    let admins = all(
        &mut service,
        &format!("{every}&role_name=OrganizationAdmin"),
    );
    let principals: Vec<_> = admins.iter().map(|one| text(one, "/principal")).collect();
    assert_eq!(principals.len(), 2);
    assert!(principals.iter().any(|id| id.starts_with("User:sa-")));
    assert!(principals.iter().any(|id| id.starts_with("User:u-")));
    let own = format!("{every}&principal={}", principals[0]);
    assert!(
        all(&mut service, &own)
            .iter()
            .all(|one| text(one, "/principal") == principals[0])
    );
    let clusters = all(
        &mut service,
        "/iam/v2/role-bindings?crn_pattern=/cloud-cluster",
    );
    assert!(!clusters.is_empty() && clusters.len() < bindings.len());
}

#[test]
fn the_collections_fit_the_keys() {
    let mut service = service(SandboxConfig::default().with_contract(Contract::V05));
    let mut keys_of = BTreeMap::<_, usize>::new();
    let mut keys_for = BTreeMap::<_, usize>::new();
    let keys = service.keys();
    for key in &keys {
        *keys_of.entry(text(key, "/spec/owner/id")).or_default() += 1;
        *keys_for.entry(text(key, "/spec/resource/id")).or_default() += 1;
    }
    let ids = |objects: &[Value]| -> BTreeSet<String> {
        objects
            .iter()
            .map(|one| text(one, "/id").to_owned())
            .collect()
    };
    let users = ids(&all(&mut service, "/iam/v2/users"));
    let accounts = ids(&all(&mut service, "/iam/v2/service-accounts"));
    let gone: Vec<_> = keys_of
        .keys()
        .filter(|id| !id.is_empty() && !users.contains(**id) && !accounts.contains(**id))
        .collect();
    assert_eq!(gone.len(), 2, "{gone:?}");
    let idle = accounts
        .iter()
        .filter(|id| !keys_of.contains_key(id.as_str()));
    assert!(idle.count() >= 3);

    let mut clusters = BTreeSet::new();
    for environment in ids(&all(&mut service, "/org/v2/environments")) {
        for path in [
            "/cmk/v2/clusters",
            "/srcm/v3/clusters",
            "/ksqldbcm/v2/clusters",
        ] {
            clusters.extend(ids(&all(
                &mut service,
                &format!("{path}?environment={environment}"),
            )));
        }
    }
    let deleted: Vec<_> = keys_for
        .keys()
        .filter(|id| id.starts_with('l') && !clusters.contains(**id))
        .collect();
    assert_eq!(deleted.len(), 1, "{deleted:?}");

    let quotas = |service: &mut Service, scope: &str| {
        all(
            service,
            &format!("/service-quota/v1/applied-quotas?scope={scope}"),
        )
    };
    let left = |quota: &Value| {
        let number = |name: &str| quota[name].as_u64().unwrap_or_default();
        (number("usage"), number("applied_limit"))
    };
    let organization = quotas(&mut service, "ORGANIZATION");
    let of = |code: &str| {
        organization
            .iter()
            .find(|quota| quota["id"] == code)
            .map(left)
    };
    assert_eq!(of("iam.max_cloud_api_keys.per_org"), Some((250, 3000)));
    let count = accounts.len() as u64;
    assert_eq!(
        of("iam.max_service_accounts.per_org"),
        Some((count, count + 1))
    );
    let per_cluster = quotas(&mut service, "KAFKA_CLUSTER");
    for quota in &per_cluster {
        let cluster = text(quota, "/kafka_cluster/id");
        let used = keys_for.get(cluster).copied().unwrap_or_default();
        assert_eq!(quota["usage"], used);
    }
    let near = per_cluster
        .iter()
        .map(left)
        .filter(|(usage, limit)| usage + 1 == *limit);
    assert_eq!(near.count(), 1);
    for scope in ["ENVIRONMENT", "SERVICE_ACCOUNT", "USER_ACCOUNT"] {
        assert!(!quotas(&mut service, scope).is_empty(), "{scope}");
    }
    assert!(quotas(&mut service, "NETWORK").is_empty());
}

#[test]
fn the_same_seed_gives_the_same_collections() {
    let now = DateTime::from_timestamp(1_782_907_200, 0).expect("a time");
    let config = SandboxConfig::default().with_now(now);
    let every = |config: &SandboxConfig| {
        let mut service = service(config.clone());
        let listings = listings(&mut service);
        let objects = listings.iter().map(|target| all(&mut service, target));
        objects.collect::<Vec<_>>()
    };
    assert_eq!(every(&config), every(&config));
    assert_ne!(
        every(&config),
        every(&config.clone().with(|config| config.seed = 2))
    );
}

#[test]
fn nothing_can_be_changed_and_mischief_is_done_here_too() {
    let mut service = service(SandboxConfig::default());
    for path in ["/iam/v2/users", "/iam/v2/users/u-1"] {
        let call = Call {
            method: &Method::POST,
            path,
            query: "",
            body: b"{}",
        };
        let problem = service.answer(call, None).expect_err("405");
        assert_eq!(problem.status.as_u16(), 405);
    }
    let target = "/iam/v2/users?page_size=2";
    let (_, first) = ask(&mut service, target);
    let next = text(&first, "/metadata/next")
        .trim_start_matches(PUBLIC_BASE)
        .to_owned();
    let (_, stuck) = ask_with(&mut service, &next, Some(&Action::RepeatToken));
    assert_eq!(stuck["metadata"]["next"], first["metadata"]["next"]);
    let (_, again) = ask_with(&mut service, &next, Some(&Action::RepeatKeys));
    assert_eq!(again["data"][0], first["data"][1]);
    let foreign = Action::ForeignNext {
        host: "evil.example".to_owned(),
    };
    let (_, foreign) = ask_with(&mut service, target, Some(&foreign));
    assert!(text(&foreign, "/metadata/next").starts_with("https://evil.example/iam/v2/users?"));
    let query = next.split_once('?').map_or("", |(_, query)| query);
    assert_eq!(page("/iam/v2/users", query), Some(2));
    assert_eq!(page("/iam/v2/users", ""), Some(1));
    assert_eq!(page("/iam/v2/users/u-1", ""), None);
}
