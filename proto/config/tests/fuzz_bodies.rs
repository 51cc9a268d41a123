//! The fuzz targets with the stable compiler: each body on its committed seeds and on some thousand
//! changed copies of them, so that the targets go on compiling and their claims go on holding.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
#![expect(unreachable_pub, reason = "the bodies are public for the targets")]

use std::path::Path;

#[path = "../fuzz/src/bootstrap.rs"]
mod bootstrap;
#[path = "../fuzz/src/grammar.rs"]
mod grammar;
#[path = "../../wire/fuzz/src/mutation.rs"]
mod mutation;

const COUNT: usize = 3_000;

#[test]
fn the_grammar_holds_its_claims_on_changed_seeds() {
    each_input("grammar", grammar::run);
}

#[test]
fn node_toml_holds_its_claims_on_changed_seeds() {
    each_input("bootstrap", bootstrap::run);
}

fn each_input(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut seeds: Vec<_> = std::fs::read_dir(folder.join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    seeds.sort();
    let seeds: Vec<_> = seeds
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    let changed = mutation::mutations(&seeds, 1, COUNT);
    for input in seeds.iter().cloned().chain(changed) {
        run(&input);
    }
}
