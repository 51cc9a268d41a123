//! The heartbeat datagram between the two nodes of a pair: its bytes, its signature.
//!
//! ```text
//!  version 1 │ node 1 │ state 1 │ priority 1 │ interval µs 4 │ cluster 8 │ boot 8 │ sequence 8
//!  epoch 8 │ sent at ns 8 │ echo: boot 8, sent at ns 8, held ns 8 │ sources: count 1, each 1+4/16
//!  HMAC-SHA256 over all of it, first 16 bytes (only with a key)
//! ```
//! All numbers are big-endian. Anything else is refused as a whole, with a reason that is counted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ring::{digest, hmac};
use types::{Epoch, NodeId, PeerState};

/// The format's version, the first byte.
pub const VERSION: u8 = 1;
/// How many bytes of the HMAC are sent.
pub const TAG_LEN: usize = 16;
/// More members than this do not fit the datagram's purpose.
pub const MAX_SOURCES: usize = 64;

/// What a heartbeat says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Datagram {
    /// The sender.
    pub node: NodeId,
    /// Its role.
    pub state: PeerState,
    /// Its election weight, 1 to 254.
    pub priority: u8,
    /// Its epoch while Active, else the highest that it has seen.
    pub epoch: Epoch,
    /// Time between two of its heartbeats, in whole microseconds.
    pub interval: Duration,
    /// Which run of the sender's process this is; later runs have greater numbers.
    pub boot: u64,
    /// Counts the sender's heartbeats of this run, the same on all links.
    pub sequence: u64,
    /// The sender's clock, in nanoseconds.
    pub sent_at: u64,
    /// The receiver's own last heartbeat on this link, as the sender got it.
    pub echo: Option<Echo>,
    /// The addresses that the sender's adverts come from.
    pub sources: Vec<IpAddr>,
}

/// A heartbeat that comes back, which measures the round trip and proves the other direction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Echo {
    /// The run that sent it.
    pub boot: u64,
    /// When it was sent, by that one's clock.
    pub sent_at: u64,
    /// How long it stayed with the other side, in nanoseconds.
    pub held: u64,
}

/// Why a datagram is not a heartbeat of our pair.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DecodeError {
    /// Cut off, or longer than it says.
    #[error("its length is wrong")]
    Length,
    /// Another version of the format.
    #[error("its version is {0}, ours is {VERSION}")]
    Version(u8),
    /// Of another cluster or group.
    #[error("it belongs to another cluster or redundancy group")]
    Cluster,
    /// Not signed with our key.
    #[error("its signature is wrong")]
    Signature,
    /// A field has a value that no sender writes.
    #[error("its field '{0}' has an impossible value")]
    Field(&'static str),
}

/// Reads and writes the heartbeats of one pair.
#[derive(Clone, Debug)]
pub struct Codec {
    cluster: u64,
    key: Option<hmac::Key>,
}

