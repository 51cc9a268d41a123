//! TCP whose session is lost (`transport-state-enforcement`), and flags that no connection sends.

use forwarding::Outcome;
use session::policy::TransportEnforcement;
use types::{Coverage, DropReason, NodeId, TcpState};

use crate::support::frames::Build;
use crate::support::{
    Bench, CLIENT, CLIENT_MAC, EPOCH, LAN, LAN_VIRTUAL, SERVER, WAN, from_client, from_server,
    plan_with, source_port,
};

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const RST: u8 = 0x04;

fn bench(enforcement: TransportEnforcement) -> Bench {
    let mut bench = Bench::with(plan_with(NodeId(1), 1, enforcement));
    bench.open(EPOCH);
    bench.shared.cover(Coverage::Complete);
    bench
}

/// RFC 9293 §3.10.7.1: the reset takes its sequence number from the segment's acknowledgment.
#[test]
fn mid_flow_tcp_is_reset_by_default() {
    let mut bench = bench(TransportEnforcement::Reset);
    let data = from_client(SERVER).tcp((40_000, 443), ACK, 1000, 2000, b"data");
    assert_eq!(bench.receive(LAN, data), Err(DropReason::MidFlowTcp));
    let (port, sent) = bench.only_sent();
    let reset = Build::new(LAN_VIRTUAL, CLIENT_MAC, SERVER, CLIENT);
    let expected = reset.tcp((443, 40_000), RST, 2000, 0, b"");
    assert_eq!(port, LAN);
    assert_eq!(sent[..12], expected[..12]);
    assert_eq!(sent[34..48], expected[34..48]);

    let stray = from_client(SERVER).tcp((40_000, 443), RST, 1000, 0, b"");
    assert_eq!(bench.receive(LAN, stray), Err(DropReason::MidFlowTcp));
    assert!(bench.sent().is_empty(), "a reset is not answered");
    assert_eq!(bench.sessions(), 0);
}

#[test]
fn mid_flow_tcp_can_be_dropped_in_silence() {
    let mut bench = bench(TransportEnforcement::Block);
    let data = from_client(SERVER).tcp((40_000, 443), ACK, 1000, 2000, b"data");
    assert_eq!(bench.receive(LAN, data), Err(DropReason::MidFlowTcp));
    assert!(bench.sent().is_empty());
}

/// A reset ends a connection for good, silence makes its sender try again: and by then its record,
/// which was on its way from the other node, may be here.
#[test]
fn mid_flow_tcp_is_neither_reset_nor_reopened_while_its_record_may_still_come() {
    for (enforcement, coverage) in [
        (TransportEnforcement::Reset, Coverage::CatchingUp),
        (TransportEnforcement::Reset, Coverage::Severed),
        (TransportEnforcement::Allow, Coverage::CatchingUp),
    ] {
        let mut bench = bench(enforcement);
        bench.shared.cover(coverage);
        let data = from_client(SERVER).tcp((40_000, 443), ACK, 1000, 2000, b"data");
        assert_eq!(bench.receive(LAN, data), Err(DropReason::SessionAwaited));
        assert!(bench.sent().is_empty(), "{enforcement:?} {coverage:?}");
        assert_eq!(bench.sessions(), 0);
    }
}

#[test]
fn mid_flow_tcp_can_open_a_session() {
    let mut bench = bench(TransportEnforcement::Allow);
    let data = from_client(SERVER).tcp((40_000, 443), ACK, 1000, 2000, b"data");
    assert_eq!(bench.receive(LAN, data), Ok(Outcome::Sent));
    assert_eq!(bench.only_sent().0, WAN);
    assert_eq!(bench.sessions(), 1);
}

#[test]
fn the_session_follows_the_handshake() {
    let mut bench = bench(TransportEnforcement::Reset);
    let client = from_client(SERVER);
    let syn = client.tcp((40_000, 443), SYN, 1, 0, b"");
    assert_eq!(bench.receive(LAN, syn), Ok(Outcome::Sent));
    let external = source_port(&bench.only_sent().1);
    let syn_ack = from_server().tcp((443, external), SYN | ACK, 9, 2, b"");
    assert_eq!(bench.receive(WAN, syn_ack), Ok(Outcome::Sent));
    let ack = client.tcp((40_000, 443), ACK, 2, 10, b"");
    assert_eq!(bench.receive(LAN, ack), Ok(Outcome::Sent));

    let records = bench.shards[0].records(10);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].tcp, Some(TcpState::Established));
    assert!(records[0].established);
}

#[test]
fn flags_that_no_connection_sends_are_refused() {
    let mut bench = bench(TransportEnforcement::Allow);
    for flags in [0, SYN | RST, SYN | 0x01, 0x29] {
        let frame = from_client(SERVER).tcp((40_000, 443), flags, 1, 0, b"");
        assert_eq!(bench.receive(LAN, frame), Err(DropReason::InvalidTcp));
    }
}
