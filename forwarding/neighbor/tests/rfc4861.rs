//! The machine against RFC 4861 §7.2–7.3 and, for ARP, RFC 826 and what operators expect of it.

#![expect(
    clippy::unwrap_used,
    reason = "test helpers stop at the first surprise"
)]

use std::net::IpAddr;
use std::time::Duration;

use neighbor::{Action, Event, Heard, Neighbors, Settings};
use types::{Giid, Instant, MacAddr, NeighborRecord};

const LAN: Giid = Giid(1);
const WAN: Giid = Giid(2);
const A: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xa]);
const B: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xb]);

/// §7.2.2: three questions to everybody, the second one early, then the packets are given up.
#[test]
fn an_absent_neighbor_is_asked_three_times_and_then_unreachable() {
    let mut lab = Lab::new();
    assert_eq!(lab.at(0, needed(1)), [ask(1, None)]);
    assert_eq!(lab.at(100, needed(1)), [], "it is being asked already");
    assert_eq!(lab.at(199, Event::Tick), []);
    assert_eq!(lab.at(200, Event::Tick), [ask(1, None)]);
    assert_eq!(lab.at(1200, Event::Tick), [ask(1, None)]);
    assert_eq!(lab.deadline(), Some(2200));
    assert_eq!(lab.at(2200, Event::Tick), [unreachable(1)]);
    assert_eq!(
        Settings::default().resolution_time(),
        Duration::from_millis(2200)
    );
    assert_eq!((lab.neighbors.len(), lab.deadline()), (0, None));
    assert_eq!(
        lab.at(2300, needed(1)),
        [ask(1, None)],
        "and asked again when needed again"
    );
}

/// §7.2.5, first rows: any answer resolves what waits for one.
#[test]
fn whoever_is_waited_for_is_learned_from_whatever_it_says() {
    for (kind, confirmed) in [
        (Heard::Reply, true),
        (Heard::ReplyWithoutOverride, true),
        (Heard::Request, false),
        (Heard::Gratuitous, false),
    ] {
        let mut lab = Lab::new();
        lab.at(0, needed(1));
        assert_eq!(lab.at(5, heard(1, A, kind)), [learned(1, A)], "{kind:?}");
        assert_eq!(lab.mac(1), Some(A));
        // Only what answered a question counts as confirmed and has a deadline.
        assert_eq!(lab.deadline(), confirmed.then_some(30_005), "{kind:?}");
    }
}

/// Invariant: packets never wait for a confirmation.
#[test]
fn a_reachable_neighbor_becomes_stale_in_silence_and_is_probed_only_in_use() {
    let mut lab = Lab::resolved(1, A);
    assert_eq!(lab.at(29_999, used(1)), []);
    assert_eq!(lab.at(30_000, Event::Tick), []);
    assert_eq!((lab.mac(1), lab.deadline()), (Some(A), None));
    assert_eq!(lab.at(90_000, used(1)), [ask(1, Some(A))]);
    assert_eq!(lab.at(90_001, used(1)), [], "one question at a time");
    assert_eq!(lab.mac(1), Some(A));
    assert_eq!(
        lab.at(90_002, heard(1, A, Heard::Reply)),
        [],
        "nothing new: nothing to replicate"
    );
    assert_eq!(lab.deadline(), Some(120_002));
}

/// RFC 7048: before a neighbour in use is given up, everybody is asked where it went.
#[test]
fn a_silent_neighbor_is_asked_itself_then_everybody_is_then_it_is_unreachable() {
    let mut lab = Lab::resolved(1, A);
    lab.at(30_000, Event::Tick);
    let mut asked = lab.at(40_000, used(1));
    for second in 41..46 {
        asked.extend(lab.at(second * 1000, Event::Tick));
        assert_eq!(lab.mac(1), Some(A), "in use until the end");
    }
    let unicast = [ask(1, Some(A)); 3];
    assert_eq!(asked, [&unicast[..], &[ask(1, None); 3]].concat());
    assert_eq!(lab.at(46_000, Event::Tick), [unreachable(1)]);
    assert_eq!(lab.mac(1), None);
}

/// §7.2.5: what the override flag decides, and who is believed while confirmed.
#[test]
fn an_advertisement_without_override_does_not_replace_a_known_address() {
    let mut lab = Lab::resolved(1, A);
    assert_eq!(lab.at(10, heard(1, B, Heard::ReplyWithoutOverride)), []);
    assert_eq!(lab.mac(1), Some(A));
    assert_eq!(
        lab.deadline(),
        None,
        "reachable became stale: A has to prove itself"
    );
    assert_eq!(lab.at(20, heard(1, B, Heard::ReplyWithoutOverride)), []);
    assert_eq!(lab.at(30, heard(1, A, Heard::ReplyWithoutOverride)), []);
    assert_eq!(lab.deadline(), Some(30_030), "and did");
    assert_eq!(lab.at(40, heard(1, B, Heard::Reply)), [learned(1, B)]);
}

