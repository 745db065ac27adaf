//! How the collections answer: query parameters in, one page or one object out.

use std::fmt::Write;

use axum::http::{Method, StatusCode};
use serde_json::Value;
use url::form_urlencoded;

use super::super::call::Reply;
use super::super::config::{SandboxConfig, UnknownFilter};
use super::super::cursor::{seal, unseal};
use super::super::faults::Action;
use super::super::listing::{DEFAULT_PAGE_SIZE, links, read_page_size, write_metadata};
use super::super::problem::Problem;
use super::collection::Collection;
use super::inputs::{Inputs, text};

/// A place in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Which page of the listing this is, from 1.
    pub(super) page: u64,
    page_size: usize,
    /// How many objects were on the pages before.
    skipped: usize,
    path: String,
    /// Names and values of the parameters that select.
    selected: Vec<(String, String)>,
}

impl Place {
    fn token(&self) -> String {
        let Self {
            page,
            page_size,
            skipped,
            path,
            selected,
        } = self;
        let fields = (page, page_size, skipped, path, selected);
        seal(serde_json::to_vec(&fields).unwrap_or_default())
    }

    pub(super) fn parse(token: &str) -> Option<Self> {
        let (page, page_size, skipped, path, selected) =
            serde_json::from_slice(&unseal(token)?).ok()?;
        Some(Self {
            page,
            page_size,
            skipped,
            path,
            selected,
        })
    }

    /// Returns the link to this place: the token, and beside it what no request may be without.
    fn link(&self, base: &str, collection: &Collection) -> String {
        let mut link = format!("{base}{}?page_token={}", self.path, self.token());
        for (name, value) in &self.selected {
            if collection.is_required(name) {
                let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
                let _ = write!(link, "&{name}={value}");
            }
        }
        link
    }
}

impl Collection {
    fn is_required(&self, name: &str) -> bool {
        self.parameters
            .iter()
            .any(|parameter| parameter.required && parameter.name == name)
    }

    fn admits(&self, object: &Value, selected: &[(String, String)]) -> bool {
        self.parameters.iter().all(|parameter| {
            let mut wanted = selected
                .iter()
                .filter(|(name, _)| name == parameter.name)
                .peekable();
            wanted.peek().is_none() || wanted.any(|(_, value)| parameter.admits(object, value))
        })
    }

    /// Returns the objects by id.
    pub(in super::super) fn objects(&self, inputs: &Inputs<'_>) -> Vec<Value> {
        let mut objects = match inputs.given.get(self.path) {
            Some(given) => given.clone(),
            None => (self.objects)(inputs),
        };
        objects.sort_by(|a, b| text(a, "/id").cmp(text(b, "/id")));
        objects
    }

    /// Answers a request, which must be a GET.
    pub(in super::super) fn answer(
        &self,
        inputs: &Inputs<'_>,
        method: &Method,
        id: Option<&str>,
        query: &str,
        fault: Option<&Action>,
    ) -> Result<Reply, Problem> {
        if method != Method::GET {
            return Err(Problem::method_not_allowed("GET"));
        }
        match id {
            Some(id) => self.get(inputs, id, query),
            None => self.list(inputs, query, fault),
        }
    }

    fn get(&self, inputs: &Inputs<'_>, id: &str, query: &str) -> Result<Reply, Problem> {
        let asked = self.read(query, inputs.config, true)?;
        let objects = self.objects(inputs);
        let object = objects
            .iter()
            .find(|object| text(object, "/id") == id && self.admits(object, &asked.selected));
        let object = object.ok_or_else(|| Problem::unknown_object(self.unknown, self.kind, id))?;
        Ok(Reply::json(StatusCode::OK, object.to_string()))
    }

    fn list(
        &self,
        inputs: &Inputs<'_>,
        query: &str,
        fault: Option<&Action>,
    ) -> Result<Reply, Problem> {
        let config = inputs.config;
        let place = self.read(query, config, false)?.place(self)?;
        let mut objects = self.objects(inputs);
        objects.retain(|object| self.admits(object, &place.selected));
        let total = objects.len();
        let end = total.min(place.skipped.saturating_add(place.page_size));
        let mut rows = objects[place.skipped.min(end)..end].to_vec();

        let next = Place {
            page: place.page + 1,
            skipped: end,
            ..place.clone()
        };
        let first = Place {
            page: 1,
            skipped: 0,
            ..place.clone()
        };
        let places = [&first, &place, &next];
        let links = links(config, fault, places, end < total, |base, place| {
            place.link(base, self)
        });
        if let Some(Action::RepeatKeys) = fault
            && let Some(again) = objects.get(place.skipped.saturating_sub(1))
        {
            rows.insert(0, again.clone());
        }

        let mut body = format!(
            "{{\"api_version\":\"{}\",\"kind\":\"{}List\",",
            self.api_version, self.kind
        );
        let total = config.total_size.then_some(total);
        write_metadata(&mut body, links, total, config.next_style);
        let _ = write!(body, "\"data\":{}}}", Value::Array(rows));
        Ok(Reply::json(StatusCode::OK, body))
    }

    /// Reads the parameters of a request. Of one that is not repeatable the first counts; an empty one is as none.
    fn read(&self, query: &str, config: &SandboxConfig, by_id: bool) -> Result<Asked, Problem> {
        let mut asked = Asked::default();
        let known = || self.parameters.iter().filter(|own| own.by_id || !by_id);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if let Some(own) = known().find(|own| own.name == name) {
                let is_given = asked.selected.iter().any(|(other, _)| *other == name);
                if !value.is_empty() && (own.repeatable || !is_given) {
                    asked.selected.push((name.into_owned(), value.into_owned()));
                }
                continue;
            }
            match &*name {
                "page_size" if !by_id => {
                    let size = read_page_size(&value, self.max_page_size)?;
                    asked.page_size.get_or_insert(size);
                }
                "page_token" if !by_id => {
                    asked.token.get_or_insert(value.into_owned());
                }
                _ if config.unknown_filter == UnknownFilter::Refused400 => {
                    return Err(Problem::unknown_filter(&name));
                }
                _ => {}
            }
        }
        for own in known().filter(|own| own.required) {
            if !asked.selected.iter().any(|(name, _)| name == own.name) {
                let detail = format!("The parameter '{}' is required", own.name);
                return Err(Problem::invalid_filter(own.name, detail));
            }
        }
        Ok(asked)
    }
}

/// What a request asks for.
#[derive(Debug, Default)]
struct Asked {
    page_size: Option<usize>,
    token: Option<String>,
    selected: Vec<(String, String)>,
}

impl Asked {
    fn place(self, collection: &Collection) -> Result<Place, Problem> {
        let Some(token) = self.token.filter(|token| !token.is_empty()) else {
            return Ok(Place {
                page: 1,
                page_size: self.page_size.unwrap_or(DEFAULT_PAGE_SIZE),
                skipped: 0,
                path: collection.path.to_owned(),
                selected: self.selected,
            });
        };
        let refused = |detail| Problem::invalid_filter("page_token", detail);
        let place = Place::parse(&token)
            .filter(|place| place.path == collection.path)
            .ok_or_else(|| refused("The page token is not valid"))?;
        // The token alone is enough; what is selected beside it must be what it was given for.
        if self
            .selected
            .iter()
            .any(|own| !place.selected.contains(own))
        {
            return Err(refused("The page token was issued for other filters"));
        }
        Ok(Place {
            page_size: self.page_size.unwrap_or(place.page_size),
            ..place
        })
    }
}
