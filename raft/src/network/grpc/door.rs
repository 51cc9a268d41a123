//! The door to this member: who connects is counted, by address and altogether, and must say something.
//!
//! The HA network is not always private, and an idle connection costs a descriptor that a peer will
//! need. So each address gets few places, strangers together get a bounded number, and whoever stays
//! silent after knocking is shown out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// Connections of one address: two lanes, twice that while old ones die, and an operator's tools.
const PER_ADDRESS: usize = 32;
/// Connections of all addresses that are no member's.
const STRANGERS: usize = 64;
/// For the first words. A client of ours speaks first and at once.
const SILENCE: Duration = Duration::from_secs(3);
/// The preface of HTTP/2, and less than any greeting of TLS: with fewer bytes nothing has been said.
const FIRST_WORDS: usize = 24;
/// After the kernel could give no connection: there are no descriptors, and asking at once finds none.
const REST: Duration = Duration::from_millis(100);

/// Lets connections in.
pub(super) struct Door {
    /// The addresses of the members, who change.
    members: Box<dyn Fn() -> BTreeSet<IpAddr> + Send + Sync>,
    inside: Mutex<BTreeMap<IpAddr, usize>>,
    refused: AtomicU64,
}

impl Door {
    /// Nobody is inside yet; `members` never have to queue behind strangers.
    pub(super) fn new(members: impl Fn() -> BTreeSet<IpAddr> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            members: Box::new(members),
            inside: Mutex::default(),
            refused: AtomicU64::new(0),
        })
    }

    /// Connections that come to `listener`, for ever.
    pub(super) fn watch(
        self: Arc<Self>,
        listener: TcpListener,
    ) -> impl Stream<Item = io::Result<Guest>> + Send {
        futures::stream::unfold((self, listener), |(door, listener)| async move {
            let guest = door.next(&listener).await;
            Some((Ok(guest), (door, listener)))
        })
    }

    async fn next(self: &Arc<Self>, listener: &TcpListener) -> Guest {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => {
                    // Without it votes wait for acknowledgements; a connection that cannot is dead.
                    let undelayed = stream.set_nodelay(true);
                    if let Some(place) = self.place(from.ip().to_canonical())
                        && undelayed.is_ok()
                    {
                        return Guest {
                            stream,
                            said: 0,
                            patience: Some(Box::pin(tokio::time::sleep(SILENCE))),
                            _place: place,
                        };
                    }
                }
                Err(error) => {
                    self.note_refusal(&format!("the kernel gives no connection: {error}"));
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    fn place(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let members = (self.members)();
        let mut inside = self.inside.lock();
        let own = inside.get(&from).copied().unwrap_or_default();
        let strangers: usize = inside
            .iter()
            .filter(|(address, _)| !members.contains(address))
            .map(|(_, count)| count)
            .sum();
        let is_member = members.contains(&from);
        if own >= PER_ADDRESS || !is_member && strangers >= STRANGERS {
            drop(inside);
            self.note_refusal(&format!(
                "{from} has {own} connections, strangers {strangers}"
            ));
            return None;
        }
        inside.insert(from, own + 1);
        Some(Place {
            door: Arc::clone(self),
            from,
        })
    }

    /// Says so the first time and then at every power of two: a flood must not become a flood of lines.
    fn note_refusal(&self, why: &str) {
        let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if refused.is_power_of_two() {
            tracing::warn!(
                refused,
                why,
                "connections from other members' network are refused"
            );
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("inside", &self.inside)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

/// One connection's place; dropped, it is free again.
#[derive(Debug)]
struct Place {
    door: Arc<Door>,
    from: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.door.inside.lock();
        if let Some(count) = inside.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                inside.remove(&self.from);
            }
        }
    }
}

/// A connection that was let in.
#[derive(Debug)]
pub(super) struct Guest {
    stream: TcpStream,
    /// Bytes that it has said, up to [`FIRST_WORDS`].
    said: usize,
    /// Runs out unless the first words are said.
    patience: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

impl AsyncRead for Guest {
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

impl AsyncWrite for Guest {
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

impl Connected for Guest {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn an_address_gets_its_places_and_no_more_and_has_them_back() {
        let door = Door::new(|| [address(1)].into());
        let mut places: Vec<_> = (0..PER_ADDRESS)
            .map(|_| door.place(address(1)).unwrap())
            .collect();
        assert!(door.place(address(1)).is_none());
        places.pop();
        assert!(door.place(address(1)).is_some());
        drop(places);
        assert!(door.inside.lock().is_empty());
    }

    #[test]
    fn strangers_never_take_a_members_place() {
        let door = Door::new(|| [address(1)].into());
        let strangers: Vec<_> = (2..=255)
            .filter_map(|last| door.place(address(last)))
            .collect();
        assert_eq!(strangers.len(), STRANGERS);
        assert!(door.place(address(1)).is_some());
    }

    #[tokio::test]
    async fn who_knocks_and_says_nothing_is_shown_out() {
        use futures::StreamExt;
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let target = listener.local_addr().unwrap();
        let mut guests = Box::pin(Door::new(BTreeSet::new).watch(listener));
        let _silent = TcpStream::connect(target).await.unwrap();
        let mut guest = guests.next().await.unwrap().unwrap();
        let end = guest.read_u8().await.unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::TimedOut);

        let mut speaker = TcpStream::connect(target).await.unwrap();
        speaker.write_all(&[b'x'; FIRST_WORDS]).await.unwrap();
        let mut guest = guests.next().await.unwrap().unwrap();
        guest.read_exact(&mut [0; FIRST_WORDS]).await.unwrap();
        assert!(guest.patience.is_none());
    }
}
