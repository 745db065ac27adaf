//! Faults as text, for `--fault` on the command line. Implements `FromStr` for `Fault`; `docs/configuration.md`
//! describes the syntax. Values hold no comma; the first colon ends the conditions.

use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method};

use super::faults::{Action, Fault, FaultBody, When};

const CONDITIONS: &str =
    "any, get, post, patch, delete, path=TEXT, page=N, nth=N, every=N, times=N";
const ACTIONS: &str = "a status from 200 to 599, reset, refuse, stall, truncate, slow, malformed, huge, bomb, long, \
     deep, hostile, repeat-keys, repeat-token, foreign-next, redirect, create-then-drop, without-secret, stale, \
     leak-secrets, bad-credentials";

/// A text that is no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FaultSyntaxError {
    message: String,
    hint: String,
}

impl FaultSyntaxError {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// Returns what can be written instead.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

type Result<T> = std::result::Result<T, FaultSyntaxError>;

impl FromStr for Fault {
    type Err = FaultSyntaxError;

    /// Reads `CONDITION[,CONDITION…]:ACTION[,OPTION…]`.
    ///
    /// Conditions are `any`, a method in lower case, `path=TEXT`, `page=N`, `nth=N`, `every=N` and `times=N`. Actions
    /// are a status (`503`, with `body=json|html|empty|hostile|gzip`, `retry-after=…`, `header=NAME:VALUE`; `429`, with
    /// `retry-after=…`, `reset=…`), `reset`, `refuse[,ms=N]`, `stall`, `truncate[,chunked]`, `slow[,ms=N]`,
    /// `malformed`, `huge[,bytes=N]`, `bomb[,bytes=N]`, `long[,bytes=N]`, `deep[,levels=N]`, `hostile`, `repeat-keys`,
    /// `repeat-token`, `foreign-next[,host=HOST]`, `redirect,location=URL[,status=N]`, `create-then-drop`,
    /// `without-secret`, `stale`, `leak-secrets` and `bad-credentials`.
    fn from_str(text: &str) -> Result<Self> {
        let Some((conditions, action)) = text.split_once(':') else {
            return Err(FaultSyntaxError::new(
                format!("expected `CONDITION:ACTION`, found `{text}`"),
                format!("write `any:{text}` to strike every request; conditions are {CONDITIONS}"),
            ));
        };
        let mut on = When::default();
        let mut times = None;
        for condition in conditions.split(',').map(str::trim) {
            match condition.split_once('=') {
                None => match condition {
                    "any" => {}
                    "get" => on.method = Some(Method::GET),
                    "post" => on.method = Some(Method::POST),
                    "patch" => on.method = Some(Method::PATCH),
                    "delete" => on.method = Some(Method::DELETE),
                    _ => return Err(unknown_condition(condition)),
                },
                Some(("path", part)) => on.path = Some(part.to_owned()),
                Some(("page", number)) => on.page = Some(positive("page", number)?),
                Some(("nth", number)) => on.nth = Some(positive("nth", number)?),
                Some(("every", number)) => on.every = Some(positive("every", number)?),
                Some(("times", number)) => times = Some(positive("times", number)?),
                Some(_) => return Err(unknown_condition(condition)),
            }
        }
        let action = read_action(action)?;
        Ok(Self { on, times, action })
    }
}

fn unknown_condition(condition: &str) -> FaultSyntaxError {
    FaultSyntaxError::new(
        format!("unknown condition `{condition}`"),
        format!("conditions are {CONDITIONS}"),
    )
}

fn positive(name: &str, number: &str) -> Result<u64> {
    match number.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(FaultSyntaxError::new(
            format!("expected a whole number from 1 in `{name}={number}`"),
            format!("write `{name}=3`, for example"),
        )),
    }
}

fn status(number: &str) -> Option<u16> {
    let code = number.parse().ok()?;
    (200..600).contains(&code).then_some(code)
}

