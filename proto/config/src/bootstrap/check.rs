//! `node.toml` as a whole: what must be there, and what must agree.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::file::{File, Given, Table};
use super::{Bootstrap, HaLink, Member, MemberKind, PortChoice, StoreChoice, part, policy};
use crate::problem::Problem;
use crate::schema::Fault;
use crate::text::{excerpt, without_mark};

/// Longest path of a Unix socket: `sun_path` without its closing zero.
const MAX_SOCKET_PATH: usize = 107;

/// Reads a file's text. Relative paths stay so: [`Bootstrap::rooted_in`] completes them.
pub fn read(text: &str) -> Result<Bootstrap, Vec<Problem>> {
    let text = without_mark(text);
    let mut file = File::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        file.not_toml(error);
    }
    if !file.is_clean() {
        return Err(file.into_problems());
    }
    let bootstrap = document_to_bootstrap(document.get_ref(), &mut file);
    match bootstrap {
        Some(bootstrap) if file.is_clean() => Ok(bootstrap),
        Some(_) | None => Err(file.into_problems()),
    }
}

fn document_to_bootstrap(document: &DeTable<'_>, file: &mut File<'_>) -> Option<Bootstrap> {
    let mut root = Table::root(document);
    let cluster = part::name(&mut root, file, "cluster");
    let router = part::name(&mut root, file, "router");
    let node = part::name(&mut root, file, "node");
    let data_directory = part::path(&mut root, file, "data-directory");
    if data_directory.is_none() {
        root.missing_unless_given(file, "data-directory", "write data-directory = \"PATH\"");
    }
    let configuration = part::path(&mut root, file, "configuration");
    let api_socket = part::path(&mut root, file, "api-socket");
    let store: Option<StoreChoice> = part::choice(&mut root, file, "store");
    let port: Option<PortChoice> = part::choice(&mut root, file, "port");
    let replication_queue = part::replication_queue(&mut root, file);
    let rtt_ms = part::rtt_ms(&mut root, file);
    let election_timeout = part::election_timeout(&mut root, file);
    let security = part::security(&mut root, file);
    let edition = part::edition(&mut root, file);
    let tables = root.tables(file, "member");
    let members: Vec<_> = tables
        .into_iter()
        .filter_map(|table| part::member(table, file))
        .collect();
    let tables = root.tables(file, "ha-link");
    let links: Vec<_> = tables
        .into_iter()
        .filter_map(|table| part::ha_link(table, file))
        .collect();
    let without_quorum = policy::without_quorum(&mut root, &members, &links, file);
    check_members(&root, &members, file);
    check_links(&links, file);
    let local = node.and_then(|node| local_member(&node, &members, file));
    if let Some(local) = &local {
        check_role(&root, local, &members, file);
    }
    root.finish(file);
    Some(Bootstrap {
        cluster: cluster?.value,
        router: router?.value,
        local: local?.id,
        api_socket: socket_path(api_socket, &data_directory.as_ref()?.value, file),
        data_directory: data_directory?.value,
        configuration: configuration.map(|path| path.value),
        members: ordered(members),
        edition: edition.unwrap_or_default(),
        ha_links: links.into_iter().map(|link| link.value).collect(),
        without_quorum,
        security: security?,
        store: store.unwrap_or_default(),
        port: port.unwrap_or_default(),
        replication_queue,
        rtt_ms: rtt_ms.unwrap_or_default(),
        election_timeout,
    })
}

fn ordered(members: Vec<Given<Member>>) -> Vec<Member> {
    let mut members: Vec<_> = members.into_iter().map(|member| member.value).collect();
    members.sort_by_key(|member| member.id);
    members
}

fn socket_path(
    given: Option<Given<PathBuf>>,
    data_directory: &Path,
    file: &mut File<'_>,
) -> PathBuf {
    let path = match &given {
        Some(given) => given.value.clone(),
        None => data_directory.join("tandem.sock"),
    };
    if path.as_os_str().len() > MAX_SOCKET_PATH {
        let fault = Fault::new(
            format!("a Unix socket's path has {MAX_SOCKET_PATH} bytes at most"),
            "write a shorter api-socket",
        );
        let shown = Some(path.display().to_string());
        file.report(given.map(|given| given.at), "api-socket", shown, fault);
    }
    path
}

