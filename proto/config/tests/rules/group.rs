//! Redundancy-groups.

use super::support::Site;

#[test]
fn a_member_brings_its_other_half() {
    Site::good()
        .without("R redundancy-group pair member b wan")
        .fails(&[
            (
                " redundancy-group pair member a wan",
                "its other half, b wan, is not in the group",
            ),
            (
                " node b device-interface wan vrrp",
                "no redundancy-group moves this shared interface",
            ),
        ]);
}

#[test]
fn every_shared_interface_is_in_the_group() {
    let apart = "no redundancy-group moves this shared interface";
    Site::good()
        .without("R redundancy-group pair member a wan")
        .without("R redundancy-group pair member b wan")
        .fails(&[
            (" node a device-interface wan vrrp", apart),
            (" node b device-interface wan vrrp", apart),
        ]);
}

#[test]
fn members_exist_and_can_move() {
    Site::good()
        .with("R redundancy-group pair member c lan node c")
        .fails(&[(
            " redundancy-group pair member c lan node",
            "there is no node of this name",
        )]);
    Site::good()
        .with("R redundancy-group pair member a dmz node a")
        .fails(&[(
            " redundancy-group pair member a dmz device-id",
            "there is no device-interface that is enabled of this name",
        )]);
    let fixed = "vrrp is not enabled on wan, so it cannot move";
    Site::good()
        .without("A device-interface wan vrrp")
        .without("B device-interface wan vrrp")
        .without("A device-interface wan network-interface wan address 203.0.113.1 utility")
        .without("B device-interface wan network-interface")
        .with("B device-interface wan network-interface wan global-id 3")
        .with("B device-interface wan network-interface wan address 198.51.100.1 prefix-length 24")
        .fails(&[
            (" redundancy-group pair member a wan device-id", fixed),
            (" redundancy-group pair member b wan device-id", fixed),
        ]);
}

#[test]
fn there_is_one_group_and_it_has_members() {
    Site::good()
        .with("R redundancy-group empty name empty")
        .fails(&[
            (" redundancy-group empty", "one redundancy-group a router"),
            (" redundancy-group empty", "it has no member"),
        ]);
}

#[test]
fn members_of_a_node_are_elected_together() {
    Site::good()
        .with("A device-interface lan vrrp priority 110")
        .fails(&[(
            " node a device-interface wan vrrp priority",
            "lan of the same group and node has another",
        )]);
    Site::good()
        .with("A device-interface lan vrrp priority 110")
        .with("A device-interface wan vrrp priority 110")
        .is_good();
}
