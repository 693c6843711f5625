//! Connections to the hub's listener for agents: TCP, and TLS unless the hub is on this machine.
//! Each failure is one message, the same in the agent's log and in `doctor`.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use flow_common::error::root_cause;
use flow_common::tls::client::{self, Trust};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::transport::Uri;
use tower::Service as _;

/// Message for an address at which another kind of server answers.
pub(crate) const NOT_AN_AGENT_LISTENER: &str = "hub.address does not lead to the hub's listener for agents: use the port of grpc.listen (1234 \
     by default), not that of rest.listen";
/// First byte of a TLS alert. As the first byte of an HTTP/2 frame it would exceed the length limit.
const TLS_ALERT: u8 = 0x15;

/// Address of the hub, and how the agent verifies its identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `https://hub.example.org:1234`, with TLS.
    Tls {
        uri: Uri,
        /// File with the certificate authorities of the hub; `None` = those of this machine.
        ca_file: Option<PathBuf>,
    },
    /// `http://127.0.0.1:1234`, in plain text and therefore on this machine.
    Plain(Uri),
}

/// Cause of a failed connection, as one message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DialError(String);

pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.uri().to_string().trim_end_matches('/'))
    }
}

impl Address {
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        match self {
            Self::Tls { uri, .. } | Self::Plain(uri) => uri,
        }
    }

    /// Connects and verifies the identity of the hub. The file of authorities is read each time, so a
    /// replaced one takes effect. The fault is set later, when the connection shows one.
    pub(crate) async fn connect(
        &self,
    ) -> Result<(Box<dyn ByteStream>, ConnectionFault), DialError> {
        let fault = ConnectionFault::default();
        match self {
            Self::Plain(_) => {
                let (hub, stream) = (self.to_string(), self.tcp().await?);
                Ok((
                    Box::new(PlainStream {
                        hub,
                        stream,
                        has_received: false,
                        fault: fault.clone(),
                    }),
                    fault,
                ))
            }
            Self::Tls { uri, ca_file } => {
                let ca_file = ca_file.clone();
                // Reads files, perhaps all authorities of this machine.
                let config = tokio::task::spawn_blocking(move || {
                    client::config(Trust::named(ca_file.as_deref()))
                })
                .await;
                let mut config = config
                    .map_err(|error| DialError(error.to_string()))?
                    .map_err(|e| DialError(format!("hub.ca_file: {e}")))?;
                config.alpn_protocols = vec![b"h2".to_vec()];
                let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
                let name = ServerName::try_from(host)
                    .map_err(|error| DialError(format!("hub.address: {error}")))?;
                let stream = self.tcp().await?;
                let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
                let why = |error: io::Error| {
                    client::explain(&error, "hub.ca_file").unwrap_or_else(|| error.to_string())
                };
                let stream = stream.map_err(|error| {
                    DialError(format!("no secure connection to the hub at {self}: {}", why(error)))
                })?;
                Ok((Box::new(stream), fault))
            }
        }
    }

    async fn tcp(&self) -> Result<TcpStream, DialError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        let connected = match std::future::poll_fn(|cx| connector.poll_ready(cx)).await {
            Ok(()) => connector.call(self.uri().clone()).await,
            Err(error) => Err(error),
        };
        connected.map(hyper_util::rt::TokioIo::into_inner).map_err(|error| {
            DialError(format!("cannot reach the hub at {self}: {}", root_cause(&error)))
        })
    }
}

/// The fault that a connection has shown. It is kept apart from the errors, because either the error
/// that names the fault or that of a write to a closed connection reaches the caller first.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionFault(Arc<OnceLock<String>>);

impl ConnectionFault {
    pub(crate) fn message(&self) -> Option<String> {
        self.0.get().cloned()
    }
}

/// A plain-text connection that detects a peer which expects TLS: such a peer answers with an alert.
struct PlainStream {
    hub: String,
    stream: TcpStream,
    has_received: bool,
    fault: ConnectionFault,
}

impl PlainStream {
    fn check_first_byte(&mut self, first: Option<u8>) -> io::Result<()> {
        if !self.has_received && first == Some(TLS_ALERT) {
            let message = self.fault.0.get_or_init(|| {
                format!("the hub at {} requires TLS: use https:// in hub.address", self.hub)
            });
            return Err(io::Error::other(message.clone()));
        }
        self.has_received = true;
        Ok(())
    }

    /// Reads the peer's alert before a failed write is reported. If the peer sent none, the read
    /// returns the end of the stream.
    fn check_failed_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if matches!(written, Poll::Ready(Err(_))) && !self.has_received {
            let mut byte = [0];
            let mut buffer = ReadBuf::new(&mut byte);
            if ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)).is_ok() {
                self.check_first_byte(buffer.filled().first().copied())?;
            }
        }
        written
    }
}

impl AsyncRead for PlainStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        Poll::Ready(self.check_first_byte(buffer.filled().get(before).copied()))
    }
}

impl AsyncWrite for PlainStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.check_failed_write(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.check_failed_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
