//! The door of the operators' socket: so many connections at once, and none waits behind idle ones.
//!
//! Each costs a descriptor, which the data plane and the other members need more. One too many is closed at
//! once, so that its client can say so, and one that says nothing soon.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A site's operators, their scripts and what watches the router.
pub(crate) const PLACES: usize = 256;
/// After the kernel could give no connection: there are no descriptors, and asking at once finds none.
const REST: Duration = Duration::from_millis(100);

/// Connections that come to `listener`, for ever; `places` of them at once.
pub(crate) fn watch(
    listener: UnixListener,
    places: usize,
) -> impl Stream<Item = io::Result<Guest>> + Send {
    let door = (listener, Arc::new(Semaphore::new(places)), 0);
    futures::stream::unfold(door, |(listener, places, mut refused)| async move {
        let guest = next(&listener, &places, &mut refused).await;
        Some((Ok(guest), (listener, places, refused)))
    })
}

async fn next(listener: &UnixListener, places: &Arc<Semaphore>, refused: &mut u64) -> Guest {
    loop {
        let why = match listener.accept().await {
            Ok((stream, _)) => match Arc::clone(places).try_acquire_owned() {
                Ok(place) => return Guest::new(stream, place),
                Err(_) => "there are as many as may be".to_owned(),
            },
            Err(error) => {
                tokio::time::sleep(REST).await;
                error.to_string()
            }
        };
        *refused += 1;
        // A flood must not become a flood of lines.
        if refused.is_power_of_two() {
            tracing::warn!(
                refused,
                why,
                "connections to the operators' socket are refused"
            );
        }
    }
}

/// A connection that was let in; dropped, its place is free.
pub(crate) type Guest = proto::Guest<UnixStream, OwnedSemaphorePermit>;

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn one_too_many_is_closed_at_once_and_a_place_is_given_again() {
        let path = std::env::temp_dir().join(format!("tandem-door-{}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let mut guests = Box::pin(watch(listener, 2));
        let _first = UnixStream::connect(&path).await.unwrap();
        let _second = UnixStream::connect(&path).await.unwrap();
        let inside = guests.next().await.unwrap().unwrap();
        let _inside = guests.next().await.unwrap().unwrap();

        let mut third = UnixStream::connect(&path).await.unwrap();
        let mut byte = [0];
        let next = guests.next();
        tokio::pin!(next);
        let closed = tokio::select! {
            _ = &mut next => None,
            read = third.read(&mut byte) => read.ok(),
        };
        assert_eq!(closed, Some(0));

        drop(inside);
        let _fourth = UnixStream::connect(&path).await.unwrap();
        assert!(next.await.unwrap().is_ok());
        std::fs::remove_file(&path).unwrap();
    }
}
