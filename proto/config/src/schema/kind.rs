//! Which values a leaf takes, and what to say about those that it does not.

use std::net::IpAddr;

use ipnet::IpNet;
use types::MacAddr;

use crate::text;

/// Which values are values.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Number {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
        /// Only whole multiples of this.
        step: u64,
    },
    /// One of a few words. A function, so that the words stand beside the type that they mean.
    Choice(fn() -> Vec<&'static str>),
    /// The only value that this release knows.
    Only(&'static str),
    /// Letters, digits, `_` and `-`; 1 to 63 of them.
    Name,
    /// The same and dots, which separate the levels of a hierarchy.
    DottedName,
    /// The name of something else in the tree.
    Reference(&'static str),
    /// The name of a Linux network device.
    Device,
    /// An IPv4 or IPv6 prefix without host bits; an address alone is a host's prefix.
    Prefix,
    /// An IPv4 or IPv6 address.
    Address,
    /// A unicast MAC address.
    Mac,
    /// A tenant, a prefix, or `tenant@prefix`.
    Source,
}

/// Why a text is not a value of its kind, and what would be one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Why.
    pub reason: String,
    /// What to type instead.
    pub next_step: String,
}

impl Fault {
    /// A fault in two half sentences.
    pub fn new(reason: impl Into<String>, next_step: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            next_step: next_step.into(),
        }
    }
}

impl Kind {
    /// Every whole number from `min` to `max`.
    pub(crate) const fn number(min: u64, max: u64) -> Self {
        Self::Number { min, max, step: 1 }
    }

    /// Whether `text` is a value.
    pub fn check(&self, text: &str) -> Result<(), Fault> {
        match *self {
            Self::Flag => match text {
                "true" | "false" => Ok(()),
                _ => Err(Fault::new(
                    "it is neither true nor false",
                    "type one of the two",
                )),
            },
            Self::Number { min, max, step } => check_number(text, min, max, step),
            Self::Choice(words) => check_choice(text, &words()),
            Self::Only(word) if text == word => Ok(()),
            Self::Only(word) => Err(Fault::new(
                "this release has nothing that would act on it",
                format!("leave it out, or type {word}"),
            )),
            Self::Name | Self::Reference(_) => check_name(text, "_-"),
            Self::DottedName => check_name(text, "_-."),
            Self::Device => check_device(text),
            Self::Prefix => check_prefix(text),
            Self::Address => text.parse::<IpAddr>().map(|_| ()).map_err(|_| {
                Fault::new(
                    "it is not an IP address",
                    "type one such as 192.0.2.1 or 2001:db8::1",
                )
            }),
            Self::Mac => check_mac(text),
            Self::Source => check_source(text),
        }
    }

    /// The values in a few words, for manuals and help.
    pub fn describe(&self) -> String {
        match *self {
            Self::Flag => "true, false".to_owned(),
            Self::Number { min, max, step: 1 } => format!("{min}–{max}"),
            Self::Number { min, max, step } => format!("{min}–{max} in steps of {step}"),
            Self::Choice(words) => words().join(", "),
            Self::Only(word) => format!("only {word}"),
            Self::Name => "name".to_owned(),
            Self::DottedName => "name, may have dots".to_owned(),
            Self::Reference(to) => format!("name of a {to}"),
            Self::Device => "Linux network device".to_owned(),
            Self::Prefix => "IP prefix".to_owned(),
            Self::Address => "IP address".to_owned(),
            Self::Mac => "MAC address".to_owned(),
            Self::Source => "tenant, prefix, tenant@prefix".to_owned(),
        }
    }
}

fn check_number(text: &str, min: u64, max: u64, step: u64) -> Result<(), Fault> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let range = if step == 1 {
        format!("type a number from {min} to {max}")
    } else {
        format!("type a multiple of {step} from {min} to {max}")
    };
    match text.parse::<u64>() {
        _ if !digits => Err(Fault::new("it is not a whole number", range)),
        Ok(number) if number < min || number > max => {
            Err(Fault::new(format!("it is outside {min}–{max}"), range))
        }
        Ok(number) if number % step != 0 => {
            Err(Fault::new(format!("it is not a multiple of {step}"), range))
        }
        Ok(_) => Ok(()),
        Err(_) => Err(Fault::new(format!("it is outside {min}–{max}"), range)),
    }
}

fn check_choice(text: &str, words: &[&str]) -> Result<(), Fault> {
    if words.contains(&text) {
        return Ok(());
    }
    let all = words.join(", ");
    let next_step = match text::nearest(text, words.iter().copied()) {
        Some(near) => format!("did you mean {near}? It takes {all}"),
        None => format!("type one of {all}"),
    };
    Err(Fault::new("it is none of the choices", next_step))
}

fn check_name(text: &str, extra: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_alphanumeric() || extra.contains(c);
    let next_step = "type 1 to 63 letters, digits, '_' or '-'";
    if text.is_empty() || text.len() > 63 {
        return Err(Fault::new("a name has 1 to 63 characters", next_step));
    }
    if let Some(bad) = text.chars().find(|c| !good(*c)) {
        let reason = format!("{bad:?} has no place in a name");
        return Err(Fault::new(reason, next_step));
    }
    if text.split('.').any(str::is_empty) {
        return Err(Fault::new(
            "each level between dots needs a name",
            "type levels such as staff.corp",
        ));
    }
    Ok(())
}

