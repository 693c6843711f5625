//! A deadline for write progress on a socket. It is below TLS and HTTP, so that it covers both.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clock::sleep;

/// Bytes that a peer has to read within the deadline while more are pending.
const PROGRESS_BYTES_MIN: usize = 16 * 1024;

/// A socket whose writes fail when bytes are pending and the peer reads fewer than
/// `PROGRESS_BYTES_MIN` of them within the timeout.
pub struct WriteDeadline<T> {
    io: T,
    timeout: Duration,
    pending: Option<Pending>,
}

/// Bytes are waiting for the peer.
struct Pending {
    deadline: BoxFuture<'static, ()>,
    taken: usize,
}

impl<T> WriteDeadline<T> {
    /// Wraps a socket.
    pub const fn new(io: T, timeout: Duration) -> Self {
        Self { io, timeout, pending: None }
    }

    /// Applies the deadline to the outcome of a write of `offered` bytes.
    fn check(
        &mut self,
        cx: &mut Context<'_>,
        offered: usize,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(count)) => {
                if let Some(pending) = &mut self.pending {
                    pending.taken += count;
                    if count >= offered || pending.taken >= PROGRESS_BYTES_MIN {
                        self.pending = None;
                    }
                }
                written
            }
            Poll::Ready(Err(_)) => written,
            Poll::Pending => {
                let timeout = self.timeout;
                let pending = self.pending.get_or_insert_with(|| Pending {
                    deadline: Box::pin(sleep(timeout)),
                    taken: 0,
                });
                if pending.deadline.as_mut().poll(cx).is_ready() {
                    let message = format!(
                        "the peer read too little of the sent data within {} s",
                        timeout.as_secs()
                    );
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)));
                }
                Poll::Pending
            }
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for WriteDeadline<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WriteDeadline<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.check(cx, bytes.len(), written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.check(cx, slices.iter().map(|slice| slice.len()).sum(), written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const TIMEOUT: Duration = Duration::from_millis(500);

    #[tokio::test]
    async fn a2_write_continues_while_the_peer_reads_and_fails_when_it_stops() {
        let (near, mut far) = tokio::io::duplex(PROGRESS_BYTES_MIN);
        let mut socket = WriteDeadline::new(near, TIMEOUT);
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; PROGRESS_BYTES_MIN];
            for _ in 0..5 {
                sleep(TIMEOUT / 4).await;
                far.read_exact(&mut buffer).await.unwrap();
            }
            far
        });
        socket.write_all(&vec![0; 6 * PROGRESS_BYTES_MIN]).await.unwrap();
        let _far = reader.await.unwrap();
        let error = socket.write_all(&[0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a2_peer_that_reads_single_bytes_hits_the_write_deadline() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut socket = WriteDeadline::new(near, TIMEOUT);
        tokio::spawn(async move {
            while far.read_u8().await.is_ok() {
                sleep(TIMEOUT / 10).await;
            }
        });
        let error = socket.write_all(&[0; 1000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
