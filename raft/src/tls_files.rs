//! A member's TLS files before they are used: which of them is damaged, and what to do about it.
//!
//! Nothing else would say so. The library reads what it can, and a member whose certificate was changed by a
//! bad disk would start and be turned away by all others, who cannot say which file is to blame. So the
//! signature that the others will check is checked here first. Dates are no damage and are left to them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use identity::Certificate;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, RootCertStore};
use types::Name;

use crate::error::StartError;
use crate::plan::TlsFiles;

/// Refuses files that cannot be read, or that do not belong together.
pub(crate) fn check(files: &TlsFiles, me: &Name) -> Result<(), StartError> {
    let authority = || "copy it from another member: it is the same on each of them".to_owned();
    let own = || {
        format!(
            "put back a copy; without one, 'tandem cluster replace {me}' on another member makes a token for \
             this machine's new start (a file that was made by hand is made anew)"
        )
    };
    let authorities = certificates(&files.ca, authority)?;
    let chain = certificates(&files.cert, own)?;
    let text = read(&files.key, own)?;
    let key = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| damaged(&files.key, "there is no private key in it", own()))?;
    let ders: Vec<_> = chain.iter().map(|one| one.der().clone()).collect();
    CertifiedKey::from_der(ders, key, &default_provider())
        .map_err(|error| damaged(&files.key, &format!("its key is of no use: {error}"), own()))?;
    let roots =
        roots(&authorities).map_err(|error| damaged(&files.ca, &error.to_string(), authority()))?;
    if signed(&chain, roots) {
        return Ok(());
    }
    let reason = format!(
        "its certificate is not signed by the authority in {}",
        files.ca.display()
    );
    Err(damaged(&files.cert, &reason, own()))
}

fn read(path: &Path, next: impl Fn() -> String) -> Result<Vec<u8>, StartError> {
    identity::files::bytes(path).map_err(|error| damaged(path, &error.to_string(), next()))
}

fn certificates(path: &Path, next: impl Fn() -> String) -> Result<Vec<Certificate>, StartError> {
    let reason = match Certificate::all_from_pem(&read(path, &next)?) {
        Ok(found) if !found.is_empty() => return Ok(found),
        Ok(_) => "there is no certificate in it",
        Err(_) => "its certificate cannot be read",
    };
    Err(damaged(path, reason, next()))
}

fn damaged(path: &Path, reason: &str, next: String) -> StartError {
    StartError::TlsFileDamaged {
        path: path.to_owned(),
        reason: reason.to_owned(),
        next,
    }
}

fn roots(authorities: &[Certificate]) -> Result<Arc<RootCertStore>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.der().clone())?;
    }
    Ok(Arc::new(roots))
}

/// Whether others who believe in `roots` believe this certificate, whatever day it is.
fn signed(chain: &[Certificate], roots: Arc<RootCertStore>) -> bool {
    let Some((own, between)) = chain.split_first() else {
        return false;
    };
    let provider = Arc::new(default_provider());
    let Ok(verifier) = WebPkiClientVerifier::builder_with_provider(roots, provider).build() else {
        return false;
    };
    let between: Vec<CertificateDer<'_>> = between.iter().map(|one| one.der().clone()).collect();
    let valid = UnixTime::since_unix_epoch(Duration::from_secs(own.validity().until));
    match verifier.verify_client_cert(own.der(), &between, valid) {
        Ok(_) => true,
        // On its last day the certificate itself is valid, but perhaps not one that stands between.
        Err(rustls::Error::InvalidCertificate(error)) => {
            !between.is_empty() && about_dates(&error).is_some()
        }
        Err(_) => false,
    }
}

