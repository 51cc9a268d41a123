//! The one handshake in which the other side's authority is not known yet, but its fingerprint is.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, SignatureScheme,
};
use types::Fingerprint;

use crate::certificate::Certificate;
use crate::credentials::{client_builder, roots};
use crate::digest::fingerprint;
use crate::subject::any_member;
use crate::token::Token;

/// How a newcomer talks to the cluster of its token: the configuration, and the name to ask for. It
/// shows no certificate, and believes only members of the authority that the token names.
pub fn client_of_token(token: &Token) -> Result<(Arc<ClientConfig>, ServerName<'static>), Error> {
    let provider = Arc::new(default_provider());
    let verifier = PinnedAuthority {
        fingerprint: token.authority,
        provider: Arc::clone(&provider),
    };
    let mut client = client_builder(&provider)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    client.alpn_protocols.push(b"h2".to_vec());
    let name = ServerName::try_from(any_member(&token.cluster))
        .map_err(|error| Error::General(error.to_string()))?;
    Ok((Arc::new(client), name))
}

/// Believes members of one authority, which they have to show.
#[derive(Debug)]
struct PinnedAuthority {
    fingerprint: Fingerprint,
    provider: Arc<CryptoProvider>,
}

/// The other side belongs to another cluster, or is in between.
#[derive(Debug, thiserror::Error)]
#[error(
    "the certificate there is of another authority than the token names: \
     is this another cluster, or somebody in between?"
)]
struct AnotherAuthority;

/// What went wrong in a handshake, in words for people.
pub fn explain(error: &Error) -> String {
    if let Error::InvalidCertificate(CertificateError::Other(reason)) = error {
        return reason.0.to_string();
    }
    error.to_string()
}

impl ServerCertVerifier for PinnedAuthority {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let authority = intermediates
            .iter()
            .find(|shown| fingerprint(shown) == self.fingerprint)
            .and_then(|shown| Certificate::from_der(shown.clone().into_owned()).ok())
            .ok_or_else(|| {
                let reason = OtherError(Arc::new(AnotherAuthority));
                Error::InvalidCertificate(CertificateError::Other(reason))
            })?;
        WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots(&[authority])?),
            Arc::clone(&self.provider),
        )
        .build()
        .map_err(|error| Error::General(error.to_string()))?
        .verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests;
