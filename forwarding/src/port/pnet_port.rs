//! pnet's data link channel behind the [`Port`] trait: a system call a frame, for comparison and for
//! systems where the batch calls misbehave.
//!
//! pnet gets our own socket, already told to put the offload header before each frame, so large and
//! unfinished frames are seen here as on the raw socket.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd};
use std::time::Duration;

use pnet_datalink::linux::{Config, channel};
use pnet_datalink::{
    Channel, DataLinkReceiver, DataLinkSender, FanoutOption, FanoutType, NetworkInterface,
};
use types::MacAddr;

use super::batch::MAX_FRAME;
use super::raw_socket::{Fanout, PacketSocket, is_down};
use super::{BATCH, Flushed, Offload, Port, RxBatch, TxQueue, VnetHeader};

/// A port over pnet's channel.
pub struct PnetPort {
    /// A second descriptor of the channel's socket, for what pnet has no call for.
    socket: PacketSocket,
    sender: Box<dyn DataLinkSender>,
    receiver: Box<dyn DataLinkReceiver>,
    queue: TxQueue,
}

impl PnetPort {
    /// A port for all frames of the device, together with the other members of `fanout`.
    pub fn open(device: &str, ifindex: u32, fanout: Option<Fanout>) -> io::Result<Self> {
        let socket = PacketSocket::unbound(ifindex)?;
        let given_away = socket.try_clone()?;
        let interface = NetworkInterface {
            name: device.to_owned(),
            description: String::new(),
            index: ifindex,
            mac: None,
            ips: Vec::new(),
            flags: 0,
        };
        let config = Config {
            write_buffer_size: VnetHeader::LEN + MAX_FRAME,
            read_buffer_size: VnetHeader::LEN + MAX_FRAME,
            // Zero asks and returns: the worker does its own waiting.
            read_timeout: Some(Duration::ZERO),
            write_timeout: Some(Duration::ZERO),
            fanout: fanout.map(|fanout| FanoutOption {
                group_id: fanout.group,
                fanout_type: FanoutType::HASH,
                defrag: false,
                rollover: false,
            }),
            promiscuous: false,
            socket_fd: Some(given_away.into_fd().into_raw_fd()),
            ..Config::default()
        };
        match channel(&interface, config)? {
            Channel::Ethernet(sender, receiver) => Ok(Self {
                socket,
                sender,
                receiver,
                queue: TxQueue::default(),
            }),
            _ => Err(io::Error::other("pnet made a channel that is not Ethernet")),
        }
    }

    fn transmit(&mut self) {
        for number in 0..self.queue.len() {
            let Some(frame) = self.queue.frames(number).next() else {
                break;
            };
            match self.sender.send_to(frame, None) {
                Some(Ok(())) => self.queue.sent(number, 1),
                Some(Err(error)) if is_down(&error) => self.queue.report.down += 1,
                Some(Err(_)) | None => self.queue.report.refused += 1,
            }
        }
        self.queue.clear();
    }
}

impl Port for PnetPort {
    fn receive(&mut self, batch: &mut RxBatch) -> io::Result<()> {
        batch.clear();
        while batch.len() < BATCH {
            match self.receiver.next() {
                Ok(received) => batch.push_raw(received),
                Err(error) if nothing_waits(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn queue(&mut self, frame: &[u8], offload: Offload) {
        if self.queue.is_full_for(frame) {
            self.transmit();
        }
        self.queue.push(frame, offload);
    }

    fn flush(&mut self) -> Flushed {
        self.transmit();
        self.queue.take_report()
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.as_fd())
    }

    fn accept(&mut self, mac: MacAddr) -> io::Result<()> {
        self.socket.accept(mac)
    }

    fn missed(&mut self) -> u64 {
        self.socket.missed()
    }
}

/// pnet reports a poll that found nothing as a time-out, and a device that went down as an event.
fn nothing_waits(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    ) || is_down(error)
        || error.raw_os_error().is_none()
}
