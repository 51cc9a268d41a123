//! What holds whatever is heard: the table is bounded, its readers' copy never differs, and every
//! question ends.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use neighbor::{Action, Event, Heard, Neighbors, Settings};
use proptest::prelude::*;
use types::{Giid, Instant, MacAddr, NeighborRecord};

const LAN: Giid = Giid(1);
const MAX: usize = 6;

fn event() -> impl Strategy<Value = Event> {
    let host = || (0..16_u8).prop_map(|host| IpAddr::from([192, 0, 2, host]));
    let mac = || (0..3_u8).prop_map(|last| MacAddr([2, 0, 0, 0, 0, last]));
    let kind = prop_oneof![
        Just(Heard::Reply),
        Just(Heard::ReplyWithoutOverride),
        Just(Heard::Request),
        Just(Heard::Gratuitous),
    ];
    prop_oneof![
        3 => host().prop_map(|ip| Event::Needed { interface: LAN, ip }),
        3 => host().prop_map(|ip| Event::Used { interface: LAN, ip }),
        4 => (host(), mac(), kind)
            .prop_map(|(ip, mac, kind)| Event::Heard { interface: LAN, ip, mac, kind }),
        2 => (host(), mac())
            .prop_map(|(ip, mac)| Event::Installed(NeighborRecord { interface: LAN, ip, mac })),
        4 => Just(Event::Tick),
        1 => Just(Event::LinkDown(LAN)),
    ]
}

/// What a shell that only follows actions believes.
#[derive(Default)]
struct Reader(BTreeMap<IpAddr, MacAddr>);

impl Reader {
    fn follow(&mut self, actions: &[Action]) {
        for action in actions {
            match *action {
                Action::Learned(record) => {
                    self.0.insert(record.ip, record.mac);
                }
                Action::Unreachable { ip, .. } | Action::Forget { ip, .. } => {
                    self.0.remove(&ip);
                }
                Action::Solicit { .. } => {}
            }
        }
    }
}

proptest! {
    #[test]
    fn readers_follow_the_table_is_bounded_and_questions_end(
        steps in prop::collection::vec((event(), 0..20_000_u64), 1..200),
    ) {
        let settings = Settings { max_entries: MAX, ..Settings::default() };
        let mut neighbors = Neighbors::new(settings);
        neighbors.set_subnets(LAN, vec!["192.0.2.0/24".parse().unwrap()]);
        let mut reader = Reader::default();
        let mut now = Instant::START;
        for (event, ms) in steps {
            now += Duration::from_millis(ms);
            reader.follow(&neighbors.handle(event, now));
            let known: BTreeMap<_, _> =
                neighbors.iter().map(|record| (record.ip, record.mac)).collect();
            prop_assert_eq!(&reader.0, &known);
            prop_assert!(neighbors.len() <= MAX);
            if event == Event::Tick {
                prop_assert!(neighbors.next_deadline().is_none_or(|deadline| deadline > now));
            }
        }
        // Left alone, the machine comes to rest; only neighbours with an address remain.
        for _ in 0..20 {
            now += Duration::from_secs(31);
            neighbors.handle(Event::Tick, now);
        }
        prop_assert_eq!(neighbors.next_deadline(), None);
        prop_assert_eq!(neighbors.len(), neighbors.iter().count());
    }
}
