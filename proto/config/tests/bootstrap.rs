//! `node.toml`: every rule, by breaking the sample in one place.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::Path;
use std::time::Duration;

use config::bootstrap::{Bootstrap, PortChoice, Security, StoreChoice, WithoutQuorum, read};
use config::{Problem, parse};

const SAMPLE: &str = include_str!("../examples/node.toml");

/// The sample with a text replaced, which must stand in it.
fn with(from: &str, to: &str) -> String {
    assert!(SAMPLE.contains(from), "{from:?} is not in the sample");
    SAMPLE.replacen(from, to, 1)
}

/// Exactly these problems, each by path and a part of its reason.
fn fails(text: &str, expected: &[(&str, &str)]) {
    let found = read(text).unwrap_err();
    let shown: Vec<_> = found.iter().map(Problem::to_string).collect();
    assert_eq!(found.len(), expected.len(), "{shown:#?}");
    for (path, reason) in expected {
        let hit = |problem: &Problem| problem.path == *path && problem.reason.contains(reason);
        assert!(found.iter().any(hit), "{path}: {reason}: {shown:#?}");
    }
}

fn good(text: &str) -> Bootstrap {
    read(text).unwrap()
}

#[test]
fn what_is_missing_is_named_all_at_once() {
    fails(
        "",
        &[
            ("cluster", "required and missing"),
            ("router", "required and missing"),
            ("node", "required and missing"),
            ("data-directory", "required and missing"),
            ("tls", "required and missing"),
            ("member", "required and missing"),
        ],
    );
    fails(
        &with(
            "id = 1\nname = \"a\"\nkind = \"node\"\naddresses = [\"198.18.0.1:7400\"]\n",
            "",
        ),
        &[
            ("member[1].id", "required and missing"),
            ("member[1].name", "required and missing"),
            ("member[1].kind", "required and missing"),
            ("member[1].addresses", "required and missing"),
            ("node", "no member has this name"),
        ],
    );
}

#[test]
fn unknown_keys_get_the_nearest_known_one() {
    let found = read(&with("router =", "ruoter =")).unwrap_err();
    let unknown = found
        .iter()
        .find(|problem| problem.path == "ruoter")
        .unwrap();
    assert_eq!(unknown.next_step, "did you mean router?");
    assert_eq!(unknown.at.unwrap().to_string(), "3:1");
    fails(
        &with("id = 1", "id = 1\nweight = 5"),
        &[("member[1].weight", "no such key")],
    );
    fails(
        &with("name = \"ha0\"", "name = \"ha0\"\nmtu = 9000"),
        &[("ha-link[1].mtu", "no such key")],
    );
}

/// What is replaced by what, which path objects, and why.
const WRONG_VALUES: &[(&str, &str, &str, &str)] = &[
    (
        "cluster = \"example\"",
        "cluster = 7",
        "cluster",
        "it is of type integer",
    ),
    (
        "cluster = \"example\"",
        "cluster = \"ex ample\"",
        "cluster",
        "no place in a name",
    ),
    (
        "insecure-lab = true",
        "insecure-lab = \"true\"",
        "insecure-lab",
        "it is of type string",
    ),
    (
        "port = \"raw\"",
        "port = \"dpdk\"",
        "port",
        "none of the choices",
    ),
    (
        "\"/var/lib/tandem\"",
        "\"\"",
        "data-directory",
        "it is empty",
    ),
    ("id = 1", "id = 0", "member[1].id", "0 is nobody's number"),
    ("id = 1", "id = 256", "member[1].id", "outside 1–255"),
    ("id = 1", "id = -1", "member[1].id", "outside 1–255"),
    (
        "kind = \"node\"",
        "kind = \"nod\"",
        "member[1].kind",
        "none of the choices",
    ),
    (
        "198.18.0.1:7400",
        "198.18.0.1",
        "member[1].addresses[1]",
        "not an address with a port",
    ),
    (
        "198.18.0.1:7400",
        "0.0.0.0:7400",
        "member[1].addresses[1]",
        "others cannot send",
    ),
    (
        "198.18.0.1:7400",
        "198.18.0.1:0",
        "member[1].addresses[1]",
        "port 0",
    ),
    (
        "198.18.0.1:7400",
        "224.0.0.1:7400",
        "member[1].addresses[1]",
        "multicast",
    ),
    (
        "device = \"ha0\"",
        "device = \"a/b\"",
        "ha-link[1].device",
        "Linux cannot",
    ),
    (
        "local = \"198.18.0.1:7401\"",
        "local = \"[2001:db8::1]:7401\"",
        "ha-link[1]",
        "not two ends",
    ),
    (
        "local = \"198.18.0.1:7401\"",
        "local = \"198.18.0.2:7401\"",
        "ha-link[1]",
        "not two ends",
    ),
];

