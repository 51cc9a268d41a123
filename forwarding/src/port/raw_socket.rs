//! An `AF_PACKET` socket on one device: `recvmmsg` in, `sendmmsg` out, a batch a system call.
//!
//! All unsafe code of the portable path is here, one operation a block. The socket receives nothing
//! before it is bound, never sees what this host sends (`PACKET_IGNORE_OUTGOING`), and puts the
//! kernel's offload header before each frame. Workers that share a device are one fan-out group: the
//! kernel spreads frames by flow, and keeps the fragments of one datagram together.
#![expect(
    unsafe_code,
    reason = "packet socket options and recvmmsg/sendmmsg have no safe wrapper"
)]

use std::ffi::c_int;
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use libc::{c_ushort, c_void, socklen_t};
use types::MacAddr;

use super::{BATCH, Flushed, Offload, Port, RxBatch, TxQueue};

/// Bytes the kernel may hold for us: at 64 bytes a frame, and with its bookkeeping, some ten
/// thousand frames, which is 60 ms at 150 kpps.
const RECEIVE_BUFFER: c_int = 8 << 20;
/// Bytes the kernel may hold on their way out.
const SEND_BUFFER: c_int = 4 << 20;

/// Membership of a fan-out group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fanout {
    /// The group: the same number for all workers of a device, another one for every device.
    pub group: u16,
}

/// A packet socket bound to one device.
#[derive(Debug)]
pub(super) struct PacketSocket {
    fd: OwnedFd,
    ifindex: c_int,
}

/// The port that most nodes run on.
pub struct RawSocket {
    socket: PacketSocket,
    queue: TxQueue,
    missed: u64,
}

impl PacketSocket {
    /// A socket with its options set, which receives nothing until [`PacketSocket::bind`].
    pub(super) fn unbound(ifindex: u32) -> io::Result<Self> {
        let kind = socket2::Type::RAW.nonblocking().cloexec();
        let socket = socket2::Socket::new(socket2::Domain::PACKET, kind, None)?;
        let socket = Self {
            fd: socket.into(),
            ifindex: c_int::try_from(ifindex).map_err(io::Error::other)?,
        };
        socket.set(libc::SOL_PACKET, libc::PACKET_VNET_HDR, &1_i32)?;
        socket.set(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1_i32)?;
        socket.set(libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS, &1_i32)?;
        socket.set_buffer(libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, RECEIVE_BUFFER)?;
        socket.set_buffer(libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, SEND_BUFFER)?;
        Ok(socket)
    }

    /// Binds to the device: for every frame, or to send only.
    pub(super) fn bind(&self, protocol: c_int) -> io::Result<()> {
        // SAFETY: `sockaddr_ll` is plain old data, for which all-zero bytes are a value.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        address.sll_family = family();
        address.sll_protocol = u16::try_from(protocol).unwrap_or_default().to_be();
        address.sll_ifindex = self.ifindex;
        // SAFETY: the pointer and the length describe `address`, which outlives the call.
        let result = unsafe {
            libc::bind(
                self.fd.as_raw_fd(),
                (&raw const address).cast(),
                length_of::<libc::sockaddr_ll>(),
            )
        };
        succeed(result)
    }

    fn join(&self, fanout: Fanout) -> io::Result<()> {
        let argument = u32::from(fanout.group) | (libc::PACKET_FANOUT_HASH << 16);
        self.set(libc::SOL_PACKET, libc::PACKET_FANOUT, &argument)
    }

    /// Adds `mac` to the device's filter, and opens the filter wholly where it has no room.
    pub(super) fn accept(&self, mac: MacAddr) -> io::Result<()> {
        let kind = if mac.is_group() {
            libc::PACKET_MR_MULTICAST
        } else {
            libc::PACKET_MR_UNICAST
        };
        self.membership(kind, mac)
            .or_else(|_| self.membership(libc::PACKET_MR_PROMISC, mac))
    }

