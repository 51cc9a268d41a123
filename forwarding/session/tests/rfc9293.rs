//! Following a connection from the middle: every state, direction and kind of segment, then whole
//! connections as RFC 9293 §3.5–3.6 draws them.

#![expect(
    clippy::expect_used,
    reason = "test helpers stop at the first surprise"
)]

use session::Segment::{Ack, Fin, Rst, Syn, SynAck};
use session::{Segment, tcp_state};
use types::Direction::{Forward, Reverse};
use types::TcpState::{Closing, Established, FinWait, Reset, SynReceived, SynSent, TimeWait};
use types::{Direction, TcpState};

/// Rows: state. Columns: what the opener sends, then what comes back, each as
/// SYN, SYN-ACK, ACK or data, FIN, RST.
#[rustfmt::skip]
const TABLE: [(TcpState, [TcpState; 5], [TcpState; 5]); 8] = [
    (SynSent,
        [SynSent, SynSent, SynSent, SynSent, Reset],
        [SynReceived, SynReceived, SynSent, SynSent, Reset]),
    (SynReceived,
        [SynReceived, SynReceived, Established, FinWait(Forward), Reset],
        [SynReceived, SynReceived, Established, FinWait(Reverse), Reset]),
    (Established,
        [Established, Established, Established, FinWait(Forward), Reset],
        [Established, Established, Established, FinWait(Reverse), Reset]),
    (FinWait(Forward),
        [FinWait(Forward), FinWait(Forward), FinWait(Forward), FinWait(Forward), Reset],
        [FinWait(Forward), FinWait(Forward), FinWait(Forward), Closing, Reset]),
    (FinWait(Reverse),
        [FinWait(Reverse), FinWait(Reverse), FinWait(Reverse), Closing, Reset],
        [FinWait(Reverse), FinWait(Reverse), FinWait(Reverse), FinWait(Reverse), Reset]),
    (Closing,
        [SynSent, Closing, TimeWait, Closing, Reset],
        [Closing, Closing, TimeWait, Closing, Reset]),
    (TimeWait,
        [SynSent, TimeWait, TimeWait, TimeWait, Reset],
        [TimeWait, TimeWait, TimeWait, TimeWait, Reset]),
    (Reset,
        [SynSent, Reset, Reset, Reset, Reset],
        [Reset, Reset, Reset, Reset, Reset]),
];

#[test]
fn every_state_and_segment_leads_where_the_table_says() {
    for (state, forward, reverse) in TABLE {
        for (direction, expected) in [(Forward, forward), (Reverse, reverse)] {
            for (segment, expected) in Segment::ALL.into_iter().zip(expected) {
                let next = tcp_state::next(state, direction, segment);
                assert_eq!(next, expected, "{state:?}, {direction:?} {segment:?}");
            }
        }
    }
}

/// §3.5, figure 6, with a retransmitted SYN and §3.6, figure 12.
#[test]
fn a_connection_opens_carries_data_and_closes() {
    assert_eq!(
        follow(&[
            (Forward, Syn),
            (Forward, Syn),
            (Reverse, SynAck),
            (Reverse, SynAck),
            (Forward, Ack),
            (Reverse, Ack),
            (Forward, Fin),
            (Reverse, Ack),
            (Reverse, Fin),
            (Forward, Ack),
        ]),
        [
            SynSent,
            SynSent,
            SynReceived,
            SynReceived,
            Established,
            Established,
            FinWait(Forward),
            FinWait(Forward),
            Closing,
            TimeWait,
        ]
    );
}

/// §3.5, figure 7; RFC 5382 REQ-2.
#[test]
fn both_sides_may_open_at_once() {
    let states = follow(&[
        (Forward, Syn),
        (Reverse, Syn),
        (Forward, SynAck),
        (Reverse, SynAck),
        (Reverse, Ack),
    ]);
    assert_eq!(
        states,
        [SynSent, SynReceived, SynReceived, SynReceived, Established]
    );
}

/// §3.6, figure 13.
#[test]
fn both_sides_may_close_at_once() {
    let open = [(Forward, Syn), (Reverse, SynAck), (Forward, Ack)];
    let close = [
        (Forward, Fin),
        (Reverse, Fin),
        (Forward, Ack),
        (Reverse, Ack),
    ];
    let states = follow(&[&open[..], &close[..]].concat());
    assert_eq!(states[3..], [FinWait(Forward), Closing, TimeWait, TimeWait]);
}

/// A half-closed connection goes on in the other direction for as long as it likes.
#[test]
fn a_half_closed_connection_carries_data_the_other_way() {
    let states = follow(&[
        (Forward, Syn),
        (Reverse, SynAck),
        (Forward, Ack),
        (Forward, Fin),
        (Reverse, Ack),
        (Forward, Ack),
        (Reverse, Ack),
    ]);
    assert_eq!(states[3..], [FinWait(Forward); 4]);
}

/// RFC 6191: a client that uses its port again need not wait.
#[test]
fn the_opener_may_open_again_after_the_end_and_nobody_else() {
    for over in [TimeWait, Reset, Closing] {
        assert_eq!(tcp_state::next(over, Forward, Syn), SynSent);
        assert_eq!(tcp_state::next(over, Reverse, Syn), over);
    }
}

#[test]
fn a_session_from_mid_flow_takes_the_connection_as_it_is() {
    for (segment, state) in [
        (Syn, SynSent),
        (SynAck, Established),
        (Ack, Established),
        (Fin, FinWait(Forward)),
        (Rst, Reset),
    ] {
        assert_eq!(tcp_state::opening(segment), state);
    }
}

/// Of the 64 combinations of six flags: FIN, SYN and RST exclude each other, and all but SYN and
/// RST come with ACK.
#[test]
fn flags_that_no_connection_sends_together_mean_nothing() {
    for flags in 0..=u8::MAX {
        let (fin, syn, rst, ack) = (
            flags & 1 != 0,
            flags & 2 != 0,
            flags & 4 != 0,
            flags & 16 != 0,
        );
        let expected = match (syn, fin, rst, ack) {
            (true, false, false, false) => Some(Syn),
            (true, false, false, true) => Some(SynAck),
            (false, true, false, true) => Some(Fin),
            (false, false, true, false | true) => Some(Rst),
            (false, false, false, true) => Some(Ack),
            _ => None,
        };
        assert_eq!(Segment::from_flags(flags), expected, "{flags:#04x}");
    }
}

fn follow(segments: &[(Direction, Segment)]) -> Vec<TcpState> {
    let ((_, first), rest) = segments
        .split_first()
        .expect("a connection has a first segment");
    let mut state = tcp_state::opening(*first);
    let mut states = vec![state];
    for (direction, segment) in rest {
        state = tcp_state::next(state, *direction, *segment);
        states.push(state);
    }
    states
}
