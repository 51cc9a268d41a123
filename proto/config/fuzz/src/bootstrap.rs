//! `node.toml`, as any text and as the example with a part of it replaced: what is accepted keeps the
//! promises of its type, what is refused has a reason.

use std::path::Path;

use config::bootstrap::{MemberKind, read};
use config::check;

const EXAMPLE: &str = include_str!("../../examples/node.toml");
const SITE: &str = include_str!("../../examples/site.conf");

/// One input.
pub fn run(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else {
        return;
    };
    let text = if choice & 1 == 0 {
        String::from_utf8_lossy(data).into_owned()
    } else {
        changed_example(data)
    };
    match read(&text) {
        Ok(bootstrap) => {
            let bootstrap = bootstrap.rooted_in(Path::new("/etc/tandem"));
            let nodes = |kind| {
                bootstrap
                    .members
                    .iter()
                    .filter(|member| member.kind == kind)
                    .count()
            };
            assert!(bootstrap.local_member().is_some());
            assert!(nodes(MemberKind::Node) <= 2 && nodes(MemberKind::Witness) <= 1);
            assert!(
                bootstrap
                    .members
                    .iter()
                    .all(|member| !member.addresses.is_empty())
            );
            assert_eq!(
                bootstrap.ha_links.is_empty(),
                bootstrap.is_witness() || bootstrap.peer().is_none()
            );
            if let Ok(site) = check(SITE) {
                let _said = bootstrap.check_against(&site);
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(problem.is_error() && !problem.reason.is_empty());
            }
        }
    }
}

/// The example with some of its bytes replaced by the input: where, how many, and by what.
fn changed_example(data: &[u8]) -> String {
    let Some(([from_high, from_low, count], with)) = data.split_first_chunk() else {
        return EXAMPLE.to_owned();
    };
    let from = usize::from(u16::from_be_bytes([*from_high, *from_low])) % EXAMPLE.len();
    let bytes = EXAMPLE.as_bytes();
    let (before, after) = bytes.split_at(from);
    let after = after.get(usize::from(*count)..).unwrap_or_default();
    String::from_utf8_lossy(&[before, with, after].concat()).into_owned()
}
