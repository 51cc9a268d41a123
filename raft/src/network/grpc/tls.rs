//! Mutual TLS: every member shows a certificate, and is known by it.
//!
//! The handshake checks who signed it, its dates, and on the connecting side the name. That it is a
//! *current* certificate of that member is checked with each request, against the list that the members
//! have agreed on: so a removed member is not heard any more on connections that it already has.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use identity::{Certificate, Credentials, Label, Subject};
use raft_state::{CertificateRecord, Judgement};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use types::Name;

use crate::enrolment::record_of;
use crate::error::StartError;
use crate::network::transport::Failure;
use crate::plan::{Member, TlsFiles};
use crate::roster::View;

/// The credentials in use. Clones share them: a renewal reaches everybody.
#[derive(Clone, Debug)]
pub(crate) struct Tls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    current: ArcSwap<Credentials>,
    /// Counts the renewals, so that connections can tell that theirs are old.
    number: AtomicU64,
    /// The cluster's id, if its certificates carry it; those made by hand carry the bare name.
    cluster: Option<Label>,
}

impl Tls {
    /// Reads the files of the member `name` of `cluster`.
    pub(crate) fn load(files: &TlsFiles, cluster: &str, name: &Name) -> Result<Self, StartError> {
        let credentials = read(files)?;
        let subject = subject(cluster, name);
        let named = subject.filter(|subject| credentials.certificate().is_of(subject));
        let tls = Self(Arc::new(Shared {
            current: ArcSwap::from_pointee(credentials),
            number: AtomicU64::new(0),
            cluster: named.map(|subject| subject.cluster),
        }));
        if tls.shows(name) {
            return Ok(tls);
        }
        Err(StartError::TlsFileDamaged {
            path: files.cert.clone(),
            reason: format!("its certificate is not for member {name} of cluster {cluster}"),
            next: "see 'cluster' and 'node' (or 'name') in node.toml: the others would turn this member away"
                .to_owned(),
        })
    }

    /// Whether the certificate in use is for the member `name`, as the others will ask.
    fn shows(&self, name: &Name) -> bool {
        let own = self.current();
        let parsed = ParsedCertificate::try_from(own.certificate().der());
        let verified = self.server_name(name).zip(parsed.ok());
        verified.is_some_and(|(name, parsed)| {
            rustls::client::verify_server_name(&parsed, &name).is_ok()
        })
    }

    /// What is in use now.
    pub(crate) fn current(&self) -> Arc<Credentials> {
        self.0.current.load_full()
    }

    /// How often it was renewed.
    pub(super) fn number(&self) -> u64 {
        self.0.number.load(Ordering::Acquire)
    }

    /// From now on new connections use `credentials`.
    pub(crate) fn renew(&self, credentials: Credentials) {
        self.0.current.store(Arc::new(credentials));
        self.0.number.fetch_add(1, Ordering::Release);
    }

    /// For one connection that another member makes.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current().server())
    }

    /// For one connection to another member.
    pub(super) fn connector(&self) -> TlsConnector {
        TlsConnector::from(self.current().client())
    }

    /// The name that the certificate of the member `name` must carry.
    pub(super) fn server_name(&self, name: &Name) -> Option<ServerName<'static>> {
        let text = match &self.0.cluster {
            Some(cluster) => Subject {
                cluster: cluster.clone(),
                member: Label::new(name.as_str()).ok()?,
            }
            .full_name(),
            None => name.to_string(),
        };
        ServerName::try_from(text).ok()
    }

    /// Whether `member` may show `shown`, as the members have agreed.
    pub(super) fn check_member(
        &self,
        view: &View,
        member: &Member,
        shown: Option<&CertificateDer<'_>>,
    ) -> Result<CertificateRecord, Failure> {
        let name = &member.name;
        let refused = |reason: &str| Failure::Untrusted(format!("{name}: {reason}"));
        let shown = shown.ok_or_else(|| refused("no certificate"))?;
        let certificate = Certificate::from_der(shown.clone().into_owned())
            .map_err(|_| refused("the certificate cannot be read"))?;
        let record = record_of(&certificate);
        judged(view, member, record)?;
        let expected = self
            .server_name(name)
            .ok_or_else(|| refused("is no name for a certificate"))?;
        let parsed = ParsedCertificate::try_from(shown)
            .map_err(|_| refused("the certificate cannot be read"))?;
        rustls::client::verify_server_name(&parsed, &expected)
            .map_err(|_| refused("the certificate is another member's"))?;
        Ok(record)
    }
}

/// Whether the agreed list knows `member` by that certificate.
pub(super) fn judged(
    view: &View,
    member: &Member,
    shown: CertificateRecord,
) -> Result<(), Failure> {
    let name = &member.name;
    match view.judge(member.id, shown) {
        Judgement::NoList | Judgement::Known => Ok(()),
        Judgement::NotAMember => Err(Failure::Untrusted(format!(
            "{name} is not a member of this cluster (any more)"
        ))),
        Judgement::OtherCertificate => Err(Failure::Untrusted(format!(
            "{name} has another certificate: this one was replaced"
        ))),
    }
}

fn subject(cluster: &str, name: &Name) -> Option<Subject> {
    Some(Subject {
        cluster: Label::new(cluster).ok()?,
        member: Label::new(name.as_str()).ok()?,
    })
}

/// Reads the files of a member.
pub(crate) fn read(files: &TlsFiles) -> Result<Credentials, StartError> {
    let read = |path: &Path| {
        identity::files::bytes(path).map_err(|source| StartError::TlsFile {
            path: path.to_owned(),
            source,
        })
    };
    Credentials::from_pem(&read(&files.ca)?, &read(&files.cert)?, &read(&files.key)?).map_err(
        |source| StartError::Tls {
            cert: files.cert.clone(),
            ca: files.ca.clone(),
            source,
        },
    )
}

/// The certificate that came with a connection.
pub(super) fn shown<T>(request: &tonic::Request<T>) -> Option<CertificateDer<'static>> {
    request.peer_certs()?.first().cloned()
}

/// The same, out of a handshake that has just ended.
pub(super) fn shown_by_server(
    stream: &tokio_rustls::client::TlsStream<tokio::net::TcpStream>,
) -> Option<CertificateDer<'static>> {
    let (_, session) = stream.get_ref();
    let first = session.peer_certificates()?.first()?;
    Certificate::from_der(first.clone().into_owned())
        .ok()
        .map(|certificate| certificate.der().clone())
}
