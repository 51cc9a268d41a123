//! The fuzz targets with the stable compiler: each body on its committed seeds and on some thousand
//! changed copies of them, so that the targets go on compiling and their claims go on holding.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]
#![expect(unreachable_pub, reason = "the bodies are public for the targets")]

#[path = "../fuzz/src/bootstrap.rs"]
mod bootstrap;
#[path = "../fuzz/src/grammar.rs"]
mod grammar;
#[path = "../../wire/fuzz/src/mutation.rs"]
mod mutation;

const COUNT: usize = 3_000;

#[test]
fn the_grammar_holds_its_claims_on_changed_seeds() {
    mutation::on_changed_seeds("grammar", COUNT, grammar::run);
}

#[test]
fn node_toml_holds_its_claims_on_changed_seeds() {
    mutation::on_changed_seeds("bootstrap", COUNT, bootstrap::run);
}