    fn membership(&self, kind: c_int, mac: MacAddr) -> io::Result<()> {
        let [a, b, c, d, e, f] = mac.0;
        let request = libc::packet_mreq {
            mr_ifindex: self.ifindex,
            mr_type: c_ushort::try_from(kind).map_err(io::Error::other)?,
            mr_alen: 6,
            mr_address: [a, b, c, d, e, f, 0, 0],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
    }

    /// The forced option passes the system's limit but needs a privilege over the whole host.
    fn set_buffer(&self, forced: c_int, limited: c_int, bytes: c_int) -> io::Result<()> {
        self.set(libc::SOL_SOCKET, forced, &bytes)
            .or_else(|_| self.set(libc::SOL_SOCKET, limited, &bytes))
    }

    fn set<T>(&self, level: c_int, name: c_int, value: &T) -> io::Result<()> {
        // SAFETY: the pointer and the length describe `value`, which outlives the call.
        let result = unsafe {
            libc::setsockopt(
                self.fd.as_raw_fd(),
                level,
                name,
                (&raw const *value).cast::<c_void>(),
                length_of::<T>(),
            )
        };
        succeed(result)
    }

    /// Frames thrown away since the last call; the kernel starts again at zero.
    pub(super) fn missed(&self) -> u64 {
        let mut stats = libc::tpacket_stats {
            tp_packets: 0,
            tp_drops: 0,
        };
        let mut length = length_of::<libc::tpacket_stats>();
        // SAFETY: the pointers describe `stats` and its length, which outlive the call.
        let result = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut stats).cast::<c_void>(),
                &raw mut length,
            )
        };
        if result == 0 {
            u64::from(stats.tp_drops)
        } else {
            0
        }
    }

    /// The same socket once more.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            fd: self.fd.try_clone()?,
            ifindex: self.ifindex,
        })
    }

    /// Gives the descriptor away.
    pub(super) fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Fills slots of `batch` with what waits.
    fn receive(&self, batch: &mut RxBatch) -> io::Result<Received> {
        batch.clear();
        let mut vectors = [const { MaybeUninit::<libc::iovec>::uninit() }; BATCH];
        // SAFETY: `mmsghdr` is plain old data, for which all-zero bytes are a value.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
        for ((slot, vector), header) in batch.slots().zip(&mut vectors).zip(&mut headers) {
            let vector = vector.write(libc::iovec {
                iov_base: slot.as_mut_ptr().cast(),
                iov_len: slot.len(),
            });
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: each of the BATCH headers points to one vector, and that to one slot of `batch`;
        // all of them outlive the call and no two overlap.
        let count = unsafe {
            libc::recvmmsg(
                self.fd.as_raw_fd(),
                headers.as_mut_ptr(),
                u32::try_from(BATCH).unwrap_or(1),
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        let Ok(count) = usize::try_from(count) else {
            return Received::after(io::Error::last_os_error());
        };
        for header in headers.iter().take(count) {
            let whole = header.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            // A frame beyond the largest IP packet becomes an empty one, which is counted.
            let received = if whole { header.msg_len as usize } else { 0 };
            batch.filled(received);
        }
        Ok(Received { unreadable: 0 })
    }

    /// Sends frames of `queue` from number `from` on; how many the kernel took.
    fn transmit(&self, queue: &TxQueue, from: usize) -> io::Result<usize> {
        let mut vectors = [const { MaybeUninit::<libc::iovec>::uninit() }; BATCH];
        // SAFETY: `mmsghdr` is plain old data, for which all-zero bytes are a value.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
        let mut count = 0;
        for ((frame, vector), header) in queue.frames(from).zip(&mut vectors).zip(&mut headers) {
            let vector = vector.write(libc::iovec {
                iov_base: frame.as_ptr().cast_mut().cast(),
                iov_len: frame.len(),
            });
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            count += 1;
        }
        // SAFETY: `count` headers point to one vector each, and that to bytes of `queue`, which the
        // kernel only reads; all of them outlive the call.
        let sent = unsafe {
            libc::sendmmsg(
                self.fd.as_raw_fd(),
                headers.as_mut_ptr(),
                count,
                libc::MSG_DONTWAIT,
            )
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What a receive met besides frames.
struct Received {
    /// Frames the kernel could not describe, such as an unknown kind of segmentation.
    unreadable: u64,
}

impl Received {
    fn after(error: io::Error) -> io::Result<Self> {
        match error.raw_os_error() {
            // Nothing waits, or the device went down: poll will tell when there is more.
            Some(libc::EAGAIN | libc::EINTR | libc::ENETDOWN) => Ok(Self { unreadable: 0 }),
            Some(libc::EINVAL) => Ok(Self { unreadable: 1 }),
            Some(_) | None => Err(error),
        }
    }
}

impl RawSocket {
    /// A port for all frames of the device, together with the other members of `fanout`.
    pub fn open(ifindex: u32, fanout: Option<Fanout>) -> io::Result<Self> {
        let socket = PacketSocket::unbound(ifindex)?;
        socket.bind(libc::ETH_P_ALL)?;
        if let Some(fanout) = fanout {
            socket.join(fanout)?;
        }
        Ok(Self::over(socket))
    }

    /// A port that only sends, for actors that originate frames.
    pub fn open_send_only(ifindex: u32) -> io::Result<Self> {
        let socket = PacketSocket::unbound(ifindex)?;
        socket.bind(0)?;
        Ok(Self::over(socket))
    }

    fn over(socket: PacketSocket) -> Self {
        Self {
            socket,
            queue: TxQueue::default(),
            missed: 0,
        }
    }

    fn transmit(&mut self) {
        let mut done = 0;
        while done < self.queue.len() {
            match self.socket.transmit(&self.queue, done) {
                Ok(sent) => {
                    self.queue.sent(done, sent);
                    done += sent;
                    if sent == 0 {
                        break;
                    }
                }
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
                Err(error) if is_down(&error) => {
                    self.queue.report.down += (self.queue.len() - done) as u64;
                    break;
                }
                // The first frame of the rest was refused; the others may still pass.
                Err(_) => {
                    self.queue.report.refused += 1;
                    done += 1;
                }
            }
        }
        self.queue.clear();
    }
}

impl Port for RawSocket {
    fn receive(&mut self, batch: &mut RxBatch) -> io::Result<()> {
        self.missed += self.socket.receive(batch)?.unreadable;
        Ok(())
    }

    fn queue(&mut self, frame: &[u8], offload: Offload) {
        if self.queue.is_full_for(frame) {
            self.transmit();
        }
        self.queue.push(frame, offload);
    }

    fn flush(&mut self) -> Flushed {
        if self.queue.len() > 0 {
            self.transmit();
        }
        self.queue.take_report()
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.socket.fd.as_fd())
    }

    fn accept(&mut self, mac: MacAddr) -> io::Result<()> {
        self.socket.accept(mac)
    }

    fn missed(&mut self) -> u64 {
        mem::take(&mut self.missed) + self.socket.missed()
    }
}

/// Whether the device, not the queue, is the reason.
pub(super) fn is_down(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENETDOWN | libc::ENXIO | libc::ENODEV)
    )
}

fn succeed(result: c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn family() -> c_ushort {
    c_ushort::try_from(libc::AF_PACKET).unwrap_or_default()
}

fn length_of<T>() -> socklen_t {
    socklen_t::try_from(mem::size_of::<T>()).unwrap_or_default()
}
