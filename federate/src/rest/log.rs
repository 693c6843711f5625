//! The log of a member, as a stream. The number of open ones is limited.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use flow_domain::error::{Error, ErrorCode};
use flow_domain::id::RunId;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::sync::OwnedSemaphorePermit;

use super::{App, LOGS_MAX, unexpected_answer};
use crate::control::Answer;
use crate::control::protocol::{Problem, Request, Response};
use crate::runtime::{LogRequest, RuntimeError};

/// A log that counts as open until it is dropped.
pub(super) struct OpenLog {
    log: BoxStream<'static, std::io::Result<Bytes>>,
    _permit: OwnedSemaphorePermit,
}

impl OpenLog {
    pub(super) fn of(
        log: BoxStream<'static, std::io::Result<Bytes>>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self { log, _permit: permit }
    }

    /// The next part; an error becomes the last one.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        Some(match self.log.next().await? {
            Ok(chunk) => chunk,
            Err(error) => {
                self.log = stream::empty().boxed();
                format!("\n[the rest of this log cannot be read: {error}]\n").into()
            }
        })
    }

    /// The log as the body of a response.
    pub(super) fn body(self) -> Body {
        Body::from_stream(stream::unfold(self, |mut log| async move {
            let chunk = log.next().await?;
            Some((Ok::<_, std::convert::Infallible>(chunk), log))
        }))
    }
}

impl App {
    /// Opens the log of a member.
    pub(super) async fn open_log(&self, run: &RunId, part: LogRequest) -> Result<OpenLog, Error> {
        let LogRequest { tail_lines: tail, follow } = part;
        let Ok(permit) = Arc::clone(&self.logs).try_acquire_owned() else {
            let message =
                format!("{LOGS_MAX} logs are being read, the limit: end one of the readers");
            return Err(Error::new(ErrorCode::LogUnavailable, message));
        };
        let request = Request::Logs { member: run.to_string(), tail, follow };
        let key = match self.ask(request).await? {
            Answer::Log(key) => key,
            Answer::Response(response) => {
                return Err(match *response {
                    Response::Problem(Problem { message, code, .. }) => {
                        Error::new(code.unwrap_or(ErrorCode::LogNotFound), message)
                    }
                    _ => unexpected_answer(),
                });
            }
        };
        match self.parts.runtime.logs(key, part).await {
            Ok(log) => Ok(OpenLog::of(log, permit)),
            Err(RuntimeError::Refused(reason)) => {
                Err(Error::new(ErrorCode::LogNotFound, reason.message))
            }
            Err(RuntimeError::Transient { context, source, .. }) => {
                Err(Error::new(ErrorCode::LogUnavailable, format!("{context}: {source}")))
            }
        }
    }
}
