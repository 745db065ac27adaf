//! The listing: query parameters in, one page out.
//!
//! A page is a concatenation of texts that are ready, so that the sandbox stays out of the way of measurements.

use std::borrow::Cow;
use std::fmt::Write;

use axum::http::StatusCode;
use chrono::NaiveDate;
use url::form_urlencoded;

use super::call::{COLLECTION, Reply};
use super::config::{Contract, LinkStyle, NextStyle, SandboxConfig, UnknownFilter};
use super::cursor::Cursor;
use super::faults::Action;
use super::organization::PUBLIC_BASE;
use super::problem::Problem;
use super::store::{Filter, Store};

/// Rows per page unless asked for.
pub(super) const DEFAULT_PAGE_SIZE: usize = 10;
/// The most rows per page that can be asked for.
const MAX_PAGE_SIZE: usize = 100;
/// Bytes that a row takes, more or less.
const ROW_BYTES: usize = 1100;

/// Answers a listing on the day `today`. `fault` changes what it says.
pub(super) fn list(
    store: &Store,
    config: &SandboxConfig,
    today: NaiveDate,
    query: &str,
    fault: Option<&Action>,
) -> Result<Reply, Problem> {
    let place = Parameters::read(query, config)?.place(today)?;
    let mut rows = store.page(
        &place.filter,
        config.page_order,
        &place.after,
        place.page_size + 1,
    );
    let more = rows.len() > place.page_size;
    rows.truncate(place.page_size);

    let next = Cursor {
        page: place.page + 1,
        after: rows
            .last()
            .map_or_else(String::new, |(id, _)| (*id).to_owned()),
        ..place.clone()
    };
    let first = Cursor {
        page: 1,
        after: String::new(),
        ..place.clone()
    };
    let links = links(config, fault, [&first, &place, &next], more, link);
    if let Some(Action::RepeatKeys) = fault {
        let again = store
            .get(&place.after)
            .map(|key| (place.after.as_str(), key));
        if let Some(again) = again.or_else(|| rows.first().copied()) {
            rows.insert(0, again);
        }
    }

    let mut body = String::with_capacity(512 + rows.len() * ROW_BYTES);
    body.push_str("{\"api_version\":\"iam/v2\",\"kind\":\"ApiKeyList\",");
    let total = config.total_size.then(|| store.count(&place.filter));
    write_metadata(&mut body, links, total, config.next_style);
    body.push_str("\"data\":[");
    for (number, (_, key)) in rows.iter().enumerate() {
        if number > 0 {
            body.push(',');
        }
        key.write(&mut body);
    }
    body.push_str("]}");
    Ok(Reply::json(StatusCode::OK, body))
}

/// Returns what `link` makes of the first of `places`, and of the one that is to be the next: the last of them if there is
/// `more`, or this page again. The service writes links to its public host, whatever host it was reached by.
pub(super) fn links<P>(
    config: &SandboxConfig,
    fault: Option<&Action>,
    [first, here, next]: [&P; 3],
    more: bool,
    link: impl Fn(&str, &P) -> String,
) -> (String, Option<String>) {
    let base = match config.link_style {
        LinkStyle::Absolute => PUBLIC_BASE,
        LinkStyle::Relative => "",
    };
    let next = match fault {
        Some(Action::RepeatToken) => Some(link(base, here)),
        Some(Action::ForeignNext { host }) => more.then(|| link(&format!("https://{host}"), next)),
        _ => more.then(|| link(base, next)),
    };
    (link(base, first), next)
}

/// Writes the member `metadata` of a page, and the comma behind it. `next` is the link to the next page, if there is one.
pub(super) fn write_metadata(
    body: &mut String,
    (first, next): (String, Option<String>),
    total: Option<usize>,
    style: NextStyle,
) {
    let next = match (next, style) {
        (Some(next), _) => format!(",\"next\":\"{next}\""),
        (None, NextStyle::NoMetadata) => return,
        (None, NextStyle::Absent) => String::new(),
        (None, NextStyle::Null) => ",\"next\":null".to_owned(),
        (None, NextStyle::Empty) => ",\"next\":\"\"".to_owned(),
    };
    let _ = write!(body, "\"metadata\":{{\"first\":\"{first}\"{next}");
    if let Some(total) = total {
        let _ = write!(body, ",\"total_size\":{total}");
    }
    body.push_str("},");
}

/// The service writes links with the token alone.
fn link(base: &str, place: &Cursor) -> String {
    format!("{base}{COLLECTION}?page_token={}", place.token())
}

