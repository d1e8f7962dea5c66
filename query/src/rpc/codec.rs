//! Messages as bytes: answers come written, questions are read by prost.

use std::marker::PhantomData;

use bytes::{BufMut, Bytes};
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// Reads questions `Q`, and sends answers that are encoded already.
pub(super) struct Wire<Q>(PhantomData<fn() -> Q>);

impl<Q> Default for Wire<Q> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<Q: Message + Default + 'static> Codec for Wire<Q> {
    type Encode = Bytes;
    type Decode = Q;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self::default()
    }

    fn decoder(&mut self) -> Self {
        Self::default()
    }
}

impl<Q> Encoder for Wire<Q> {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.reserve(message.len());
        out.put_slice(&message);
        Ok(())
    }
}

impl<Q: Message + Default> Decoder for Wire<Q> {
    type Item = Q;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Q>, Status> {
        let question = Q::decode(message)
            .map_err(|cause| Status::invalid_argument(format!("read the request: {cause}")))?;
        Ok(Some(question))
    }
}
