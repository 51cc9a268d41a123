//! A server that gives back what it gets, TCP and UDP, IPv4 and IPv6, on one port.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{TrafficError, socket_error};
use crate::host::Host;
use crate::netns::NamespaceError;
use crate::sys;

/// How often a thread in a blocking call looks whether it shall stop.
pub(super) const GLANCE: Duration = Duration::from_millis(50);

/// Connections that may wait for their acceptance.
const BACKLOG: i32 = 2048;

/// The server; dropped, it ends with all its connections.
#[derive(Debug)]
pub struct EchoServer {
    stop_tcp: watch::Sender<bool>,
    stop_udp: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Result<(), NamespaceError>>>,
}

impl EchoServer {
    /// Starts the server at `port` of all addresses of `host`.
    pub fn start(host: &Host, port: u16) -> Result<Self, TrafficError> {
        let open = || -> io::Result<(std::net::TcpListener, UdpSocket)> {
            let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into();
            let stream = Socket::new(Domain::IPV6, Type::STREAM, Some(Protocol::TCP))?;
            stream.set_only_v6(false)?;
            stream.set_reuse_address(true)?;
            stream.bind(&any)?;
            stream.listen(BACKLOG)?;
            stream.set_nonblocking(true)?;
            let datagram = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
            datagram.set_only_v6(false)?;
            datagram.bind(&any)?;
            datagram.set_read_timeout(Some(GLANCE))?;
            Ok((stream.into(), datagram.into()))
        };
        let (stream, datagram) = host.run(open)?.map_err(socket_error("server socket"))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(socket_error("runtime"))?;
        let (stop_tcp, stopped) = watch::channel(false);
        let stop_udp = Arc::<AtomicBool>::default();
        let connections = Arc::<AtomicUsize>::default();
        let (stop, count) = (Arc::clone(&stop_udp), Arc::clone(&connections));
        let tcp = host.thread("echo-tcp", move || {
            runtime.block_on(serve(stream, &count, stopped));
        })?;
        let udp = host.thread("echo-udp", move || echo_datagrams(&datagram, &stop))?;
        Ok(Self {
            stop_tcp,
            stop_udp,
            connections,
            threads: vec![tcp, udp],
        })
    }

    /// Connections that are open now, as the server sees them.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for EchoServer {
    fn drop(&mut self) {
        self.stop_tcp.send_replace(true);
        self.stop_udp.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic there has been printed; the clients' counts tell its consequences.
            let _ended = thread.join();
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    count: &Arc<AtomicUsize>,
    mut stop: watch::Receiver<bool>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the echo server has no listener");
            return;
        }
    };
    let mut connections = JoinSet::new();
    loop {
        // Cancel safe: accept takes a connection only when it returns; the others only wait.
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let count = Arc::clone(count);
                    connections.spawn(async move {
                        count.fetch_add(1, Ordering::Relaxed);
                        // How a connection ends is what its client counts.
                        let _end = echo(stream).await;
                        count.fetch_sub(1, Ordering::Relaxed);
                    });
                }
                Err(error) => tracing::warn!(%error, "the echo server cannot accept"),
            },
            Some(_ended) = connections.join_next() => {}
            _stop = stop.wait_for(|stop| *stop) => return,
        }
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; 1024];
    loop {
        let length = stream.read(&mut buffer).await?;
        match buffer.get(..length) {
            None | Some([]) => return Ok(()),
            Some(bytes) => stream.write_all(bytes).await?,
        }
    }
}

fn echo_datagrams(socket: &UdpSocket, stop: &AtomicBool) {
    sys::run_first();
    let mut buffer = [0; 2048];
    while !stop.load(Ordering::Relaxed) {
        // Errors are the deadline, or an ICMP message about an earlier answer: neither matters.
        if let Ok((length, from)) = socket.recv_from(&mut buffer)
            && let Some(bytes) = buffer.get(..length)
            && let Err(error) = socket.send_to(bytes, from)
        {
            tracing::debug!(%error, "an echo was not sent");
        }
    }
}