fn check_device(text: &str) -> Result<(), Fault> {
    // The kernel's own rule (IFNAMSIZ leaves 15 bytes; no slash, no white space, not a dot or two).
    let good = (1..=15).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b':')
        && text != "."
        && text != "..";
    if good {
        Ok(())
    } else {
        Err(Fault::new(
            "Linux cannot have a network device of this name",
            "type a name of 1 to 15 characters as `ip link` shows it",
        ))
    }
}

fn check_prefix(text: &str) -> Result<(), Fault> {
    let Some(prefix) = text::prefix(text) else {
        return Err(Fault::new(
            "it is not an IP prefix",
            "type one such as 192.0.2.0/24 or 2001:db8::/32",
        ));
    };
    if prefix == prefix.trunc() {
        Ok(())
    } else {
        Err(Fault::new(
            "its host bits are not zero",
            format!("did you mean {}?", prefix.trunc()),
        ))
    }
}

fn check_mac(text: &str) -> Result<(), Fault> {
    let next_step = "type one such as 02:00:00:00:00:0a";
    match text.parse::<MacAddr>() {
        Ok(mac) if mac.is_group() => Err(Fault::new("it is a group address", next_step)),
        Ok(MacAddr::ZERO) => Err(Fault::new("it is no station's address", next_step)),
        Ok(_) => Ok(()),
        Err(_) => Err(Fault::new("it is not a MAC address", next_step)),
    }
}

fn check_source(text: &str) -> Result<(), Fault> {
    if text.parse::<IpNet>().is_ok() || text.parse::<IpAddr>().is_ok() {
        return check_prefix(text);
    }
    match text.split_once('@') {
        Some((tenant, prefix)) => check_name(tenant, "_-.").and_then(|()| check_prefix(prefix)),
        None => check_name(text, "_-."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(kind: Kind, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(kind.check(text), Ok(()), "{kind:?} {text}");
        }
        for text in bad {
            assert!(kind.check(text).is_err(), "{kind:?} {text}");
        }
    }

    #[test]
    fn numbers_keep_their_range_and_their_step() {
        accepts(
            Kind::number(1, 255),
            &["1", "255", "010"],
            &[
                "0",
                "256",
                "",
                "+1",
                "-1",
                "1.0",
                "0x10",
                " 1",
                "99999999999999999999",
            ],
        );
        let stepped = Kind::Number {
            min: 10,
            max: 40_950,
            step: 10,
        };
        accepts(stepped, &["10", "40950"], &["15", "0", "40960"]);
    }

    #[test]
    fn names_have_the_letters_of_names() {
        let long = "n".repeat(63);
        let longer = "n".repeat(64);
        accepts(
            Kind::Name,
            &["a", "A-1_b", &long],
            &["", &longer, "a.b", "a b", "ä", "a/b"],
        );
        accepts(
            Kind::DottedName,
            &["corp", "staff.corp"],
            &[".corp", "corp.", "a..b"],
        );
    }

    #[test]
    fn devices_have_names_that_linux_takes() {
        accepts(
            Kind::Device,
            &["eth0", "enp3s0f1", "wan0.100", "123456789012345"],
            &[
                "",
                "1234567890123456",
                "a/b",
                "a b",
                ".",
                "..",
                "eth0:1",
                "ä",
            ],
        );
    }

    #[test]
    fn prefixes_have_no_host_bits() {
        accepts(
            Kind::Prefix,
            &[
                "0.0.0.0/0",
                "::/0",
                "192.0.2.0/24",
                "192.0.2.1",
                "2001:db8::1/128",
            ],
            &[
                "192.0.2.1/24",
                "192.0.2.0/33",
                "192.0.2/24",
                "::/129",
                "any",
                "",
            ],
        );
    }

    #[test]
    fn macs_are_stations() {
        accepts(
            Kind::Mac,
            &["02:00:00:00:00:01", "00:00:5E:00:01:0A"],
            &[
                "ff:ff:ff:ff:ff:ff",
                "01:00:5e:00:00:12",
                "00:00:00:00:00:00",
                "2:0:0:0:0:1",
            ],
        );
    }

    #[test]
    fn sources_are_tenants_prefixes_or_both() {
        accepts(
            Kind::Source,
            &[
                "lan",
                "staff.corp",
                "192.0.2.0/24",
                "2001:db8::1",
                "lan@192.0.2.0/24",
            ],
            &[
                "",
                "lan@",
                "@192.0.2.0/24",
                "lan@192.0.2.1/24",
                "la n",
                "192.0.2.1/24",
            ],
        );
    }

    #[test]
    fn a_fault_says_what_would_be_right() {
        let fault = Kind::Prefix.check("192.0.2.1/24").unwrap_err();
        assert_eq!(fault.next_step, "did you mean 192.0.2.0/24?");
        let fault = Kind::Only("combo").check("conductor").unwrap_err();
        assert_eq!(fault.next_step, "leave it out, or type combo");
    }
}