impl Codec {
    /// The codec of one redundancy group in one cluster.
    pub fn new(cluster: &str, group: &str, key: Option<[u8; 32]>) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(cluster.as_bytes());
        // Names have no zero byte, so that ("ab", "c") and ("a", "bc") differ.
        context.update(&[0]);
        context.update(group.as_bytes());
        let digest = context.finish();
        let cluster = digest
            .as_ref()
            .first_chunk::<8>()
            .map_or(0, |bytes| u64::from_be_bytes(*bytes));
        Self {
            cluster,
            key: key.map(|key| hmac::Key::new(hmac::HMAC_SHA256, &key)),
        }
    }

    /// Writes `datagram` into `out`, which is cleared first.
    pub fn encode(&self, datagram: &Datagram, out: &mut Vec<u8>) {
        out.clear();
        let state = match datagram.state {
            PeerState::Initialize => 0,
            PeerState::Backup => 1,
            PeerState::Active => 2,
            PeerState::Fault => 3,
            PeerState::Released => 4,
        };
        out.extend([VERSION, datagram.node.0, state, datagram.priority]);
        let interval = u32::try_from(datagram.interval.as_micros()).unwrap_or(u32::MAX);
        out.extend(interval.to_be_bytes());
        let echo = datagram.echo.unwrap_or(Echo {
            boot: 0,
            sent_at: 0,
            held: 0,
        });
        for number in [
            self.cluster,
            datagram.boot,
            datagram.sequence,
            datagram.epoch.0,
            datagram.sent_at,
            echo.boot,
            echo.sent_at,
            echo.held,
        ] {
            out.extend(number.to_be_bytes());
        }
        let sources = datagram.sources.iter().take(MAX_SOURCES);
        out.push(u8::try_from(sources.len()).unwrap_or(0));
        for source in sources {
            match source {
                IpAddr::V4(address) => {
                    out.push(4);
                    out.extend(address.octets());
                }
                IpAddr::V6(address) => {
                    out.push(6);
                    out.extend(address.octets());
                }
            }
        }
        if let Some(key) = &self.key {
            let tag = hmac::sign(key, out);
            out.extend(tag.as_ref().iter().take(TAG_LEN));
        }
    }

    /// Reads a datagram; the signature is checked before anything but the format is believed.
    pub fn decode(&self, bytes: &[u8]) -> Result<Datagram, DecodeError> {
        match bytes.first() {
            None => return Err(DecodeError::Length),
            Some(&VERSION) => {}
            Some(&version) => return Err(DecodeError::Version(version)),
        }
        let body = match &self.key {
            None => bytes,
            Some(key) => {
                let (body, tag) = bytes
                    .split_last_chunk::<TAG_LEN>()
                    .ok_or(DecodeError::Length)?;
                let signed = hmac::sign(key, body);
                let expected = signed.as_ref().first_chunk::<TAG_LEN>();
                if expected.is_none_or(|expected| !same(expected, tag)) {
                    return Err(DecodeError::Signature);
                }
                body
            }
        };
        self.read_body(&mut Reader(body))
    }

    fn read_body(&self, reader: &mut Reader<'_>) -> Result<Datagram, DecodeError> {
        let [_version, node, state, priority] = reader.array()?;
        let interval = u32::from_be_bytes(reader.array()?);
        if reader.number()? != self.cluster {
            return Err(DecodeError::Cluster);
        }
        let [boot, sequence, epoch, sent_at] = reader.numbers()?;
        let [echo_boot, echo_sent_at, held] = reader.numbers()?;
        let [count] = reader.array()?;
        let mut sources = Vec::with_capacity(usize::from(count).min(MAX_SOURCES));
        for _ in 0..count {
            sources.push(reader.address()?);
        }
        if !reader.0.is_empty() {
            return Err(DecodeError::Length);
        }
        let state = match state {
            0 => PeerState::Initialize,
            1 => PeerState::Backup,
            2 => PeerState::Active,
            3 => PeerState::Fault,
            4 => PeerState::Released,
            5.. => return Err(DecodeError::Field("state")),
        };
        Ok(Datagram {
            node: NodeId(non_zero(node, "node")?),
            state,
            priority: configured(priority)?,
            epoch: Epoch(epoch),
            interval: Duration::from_micros(non_zero(interval, "interval")?.into()),
            boot: non_zero(boot, "boot")?,
            sequence,
            sent_at,
            echo: (echo_boot != 0).then_some(Echo {
                boot: echo_boot,
                sent_at: echo_sent_at,
                held,
            }),
            sources: if sources.len() > MAX_SOURCES {
                return Err(DecodeError::Field("sources"));
            } else {
                sources
            },
        })
    }
}

/// RFC 9568 §5.2.4 keeps 0 and 255 for what no operator configures.
const fn configured(priority: u8) -> Result<u8, DecodeError> {
    match priority {
        0 | 255 => Err(DecodeError::Field("priority")),
        1..=254 => Ok(priority),
    }
}

fn non_zero<T: PartialEq + Default>(value: T, field: &'static str) -> Result<T, DecodeError> {
    if value == T::default() {
        Err(DecodeError::Field(field))
    } else {
        Ok(value)
    }
}

