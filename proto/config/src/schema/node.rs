//! `authority router node`: one machine.

use super::authority::NAME;
use super::interface::DEVICE_INTERFACE;
use super::{Branch, Disturbs, Item, Kind, Leaf};
use crate::keyword::{ProcessorMode, words};

/// What the machine does.
pub static ROLE: Leaf = Leaf::new(
    "role",
    Kind::Only("combo"),
    "What the node does: combo controls and forwards.",
)
.default("combo")
.disturbs(Disturbs::Restart);

/// Whether sessions spread over processors.
pub static SESSION_SETUP_SCALING: Leaf = Leaf::new(
    "session-setup-scaling",
    Kind::Flag,
    "Whether several processors share the sessions; false means one processor. Same on both nodes.",
)
.default("true")
.disturbs(Disturbs::Restart);

/// Who says how many processors.
pub static SESSION_PROCESSOR_MODE: Leaf = Leaf::new(
    "session-processor-mode",
    Kind::Choice(words::<ProcessorMode>),
    "Whether the node derives the number of session processors from its cores. Same on both nodes.",
)
.default("automatic")
.disturbs(Disturbs::Restart);

/// How many processors.
pub static SESSION_PROCESSOR_COUNT: Leaf = Leaf::new(
    "session-processor-count",
    Kind::number(1, 64),
    "Number of session processors in manual mode, fewer than cores. Same on both nodes.",
)
.disturbs(Disturbs::Restart);

/// One machine.
pub static NODE: Branch = Branch {
    name: "node",
    keys: &[&NAME],
    items: &[
        Item::Leaf(&ROLE),
        Item::Leaf(&SESSION_SETUP_SCALING),
        Item::Leaf(&SESSION_PROCESSOR_MODE),
        Item::Leaf(&SESSION_PROCESSOR_COUNT),
        Item::Branch(&DEVICE_INTERFACE),
    ],
    since: "0.1",
    help: "One machine of the router; its node.toml has the same name.",
};