/// A server that fails over announces itself; the new address is used at once and verified in use.
#[test]
fn a_gratuitous_announcement_moves_a_known_neighbor_and_makes_no_new_one() {
    let mut lab = Lab::resolved(1, A);
    assert_eq!(lab.at(10, heard(1, B, Heard::Gratuitous)), [learned(1, B)]);
    assert_eq!(lab.at(11, used(1)), [ask(1, Some(B))]);
    assert_eq!(lab.at(12, heard(2, B, Heard::Gratuitous)), []);
    assert_eq!(lab.at(12, heard(3, B, Heard::Reply)), []);
    assert_eq!((lab.mac(2), lab.mac(3)), (None, None));
}

#[test]
fn a_repeated_announcement_of_the_same_address_confirms_nothing() {
    let mut lab = Lab::resolved(1, A);
    for kind in [Heard::Gratuitous, Heard::Request] {
        assert_eq!(lab.at(10, heard(1, A, kind)), []);
        assert_eq!(lab.deadline(), Some(30_000), "{kind:?}");
    }
}

#[test]
fn who_asks_us_is_learned_if_it_is_on_link() {
    let mut lab = Lab::new();
    assert_eq!(lab.at(0, heard(7, A, Heard::Request)), [learned(7, A)]);
    for stranger in [
        "203.0.113.9",
        "2001:db8:ffff::1",
        "0.0.0.0",
        "224.0.0.5",
        "::",
        "127.0.0.1",
    ] {
        let event = Event::Heard {
            interface: LAN,
            ip: stranger.parse().unwrap(),
            mac: B,
            kind: Heard::Request,
        };
        assert_eq!(lab.at(1, event), [], "{stranger}");
    }
    let link_local: IpAddr = "fe80::7".parse().unwrap();
    let event = Event::Heard {
        interface: LAN,
        ip: link_local,
        mac: B,
        kind: Heard::Request,
    };
    assert_eq!(
        lab.at(2, event).len(),
        1,
        "link-local addresses are on every link"
    );
    assert_eq!(lab.neighbors.len(), 2);
}

#[test]
fn addresses_that_nobody_can_have_are_neither_learned_nor_asked_for() {
    let mut lab = Lab::new();
    lab.at(0, needed(1));
    for mac in [
        MacAddr::ZERO,
        MacAddr::BROADCAST,
        MacAddr([1, 0, 0x5e, 0, 0, 1]),
    ] {
        assert_eq!(lab.at(1, heard(1, mac, Heard::Reply)), [], "{mac}");
    }
    for ip in ["255.255.255.255", "224.0.0.1", "0.0.0.0", "ff02::1", "::1"] {
        let ip = ip.parse().unwrap();
        let answer = lab.at(2, Event::Needed { interface: LAN, ip });
        assert_eq!(answer, [Action::Unreachable { interface: LAN, ip }]);
    }
}

/// Invariant 4 of the design: a takeover asks nobody before it forwards.
#[test]
fn a_replicated_neighbor_is_usable_at_once_and_verified_in_use() {
    let mut lab = Lab::new();
    assert_eq!(lab.at(0, installed(1, A)), [learned(1, A)]);
    assert_eq!(
        lab.at(1, installed(1, A)),
        [],
        "applying twice changes nothing"
    );
    assert_eq!(
        (lab.mac(1), lab.deadline()),
        (Some(A), None),
        "a standby asks nobody"
    );
    assert_eq!(lab.at(60_000, used(1)), [ask(1, Some(A))]);
    assert_eq!(lab.at(60_001, heard(1, A, Heard::Reply)), []);
    assert_eq!(
        lab.at(60_002, installed(1, B)),
        [],
        "what was just heard is newer"
    );
    assert_eq!(lab.mac(1), Some(A));
}

#[test]
fn a_record_resolves_what_waits_and_replaces_what_is_stale() {
    let mut lab = Lab::new();
    lab.at(0, needed(1));
    assert_eq!(lab.at(1, installed(1, A)), [learned(1, A)]);
    assert_eq!(lab.deadline(), None);
    assert_eq!(lab.at(2, installed(1, B)), [learned(1, B)]);
}

#[test]
fn asking_for_a_known_neighbor_tells_it_again() {
    let mut lab = Lab::resolved(1, A);
    assert_eq!(lab.at(1, needed(1)), [learned(1, A)]);
    lab.at(30_000, Event::Tick);
    assert_eq!(lab.at(30_001, needed(1)), [learned(1, A), ask(1, Some(A))]);
    assert_eq!(lab.at(30_002, needed(1)), [learned(1, A)]);
}

