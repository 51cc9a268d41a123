//! The laboratory: real kernels' network namespaces, links, processes and traffic.
//!
//! It needs no root and no package: [`sandbox`] gives the process namespaces of its own, [`host`] and
//! [`link`] build networks in them, [`traffic`] fills them, [`topology`] knows the usual shapes.
//! On top stand the demonstration ([`demo`]), the benchmarks ([`mod@bench`]) and a [`harness`] for tests.
//! Whatever happens to the process, its namespaces die with it.

pub mod bench;
pub mod cluster;
pub mod demo;
mod failure;
pub mod harness;
pub mod host;
pub mod link;
mod load;
pub mod netns;
pub mod observe;
pub mod operator;
pub mod process;
mod progress;
pub mod sandbox;
mod sys;
pub mod topology;
pub mod traffic;
