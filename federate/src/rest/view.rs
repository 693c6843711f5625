//! The pages that the agent writes itself: the sign-in of a browser, refused requests, and the layout
//! of the page with all routes. The party view is the web console (`console.rs`).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use flow_common::text::visible;
use flow_domain::error::{Error, ErrorCode};
use http::header;
use serde::Deserialize;
use utoipa::IntoParams;

use super::v1::Query;
use super::{App, Failure};
use crate::control::console::PATH;

const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The text for an HTML page: unsafe characters are visible, markup is text.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in visible(text).chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A page; `body` is HTML.
pub(super) fn html(title: &str, body: &str) -> Response {
    let title = escaped(title);
    let text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n</head>\n\
         <body>\n<h1>{title}</h1>\n{body}</body>\n</html>\n"
    );
    let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
    ([kind, (header::CONTENT_SECURITY_POLICY, POLICY)], text).into_response()
}

/// The page for a request that is refused.
pub(super) fn refused(error: &Error) -> impl IntoResponse + use<> {
    html("flow-federate", &format!("<p>{}</p>\n", escaped(&error.message)))
}

/// Query parameters of the sign-in.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `sign_in` reads")]
pub(super) struct SignInQuery {
    /// Code of the link
    code: String,
}

/// Sign a browser in
///
/// Exchanges the code of a link, which is valid once, for the session's cookie.
#[utoipa::path(get, path = "/console/sign-in", tag = "view", security(()), params(SignInQuery),
    responses((status = 303, description = "Signed in")))]
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    Query(pairs): Query,
) -> Result<Response, Failure> {
    let code = pairs.iter().find(|(name, _)| name == "code").map_or("", |(_, code)| code);
    match app.access.console().sign_in(code) {
        Some(cookies) => {
            let cookies = AppendHeaders(cookies.map(|cookie| (header::SET_COOKIE, cookie)));
            Ok((cookies, Redirect::to(PATH)).into_response())
        }
        None => {
            let message =
                "this link was used before or has expired: run `flow-federate console` again";
            Err(Error::new(ErrorCode::Unauthenticated, message).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u43_texts_of_requests_are_no_markup() {
        let text = "<script>'\"&\u{1b}[2J\u{202e}";
        let safe = escaped(text);
        assert_eq!(safe, "&lt;script&gt;&#39;&quot;&amp;\\u{1b}[2J\\u{202e}");
    }
}
