//! Words with a meaning: each closed choice of the tree beside the values it stands for.

use crate::bootstrap::{MemberKind, PortChoice, StoreChoice};
use crate::valid::{
    InterfaceKind, Permission, Scope, SourceNat, TransportProtocol, TransportStateEnforcement,
};

/// A type whose values operators type as words.
pub(crate) trait Keyword: Copy + 'static {
    /// Every word with its value, in the order of the help.
    const WORDS: &'static [(&'static str, Self)];
}

/// The words alone, for the schema.
pub(crate) fn words<K: Keyword>() -> Vec<&'static str> {
    K::WORDS.iter().map(|(word, _)| *word).collect()
}

/// The value that `text` stands for.
pub(crate) fn value<K: Keyword>(text: &str) -> Option<K> {
    let found = K::WORDS.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value)
}

/// Who says how many session processors a node runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ProcessorMode {
    /// The node itself.
    Automatic,
    /// The operator.
    Manual,
}

impl Keyword for Scope {
    const WORDS: &'static [(&'static str, Self)] =
        &[("private", Self::Private), ("public", Self::Public)];
}

impl Keyword for Permission {
    const WORDS: &'static [(&'static str, Self)] = &[("allow", Self::Allow), ("deny", Self::Deny)];
}

impl Keyword for SourceNat {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("network-interface", Self::NetworkInterface),
        ("disabled", Self::Disabled),
    ];
}

impl Keyword for TransportStateEnforcement {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("reset", Self::Reset),
        ("block", Self::Block),
        ("allow", Self::Allow),
    ];
}

impl Keyword for TransportProtocol {
    const WORDS: &'static [(&'static str, Self)] =
        &[("tcp", Self::Tcp), ("udp", Self::Udp), ("icmp", Self::Icmp)];
}

impl Keyword for ProcessorMode {
    const WORDS: &'static [(&'static str, Self)] =
        &[("automatic", Self::Automatic), ("manual", Self::Manual)];
}

impl Keyword for InterfaceKind {
    const WORDS: &'static [(&'static str, Self)] = &[("external", Self::External)];
}

impl Keyword for MemberKind {
    const WORDS: &'static [(&'static str, Self)] =
        &[("node", Self::Node), ("witness", Self::Witness)];
}

impl Keyword for StoreChoice {
    const WORDS: &'static [(&'static str, Self)] = &[("sled", Self::Sled), ("redb", Self::Redb)];
}

impl Keyword for PortChoice {
    const WORDS: &'static [(&'static str, Self)] = &[("raw", Self::Raw), ("pnet", Self::Pnet)];
}
