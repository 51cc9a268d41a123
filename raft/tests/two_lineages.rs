//! Both nodes went on alone, and the witness that returns hears both.

mod memory;
mod support;

use std::time::Duration;

use raft::{Health, MemberRole};
use raft_state::SurvivalReason;

use memory::{A, B, Trio, W, eventually, virtual_time};
use support::set_config;

#[test]
fn a_witness_joins_one_of_two_lineages_and_stays_there() {
    virtual_time().block_on(async {
        let mut trio = Trio::new().formed().await;
        trio.kill(W).await;
        trio.wires.part(&[[A, B]]);
        for (node, text) in [(A, "by A alone"), (B, "by B alone")] {
            let control = trio.cluster(node).control.clone();
            eventually("there is no quorum", || {
                control.status().health == Health::NoQuorum
            })
            .await;
            let alone = control.survive(SurvivalReason::Operator, "uid 0".to_owned());
            alone.await.unwrap();
            control.propose(set_config(0, text)).await.unwrap();
        }

        // So far that it hears of both before either has taken it in.
        trio.wires.put_away(W, Duration::from_millis(30));
        trio.start(W).await;
        eventually("one of them has taken the witness in", || {
            [A, B].iter().any(|node| {
                let status = trio.cluster(*node).control.status();
                let witness = status.member(W);
                witness.is_some_and(|member| member.role == MemberRole::Voter)
            })
        })
        .await;

        trio.wires.put_away(W, Duration::ZERO);
        trio.wires.part(&[]);
        trio.all_vote().await;
        eventually("one configuration runs, and the other one is kept", || {
            let states = [A, B].map(|node| trio.cluster(node).control.state());
            let [a, b] = &states;
            a.config() == b.config() && states.iter().all(|state| state.candidates().len() == 1)
        })
        .await;
    });
}