/// The parameters of a listing, as far as they are given. Of a repeated one the first that is not empty counts.
#[derive(Debug, Default)]
struct Parameters<'a> {
    owner: Option<Cow<'a, str>>,
    resource: Option<Cow<'a, str>>,
    show_expired: Option<Cow<'a, str>>,
    page_size: Option<Cow<'a, str>>,
    token: Option<Cow<'a, str>>,
    hides_expired: bool,
}

impl<'a> Parameters<'a> {
    fn read(query: &'a str, config: &SandboxConfig) -> Result<Self, Problem> {
        let hides_expired = config.contract != Contract::V04;
        let mut read = Self {
            hides_expired,
            ..Self::default()
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let own = match &*name {
                "spec.owner" => &mut read.owner,
                "spec.resource" => &mut read.resource,
                "show_expired" if hides_expired => &mut read.show_expired,
                "page_size" => &mut read.page_size,
                "page_token" => &mut read.token,
                _ => match config.unknown_filter {
                    UnknownFilter::Refused400 => return Err(Problem::unknown_filter(&name)),
                    UnknownFilter::Ignored => continue,
                },
            };
            if own.as_deref().is_none_or(str::is_empty) {
                *own = Some(value);
            }
        }
        Ok(read)
    }

    /// Returns which page is wanted of which listing. Filters that are empty filter nothing.
    fn place(self, today: NaiveDate) -> Result<Cursor, Problem> {
        let page_size = self
            .page_size
            .as_deref()
            .map(|size| read_page_size(size, MAX_PAGE_SIZE))
            .transpose()?;
        let show_expired = match self.show_expired.as_deref() {
            None | Some("") => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(other) => {
                return Err(Problem::invalid_filter(
                    "show_expired",
                    format!("'{other}' is neither true nor false"),
                ));
            }
        };
        let owner = self.owner.unwrap_or_default();
        let resource = self.resource.unwrap_or_default();
        let Some(token) = self.token.filter(|token| !token.is_empty()) else {
            let hides_expired = self.hides_expired && show_expired != Some(true);
            return Ok(Cursor {
                page: 1,
                page_size: page_size.unwrap_or(DEFAULT_PAGE_SIZE),
                filter: Filter {
                    owner: owner.into_owned(),
                    resource: resource.into_owned(),
                    valid_on: hides_expired.then_some(today),
                },
                after: String::new(),
            });
        };
        let refused = |detail| Problem::invalid_filter("page_token", detail);
        let place = Cursor::parse(&token).ok_or_else(|| refused("The page token is not valid"))?;
        // The token alone is enough; filters beside it must be those it was given for.
        let given_for = &place.filter;
        let is_same = (owner.is_empty() || owner == given_for.owner)
            && (resource.is_empty() || resource.eq_ignore_ascii_case(&given_for.resource))
            && show_expired.is_none_or(|shown| shown == given_for.valid_on.is_none());
        if !is_same {
            return Err(refused("The page token was issued for other filters"));
        }
        Ok(Cursor {
            page_size: page_size.unwrap_or(place.page_size),
            ..place
        })
    }
}

