//! `--auth`, StackQL's description of where credentials are.
//!
//! The shapes are those that StackQL documents for basic, bearer and API key authentication. A key and its secret are
//! given by the names of two variables, or in clear text; an encoded pair by a variable or a file.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::credentials::{Environment, SecretSource, Source};
use crate::error::Error;
use crate::secret::Secret;
use crate::terminal::children;

#[derive(Deserialize)]
struct Auth {
    confluent: Provider,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Provider {
    r#type: String,
    username_var: Option<String>,
    password_var: Option<String>,
    api_key_var: Option<String>,
    api_secret_var: Option<String>,
    username: Option<String>,
    password: Option<String>,
    api_key: Option<String>,
    api_secret: Option<String>,
    credentialsenvvar: Option<String>,
    credentialsfilepath: Option<std::path::PathBuf>,
    credentialsfilepathenvvar: Option<String>,
    #[serde(rename = "valuePrefix")]
    value_prefix: Option<String>,
    /// A member of the type `custom`, which is refused.
    #[serde(rename = "location")]
    _location: Option<IgnoredAny>,
    #[serde(rename = "name")]
    _name: Option<IgnoredAny>,
    #[serde(rename = "successor")]
    _successor: Option<IgnoredAny>,
}

/// StackQL's types for other services.
const OTHERS: [&str; 6] = [
    "aws_signing_v4",
    "azure_default",
    "custom",
    "interactive",
    "oauth2",
    "service_account",
];

const SHAPE: &str = r#"{"confluent":{"type":"basic","username_var":"NAME OF A VARIABLE","password_var":"NAME OF A VARIABLE"}}"#;

/// Returns where the credentials are that `json` describes.
///
/// Fails if `json` is not of a known shape, or a variable that it names is not set. No value of it is repeated.
pub(super) fn source(json: &str, environment: &Environment) -> Result<Source, Error> {
    let auth: Auth = serde_json::from_str(json).map_err(|error| {
        // The text may hold a password, so the error names only the column.
        Error::usage(format!(
            "--auth cannot be read at column {}",
            error.column()
        ))
        .hint(format!("write it as {SHAPE}"))
    })?;
    let auth = auth.confluent;
    // What stands where a name should may be the secret itself.
    let variable = |member: &str, name: &str| {
        children::withhold(name);
        environment
            .get(name)
            .filter(|value| !value.is_empty())
            .cloned()
            .ok_or_else(|| {
                Error::usage(format!(
                    "--auth: the variable that `{member}` names is not set"
                ))
                .hint(format!(
                    "{member} takes the name of a variable, not its value"
                ))
            })
    };
    let encoded = || -> Result<Option<SecretSource>, Error> {
        // In StackQL's order.
        let file = |path: &str| Some(SecretSource::File(path.into()));
        if let Some(name) = &auth.credentialsenvvar {
            return Ok(Some(SecretSource::Value(Secret::new(variable(
                "credentialsenvvar",
                name,
            )?))));
        }
        match &auth.credentialsfilepathenvvar {
            Some(name) => Ok(file(&variable("credentialsfilepathenvvar", name)?)),
            None => Ok(auth.credentialsfilepath.clone().map(SecretSource::File)),
        }
    };
    let nothing = |kind: &str| {
        Error::usage(format!(
            "--auth of type `{kind}` does not say where the credentials are"
        ))
        .hint(format!("write it as {SHAPE}"))
    };
    match auth.r#type.as_str() {
        "null_auth" => Ok(Source::Missing {
            reason: "no credentials: --auth is of type `null_auth`".to_owned(),
            hint: "the service requires credentials".to_owned(),
        }),
        "basic" => {
            if let Some(pair) = encoded()? {
                return Ok(Source::EncodedPair(pair));
            }
            let first = |members: [(&'static str, &Option<String>); 2]| {
                let mut given = members.into_iter();
                given.find_map(|(member, name)| Some((member, name.clone()?)))
            };
            let user = first([
                ("username_var", &auth.username_var),
                ("api_key_var", &auth.api_key_var),
            ]);
            let password = first([
                ("password_var", &auth.password_var),
                ("api_secret_var", &auth.api_secret_var),
            ]);
            let (key, secret) = match (user, password) {
                (Some((user, name)), Some((password, secret))) => {
                    (variable(user, &name)?, variable(password, &secret)?)
                }
                _ => {
                    let user = auth.username.clone().or_else(|| auth.api_key.clone());
                    let password = auth.password.clone().or_else(|| auth.api_secret.clone());
                    user.zip(password).ok_or_else(|| nothing("basic"))?
                }
            };
            Ok(Source::Basic {
                key,
                secret: SecretSource::Value(Secret::new(secret)),
            })
        }
        kind @ ("bearer" | "api_key") => {
            let is_bearer = kind == "bearer" || auth.value_prefix.as_deref() == Some("Bearer ");
            let token = encoded()?.ok_or_else(|| nothing(kind))?;
            if !is_bearer {
                return Err(
                    Error::usage("--auth of type `api_key` has no valuePrefix `Bearer `")
                        .hint("Confluent Cloud accepts Basic and Bearer authentication"),
                );
            }
            Ok(Source::Bearer(token))
        }
        kind => Err(
            Error::usage(match OTHERS.contains(&kind) {
                true => format!("--auth has the type `{kind}`, which Confluent Cloud does not accept"),
                // It may be anything, such as a password in the wrong place.
                false => "--auth has a type that Confluent Cloud does not accept".to_owned(),
            })
                .hint("types that Confluent Cloud accepts: basic, bearer, and api_key with valuePrefix `Bearer `"),
        ),
    }
}

/// Returns true if `json` holds a password itself rather than the name of a variable.
pub(super) fn is_in_the_clear(json: &str) -> bool {
    serde_json::from_str::<Auth>(json)
        .is_ok_and(|Auth { confluent: auth }| auth.password.is_some() || auth.api_secret.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<Source, Error> {
        let environment = [("U", "user"), ("P", "canary")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        source(json, &environment.into())
    }

    #[test]
    fn a_pair_may_be_named_by_variables_of_either_name() {
        for json in [
            r#"{"confluent":{"type":"basic","username_var":"U","password_var":"P"}}"#,
            r#"{"confluent":{"type":"basic","api_key_var":"U","api_secret_var":"P"}}"#,
            r#"{"confluent":{"type":"basic","username":"user","password":"canary"}}"#,
        ] {
            let Source::Basic {
                key,
                secret: SecretSource::Value(secret),
            } = of(json).unwrap()
            else {
                panic!("{json} is a pair");
            };
            assert_eq!((key.as_str(), secret.reveal()), ("user", "canary"));
        }
    }

    #[test]
    fn a_password_in_the_clear_is_known() {
        assert!(is_in_the_clear(
            r#"{"confluent":{"type":"basic","username":"u","password":"p"}}"#
        ));
        assert!(!is_in_the_clear(
            r#"{"confluent":{"type":"basic","username_var":"U","password_var":"P"}}"#
        ));
        assert!(!is_in_the_clear("password"));
    }

    #[test]
    fn tokens_and_encoded_pairs_come_from_one_variable_or_a_file() {
        let bearer = of(r#"{"confluent":{"type":"bearer","credentialsenvvar":"P"}}"#);
        assert!(matches!(bearer.unwrap(), Source::Bearer(_)));
        let prefixed = of(
            r#"{"confluent":{"type":"api_key","credentialsenvvar":"P","valuePrefix":"Bearer "}}"#,
        );
        assert!(matches!(prefixed.unwrap(), Source::Bearer(_)));
        for file in [
            r#"{"confluent":{"type":"basic","credentialsfilepath":"./c.b64"}}"#,
            r#"{"confluent":{"type":"basic","credentialsfilepathenvvar":"U"}}"#,
        ] {
            assert!(matches!(
                of(file).unwrap(),
                Source::EncodedPair(SecretSource::File(_))
            ));
        }
    }

    #[test]
    fn types_of_other_services_are_refused_by_their_name() {
        for kind in ["custom", "service_account", "oauth2", "aws_signing_v4"] {
            let json = format!(
                r#"{{"confluent":{{"type":"{kind}","location":"header","name":"Authorization","credentialsenvvar":"P"}}}}"#
            );
            let error = of(&json).unwrap_err();
            assert_eq!(
                error.message,
                format!("--auth has the type `{kind}`, which Confluent Cloud does not accept")
            );
        }
    }

    #[test]
    fn errors_never_repeat_what_may_be_a_password() {
        for json in [
            r#"{"confluent":{"type":"basic","username":"canary""#,
            r#"{"confluent":{"type":"basic","passwrod":"canary"}}"#,
            r#"{"confluent":{"type":"basic","password":"canary"}}"#,
            "canary",
        ] {
            let error = of(json).unwrap_err();
            assert!(!format!("{error:?}").contains("canary"), "{json}");
        }
        for (member, json) in [
            (
                "username_var",
                r#"{"confluent":{"type":"basic","username_var":"canary","password_var":"P"}}"#,
            ),
            (
                "api_secret_var",
                r#"{"confluent":{"type":"basic","api_key_var":"U","api_secret_var":"canary"}}"#,
            ),
            (
                "credentialsenvvar",
                r#"{"confluent":{"type":"bearer","credentialsenvvar":"canary"}}"#,
            ),
            (
                "credentialsfilepathenvvar",
                r#"{"confluent":{"type":"basic","credentialsfilepathenvvar":"canary"}}"#,
            ),
        ] {
            let error = of(json).unwrap_err();
            assert_eq!(
                error.message,
                format!("--auth: the variable that `{member}` names is not set")
            );
            assert!(!format!("{error:?}").contains("canary"), "{json}");
        }
    }
}
