//! The log of a task's newest run at this party: the whole log, its last lines, one page of it, or
//! all that is written until the workload ends.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flow_api_types::v1::{Mask, Paging, invalid, number, success};
use flow_domain::error::Error;
use futures::stream;
use http::header;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::lines::Lines;
use super::{App, Failure, Fields, Named, Query, tasks};
use crate::rest::log::OpenLog;
use crate::runtime::LogRequest;

/// Stands for the lines in the envelope that surrounds them.
const PLACEHOLDER: &str = "\u{0}";

/// Query parameters of the route.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what `Part` reads")]
pub(in crate::rest) struct LogQuery {
    /// Only the last lines, so many
    #[param(minimum = 1)]
    tail: Option<u32>,
    /// `true`: the response goes on with each new line until the workload ends
    follow: Option<bool>,
    /// Page of the log, from its start; not together with `tail` or `follow`
    #[param(minimum = 1)]
    page: Option<u32>,
    /// Lines of a page; a page with fewer is the last
    #[param(minimum = 1, maximum = 1000, default = 10)]
    limit: Option<u32>,
}

/// Lines of a log, oldest first
#[derive(Serialize, ToSchema)]
pub(in crate::rest) struct LogLines {
    logs: Vec<String>,
}

/// The requested part of a log.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    request: LogRequest,
    /// Lines before the page, and lines of the page.
    page: Option<(u64, u64)>,
}

/// Reads the parameters `tail` and `follow`.
pub(in crate::rest) fn log_request(pairs: &[(String, String)]) -> Result<LogRequest, Error> {
    let tail_lines = number(pairs, "tail", u32::MAX)?.map(u64::from);
    let follow = pairs.iter().find(|(name, _)| name == "follow").map(|(_, value)| value.as_str());
    let follow = match follow {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => return Err(invalid("follow must be true or false")),
    };
    Ok(LogRequest { tail_lines, follow })
}

impl Part {
    fn of_query(pairs: &[(String, String)]) -> Result<Self, Error> {
        let request = log_request(pairs)?;
        let is_paged = pairs.iter().any(|(name, _)| name == "page" || name == "limit");
        if is_paged && request != (LogRequest { tail_lines: None, follow: false }) {
            return Err(invalid(
                "page and limit count from the start of the log: send them without tail and follow",
            ));
        }
        let page = if is_paged {
            let paging = Paging::of_query(pairs)?;
            Some((paging.offset().into(), paging.limit.into()))
        } else {
            None
        };
        Ok(Self { request, page })
    }
}

/// Get the log of a task
///
/// The log of the newest run of the task at this party. The response is written while the log is
/// read.
#[utoipa::path(get, path = "/api/v1/task/{task_id}/logs", tag = "task", params(tasks::TaskPath, LogQuery),
    responses((status = 200, description = "The lines", body = super::Envelope<LogLines>)))]
pub(in crate::rest) async fn get(
    State(app): State<Arc<App>>,
    Named(tasks::TaskPath { task_id }): Named<tasks::TaskPath>,
    Fields(mask): Fields,
    Query(pairs): Query,
) -> Result<Response, Failure> {
    let part = Part::of_query(&pairs)?;
    let newest = tasks::newest(&app, &task_id).await?;
    let log = app.open_log(&newest.run, part.request).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], envelope(&mask, log, part.page))
        .into_response())
}

/// The envelope with the lines of the log, as a stream.
fn envelope(mask: &Mask, log: OpenLog, page: Option<(u64, u64)>) -> Body {
    let around = success(mask, Some(json!(LogLines { logs: vec![PLACEHOLDER.to_owned()] })));
    let text = around.to_string();
    let placeholder = json!(PLACEHOLDER).to_string();
    // The mask may have removed the lines.
    let Some((before, after)) = text.split_once(&placeholder) else { return text.into() };
    let (skip, limit) = page.map_or((0, None), |(skip, limit)| (skip, Some(limit)));
    let start = (log, Lines::new(skip, limit), Bytes::from(before.to_owned()));
    let after = Bytes::from(after.to_owned());
    let stream = stream::unfold(Some(start), move |state| {
        let after = after.clone();
        async move {
            let (mut log, mut lines, before) = state?;
            if !before.is_empty() {
                return Some((
                    Ok::<_, std::convert::Infallible>(before),
                    Some((log, lines, Bytes::new())),
                ));
            }
            let mut out = Vec::new();
            while out.is_empty() {
                let chunk = if lines.is_complete() { None } else { log.next().await };
                let Some(chunk) = chunk else {
                    lines.finish(&mut out);
                    out.extend_from_slice(&after);
                    return Some((Ok(out.into()), None));
                };
                lines.feed(&chunk, &mut out);
            }
            Some((Ok(out.into()), Some((log, lines, Bytes::new()))))
        }
    });
    Body::from_stream(stream)
}

#[cfg(test)]
mod tests {
    use flow_domain::error::ErrorCode;
    use futures::StreamExt as _;

    use super::*;

    #[test]
    fn f24_parts_of_a_log_are_checked() {
        let of = |query: &[(&str, &str)]| {
            let pairs: Vec<_> =
                query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            Part::of_query(&pairs)
        };
        let part =
            |tail_lines, follow, page| Part { request: LogRequest { tail_lines, follow }, page };
        assert_eq!(of(&[]).unwrap(), part(None, false, None));
        assert_eq!(of(&[("tail", "3"), ("follow", "true")]).unwrap(), part(Some(3), true, None));
        assert_eq!(of(&[("page", "3"), ("limit", "5")]).unwrap(), part(None, false, Some((10, 5))));
        assert_eq!(of(&[("limit", "5")]).unwrap(), part(None, false, Some((0, 5))));
        assert_eq!(of(&[("page", "2")]).unwrap(), part(None, false, Some((10, 10))));
        for bad in [
            [("tail", "0"), ("x", "")],
            [("tail", "-1"), ("x", "")],
            [("tail", "1"), ("page", "1")],
            [("follow", "true"), ("limit", "1")],
            [("follow", "yes"), ("x", "")],
            [("page", "0"), ("x", "")],
            [("limit", "1001"), ("x", "")],
        ] {
            assert_eq!(of(&bad).unwrap_err().code, ErrorCode::Invalid, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn f24_long_log_is_sent_in_small_parts() {
        const CHUNK: usize = 64 << 10;
        const CHUNKS: usize = 200;
        // One line without an end.
        let log = stream::iter((0..CHUNKS).map(|_| Ok(Bytes::from(vec![b'x'; CHUNK])))).boxed();
        let permit = Arc::new(tokio::sync::Semaphore::new(1)).try_acquire_owned().unwrap();
        let mask = Mask::default();
        let body = envelope(&mask, OpenLog::of(log, permit), None);
        let (mut parts, mut sent) = (body.into_data_stream(), 0);
        while let Some(part) = parts.next().await {
            let length = part.unwrap().len();
            assert!(length <= 2 * CHUNK, "{length} bytes in one part");
            sent += length;
        }
        let around = success(&mask, Some(json!(LogLines { logs: vec![String::new()] })));
        assert_eq!(sent, CHUNKS * CHUNK + around.to_string().len() + "\n".len());
    }
}
