//! The arrows between crates, as ARCHITECTURE.md draws them: vocabulary ← machines ← shells ← node.
//!
//! Reads the manifests themselves, so a new dependency in the wrong direction fails here before
//! anybody has to notice it in a review.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of a test may fail it"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Crate → the workspace crates it may depend on. Dev-dependencies are free.
const ARROWS: &[(&str, &[&str])] = &[
    // vocabulary
    ("types", &[]),
    ("wire", &["types"]),
    ("config", &["types"]),
    ("proto", &["types"]),
    // machines
    ("session", &["types"]),
    ("nat", &["types"]),
    ("fib", &["types"]),
    ("routing", &["types", "fib"]),
    ("neighbor", &["types"]),
    ("vrrp-machine", &["types"]),
    ("raft-state", &["types"]),
    ("identity", &["types"]),
    ("ha", &["types"]),
    // what shells share
    ("runtime", &["types"]),
    // shells: never each other
    (
        "forwarding",
        &[
            "types", "wire", "session", "nat", "fib", "neighbor", "runtime",
        ],
    ),
    ("vrrp", &["types", "wire", "vrrp-machine", "runtime"]),
    (
        "raft",
        &["types", "proto", "raft-state", "identity", "runtime"],
    ),
    ("ops", &["types", "proto", "runtime"]),
    ("cli", &["types", "proto", "config"]),
    // proof
    ("history", &[]),
    (
        "sim",
        &["types", "proto", "raft-state", "raft", "runtime", "ha"],
    ),
    // The laboratory's benchmarks measure the shells themselves, without a process around them.
    (
        "lab",
        &[
            "types",
            "wire",
            "runtime",
            "history",
            "sim",
            "session",
            "fib",
            "forwarding",
            "raft",
            "raft-state",
        ],
    ),
    ("integration", &["types", "lab"]),
];

/// The composition may know everyone.
const COMPOSITION: &str = "node";

/// Crates that decide and never touch the world.
const PURE: &[&str] = &[
    "types",
    "wire",
    "config",
    "session",
    "nat",
    "fib",
    "routing",
    "neighbor",
    "vrrp-machine",
    "raft-state",
    "identity",
    "ha",
    "history",
];

/// What a pure crate must not even be able to call.
const WORLD: &[&str] = &[
    "tokio",
    "libc",
    "nix",
    "socket2",
    "pnet_datalink",
    "rtnetlink",
    "tonic",
    "sled",
    "redb",
    "openraft",
    "hyper",
    "mio",
    "futures-timer",
    "runtime",
    "tracing",
    "crossbeam-channel",
    "parking_lot",
];

/// What the standard library offers of the world.
const SYSTEM: &[&str] = &[
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "std::process",
    "std::env",
    "std::thread",
    "thread::sleep",
    "SystemTime",
    "Instant::now",
];

/// Where a pure crate keeps what it made: certificates and keys are files of one shape, written as one.
const KEPT: &[&str] = &["raft/identity/src/files.rs"];

