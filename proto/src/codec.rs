//! The codec of the control protocol: Protobuf, with buffers that are small while a session is
//! idle.
//!
//! tonic's own codec reserves 8 KiB for each direction of each call. A hub holds ten thousand
//! sessions whose messages are some hundred bytes long, so the buffers begin small and grow with
//! the first message that needs more.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::{BufferSettings, Codec};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

/// First size of the buffer of each direction, in bytes.
const BUFFER_SIZE: usize = 512;
/// Encoded bytes that go out together at most, unless one message is longer. The default of tonic.
const YIELD_THRESHOLD: usize = 32 * 1024;

/// Encodes `T` and decodes `U`.
#[derive(Debug, Clone)]
pub struct ControlCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for ControlCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for ControlCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::new(BUFFER_SIZE, YIELD_THRESHOLD))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<T, U>::raw_decoder(BufferSettings::new(BUFFER_SIZE, YIELD_THRESHOLD))
    }
}
