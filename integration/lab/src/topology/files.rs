//! The files of the pair: `node.toml` of each member and the configuration that node a proposes.
//!
//! Both speak the operators' own formats; a node reads them as it would anybody's.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use super::Side;
use super::pair_witness::{
    CLIENT, LAN_GATEWAY, LAN_GATEWAY_V6, SERVER, WAN_ADDRESS, WAN_ADDRESS_V6, WITNESS,
};
use crate::cluster::{Member, MemberFile};

/// What may differ from lab to lab.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SiteOptions {
    /// Interval of VRRP advertisements.
    pub advertisement_ms: u16,
    /// Election weight of node a; node b has 100.
    pub priority_of_a: u8,
    /// `election-timeout-ms` of every member; `None` leaves it to the product.
    pub election_timeout_ms: Option<u16>,
    /// Who decides when the nodes have lost each other.
    pub arbiter: Arbiter,
}

/// Who decides what becomes of agreement when a node is gone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Arbiter {
    /// A third member.
    Witness,
    /// Nobody: a node that is left waits for the other one, or for an operator.
    Freeze,
    /// The node that is left, by the evidence: when all has been silent for [`HOLD_TIME`] and the client
    /// or the server answers.
    Survive,
}

/// How long the other node must have been silent under [`Arbiter::Survive`].
pub const HOLD_TIME: Duration = Duration::from_secs(3);

impl Arbiter {
    /// Everybody who takes part.
    pub const fn members(self) -> &'static [Member] {
        match self {
            Self::Witness => &Member::ALL,
            Self::Freeze | Self::Survive => &[Member::Node(Side::A), Member::Node(Side::B)],
        }
    }

    /// `[ha]` of every `node.toml`.
    fn policy(self) -> String {
        match self {
            Self::Witness => String::new(),
            Self::Freeze => "\n[ha]\nwithout-quorum = \"freeze\"\n".to_owned(),
            Self::Survive => format!(
                "\n[ha]\nwithout-quorum = \"survive\"\nhold-time = \"{}s\"\n\
                 anchors = [\"{CLIENT}\", \"{SERVER}\"]\n",
                HOLD_TIME.as_secs()
            ),
        }
    }
}

impl Default for SiteOptions {
    fn default() -> Self {
        Self {
            advertisement_ms: 10,
            priority_of_a: 110,
            election_timeout_ms: None,
            arbiter: Arbiter::Witness,
        }
    }
}

/// Where members listen for each other.
const RAFT_PORT: u16 = 7400;
/// Where nodes hear each other's heartbeats.
const HEARTBEAT_PORT: u16 = 7401;

/// The files of `member`, whose directory is `home`.
pub fn files(member: Member, home: &Path, options: SiteOptions) -> Vec<MemberFile> {
    let mut files = vec![MemberFile {
        name: "node.toml",
        text: bootstrap(member, home, options),
    }];
    if let Member::Node(_) = member {
        files.push(MemberFile {
            name: "site.conf",
            text: site(options),
        });
    }
    files
}

fn bootstrap(member: Member, home: &Path, options: SiteOptions) -> String {
    let home = home.display();
    let mut text = format!(
        "cluster = \"lab\"\nrouter = \"pair\"\nnode = \"{}\"\ninsecure-lab = true\n\
         data-directory = \"{home}/data\"\napi-socket = \"{home}/tandem.sock\"\n",
        member.name()
    );
    if let Some(timeout) = options.election_timeout_ms {
        let _infallible = writeln!(text, "election-timeout-ms = {timeout}");
    }
    if let Member::Node(_) = member {
        let _infallible = writeln!(text, "configuration = \"{home}/site.conf\"");
    }
    for (id, voter, kind, address) in [
        (1, Member::Node(Side::A), "node", Side::A.ha0()),
        (2, Member::Node(Side::B), "node", Side::B.ha0()),
        (3, Member::Witness, "witness", WITNESS),
    ] {
        if !options.arbiter.members().contains(&voter) {
            continue;
        }
        let name = voter.name();
        let _infallible = write!(
            text,
            "\n[[member]]\nid = {id}\nname = \"{name}\"\nkind = \"{kind}\"\n\
             addresses = [\"{address}:{RAFT_PORT}\"]\n"
        );
    }
    if let Member::Node(side) = member {
        let peer = side.other();
        for (name, local, remote) in [
            ("ha0", side.ha0(), peer.ha0()),
            ("ha1", side.ha1(), peer.ha1()),
        ] {
            let _infallible = write!(
                text,
                "\n[[ha-link]]\nname = \"{name}\"\nlocal = \"{local}:{HEARTBEAT_PORT}\"\n\
                 remote = \"{remote}:{HEARTBEAT_PORT}\"\ndevice = \"{name}\"\n"
            );
        }
    }
    text + &options.arbiter.policy()
}

fn site(options: SiteOptions) -> String {
    let [a, b] = Side::BOTH.map(|side| node(side, options));
    format!("{AUTHORITY}{a}{b}        exit\n    exit\nexit\n")
}

