//! The mappings against a naive model: two maps and a counter.
//!
//! Never two insides on one outside; one outside for an inside, whatever the destination; no port
//! outside the grants; nobody gets a port before its time.

#![expect(
    clippy::unwrap_used,
    reason = "test helpers stop at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use nat::{Block, Nat, Reserved, Settings};
use proptest::prelude::*;
use types::{DropReason, Endpoint, Instant, Protocol};

const EXTERNAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1));
const LINGER: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
enum Step {
    Map(Protocol, Endpoint),
    Reserve(Protocol, Endpoint, u16),
    /// Ends the session at this place (modulo their number).
    Release(usize),
    Grant(u16),
    Revoke(u16),
    Pass(u64),
}

/// Few insides, few outside ports, few blocks: they meet all the time.
fn step() -> impl Strategy<Value = Step> {
    let protocol = || {
        prop_oneof![
            Just(Protocol::TCP),
            Just(Protocol::UDP),
            Just(Protocol::ICMP)
        ]
    };
    let inside = || {
        (
            0..3_u8,
            prop_oneof![Just(80), 1024..1030_u16, 1530..1540_u16],
        )
            .prop_map(|(host, port)| Endpoint::new([192, 0, 2, host].into(), port))
    };
    prop_oneof![
        8 => (protocol(), inside()).prop_map(|(protocol, inside)| Step::Map(protocol, inside)),
        4 => (protocol(), inside(), prop_oneof![1020..1032_u16, 1530..1540_u16])
            .prop_map(|(protocol, inside, port)| Step::Reserve(protocol, inside, port)),
        8 => any::<usize>().prop_map(Step::Release),
        1 => (0..3_u16).prop_map(Step::Grant),
        1 => (0..3_u16).prop_map(Step::Revoke),
        3 => (0..8_u64).prop_map(Step::Pass),
    ]
}

/// One session's claim.
#[derive(Clone, Copy, Debug)]
struct Session {
    protocol: Protocol,
    inside: Endpoint,
    outside: Endpoint,
}

#[derive(Default)]
struct Model {
    sessions: Vec<Session>,
    granted: BTreeSet<u16>,
    /// When the last session on an outside endpoint ended, and whose it was.
    ended: BTreeMap<(Protocol, Endpoint), (Endpoint, Instant)>,
}

impl Model {
    fn holder(&self, protocol: Protocol, outside: Endpoint) -> Option<Endpoint> {
        self.sessions
            .iter()
            .find(|session| (session.protocol, session.outside) == (protocol, outside))
            .map(|session| session.inside)
    }

    fn outsides(&self, protocol: Protocol, inside: Endpoint) -> BTreeSet<Endpoint> {
        self.sessions
            .iter()
            .filter(|session| (session.protocol, session.inside) == (protocol, inside))
            .map(|session| session.outside)
            .collect()
    }