fn read_action(text: &str) -> Result<Action> {
    let mut words = text.split(',').map(str::trim);
    let name = words.next().unwrap_or_default();
    let mut options = Options {
        action: name,
        left: words
            .map(|word| word.split_once('=').unwrap_or((word, "")))
            .collect(),
        known: Vec::new(),
    };
    let action = match name {
        "401" => Action::Unauthorized,
        "429" => Action::RateLimited {
            retry_after: options.take("retry-after").map(str::to_owned),
            reset: options.take("reset").map(str::to_owned),
        },
        "bad-credentials" => Action::BadCredentials403,
        "malformed" => Action::Malformed,
        "reset" => Action::Reset,
        "stall" => Action::Stall,
        "create-then-drop" => Action::CreateThenDrop,
        "refuse" => Action::Refuse {
            pause: Duration::from_millis(options.number("ms", 1000)?),
        },
        "bomb" => Action::GzipBomb {
            bytes: options.number("bytes", 1 << 30)?,
        },
        "long" => Action::LongTexts {
            bytes: options.number("bytes", 1 << 16)?,
        },
        "deep" => Action::DeepNesting {
            levels: options.number("levels", 10_000)?,
        },
        "hostile" => Action::HostileTexts,
        "without-secret" => Action::WithoutSecret,
        "stale" => Action::Stale,
        "leak-secrets" => Action::LeakSecrets,
        "repeat-keys" => Action::RepeatKeys,
        "repeat-token" => Action::RepeatToken,
        "truncate" => Action::Truncate {
            chunked: options.take("chunked").is_some(),
        },
        "slow" => Action::SlowBody {
            pause: Duration::from_millis(options.number("ms", 100)?),
        },
        "huge" => Action::HugeBody {
            bytes: options.number("bytes", 1 << 30)?,
        },
        "foreign-next" => Action::ForeignNext {
            host: options.take("host").unwrap_or("example.com").to_owned(),
        },
        "redirect" => read_redirect(&mut options)?,
        _ => match status(name) {
            Some(code) => read_status(code, &mut options)?,
            None => {
                return Err(FaultSyntaxError::new(
                    format!("unknown action `{name}`"),
                    format!("actions are {ACTIONS}"),
                ));
            }
        },
    };
    options.finish()?;
    Ok(action)
}

fn read_redirect(options: &mut Options<'_>) -> Result<Action> {
    let status = match options.take("status") {
        None => 307,
        Some(number) => status(number)
            .filter(|code| (300..400).contains(code))
            .ok_or_else(|| {
                FaultSyntaxError::new(
                    format!("expected a redirection in `status={number}`"),
                    "write 301, 302, 303, 307 or 308",
                )
            })?,
    };
    match options.take("location") {
        Some(location) if HeaderValue::from_str(location).is_ok() && !location.is_empty() => {
            Ok(Action::Redirect {
                status,
                location: location.to_owned(),
            })
        }
        _ => Err(FaultSyntaxError::new(
            "`redirect` needs a location",
            "write `any:redirect,location=http://127.0.0.1:1/elsewhere`, for example",
        )),
    }
}

fn read_status(code: u16, options: &mut Options<'_>) -> Result<Action> {
    let body = match options.take("body") {
        None | Some("json") => FaultBody::Json,
        Some("html") => FaultBody::Html,
        Some("empty") => FaultBody::Empty,
        Some("hostile") => FaultBody::Hostile,
        Some("gzip") => FaultBody::Gzip,
        Some(other) => {
            return Err(FaultSyntaxError::new(
                format!("unknown body `{other}`"),
                "bodies are json, html, empty, hostile and gzip",
            ));
        }
    };
    let mut headers = Vec::new();
    if let Some(value) = options.take("retry-after") {
        headers.push(("retry-after".to_owned(), value.to_owned()));
    }
    while let Some(header) = options.take("header") {
        match header.split_once(':') {
            Some((name, value))
                if HeaderName::from_str(name).is_ok() && HeaderValue::from_str(value).is_ok() =>
            {
                headers.push((name.to_owned(), value.to_owned()));
            }
            _ => {
                return Err(FaultSyntaxError::new(
                    format!("expected `NAME:VALUE` in `header={header}`"),
                    "write `header=x-cache:miss`, for example",
                ));
            }
        }
    }
    Ok(Action::Status {
        code,
        headers,
        body,
    })
}

/// What follows an action, and what may.
struct Options<'a> {
    action: &'a str,
    left: Vec<(&'a str, &'a str)>,
    known: Vec<&'static str>,
}

