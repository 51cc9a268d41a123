//! A connection that a gRPC server has let in.
//!
//! It holds a place as long as it is open, and must say something at first: an idle one costs a descriptor that
//! somebody else will need.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tonic::transport::server::Connected;

/// For the first words. A client of ours speaks first and at once.
const SILENCE: Duration = Duration::from_secs(3);
/// The preface of HTTP/2, and less than any greeting of TLS: with fewer bytes nothing has been said.
const FIRST_WORDS: usize = 24;

/// The connection `S`, with its place `P`.
pub struct Guest<S, P> {
    stream: S,
    /// Bytes that it has said, up to [`FIRST_WORDS`].
    said: usize,
    /// Runs out unless the first words are said.
    patience: Option<Pin<Box<Sleep>>>,
    _place: P,
}

impl<S, P> Guest<S, P> {
    /// Lets `stream` in. It has three seconds for its first words; then reads fail with
    /// [`io::ErrorKind::TimedOut`].
    pub fn new(stream: S, place: P) -> Self {
        Self {
            stream,
            said: 0,
            patience: Some(Box::pin(tokio::time::sleep(SILENCE))),
            _place: place,
        }
    }
}

impl<S: fmt::Debug, P> fmt::Debug for Guest<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guest {:?}", self.stream)
    }
}

impl<S: AsyncRead + Unpin, P: Unpin> AsyncRead for Guest<S, P> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Some(patience) = &mut self.patience else {
            return read;
        };
        if read.is_pending() {
            ready!(patience.as_mut().poll(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.said += buffer.filled().len() - before;
        if self.said >= FIRST_WORDS {
            self.patience = None;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin, P: Unpin> AsyncWrite for Guest<S, P> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl<S: Connected, P> Connected for Guest<S, P> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> S::ConnectInfo {
        self.stream.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_shown_out_and_gives_its_place_back() {
        let place = Arc::new(());
        let (_silent, stream) = tokio::io::duplex(64);
        let mut guest = Guest::new(stream, Arc::clone(&place));
        let early = tokio::time::timeout(SILENCE / 2, guest.read_u8()).await;
        assert!(early.is_err(), "it has not said anything yet");
        let end = guest.read_u8().await.unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::TimedOut);
        assert_eq!(Arc::strong_count(&place), 2);
        drop(guest);
        assert_eq!(Arc::strong_count(&place), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_said_something_may_be_silent() {
        let (mut speaker, stream) = tokio::io::duplex(64);
        let mut guest = Guest::new(stream, ());
        speaker.write_all(&[b'x'; FIRST_WORDS]).await.unwrap();
        guest.read_exact(&mut [0; FIRST_WORDS]).await.unwrap();
        let more = tokio::time::timeout(2 * SILENCE, guest.read_u8()).await;
        assert!(more.is_err());
    }
}
