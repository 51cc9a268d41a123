//! From a candidate that no rule objects to, the checked tree.
//!
//! A value that should be there and is not still comes out as a problem, not as a guess.

mod authority;
mod interface;
mod router;

use super::view;
use crate::candidate::Block;
use crate::problem::Problem;
use crate::valid::Valid;

/// Builds everything; `warnings` go along.
pub(super) fn valid(
    authority: &Block,
    routers: &[view::Router<'_>],
    warnings: Vec<Problem>,
) -> Result<Valid, Problem> {
    Ok(Valid {
        authority: authority::authority(authority)?,
        routers: routers
            .iter()
            .map(|router| router::router(authority, router))
            .collect::<Result<_, _>>()?,
        warnings,
    })
}