#[test]
fn values_of_the_wrong_type_or_range_are_refused() {
    for (from, to, path, reason) in WRONG_VALUES {
        let found = read(&with(from, to)).unwrap_err();
        let hit = |problem: &Problem| problem.path == *path && problem.reason.contains(reason);
        assert!(found.iter().any(hit), "{to}: {found:#?}");
    }
}

#[test]
fn what_is_not_toml_is_refused_with_its_place() {
    let found = read(&with("port = \"raw\"", "port = raw")).unwrap_err();
    assert_eq!(
        (found[0].path.as_str(), found[0].at.unwrap().line),
        ("node.toml", 8)
    );
}

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

const TLS: &str = "\n[tls]\nca = \"ca.pem\"\ncertificate = \"a.pem\"\nkey = \"a.key\"\n";
const LAB: &str =
    "insecure-lab = true               # no TLS, no heartbeat key: for a lab of its own only\n";

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
fn relative_paths_start_where_the_file_lies() {
    let text = format!("{}{TLS}", with(LAB, "heartbeat-key-file = \"h.key\"\n"));
    let text = text.replace("/var/lib/tandem", "data");
    let rooted = good(&text).rooted_in(Path::new("/etc/tandem"));
    assert_eq!(rooted.data_directory, Path::new("/etc/tandem/data"));
    assert_eq!(rooted.api_socket, Path::new("/etc/tandem/data/tandem.sock"));
    assert_eq!(
        rooted.configuration.as_deref(),
        Some(Path::new("/etc/tandem/site.conf"))
    );
    let Security::Tls {
        ca,
        heartbeat_key_file,
        ..
    } = rooted.security
    else {
        unreachable!("the file has a [tls] table");
    };
    assert_eq!(ca, Path::new("/etc/tandem/ca.pem"));
    assert_eq!(
        heartbeat_key_file.as_deref(),
        Some(Path::new("/etc/tandem/h.key"))
    );
}

#[test]
fn a_socket_s_path_fits_into_its_address() {
    let long = format!("/{}", "d".repeat(100));
    fails(
        &with("/var/lib/tandem", &long),
        &[("api-socket", "107 bytes at most")],
    );
}

