//! The cluster's own certificate authority: made by `init`, held by every node, by no witness.

use core::fmt;
use core::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use types::Fingerprint;

use crate::certificate::{Certificate, NotACertificate};
use crate::key::{Request, RequestError};
use crate::subject::{Label, Subject};

/// Certificates are valid from so many seconds before they are made: members' clocks differ.
const BACKDATED: u64 = 3_600;
const DAY: u64 = 86_400;

/// Signs members' certificates.
pub struct Authority {
    cluster: Label,
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// Why there is no authority, or no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The library or the system's randomness failed.
    #[error("no certificate can be made")]
    Make(#[from] rcgen::Error),
    /// What was made or read is none.
    #[error("the authority's certificate cannot be read")]
    Certificate(#[from] NotACertificate),
    /// The key's text is no key.
    #[error("the authority's key cannot be read")]
    Key(#[source] rcgen::Error),
    /// Key and certificate belong to different authorities.
    #[error("the authority's key does not belong to its certificate {0}")]
    Mismatch(Fingerprint),
    /// The request is not in order.
    #[error("the request for a certificate is refused")]
    Request(#[from] RequestError),
    /// A date beyond what a certificate can carry.
    #[error("the date {0} s of Unix time cannot stand in a certificate")]
    Date(u64),
}

impl Authority {
    /// How long the authority itself is valid: longer than any machine.
    pub const LIFETIME: u64 = 20 * 365 * DAY;
    /// How long a member's certificate is valid. It is renewed at two thirds, so a member that was
    /// switched off for four months still comes back with it.
    pub const MEMBER_LIFETIME: u64 = 365 * DAY;

    /// A new authority for `cluster`, at `now` in seconds of Unix time.
    pub fn found(cluster: Label, now: u64) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = issuer_params(&cluster);
        let until = now.saturating_add(Self::LIFETIME);
        set_dates(&mut params, now.saturating_sub(BACKDATED), until)?;
        let certificate = Certificate::from_der(params.self_signed(&key)?.der().clone())?;
        Ok(Self {
            issuer: Issuer::new(issuer_params(&cluster), key),
            cluster,
            certificate,
        })
    }

    /// Reads what [`Authority::certificate`] and [`Authority::key_pem`] gave.
    pub fn from_pem(
        cluster: Label,
        certificate: Certificate,
        key: &str,
    ) -> Result<Self, AuthorityError> {
        let key = KeyPair::from_pkcs8_pem_and_sign_algo(key, &PKCS_ECDSA_P256_SHA256)
            .map_err(AuthorityError::Key)?;
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        CertifiedKey::from_der(
            vec![certificate.der().clone()],
            private,
            &default_provider(),
        )
        .map_err(|_| AuthorityError::Mismatch(certificate.fingerprint()))?;
        Ok(Self {
            issuer: Issuer::new(issuer_params(&cluster), key),
            cluster,
            certificate,
        })
    }

    /// The cluster whose members it signs.
    pub const fn cluster(&self) -> &Label {
        &self.cluster
    }

    /// Its certificate.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The private key: whoever reads this can make members.
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// A certificate for `member`, if the request was made by the owner of its key for that name.
    pub fn sign(
        &self,
        member: &Label,
        request: &Request,
        now: u64,
        lifetime: u64,
    ) -> Result<Certificate, AuthorityError> {
        let subject = Subject {
            cluster: self.cluster.clone(),
            member: member.clone(),
        };
        let key = request.verified(&subject)?;
        let mut params = CertificateParams::new(subject.names())?;
        params.distinguished_name = name(member.as_str(), &self.cluster);
        let from = now.saturating_sub(BACKDATED.min(lifetime));
        set_dates(&mut params, from, now.saturating_add(lifetime))?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        let signed = params.signed_by(&key, &self.issuer)?;
        Ok(Certificate::from_der(signed.der().clone())?)
    }
}

/// Never the key.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("cluster", &self.cluster)
            .field("certificate", &self.certificate.fingerprint())
            .finish_non_exhaustive()
    }
}

/// What of the authority stands in certificates that it signs: made from the cluster's id alone, so
/// that its own certificate need not be taken apart for it.
fn issuer_params(cluster: &Label) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name("Tandem cluster authority", cluster);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn name(common: &str, cluster: &Label) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationalUnitName, cluster.as_str());
    name.push(DnType::CommonName, common);
    name
}

/// Makes the certificate valid from `from` until `until`. RFC 5280 knows dates to the year 9999.
fn set_dates(params: &mut CertificateParams, from: u64, until: u64) -> Result<(), AuthorityError> {
    const YEAR_9000: u64 = 221_845_392_000;
    if until > YEAR_9000 {
        return Err(AuthorityError::Date(until));
    }
    let start = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = start + Duration::from_secs(from.min(until));
    params.not_after = start + Duration::from_secs(until);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::MemberKey;

    const NOW: u64 = 1_795_267_800;

    fn label(text: &str) -> Label {
        Label::new(text).unwrap()
    }

    fn subject(cluster: &str, member: &str) -> Subject {
        Subject {
            cluster: label(cluster),
            member: label(member),
        }
    }

    #[test]
    fn a_members_certificate_names_it_and_its_cluster_and_nobody_else() {
        let authority = Authority::found(label("west"), NOW).unwrap();
        let request = MemberKey::generate()
            .unwrap()
            .request(&subject("west", "a"))
            .unwrap();
        let certificate = authority.sign(&label("a"), &request, NOW, 3_000).unwrap();
        assert!(certificate.is_of(&subject("west", "a")));
        assert!(!certificate.is_of(&subject("west", "b")));
        assert!(!certificate.is_of(&subject("east", "a")));
        assert_eq!(certificate.validity().from, NOW - 3_000);
        assert_eq!(certificate.validity().until, NOW + 3_000);
        let refused = authority.sign(&label("b"), &request, NOW, 3_000);
        assert!(matches!(
            refused,
            Err(AuthorityError::Request(RequestError::NotSigned))
        ));
    }

    #[test]
    fn an_authority_survives_its_files_and_notices_mixed_ones() {
        let authority = Authority::found(label("west"), NOW).unwrap();
        let pem = authority.certificate().to_pem();
        let certificate = Certificate::all_from_pem(pem.as_bytes()).unwrap().remove(0);
        assert_eq!(&certificate, authority.certificate());
        let again =
            Authority::from_pem(label("west"), certificate.clone(), &authority.key_pem()).unwrap();
        let key = MemberKey::generate().unwrap();
        let request = key.request(&subject("west", "a")).unwrap();
        assert!(again.sign(&label("a"), &request, NOW, 60).is_ok());

        let other = Authority::found(label("west"), NOW).unwrap();
        assert!(matches!(
            Authority::from_pem(label("west"), certificate, &other.key_pem()),
            Err(AuthorityError::Mismatch(_))
        ));
    }

    #[test]
    fn two_authorities_of_one_name_are_not_the_same() {
        let [first, second] = [(), ()].map(|()| Authority::found(label("west"), NOW).unwrap());
        assert_ne!(
            first.certificate().fingerprint(),
            second.certificate().fingerprint()
        );
    }

    #[test]
    fn dates_that_no_certificate_carries_are_refused() {
        let far = u64::MAX;
        assert!(matches!(
            Authority::found(label("west"), far),
            Err(AuthorityError::Date(_))
        ));
    }
}
