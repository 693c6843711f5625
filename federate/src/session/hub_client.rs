//! The open connection to the hub: logs and outputs are sent beside the session.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flow_common::clock;
use flow_proto::STREAM_ID;
use flow_proto::v1::control_client::ControlClient;
use flow_proto::v1::{LogChunk, OutputChunk};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::{Connector, Credentials, OPEN_TIMEOUT, describe, dial};

/// The open connection, for side streams.
#[derive(Debug, Clone)]
pub struct HubClient {
    pub(super) client: Client,
    pub(super) connector: Connector,
    pub(super) credentials: Credentials,
}

type Client = ControlClient<InterceptedService<Channel, Credentials>>;

impl HubClient {
    /// A client whose calls fail.
    #[cfg(test)]
    pub(crate) fn unreachable() -> Self {
        let credentials =
            Credentials { party: tonic::metadata::MetadataValue::from_static("a"), bearer: None };
        let client = ControlClient::with_interceptor(
            tonic::transport::Endpoint::from_static("http://127.0.0.1:1").connect_lazy(),
            credentials.clone(),
        );
        Self { client, connector: Connector::Memory(tokio::sync::mpsc::channel(1).0), credentials }
    }

    /// Answers a LogOpen: sends `log` until it ends or the hub stops reading.
    pub async fn push_log(
        mut self,
        stream_id: u64,
        log: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<(), Status> {
        let mut request = Request::new(LogChunks { first: Some(stream_id), log });
        request.metadata_mut().insert(STREAM_ID, stream_id.into());
        self.client.push_log(request).await.map(|_| ())
    }

    /// Answers an OutputOpen on a connection of its own: sends `chunks` until they end or the hub
    /// needs no more.
    pub async fn push_output(
        self,
        stream_id: u64,
        chunks: BoxStream<'static, OutputChunk>,
    ) -> Result<(), String> {
        let dialled = tokio::select! {
            dialled = dial(&self.connector) => dialled,
            () = clock::sleep(OPEN_TIMEOUT) => Err("the hub does not answer".to_owned()),
        };
        let (channel, fault) = dialled?;
        let mut request = Request::new(OutputChunks(chunks));
        request.metadata_mut().insert(STREAM_ID, stream_id.into());
        let mut client = ControlClient::with_interceptor(channel, self.credentials);
        let failed = |status: Status| fault.message().unwrap_or_else(|| describe(&status));
        client.push_output(request).await.map(|_| ()).map_err(failed)
    }
}

/// The chunks of a log. The first one names the stream at once and is empty, because the log may
/// not have any data for a long time.
struct LogChunks {
    first: Option<u64>,
    log: BoxStream<'static, std::io::Result<Bytes>>,
}

impl Stream for LogChunks {
    type Item = LogChunk;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<LogChunk>> {
        if let Some(stream_id) = self.first.take() {
            return Poll::Ready(Some(LogChunk { stream_id, data: Bytes::new() }));
        }
        match ready!(self.log.poll_next_unpin(cx)) {
            Some(Ok(data)) => Poll::Ready(Some(LogChunk { stream_id: 0, data })),
            Some(Err(error)) => {
                tracing::warn!(%error, "cannot read the rest of a log that the hub requested");
                self.log = futures::stream::empty().boxed();
                // The reader must see that the log is incomplete.
                let note = format!("\n[the rest of this log cannot be read: {}]\n", error.kind());
                Poll::Ready(Some(LogChunk { stream_id: 0, data: note.into() }))
            }
            None => Poll::Ready(None),
        }
    }
}

/// The chunks of an output, as a type without a lifetime: the compiler cannot prove that a future
/// with a boxed stream may move to another thread.
struct OutputChunks(BoxStream<'static, OutputChunk>);

impl Stream for OutputChunks {
    type Item = OutputChunk;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<OutputChunk>> {
        self.0.poll_next_unpin(cx)
    }
}
