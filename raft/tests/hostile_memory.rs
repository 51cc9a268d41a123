//! What ten thousand hostile messages leave of a member's memory: as much as it had, and what a few of
//! them need while they are read.
//!
//! Most of them say that they are as long as a message may be and send no more than that; some are. Both a
//! node and a witness have to bear it, each in a process of its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail where it stands"
)]

mod child;
#[path = "memory/mirror.rs"]
#[expect(dead_code, reason = "only questions are made here")]
mod mirror;
mod support;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use child::{Process, is_complete, plan};
use proto::raft::peering_client::PeeringClient;
use proto::raft::{Header, Kind, SnapshotChunk};
use raft::Cluster;
use runtime::{Clock, Subsystem};
use support::{eventually, put};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use types::NodeId;

/// Connections at a time: fewer than an address may have.
const CONNECTIONS: usize = 8;
/// Of all kinds together.
const MESSAGES: usize = 10_000;
/// For the places of connections that have ended to be free again.
const DEADLINE: Duration = Duration::from_secs(20);
/// Of the address space: heaps of threads, a stack. One length that is believed is as much.
const MOST_ADDRESSES_MIB: u64 = 512;

/// What one kind of member bears.
struct Case {
    me: NodeId,
    /// Its largest message.
    largest: usize,
    /// Messages of that size, one after the other.
    whole: usize,
    /// Requests at a time that it takes on one connection.
    streams: u32,
    /// What it may need beside what it had.
    most_mib: u64,
}

fn main() {
    child::program("hostile_messages_leave_the_memory_as_it_was", || async {
        for case in [
            Case {
                me: NodeId(3),
                largest: 512 << 10,
                whole: 200,
                streams: 32,
                most_mib: 16,
            },
            Case {
                me: NodeId(2),
                largest: 64 << 20,
                whole: 4,
                streams: 200,
                most_mib: 384,
            },
        ] {
            hostile_messages_leave_the_memory_as_it_was(&case).await;
        }
    });
}

async fn hostile_messages_leave_the_memory_as_it_was(case: &Case) {
    let folder = tempfile::tempdir().unwrap();
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = [0, 1, 2].map(|place| listeners[place].local_addr().unwrap());
    let mut running = Vec::new();
    let mut process = None;
    for (id, listener) in (1..).map(NodeId).zip(listeners) {
        if id == case.me {
            drop(listener);
            process = Some(Process::start(id, addresses, folder.path()));
            continue;
        }
        let plan = plan(id, addresses, listener, folder.path());
        let mut subsystem = Subsystem::default();
        let cluster = raft::start(plan, Clock::start(), &mut subsystem)
            .await
            .unwrap();
        running.push((subsystem, cluster));
    }
    let process = process.unwrap();
    let cluster = &running[0].1;
    eventually("everybody votes", || is_complete(cluster)).await;
    let target = addresses[usize::from(case.me.0) - 1];
    let mib = |key| process.kib(key) / 1_024;
    let (rss, size) = (mib("VmRSS:"), mib("VmSize:"));
    let told = lengths(target, case).await;
    let said = whole(target, case, &header(cluster, case.me)).await;
    let (peak, largest) = (mib("VmHWM:"), mib("VmPeak:"));
    println!(
        "member {}: {told} lengths of {} KiB told, {said} messages of that size; {rss} MiB before, {peak} at \
         most; addresses {size} MiB before, {largest} at most",
        case.me,
        case.largest >> 10
    );
    assert!(told + said >= MESSAGES);
    assert!(peak < rss + case.most_mib, "{peak} MiB");
    assert!(
        largest < size + MOST_ADDRESSES_MIB + case.most_mib,
        "{largest} MiB"
    );
    // It still votes, and takes what true members say.
    cluster.state.publish(vec![put(1, 1)], vec![]).unwrap();
    eventually("it goes on", || {
        cluster.state.pending() == 0 && is_complete(cluster)
    })
    .await;
}

