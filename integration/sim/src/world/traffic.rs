//! Letters are delivered, members run, and what came of it is looked at.

use raft::MemberKind;
use raft::seam::Failure;
use types::NodeId;

use super::{Violation, World};
use crate::invariant::{Applied, Observation};
use crate::member::{Seen, State};
use crate::network::{Body, Letter, Part};
use crate::operator::ended;

/// Between two looks at whether a group has ended somewhere.
const LOOK: u64 = 100;

impl World {
    /// Hands out everything that has arrived.
    pub(super) fn deliver(&mut self) -> Result<(), Violation> {
        while let Some(first) = self.under_way.first_entry() {
            let (arrival, _) = *first.key();
            if arrival > self.now {
                break;
            }
            let letter = first.remove();
            if self.network.is_open(letter.from, letter.to) {
                self.hand_out(letter)?;
            }
        }
        Ok(())
    }

    fn hand_out(&mut self, letter: Letter) -> Result<(), Violation> {
        self.trace.note(|| describe("arrives", &letter));
        let question = match letter.body {
            Body::Answer(answer) => {
                self.outbox.lock().answer(letter.ticket, answer);
                return Ok(());
            }
            Body::Part(Part::Reply(number, reply)) => {
                self.outbox.lock().replied(letter.ticket, number, reply);
                return Ok(());
            }
            Body::Part(part) => return self.hand_on(part, (letter.from, letter.to), letter.ticket),
            Body::Question(question) => question,
        };
        let Some(member) = self.members.iter().find(|member| member.id == letter.to) else {
            return Ok(());
        };
        let Some(life) = &member.life else {
            if self.refuses {
                let refusal = Failure::Unsent("connection refused".to_owned());
                self.send(&Letter {
                    from: letter.to,
                    to: letter.from,
                    ticket: letter.ticket,
                    body: Body::Answer(Err(refusal)),
                });
            }
            return Ok(());
        };
        let answer = Letter {
            from: letter.to,
            to: letter.from,
            ticket: letter.ticket,
            // Until there is a better one.
            body: Body::Answer(Err(Failure::Broken("no answer".to_owned()))),
        };
        life.deliver(question.clone(), answer, &self.outbox);
        let to = member.kind;
        for bytes in question.parts() {
            self.observe(&Observation::Carried { to, bytes })?;
        }
        Ok(())
    }

    /// Hands a part of a stream to the member that answers it.
    fn hand_on(
        &mut self,
        part: Part,
        (from, to): (NodeId, NodeId),
        ticket: u64,
    ) -> Result<(), Violation> {
        let refusal = self.refuses.then(|| match &part {
            Part::Open => Failure::Unsent("connection refused".to_owned()),
            Part::Question(..) | Part::End(_) | Part::Reply(..) => {
                Failure::Broken("the connection was reset".to_owned())
            }
        });
        let envelope = |body| Letter {
            from: to,
            to: from,
            ticket,
            body,
        };
        let outbox = std::sync::Arc::clone(&self.outbox);
        let Some(member) = self.members.iter_mut().find(|member| member.id == to) else {
            return Ok(());
        };
        let Some(life) = &mut member.life else {
            if let Some(refusal) = refusal {
                self.send(&envelope(Body::Part(Part::Reply(0, Err(refusal)))));
            }
            return Ok(());
        };
        let kind = member.kind;
        let carried = match &part {
            Part::Question(_, bytes) => Some(bytes.clone()),
            Part::Open | Part::End(_) | Part::Reply(..) => None,
        };
        life.flow(part.clone(), envelope(Body::Part(part)), &outbox);
        match carried {
            Some(bytes) => self.observe(&Observation::Carried {
                to: kind,
                bytes: &bytes,
            }),
            None => Ok(()),
        }
    }

    fn send(&mut self, letter: &Letter) {
        let arrivals = self.network.fate(letter, self.now);
        if arrivals.is_empty() {
            self.trace.note(|| describe("is lost", letter));
        }
        for arrival in arrivals {
            self.sent += 1;
            self.under_way.insert((arrival, self.sent), letter.clone());
        }
    }

    pub(super) fn run_members(&mut self) {
        let (step, now) = (self.step, self.now);
        for member in &mut self.members {
            if let Some(life) = member.awake() {
                life.run(step, now);
            }
        }
        self.spring_ambushes();
    }

    /// Looks at what members have sent, applied, answered.
    pub(super) fn collect(&mut self) -> Result<(), Violation> {
        let letters = std::mem::take(&mut self.outbox.lock().letters);
        for letter in letters {
            self.trace.note(|| describe("is sent", &letter));
            self.send(&letter);
        }
        let mut seen = Vec::new();
        for member in &self.members {
            if let Some(life) = &member.life {
                let new = life.seen().into_iter();
                seen.extend(new.map(|seen| (member.id, member.kind, seen)));
            }
        }
        for (member, kind, seen) in &seen {
            self.applied(*member, *kind, seen)?;
        }
        self.hear_answers()?;
        if self.now.0 % LOOK < self.step.0 {
            self.look_for_ends()?;
        }
        Ok(())
    }

    fn applied(&mut self, member: NodeId, kind: MemberKind, seen: &Seen) -> Result<(), Violation> {
        let state = match &seen.state {
            State::Control(state) => Applied::Control(state),
            State::State(state) => Applied::State(state),
        };
        self.trace.note(|| {
            let place = seen.place;
            let has = match state {
                Applied::Control(state) => format!("revision {}", state.revision()),
                Applied::State(state) => format!("{} sessions", state.session_count()),
            };
            format!(
                "node {member} applies {}.{} {}/{}, has {has}",
                place.group, place.generation, place.term, place.index
            )
        });
        self.observe(&Observation::Applied {
            member,
            kind,
            place: seen.place,
            content: &seen.content,
            state,
        })
    }

    fn look_for_ends(&mut self) -> Result<(), Violation> {
        let mut ends = Vec::new();
        for member in &mut self.members {
            let id = member.id;
            if let Some(reason) = member.awake().and_then(|life| ended(life)) {
                ends.push((id, reason));
            }
        }
        for (member, reason) in ends {
            self.observe(&Observation::Stopped {
                member,
                reason: &reason,
            })?;
        }
        Ok(())
    }
}

fn describe(what: &str, letter: &Letter) -> String {
    let Letter {
        from,
        to,
        ticket,
        body,
    } = letter;
    match body {
        Body::Question(question) => format!("{from}→{to} #{ticket} {question} {what}"),
        Body::Answer(Ok(bytes)) => {
            let digest = crate::network::digest(bytes);
            format!("{from}→{to} #{ticket} answer {digest:08x} {what}")
        }
        Body::Answer(Err(failure)) => format!("{from}→{to} #{ticket} {failure} {what}"),
        Body::Part(part) => format!("{from}→{to} ={ticket} {part} {what}"),
    }
}
