//! Compiles every schema in `schema/` without a system protoc.
//!
//! A new file there needs no change here, only its `include_proto!` in `src/lib.rs`.

use std::error::Error;
use std::path::PathBuf;

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=schema");
    let mut schemas = Vec::new();
    for entry in std::fs::read_dir("schema")? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "proto")
        {
            println!("cargo::rerun-if-changed={}", path.display());
            schemas.push(path);
        }
    }
    // The order of a folder's entries is nobody's promise; builds should repeat.
    schemas.sort();

    let descriptors = protox::compile(&schemas, ["schema"])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".tandem.raft")
        // What the operators' API answers is also what `--json` prints.
        .type_attribute(
            ".tandem.ops",
            "#[derive(serde::Serialize, serde::Deserialize)]",
        )
        .compile_fds(descriptors)?;
    Ok(())
}
