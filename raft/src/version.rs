//! Which versions of the members' protocol talk to each other.

/// What this software is.
pub(crate) const SOFTWARE: &str = env!("CARGO_PKG_VERSION");
/// The version that is spoken here. It goes up with every change that an older member would
/// misunderstand; what can be told apart by its content alone needs no new version.
pub(crate) const PROTOCOL: u32 = 2;
/// The oldest version that is understood here. Messages from before versions were told carry 0.
pub(crate) const OLDEST: u32 = 1;

/// The other side is too old.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the sender speaks protocol {found}, and {OLDEST} is the oldest that is understood here \
     (software {SOFTWARE}): upgrade the sender first"
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
        let refused = check(0).unwrap_err().to_string();
        assert!(refused.contains("protocol 0"), "{refused}");
        assert!(refused.contains("upgrade the sender"), "{refused}");
    }
}
