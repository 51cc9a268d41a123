//! One certificate: its bytes, its fingerprint, its dates, and whose it is.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::ParsedCertificate;
use types::Fingerprint;

use crate::digest::fingerprint;
use crate::subject::Subject;
use crate::validity::Validity;

/// A certificate that can be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    der: CertificateDer<'static>,
    validity: Validity,
}

/// Bytes or text that are no certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this is no certificate")]
pub struct NotACertificate;

impl Certificate {
    /// Out of its bytes.
    pub fn from_der(der: impl Into<CertificateDer<'static>>) -> Result<Self, NotACertificate> {
        let der = der.into();
        let validity = Validity::read(&der).ok_or(NotACertificate)?;
        ParsedCertificate::try_from(&der).map_err(|_| NotACertificate)?;
        Ok(Self { der, validity })
    }

    /// Every certificate in a PEM text; what else it holds is passed over.
    pub fn all_from_pem(text: &[u8]) -> Result<Vec<Self>, NotACertificate> {
        CertificateDer::pem_slice_iter(text)
            .map(|der| Self::from_der(der.map_err(|_| NotACertificate)?))
            .collect()
    }

    /// Its bytes.
    pub const fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// As text.
    pub fn to_pem(&self) -> String {
        let text = data_encoding::BASE64.encode(&self.der);
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        // The text is ASCII, so every byte is a character.
        for (place, character) in (1..).zip(text.chars()) {
            pem.push(character);
            if place % 64 == 0 {
                pem.push('\n');
            }
        }
        if !pem.ends_with('\n') {
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
        pem
    }

    /// By which members know it.
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(&self.der)
    }

    /// When it is valid.
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// Whether it names `subject`. Who signed it is checked in the handshake, not here.
    pub fn is_of(&self, subject: &Subject) -> bool {
        let Some(name) = subject.server_name() else {
            return false;
        };
        ParsedCertificate::try_from(&self.der)
            .is_ok_and(|parsed| rustls::client::verify_server_name(&parsed, &name).is_ok())
    }
}
