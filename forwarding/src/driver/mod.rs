//! Actors around the machines that workers do not run themselves.

pub(crate) mod neighbor;
