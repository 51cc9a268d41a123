//! RFC 9293's connection, followed from the middle: what both sides' flags say about it.
//!
//! A middle box sees segments, not acknowledged sequence numbers, so it keeps the merged state of
//! [`TcpState`] and errs on the side of keeping a session.
//!
//! ```text
//!            SYN ─►                ◄─ SYN(+ACK)            ACK
//!  (nothing) ─────► SynSent ─────────────► SynReceived ─────────► Established
//!                      ▲                                              │ FIN of one side
//!                 SYN ─►                                              ▼
//!                   TimeWait ◄───────── Closing ◄──────────────── FinWait(side)
//!                               ACK               FIN of the other
//!  RST leads to Reset from everywhere; a SYN of the opener leads from there to SynSent.
//! ```

use types::{Direction, TcpState};

/// What a segment's flags say. PSH, ECE, CWR and URG say nothing about the connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Segment {
    /// SYN alone.
    Syn,
    /// SYN with ACK.
    SynAck,
    /// ACK with neither SYN, FIN nor RST: data or acknowledgement.
    Ack,
    /// FIN with ACK.
    Fin,
    /// RST, with or without ACK.
    Rst,
}

impl Segment {
    /// Every kind, for tables.
    pub const ALL: [Self; 5] = [Self::Syn, Self::SynAck, Self::Ack, Self::Fin, Self::Rst];

    /// Reads the flags byte of a TCP header; `None` when no connection sends these together
    /// (`DropReason::InvalidTcp`): two of SYN, FIN and RST at once, or FIN or data without ACK.
    #[inline]
    pub const fn from_flags(flags: u8) -> Option<Self> {
        const FIN: u8 = 0x01;
        const SYN: u8 = 0x02;
        const RST: u8 = 0x04;
        const ACK: u8 = 0x10;
        let ack = flags & ACK != 0;
        match flags & (FIN | SYN | RST) {
            SYN if ack => Some(Self::SynAck),
            SYN => Some(Self::Syn),
            RST => Some(Self::Rst),
            FIN if ack => Some(Self::Fin),
            0 if ack => Some(Self::Ack),
            _ => None,
        }
    }
}

/// The state of a session that begins with this segment: a SYN opens it, anything else means that the
/// connection is older than the session (`transport-state-enforcement allow`).
pub const fn opening(segment: Segment) -> TcpState {
    match segment {
        Segment::Syn => TcpState::SynSent,
        Segment::SynAck | Segment::Ack => TcpState::Established,
        Segment::Fin => TcpState::FinWait(Direction::Forward),
        Segment::Rst => TcpState::Reset,
    }
}

/// The state after `segment` went by in `direction`.
pub const fn next(state: TcpState, direction: Direction, segment: Segment) -> TcpState {
    match segment {
        Segment::Rst => TcpState::Reset,
        Segment::Syn => after_syn(state, direction),
        Segment::SynAck => after_syn_ack(state, direction),
        Segment::Ack => after_ack(state),
        Segment::Fin => after_fin(state, direction),
    }
}

/// A SYN of the opener begins a new connection on the old five-tuple once the old one is over (RFC
/// 9293 §3.6.1, RFC 6191). Within a live connection it is a retransmission or forged, and the receiver
/// answers it with a challenge ACK (RFC 5961 §4): nothing changes. A SYN of the other side is a
/// simultaneous open (RFC 9293 §3.5, RFC 5382 REQ-2); after the end it may not reopen from outside
/// what was opened from inside.
const fn after_syn(state: TcpState, direction: Direction) -> TcpState {
    match (state, direction) {
        (TcpState::SynSent, Direction::Reverse) => TcpState::SynReceived,
        (TcpState::TimeWait | TcpState::Reset | TcpState::Closing, Direction::Forward) => {
            TcpState::SynSent
        }
        (
            TcpState::SynSent
            | TcpState::SynReceived
            | TcpState::Established
            | TcpState::FinWait(_)
            | TcpState::Closing
            | TcpState::TimeWait
            | TcpState::Reset,
            Direction::Forward | Direction::Reverse,
        ) => state,
    }
}

const fn after_syn_ack(state: TcpState, direction: Direction) -> TcpState {
    match (state, direction) {
        (TcpState::SynSent, Direction::Reverse) => TcpState::SynReceived,
        // The opener's SYN-ACK belongs to a simultaneous open; the other's one is a retransmission.
        (
            TcpState::SynSent
            | TcpState::SynReceived
            | TcpState::Established
            | TcpState::FinWait(_)
            | TcpState::Closing
            | TcpState::TimeWait
            | TcpState::Reset,
            Direction::Forward | Direction::Reverse,
        ) => state,
    }
}

/// An ACK of either side completes the handshake: the opener's is the third segment, and the other side
/// only sends one after it (or after a simultaneous open, where no third segment exists). After both
/// FINs any ACK counts as the last one; whether it is makes no difference to any timeout.
const fn after_ack(state: TcpState) -> TcpState {
    match state {
        TcpState::SynReceived | TcpState::Established => TcpState::Established,
        TcpState::Closing | TcpState::TimeWait => TcpState::TimeWait,
        // Before the answer to a SYN an ACK can only be a stray of an older connection.
        TcpState::SynSent => TcpState::SynSent,
        TcpState::FinWait(side) => TcpState::FinWait(side),
        TcpState::Reset => TcpState::Reset,
    }
}

/// A FIN is retransmitted until it is acknowledged, so each further one of the same side says nothing.
const fn after_fin(state: TcpState, direction: Direction) -> TcpState {
    match (state, direction) {
        (TcpState::SynReceived | TcpState::Established, side) => TcpState::FinWait(side),
        (TcpState::FinWait(Direction::Forward), Direction::Reverse)
        | (TcpState::FinWait(Direction::Reverse), Direction::Forward) => TcpState::Closing,
        (
            TcpState::SynSent
            | TcpState::FinWait(_)
            | TcpState::Closing
            | TcpState::TimeWait
            | TcpState::Reset,
            Direction::Forward | Direction::Reverse,
        ) => state,
    }
}

/// Whether the connection is over, with or without grace.
pub const fn is_over(state: TcpState) -> bool {
    match state {
        TcpState::TimeWait | TcpState::Reset => true,
        TcpState::SynSent
        | TcpState::SynReceived
        | TcpState::Established
        | TcpState::FinWait(_)
        | TcpState::Closing => false,
    }
}