/// Numbers, names and addresses are each one member's.
fn check_members(root: &Table<'_>, members: &[Given<Member>], file: &mut File<'_>) {
    if members.is_empty() {
        root.missing_unless_given(
            file,
            "member",
            "add [[member]] for each node and the witness",
        );
    }
    for (kind, limit, noun) in [
        (MemberKind::Node, 2, "two nodes"),
        (MemberKind::Witness, 1, "one witness"),
    ] {
        let of_kind = members.iter().filter(|member| member.value.kind == kind);
        for extra in of_kind.skip(limit) {
            let fault = Fault::new(
                format!("a cluster has {noun} at most"),
                "take the member away",
            );
            file.object(&extra.clone().map(|member| member.name), fault);
        }
    }
    let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
    let mut addresses: BTreeSet<SocketAddr> = BTreeSet::new();
    for member in members {
        if !ids.insert(member.value.id) {
            let fault = Fault::new("another member has this id", "number members one by one");
            file.object(&member.clone().map(|member| member.id), fault);
        }
        if !names.insert(&member.value.name) {
            let fault = Fault::new("another member has this name", "give each its own");
            file.object(&member.clone().map(|member| member.name), fault);
        }
        for address in &member.value.addresses {
            if !addresses.insert(*address) {
                let fault = Fault::new("this address stands here twice", "give each its own");
                file.object(&member.clone().map(|_| *address), fault);
            }
        }
    }
}

fn check_links(links: &[Given<HaLink>], file: &mut File<'_>) {
    part::check_link_count(links, file);
    let (mut names, mut ends) = (BTreeSet::new(), BTreeSet::new());
    for link in links {
        if !names.insert(&link.value.name) {
            let fault = Fault::new("another HA link has this name", "give each its own");
            file.object(&link.clone().map(|link| link.name), fault);
        }
        if !ends.insert(link.value.local) {
            let fault = Fault::new("another HA link has this local end", "give each its own");
            file.object(&link.clone().map(|link| link.local), fault);
        }
    }
}

fn local_member(
    node: &Given<types::Name>,
    members: &[Given<Member>],
    file: &mut File<'_>,
) -> Option<Member> {
    let local = members
        .iter()
        .find(|member| member.value.name == node.value);
    if local.is_none() && !members.is_empty() {
        let names: Vec<_> = members
            .iter()
            .map(|member| member.value.name.as_str())
            .collect();
        let fault = Fault::new(
            "no member has this name",
            format!("write one of {}", excerpt(&names.join(", "))),
        );
        file.object(node, fault);
    }
    local.map(|member| member.value.clone())
}

/// What a node of a pair needs, and what has no effect elsewhere.
fn check_role(root: &Table<'_>, local: &Member, members: &[Given<Member>], file: &mut File<'_>) {
    let is_node = local.kind == MemberKind::Node;
    let is_peer = |member: &Given<Member>| {
        member.value.kind == MemberKind::Node && member.value.name != local.name
    };
    let paired = is_node && members.iter().any(is_peer);
    if paired {
        let next_step = "add [[ha-link]] with name, local and remote";
        root.missing_unless_given(file, "ha-link", next_step);
    }
    if paired && root.has("tls") {
        let next_step = "write heartbeat-key-file = \"FILE\"; both nodes have the same key";
        root.missing_unless_given(file, "heartbeat-key-file", next_step);
    }
    for (key, useful) in [
        // Also before there is a peer: a cluster grows from one node.
        ("ha-link", is_node),
        ("heartbeat-key-file", is_node),
        ("ha", is_node),
        ("configuration", is_node),
        ("port", is_node),
        ("replication-queue", is_node),
    ] {
        if root.has(key) && !useful {
            let fault = Fault::new(
                "it has no effect on this member",
                "take it away: the witness only votes",
            );
            file.report(root.place_of(file, key), key, None, fault);
        }
    }
}
