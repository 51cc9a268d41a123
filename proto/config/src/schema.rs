//! The one description of the configuration tree: what exists, what it may hold, what it defaults to.
//!
//! Parser, validation, help and manual all read these tables, so none of them can disagree. A leaf
//! is in here only when something acts on it.
//!
//! ```text
//! branch  config > authority > router <name> > node <name> > …      a container, or a list with keys
//! leaf    … > vrrp > vrid                                            one value, or several
//! ```

use core::fmt;

pub mod authority;
pub mod interface;
pub mod kind;
pub mod node;
pub mod router;

pub use kind::{Fault, Kind};

/// What a branch holds.
#[derive(Clone, Copy, Debug)]
pub enum Item {
    /// A container or a list.
    Branch(&'static Branch),
    /// A value.
    Leaf(&'static Leaf),
}

impl Item {
    /// The word that operators type.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Branch(branch) => branch.name,
            Self::Leaf(leaf) => leaf.name,
        }
    }

    /// One line for people.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Branch(branch) => branch.help,
            Self::Leaf(leaf) => leaf.help,
        }
    }
}

/// A container (no keys) or a list, whose entries their keys tell apart.
#[derive(Debug)]
pub struct Branch {
    /// The word that operators type.
    pub name: &'static str,
    /// What identifies an entry of a list; empty for a container.
    pub keys: &'static [&'static Leaf],
    /// What it holds, in the order in which it is shown.
    pub items: &'static [Item],
    /// The product version that brought it.
    pub since: &'static str,
    /// One line for people.
    pub help: &'static str,
}

impl Branch {
    /// What `name` means in here; keys are not among it.
    pub fn item(&self, name: &str) -> Option<Item> {
        self.items.iter().find(|item| item.name() == name).copied()
    }

    /// Every word that may stand in here: keys first, then items.
    pub fn words(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.keys
            .iter()
            .map(|key| key.name)
            .chain(self.items.iter().map(Item::name))
    }
}

/// A value.
#[derive(Debug)]
pub struct Leaf {
    /// The word that operators type.
    pub name: &'static str,
    /// Which values are values.
    pub kind: Kind,
    /// Whether it may be left out, and what holds then.
    pub presence: Presence,
    /// Unit of a number, such as `ms`; empty when it has none.
    pub unit: &'static str,
    /// What a change can disturb.
    pub disturbs: Disturbs,
    /// The product version that brought it.
    pub since: &'static str,
    /// One line for people.
    pub help: &'static str,
}

impl Leaf {
    /// An optional leaf that disturbs nothing.
    const fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self {
            name,
            kind,
            presence: Presence::Optional,
            unit: "",
            disturbs: Disturbs::None,
            since: "0.1",
            help,
        }
    }

    const fn required(mut self) -> Self {
        self.presence = Presence::Required;
        self
    }

    const fn default(mut self, value: &'static str) -> Self {
        self.presence = Presence::Default(value);
        self
    }

    const fn at_least_one(mut self) -> Self {
        self.presence = Presence::AtLeastOne;
        self
    }

    const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    const fn disturbs(mut self, disturbs: Disturbs) -> Self {
        self.disturbs = disturbs;
        self
    }

    /// The default, when there is one.
    pub const fn default_value(&self) -> Option<&'static str> {
        match self.presence {
            Presence::Default(value) => Some(value),
            Presence::Required | Presence::Optional | Presence::AtLeastOne => None,
        }
    }

    /// Whether it takes several values, one a line.
    pub const fn is_list(&self) -> bool {
        match self.presence {
            Presence::AtLeastOne => true,
            Presence::Required | Presence::Optional | Presence::Default(_) => false,
        }
    }

    /// Whether a change takes effect only when the process starts again.
    pub const fn needs_restart(&self) -> bool {
        match self.disturbs {
            Disturbs::Restart => true,
            Disturbs::None | Disturbs::Flow | Disturbs::Interface | Disturbs::Failover => false,
        }
    }
}

/// Whether a leaf may be left out, and what holds then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presence {
    /// It must be there.
    Required,
    /// It may be missing, and that means something of its own.
    Optional,
    /// Left out, it has this value.
    Default(&'static str),
    /// It takes several values, at least one.
    AtLeastOne,
}

/// What a change of a leaf can disturb on a running node.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Disturbs {
    /// Nothing.
    None,
    /// Sessions that it is about.
    Flow,
    /// All traffic of one interface.
    Interface,
    /// It may move the active role.
    Failover,
    /// It needs a restart of the node's process.
    Restart,
}

