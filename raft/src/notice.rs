//! What members tell each other beside agreement: figures about themselves, old after a second.
//!
//! A notice travels in the answer to a sign of life (`hello`), to nodes only and only when it is
//! another one than they have: so it needs no connection, timer or question of its own, and a witness
//! is not bothered with it. What is in it is nobody's business here.

use std::collections::BTreeMap;

use bytes::Bytes;
use parking_lot::Mutex;
use types::{Instant, NodeId};

/// The notices of all members.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    own: Mutex<Notice>,
    /// At most one a number of a node, and there are 256 of those.
    others: Mutex<BTreeMap<NodeId, Heard>>,
}

/// A notice and its number in the life of who posted it; 0 is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notice {
    pub(crate) number: u64,
    pub(crate) content: Bytes,
}

#[derive(Debug)]
struct Heard {
    notice: Notice,
    at: Instant,
}

impl Notices {
    /// Replaces this member's notice.
    pub(crate) fn post(&self, content: Bytes) {
        let mut own = self.own.lock();
        own.number += 1;
        own.content = content;
    }

    /// This member's notice, unless it is the one that the asker has `seen`. One of an earlier life has
    /// another number soon enough.
    pub(crate) fn unseen(&self, seen: u64) -> Option<Notice> {
        let own = self.own.lock();
        (own.number != 0 && own.number != seen).then(|| own.clone())
    }

    /// Another member's notice has come.
    pub(crate) fn heard(&self, member: NodeId, notice: Notice, at: Instant) {
        self.others.lock().insert(member, Heard { notice, at });
    }

    /// Number of the last notice of `member`; 0 for none.
    pub(crate) fn seen(&self, member: NodeId) -> u64 {
        self.of(member).map_or(0, |(notice, _)| notice.number)
    }

    /// The last notice of `member`, and when it came.
    pub(crate) fn of(&self, member: NodeId) -> Option<(Notice, Instant)> {
        let others = self.others.lock();
        let heard = others.get(&member)?;
        Some((heard.notice.clone(), heard.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_told_until_it_has_been_seen() {
        let notices = Notices::default();
        assert!(notices.unseen(0).is_none(), "nothing is posted yet");
        notices.post(Bytes::from_static(b"first"));
        let first = notices.unseen(0).unwrap();
        assert!(notices.unseen(first.number).is_none());
        notices.post(Bytes::from_static(b"second"));
        assert_eq!(
            notices.unseen(first.number).unwrap().content,
            Bytes::from_static(b"second")
        );
    }

    #[test]
    fn what_was_heard_is_kept_with_its_moment() {
        let notices = Notices::default();
        let notice = Notice {
            number: 7,
            content: Bytes::from_static(b"word"),
        };
        notices.heard(NodeId(2), notice, Instant::from_nanos(5));
        assert_eq!((notices.seen(NodeId(2)), notices.seen(NodeId(9))), (7, 0));
        let (_, at) = notices.of(NodeId(2)).unwrap();
        assert_eq!(at, Instant::from_nanos(5));
    }
}
