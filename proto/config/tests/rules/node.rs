//! Nodes and session processors.

use config::valid::SessionProcessors;

use super::support::Site;

#[test]
fn a_router_has_one_or_two_nodes() {
    Site::good()
        .with("R node c role combo")
        .fails(&[(" node c", "a router has two nodes at most")]);
    Site::good()
        .with("authority router empty name empty")
        .fails(&[("authority router empty", "it has no node")]);
}

#[test]
fn both_nodes_process_sessions_alike() {
    Site::good()
        .with("A session-setup-scaling false")
        .fails(&[(" node b session-setup-scaling", "it differs from node a")]);
    Site::good()
        .with("A session-processor-mode manual")
        .with("A session-processor-count 4")
        .with("B session-processor-mode manual")
        .with("B session-processor-count 2")
        .fails(&[(" node b session-processor-count", "it differs from node a")]);
}

#[test]
fn manual_mode_and_a_count_belong_together() {
    let both = |line: &str| {
        Site::good()
            .with(&format!("A {line}"))
            .with(&format!("B {line}"))
    };
    both("session-processor-mode manual").fails(&[
        (
            " node a session-processor-count",
            "it is required and missing",
        ),
        (
            " node b session-processor-count",
            "it is required and missing",
        ),
    ]);
    both("session-processor-count 2").fails(&[
        (
            " node a session-processor-count",
            "it counts in manual mode only",
        ),
        (
            " node b session-processor-count",
            "it counts in manual mode only",
        ),
    ]);
    both("session-processor-count 0").validate().unwrap_err();
}

#[test]
fn scaling_switched_off_means_one_processor() {
    let off = Site::good()
        .with("A session-setup-scaling false")
        .with("B session-setup-scaling false");
    let valid = off.is_good();
    let node = &valid.router("pair").unwrap().nodes[0];
    assert_eq!(node.session_processors, SessionProcessors::Manual(1));
    off.with("A session-processor-mode manual")
        .with("B session-processor-mode manual")
        .fails(&[
            (
                " node a session-processor-mode",
                "there is one session processor",
            ),
            (
                " node b session-processor-mode",
                "there is one session processor",
            ),
        ]);
}
