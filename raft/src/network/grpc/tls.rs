//! Mutual TLS: every member shows a certificate of the cluster's authority with its own name in it.

use std::path::Path;

use rustls::pki_types::ServerName;
use rustls::server::ParsedCertificate;
use tonic::Status;
use tonic::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};
use types::Name;

use crate::error::StartError;
use crate::plan::TlsFiles;

/// What was read from the files.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    ca: Certificate,
    identity: Identity,
}

impl Tls {
    pub(crate) fn load(files: &TlsFiles) -> Result<Self, StartError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| StartError::TlsFile {
                path: path.to_owned(),
                source,
            })
        };
        // Somebody else may have installed a provider first; there is only ring, so it is the same.
        let _same_provider = rustls::crypto::ring::default_provider().install_default();
        Ok(Self {
            ca: Certificate::from_pem(read(&files.ca)?),
            identity: Identity::from_pem(read(&files.cert)?, read(&files.key)?),
        })
    }

    pub(crate) fn for_server(&self) -> ServerTlsConfig {
        ServerTlsConfig::new()
            .identity(self.identity.clone())
            .client_ca_root(self.ca.clone())
    }

    /// For a connection to the member `name`, whose certificate must say so.
    pub(crate) fn for_client(&self, name: &Name) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .identity(self.identity.clone())
            .ca_certificate(self.ca.clone())
            .domain_name(name.as_str())
    }
}

/// Refuses a request whose sender's certificate does not carry `name`.
pub(crate) fn check_sender<T>(request: &tonic::Request<T>, name: &Name) -> Result<(), Status> {
    let refused = |reason: &str| Status::unauthenticated(format!("{name}: {reason}"));
    let certificates = request
        .peer_certs()
        .ok_or_else(|| refused("no certificate"))?;
    let certificate = certificates
        .first()
        .ok_or_else(|| refused("no certificate"))?;
    let parsed = ParsedCertificate::try_from(certificate)
        .map_err(|_| refused("the certificate cannot be read"))?;
    let expected =
        ServerName::try_from(name.as_str()).map_err(|_| refused("is no name for a certificate"))?;
    rustls::client::verify_server_name(&parsed, &expected)
        .map_err(|_| refused("the certificate is another member's"))
}
