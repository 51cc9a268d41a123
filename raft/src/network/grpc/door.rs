//! The door to this member: who connects is counted, by address and altogether, and must say something.
//!
//! The HA network is not always private, and an idle connection costs a descriptor that a peer will
//! need. So each address gets few places, strangers together get a bounded number, and whoever stays
//! silent after knocking is shown out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::Stream;
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};

/// Connections of one address: two lanes, twice that while old ones die, and an operator's tools.
const PER_ADDRESS: usize = 32;
/// Connections of all addresses that are no member's.
const STRANGERS: usize = 64;
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
                        return Guest::new(stream, place);
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
pub(super) struct Place {
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
pub(super) type Guest = proto::Guest<TcpStream, Place>;

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
}
