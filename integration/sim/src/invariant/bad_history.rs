//! Each invariant rejects a history that breaks it, made by hand.

mod commits;
mod ends;
mod lineages;
mod owners;

use raft::seam::{Content, Place};
use raft::{GroupName, MemberKind};
use raft_state::{
    ControlCommand, ControlLineage, ControlOutcome, ControlState, Incarnation, Versioned,
};
use types::{Epoch, Name, NodeId, Revision};

use super::*;

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const W: NodeId = NodeId(3);
/// The first lineage, founded by node 1.
const LINEAGE: u64 = 0x101;

fn set(base: u64, text: &str) -> ControlCommand {
    ControlCommand::SetConfig {
        base: Revision(base),
        text: text.to_owned(),
        author: "root".to_owned(),
        at_unix_ms: 1,
    }
}

fn claim(node: NodeId, held: u16) -> ControlCommand {
    ControlCommand::ClaimPortBlocks {
        node,
        address: "198.51.100.1".parse().unwrap(),
        held,
        count: 1,
    }
}

fn state(commands: &[ControlCommand]) -> ControlState {
    let mut state = ControlState::default();
    for command in commands {
        state.apply(command);
    }
    state
}

const fn place(group: GroupName, index: u64) -> Place {
    Place {
        group,
        generation: LINEAGE,
        index,
        term: 1,
    }
}

/// What the invariant `name` says last of these observations; all before are fine with it.
fn verdict(name: &str, observations: &[Observation<'_>]) -> Result<(), String> {
    let mut invariant = all(Topology::PairWitness)
        .into_iter()
        .find(|invariant| invariant.name() == name)
        .unwrap();
    let (last, before) = observations.split_last().unwrap();
    for observation in before {
        assert_eq!(invariant.see(observation), Ok(()));
    }
    invariant.see(last)
}

fn applied<'a>(
    member: NodeId,
    index: u64,
    content: &'a Content,
    state: &'a ControlState,
) -> Observation<'a> {
    let kind = if member == W {
        MemberKind::Witness
    } else {
        MemberKind::Node
    };
    Observation::Applied {
        member,
        kind,
        place: place(GroupName::Control, index),
        content,
        state: Applied::Control(state),
    }
}

fn request(id: u64, node: NodeId, at: u64, command: ControlCommand) -> Request {
    Request {
        id,
        node,
        at: Millis(at),
        command,
    }
}

fn told<'a>(request: &'a Request, told: &'a Told, at: u64) -> Observation<'a> {
    Observation::Told {
        request,
        told,
        at: Millis(at),
    }
}

fn made(revision: u64) -> Told {
    Told::Outcome(ControlOutcome::ConfigSet {
        revision: Revision(revision),
    })
}

fn stale(current: u64) -> Told {
    Told::Outcome(ControlOutcome::ConfigStale {
        current: Revision(current),
    })
}

fn lineage(wire: u64) -> LineageView {
    LineageView {
        lineage: ControlLineage::from_wire(wire),
        ..LineageView::default()
    }
}

fn end(node: NodeId, control: &ControlState) -> Final {
    Final {
        id: node,
        kind: MemberKind::Node,
        lineage: lineage(LINEAGE),
        control: control.clone(),
        state: ClusterState::default(),
        leaders: [Some(A), Some(A)],
        disk_has_secret: false,
    }
}

fn applied_in(wire: u64, member: NodeId, state: &ControlState) -> Observation<'_> {
    let Observation::Applied { place, .. } = applied(member, 5, &Content::Snapshot, state) else {
        unreachable!("made above");
    };
    Observation::Applied {
        member,
        kind: MemberKind::Node,
        place: Place {
            generation: wire,
            ..place
        },
        content: &Content::Snapshot,
        state: Applied::Control(state),
    }
}
