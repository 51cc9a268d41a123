//! What must hold in every run, one invariant a file.
//!
//! Invariants see what an onlooker sees: what members apply, what nodes ask and are told, what is
//! carried to whom, and how everybody is in the end. They share nothing with the code that they judge.

mod blind_witness;
mod equal_in_the_end;
mod honest_answers;
mod keeps_running;
mod linearizable;
mod log_matching;
mod no_lost_commit;
mod no_lost_session;
mod no_port_twice;
mod one_generation;
mod one_lineage;
mod one_owner;

use raft::seam::{Content, Place};
use raft::{LineageView, MemberKind};
use raft_state::{ClusterState, ControlState};
use types::NodeId;

use crate::clock::Millis;
use crate::topology::Topology;
use crate::workload::{Opened, Request, Told};

/// Something that an onlooker sees.
#[derive(Clone, Copy, Debug)]
pub enum Observation<'a> {
    /// A member has applied something.
    Applied {
        /// Who.
        member: NodeId,
        /// What for.
        kind: MemberKind,
        /// Where in the log.
        place: Place,
        /// What.
        content: &'a Content,
        /// And has this now.
        state: Applied<'a>,
    },
    /// A node asks for something.
    Asked(&'a Request),
    /// A node is told what became of it.
    Told {
        /// What was asked.
        request: &'a Request,
        /// The answer.
        told: &'a Told,
        /// When.
        at: Millis,
    },
    /// Something is carried to a member.
    Carried {
        /// What the member is for.
        to: MemberKind,
        /// The message.
        bytes: &'a [u8],
    },
    /// A member has an older disk from now on.
    Aged(NodeId),
    /// A group has ended at a member that has power.
    Stopped {
        /// Where.
        member: NodeId,
        /// What it says.
        reason: &'a str,
    },
    /// All is calm, and everything has had its time.
    Ended(&'a End),
}

impl<'a> Observation<'a> {
    /// How everything is in the end, for those who look at nothing else.
    const fn end(&self) -> Option<&'a End> {
        match self {
            Self::Ended(end) => Some(end),
            Self::Applied { .. }
            | Self::Asked(_)
            | Self::Told { .. }
            | Self::Carried { .. }
            | Self::Aged(_)
            | Self::Stopped { .. } => None,
        }
    }
}

/// The state after something was applied.
#[derive(Clone, Copy, Debug)]
pub enum Applied<'a> {
    /// The control group's.
    Control(&'a ControlState),
    /// The state group's.
    State(&'a ClusterState),
}

/// How everything is in the end.
#[derive(Clone, Debug, Default)]
pub struct End {
    /// All members.
    pub members: Vec<Final>,
    /// Sessions whose opener lives still, in the same life.
    pub living: Vec<Opened>,
}

/// One member in the end.
#[derive(Clone, Debug)]
pub struct Final {
    /// Who.
    pub id: NodeId,
    /// What for.
    pub kind: MemberKind,
    /// Where it stands among the lineages of the control group.
    pub lineage: LineageView,
    /// Its control state.
    pub control: ControlState,
    /// Its sessions.
    pub state: ClusterState,
    /// Who leads, as far as it knows: the control group, the state group.
    pub leaders: [Option<NodeId>; 2],
    /// Whether its disk holds something of a configuration.
    pub disk_has_secret: bool,
}

impl End {
    /// The members that forward.
    pub fn nodes(&self) -> impl Iterator<Item = &Final> {
        let members = self.members.iter();
        members.filter(|member| member.kind == MemberKind::Node)
    }
}

/// Something that must hold.
pub trait Invariant: std::fmt::Debug {
    /// Its name: that of its file.
    fn name(&self) -> &'static str;
    /// Takes note; an error says what is wrong.
    fn see(&mut self, observation: &Observation<'_>) -> Result<(), String>;
}

/// All that must hold in runs of `topology`.
pub fn all(topology: Topology) -> Vec<Box<dyn Invariant>> {
    let mut all: Vec<Box<dyn Invariant>> = vec![
        Box::<blind_witness::BlindWitness>::default(),
        Box::<equal_in_the_end::EqualInTheEnd>::default(),
        Box::<honest_answers::HonestAnswers>::default(),
        Box::<keeps_running::KeepsRunning>::default(),
        Box::<log_matching::LogMatching>::default(),
        Box::<no_lost_commit::NoLostCommit>::default(),
        Box::<no_lost_session::NoLostSession>::default(),
        Box::<no_port_twice::NoPortTwice>::default(),
        Box::<one_generation::OneGeneration>::default(),
        Box::<one_lineage::OneLineage>::default(),
        Box::<one_owner::OneOwner>::default(),
    ];
    // Two nodes that go on apart make two histories, and the one that loses becomes candidates.
    if !topology.survives() {
        all.push(Box::<linearizable::Linearizable>::default());
    }
    all
}

#[cfg(test)]
mod bad_history;
