//! `/api/v1`: the API of iflearner-flow 0.2, for its client package and for scripts that use it. One
//! file per resource, over the same engine and store as `/api/v2`.
//!
//! - Every response is an envelope: `ret_code`, `ret_msg` and, with a result, `data`. An error in the
//!   content of a request has HTTP status 200 and a `ret_code`; see [`render`] for the others.
//! - `swagger.json` describes the routes. It is a file, because the format is frozen.
//! - The API has one kind of task: the named parties train, and the party of the hub aggregates.
//!   Fields of a template or task that it cannot express keep their values in an edit.

mod dataset;
mod doc;
mod envelope;
mod federate;
mod hyper_parameter;
mod mask;
mod paging;
mod task;
mod template;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::{MethodRouter, get, post};
use flow_api_types::v1::{invalid, rfc_822};
use flow_domain::error::{Error, FieldErrors};
use http::header;
use serde::{Deserialize, Deserializer};

use crate::state::App;

pub(super) use envelope::render;

/// Returns all routes. A trailing slash is not significant.
pub(super) fn router() -> Router<Arc<App>> {
    let routes: [(&str, MethodRouter<Arc<App>>); 9] = [
        ("/api/v1/federate", get(federate::list)),
        ("/api/v1/template", get(template::list).post(template::create)),
        (
            "/api/v1/template/{template_id}",
            get(template::get).put(template::edit).delete(template::delete),
        ),
        ("/api/v1/task", get(task::list).post(task::create)),
        ("/api/v1/task/{task_id}", get(task::get).put(task::edit).delete(task::delete)),
        ("/api/v1/task/{task_id}/start", post(task::start)),
        ("/api/v1/task/{task_id}/stop", post(task::stop)),
        ("/api/v1/swagger.json", get(doc::swagger)),
        ("/api/v1/doc", get(doc::page)),
    ];
    routes.into_iter().fold(Router::new(), |router, (path, methods)| {
        router.route(path, methods.clone()).route(&format!("{path}/"), methods)
    })
}

/// True for a path below `/api/v1`, known or not: its errors have the envelope.
pub(super) fn has_path(path: &str) -> bool {
    path.strip_prefix("/api/v1").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// True for a request without credentials from a network that needs none.
pub(super) fn is_anonymous(app: &App, request: &Request, address: IpAddr) -> bool {
    let sends = |name| request.headers().contains_key(name);
    has_path(request.uri().path())
        && !sends(header::AUTHORIZATION)
        && !sends(header::COOKIE)
        && app.v1.anonymous_networks.iter().any(|network| network.contains(address))
}

/// Fewest and most characters of a name. The documents of iflearner-flow state this range also for
/// tasks, whose names it does not check.
const NAME_CHARS: std::ops::RangeInclusive<usize> = 3..=50;

/// Checks the length of the name of a template or task.
fn check_name(name: &str) -> Result<(), Error> {
    if NAME_CHARS.contains(&name.chars().count()) {
        return Ok(());
    }
    Err(invalid("Please set the name parameter length between 3 and 50"))
}

/// Returns the error with the field names of this API in place of those of `/api/v2`.
fn renamed(mut error: Error) -> Error {
    if error.fields.is_empty() {
        return error;
    }
    let more = error.more_fields;
    let mut fields = FieldErrors::default();
    for field in std::mem::take(&mut error.fields) {
        fields.add(field_name(&field.path), field.code, field.message);
    }
    let mut renamed = Error::from(fields);
    renamed.code = error.code;
    renamed.more_fields += more;
    renamed
}

fn field_name(path: &str) -> String {
    let mut parts = path.split('/').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (Some("image"), ..) => "/image_url".to_owned(),
        (Some("parameters"), Some(name), _) => format!("/hyper_parameter/{name}"),
        (Some("members"), None, _) => "/federate_data".to_owned(),
        (Some("members"), Some(index), part) => {
            let part = if part == Some("dataset") { "federated_data" } else { "federated_id" };
            // The aggregator, which a request does not contain, is the first member.
            match index.parse::<usize>().ok().and_then(|index| index.checked_sub(1)) {
                Some(index) => format!("/federate_data/{index}/{part}"),
                None => "/federate_data".to_owned(),
            }
        }
        _ => path.to_owned(),
    }
}

/// Reads a field in which `null` counts as absent.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    source: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(source)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_this_api_are_recognised() {
        for path in ["/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/task/x/start"] {
            assert!(has_path(path), "{path}");
        }
        for path in ["/api/v2/tasks", "/api/v10", "/api", "/"] {
            assert!(!has_path(path), "{path}");
        }
    }

    #[test]
    fn pointers_have_the_names_of_this_api() {
        for (given, expected) in [
            ("/image", "/image_url"),
            ("/members/1/party", "/federate_data/0/federated_id"),
            ("/members/3/dataset", "/federate_data/2/federated_data"),
            ("/members/0/party", "/federate_data"),
            ("/members", "/federate_data"),
            ("/parameters/lr/default", "/hyper_parameter/lr"),
            ("/remark", "/remark"),
            ("", ""),
        ] {
            assert_eq!(field_name(given), expected);
        }
    }
}
