//! A witness with an older disk gives no vote before it has heard whether that is the newest.

mod memory;
mod support;

use std::time::Duration;

use raft_state::ControlOutcome;

use memory::{A, B, Trio, W, eventually, virtual_time};
use support::set_config;

#[test]
fn what_it_has_acknowledged_with_one_node_is_not_undone_with_the_other() {
    virtual_time().block_on(async {
        let mut trio = Trio::new().formed().await;
        let older = trio.backup(W);
        trio.kill(W).await;
        trio.start(W).await;
        trio.all_vote().await;

        trio.wires.part(&[[A, B], [B, W]]);
        let agreed = loop {
            let control = trio.cluster(A).control.clone();
            if let Ok(done) = control.propose(set_config(0, "by A and the witness")).await {
                break done;
            }
        };
        assert!(
            matches!(agreed, ControlOutcome::ConfigSet { .. }),
            "{agreed}"
        );

        trio.kill(A).await;
        trio.kill(W).await;
        trio.put_back(W, older);
        trio.start(W).await;
        trio.wires.part(&[]);
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let leader = trio.cluster(B).control.status().leader;
            assert_ne!(leader, Some(B), "B lacks what A and the witness agreed on");
        }

        trio.start(A).await;
        trio.all_vote().await;
        eventually("both run what was agreed on", || {
            [A, B].iter().all(|node| {
                let state = trio.cluster(*node).control.state();
                state
                    .config()
                    .is_some_and(|config| config.text == "by A and the witness")
            })
        })
        .await;
    });
}
