//! The manual tells the truth: what operators can see in the product stands in docs/operate.

use std::path::Path;

use types::DropReason;

#[test]
fn every_drop_reason_has_its_line_in_the_manual() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operate/drop-reasons.md");
    let manual = std::fs::read_to_string(&path).expect("docs/operate/drop-reasons.md is readable");
    for reason in DropReason::ALL {
        let line = format!("| `{reason}` | {} |", reason.help());
        assert!(
            manual.contains(&line),
            "the manual lacks this line:\n{line}"
        );
    }
    let listed = manual
        .lines()
        .filter(|line| line.starts_with("| `"))
        .count();
    assert_eq!(
        listed,
        DropReason::ALL.len(),
        "the manual lists a reason that does not exist"
    );
}
