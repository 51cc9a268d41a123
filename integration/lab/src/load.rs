//! The usual traffic through the pair: TCP connections, a fast UDP probe, pings over both families.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::ensure;
use runtime::Clock;

use crate::progress::Progress;
use crate::topology::PairWitness;
use crate::topology::pair_witness::{SERVER, SERVER_V6};
use crate::traffic::tcp::Deaths;
use crate::traffic::{
    EchoServer, Ping, ProbeReport, TcpOptions, TcpReport, TcpTraffic, UdpProbe, unix_nanos,
};

/// The echo protocol's own port (RFC 862).
const ECHO: u16 = 7;
/// How long connections may take to open.
const OPEN_DEADLINE: Duration = Duration::from_secs(30);
/// Time between two looks at the traffic.
const LOOK: Duration = Duration::from_millis(50);
/// Answers that come later than this after the end of a window count as lost.
const GRACE: Duration = Duration::from_millis(250);
/// The probe goes on for so long after a failure at least.
const WATCH: Duration = Duration::from_secs(2);
/// Every connection must prove within this time after a failure that it lives. TCP's own
/// retransmission timers (RFC 6298) double from 200 ms on, and a connection is given up after ten
/// seconds without an echo.
const PROOF_DEADLINE: Duration = Duration::from_secs(12);

/// Everything that flows.
#[derive(Debug)]
pub(crate) struct Load {
    _server: EchoServer,
    pub(crate) tcp: TcpTraffic,
    udp: UdpProbe,
    pings: [Ping; 2],
}

/// The traffic's last words.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) tcp: TcpReport,
    pub(crate) deaths: Deaths,
    pub(crate) udp: ProbeReport,
    pub(crate) udp_corrupt: u64,
    pub(crate) udp_duplicates: u64,
}

impl Load {
    /// Starts all traffic and waits until it flows.
    pub(crate) fn start(
        network: &PairWitness,
        connections: u32,
        clock: Clock,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        progress.step(&format!(
            "opening {connections} TCP connections through the NAT, a 1 kHz UDP probe, pings"
        ));
        let server = EchoServer::start(&network.server, ECHO)?;
        let options = TcpOptions::new((SERVER, ECHO).into(), connections);
        let tcp = TcpTraffic::start(&network.client, options, clock)?;
        let deadline = clock.now() + OPEN_DEADLINE;
        while !tcp.is_settled() {
            progress.detail(&format!(
                "{} of {connections} connections open",
                tcp.report().opened
            ));
            ensure!(
                clock.now() < deadline,
                "only {} of {connections} connections opened within {OPEN_DEADLINE:?}",
                tcp.report().opened
            );
            std::thread::sleep(LOOK);
        }
        let target = (SERVER, ECHO).into();
        let udp = UdpProbe::start(&network.client, target, Duration::from_millis(1))?;
        let ping =
            |target: IpAddr| Ping::start(&network.client, target, Duration::from_millis(20), clock);
        let pings = [ping(SERVER.into())?, ping(SERVER_V6.into())?];
        Ok(Self {
            _server: server,
            tcp,
            udp,
            pings,
        })
    }

    /// Waits until every connection has proven itself since the latest demand or is dead, and the
    /// probe has gone on for a while. `check` may end the wait by an error.
    pub(crate) fn watch(
        &self,
        clock: Clock,
        progress: &Progress,
        mut check: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<TcpReport> {
        let begun = clock.now();
        loop {
            check()?;
            let (report, proven) = (self.tcp.report(), self.tcp.proven());
            progress.detail(&format!(
                "{proven} of {} connections have gone on",
                report.opened
            ));
            let elapsed = clock.now().saturating_since(begun);
            let settled = proven >= report.alive && elapsed >= WATCH;
            if settled || elapsed >= PROOF_DEADLINE {
                return Ok(report);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What became of the probes since `from`, once each has been answered or never will be: the
    /// UDP probe, the IPv4 ping, the IPv6 ping; and whether they were answered lately.
    pub(crate) fn since(&self, from: u64) -> [(ProbeReport, bool); 3] {
        let until = unix_nanos();
        std::thread::sleep(GRACE);
        let late = until.saturating_sub(u64::try_from(WATCH.as_nanos() / 4).unwrap_or(0));
        let [v4, v6] = &self.pings;
        [self.udp.timeline(), v4.timeline(), v6.timeline()].map(|timeline| {
            (
                timeline.window(from, until),
                timeline.first_answer_after(late).is_some(),
            )
        })
    }

    /// Sessions that a router has for it now: one for each connection, the probe and each ping.
    pub(crate) fn sessions(&self) -> u64 {
        self.tcp.report().alive + 3
    }

    /// Ends everything and counts.
    pub(crate) fn stop(self) -> anyhow::Result<Ended> {
        let Self {
            _server,
            tcp,
            udp,
            pings: _,
        } = self;
        let udp = udp.stop();
        let (tcp, deaths) = tcp.stop()?;
        Ok(Ended {
            tcp,
            deaths,
            udp: udp.whole(),
            udp_corrupt: udp.corrupt(),
            udp_duplicates: udp.duplicates(),
        })
    }
}
