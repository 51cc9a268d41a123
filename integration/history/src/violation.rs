//! Why no register could have told a history.

use crate::record::{Commit, Moment, Read};

/// What is wrong with a history.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Violation {
    /// Two clients know one revision by two texts: one of them was lost, or was never there.
    #[error("revision {revision} is two texts: {:016x} and {:016x}", digests[0], digests[1])]
    TwoTexts {
        /// The revision.
        revision: u64,
        /// Their digests.
        digests: [u64; 2],
    },
    /// Somebody was told of a revision, and in the end it is not there.
    #[error("revision {revision} was told of and is lost: node {node} ends with {ends_with}")]
    Lost {
        /// The newest that anybody was told of.
        revision: u64,
        /// A node.
        node: u8,
        /// What it runs in the end.
        ends_with: u64,
    },
    /// No order of the commits explains their answers.
    #[error(
        "no order explains the answers: after {explained} of {of}, with {revision} the newest, \
         nothing explains {commit:?}"
    )]
    Inexplicable {
        /// Most answers that an order explains.
        explained: usize,
        /// All answers.
        of: usize,
        /// The newest revision after those.
        revision: u64,
        /// The commit whose answer stands against it.
        commit: Option<Commit>,
    },
    /// A node ran what nobody had proposed.
    #[error("nobody has proposed what was read: {read:?}")]
    Invented {
        /// The read.
        read: Read,
    },
    /// A node ran something before it was proposed.
    #[error("it was proposed at {asked:?}, and read before: {read:?}")]
    Ahead {
        /// The read.
        read: Read,
        /// When the commit left its client.
        asked: Moment,
    },
    /// A node went back.
    #[error("a node went back: {before:?}, and then {read:?}")]
    WentBack {
        /// The earlier read.
        before: Read,
        /// The later read.
        read: Read,
    },
}
