//! One node between a generator and a sink, on direct wires: the shape for measuring forwarding.
//!
//! ```text
//! generator ── lan0 ═══ lan0 [ node ] wan0 ═══ wan0 ── sink
//!  192.0.2.100          .1          203.0.113.1         .10
//! ```

use std::path::Path;

use crate::cluster::MemberFile;
use crate::host::{Change, Host, HostError};
use crate::link::Wire;

use super::pair_witness::{CLIENT, LAN_GATEWAY, SERVER, everywhere, net};

/// The three hosts.
#[derive(Debug)]
pub struct Single {
    /// With `lan0`, [`CLIENT`] and a default route.
    pub generator: Host,
    /// With `lan0` and `wan0`, both without addresses.
    pub node: Host,
    /// With `wan0` and [`SERVER`].
    pub sink: Host,
}

impl Single {
    /// Builds it: links up, no process running.
    pub fn build() -> Result<Self, HostError> {
        let [generator, node, sink] = [
            Host::new("generator")?,
            Host::new("node")?,
            Host::new("sink")?,
        ];
        node.set("ipv6.conf.default.disable_ipv6", "1")?;
        Wire::between(&generator, &node, "lan0")?;
        Wire::between(&node, &sink, "wan0")?;
        generator.apply(&[
            Change::Address("lan0", net(CLIENT, 24)),
            Change::Route {
                to: everywhere(),
                via: LAN_GATEWAY.into(),
            },
        ])?;
        sink.apply(&[Change::Address("wan0", net(SERVER, 24))])?;
        Ok(Self {
            generator,
            node,
            sink,
        })
    }
}

/// The files of the one node, whose directory is `home`; `port` is the bootstrap's word for what
/// carries its frames.
pub fn files(home: &Path, port: &str) -> [MemberFile; 2] {
    let home = home.display();
    let bootstrap = format!(
        "cluster = \"lab\"
router = \"single\"
node = \"a\"
insecure-lab = true
data-directory = \"{home}/data\"
api-socket = \"{home}/tandem.sock\"
configuration = \"{home}/site.conf\"
port = \"{port}\"

[[member]]
id = 1
name = \"a\"
kind = \"node\"
addresses = [\"127.0.0.1:7400\"]
"
    );
    [
        MemberFile {
            name: "node.toml",
            text: bootstrap,
        },
        MemberFile {
            name: "site.conf",
            text: SITE.to_owned(),
        },
    ]
}

const SITE: &str = "\
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
        router  single
            name  single
            service-route  internet
                name  internet
                service-name  internet
                use-learned-routes  true
            exit
            node  a
                name  a
                device-interface  lan
                    name  lan
                    interface-name  lan0
                    network-interface  lan
                        name  lan
                        global-id  1
                        tenant  lan
                        address  192.0.2.1
                            prefix-length  24
                        exit
                    exit
                exit
                device-interface  wan
                    name  wan
                    interface-name  wan0
                    network-interface  wan
                        name  wan
                        global-id  2
                        source-nat  true
                        address  203.0.113.1
                            prefix-length  24
                        exit
                    exit
                exit
            exit
        exit
    exit
exit
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_products_own_checks_accept_the_files() {
        for port in ["raw", "pnet"] {
            let [bootstrap, site] = files(Path::new("/run/lab"), port);
            let read = config::bootstrap::read(&bootstrap.text);
            assert!(read.is_ok(), "{read:#?}");
            let site = config::parse(&site.text).and_then(|site| site.validate());
            assert!(site.is_ok(), "{site:#?}");
        }
    }
}
