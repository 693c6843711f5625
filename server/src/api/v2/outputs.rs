//! Outputs of members: their list, and one file of it.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::{Digest, PartyId, TaskId};
use flow_domain::output::OutputPath;
use futures::{StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::members::{self, MemberPath};
use super::reference::{Reference, RunReference};
use crate::api::extract::{Caller, Ids};
use crate::api::openapi::failures;
use crate::api::problem::ApiError;
use crate::sessions::outputs::{Output as PartyOutput, OutputPart, OutputsOf};
use crate::state::App;
use flow_api_types::{Output, OutputList, schema};

failures!(
    OutputFailures = TaskNotFound,
    RunNotFound,
    MemberNotFound,
    OutputNotFound,
    OutputRefused,
    OutputUnavailable,
    AgentOutdated
);
failures!(
    FileFailures = TaskNotFound,
    RunNotFound,
    MemberNotFound,
    OutputNotFound,
    OutputRefused,
    OutputUnavailable,
    AgentOutdated,
    RangeNotSatisfiable
);

/// An output in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OutputFilePath {
    /// Id or name of the task.
    #[param(value_type = schema::TaskReference, example = flow_domain::sample::task_id)]
    task: Reference<TaskId>,
    /// Id or number of the run, or `latest`.
    #[param(value_type = schema::RunReference, example = flow_domain::sample::run_id)]
    run: RunReference,
    /// Name of the party.
    #[param(value_type = schema::PartyName)]
    party: PartyId,
    /// Path of the output as in the list. A `/` in it is sent as `%2F`.
    #[param(value_type = schema::OutputPath)]
    path: OutputPath,
}

/// Headers that continue a download.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documents the headers that `wanted` reads")]
pub(super) struct RangeHeaders {
    /// `bytes=N-` continues at byte N. The hub ignores other ranges and sends the whole file.
    #[param(rename = "Range", value_type = schema::ByteRange, required = false)]
    range: Option<String>,
    /// `ETag` of the file to which the range belongs. If the file has changed, the hub sends the
    /// whole file.
    #[param(rename = "If-Range", value_type = schema::IfMatch, required = false)]
    if_range: Option<String>,
}

/// List the outputs of a member
///
/// The files that the workload left in its output directory, at most 1,000. The policy of the party
/// decides which outputs leave it; by default none does. The agent computes the SHA-256 of each
/// file; a large file has none yet in the first lists.
#[utoipa::path(get, path = "/tasks/{task}/runs/{run}/members/{party}/outputs", tag = "runs", operation_id = "list_member_outputs", params(MemberPath),
    responses((status = 200, description = "The outputs, ordered by path", body = OutputList), OutputFailures))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(path): Ids<MemberPath>,
) -> Result<Json<OutputList>, ApiError> {
    let (run, member) = members::stored(&app, &caller, &path).await?;
    let of = OutputsOf {
        party: &path.party,
        run: &run,
        attempt: member.attempt,
        project: &caller.0.project,
    };
    let (outputs, left_out) = app.sessions.list_outputs(of).await?;
    let shown = |PartyOutput { path, size, modified_at, sha256 }| Output {
        path,
        size,
        modified_at: modified_at.into(),
        sha256: sha256.map(Into::into),
    };
    Ok(Json(OutputList { outputs: outputs.into_iter().map(shown).collect(), left_out }))
}

