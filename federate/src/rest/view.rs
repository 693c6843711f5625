//! The party view: pages of this party's members for a browser, written by the agent without
//! scripts. `flow-federate console` prints the link that signs a browser in.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use flow_api_types::v1::{number, rfc_822};
use flow_common::text::{last_lines, visible};
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::RunId;
use flow_domain::member::MemberPhase;
use http::header;
use serde::Deserialize;
use utoipa::IntoParams;

use super::v1::logs::log_request;
use super::v1::{Named, Query};
use super::{App, Failure};
use crate::control::Answer;
use crate::control::console::PATH;
use crate::control::describe::{fields, phase};
use crate::control::protocol::{MemberInfo, Request, Response as ControlResponse};
use crate::runtime::LogRequest;

const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = include_str!("view.css");
/// Members of one page of the list.
const MEMBERS_PER_PAGE: usize = 20;
/// Lines of a log that the list and the page of a member show.
const LIST_LINES: u64 = 3;
const MEMBER_LINES: u64 = 50;
/// Characters of a shown line.
const LINE_CHARS_MAX: usize = 300;
/// Bytes at the end of a log that are searched for its last lines.
const LINES_BYTES_MAX: usize = 64 << 10;
/// Bytes that are read for the last lines: a line may be as long as the log.
const READ_BYTES_MAX: usize = 4 << 20;
/// Seconds after which a browser loads the list, or the page of a member that has not ended, again.
const REFRESH_S: u32 = 10;

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
pub(super) fn html(title: &str, body: &str, refresh_s: Option<u32>) -> Response {
    let refresh =
        refresh_s.map(|seconds| format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">\n"));
    let text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n{}\
         <title>{title}</title>\n<link rel=\"stylesheet\" href=\"{PATH}/view.css\">\n</head>\n\
         <body>\n<h1>{title}</h1>\n{body}</body>\n</html>\n",
        refresh.unwrap_or_default(),
        title = escaped(title),
    );
    let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
    ([kind, (header::CONTENT_SECURITY_POLICY, POLICY)], text).into_response()
}

/// The page for a request that is refused.
pub(super) fn refused(error: &Error) -> impl IntoResponse + use<> {
    html("flow-federate", &format!("<p>{}</p>\n", escaped(&error.message)), None)
}

/// Query parameters of the sign-in.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `sign_in` reads")]
pub(super) struct SignInQuery {
    /// Code of the link
    code: String,
}

/// Query parameters of the list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `members` reads")]
pub(super) struct MembersQuery {
    /// Page
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
}

/// Query parameters of a log.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `log` reads")]
pub(super) struct LogQuery {
    /// Only the last lines, so many
    #[param(minimum = 1)]
    tail: Option<u32>,
    /// `true`: go on with each new line until the workload ends
    follow: Option<bool>,
}

/// Path of a member's pages.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct MemberPath {
    /// Id of the run
    run: String,
}

impl MemberPath {
    fn id(&self) -> Result<RunId, Error> {
        self.run.parse().map_err(|_| unknown())
    }
}

fn unknown() -> Error {
    Error::new(ErrorCode::MemberNotFound, "this party has no member of this run")
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

/// Get the style sheet
#[utoipa::path(get, path = "/console/view.css", tag = "view", security(("token" = []), ("basic" = []), ("session" = [])),
    responses((status = 200, description = "The style sheet", body = String, content_type = "text/css")))]
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

/// Get the page with all members
#[utoipa::path(get, path = "/console", tag = "view", security(("token" = []), ("basic" = []), ("session" = [])), params(MembersQuery),
    responses((status = 200, description = "The page, as HTML", body = String, content_type = "text/html")))]
pub(super) async fn members(
    State(app): State<Arc<App>>,
    Query(pairs): Query,
) -> Result<Response, Failure> {
    let page = number(&pairs, "page", u32::MAX)?.unwrap_or(1) as usize;
    let mut members = app.members().await?;
    // Those that may need the administrator first, then the newest.
    members.sort_by_key(|member| (member.phase.is_terminal(), Reverse(member.run.clone())));
    let (count, pages) = (members.len(), members.len().div_ceil(MEMBERS_PER_PAGE).max(1));
    let shown = members.iter().skip((page - 1).saturating_mul(MEMBERS_PER_PAGE));
    let mut rows = String::new();
    for member in shown.take(MEMBERS_PER_PAGE) {
        let lines = app.last_lines(member, LIST_LINES).await.unwrap_or_default();
        rows += &row(member, &lines);
    }
    let waiting = members.iter().filter(|m| m.phase == MemberPhase::WaitingApproval).count();
    let mut body = format!("<p>{count} {}", if count == 1 { "member" } else { "members" });
    if waiting > 0 {
        let _ = write!(
            body,
            ", <strong>{waiting} waiting for approval</strong>: open the member and run the command on its page"
        );
    }
    body += ".</p>\n";
    if rows.is_empty() {
        body += "<p>The hub has sent this party no member yet.</p>\n";
    } else {
        body += "<table>\n<thead><tr><th>task</th><th>role</th><th>phase</th><th>reason</th><th>ended</th><th>last lines</th></tr></thead>\n<tbody>\n";
        body += &rows;
        body += "</tbody>\n</table>\n";
    }
    let links = (1..=pages).map(|number| match number == page {
        true => format!("<strong>{number}</strong>"),
        false => format!("<a href=\"{PATH}?page={number}\">{number}</a>"),
    });
    if pages > 1 {
        let _ = writeln!(body, "<p>page {}</p>", links.collect::<Vec<_>>().join(" "));
    }
    Ok(html(&format!("Party {}", app.about.party), &body, Some(REFRESH_S)))
}