impl fmt::Display for Disturbs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Flow => "flow",
            Self::Interface => "interface",
            Self::Failover => "failover",
            Self::Restart => "restart",
        })
    }
}

/// The top of the tree.
pub static CONFIG: Branch = Branch {
    name: "config",
    keys: &[],
    items: &[Item::Branch(&authority::AUTHORITY)],
    since: "0.1",
    help: "The configuration that all members share.",
};

/// Idle timeouts of a protocol, for traffic that no session-type matches.
#[derive(Debug)]
pub struct ProtocolTimeouts {
    /// The protocol.
    pub protocol: &'static str,
    /// Once established, in milliseconds.
    pub timeout_ms: u64,
    /// Until established, in milliseconds.
    pub initial_timeout_ms: u64,
}

/// TCP without a session-type.
pub static TCP_TIMEOUTS: ProtocolTimeouts = ProtocolTimeouts {
    protocol: "tcp",
    timeout_ms: 1_900_000,
    initial_timeout_ms: 10_000,
};

/// UDP without a session-type. A sender that nobody answers keeps its mapping as long as any other:
/// RFC 4787 REQ-5 wants two minutes at least.
pub static UDP_TIMEOUTS: ProtocolTimeouts = ProtocolTimeouts {
    protocol: "udp",
    timeout_ms: 180_000,
    initial_timeout_ms: 180_000,
};

/// ICMP and ICMPv6 without a session-type.
pub static ICMP_TIMEOUTS: ProtocolTimeouts = ProtocolTimeouts {
    protocol: "icmp",
    timeout_ms: 10_000,
    initial_timeout_ms: 10_000,
};

/// A place in the schema.
#[derive(Clone, Debug)]
pub struct Place {
    /// Words from the top, without `config`; keys stand in angle brackets.
    pub path: String,
    /// What stands there.
    pub item: Item,
    /// Whether it is one of the keys of the list that holds it.
    pub is_key: bool,
    /// How deep it stands; the authority is at 1.
    pub depth: usize,
}

/// Everything in the schema, parents before their children.
pub fn walk() -> impl Iterator<Item = Place> {
    let mut pending = vec![Place {
        path: String::new(),
        item: Item::Branch(&CONFIG),
        is_key: false,
        depth: 0,
    }];
    core::iter::from_fn(move || {
        let place = pending.pop()?;
        if let Item::Branch(branch) = place.item {
            // Pushed backwards, so that they come out in the order of the tables.
            pending.extend(children(&place, branch).into_iter().rev());
        }
        Some(place)
    })
    .skip(1) // `config` itself has neither a path nor anything to say
}

fn children(parent: &Place, branch: &'static Branch) -> Vec<Place> {
    let place = |item: Item, is_key: bool| {
        let mut path = parent.path.clone();
        if !path.is_empty() {
            path.push(' ');
        }
        path.push_str(item.name());
        if let Item::Branch(list) = item {
            for key in list.keys {
                path.push_str(" <");
                path.push_str(key.name);
                path.push('>');
            }
        }
        Place {
            path,
            item,
            is_key,
            depth: parent.depth + 1,
        }
    };
    let keys = branch.keys.iter().map(|key| place(Item::Leaf(key), true));
    let items = branch.items.iter().map(|item| place(*item, false));
    keys.chain(items).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_own_leaf() {
        for place in walk() {
            if let Item::Leaf(leaf) = place.item
                && let Some(value) = leaf.default_value()
            {
                assert!(leaf.kind.check(value).is_ok(), "{}", place.path);
            }
        }
    }

    #[test]
    fn every_item_has_help_that_is_a_sentence_and_a_name_of_its_own() {
        for place in walk() {
            let help = place.item.help();
            assert!(help.ends_with('.') && help.len() > 10, "{}", place.path);
            if let Item::Branch(branch) = place.item {
                let mut words: Vec<_> = branch.words().collect();
                words.sort_unstable();
                words.dedup();
                assert_eq!(words.len(), branch.words().count(), "{}", place.path);
            }
        }
    }

    #[test]
    fn the_walk_comes_to_the_leaf_that_lies_deepest() {
        let paths: Vec<_> = walk().map(|place| place.path).collect();
        let deepest = "authority router <name> node <name> device-interface <name> \
                       network-interface <name> address <ip-address> utility-ip-address";
        assert!(paths.iter().any(|path| path == deepest), "{paths:#?}");
    }
}