#[test]
fn every_crate_depends_only_on_what_lies_below_it() {
    let mut wrong = Vec::new();
    for (name, dependencies) in manifests() {
        let ours: BTreeSet<_> = dependencies
            .iter()
            .filter(|name| is_ours(name))
            .cloned()
            .collect();
        if name == COMPOSITION {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!(
                "{name} has no place in the picture: add it to ARROWS"
            ));
            continue;
        };
        for dependency in ours.iter().filter(|name| !allowed.contains(&name.as_str())) {
            wrong.push(format!("{name} must not depend on {dependency}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_crates_cannot_touch_the_world() {
    let (manifests, folders, root) = (manifests(), folders(), root());
    let mut wrong = Vec::new();
    for name in PURE {
        for dependency in &manifests[*name] {
            let world = |known: &&str| {
                let family = format!("{known}-");
                dependency == *known || dependency.starts_with(&family)
            };
            if WORLD.iter().any(world) {
                wrong.push(format!(
                    "{name} is pure and must not depend on {dependency}"
                ));
            }
        }
        visit(&folders[*name].join("src"), &mut |path| {
            let place = path.strip_prefix(&root).expect("below the root");
            if KEPT.iter().any(|kept| Path::new(kept) == place) {
                return;
            }
            for (number, word) in words_of_the_world(path) {
                let place = place.display();
                wrong.push(format!("{name} is pure: {word} in {place}:{number}"));
            }
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Lines before a file's tests that name something of [`SYSTEM`].
fn words_of_the_world(path: &Path) -> Vec<(usize, &'static str)> {
    if path.file_name().is_some_and(|name| name == "tests.rs")
        || path.components().any(|part| part.as_os_str() == "tests")
    {
        return Vec::new();
    }
    let text = std::fs::read_to_string(path).expect("a source file is readable");
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = product.lines().enumerate();
    let found = lines.filter_map(|(number, line)| {
        let code = line.split("//").next().unwrap_or_default();
        let word = SYSTEM.iter().find(|word| code.contains(*word))?;
        Some((number + 1, *word))
    });
    found.collect()
}

#[test]
fn unsafe_code_lives_only_where_the_architecture_says() {
    const HOMES: &[&str] = &[
        "forwarding/src/port/raw_socket.rs",
        "forwarding/src/device/offload.rs",
        "vrrp/src/socket.rs",
        "integration/lab/src/sys.rs",
    ];
    let root = root();
    let mut wrong = Vec::new();
    visit(&root, &mut |path| {
        let text = std::fs::read_to_string(path).expect("a source file is readable");
        let relative = path
            .strip_prefix(&root)
            .expect("below the root")
            .to_string_lossy()
            .into_owned();
        let has_unsafe = text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            [
                "unsafe {",
                "unsafe fn",
                "unsafe impl",
                "unsafe extern",
                "unsafe trait",
            ]
            .iter()
            .any(|word| code.contains(word))
        });
        if has_unsafe && !HOMES.contains(&relative.as_str()) {
            wrong.push(relative);
        }
    });
    wrong.retain(|path| path != "integration/tests/architecture.rs");
    assert!(
        wrong.is_empty(),
        "unsafe code outside its homes: {}",
        wrong.join(", ")
    );
}

fn is_ours(name: &str) -> bool {
    name == COMPOSITION || ARROWS.iter().any(|(known, _)| *known == name)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("integration/ has a parent")
        .to_owned()
}

/// Package name → its folder.
fn folders() -> BTreeMap<String, PathBuf> {
    let root = root();
    let workspace = read_toml(&root.join("Cargo.toml"));
    let members = workspace["workspace"]["members"]
        .as_array()
        .expect("members is a list");
    let folder = |member: &toml::Value| {
        let folder = root.join(member.as_str().expect("a member is a path"));
        let manifest = read_toml(&folder.join("Cargo.toml"));
        let name = manifest["package"]["name"].as_str();
        (name.expect("a package has a name").to_owned(), folder)
    };
    members.iter().map(folder).collect()
}

/// Package name → names of what it is built with, on any platform and under any other name.
fn manifests() -> BTreeMap<String, Vec<String>> {
    let folders = folders().into_iter();
    let read = folders.map(|(name, folder)| {
        let manifest = read_toml(&folder.join("Cargo.toml"));
        let platforms = manifest.get("target").and_then(toml::Value::as_table);
        let platforms = platforms.into_iter().flat_map(toml::Table::values);
        let tables = platforms
            .filter_map(toml::Value::as_table)
            .chain([&manifest]);
        (name, tables.flat_map(dependencies).collect())
    });
    read.collect()
}

/// The packages of a table's `dependencies` and `build-dependencies`.
fn dependencies(table: &toml::Table) -> Vec<String> {
    let kinds = ["dependencies", "build-dependencies"].iter();
    let lists = kinds.filter_map(|kind| table.get(*kind)?.as_table());
    let package = |(name, value): (&String, &toml::Value)| {
        let renamed = value.get("package").and_then(toml::Value::as_str);
        renamed.unwrap_or(name).to_owned()
    };
    lists.flatten().map(package).collect()
}

fn read_toml(path: &Path) -> toml::Table {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse()
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn visit(folder: &Path, see: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).expect("a folder of the workspace is readable") {
        let path = entry.expect("a directory entry is readable").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            visit(&path, see);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            see(&path);
        }
    }
}