/// A right header of node 1 to `to`, in the state group.
fn header(cluster: &Cluster, to: NodeId) -> Header {
    let status = cluster.state.status();
    let life = |id| {
        let incarnation = status.member(id).unwrap().incarnation.unwrap();
        u64::from(id.0) << 32 | u64::from(incarnation.0)
    };
    Header {
        cluster_id: "three".to_owned(),
        group: 2,
        target: life(to),
        source: life(NodeId(1)),
        generation: cluster.control.state().lineage().unwrap().wire(),
        protocol: raft::seam::PROTOCOL,
    }
}

/// Tells lengths and nothing behind them, on as many streams at a time as there can be.
async fn lengths(target: SocketAddr, case: &Case) -> usize {
    let mut told = 0;
    while told < MESSAGES {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let connected = tokio::time::timeout(DEADLINE, connection(target, case));
            connections.push(connected.await.unwrap());
            told += usize::try_from(case.streams).unwrap();
        }
    }
    told
}

/// A connection on whose every stream a length was told, and heard.
async fn connection(target: SocketAddr, case: &Case) -> TcpStream {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    for stream in 0..case.streams {
        let path = match stream % 3 {
            0 => "Call",
            1 => "Append",
            _ => "Snapshot",
        };
        bytes.extend(frame(1, 4, 2 * stream + 1, &headers(path)));
        let length = u32::try_from(case.largest).unwrap().to_be_bytes();
        // And a byte, which costs a byte.
        let data = [&[0], &length[..], &[8]].concat();
        bytes.extend(frame(0, 0, 2 * stream + 1, &data));
    }
    // A ping is answered when everything before it has been read.
    bytes.extend(frame(6, 0, 0, &[7; 8]));
    let pong = frame(6, 1, 0, &[7; 8]);
    // As long as earlier connections are not gone, there may be no place for this one.
    loop {
        let mut connection = TcpStream::connect(target).await.unwrap();
        let mut read = Vec::new();
        if connection.write_all(&bytes).await.is_err() {
            continue;
        }
        while let Ok(1..) = connection.read_buf(&mut read).await {
            if read.windows(pong.len()).any(|bytes| bytes == pong) {
                return connection;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()[..]].concat();
    [&head, payload].concat()
}

/// The headers of a call, each of them in full: RFC 7541, section 6.2.2.
fn headers(method: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let path = format!("/tandem.raft.Peering/{method}");
    [
        // POST, http, then :path, :authority, content-type and te.
        vec![0x83, 0x86, 0x04],
        text(&path),
        vec![0x01],
        text("member"),
        vec![0x0f, 0x10],
        text("application/grpc"),
        vec![0x00],
        text("te"),
        text("trailers"),
    ]
    .concat()
}

/// Messages that are as long as they say.
async fn whole(target: SocketAddr, case: &Case, header: &Header) -> usize {
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{target}"))
        .unwrap()
        .timeout(Duration::from_mins(1))
        .connect()
        .await
        .unwrap();
    let mut client = PeeringClient::new(channel);
    let room = case.largest - 200;
    for number in 0..case.whole {
        // Entries without end, says the number in front of them; of a kind that nobody knows, or sealed.
        let mut payload = vec![1; room];
        payload[20..28].fill(0xff);
        let form = u32::from(number % 4 == 3);
        let mut request = mirror::sealed_in(header, Kind::Append, form, payload);
        if number % 2 != 0 {
            request.digest = None;
        }
        let refused = match number % 3 {
            0 => client.call(request).await.map(drop),
            1 => {
                let stream = futures::stream::iter([request]);
                let replies = client.append(stream).await;
                let first = replies.unwrap().into_inner().message().await;
                first.map(drop)
            }
            _ => {
                let first = SnapshotChunk {
                    header: Some(header.clone()),
                    description: request.payload,
                    total_bytes: Some(u64::MAX),
                    ..SnapshotChunk::default()
                };
                let stream = futures::stream::iter([first]);
                client.snapshot(stream).await.map(drop)
            }
        };
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{refused}");
    }
    case.whole
}