impl<'a> Options<'a> {
    /// Takes the first option of that name, with what follows its equals sign.
    fn take(&mut self, name: &'static str) -> Option<&'a str> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        let place = self.left.iter().position(|(own, _)| *own == name)?;
        Some(self.left.remove(place).1)
    }

    fn number(&mut self, name: &'static str, default: u64) -> Result<u64> {
        self.take(name)
            .map_or(Ok(default), |number| positive(name, number))
    }

    fn finish(self) -> Result<()> {
        let Some((name, _)) = self.left.first() else {
            return Ok(());
        };
        let hint = if self.known.is_empty() {
            format!("`{}` takes no options", self.action)
        } else {
            format!("`{}` takes {}", self.action, self.known.join(", "))
        };
        let message = format!("unknown option `{name}` of `{}`", self.action);
        Err(FaultSyntaxError::new(message, hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Fault {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn complaint(text: &str) -> String {
        let error = text.parse::<Fault>().expect_err(text);
        format!("{error} ({})", error.hint())
    }

    #[test]
    fn conditions_and_actions_are_read() {
        assert_eq!(read("every=3:503"), Fault::status(503).every(3));
        let limited = Action::RateLimited {
            retry_after: Some("1".to_owned()),
            reset: None,
        };
        assert_eq!(read("nth=2:429,retry-after=1"), Fault::new(limited).nth(2));
        assert_eq!(
            read("get,path=api-keys,page=2,times=1:truncate,chunked"),
            Fault::new(Action::Truncate { chunked: true })
                .on_method(Method::GET)
                .on_path("api-keys")
                .on_page(2)
                .times(1)
        );
        let location = "http://127.0.0.1:9/x".to_owned();
        assert_eq!(
            read("any:redirect,location=http://127.0.0.1:9/x"),
            Fault::new(Action::Redirect {
                status: 307,
                location
            })
        );
        let headers = vec![
            ("retry-after".to_owned(), "2".to_owned()),
            ("x-cache".to_owned(), "miss".to_owned()),
        ];
        assert_eq!(
            read("any:502,body=html,retry-after=2,header=x-cache:miss").action,
            Action::Status {
                code: 502,
                headers,
                body: FaultBody::Html
            }
        );
        assert_eq!(
            read("any:huge,bytes=9").action,
            Action::HugeBody { bytes: 9 }
        );
    }

    #[test]
    fn every_action_that_is_listed_is_read() {
        for name in ACTIONS
            .split(", ")
            .skip(1)
            .filter(|name| *name != "redirect")
        {
            read(&format!("any:{name}"));
        }
    }

    #[test]
    fn errors_say_what_is_valid() {
        insta::assert_snapshot!(complaint("503"), @"expected `CONDITION:ACTION`, found `503` (write `any:503` to strike every request; conditions are any, get, post, patch, delete, path=TEXT, page=N, nth=N, every=N, times=N)");
        insta::assert_snapshot!(complaint("put:503"), @"unknown condition `put` (conditions are any, get, post, patch, delete, path=TEXT, page=N, nth=N, every=N, times=N)");
        insta::assert_snapshot!(complaint("nth=0:503"), @"expected a whole number from 1 in `nth=0` (write `nth=3`, for example)");
        insta::assert_snapshot!(complaint("any:explode"), @"unknown action `explode` (actions are a status from 200 to 599, reset, refuse, stall, truncate, slow, malformed, huge, bomb, long, deep, hostile, repeat-keys, repeat-token, foreign-next, redirect, create-then-drop, without-secret, stale, leak-secrets, bad-credentials)");
        insta::assert_snapshot!(complaint("any:reset,ms=2"), @"unknown option `ms` of `reset` (`reset` takes no options)");
        insta::assert_snapshot!(complaint("any:slow,s=2"), @"unknown option `s` of `slow` (`slow` takes ms)");
        insta::assert_snapshot!(complaint("any:redirect"), @"`redirect` needs a location (write `any:redirect,location=http://127.0.0.1:1/elsewhere`, for example)");
        insta::assert_snapshot!(complaint("any:503,body=xml"), @"unknown body `xml` (bodies are json, html, empty, hostile and gzip)");
    }
}
