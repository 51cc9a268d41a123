//! Which versions of the members' protocol talk to each other.

/// What this software is.
pub(crate) const SOFTWARE: &str = env!("CARGO_PKG_VERSION");
/// The version that is spoken here. It goes up with every change that an older member would
/// misunderstand; what can be told apart by its content alone needs no new version.
pub const PROTOCOL: u32 = 5;
/// The oldest version that is understood here: an older witness does not know runs of stripped entries, an
/// older node neither dismissals nor a state with them, nor how the port blocks of a removed node are taken
/// back, nor that a founder's life is part of a lineage. Messages from before versions were told carry 0.
pub(crate) const OLDEST: u32 = 5;

/// The other side is too old.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a member that speaks protocol {found} is not understood, {OLDEST} is the oldest here (software {SOFTWARE}): \
     upgrade that member first"
)]
pub(crate) struct TooOld {
    found: u32,
}

/// Whether a member that speaks `protocol` is understood. A newer one decides for itself whether it
/// understands this one.
pub(crate) const fn check(protocol: u32) -> Result<(), TooOld> {
    if protocol < OLDEST {
        return Err(TooOld { found: protocol });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_member_is_refused_with_what_to_do() {
        assert_eq!(check(PROTOCOL), Ok(()));
        assert_eq!(check(PROTOCOL + 7), Ok(()));
        for found in [0, 1, OLDEST - 1] {
            let refused = check(found).unwrap_err().to_string();
            assert!(refused.contains(&format!("protocol {found}")), "{refused}");
            assert!(refused.contains("upgrade that member first"), "{refused}");
        }
    }
}
