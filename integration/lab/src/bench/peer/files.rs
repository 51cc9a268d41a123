//! The peer's configuration files, as its own manuals recommend them.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use crate::topology::Side;
use crate::topology::pair_witness::{LAN_GATEWAY, WAN_ADDRESS};

/// Writes all files of a router below `home`.
pub(super) fn write(home: &Path, side: Side, advertisement_ms: u16) -> io::Result<()> {
    fs::write(
        home.join("keepalived.conf"),
        keepalived(home, side, advertisement_ms),
    )?;
    fs::write(home.join("conntrackd.conf"), conntrackd(home, side))?;
    fs::write(home.join("roles.sh"), roles(home))?;
    fs::write(home.join("nat.nft"), nat())
}

/// VRRPv3 without preemption; both virtual routers move together. A start that hears nothing for a
/// second first: with intervals of milliseconds a router would call itself master before its socket
/// has read anything.
fn keepalived(home: &Path, side: Side, advertisement_ms: u16) -> String {
    let (name, home) = (side.name(), home.display());
    let priority = match side {
        Side::A => 110,
        Side::B => 100,
    };
    let interval = f64::from(advertisement_ms) / 1_000.0;
    let mut text = format!(
        "global_defs {{
    router_id {name}
    vrrp_version 3
    vrrp_priority -20
    vrrp_rt_priority 50
    vrrp_no_swap
    vrrp_startup_delay 1
    vrrp_notify_fifo {home}/roles
}}
vrrp_sync_group pair {{
    group {{
        lan
        wan
    }}
}}
"
    );
    for (instance, vrid, address) in [("lan", 10, LAN_GATEWAY), ("wan", 20, WAN_ADDRESS)] {
        let _infallible = write!(
            text,
            "vrrp_instance {instance} {{
    state BACKUP
    nopreempt
    interface {instance}0
    use_vmac vrrp.{vrid}
    virtual_router_id {vrid}
    priority {priority}
    advert_int {interval}
    virtual_ipaddress {{
        {address}/32
    }}
}}
"
        );
    }
    text
}

/// Reliable replication over the HA link, straight into the standby's kernel: what a pair that
/// only ever fails over as a whole should use, and what makes its takeover fastest.
fn conntrackd(home: &Path, side: Side) -> String {
    let (local, remote, home) = (side.ha0(), side.other().ha0(), home.display());
    format!(
        "Sync {{
    Mode FTFW {{
        ResendQueueSize 131072
        ACKWindowSize 300
        DisableExternalCache On
    }}
    UDP {{
        IPv4_address {local}
        IPv4_Destination_Address {remote}
        Port 3780
        Interface ha0
        Checksum on
    }}
}}
General {{
    Systemd off
    HashSize 32768
    HashLimit 131072
    LogFile {home}/conntrackd.messages
    LockFile {home}/conntrackd.lock
    UNIX {{
        Path {home}/conntrackd.ctl
    }}
    NetlinkBufferSize 2097152
    NetlinkBufferSizeMaxGrowth 8388608
    Filter From Userspace {{
        Protocol Accept {{
            TCP
            UDP
            ICMP
        }}
        Address Ignore {{
            IPv4_address 127.0.0.1
            IPv4_address {local}
            IPv4_address {remote}
        }}
    }}
}}
"
    )
}

/// What Debian's conntrackd package tells to do at each change of role. Keepalived writes the
/// changes into a FIFO: to run scripts itself it would have to change its groups, which a user
/// namespace of an ordinary user forbids.
fn roles(home: &Path) -> String {
    let home = home.display();
    format!(
        "C=\"/usr/sbin/conntrackd -C {home}/conntrackd.conf\"
while read -r kind name role priority; do
    echo \"$kind $name $role\"
    case \"$kind $role\" in
    'GROUP MASTER') for step in -c -f -R -B; do $C $step; done ;;
    'GROUP BACKUP') $C -t; $C -n ;;
    'GROUP FAULT') $C -t ;;
    esac
done <>{home}/roles
"
    )
}

fn nat() -> String {
    format!(
        "table ip nat {{
    chain postrouting {{
        type nat hook postrouting priority srcnat;
        oifname {{ \"wan0\", \"vrrp.20\" }} ip saddr 192.0.2.0/24 snat to {WAN_ADDRESS}
    }}
}}
"
    )
}