fn row(member: &MemberInfo, lines: &[String]) -> String {
    let name = match member.task_name.as_str() {
        "" => member.task.to_string(),
        name => format!("{name}, run {}", member.run_number),
    };
    let run = &member.run;
    let role = member.role.map(|role| role.to_string()).unwrap_or_default();
    let reason = member.reason.as_ref().map(ToString::to_string).unwrap_or_default();
    format!(
        "<tr><td><a href=\"{PATH}/members/{run}\">{}</a></td><td>{}</td><td class=\"{}\">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        escaped(&name),
        escaped(&role),
        member.phase,
        escaped(&phase(member)),
        escaped(&reason),
        member.finished_at.map(rfc_822).unwrap_or_default(),
        listing(lines),
    )
}

fn listing(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines: Vec<_> = lines.iter().map(|line| escaped(line)).collect();
    format!("<pre>{}</pre>", lines.join("\n"))
}

/// Get the page of a member
#[utoipa::path(get, path = "/console/members/{run}", tag = "view", security(("token" = []), ("basic" = []), ("session" = [])), params(MemberPath),
    responses((status = 200, description = "The page, as HTML", body = String, content_type = "text/html")))]
pub(super) async fn member(
    State(app): State<Arc<App>>,
    Named(path): Named<MemberPath>,
) -> Result<Response, Failure> {
    let run = path.id()?;
    let details = match app.ask(Request::Show { member: run.to_string() }).await? {
        Answer::Response(response) => match *response {
            ControlResponse::Member(details) => details,
            _ => return Err(unknown().into()),
        },
        Answer::Log(_) => return Err(unknown().into()),
    };
    let mut body = format!("<p><a href=\"{PATH}\">All members</a></p>\n<dl>\n");
    for (name, value) in fields(&details) {
        let _ = writeln!(body, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(&value));
    }
    body += "</dl>\n<h2>Log</h2>\n";
    match app.last_lines(&details.member, MEMBER_LINES).await {
        Ok(lines) => {
            let _ = writeln!(
                body,
                "<p><a href=\"{PATH}/members/{run}/log\">whole log</a> \
                 <a href=\"{PATH}/members/{run}/log?follow=true&amp;tail={MEMBER_LINES}\">follow</a></p>\n{}",
                listing(&lines)
            );
        }
        Err(error) => {
            let _ = writeln!(body, "<p>{}</p>", escaped(&error.message));
        }
    }
    let title = match details.member.task_name.as_str() {
        "" => format!("Member {run}"),
        name => format!("{name}, run {}", details.member.run_number),
    };
    let is_changing = !details.member.phase.is_terminal();
    Ok(html(&title, &body, is_changing.then_some(REFRESH_S)))
}

/// Get the log of a member
#[utoipa::path(get, path = "/console/members/{run}/log", tag = "view", security(("token" = []), ("basic" = []), ("session" = [])), params(MemberPath, LogQuery),
    responses((status = 200, description = "The log", body = String, content_type = "text/plain")))]
pub(super) async fn log(
    State(app): State<Arc<App>>,
    Named(path): Named<MemberPath>,
    Query(pairs): Query,
) -> Result<Response, Failure> {
    let run = path.id()?;
    let part = log_request(&pairs)?;
    let log = app.open_log(&run, part).await?;
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((kind, log.body()).into_response())
}

impl App {
    /// The last lines of a member's log, each clipped.
    async fn last_lines(&self, member: &MemberInfo, count: u64) -> Result<Vec<String>, Error> {
        let part = LogRequest { tail_lines: Some(count), follow: false };
        let mut log = self.open_log(&member.run, part).await?;
        let (mut end, mut read) = (Vec::new(), 0);
        while let Some(chunk) = log.next().await {
            read += chunk.len();
            end.extend_from_slice(&chunk);
            if end.len() > 2 * LINES_BYTES_MAX {
                end.drain(..end.len() - LINES_BYTES_MAX);
            }
            if read > READ_BYTES_MAX {
                break;
            }
        }
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        Ok(last_lines(&end, count, LINE_CHARS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u43_texts_of_the_hub_and_of_logs_are_no_markup() {
        let text = "<script>'\"&\u{1b}[2J\u{202e}";
        let safe = escaped(text);
        assert_eq!(safe, "&lt;script&gt;&#39;&quot;&amp;\\u{1b}[2J\\u{202e}");
        assert_eq!(listing(&["<b>".to_owned(), "x".to_owned()]), "<pre>&lt;b&gt;\nx</pre>");
    }
}
