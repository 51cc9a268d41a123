//! What a member shows and what it believes, as configurations of rustls.
//!
//! Both are immutable: new credentials make new configurations, which new connections use, while old
//! connections go on with the old ones.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::certificate::Certificate;

/// The protocol that gRPC speaks, in the words of TLS.
const HTTP_2: &[u8] = b"h2";

/// A member's certificate with its key, and the authorities whose members it talks to.
#[derive(Clone, Debug)]
pub struct Credentials {
    certificate: Certificate,
    authorities: Vec<Certificate>,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// No certificate in the text.
    #[error("there is no certificate for {0} that can be read")]
    NoCertificate(&'static str),
    /// No key in the text.
    #[error("there is no private key that can be read")]
    NoKey,
    /// Key and certificate do not fit, or TLS cannot use them.
    #[error("the certificate cannot be used with its key")]
    Unusable(#[source] rustls::Error),
    /// The authority's certificate is of no use.
    #[error("the authority's certificate cannot be used: {0}")]
    Authority(String),
}

impl Credentials {
    /// Reads three PEM texts. Certificate and key may stand in one text: each is looked for.
    pub fn from_pem(
        authorities: &[u8],
        certificate: &[u8],
        key: &[u8],
    ) -> Result<Self, CredentialsError> {
        let certificates = |text, whose| match Certificate::all_from_pem(text) {
            Ok(found) if !found.is_empty() => Ok(found),
            Ok(_) | Err(_) => Err(CredentialsError::NoCertificate(whose)),
        };
        let authorities = certificates(authorities, "the authority")?;
        let mut chain = certificates(certificate, "this member")?;
        // Sent along for newcomers, who know the authority by its fingerprint alone.
        for authority in &authorities {
            if !chain.contains(authority) {
                chain.push(authority.clone());
            }
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CredentialsError::NoKey)?;
        Self::new(&chain, authorities, key)
    }

    fn new(
        chain: &[Certificate],
        authorities: Vec<Certificate>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, CredentialsError> {
        let unusable = CredentialsError::Unusable;
        let refused =
            |error: &dyn std::fmt::Display| CredentialsError::Authority(error.to_string());
        let certificate = chain
            .first()
            .cloned()
            .ok_or(CredentialsError::NoCertificate("this member"))?;
        let provider = Arc::new(default_provider());
        let ders: Vec<CertificateDer<'static>> = chain
            .iter()
            .map(|certificate| certificate.der().clone())
            .collect();
        let shown = CertifiedKey::from_der(ders, key, &provider).map_err(unusable)?;
        let shown = Arc::new(SingleCertAndKey::from(shown));
        let roots = Arc::new(roots(&authorities).map_err(|error| refused(&error))?);
        let known =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
                // A newcomer has no certificate yet; what it may ask without one, the service decides.
                .allow_unauthenticated()
                .build()
                .map_err(|error| refused(&error))?;
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?
            .with_client_cert_verifier(known)
            .with_cert_resolver(Arc::<SingleCertAndKey>::clone(&shown));
        server.alpn_protocols.push(HTTP_2.to_vec());
        let mut client = client_builder(&provider)
            .map_err(unusable)?
            .with_root_certificates(roots)
            .with_client_cert_resolver(shown);
        client.alpn_protocols.push(HTTP_2.to_vec());
        Ok(Self {
            certificate,
            authorities,
            server: Arc::new(server),
            client: Arc::new(client),
        })
    }

    /// This member's certificate.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Whose signatures are believed.
    pub fn authorities(&self) -> &[Certificate] {
        &self.authorities
    }

    /// For connections that others make. A certificate is asked for and checked if it comes.
    pub fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// For connections to others.
    pub fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.client)
    }
}

pub(crate) fn client_builder(
    provider: &Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(Arc::clone(provider)).with_protocol_versions(&[&TLS13])
}

/// TLS believes these.
pub(crate) fn roots(authorities: &[Certificate]) -> Result<RootCertStore, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.der().clone())?;
    }
    Ok(roots)
}
