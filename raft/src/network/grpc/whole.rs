//! Messages that are passed on when all of them is there.
//!
//! The library sets memory aside for as much as a message says that it will have. So a few bytes from
//! anybody, on each of many streams, would ask for gigabytes; here a message costs what has arrived of it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;
use tonic::Status;

/// Before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// The body of a request, message by message.
pub(super) struct Whole<B> {
    inner: B,
    pieces: Pieces,
    /// What is said behind the messages.
    last: Option<Frame<Bytes>>,
    /// Then it must have ended.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<B> Whole<B> {
    /// No message of `inner` may have more than `most` bytes.
    pub(super) fn new(inner: B, most: usize) -> Self {
        Self {
            inner,
            pieces: Pieces::new(most),
            last: None,
            deadline: None,
        }
    }

    /// The same; what has not come at the `end` does not come at all.
    pub(super) fn until(mut self, end: Sleep) -> Self {
        self.deadline = Some(Box::pin(end));
        self
    }

    /// Whether it takes too long.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let deadline = self.deadline.as_mut();
        deadline.is_some_and(|deadline| deadline.as_mut().poll(context).is_ready())
    }
}

impl<B> Body for Whole<B>
where
    B: Body<Data = Bytes, Error = Status> + Unpin,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if let Some(bytes) = self.pieces.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if let Some(last) = self.last.take() {
                return Poll::Ready(Some(Ok(last)));
            }
            let next = Pin::new(&mut self.inner).poll_frame(context);
            if next.is_pending() && self.is_late(context) {
                let late = Status::deadline_exceeded("the question did not come in time");
                return Poll::Ready(Some(Err(late)));
            }
            match ready!(next) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.pieces.take(data)?,
                    Err(other) => {
                        self.pieces.release();
                        self.last = Some(other);
                    }
                },
                Some(Err(status)) => return Poll::Ready(Some(Err(status))),
                None if self.pieces.gathered.is_empty() => return Poll::Ready(None),
                // Half a message: the library says what is wrong with that.
                None => self.pieces.release(),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.ready.is_empty()
            && self.pieces.gathered.is_empty()
            && self.last.is_none()
            && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Bytes as they come, put together to messages.
struct Pieces {
    most: usize,
    /// Of a message that is not all there. Small pieces are copied together: kept as they came, each
    /// would hold on to the buffer that it came in.
    gathered: BytesMut,
    /// Bytes of whole messages.
    ready: VecDeque<Bytes>,
}

impl Pieces {
    fn new(most: usize) -> Self {
        Self {
            most,
            gathered: BytesMut::new(),
            ready: VecDeque::new(),
        }
    }

    fn take(&mut self, mut data: Bytes) -> Result<(), Status> {
        while !data.is_empty() {
            if self.gathered.is_empty() {
                let whole = self.whole_in(&data)?;
                if whole > 0 {
                    self.ready.push_back(data.split_to(whole));
                    continue;
                }
            }
            let missing = self.missing()?;
            let more = missing.min(data.len());
            self.gathered
                .extend_from_slice(data.get(..more).unwrap_or_default());
            data.advance(more);
            if more == missing && self.missing()? == 0 {
                self.release();
            }
        }
        Ok(())
    }

    /// How many bytes at the beginning of `data` are whole messages.
    fn whole_in(&self, data: &[u8]) -> Result<usize, Status> {
        let mut whole = 0;
        while let Some(length) = self.length(data.get(whole..).unwrap_or_default())? {
            let end = whole + PREFIX + length;
            if end > data.len() {
                break;
            }
            whole = end;
        }
        Ok(whole)
    }

    /// How many bytes have to come until there is a prefix, or behind it until there is a message.
    fn missing(&self) -> Result<usize, Status> {
        let expected = match self.length(&self.gathered)? {
            None => PREFIX,
            Some(length) => PREFIX + length,
        };
        Ok(expected - self.gathered.len().min(expected))
    }

    /// The length that the message at the beginning of `bytes` says to have.
    fn length(&self, bytes: &[u8]) -> Result<Option<usize>, Status> {
        let Some([_compressed, length @ ..]) = bytes.first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > self.most {
            return Err(Status::out_of_range(format!(
                "a message of {length} bytes: more than {} are not taken",
                self.most
            )));
        }
        Ok(Some(length))
    }

    fn release(&mut self) {
        if !self.gathered.is_empty() {
            let whole = std::mem::take(&mut self.gathered);
            self.ready.push_back(whole.freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 1_000;

    fn message(length: usize) -> Vec<u8> {
        let prefix = u32::try_from(length).unwrap().to_be_bytes();
        let content = (0..length).map(|at| u8::try_from(at % 251).unwrap());
        [0].into_iter().chain(prefix).chain(content).collect()
    }

    #[test]
    fn messages_come_out_as_they_went_in_however_they_are_cut() {
        let stream: Vec<u8> = [0, 1, 700, 1_000, 3, 0, 250]
            .into_iter()
            .flat_map(message)
            .collect();
        for size in [1, 2, 5, 6, 99, 1_005, stream.len()] {
            let mut pieces = Pieces::new(MOST);
            let mut out = Vec::new();
            for piece in stream.chunks(size) {
                pieces.take(Bytes::copy_from_slice(piece)).unwrap();
                for whole in pieces.ready.drain(..) {
                    out.extend_from_slice(&whole);
                    // All that has come out so far are whole messages.
                    let probe = Pieces::new(MOST);
                    assert_eq!(probe.whole_in(&out).unwrap(), out.len(), "pieces of {size}");
                }
            }
            assert_eq!(out, stream, "pieces of {size}");
        }
    }

    #[test]
    fn a_length_costs_nothing() {
        let mut pieces = Pieces::new(MOST);
        pieces.take(message(MOST)[..8].to_vec().into()).unwrap();
        assert!(pieces.ready.is_empty());
        assert!(
            pieces.gathered.capacity() < 100,
            "{} bytes for 8",
            pieces.gathered.capacity()
        );
    }

    #[test]
    fn too_long_a_message_is_refused_at_its_first_bytes() {
        for long in [MOST + 1, 64 << 20] {
            let prefix = u32::try_from(long).unwrap().to_be_bytes();
            let bytes = [&[0], &prefix[..]].concat();
            for size in [1, 3, 5] {
                let mut pieces = Pieces::new(MOST);
                let refused = bytes
                    .chunks(size)
                    .map(|piece| pieces.take(Bytes::copy_from_slice(piece)))
                    .find_map(Result::err);
                assert_eq!(refused.unwrap().code(), tonic::Code::OutOfRange);
            }
        }
    }
}
