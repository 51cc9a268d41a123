//! The actor that keeps the films of takeovers: `takeover` begins one, `replicate` adds its first
//! packet, operators read them.

use ha::{Failover, Timeline};
use runtime::Mailbox;
use tokio::sync::watch;
use types::{Epoch, Instant};

/// Takeovers are rare and each is a few messages; losing one would be a wrong answer, so senders wait.
pub(crate) const BOUND: usize = 64;

/// News for the film.
#[derive(Clone, Debug)]
pub(crate) enum Scene {
    /// This node took over.
    TookOver(Failover),
    /// The first packet was forwarded under an epoch.
    FirstPacket {
        /// The epoch.
        epoch: Epoch,
        /// When.
        at: Instant,
    },
}

/// Keeps the films until nobody can add to them.
pub(crate) async fn run(mut scenes: Mailbox<Scene>, films: watch::Sender<Timeline>) {
    while let Some(scene) = scenes.next().await {
        films.send_modify(|timeline| match scene {
            Scene::TookOver(film) => timeline.took_over(film),
            Scene::FirstPacket { epoch, at } => timeline.first_packet(epoch, at),
        });
    }
}
