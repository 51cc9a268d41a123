//! A host of the laboratory: a network namespace with a name, its devices, its processes.

mod change;

use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::netns::{NamespaceError, NetNs};
use crate::sys::{self, Offload};
pub use change::{Change, ChangeError, Unknown, VethEnd};

/// A network namespace with a name.
#[derive(Debug)]
pub struct Host {
    name: String,
    netns: NetNs,
}

/// Why a host could not be made or set up.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// It has no namespace.
    #[error("host {host} has no network namespace")]
    Namespace {
        /// The host.
        host: String,
        /// What the kernel said.
        #[source]
        source: NamespaceError,
    },
    /// Its devices, addresses or routes could not be changed.
    #[error("host {host} refuses a change of its network")]
    Change {
        /// The host.
        host: String,
        /// Which one, and why.
        #[source]
        source: ChangeError,
    },
    /// A kernel setting could not be written.
    #[error("host {host} cannot set {setting} to {value}")]
    Setting {
        /// The host.
        host: String,
        /// The setting below /proc/sys/net, with dots.
        setting: String,
        /// The value.
        value: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// An offload could not be switched off.
    #[error("host {host} cannot switch an offload of {device} off")]
    Offload {
        /// The host.
        host: String,
        /// The device.
        device: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A process could not be started.
    #[error("host {host} cannot start {program}")]
    Process {
        /// The host.
        host: String,
        /// The program's file.
        program: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// What a new host's kernel is told: addresses are usable at once (no duplicate address detection),
/// no routers are asked for, and ICMP sockets need no privilege.
const SETTINGS: [(&str, &str); 6] = [
    ("ipv6.conf.all.accept_dad", "0"),
    ("ipv6.conf.default.accept_dad", "0"),
    ("ipv6.conf.default.dad_transmits", "0"),
    ("ipv6.conf.default.accept_ra", "0"),
    ("ipv6.conf.default.router_solicitations", "0"),
    ("ipv4.ping_group_range", "0 0"),
];

impl Host {
    /// Makes a host with nothing but a loopback.
    pub fn new(name: &str) -> Result<Self, HostError> {
        let host = name.to_owned();
        let netns = NetNs::new().map_err(|source| HostError::Namespace { host, source })?;
        let host = Self {
            name: name.to_owned(),
            netns,
        };
        for (setting, value) in SETTINGS {
            host.set(setting, value)?;
        }
        host.apply(&[Change::Up("lo")])?;
        Ok(host)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its namespace.
    pub fn netns(&self) -> &NetNs {
        &self.netns
    }

    /// Runs `work` on a thread inside and waits for it: sockets made there stay there.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, HostError> {
        self.netns
            .run(work)
            .map_err(|source| self.namespace_error(source))
    }

    /// Starts a thread inside that outlives the call.
    pub fn thread<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<Result<T, NamespaceError>>, HostError> {
        self.netns
            .thread(name, work)
            .map_err(|source| self.namespace_error(source))
    }

    /// Starts a process inside.
    pub fn spawn(&self, mut command: Command) -> Result<Child, HostError> {
        let namespace = self
            .netns
            .share()
            .map_err(|source| self.namespace_error(source))?;
        sys::start_in_namespace(&mut command, namespace.into_descriptor());
        command.spawn().map_err(|source| HostError::Process {
            host: self.name.clone(),
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })
    }

    /// Whether `address` is the host's own now: only then can a socket be bound to it.
    pub fn has_address(&self, address: IpAddr) -> Result<bool, HostError> {
        self.run(|| std::net::UdpSocket::bind((address, 0)).is_ok())
    }

    /// Kills every process inside by SIGKILL, whoever started it; gives how many there were.
    ///
    /// All are stopped before the first one dies: a child that sees its parent die would otherwise
    /// have the time for a last word, which a power cut does not give it.
    pub fn kill_all(&self) -> Result<usize, HostError> {
        let entries = std::fs::read_dir("/proc")
            .map_err(|source| self.namespace_error(NamespaceError::Enter(source)))?;
        let own = std::process::id().cast_signed();
        let inside: Vec<_> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
            .filter(|process| *process != own && self.has_process(*process))
            .map(Pid::from_raw)
            .collect();
        for signal in [Signal::SIGSTOP, Signal::SIGKILL] {
            for process in &inside {
                // One that has ended meanwhile needs no signal.
                let _gone = kill(*process, signal);
            }
        }
        Ok(inside.len())
    }

    fn has_process(&self, process: i32) -> bool {
        let namespace = std::fs::metadata(format!("/proc/{process}/ns/net")).ok();
        namespace.is_some_and(|file| Some(file.ino()) == self.netns.inode())
    }

    /// Applies `changes` in order, up to the first that fails.
    pub fn apply(&self, changes: &[Change<'_>]) -> Result<(), HostError> {
        self.run(|| change::apply(changes))?
            .map_err(|source| HostError::Change {
                host: self.name.clone(),
                source,
            })
    }

    /// Writes a kernel setting below `/proc/sys/net`, its path written with dots.
    pub fn set(&self, setting: &str, value: &str) -> Result<(), HostError> {
        let file = format!("/proc/sys/net/{}", setting.replace('.', "/"));
        self.run(|| std::fs::write(&file, value))?
            .map_err(|source| HostError::Setting {
                host: self.name.clone(),
                setting: setting.to_owned(),
                value: value.to_owned(),
                source,
            })
    }

    /// Makes the kernel forward between the host's devices, both families.
    pub fn forward(&self) -> Result<(), HostError> {
        self.set("ipv4.ip_forward", "1")?;
        self.set("ipv6.conf.all.forwarding", "1")
    }

    /// Makes `device` carry honest frames: checksums filled in, nothing larger than its MTU. A
    /// forwarder in user space cannot finish what the kernel leaves to hardware that does not exist.
    pub fn plain_frames(&self, device: &str) -> Result<(), HostError> {
        const OFFLOADS: [Offload; 4] = [
            // Segmentation first: it depends on the checksum offload.
            Offload::TcpSegmentation,
            Offload::GenericSegmentation,
            Offload::GenericReceive,
            Offload::TransmitChecksum,
        ];
        let switch_off = || -> io::Result<()> {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
            for offload in OFFLOADS {
                sys::switch_offload_off(std::os::fd::AsFd::as_fd(&socket), device, offload)?;
            }
            Ok(())
        };
        self.run(switch_off)?.map_err(|source| HostError::Offload {
            host: self.name.clone(),
            device: device.to_owned(),
            source,
        })
    }

    fn namespace_error(&self, source: NamespaceError) -> HostError {
        HostError::Namespace {
            host: self.name.clone(),
            source,
        }
    }
}
