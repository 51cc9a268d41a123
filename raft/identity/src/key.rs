//! A member's private key, and the request by which it asks for a certificate.
//!
//! The request is smaller than PKCS #10 on purpose: whoever has a token but no certificate yet may
//! send one, so there is as little to parse as possible. It is a public key and a proof that the
//! sender holds the private half, made for one name in one cluster.

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm, SigningKey};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::subject::Subject;

/// An uncompressed point of P-256.
const PUBLIC_KEY_BYTES: usize = 65;
/// What is signed begins so, so that a signature for one purpose is none for another.
const PURPOSE: &[u8] = b"tandem certificate request 1";

/// The private key of one certificate.
#[derive(Debug)]
pub struct MemberKey(pub(crate) KeyPair);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system has no randomness.
    #[error("no key can be made")]
    Generate(#[source] rcgen::Error),
    /// The text is no key, or none of the kind that is used here.
    #[error("this is no private key of the kind ECDSA P-256 in PEM")]
    Unreadable(#[source] rcgen::Error),
    /// It cannot sign.
    #[error("the key cannot sign")]
    Sign(#[source] rcgen::Error),
}

impl MemberKey {
    /// A new one.
    pub fn generate() -> Result<Self, KeyError> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .map(Self)
            .map_err(KeyError::Generate)
    }

    /// Reads what [`MemberKey::to_pem`] wrote.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        KeyPair::from_pkcs8_pem_and_sign_algo(text, &PKCS_ECDSA_P256_SHA256)
            .map(Self)
            .map_err(KeyError::Unreadable)
    }

    /// The key itself: whoever reads this is the member.
    pub fn to_pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// Asks for a certificate for `subject`.
    pub fn request(&self, subject: &Subject) -> Result<Request, KeyError> {
        let public_key = self.0.public_key_raw().to_vec();
        let signature = self
            .0
            .sign(&statement(subject, &public_key))
            .map_err(KeyError::Sign)?;
        Ok(Request {
            public_key,
            signature,
        })
    }
}

/// "Give this key a certificate for that name."
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The public key: an uncompressed point of P-256.
    pub public_key: Vec<u8>,
    /// Made with its private half over the names.
    pub signature: Vec<u8>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// It is no key.
    #[error("the public key has {0} bytes, which is no point of P-256")]
    NotAKey(usize),
    /// Made without the private key, or for another name.
    #[error("the request was not made by the owner of the key for this name in this cluster")]
    NotSigned,
}

impl Request {
    /// Whether whoever made it holds the key and means `subject`.
    pub(crate) fn verified(&self, subject: &Subject) -> Result<VerifiedKey, RequestError> {
        let key = &self.public_key;
        if key.len() != PUBLIC_KEY_BYTES {
            return Err(RequestError::NotAKey(key.len()));
        }
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key)
            .verify(&statement(subject, key), &self.signature)
            .map_err(|_| RequestError::NotSigned)?;
        Ok(VerifiedKey(key.clone()))
    }
}

/// A public key whose owner has been heard.
pub(crate) struct VerifiedKey(Vec<u8>);

impl PublicKeyData for VerifiedKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// The bytes that are signed. A zero ends each text, which cannot contain one.
fn statement(subject: &Subject, public_key: &[u8]) -> Vec<u8> {
    [
        PURPOSE,
        &[0],
        subject.cluster.as_str().as_bytes(),
        &[0],
        subject.member.as_str().as_bytes(),
        &[0],
        public_key,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::Label;

    fn subject(cluster: &str, member: &str) -> Subject {
        Subject {
            cluster: Label::new(cluster).unwrap(),
            member: Label::new(member).unwrap(),
        }
    }

    #[test]
    fn a_request_is_good_for_its_own_name_and_key_alone() {
        let key = MemberKey::generate().unwrap();
        let request = key.request(&subject("west", "a")).unwrap();
        assert!(request.verified(&subject("west", "a")).is_ok());
        for other in [
            subject("west", "b"),
            subject("east", "a"),
            subject("westa", "a"),
        ] {
            assert_eq!(
                request.verified(&other).err(),
                Some(RequestError::NotSigned)
            );
        }
        let stolen = Request {
            public_key: MemberKey::generate().unwrap().0.public_key_raw().to_vec(),
            ..request.clone()
        };
        assert_eq!(
            stolen.verified(&subject("west", "a")).err(),
            Some(RequestError::NotSigned)
        );
        let short = Request {
            public_key: vec![4; 64],
            ..request
        };
        assert_eq!(
            short.verified(&subject("west", "a")).err(),
            Some(RequestError::NotAKey(64))
        );
    }

    #[test]
    fn a_key_survives_its_file() {
        let key = MemberKey::generate().unwrap();
        let again = MemberKey::from_pem(&key.to_pem()).unwrap();
        assert_eq!(again.0.public_key_raw(), key.0.public_key_raw());
        assert!(matches!(
            MemberKey::from_pem("no key"),
            Err(KeyError::Unreadable(_))
        ));
    }
}