/// What is wrong if a certificate was refused for the time alone. The words are the same each time, which those of
/// the library are not: they count the seconds.
pub(crate) fn about_dates(error: &CertificateError) -> Option<&'static str> {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    if matches!(error, Expired | ExpiredContext { .. }) {
        Some("its certificate has expired")
    } else if matches!(error, NotValidYet | NotValidYetContext { .. }) {
        Some("its certificate is not valid yet")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use identity::{Authority, Label, MemberKey, Subject};

    use super::*;
    use crate::network::grpc::Tls;

    /// Files as `cluster init` makes them: certificate and key of a member in one.
    fn files(folder: &Path) -> TlsFiles {
        const NOW: u64 = 1_700_000_000;
        let (cluster, member) = (Label::new("lab").unwrap(), Label::new("a").unwrap());
        let authority = Authority::found(cluster.clone(), NOW).unwrap();
        let key = MemberKey::generate().unwrap();
        let subject = Subject {
            cluster,
            member: member.clone(),
        };
        let request = key.request(&subject).unwrap();
        let own = authority.sign(&member, &request, NOW, 1_000).unwrap();
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let both = write("member.pem", own.to_pem() + &key.to_pem());
        TlsFiles {
            ca: write("ca.pem", authority.certificate().to_pem()),
            cert: both.clone(),
            key: both,
            edition: types::Edition::default(),
            issuing: None,
        }
    }

    fn verdict(files: &TlsFiles) -> Result<(), String> {
        check(files, &Name::from("a")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_certificate_of_another_cluster_or_member_is_refused_before_anybody_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        let load = |cluster, name: &str| Tls::load(&files, cluster, &Name::from(name));
        load("lab", "a").unwrap();
        for (cluster, name) in [("west", "a"), ("lab", "b")] {
            let refused = load(cluster, name).unwrap_err().to_string();
            let reason = format!("not for member {name} of cluster {cluster}");
            assert!(refused.contains(&reason), "{refused}");
        }
    }

    #[test]
    fn files_that_are_cut_empty_gone_or_no_files_are_named_with_the_next_step() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        assert_eq!(verdict(&files), Ok(()), "even after its last day");
        let both = [
            (&files.ca, "copy it from another member"),
            (&files.cert, "'tandem cluster replace a'"),
        ];
        for (path, next) in both {
            let whole = std::fs::read(path).unwrap();
            let refused = |how: &str| {
                let error = verdict(&files).unwrap_err();
                let names = error.contains(&path.display().to_string()) && error.contains(next);
                assert!(names, "{how}: {error}");
            };
            for length in [0, 1, whole.len() / 3, whole.len() - 60] {
                std::fs::write(path, &whole[..length]).unwrap();
                refused(&format!("{length} bytes"));
            }
            std::fs::remove_file(path).unwrap();
            refused("missing");
            std::fs::create_dir(path).unwrap();
            refused("a directory");
            std::fs::remove_dir(path).unwrap();
            std::fs::write(path, whole).unwrap();
        }
        assert_eq!(verdict(&files), Ok(()));
    }

    #[test]
    fn a_byte_that_was_flipped_is_found_wherever_it_counts() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        let content = |path: &PathBuf| {
            let text = std::fs::read(path).unwrap_or_default();
            let certificates = Certificate::all_from_pem(&text).ok();
            let key = PrivateKeyDer::from_pem_slice(&text).ok();
            let key = key.map(|key| key.secret_der().to_vec());
            certificates.map(|found| (found.iter().map(Certificate::fingerprint).collect(), key))
        };
        let sound: Option<(Vec<_>, _)> = content(&files.cert);
        let whole = std::fs::read(&files.cert).unwrap();
        let mut found = 0;
        for place in (0..whole.len()).step_by(5) {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x02;
            std::fs::write(&files.cert, bytes).unwrap();
            match verdict(&files) {
                Ok(()) => assert_eq!(content(&files.cert), sound, "byte {place} counts"),
                Err(error) => {
                    found += 1;
                    assert!(error.contains("member.pem"), "{error}");
                }
            }
        }
        assert!(found > 100, "only {found} were found");
    }

    #[test]
    fn a_certificate_of_another_authority_is_named_with_both_files() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mixed = TlsFiles {
            ca: files(other.path()).ca,
            ..files(one.path())
        };
        let error = verdict(&mixed).unwrap_err();
        let names = [&mixed.ca, &mixed.cert].map(|path| path.display().to_string());
        assert!(names.iter().all(|name| error.contains(name)), "{error}");
    }
}