/// Get an output of a member
///
/// The hub streams the file from the party and does not store it. `ETag` is the SHA-256 of the
/// file. The party sends the last bytes only if the whole file still has this SHA-256; otherwise
/// the response breaks off before its `Content-Length`. `Range` with `If-Range` continues a
/// download.
#[utoipa::path(get, path = "/tasks/{task}/runs/{run}/members/{party}/outputs/{path}", tag = "runs", operation_id = "get_member_output", params(OutputFilePath, RangeHeaders),
    responses(
        (status = 200, description = "The file", body = schema::Bytes, content_type = "application/octet-stream",
            headers(("ETag" = String, description = "SHA-256 of the file"), ("Accept-Ranges" = String, description = "`bytes`"))),
        (status = 206, description = "The file from the requested byte on", body = schema::Bytes, content_type = "application/octet-stream",
            headers(("ETag" = String, description = "SHA-256 of the file"), ("Content-Range" = String, description = "Bytes of the response and size of the file"))),
        FileFailures))]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Ids(OutputFilePath { task, run, party, path }): Ids<OutputFilePath>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let member_path = MemberPath { task, run, party };
    let (run, member) = members::stored(&app, &caller, &member_path).await?;
    let party = member_path.party;
    let wanted = wanted(&headers);
    let of =
        OutputsOf { party: &party, run: &run, attempt: member.attempt, project: &caller.0.project };
    let part = wanted.clone().unwrap_or_default();
    let open = app.sessions.open_output(of, &path, &part).await?;
    let (size, offset, length) = (open.output.size, open.offset, open.length());
    let text = |value: String| HeaderValue::from_str(&value).map_err(Error::internal);
    if wanted.is_some() && offset >= size && offset > 0 {
        let message = format!("{path} has {size} bytes, and the range begins at {offset}");
        let error = ApiError::from(Error::new(ErrorCode::RangeNotSatisfiable, message));
        let range = text(format!("bytes */{size}"))?;
        return Ok(([(header::CONTENT_RANGE, range)], error).into_response());
    }
    // The subject is in the log of the hub; the party logs the transfer, too.
    tracing::info!(
        %run, %party, path = path.as_str(), size, offset, subject = %caller.0.subject,
        "an output leaves a party"
    );
    let tag = text(format!("\"{}\"", open.sha256))?;
    let stream = open.bytes();
    let stopping = app.stopping.clone().cancelled_owned();
    let body = Body::from_stream(stream.take_until(stopping).inspect_err(
        move |error| tracing::warn!(%run, %party, %error, "the stream of an output broke"),
    ));
    let mut response = body.into_response();
    let answered = response.headers_mut();
    answered.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    answered.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    answered.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answered.insert(header::CONTENT_LENGTH, length.into());
    answered.insert(header::ETAG, tag);
    // An offset of 0 after a request for more is another file than the client has.
    if offset > 0 {
        let range = text(format!("bytes {offset}-{}/{size}", size - 1))?;
        response.headers_mut().insert(header::CONTENT_RANGE, range);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// The part of the file that `Range` and `If-Range` select; `None` = all of it.
fn wanted(headers: &HeaderMap) -> Option<OutputPart> {
    let value = |name| {
        let mut values = headers.get_all(name).iter();
        let first = values.next()?.to_str().ok()?;
        values.next().is_none().then(|| first.trim())
    };
    let digits = value(header::RANGE)?.strip_prefix("bytes=")?.strip_suffix('-')?;
    let offset = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??;
    let if_sha256: Option<Digest> = if headers.contains_key(header::IF_RANGE) {
        // A date or another tag matches no file of the hub.
        let tag = value(header::IF_RANGE)?.strip_prefix('"')?.strip_suffix('"')?;
        Some(tag.parse().ok()?)
    } else {
        None
    };
    Some(OutputPart { offset, if_sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_range_to_the_end_of_the_same_file_continues() {
        let sha = "0123456789abcdef".repeat(4);
        let of = |range: &str, if_range: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, range.parse().expect("visible"));
            if let Some(tag) = if_range {
                headers.insert(header::IF_RANGE, tag.parse().expect("visible"));
            }
            wanted(&headers).map(|part| (part.offset, part.if_sha256.map(|sha| sha.to_string())))
        };
        assert_eq!(of("bytes=7-", None), Some((7, None)));
        assert_eq!(of("bytes=0-", Some(&format!("\"{sha}\""))), Some((0, Some(sha.clone()))));
        for range in [
            "bytes=7-9",
            "bytes=-7",
            "bytes=",
            "bytes=-",
            "items=7-",
            "bytes=+7-",
            "bytes=1-,3-",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(of(range, None), None, "{range}");
        }
        for tag in ["x", "\"7\"", "Mon, 30 Nov 2026 10:00:00 GMT", &format!("W/\"{sha}\"")] {
            assert_eq!(of("bytes=7-", Some(tag)), None, "{tag}");
        }
    }
}
