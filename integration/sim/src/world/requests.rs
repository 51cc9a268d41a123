//! Nodes ask for something, and are told what became of it.

use std::sync::Arc;

use raft::MemberKind;
use types::NodeId;

use super::{Violation, World};
use crate::invariant::Observation;
use crate::member::Member;
use crate::workload::{Request, Told};

/// Requests that one node has open, at most: operators wait for answers, and daemons do.
const OPEN: usize = 8;

impl World {
    /// Lets the nodes ask whose time has come.
    pub(super) fn make_requests(&mut self) -> Result<(), Violation> {
        if self.now >= self.calm_at {
            return Ok(());
        }
        let now = self.now;
        let mut asked = Vec::new();
        for member in &mut self.members {
            let due = self
                .next_request
                .get(&member.id)
                .is_some_and(|at| *at <= now);
            if member.kind != MemberKind::Node || !due {
                continue;
            }
            let (node, lives) = (member.id, member.lives);
            self.next_request.insert(node, now + self.workload.pause());
            let Some(life) = member.awake() else {
                continue;
            };
            let workload = &mut self.workload;
            let opened = workload.opened.len();
            life.look(|cluster| workload.open_sessions(node, lives, cluster));
            for opened in workload.opened.iter().skip(opened) {
                self.trace
                    .note(|| format!("node {node} opens session {}", opened.id));
            }
            let open = self.open.values().filter(|open| open.node == node);
            if open.count() < OPEN {
                asked.push((
                    node,
                    life.look(|cluster| workload.request(node, now, cluster)),
                ));
            }
        }
        asked
            .into_iter()
            .try_for_each(|(node, request)| self.ask(node, request))
    }

    /// Puts `request` to the control group on `node`.
    pub(super) fn ask(&mut self, node: NodeId, request: Request) -> Result<(), Violation> {
        self.trace.note(|| {
            let Request { id, command, .. } = &request;
            format!("node {node} asks {id}: {command}")
        });
        self.observe(&Observation::Asked(&request))?;
        let answered = Arc::clone(&self.workload.answered);
        let (id, command) = (request.id, request.command.clone());
        if let Some(life) = self.member(node).and_then(Member::awake) {
            let control = life.cluster.control.clone();
            life.spawn(async move {
                let told = Told::from(control.propose(command).await);
                answered.lock().push((id, told));
            });
            self.open.insert(id, request);
        }
        Ok(())
    }

    /// Hears what nodes were told.
    pub(super) fn hear_answers(&mut self) -> Result<(), Violation> {
        let answered = std::mem::take(&mut *self.workload.answered.lock());
        for (id, told) in answered {
            let Some(request) = self.open.remove(&id) else {
                continue;
            };
            self.trace.note(|| format!("request {id}: {told:?}"));
            self.answers += 1;
            let at = self.now;
            self.observe(&Observation::Told {
                request: &request,
                told: &told,
                at,
            })?;
            self.last_told.insert(request.node, told);
        }
        Ok(())
    }

    /// Forgets requests of lives that have ended: nobody will be told.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.open.retain(|_, request| request.node != node);
    }
}
