//! RFC 9568 §6.4 row by row: the virtual router alone, without group and cluster.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::IpAddr;
use std::time::Duration;

use types::{Instant, Vrid};
use vrrp_machine::RouterAction::{Advertise, Announce};
use vrrp_machine::{
    Advert, AdvertInterval, Family, Priority, RouterAction, RouterEvent, RouterPlan, RouterState,
    VirtualRouter,
};

const SECOND: Duration = Duration::from_secs(1);
const OURS: u8 = 100;

/// §6.4.1: the address owner does not wait.
#[test]
fn an_owner_that_starts_advertises_and_announces_and_is_active() {
    let mut router = router(255, false);
    let actions = router.handle(RouterEvent::Startup, at(0));
    assert_eq!(actions, [Advertise(Priority::OWNER), Announce]);
    assert_eq!(router.state(), active_until(at(1_000)));
}

/// §6.4.1: everybody else listens for one down interval of its own.
#[test]
fn a_router_that_starts_listens_for_its_down_interval() {
    let mut router = router(OURS, false);
    assert_eq!(router.handle(RouterEvent::Startup, at(0)), []);
    assert_eq!(router.state(), backup_until(at(0) + down(SECOND)));
}

/// §6.4.2: Shutdown of a Backup is silent.
#[test]
fn a_backup_shuts_down_silently() {
    let mut router = backup(OURS, false);
    assert_eq!(router.handle(RouterEvent::Shutdown, at(5)), []);
    assert_eq!(router.state(), RouterState::Initialize);
    assert_eq!(router.next_deadline(), None);
}

/// §6.4.2: `Active_Down_Timer` fires.
#[test]
fn a_backup_becomes_active_when_the_down_timer_fires_and_not_before() {
    let mut router = backup(OURS, false);
    let due = at(0) + down(SECOND);
    let just_before = Instant::from_nanos(due.as_nanos() - 1);
    assert_eq!(router.handle(RouterEvent::Tick, just_before), []);
    assert_eq!(
        router.handle(RouterEvent::Tick, due),
        [Advertise(Priority::received(OURS)), Announce]
    );
    assert_eq!(router.state(), active_until(due + SECOND));
}

/// §6.4.2: when the Active router resigns, a Backup waits its skew time and no more.
#[test]
fn a_backup_takes_over_one_skew_time_after_the_active_router_resigns() {
    let mut router = backup(OURS, false);
    hear(&mut router, 200, HIGH, at(0));
    assert_eq!(hear(&mut router, 0, HIGH, at(500)), []);
    let takeover = at(500) + SECOND * (256 - 100) / 256;
    assert_eq!(router.next_deadline(), Some(takeover));
    assert_eq!(router.handle(RouterEvent::Tick, takeover).len(), 2);
}

/// §6.4.2: the Active router's interval is adopted, and both timers are computed from it.
#[test]
fn a_backup_counts_with_the_interval_that_the_active_router_announces() {
    let mut router = backup(OURS, false);
    router.handle(RouterEvent::Heard(advert(200, HIGH, 10)), at(100));
    let fast = Duration::from_millis(100);
    assert_eq!(router.state(), backup_until(at(100) + down(fast)));
    hear_with(&mut router, 0, HIGH, 10, at(200));
    assert_eq!(
        router.state(),
        backup_until(at(200) + fast * (256 - 100) / 256)
    );
}

/// §6.4.2: with `Preempt_Mode` false every living router keeps us Backup.
#[test]
fn a_backup_that_does_not_preempt_listens_to_a_worse_router() {
    let mut router = backup(OURS, false);
    hear(&mut router, 1, LOW, at(700));
    assert_eq!(router.state(), backup_until(at(700) + down(SECOND)));
}

/// §6.4.2: with `Preempt_Mode` true a worse router is not heard, an equal one is.
#[test]
fn a_backup_that_preempts_ignores_a_worse_router_only() {
    let mut router = backup(OURS, true);
    hear(&mut router, OURS - 1, HIGH, at(700));
    assert_eq!(router.state(), backup_until(at(0) + down(SECOND)));
    hear(&mut router, OURS, LOW, at(800));
    assert_eq!(router.state(), backup_until(at(800) + down(SECOND)));
}

/// §6.4.3: Shutdown tells the Backups.
#[test]
fn an_active_router_that_shuts_down_sends_priority_zero() {
    let mut router = active(OURS);
    assert_eq!(
        router.handle(RouterEvent::Shutdown, at(9_000)),
        [Advertise(Priority::RELEASE)]
    );
    assert_eq!(router.state(), RouterState::Initialize);
}

/// §6.4.3: `Adver_Timer` fires; the beat does not drift when the timer is served late.
#[test]
fn an_active_router_advertises_on_its_beat() {
    let mut router = active(OURS);
    let RouterState::Active { adver_at } = router.state() else {
        panic!("not Active");
    };
    let served = adver_at + Duration::from_millis(3);
    assert_eq!(
        router.handle(RouterEvent::Tick, served),
        [Advertise(Priority::received(OURS))]
    );
    assert_eq!(router.next_deadline(), Some(adver_at + SECOND));
    // After a long sleep the beat starts anew: no burst makes up for what was missed.
    let awake = adver_at + SECOND * 10;
    assert_eq!(router.handle(RouterEvent::Tick, awake).len(), 1);
    assert_eq!(router.next_deadline(), Some(awake + SECOND));
}