/// The same file as the witness has it.
fn witness() -> String {
    let start = SAMPLE.find("[[ha-link]]").unwrap();
    let (text, _) = SAMPLE.split_at(start);
    text.replace("node = \"a\"\n", "node = \"w\"\n")
        .replace("configuration = \"site.conf\"       # proposed when the cluster has no configuration yet\n", "")
        .replace("port = \"raw\"\n", "")
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

/// The sample of a pair without a witness, with a table `[ha]`.
fn pair(ha: &str) -> String {
    let start = SAMPLE.find("[[member]]\nid = 3").unwrap();
    let end = SAMPLE.find("[[ha-link]]").unwrap();
    let (before, after) = (&SAMPLE[..start], &SAMPLE[end..]);
    format!("{before}{after}\n{ha}\n")
}

#[test]
fn a_pair_freezes_unless_it_is_told_to_survive_and_a_witness_settles_it() {
    assert_eq!(good(SAMPLE).without_quorum, WithoutQuorum::Witness);
    assert_eq!(good(&pair("")).without_quorum, WithoutQuorum::Freeze);
    let freeze = "[ha]\nwithout-quorum = \"freeze\"";
    assert_eq!(good(&pair(freeze)).without_quorum, WithoutQuorum::Freeze);
    let survive =
        "[ha]\nwithout-quorum = \"survive\"\nanchors = [\"192.0.2.254\", \"2001:db8::1\"]";
    let anchors: Vec<_> = ["192.0.2.254", "2001:db8::1"]
        .map(|address| address.parse().unwrap())
        .into();
    let survives = |seconds| WithoutQuorum::Survive {
        hold_time: std::time::Duration::from_secs(seconds),
        anchors: anchors.clone(),
    };
    assert_eq!(good(&pair(survive)).without_quorum, survives(3));
    let patient = format!("{survive}\nhold-time = \"2m\"");
    assert_eq!(good(&pair(&patient)).without_quorum, survives(120));
}

#[test]
fn a_survivor_s_evidence_must_be_somebody_else_s_answer() {
    let survive = |rest: &str| pair(&format!("[ha]\nwithout-quorum = \"survive\"\n{rest}"));
    fails(&survive(""), &[("ha.anchors", "required and missing")]);
    for (anchor, reason) in [
        ("192.0.2", "not an IP address"),
        ("198.18.0.2", "a member of the cluster"),
        ("127.0.0.1", "no neighbour's address"),
        ("0.0.0.0", "no neighbour's address"),
        ("224.0.0.18", "no neighbour's address"),
        ("192.0.2.1", "stands here twice"),
    ] {
        let anchors = format!("anchors = [\"192.0.2.1\", \"{anchor}\"]");
        fails(&survive(&anchors), &[("ha.anchors[2]", reason)]);
    }
    let many: Vec<_> = (1..=9).map(|last| format!("\"192.0.2.{last}\"")).collect();
    fails(
        &survive(&format!("anchors = [{}]", many.join(", "))),
        &[("ha.anchors[9]", "8 anchors are enough")],
    );
    for (hold, reason) in [
        ("1s", "outside 2s–1h"),
        ("61m", "outside 2s–1h"),
        ("3", "not a number with"),
    ] {
        let rest = format!("anchors = [\"192.0.2.1\"]\nhold-time = \"{hold}\"");
        fails(&survive(&rest), &[("ha.hold-time", reason)]);
    }
    fails(
        &pair("[ha]\nwithout-quorum = \"panic\""),
        &[("ha.without-quorum", "none of the choices")],
    );
}

#[test]
fn a_policy_without_effect_is_refused() {
    let with_witness = format!("{SAMPLE}\n[ha]\nwithout-quorum = \"freeze\"\n");
    fails(
        &with_witness,
        &[("ha.without-quorum", "the witness decides")],
    );
    fails(
        &pair("[ha]\nhold-time = \"3s\"\nanchors = [\"192.0.2.1\"]"),
        &[
            ("ha.hold-time", "no effect without"),
            ("ha.anchors", "no effect without"),
        ],
    );
    fails(
        &format!("{}\n[ha]\n", witness()),
        &[("ha", "no effect on this member")],
    );
}

#[test]
fn members_and_nodes_of_the_tree_are_the_same_machines() {
    let site = |text: &str| parse(text).unwrap().validate().unwrap();
    let site_text = include_str!("../examples/site.conf");
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

#[test]
fn how_far_the_farthest_member_is_has_bounds() {
    let rtt = |value: &str| with("port =", &format!("rtt-ms = {value}\nport ="));
    assert_eq!(good(SAMPLE).rtt_ms, 0);
    assert_eq!(good(&rtt("100")).rtt_ms, 100);
    for (value, reason) in [
        ("-1", "outside 0–500"),
        ("501", "outside 0–500"),
        ("\"far\"", "not a whole number"),
    ] {
        fails(&rtt(value), &[("rtt-ms", reason)]);
    }
}

#[test]
fn a_replication_queue_has_bounds_and_is_a_node_s() {
    let queue = |value: &str| with("port =", &format!("replication-queue = {value}\nport ="));
    assert_eq!(good(SAMPLE).replication_queue, None);
    assert_eq!(good(&queue("100")).replication_queue, Some(100));
    for (value, reason) in [
        ("99", "outside 100–10000000"),
        ("10000001", "outside 100–10000000"),
        ("\"many\"", "not a whole number"),
    ] {
        fails(&queue(value), &[("replication-queue", reason)]);
    }
}

#[test]
fn the_store_is_one_of_two_on_every_member() {
    let store =
        |text: &str, value: &str| text.replace("data-dir", &format!("store = {value}\ndata-dir"));
    for text in [SAMPLE.to_owned(), witness()] {
        assert_eq!(good(&text).store, StoreChoice::Sled);
        assert_eq!(good(&store(&text, "\"sled\"")).store, StoreChoice::Sled);
        assert_eq!(good(&store(&text, "\"redb\"")).store, StoreChoice::Redb);
        fails(
            &store(&text, "\"paper\""),
            &[("store", "none of the choices")],
        );
    }
}

#[test]
fn an_election_timeout_has_bounds_and_is_every_member_s() {
    let timeout = |value: &str| with("port =", &format!("election-timeout-ms = {value}\nport ="));
    assert_eq!(good(SAMPLE).election_timeout, None);
    for (value, milliseconds) in [("100", 100), ("150", 150), ("10000", 10_000)] {
        let read = good(&timeout(value)).election_timeout;
        assert_eq!(read, Some(Duration::from_millis(milliseconds)));
    }
    for (value, reason) in [
        ("99", "outside 100–10000"),
        ("10001", "outside 100–10000"),
        ("\"150ms\"", "not a whole number"),
    ] {
        fails(&timeout(value), &[("election-timeout-ms", reason)]);
    }
    let witness = "cluster = \"west\"\nrouter = \"pair\"\nnode = \"w\"\ninsecure-lab = true\n\
                   data-directory = \"/var/lib/tandem\"\nelection-timeout-ms = 150\n\
                   [[member]]\nid = 3\nname = \"w\"\nkind = \"witness\"\n\
                   addresses = [\"198.18.0.3:7400\"]\n";
    let read = good(witness).election_timeout;
    assert_eq!(read, Some(Duration::from_millis(150)));
}
