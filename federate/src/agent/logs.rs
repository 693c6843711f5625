//! Logs the hub is reading right now: one side stream each, held back by whoever reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_domain::member::{Reason, ReasonCode};
use flow_proto::v1::agent_message::Body;
use flow_proto::v1::{AgentMessage, LogOpen, LogRefused};
use tokio_util::sync::CancellationToken;

use super::outbox::Outbox;
use crate::convert;
use crate::reconcile::Party;
use crate::runtime::{LogRequest, Runtime, RuntimeError, WorkKey};
use crate::session::Hub;

/// Most logs read at once.
const MOST: usize = 64;

/// The open side streams.
#[derive(Debug, Default)]
pub struct Logs {
    hub: Option<Hub>,
    streams: BTreeMap<u64, CancellationToken>,
}

impl Logs {
    /// A session is open.
    pub fn open(&mut self, hub: Hub) {
        self.close();
        self.hub = Some(hub);
    }

    /// The session is over, and every side stream with it.
    pub fn close(&mut self) {
        self.hub = None;
        std::mem::take(&mut self.streams).into_values().for_each(|stream| stream.cancel());
    }

    /// Nobody reads any more.
    pub fn cancel(&mut self, stream_id: u64) {
        if let Some(stream) = self.streams.remove(&stream_id) {
            stream.cancel();
        }
    }

    /// The hub wants to read.
    pub fn start(&mut self, open: LogOpen, party: &Party, runtime: &Arc<dyn Runtime>, outbox: &Outbox) {
        let (Some(hub), Some(out)) = (self.hub.clone(), outbox.sender()) else { return };
        let LogOpen { stream_id, run_id, attempt, tail_lines, follow } = open;
        self.streams.retain(|_, stream| !stream.is_cancelled());
        let key = if self.streams.len() >= MOST {
            Err(Reason::new(ReasonCode::ResourcesExhausted, "too many logs are being read at once"))
        } else {
            wanted(&run_id, attempt, party)
        };
        let stopped = CancellationToken::new();
        self.streams.insert(stream_id, stopped.clone());
        let reading = read(hub, Arc::clone(runtime), stream_id, key, LogRequest { tail_lines, follow });
        tokio::spawn(async move {
            let read = tokio::select! {
                read = reading => read,
                () = stopped.cancelled() => Ok(()),
            };
            stopped.cancel();
            if let Err(reason) = read {
                let body = Body::LogRefused(LogRefused { stream_id, reason: Some(convert::reason(reason)) });
                // A session that is over needs no answer.
                let _ = out.send(AgentMessage { body: Some(body) }).await;
            }
        });
    }
}

/// The key meant; attempt 0 is the newest.
fn wanted(run: &str, attempt: u32, party: &Party) -> Result<WorkKey, Reason> {
    let run = run.parse().map_err(|_| Reason::new(ReasonCode::RuntimeError, "no such run is known here"))?;
    let attempt = if attempt == 0 { party.member(&run).map_or(0, |member| member.attempt) } else { attempt };
    Ok(WorkKey { run, attempt })
}

async fn read(
    hub: Hub,
    runtime: Arc<dyn Runtime>,
    stream_id: u64,
    key: Result<WorkKey, Reason>,
    request: LogRequest,
) -> Result<(), Reason> {
    let log = runtime.logs(key?, request).await.map_err(reason)?;
    if let Err(status) = hub.push_log(stream_id, log).await {
        tracing::debug!(%status, stream_id, "a log stream ended");
    }
    Ok(())
}

fn reason(error: RuntimeError) -> Reason {
    match error {
        RuntimeError::Refused(reason) => reason,
        RuntimeError::Transient { context, source } => {
            tracing::warn!(error = %source, "{context}");
            Reason::new(ReasonCode::RuntimeError, "the log cannot be read now")
        }
    }
}
