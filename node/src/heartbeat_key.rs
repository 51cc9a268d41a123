//! The key that heartbeats are sealed with, as both nodes have it in a file.

use anyhow::Context;
use cli::text_of;
use config::bootstrap::{Bootstrap, Security};

/// 64 digits, and room for what editors add; whatever is longer is another file.
const LONGEST: usize = 4 << 10;

/// The key that node.toml names.
pub(crate) fn load(bootstrap: &Bootstrap) -> anyhow::Result<Option<[u8; 32]>> {
    let Security::Tls {
        heartbeat_key_file: Some(path),
        ..
    } = &bootstrap.security
    else {
        return Ok(None);
    };
    let text = text_of(path, LONGEST)
        .with_context(|| format!("cannot read the heartbeat key {}", path.display()))?;
    let key = parse(&text).with_context(|| {
        format!(
            "{} is not 64 hexadecimal digits; make one with 'openssl rand -hex 32' and copy it to \
             both nodes",
            path.display()
        )
    })?;
    Ok(Some(key))
}

/// The key that a file with this text holds.
pub(crate) fn parse(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut key = [0; 32];
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_key_is_exactly_64_hexadecimal_digits() {
        assert_eq!(parse(&format!("{}\n", "0f".repeat(32))), Some([15; 32]));
        assert_eq!(parse(&"0f".repeat(31)), None);
        assert_eq!(parse(&"zz".repeat(32)), None);
        assert_eq!(parse(""), None);
    }
}
