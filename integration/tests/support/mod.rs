//! The traffic of the tests that take a node away: TCP connections with checked bytes, a UDP probe,
//! and the verdict on both.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use integration::{Pair, wait};
use lab::topology::pair_witness::SERVER;
use lab::traffic::{EchoServer, TcpOptions, TcpTraffic, UdpProbe, unix_nanos};
use runtime::Clock;

/// The echo protocol's own port (RFC 862).
const ECHO: u16 = 7;

/// How long a connection may wait for an echo before it counts as dead: longer than the sum of TCP's
/// retransmission timers over any outage here, shorter than a test.
const DEADLINE: Duration = Duration::from_secs(25);

/// Everything that flows. Dropped, it ends.
pub(crate) struct Load {
    tcp: Vec<TcpTraffic>,
    pub(crate) udp: UdpProbe,
    server: EchoServer,
}

impl Load {
    /// Opens `connections` through the pair, and a probe of 200 datagrams a second.
    pub(crate) fn start(pair: &Pair, connections: u32) -> Result<Self> {
        let server = EchoServer::start(&pair.network.server, ECHO)?;
        let target = SocketAddr::from((SERVER, ECHO));
        let udp = UdpProbe::start(&pair.network.client, target, Duration::from_millis(5))?;
        let mut load = Self {
            tcp: Vec::new(),
            udp,
            server,
        };
        load.open(pair, connections)?;
        load.udp_answers_again()?;
        Ok(load)
    }

    /// Opens more connections, all of which must succeed.
    pub(crate) fn open(&mut self, pair: &Pair, connections: u32) -> Result<()> {
        let mut options = TcpOptions::new((SERVER, ECHO).into(), connections);
        options.deadline = DEADLINE;
        let tcp = TcpTraffic::start(&pair.network.client, options, Clock::start())?;
        wait::until_true("all connections to open", || Ok(tcp.is_settled()))?;
        let report = tcp.report();
        ensure!(report.opened == u64::from(connections), "{report:?}");
        self.tcp.push(tcp);
        Ok(())
    }

    /// Sessions that the pair has for it: one for each connection, and the probe's.
    pub(crate) fn sessions(&self) -> u64 {
        self.opened() + 1
    }

    /// Every connection sends a block after this call and gets it back, and so does the probe.
    pub(crate) fn everything_goes_on(&self) -> Result<()> {
        for tcp in &self.tcp {
            tcp.demand_proof();
        }
        wait::until("every connection to go on", || {
            let proven: u64 = self.tcp.iter().map(TcpTraffic::proven).sum();
            let opened = self.opened();
            ensure!(proven >= opened, "{proven} of {opened} have gone on");
            Ok(Some(()))
        })?;
        self.udp_answers_again()
    }

    /// A datagram that is sent after this call is answered.
    pub(crate) fn udp_answers_again(&self) -> Result<()> {
        let since = unix_nanos();
        wait::until_true("an answer to the probe", || {
            Ok(self.udp.timeline().first_answer_after(since).is_some())
        })
    }

    /// Ends everything: all connections must be alive with right bytes, and the server must have
    /// seen no others.
    pub(crate) fn stop_unharmed(self) -> Result<()> {
        let (opened, seen) = (self.opened(), self.server.connections());
        ensure!(
            u64::try_from(seen)? == opened,
            "the server has {seen} connections, the client {opened}"
        );
        for tcp in self.tcp {
            let (report, deaths) = tcp.stop()?;
            ensure!(deaths.is_empty(), "{deaths:?}");
            ensure!(
                report.alive == report.opened && report.corrupt == 0,
                "{report:?}"
            );
        }
        let timeline = self.udp.stop();
        ensure!(
            timeline.corrupt() == 0,
            "{} wrong datagrams",
            timeline.corrupt()
        );
        Ok(())
    }

    fn opened(&self) -> u64 {
        self.tcp.iter().map(|tcp| tcp.report().opened).sum()
    }
}