/// Tenants, services and the router's own part, up to the nodes.
const AUTHORITY: &str = "\
config
    authority
        name  lab
        tenant  lan
            name  lan
        exit
        service  internet
            name  internet
            address  0.0.0.0/0
            access-policy  lan
                source  lan
                permission  allow
            exit
        exit
        service  internet6
            name  internet6
            address  ::/0
            access-policy  lan
                source  lan
                permission  allow
            exit
            source-nat  disabled
        exit
        router  pair
            name  pair
            redundancy-group  pair
                name  pair
                member  a lan
                exit
                member  a wan
                exit
                member  b lan
                exit
                member  b wan
                exit
            exit
            service-route  internet
                name  internet
                service-name  internet
                use-learned-routes  true
            exit
            service-route  internet6
                name  internet6
                service-name  internet6
                use-learned-routes  true
            exit
";

fn node(side: Side, options: SiteOptions) -> String {
    let name = side.name();
    let lan = Shared {
        name: "lan",
        vrid: 10,
        network: "tenant  lan",
        global_id: 1,
        v4: (LAN_GATEWAY, side.lan()),
        v6: (LAN_GATEWAY_V6, utility(LAN_GATEWAY_V6, side)),
    };
    let wan = Shared {
        name: "wan",
        vrid: 20,
        network: "source-nat  true",
        global_id: 2,
        v4: (WAN_ADDRESS, side.wan()),
        v6: (WAN_ADDRESS_V6, utility(WAN_ADDRESS_V6, side)),
    };
    let [lan, wan] = [lan, wan].map(|shared| shared.text(side, options));
    format!("            node  {name}\n                name  {name}\n{lan}{wan}            exit\n")
}

/// The node's own address beside the virtual one, in the same subnet.
fn utility(shared: Ipv6Addr, side: Side) -> Ipv6Addr {
    Ipv6Addr::from_bits(shared.to_bits() + u128::from(side.number()))
}

/// An interface that both nodes have and one of them answers for.
struct Shared {
    name: &'static str,
    vrid: u8,
    /// What tells the LAN from the WAN.
    network: &'static str,
    global_id: u8,
    /// The virtual address and the node's own.
    v4: (Ipv4Addr, Ipv4Addr),
    /// The virtual address and the node's own.
    v6: (Ipv6Addr, Ipv6Addr),
}

impl Shared {
    fn text(&self, side: Side, options: SiteOptions) -> String {
        let Self {
            name,
            vrid,
            network,
            global_id,
            v4,
            v6,
        } = self;
        let priority = match side {
            Side::A => options.priority_of_a,
            Side::B => 100,
        };
        let interval = options.advertisement_ms;
        format!(
            "\
                device-interface  {name}
                    name  {name}
                    interface-name  {name}0
                    vrrp
                        enabled  true
                        vrid  {vrid}
                        priority  {priority}
                        advertisement-interval  {interval}
                    exit
                    network-interface  {name}
                        name  {name}
                        global-id  {global_id}
                        {network}
                        address  {}
                            prefix-length  24
                            utility-ip-address  {}
                        exit
                        address  {}
                            prefix-length  64
                            utility-ip-address  {}
                        exit
                    exit
                exit
",
            v4.0, v4.1, v6.0, v6.1
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_propose_the_same_configuration_and_the_witness_none() {
        let files = |member| files(member, Path::new("/run/lab"), SiteOptions::default());
        let site = |side| {
            files(Member::Node(side))
                .into_iter()
                .find(|file| file.name == "site.conf")
        };
        assert_eq!(site(Side::A), site(Side::B));
        assert_eq!(files(Member::Witness).len(), 1);
    }

    #[test]
    fn each_node_has_its_own_utility_addresses() {
        let text = site(SiteOptions::default());
        for address in ["192.0.2.2", "192.0.2.3", "2001:db8:2::2", "2001:db8:2::3"] {
            assert_eq!(
                text.matches(&format!("utility-ip-address  {address}\n"))
                    .count(),
                1,
                "{address}"
            );
        }
    }

    #[test]
    fn the_products_own_checks_accept_the_files() {
        for arbiter in [Arbiter::Witness, Arbiter::Freeze, Arbiter::Survive] {
            let options = SiteOptions {
                election_timeout_ms: Some(150),
                arbiter,
                ..SiteOptions::default()
            };
            for member in arbiter.members() {
                for file in files(*member, Path::new("/run/lab"), options) {
                    accepted(&file, *member);
                }
            }
        }
    }

    fn accepted(file: &MemberFile, member: Member) {
        let problems = match file.name {
            "node.toml" => config::bootstrap::read(&file.text).map(drop),
            _ => config::parse(&file.text)
                .and_then(|site| site.validate())
                .map(drop),
        };
        let (name, member) = (file.name, member.name());
        assert!(problems.is_ok(), "{name} of {member}: {problems:#?}");
    }
}