/// Reads how many rows a page is to have, at most `most`.
pub(super) fn read_page_size(value: &str, most: usize) -> Result<usize, Problem> {
    match value.parse() {
        Ok(size) if (1..=most).contains(&size) => Ok(size),
        _ => Err(Problem::invalid_filter(
            "page_size",
            format!("'{value}' is not a page size from 1 to {most}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::config::PageOrder;
    use super::super::faults::Action;
    use super::super::service::Service;
    use super::super::store::Key;
    use super::*;

    fn three() -> Store {
        let key = |id: &str, owner: &str| {
            let object = json!({ "id": id, "spec": { "owner": { "id": owner } } });
            (id.to_owned(), Key::whole(&object))
        };
        [key("A", "sa-1"), key("B", "sa-2"), key("C", "sa-1")]
            .into_iter()
            .collect()
    }

    /// The day of the tests: the last of the key C.
    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 7, 1).expect("a day")
    }

    fn page_of(
        store: &Store,
        config: &SandboxConfig,
        query: &str,
        fault: Option<&Action>,
    ) -> Value {
        let reply = list(store, config, today(), query, fault).expect(query);
        serde_json::from_str(&reply.body).expect("a page is JSON")
    }

    fn page(config: &SandboxConfig, query: &str, fault: Option<&Action>) -> Value {
        page_of(&three(), config, query, fault)
    }

    fn ids(page: &Value) -> Vec<&str> {
        page["data"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|key| key["id"].as_str())
            .collect()
    }

    fn token(page: &Value) -> String {
        let next = page["metadata"]["next"].as_str().unwrap_or_default();
        next.strip_prefix("https://api.confluent.cloud/iam/v2/api-keys?page_token=")
            .unwrap_or_else(|| panic!("{next}"))
            .to_owned()
    }

    fn refusal(query: &str) -> (u16, String) {
        refusal_by(&SandboxConfig::default(), query)
    }

    fn refusal_by(config: &SandboxConfig, query: &str) -> (u16, String) {
        let problem = list(&three(), config, today(), query, None).expect_err(query);
        let body: Value = serde_json::from_str(&problem.body("")).expect("an error is JSON");
        let error = &body["errors"][0];
        assert_eq!(error["code"], "invalid_filter");
        (
            problem.status.as_u16(),
            error["source"]["parameter"]
                .as_str()
                .unwrap_or("")
                .to_owned(),
        )
    }

    #[test]
    fn next_links_lead_to_the_end_by_themselves() {
        let config = SandboxConfig::default();
        let first = page(&config, "page_size=1&spec.owner=sa-1", None);
        assert_eq!(ids(&first), ["A"]);
        let second = page(&config, &format!("page_token={}", token(&first)), None);
        assert_eq!(ids(&second), ["C"]);
        assert!(second["metadata"].get("next").is_none());
        let first_again = second["metadata"]["first"].as_str().unwrap_or_default();
        let query = first_again.split_once('?').map_or("", |(_, query)| query);
        assert_eq!(ids(&page(&config, query, None)), ["A"]);
    }

    #[test]
    fn empty_and_unknown_parameters_filter_nothing() {
        let config =
            SandboxConfig::default().with(|config| config.unknown_filter = UnknownFilter::Ignored);
        let all = page(
            &config,
            "spec.owner=&spec.resource=&page_token=&colour=red",
            None,
        );
        assert_eq!(ids(&all), ["A", "B", "C"]);
        assert!(ids(&page(&config, "spec.owner=sa-3", None)).is_empty());
    }

    #[test]
    fn unknown_parameters_are_refused_by_name() {
        for contract in Contract::ALL {
            let config = SandboxConfig::default().with_contract(contract);
            assert_eq!(
                refusal_by(&config, "colour=red"),
                (400, "colour".to_owned())
            );
        }
        let old = SandboxConfig::default().with_contract(Contract::V04);
        for value in ["true", "false", ""] {
            let query = format!("page_size=2&show_expired={value}");
            assert_eq!(refusal_by(&old, &query), (400, "show_expired".to_owned()));
        }
        let lax = old.with(|config| config.unknown_filter = UnknownFilter::Ignored);
        assert_eq!(ids(&page(&lax, "show_expired=true", None)).len(), 3);
    }

    /// A was valid until yesterday, B is for ever, C through today, D through tomorrow.
    fn expiring() -> Store {
        let key = |id: &str, expires_at: Value| {
            let object = json!({ "id": id, "spec": { "expires_at": expires_at } });
            (id.to_owned(), Key::whole(&object))
        };
        [
            key("A", json!("2026-06-30")),
            key("B", Value::Null),
            key("C", json!("2026-07-01")),
            key("D", json!("2026-07-02")),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn expired_keys_are_listed_only_where_they_are_asked_for() {
        let new = SandboxConfig::default()
            .with_contract(Contract::V05)
            .with(|config| config.total_size = true);
        let old = new.clone().with_contract(Contract::V04);
        for (config, query, expected) in [
            (&new, "", &["B", "C", "D"][..]),
            (&new, "show_expired=", &["B", "C", "D"]),
            (&new, "show_expired=false", &["B", "C", "D"]),
            (&new, "show_expired=true", &["A", "B", "C", "D"]),
            (&old, "", &["A", "B", "C", "D"]),
        ] {
            let page = page_of(&expiring(), config, query, None);
            assert_eq!(ids(&page), expected, "{query}");
            assert_eq!(page["metadata"]["total_size"], expected.len(), "{query}");
        }
        assert_eq!(
            refusal_by(&new, "show_expired=yes"),
            (400, "show_expired".to_owned())
        );
    }

    #[test]
    fn a_listing_goes_on_as_it_began() {
        let config = SandboxConfig::default().with_contract(Contract::V05);
        let store = expiring();
        for (shown, expected) in [("true", ["C", "D"]), ("false", ["D", ""])] {
            let first = page_of(
                &store,
                &config,
                &format!("page_size=2&show_expired={shown}"),
                None,
            );
            let token = token(&first);
            for repeated in ["", "&show_expired=", &format!("&show_expired={shown}")] {
                let query = format!("page_token={token}{repeated}");
                let second = page_of(&store, &config, &query, None);
                let expected: Vec<_> = expected.into_iter().filter(|id| !id.is_empty()).collect();
                assert_eq!(ids(&second), expected, "{shown} {repeated}");
            }
            let other = if shown == "true" { "false" } else { "true" };
            assert_eq!(
                refusal_by(&config, &format!("page_token={token}&show_expired={other}")),
                (400, "page_token".to_owned())
            );
        }
    }

    #[test]
    fn links_can_be_relative() {
        let config =
            SandboxConfig::default().with(|config| config.link_style = LinkStyle::Relative);
        let first = page(&config, "page_size=1", None);
        let next = first["metadata"]["next"].as_str().unwrap_or_default();
        let query = next
            .strip_prefix("/iam/v2/api-keys?")
            .unwrap_or_else(|| panic!("{next}"));
        assert_eq!(ids(&page(&config, query, None)), ["B"]);
    }

    #[test]
    fn pages_hold_ten_keys_unless_asked_for_more() {
        let config = SandboxConfig::default();
        let clock = std::sync::Arc::new(super::super::clock::Clock::new(&config));
        let mut service = Service::new(config, clock);
        for (query, expected) in [("", 10), ("page_size=100", 100)] {
            let method = axum::http::Method::GET;
            let call = super::super::call::Call {
                method: &method,
                path: COLLECTION,
                query,
                body: &[],
            };
            let reply = service.answer(call, None).expect("a page");
            let page: Value = serde_json::from_str(&reply.body).expect("JSON");
            assert_eq!(ids(&page).len(), expected);
        }
    }

    #[test]
    fn page_sizes_out_of_range_and_foreign_tokens_are_refused() {
        for size in ["0", "-1", "101", "ten", "", "1.5"] {
            assert_eq!(
                refusal(&format!("page_size={size}")),
                (400, "page_size".to_owned())
            );
        }
        assert_eq!(
            refusal("page_token=garbage"),
            (400, "page_token".to_owned())
        );
        let config = SandboxConfig::default();
        let token = token(&page(&config, "page_size=1&spec.owner=sa-1", None));
        assert_eq!(
            refusal(&format!("spec.owner=sa-2&page_token={token}")),
            (400, "page_token".to_owned())
        );
        page(
            &config,
            &format!("spec.owner=sa-1&page_size=1&page_token={token}"),
            None,
        );
    }

    #[test]
    fn the_last_page_says_so_in_every_known_way() {
        let last = |style| {
            let config = SandboxConfig::default().with(|config| config.next_style = style);
            page(&config, "", None)
                .get("metadata")
                .map(|metadata| metadata.get("next").cloned())
        };
        assert_eq!(last(NextStyle::Absent), Some(None));
        assert_eq!(last(NextStyle::Null), Some(Some(Value::Null)));
        assert_eq!(last(NextStyle::Empty), Some(Some(json!(""))));
        assert_eq!(last(NextStyle::NoMetadata), None);
    }

    #[test]
    fn the_total_counts_what_the_filters_admit() {
        let config = SandboxConfig::default().with(|config| config.total_size = true);
        assert_eq!(
            page(&config, "page_size=1", None)["metadata"]["total_size"],
            3
        );
        assert_eq!(
            page(&config, "spec.owner=sa-1", None)["metadata"]["total_size"],
            2
        );
    }

    #[test]
    fn the_order_can_be_turned() {
        let config =
            SandboxConfig::default().with(|config| config.page_order = PageOrder::Descending);
        let first = page(&config, "page_size=2", None);
        assert_eq!(ids(&first), ["C", "B"]);
        assert_eq!(
            ids(&page(
                &config,
                &format!("page_token={}", token(&first)),
                None
            )),
            ["A"]
        );
    }

    #[test]
    fn mischief_repeats_keys_and_tokens_and_points_elsewhere() {
        let config = SandboxConfig::default();
        let first = page(&config, "page_size=2", Some(&Action::RepeatKeys));
        assert_eq!(ids(&first), ["A", "A", "B"]);
        let query = format!("page_token={}", token(&first));
        assert_eq!(
            ids(&page(&config, &query, Some(&Action::RepeatKeys))),
            ["B", "C"]
        );
        let stuck = page(&config, &query, Some(&Action::RepeatToken));
        assert_eq!(token(&stuck), token(&first));
        let foreign = Action::ForeignNext {
            host: "evil.example:8".to_owned(),
        };
        let foreign = page(&config, "page_size=1", Some(&foreign));
        let next = foreign["metadata"]["next"].as_str().unwrap_or_default();
        assert!(
            next.starts_with("https://evil.example:8/iam/v2/api-keys?page_token="),
            "{next}"
        );
    }
}
