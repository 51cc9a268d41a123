//! A witness whose disk may be an older one gives no vote before it has heard whether it is: what was voted for, or
//! acknowledged, since would not be on it.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod memory;
mod support;

use proto::raft::{Kind, Request};
use raft::Health;

use memory::{A, B, Carried, Trio, W, eventually, virtual_time};

/// A question of B for the witness's vote in the control group.
fn candidacy(trio: &Trio) -> Option<Request> {
    let recorded = trio.wires.recorded();
    recorded.into_iter().find_map(|(from, to, carried)| {
        let Carried::Call(request) = carried else {
            return None;
        };
        let asks = matches!(request.kind(), Kind::Vote | Kind::PreVote);
        let of_control = request.header.as_ref().unwrap().group == 1;
        (asks && of_control && (from, to) == (B, W)).then_some(request)
    })
}

#[test]
fn it_votes_when_another_node_knows_of_nothing_newer() {
    virtual_time().block_on(async {
        let mut trio = Trio::new().formed().await;
        let older = trio.backup(W);
        trio.wires.record();
        trio.kill(A).await;
        trio.kill(W).await;
        eventually("B asks for the witness's vote", || {
            candidacy(&trio).is_some()
        })
        .await;
        let question = candidacy(&trio).unwrap();
        trio.kill(B).await;

        trio.put_back(W, older);
        trio.start(W).await;
        eventually("the witness has what is on its disk", || {
            trio.cluster(W).control.status().last_log > 0
        })
        .await;
        let refused = trio.server(W).call(question).await.unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("whether its disk is the newest"),
            "{refused}"
        );

        trio.start(B).await;
        eventually("B leads with the witness's vote", || {
            let status = trio.cluster(B).control.status();
            status.leader == Some(B) && status.health == Health::Ok
        })
        .await;
    });
}
