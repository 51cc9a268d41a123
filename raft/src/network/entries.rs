//! Entries on their way to one member: when they go, what a witness gets of them, what their answers say.

use futures::{Stream, StreamExt};
use openraft::raft::{AppendEntriesRequest, StreamAppendResult};
use openraft::{EntryPayload, OptionalSend};
use proto::raft::{Kind, Request};

use super::believed::Sent;
use super::client::Client;
use super::transport::Failure;
use super::{run, seal};
use crate::config::in_message;
use crate::group::{Group, LogId, Types, position};
use crate::store::{decode, encode};

/// Heartbeats for which the witness waits for the other node.
const LATE: u32 = 3;

type Requests<G> = futures::stream::BoxStream<'static, AppendEntriesRequest<Types<G>>>;

/// `input` as fast as the member has to hear it. It is composed when it is asked for, so what waits comes
/// in larger pieces.
pub(super) fn paced<G: Group>(
    client: Client,
    input: impl Stream<Item = AppendEntriesRequest<Types<G>>> + OptionalSend + Unpin + 'static,
) -> Requests<G> {
    let full = usize::try_from(in_message(G::NAME)).unwrap_or(usize::MAX);
    let begin = (input, client, None);
    let paced = futures::stream::unfold(begin, move |(mut input, mut client, last)| async move {
        client.pace(last).await;
        let request = input.next().await?;
        client.turn(&request).await;
        // Behind a full one there is more already.
        let last = (request.entries.len() < full).then(|| client.local.clock.now());
        Some((request, (input, client, last)))
    });
    paced.boxed()
}

impl Client {
    /// Waits until a witness may hear of everything in `rpc`.
    pub(super) async fn turn<G: Group>(&mut self, rpc: &AppendEntriesRequest<Types<G>>) {
        #[cfg(feature = "mutants")]
        if crate::mutants::is(crate::mutants::Mutant::WitnessToldFirst) {
            return;
        }
        if let (true, Some(last)) = (self.strip, rpc.entries.last()) {
            // How far a witness is does not make the other node late.
            let timing = self.timing();
            let rtt = self.local.timing.rtt;
            let patience = timing.heartbeat.saturating_sub(rtt) * LATE + rtt;
            self.turn
                .of_witness(position::<G>(&last.log_id), patience)
                .await;
        }
    }

    /// A node holds everything up to `last`.
    pub(super) fn holds<G: Group>(&self, last: Option<LogId<G>>) {
        if let (false, Some(last)) = (self.strip, last) {
            self.turn.holds(self.header.target, position::<G>(&last));
        }
    }

    /// Something could not be sent: whoever is not even connected is not waited for. One that is only late
    /// may have it.
    pub(super) fn missed(&self, failure: &Failure) {
        match failure {
            Failure::Unsent(_) if !self.strip => self.turn.away(),
            Failure::Unsent(_)
            | Failure::Refused(_)
            | Failure::Invalid(_)
            | Failure::Untrusted(_)
            | Failure::Late(_)
            | Failure::Broken(_) => {}
        }
    }

    /// A message with entries, and what its answer has to fit.
    pub(super) fn entries<G: Group>(
        &self,
        mut rpc: AppendEntriesRequest<Types<G>>,
    ) -> (Sent<G>, Request) {
        if self.strip {
            strip::<G>(&mut rpc);
        }
        let sent = Sent::<G>::of(&rpc, self.local.clock.now());
        let run = if self.strip {
            run::pack::<G>(&rpc)
        } else {
            None
        };
        let request = match run {
            Some(run) => self.request_in(Kind::Append, run::RUN, run),
            // What cannot be encoded is sent as nothing, and refused by the peer.
            None => self.request(Kind::Append, encode(&rpc).unwrap_or_default()),
        };
        (sent, request)
    }

    /// The answer to what was `sent`, if it can be believed.
    pub(super) fn answer<G: Group>(
        &self,
        sent: &Sent<G>,
        reply: &proto::raft::Reply,
    ) -> Result<StreamAppendResult<Types<G>>, Failure> {
        let answer = decode(seal::open(reply)?);
        let at = sent.at;
        let answer = sent.streamed(answer.map_err(|error| Failure::Broken(error.to_string()))?)?;
        if let Ok(matching) = &answer {
            self.acknowledged(at);
            self.holds::<G>(*matching);
        }
        Ok(answer)
    }
}

/// Takes the content out of what goes to a witness.
pub(super) fn strip<G: Group>(request: &mut AppendEntriesRequest<Types<G>>) {
    for entry in &mut request.entries {
        if let EntryPayload::Normal(command) = &mut entry.payload {
            G::strip(command);
        }
    }
}
