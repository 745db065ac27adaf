//! Names of providers, services, resources and methods, and the errors for those that do not exist.

use crate::dialect::error::{Error, nearest};
use crate::resource::{self, CATALOG, Method, Relation, Resource, older_spelling};

pub(super) fn no_provider(name: &str) -> Error {
    unknown("provider", name, [CATALOG])
}

/// Returns the name of the first resource, for hints that show what to write.
pub(super) fn example() -> String {
    resource::ALL
        .first()
        .map_or_else(String::new, |r| r.full_name())
}

/// Returns true for a view, fully qualified or not. It is a resource without methods.
pub(super) fn is_view(name: &[String]) -> bool {
    matches!(resource::named(name), Some(Relation::View(..)))
}

/// Finds the resource called `name`, fully qualified or not.
pub(super) fn expect_resource(name: &[String]) -> Result<&'static Resource, Error> {
    if let Some(Relation::View(view)) = resource::named(name) {
        return Err(
            Error::new(format!("`{}` is a view, which has no methods", view.name))
                .hint(format!("the methods are those of {}", view.of.full_name())),
        );
    }
    let known: Vec<String> = resource::ALL.iter().map(|r| r.full_name()).collect();
    let known = format!("there is: {}", known.join(", "));
    let (table, service, provider) = match name {
        [] => return Err(Error::new("expected the name of a resource").hint(known)),
        [table] => (table, None, None),
        [service, table] => (table, Some(service), None),
        [provider, service, table] => (table, Some(service), Some(provider)),
        _ => return Err(Error::new(format!("no resource `{}`", name.join("."))).hint(known)),
    };
    if let Some(provider) = provider.filter(|name| *name != CATALOG) {
        return Err(no_provider(provider));
    }
    let services = resource::services().into_iter().map(|service| service.name);
    if let Some(service) = service
        && !services.clone().any(|name| name == service)
    {
        return Err(unknown("service", service, services));
    }
    let is_there = |r: &&&Resource| service.is_none_or(|service| r.service.name == service);
    let resources = resource::ALL.iter().filter(is_there);
    let named: Vec<&Resource> = resources
        .clone()
        .filter(|r| r.table == table)
        .copied()
        .collect();
    match named.as_slice() {
        [resource] => Ok(resource),
        [] => Err(unknown("resource", table, resources.map(|r| r.table))),
        several => {
            let names: Vec<String> = several.iter().map(|r| r.full_name()).collect();
            Err(
                Error::new(format!("several services have a resource `{table}`"))
                    .hint(format!("name one of {}", names.join(", "))),
            )
        }
    }
}

/// Finds the method that the last part of `name` names; the other parts are the resource.
pub(super) fn expect_method(
    name: &[String],
) -> Result<(&'static Resource, &'static Method), Error> {
    let is_resource = matches!(resource::named(name), Some(Relation::Table(_)));
    let (Some((last, of)), false) = (name.split_last(), is_resource) else {
        return Err(Error::new("expected the name of a method")
            .hint(format!("SHOW METHODS IN {} lists them", example())));
    };
    let resources = match of {
        [] => resource::ALL.to_vec(),
        of => vec![expect_resource(of)?],
    };
    let mut found = resources.iter().copied();
    if let Some(found) = found.find_map(|r| Some((r, r.method(last)?))) {
        return Ok(found);
    }
    let methods = resources.iter().flat_map(|r| r.methods);
    let names = methods.map(|method| method.name);
    // `get_api_key` is as near to a method as `get_iam_v2api_keys` is.
    let spelled = older_spelling(last);
    let plain = |name: &str| name.replace("iam_v2", "");
    let near = names.clone().find(|name| {
        let whole = plain(name);
        whole == plain(&spelled) || whole.split('_').next() == Some(last.as_str())
    });
    let near = near.or_else(|| nearest(&spelled, names.clone()));
    Err(unknown_but("method", last, near, names))
}

/// Returns the error for a name that does not exist, with the nearest one and all that exist.
pub(super) fn unknown<'n>(
    kind: &str,
    name: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Error {
    let known: Vec<&str> = known.into_iter().collect();
    let near = nearest(name, known.iter().copied());
    unknown_but(kind, name, near, known)
}

/// Returns the same, where `near` is the nearest.
pub(super) fn unknown_but<'n>(
    kind: &str,
    name: &str,
    near: Option<&str>,
    known: impl IntoIterator<Item = &'n str>,
) -> Error {
    let known: Vec<&str> = known.into_iter().collect();
    let all = known.join(", ");
    let error = Error::new(format!("no {kind} `{name}`"));
    match near {
        Some(near) => error.hint(format!("did you mean `{near}`? There is: {all}")),
        None => error.hint(format!("there is: {all}")),
    }
}