#[test]
fn a_link_that_goes_down_takes_its_neighbors_with_it_and_no_others() {
    let mut lab = Lab::resolved(1, A);
    lab.at(1, needed(2));
    lab.at(
        2,
        Event::Installed(NeighborRecord {
            interface: WAN,
            ip: ip(1),
            mac: B,
        }),
    );
    let forget = Action::Forget {
        interface: LAN,
        ip: ip(1),
    };
    assert_eq!(lab.at(3, Event::LinkDown(LAN)), [forget, unreachable(2)]);
    assert_eq!(lab.deadline(), None);
    assert_eq!(lab.neighbors.lookup(WAN, ip(1)), Some(B));
    assert_eq!(lab.neighbors.iter().count(), 1);
}

/// Who only asks us, however often and under however many names, cannot push out whom we need.
#[test]
fn a_flood_of_askers_does_not_displace_neighbors_in_use() {
    let mut lab = Lab::sized(8);
    for host in 1..=6 {
        lab.at(0, installed(host, A));
    }
    for host in 100..200 {
        lab.at(1, heard(host, B, Heard::Request));
    }
    assert!((1..=6).all(|host| lab.mac(host) == Some(A)));
    assert_eq!(lab.neighbors.len(), 8);
    assert_eq!(lab.mac(199), Some(B), "among askers the newest stays");

    for host in 7..=8 {
        lab.at(2, installed(host, A));
    }
    assert_eq!(
        lab.at(3, heard(201, B, Heard::Request)),
        [],
        "no place is left for askers"
    );
    let answer = lab.at(4, needed(9));
    assert_eq!(
        answer,
        [
            Action::Forget {
                interface: LAN,
                ip: ip(1)
            },
            ask(9, None)
        ]
    );
}

/// A scan through the subnet from inside.
#[test]
fn a_scan_cannot_fill_the_table_with_questions() {
    let mut lab = Lab::sized(8);
    lab.at(0, installed(200, A));
    let mut refused = 0;
    for host in 1..=100 {
        refused += usize::from(lab.at(0, needed(host)) == [unreachable(host)]);
    }
    assert_eq!((refused, lab.neighbors.len()), (98, 3));
    assert_eq!(lab.mac(200), Some(A));
}

struct Lab {
    neighbors: Neighbors,
}

impl Lab {
    fn new() -> Self {
        Self::sized(64)
    }

    fn sized(max_entries: usize) -> Self {
        let settings = Settings {
            max_entries,
            ..Settings::default()
        };
        let mut neighbors = Neighbors::new(settings);
        neighbors.set_subnets(LAN, vec!["192.0.2.0/24".parse().unwrap()]);
        Self { neighbors }
    }

    /// Host `host` answered at time 0.
    fn resolved(host: u8, mac: MacAddr) -> Self {
        let mut lab = Self::new();
        lab.at(0, needed(host));
        lab.at(0, heard(host, mac, Heard::Reply));
        lab
    }

    fn at(&mut self, ms: u64, event: Event) -> Vec<Action> {
        self.neighbors
            .handle(event, Instant::START + Duration::from_millis(ms))
    }

    fn mac(&self, host: u8) -> Option<MacAddr> {
        self.neighbors.lookup(LAN, ip(host))
    }

    fn deadline(&self) -> Option<u128> {
        let deadline = self.neighbors.next_deadline()?;
        Some((deadline - Instant::START).as_millis())
    }
}

fn ip(host: u8) -> IpAddr {
    [192, 0, 2, host].into()
}

fn needed(host: u8) -> Event {
    Event::Needed {
        interface: LAN,
        ip: ip(host),
    }
}

fn used(host: u8) -> Event {
    Event::Used {
        interface: LAN,
        ip: ip(host),
    }
}

fn heard(host: u8, mac: MacAddr, kind: Heard) -> Event {
    Event::Heard {
        interface: LAN,
        ip: ip(host),
        mac,
        kind,
    }
}

fn installed(host: u8, mac: MacAddr) -> Event {
    Event::Installed(NeighborRecord {
        interface: LAN,
        ip: ip(host),
        mac,
    })
}

fn ask(host: u8, unicast: Option<MacAddr>) -> Action {
    Action::Solicit {
        interface: LAN,
        ip: ip(host),
        unicast,
    }
}

fn learned(host: u8, mac: MacAddr) -> Action {
    Action::Learned(NeighborRecord {
        interface: LAN,
        ip: ip(host),
        mac,
    })
}

fn unreachable(host: u8) -> Action {
    Action::Unreachable {
        interface: LAN,
        ip: ip(host),
    }
}
