//! Who the members are, how they hear each other and how they prove who they are.

use config::bootstrap::PortChoice;
use config::parse;

use crate::sample::{LAB, SAMPLE, TLS, fails, good, with, witness};

#[test]
fn members_are_told_apart() {
    for (from, to, path, reason) in [
        (
            "id = 2",
            "id = 1",
            "member[2]",
            "another member has this id",
        ),
        (
            "name = \"w\"",
            "name = \"b\"",
            "member[3]",
            "another member has this name",
        ),
        (
            "198.18.0.3:7400",
            "198.18.0.1:7400",
            "member[3]",
            "this address stands here twice",
        ),
        (
            "kind = \"witness\"",
            "kind = \"node\"",
            "member[3]",
            "two nodes at most",
        ),
    ] {
        fails(&with(from, to), &[(path, reason)]);
    }
    let second = "\n[[member]]\nid = 4\nname = \"v\"\nkind = \"witness\"\naddresses = [\"198.18.0.4:7400\"]\n";
    fails(
        &format!("{SAMPLE}{second}"),
        &[("member[4]", "one witness at most")],
    );
    let five = "[\"198.18.0.1:1\", \"198.18.0.1:2\", \"198.18.0.1:3\", \"198.18.0.1:4\", \"198.18.0.1:5\"]";
    fails(
        &with("[\"198.18.0.1:7400\"]", five),
        &[("member[1].addresses[5]", "4 addresses at most")],
    );
}

#[test]
fn a_process_is_one_of_the_members() {
    fails(
        &with("node = \"a\"", "node = \"c\""),
        &[("node", "no member has this name")],
    );
}

#[test]
fn a_pair_hears_each_other_on_one_to_four_links() {
    let start = SAMPLE.find("[[ha-link]]").unwrap();
    let (without, link) = SAMPLE.split_at(start);
    fails(without, &[("ha-link", "required and missing")]);
    let links = |count: u8| -> String {
        (0..count)
            .map(|number| {
                link.replace("ha0", &format!("ha{number}"))
                    .replace(":7401", &format!(":{}", 7401 + u16::from(number)))
            })
            .collect()
    };
    assert_eq!(good(&format!("{without}{}", links(4))).ha_links.len(), 4);
    fails(
        &format!("{without}{}", links(5)),
        &[("ha-link[5]", "4 HA links at most")],
    );
    fails(
        &format!("{without}{link}{link}"),
        &[
            ("ha-link[2]", "has this name"),
            ("ha-link[2]", "has this local end"),
        ],
    );
}

#[test]
fn members_prove_who_they_are_in_exactly_one_way() {
    fails(&with(LAB, ""), &[("tls", "required and missing")]);
    fails(
        &with("insecure-lab = true", "insecure-lab = false"),
        &[("tls", "required and missing")],
    );
    fails(
        &format!(
            "{}{TLS}",
            with(LAB, "insecure-lab = true\nheartbeat-key-file = \"h\"\n")
        ),
        &[("insecure-lab", "there is a [tls] table as well")],
    );
    fails(
        &format!("{}{TLS}", with(LAB, "")),
        &[("heartbeat-key-file", "required and missing")],
    );
    fails(
        &with(LAB, "insecure-lab = true\nheartbeat-key-file = \"h\"\n"),
        &[("heartbeat-key-file", "no effect with insecure-lab")],
    );
    fails(
        &format!(
            "{}\n[tls]\nca = \"ca.pem\"\n",
            with(LAB, "heartbeat-key-file = \"h\"\n")
        ),
        &[("tls.certificate", "required"), ("tls.key", "required")],
    );
}

#[test]
fn the_witness_needs_neither_links_nor_configuration_nor_port() {
    let bootstrap = good(&witness());
    assert!(bootstrap.is_witness());
    assert_eq!(bootstrap.port, PortChoice::Raw);
    fails(
        &with("node = \"a\"", "node = \"w\""),
        &[
            ("ha-link", "no effect on this member"),
            ("configuration", "no effect on this member"),
            ("port", "no effect on this member"),
        ],
    );
}

#[test]
fn members_and_nodes_of_the_tree_are_the_same_machines() {
    let site = |text: &str| parse(text).unwrap().validate().unwrap();
    let site_text = include_str!("../../examples/site.conf");
    let valid = site(site_text);
    let against = |text: &str| -> Vec<(String, String)> {
        let problems = good(text).check_against(&valid);
        problems
            .into_iter()
            .map(|problem| (problem.path, problem.value.unwrap()))
            .collect()
    };
    assert_eq!(against(SAMPLE), []);
    assert_eq!(
        against(&with("\"pair\"", "\"pear\"")),
        [("router".to_owned(), "pear".to_owned())]
    );
    assert_eq!(
        against(&with("name = \"b\"", "name = \"c\"")),
        [
            ("member[2].name".to_owned(), "c".to_owned()),
            ("member".to_owned(), "b".to_owned())
        ]
    );
}
