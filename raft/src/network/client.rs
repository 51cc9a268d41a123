//! Requests to one member: who is meant, on which lane, for how long.

use std::sync::Arc;
use std::time::Duration;

use proto::raft::{Header, Kind, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use types::NodeId;

use super::transport::{Failure, Lane, Peers};
use super::turn::Turn;
use super::{run, seal};
use crate::group::{Group, GroupName, MemberId};
use crate::local::Local;
use crate::plan::{GroupTiming, MemberKind};
use crate::store::{decode, encode};
use crate::version;

/// Makes the clients of one running instance.
pub(crate) struct Clients {
    pub(crate) local: Arc<Local>,
    pub(crate) peers: Peers,
    pub(crate) id: MemberId,
    pub(crate) generation: u64,
    /// Who hears of an entry when.
    pub(crate) turn: Turn,
}

impl Clients {
    pub(super) fn client<G: Group>(&self, target: u64, lane: Lane) -> Client {
        let to = MemberId::from_u64(target).map(|member| member.node);
        let strip = to.is_none_or(|node| self.local.kind_of(node) == MemberKind::Witness);
        #[cfg(feature = "mutants")]
        let strip = strip && !crate::mutants::is(crate::mutants::Mutant::ToldWitness);
        Client {
            local: Arc::clone(&self.local),
            group: G::NAME,
            header: Header {
                cluster_id: self.local.cluster_id.clone(),
                group: G::NAME.wire(),
                target,
                source: self.id.to_u64(),
                generation: self.generation,
                protocol: version::PROTOCOL,
            },
            peers: Arc::clone(&self.peers),
            to,
            strip,
            turn: self.turn.clone(),
            lane,
        }
    }
}

/// Sends requests of one group to one member.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) local: Arc<Local>,
    pub(super) group: GroupName,
    pub(super) header: Header,
    pub(super) peers: Peers,
    pub(super) to: Option<NodeId>,
    /// The target is a witness: it gets positions, not content.
    pub(super) strip: bool,
    pub(super) turn: Turn,
    pub(super) lane: Lane,
}

impl Client {
    pub(super) fn to(&self) -> Result<NodeId, Failure> {
        self.to
            .ok_or_else(|| Failure::Unsent("no member has this number".to_owned()))
    }

    /// Group and number of the member that is meant.
    pub(super) const fn line(&self) -> (GroupName, u64) {
        (self.group, self.header.target)
    }

    pub(super) fn timing(&self) -> GroupTiming {
        self.local.timing.of(self.group)
    }

    /// What the member with the number `id` is for.
    pub(super) fn kind_of(&self, id: u64) -> MemberKind {
        let member = MemberId::from_u64(id);
        member.map_or(MemberKind::Witness, |member| {
            self.local.kind_of(member.node)
        })
    }

    pub(super) fn request(&self, kind: Kind, payload: Vec<u8>) -> Request {
        self.request_in(kind, run::WHOLE, payload)
    }

    pub(super) fn request_in(&self, kind: Kind, form: u32, payload: Vec<u8>) -> Request {
        let kind = kind.into();
        Request {
            header: Some(self.header.clone()),
            kind,
            form,
            digest: Some(seal::of_question(&self.header, (kind, form), &payload)),
            payload: payload.into(),
        }
    }

    /// One question, one answer, within `patience`.
    pub(super) async fn call<Q: Serialize + Sync, A: DeserializeOwned>(
        &self,
        kind: Kind,
        lane: Lane,
        question: &Q,
        patience: Duration,
    ) -> Result<A, Failure> {
        let payload = encode(question).map_err(|error| Failure::Unsent(error.to_string()))?;
        let request = self.request(kind, payload);
        let reply = self.peers.call(self.to()?, lane, request, patience).await?;
        decode(seal::open(&reply)?).map_err(|error| Failure::Broken(error.to_string()))
    }
}
