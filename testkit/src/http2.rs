//! An HTTP/2 client with a closed window that answers pings and accepts no data.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

const SETTINGS: u8 = 4;
const PING: u8 = 6;
const HEADERS: u8 = 1;
const DATA: u8 = 0;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// Bytes of a frame's head: length, kind, flags, stream.
const FRAME_HEAD: usize = 9;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The begin of a connection with a window of 0 and a first request with these headers,
/// pseudo-headers first. With a body the request stays open.
#[must_use]
pub fn closed_window(headers: &[(&str, &str)], body: Option<&[u8]>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        // A literal without indexing and without Huffman coding.
        block.push(0);
        for text in [name, value] {
            block.push(
                u8::try_from(text.len())
                    .ok()
                    .filter(|length| *length < 127)
                    .expect("a length of one byte"),
            );
            block.extend(text.bytes());
        }
    }
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // INITIAL_WINDOW_SIZE = 0.
    bytes.extend(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
    bytes.extend(frame(
        HEADERS,
        if body.is_some() { END_HEADERS } else { END_HEADERS | END_STREAM },
        1,
        &block,
    ));
    bytes.extend(body.map(|body| frame(DATA, 0, 1, body)).unwrap_or_default());
    bytes
}

/// A request without a body, for [`closed_window`].
#[must_use]
pub fn get(path: &str) -> Vec<u8> {
    closed_window(
        &[(":method", "GET"), (":scheme", "http"), (":authority", "test"), (":path", path)],
        None,
    )
}

/// Answers settings and pings until the peer closes the connection.
pub async fn until_closed(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut head = [0; FRAME_HEAD];
    while stream.read_exact(&mut head).await.is_ok() {
        let [a, b, c, kind, flags, ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        if stream.read_exact(&mut payload).await.is_err() {
            return;
        }
        let answer = match kind {
            SETTINGS if flags & ACK == 0 => frame(SETTINGS, ACK, 0, &[]),
            PING if flags & ACK == 0 => frame(PING, ACK, 0, &payload),
            _ => continue,
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}
