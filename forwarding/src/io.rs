//! A worker's hands: its ports, the other workers, the neighbour actor.
//!
//! This is the [`Outbox`] that shards run with outside of tests. It counts what goes in and out.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use crossbeam_queue::ArrayQueue;
use runtime::Outlet;
use types::{DropReason, Epoch, Instant};

use crate::counters::WorkerCounters;
use crate::driver::neighbor::Message;
use crate::outbox::{Full, Outbox, OwnedParcel, Parcel};
use crate::plan::PortIndex;
use crate::port::{Offload, RxBatch};
use crate::ports::{PortChange, WorkerPort};
use crate::shared::Shared;
use crate::steering::ShardIndex;
use crate::waker::Waker;

/// Another worker, or this one, as frames reach it.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) queue: Arc<ArrayQueue<OwnedParcel>>,
    pub(crate) waker: Waker,
}

/// Everything a worker's shard acts through.
pub(crate) struct WorkerIo {
    pub(crate) ports: Vec<WorkerPort>,
    pub(crate) peers: Vec<Peer>,
    pub(crate) neighbors: Outlet<Message>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) counters: Arc<WorkerCounters>,
    pub(crate) now: Instant,
    /// An epoch whose first packet is to be reported.
    pub(crate) first_packet: Option<Epoch>,
    /// When it was given to its device, once that has happened.
    pub(crate) first_packet_at: Option<Instant>,
    /// Peers that got frames since the last flush.
    pub(crate) to_wake: Vec<bool>,
}

impl WorkerIo {
    /// A batch begins.
    pub(crate) const fn begin(&mut self, now: Instant) {
        self.now = now;
    }

    /// Fetches what waits at a port.
    pub(crate) fn receive(&mut self, port: PortIndex, batch: &mut RxBatch) {
        batch.clear();
        if let Some(entry) = self.ports.get_mut(port.0)
            && let Err(error) = entry.port.receive(batch)
        {
            batch.clear();
            tracing::debug!(port = port.0, %error, "the port gave no frames");
        }
    }

    /// Hands everything queued to the devices, and wakes the workers that got frames.
    pub(crate) fn flush(&mut self) {
        for entry in &mut self.ports {
            let flushed = entry.port.flush();
            if flushed == crate::port::Flushed::default() {
                continue;
            }
            entry.counters.tx_packets.add(flushed.packets);
            entry.counters.tx_bytes.add(flushed.bytes);
            entry.counters.tx_drops.add(flushed.refused + flushed.down);
            for _ in 0..flushed.refused {
                self.counters.drops.count(DropReason::EgressFull);
            }
            for _ in 0..flushed.down {
                self.counters.drops.count(DropReason::EgressDown);
            }
        }
        for (peer, wanted) in self.peers.iter().zip(&mut self.to_wake) {
            if std::mem::take(wanted) {
                peer.waker.wake();
            }
        }
    }

    /// Puts the ports into the order of a new plan; those it does not name are closed.
    pub(crate) fn change_ports(&mut self, changes: Vec<PortChange>) {
        let mut old: Vec<_> = self.ports.drain(..).map(Some).collect();
        for change in changes {
            let entry = match change {
                PortChange::Open(entry) => Some(entry),
                PortChange::Keep { old: index, accept } => old
                    .get_mut(index.0)
                    .and_then(Option::take)
                    .map(|mut entry| {
                        for mac in accept {
                            if let Err(error) = entry.port.accept(mac) {
                                tracing::warn!(%mac, %error, "the device does not accept the address");
                            }
                        }
                        entry
                    }),
            };
            self.ports.extend(entry);
        }
    }

    /// A frame's memory comes back.
    pub(crate) fn give_back(&self, buffer: Vec<u8>) {
        self.shared.pool.give_back(buffer);
    }

    /// Counts what a port received.
    pub(crate) fn count_received(&self, port: PortIndex, packets: u64, bytes: u64) {
        if let Some(entry) = self.ports.get(port.0)
            && packets > 0
        {
            entry.counters.rx_packets.add(packets);
            entry.counters.rx_bytes.add(bytes);
        }
    }

    /// Counts a received frame that was dropped.
    pub(crate) fn count_rx_drop(&self, port: PortIndex) {
        if let Some(entry) = self.ports.get(port.0) {
            entry.counters.rx_drops.add(1);
        }
    }

    /// Counts frames that the kernel threw away.
    pub(crate) fn count_missed(&mut self) {
        for entry in &mut self.ports {
            let missed = entry.port.missed();
            entry.counters.rx_drops.add(missed);
        }
    }

    /// What to wait for.
    pub(crate) fn poll_fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.ports.iter().filter_map(|entry| entry.port.poll_fd())
    }
}

impl Outbox for WorkerIo {
    fn transmit(&mut self, egress: PortIndex, frame: &[u8], offload: Offload) {
        match self.ports.get_mut(egress.0) {
            Some(entry) => entry.port.queue(frame, offload),
            None => self.counters.drops.count(DropReason::EgressDown),
        }
    }

    fn hand_over(&mut self, to: ShardIndex, parcel: &Parcel<'_>) -> Result<(), Full> {
        let peer = self.peers.get(to.0).ok_or(Full)?;
        if peer.queue.is_full() {
            return Err(Full);
        }
        let owned = OwnedParcel {
            ingress: parcel.ingress,
            frame: self.shared.pool.copy(parcel.frame),
            offload: parcel.offload,
            stage: parcel.stage,
            queued_at: self.now,
        };
        if let Err(refused) = peer.queue.push(owned) {
            self.shared.pool.give_back(refused.frame);
            return Err(Full);
        }
        self.counters.handed_over.add(1);
        if let Some(wanted) = self.to_wake.get_mut(to.0) {
            *wanted = true;
        }
        Ok(())
    }

    fn tell_neighbors(&mut self, event: neighbor::Event) {
        // Refused when the actor is busy, and counted there: the next packet tells it again.
        let _told_again = self.neighbors.offer(Message::Event(event));
    }

    fn first_packet(&mut self, epoch: Epoch) {
        self.first_packet = Some(epoch);
    }
}
