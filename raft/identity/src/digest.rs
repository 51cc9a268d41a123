//! SHA-256 and the system's randomness: the only two things that everything here needs.

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use types::Fingerprint;

/// SHA-256 of `bytes`.
pub fn fingerprint(bytes: &[u8]) -> Fingerprint {
    let mut value = [0; 32];
    // SHA-256 has 32 bytes: this fills all of them.
    for (to, from) in value.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    Fingerprint(value)
}

/// Bytes that nobody can guess; `None` when the system has no randomness to give.
pub fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_sha_256() {
        // The first test vector of FIPS 180-4.
        assert_eq!(
            fingerprint(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