/// Compares all bytes whatever the first ones are, so that time tells a forger nothing.
fn same(left: &[u8; TAG_LEN], right: &[u8; TAG_LEN]) -> bool {
    left.iter()
        .zip(right)
        .fold(0, |differences, (a, b)| differences | (a ^ b))
        == 0
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(DecodeError::Length)?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn number(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    fn numbers<const N: usize>(&mut self) -> Result<[u64; N], DecodeError> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = self.number()?;
        }
        Ok(numbers)
    }

    fn address(&mut self) -> Result<IpAddr, DecodeError> {
        match self.array()? {
            [4] => self
                .array()
                .map(|octets| Ipv4Addr::from_octets(octets).into()),
            [6] => self
                .array()
                .map(|octets| Ipv6Addr::from_octets(octets).into()),
            [_] => Err(DecodeError::Field("source")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    #[test]
    fn another_cluster_another_group_and_another_key_are_refused() {
        let mut bytes = Vec::new();
        Codec::new("c", "g", Some(KEY)).encode(&datagram(), &mut bytes);
        assert!(Codec::new("c", "g", Some(KEY)).decode(&bytes).is_ok());
        for (codec, expected) in [
            (Codec::new("d", "g", Some(KEY)), DecodeError::Cluster),
            (Codec::new("c", "h", Some(KEY)), DecodeError::Cluster),
            (Codec::new("c", "g", Some([8; 32])), DecodeError::Signature),
            (Codec::new("c", "g", None), DecodeError::Length),
        ] {
            assert_eq!(codec.decode(&bytes), Err(expected));
        }
        Codec::new("c", "g", None).encode(&datagram(), &mut bytes);
        let signed = Codec::new("c", "g", Some(KEY)).decode(&bytes);
        assert_eq!(signed, Err(DecodeError::Signature));
        bytes[0] = 2;
        assert_eq!(
            Codec::new("c", "g", None).decode(&bytes),
            Err(DecodeError::Version(2))
        );
    }

    fn datagram() -> Datagram {
        Datagram {
            node: NodeId(1),
            state: PeerState::Active,
            priority: 200,
            epoch: Epoch(0x0301),
            interval: Duration::from_millis(5),
            boot: 77,
            sequence: 12,
            sent_at: 34,
            echo: None,
            sources: vec!["192.0.2.11".parse().unwrap(), "fe80::1".parse().unwrap()],
        }
    }

    fn any_datagram() -> impl Strategy<Value = Datagram> {
        let state = prop_oneof![
            Just(PeerState::Initialize),
            Just(PeerState::Backup),
            Just(PeerState::Active),
            Just(PeerState::Fault),
            Just(PeerState::Released),
        ];
        let echo = proptest::option::of((1..=u64::MAX, any::<u64>(), any::<u64>()));
        let sources = proptest::collection::vec(any::<IpAddr>(), 0..=MAX_SOURCES);
        (
            (1_u8..=255, state, 1_u8..255, any::<u64>(), 1..=u32::MAX),
            (1..=u64::MAX, any::<u64>(), any::<u64>(), echo, sources),
        )
            .prop_map(|(who, run)| Datagram {
                node: NodeId(who.0),
                state: who.1,
                priority: who.2,
                epoch: Epoch(who.3),
                interval: Duration::from_micros(who.4.into()),
                boot: run.0,
                sequence: run.1,
                sent_at: run.2,
                echo: run.3.map(|(boot, sent_at, held)| Echo {
                    boot,
                    sent_at,
                    held,
                }),
                sources: run.4,
            })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(datagram in any_datagram(), signed in any::<bool>()) {
            let codec = Codec::new("cluster", "group", signed.then_some(KEY));
            let mut bytes = Vec::new();
            codec.encode(&datagram, &mut bytes);
            prop_assert_eq!(codec.decode(&bytes), Ok(datagram));
        }

        #[test]
        fn garbage_is_refused_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Codec::new("c", "g", None).decode(&bytes).is_err());
            prop_assert!(Codec::new("c", "g", Some(KEY)).decode(&bytes).is_err());
        }

        #[test]
        fn a_changed_or_cut_datagram_is_refused(
            datagram in any_datagram(),
            place in any::<prop::sample::Index>(),
            change in 1_u8..=255,
        ) {
            let codec = Codec::new("c", "g", Some(KEY));
            let mut bytes = Vec::new();
            codec.encode(&datagram, &mut bytes);
            let place = place.index(bytes.len());
            prop_assert!(codec.decode(&bytes[..place]).is_err());
            bytes[place] ^= change;
            prop_assert!(codec.decode(&bytes).is_err());
        }
    }
}
