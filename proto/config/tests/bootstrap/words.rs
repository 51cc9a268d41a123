//! Keys and values: missing, unknown, of the wrong type, out of range.

use std::path::Path;

use config::Problem;
use config::bootstrap::{Security, read};

use crate::sample::{LAB, TLS, fails, good, with};

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
fn a_socket_s_path_fits_into_its_address() {
    let long = format!("/{}", "d".repeat(100));
    fails(
        &with("/var/lib/tandem", &long),
        &[("api-socket", "107 bytes at most")],
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