    fn is_granted(&self, port: u16) -> bool {
        Block::of(port).is_some_and(|(block, _)| self.granted.contains(&block.index()))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn mappings_hold_their_promises(seed: u64, steps in prop::collection::vec(step(), 1..120)) {
        let settings = Settings { linger: LINGER, ..Settings::with_seed(seed) };
        let mut nat = Nat::new(settings, &[EXTERNAL]);
        let directory = nat.directory();
        let mut model = Model::default();
        let mut now = Instant::START;
        for step in steps {
            match step {
                Step::Map(protocol, inside) => map(&mut nat, &mut model, protocol, inside, now)?,
                Step::Reserve(protocol, inside, port) => {
                    let outside = Endpoint::new(EXTERNAL, port);
                    reserve(&mut nat, &mut model, Session { protocol, inside, outside }, now)?;
                }
                Step::Release(at) => {
                    if !model.sessions.is_empty() {
                        let session = model.sessions.swap_remove(at % model.sessions.len());
                        let Session { protocol, inside, outside } = session;
                        nat.release(protocol, inside, outside, now);
                        if model.holder(protocol, outside).is_none() {
                            model.ended.insert((protocol, outside), (inside, now));
                        }
                    }
                }
                Step::Grant(block) => {
                    nat.grant(EXTERNAL, Block::new(block).unwrap());
                    model.granted.insert(block);
                }
                Step::Revoke(block) => {
                    nat.revoke(EXTERNAL, Block::new(block).unwrap());
                    model.granted.remove(&block);
                }
                Step::Pass(seconds) => now += Duration::from_secs(seconds),
            }
            for Session { protocol, inside, outside } in &model.sessions {
                prop_assert_eq!(nat.inside_of(*protocol, *outside), Some(*inside));
                prop_assert_eq!(directory.inside_of(*protocol, *outside), Some(*inside));
            }
        }
        check_free_ports(nat, &model, now)?;
    }
}

fn map(
    nat: &mut Nat,
    model: &mut Model,
    protocol: Protocol,
    inside: Endpoint,
    now: Instant,
) -> Result<(), TestCaseError> {
    let before = model.outsides(protocol, inside);
    let mapping = match nat.map(protocol, inside, EXTERNAL, now) {
        Ok(mapping) => mapping,
        Err(reason) => {
            prop_assert_eq!(reason, DropReason::NatExhausted);
            // With some hundred ports a grant never runs dry here.
            prop_assert!(model.granted.is_empty() && before.is_empty());
            return Ok(());
        }
    };
    let outside = mapping.outside;
    prop_assert_eq!(outside.ip, EXTERNAL);
    if before.is_empty() {
        prop_assert!(
            model.is_granted(outside.port),
            "{} was not granted",
            outside
        );
        prop_assert_eq!(
            model.holder(protocol, outside),
            None,
            "{} is in use",
            outside
        );
        if let Some((last, ended)) = model.ended.get(&(protocol, outside)) {
            let rested = *ended + LINGER <= now;
            prop_assert!(rested || *last == inside, "{} has not rested", outside);
        }
    } else {
        prop_assert!(before.contains(&outside), "{} has one already", inside);
        prop_assert!(!mapping.fresh);
    }
    model.sessions.push(Session {
        protocol,
        inside,
        outside,
    });
    Ok(())
}

fn reserve(
    nat: &mut Nat,
    model: &mut Model,
    session: Session,
    now: Instant,
) -> Result<(), TestCaseError> {
    let Session {
        protocol,
        inside,
        outside,
    } = session;
    let reserved = nat.reserve(protocol, inside, outside, now);
    match model.holder(protocol, outside) {
        _ if outside.port < 1024 => prop_assert_eq!(reserved, Reserved::Foreign),
        Some(holder) if holder != inside => {
            prop_assert_eq!(reserved, Reserved::Conflict { holder });
            // Releasing what was refused takes nothing from the holder.
            nat.release(protocol, inside, outside, now);
        }
        Some(_) => prop_assert_eq!(reserved, Reserved::Shared),
        None => prop_assert!(matches!(reserved, Reserved::Fresh | Reserved::Shared)),
    }
    if matches!(reserved, Reserved::Fresh | Reserved::Shared) {
        model.sessions.push(session);
    }
    Ok(())
}

/// Once all has rested, exactly the granted ports that no session holds are free: no port leaks.
fn check_free_ports(mut nat: Nat, model: &Model, now: Instant) -> Result<(), TestCaseError> {
    let later = now + LINGER * 3;
    let nobody = Endpoint::new([192, 0, 2, 99].into(), 9);
    for protocol in [Protocol::TCP, Protocol::UDP, Protocol::ICMP] {
        // Each call lets some ports fall free.
        for _ in 0..200 {
            nat.release(protocol, nobody, Endpoint::new(EXTERNAL, 2000), later);
        }
    }
    let granted = u32::try_from(model.granted.len()).unwrap() * 512;
    let held = |protocol| {
        let ports: BTreeSet<_> = model
            .sessions
            .iter()
            .filter(|session| session.protocol == protocol)
            .map(|session| session.outside.port)
            .filter(|port| model.is_granted(*port))
            .collect();
        u32::try_from(ports.len()).unwrap()
    };
    let most_held = [Protocol::TCP, Protocol::UDP, Protocol::ICMP]
        .into_iter()
        .map(held)
        .max();
    prop_assert_eq!(nat.free_ports(EXTERNAL), granted - most_held.unwrap());
    Ok(())
}
