//! The leader of the control group dies a few times under load, and what all clients were told is explained
//! by one register. The benchmark does the work; this holds it to what must be true on any machine, which the
//! time of an election is not.

use std::process::Command;

use serde_json::Value;

const TANDEM: &str = env!("CARGO_BIN_EXE_tandem");

#[test]
fn three_dead_leaders_lose_nothing_that_was_acknowledged() {
    let output = Command::new(TANDEM)
        .args(["lab", "bench", "elections", "--kills", "3", "--json"])
        // Patient enough for a machine that is busy with other tests.
        .args(["--election-timeout", "400"])
        .output()
        .expect("the program starts");
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = told.lines().next_back().unwrap_or_default();
    let object: Value = serde_json::from_str(last).expect("one object on the last line");
    let figure = |pointer: &str| object.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(figure("/bench"), "elections", "{told}\n{errors}");
    assert_eq!(figure("/unit"), "ms", "{told}");

    assert_eq!(figure("/cases/1/pass"), true, "{told}\n{errors}");
    let committed = figure("/cases/1/details/committed").as_u64();
    assert!(committed > Some(3), "there was no load: {told}");
    let reads = figure("/cases/1/details/reads").as_u64();
    assert!(reads > Some(3), "nobody read: {told}");

    let kills = figure("/cases/0/details/kills");
    let kills = kills.as_array().map(Vec::as_slice).unwrap_or_default();
    assert_eq!(kills.len(), 3, "{told}");
    for kill in kills {
        let ms = |name: &str| kill.get(name).and_then(Value::as_f64).unwrap_or_default();
        // No survivor stands for election sooner than its timers let it.
        assert!(ms("election_ms") > 400.0, "{kill}");
        assert!(ms("first_commit_ms") > 400.0, "{kill}");
    }
    // The verdict says what the figures say.
    let worst = figure("/cases/0/ours").as_f64();
    let passed = Value::from(worst < Some(1_000.0));
    assert_eq!(figure("/cases/0/pass"), passed, "{told}");
    assert_eq!(output.status.success(), passed == true, "{told}");
}
