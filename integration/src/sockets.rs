//! Ordinary sockets of the kernels at both ends: they say what really arrives.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use lab::host::Host;
use lab::topology::PairWitness;

use crate::wait::PATIENCE;

/// A UDP socket of `host` at any port of `address`, which waits for datagrams as long as a test does.
pub fn udp(host: &Host, address: IpAddr) -> Result<UdpSocket> {
    let socket = host.run(|| UdpSocket::bind((address, 0)))??;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// A UDP socket that sends to `target` and hears nobody else.
pub fn udp_to(host: &Host, target: SocketAddr) -> Result<UdpSocket> {
    let any: IpAddr = match target {
        SocketAddr::V4(_) => [0; 4].into(),
        SocketAddr::V6(_) => [0; 16].into(),
    };
    let socket = udp(host, any)?;
    host.run(|| socket.connect(target))??;
    Ok(socket)
}

/// A listener of `host` at any port of `address`.
pub fn listener(host: &Host, address: IpAddr) -> Result<TcpListener> {
    Ok(host.run(|| TcpListener::bind((address, 0)))??)
}

/// A connection of `host` to `target`.
pub fn connect(host: &Host, target: SocketAddr) -> Result<TcpStream> {
    let stream = host.run(|| TcpStream::connect_timeout(&target, PATIENCE))??;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The next datagram and its sender.
pub fn receive(socket: &UdpSocket) -> Result<(Vec<u8>, SocketAddr)> {
    let mut buffer = vec![0; 65_536];
    let (length, from) = socket.recv_from(&mut buffer)?;
    buffer.truncate(length);
    Ok((buffer, from))
}

/// Nothing arrives within `span`.
pub fn stays_silent(socket: &UdpSocket, span: Duration) -> Result<()> {
    socket.set_read_timeout(Some(span))?;
    let heard = receive(socket);
    socket.set_read_timeout(Some(PATIENCE))?;
    ensure!(heard.is_err(), "something arrived: {heard:?}");
    Ok(())
}

/// Bytes that differ from place to place and from `seed` to `seed`.
pub fn bytes(seed: u8, length: usize) -> Vec<u8> {
    let mut state = u32::from(seed);
    let next = || {
        // A linear congruential generator; its high bits are the better ones.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(state.to_be_bytes()[0])
    };
    std::iter::from_fn(next).take(length).collect()
}

/// A connection from the client to the server, both ends, and the client as the server sees it.
pub fn tcp_pair(
    network: &PairWitness,
    server: IpAddr,
) -> Result<(TcpStream, TcpStream, SocketAddr)> {
    let listener = listener(&network.server, server)?;
    let client = connect(&network.client, listener.local_addr()?)?;
    let (server, from) = listener.accept()?;
    server.set_read_timeout(Some(PATIENCE))?;
    server.set_write_timeout(Some(PATIENCE))?;
    Ok((client, server, from))
}

/// Half a megabyte in each direction at once, compared at both ends.
pub fn bulk(client: &mut TcpStream, server: &mut TcpStream) -> Result<()> {
    const LENGTH: usize = 512 * 1024;
    let (forth, back) = (bytes(7, LENGTH), bytes(8, LENGTH));
    let read = |mut stream: TcpStream, expected: Vec<u8>| -> Result<()> {
        let mut arrived = vec![0; expected.len()];
        stream.read_exact(&mut arrived)?;
        ensure!(arrived == expected, "bytes changed on their way");
        Ok(())
    };
    let readers = [
        (server.try_clone()?, forth.clone()),
        (client.try_clone()?, back.clone()),
    ]
    .map(|(stream, expected)| std::thread::spawn(move || read(stream, expected)));
    std::thread::scope(|scope| {
        scope.spawn(|| server.write_all(&back));
        client.write_all(&forth)
    })?;
    for reader in readers {
        let outcome = reader.join();
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    }
    Ok(())
}

/// A datagram of `length` bytes there, and another one back; gives the client as the server sees it.
pub fn there_and_back(
    client: &UdpSocket,
    server: &UdpSocket,
    length: usize,
    outside: IpAddr,
) -> Result<SocketAddr> {
    let (there, back) = (bytes(1, length), bytes(2, length));
    client.send_to(&there, server.local_addr()?)?;
    let (arrived, source) = receive(server).with_context(|| format!("{length} bytes there"))?;
    ensure!(
        arrived == there,
        "{length} bytes changed on their way there"
    );
    ensure!(source.ip() == outside, "the server sees {source}");
    server.send_to(&back, source)?;
    let (arrived, from) = receive(client).with_context(|| format!("{length} bytes back"))?;
    ensure!(arrived == back, "{length} bytes changed on their way back");
    ensure!(from == server.local_addr()?, "the answer comes from {from}");
    Ok(source)
}