/// §6.4.3: another router resigns.
#[test]
fn an_active_router_answers_a_resignation_at_once() {
    let mut router = active(OURS);
    assert_eq!(
        hear(&mut router, 0, HIGH, at(9_000)),
        [Advertise(Priority::received(OURS))]
    );
    assert_eq!(router.state(), active_until(at(10_000)));
}

/// §6.4.3: the greater priority wins, and between equals the greater address.
#[test]
fn an_active_router_yields_to_a_better_one() {
    for (priority, source) in [(OURS + 1, LOW), (OURS, HIGH)] {
        let mut router = active(OURS);
        assert_eq!(hear_with(&mut router, priority, source, 20, at(9_000)), []);
        let adopted = Duration::from_millis(200);
        assert_eq!(router.state(), backup_until(at(9_000) + down(adopted)));
    }
}

/// §6.4.3, new in RFC 9568: the loser is told at once.
#[test]
fn an_active_router_answers_a_worse_one_at_once() {
    for (priority, source) in [(OURS - 1, HIGH), (OURS, LOW)] {
        let mut router = active(OURS);
        assert_eq!(
            hear(&mut router, priority, source, at(9_000)),
            [Advertise(Priority::received(OURS))]
        );
        assert_eq!(router.state(), active_until(at(10_000)));
    }
}

/// What the table does not list changes nothing.
#[test]
fn events_that_mean_nothing_in_a_state_change_nothing() {
    let heard = RouterEvent::Heard(advert(200, HIGH, 100));
    for event in [
        RouterEvent::Shutdown,
        RouterEvent::Tick,
        heard,
        RouterEvent::Withdraw,
        RouterEvent::Yield,
    ] {
        let mut fresh = router(OURS, false);
        assert_eq!(fresh.handle(event, at(1)), []);
        assert_eq!(fresh.state(), RouterState::Initialize);
    }
    for event in [RouterEvent::Startup, RouterEvent::Promote] {
        let mut router = active(OURS);
        let before = router.state();
        assert_eq!(router.handle(event, at(9_000)), []);
        assert_eq!(router.state(), before);
    }
}

/// The group's orders, which the RFC does not know.
#[test]
fn the_group_promotes_withdraws_and_makes_yield() {
    let mut router = backup(OURS, false);
    assert_eq!(
        router.handle(RouterEvent::Promote, at(5)),
        [Advertise(Priority::received(OURS)), Announce]
    );
    assert_eq!(
        router.handle(RouterEvent::Withdraw, at(6)),
        [Advertise(Priority::RELEASE)]
    );
    assert_eq!(router.state(), backup_until(at(6) + down(SECOND)));
    router.handle(RouterEvent::Promote, at(7));
    assert_eq!(router.handle(RouterEvent::Yield, at(8)), []);
    assert_eq!(router.state(), backup_until(at(8) + down(SECOND)));
}

const LOW: &str = "192.0.2.1";
const US: &str = "192.0.2.2";
const HIGH: &str = "192.0.2.3";

fn at(millis: u64) -> Instant {
    Instant::START + Duration::from_millis(millis)
}

/// Three intervals and the skew of priority 100, written out.
fn down(interval: Duration) -> Duration {
    interval * 3 + interval * 156 / 256
}

const fn backup_until(active_down_at: Instant) -> RouterState {
    RouterState::Backup { active_down_at }
}

const fn active_until(adver_at: Instant) -> RouterState {
    RouterState::Active { adver_at }
}

fn router(priority: u8, preempt_mode: bool) -> VirtualRouter {
    VirtualRouter::new(RouterPlan {
        vrid: Vrid::new(51).unwrap(),
        family: Family::V4,
        priority: Priority::received(priority),
        interval: AdvertInterval::DEFAULT,
        preempt_mode,
        source: address(US),
    })
}

fn backup(priority: u8, preempt_mode: bool) -> VirtualRouter {
    let mut router = router(priority, preempt_mode);
    router.handle(RouterEvent::Startup, at(0));
    router
}

fn active(priority: u8) -> VirtualRouter {
    let mut router = backup(priority, false);
    router.handle(RouterEvent::Tick, at(8_000));
    router
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn advert(priority: u8, source: &str, centiseconds: u16) -> Advert {
    Advert {
        priority: Priority::received(priority),
        interval: AdvertInterval::from_centiseconds(centiseconds).unwrap(),
        source: address(source),
    }
}

fn hear(router: &mut VirtualRouter, priority: u8, source: &str, now: Instant) -> Vec<RouterAction> {
    hear_with(router, priority, source, 100, now)
}

fn hear_with(
    router: &mut VirtualRouter,
    priority: u8,
    source: &str,
    centiseconds: u16,
    now: Instant,
) -> Vec<RouterAction> {
    router.handle(
        RouterEvent::Heard(advert(priority, source, centiseconds)),
        now,
    )
}
