//! Who may talk to whom: certificates, and members that are not what they say.

#![expect(
    clippy::unwrap_used,
    reason = "what cannot be made or written here fails the test"
)]

mod support;

use raft::TlsFiles;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use support::{A, B, Lab, W, eventually, put};
use types::NodeId;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_with_certificates_of_one_authority_form_a_cluster() {
    let mut lab = Lab::pair_with_witness();
    let authority = Authority::new();
    for node in [A, B, W] {
        let files = authority.files(&lab, node, &format!("node-{node}"));
        lab.secure(node, files);
    }
    lab.start_all().await;
    lab.all_voters(&[A, B, W]).await;
    lab.commit(B, 0, "over TLS").await;
    lab.publish(A, vec![put(1, 1)]);
    eventually("the session on B", || {
        lab.cluster(B).state.state().session_count() == 1
    })
    .await;
}

/// The third member has a certificate of the right authority, but it is the second member's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_with_anothers_certificate_is_not_taken_in() {
    let mut lab = Lab::pair_with_witness();
    let authority = Authority::new();
    for (node, name) in [(A, "node-1"), (B, "node-2"), (W, "node-2")] {
        let files = authority.files(&lab, node, name);
        lab.secure(node, files);
    }
    lab.start(A).await;
    lab.start(B).await;
    let refused = lab.try_start(W).await.unwrap_err().to_string();
    assert!(refused.contains("not for member node-3"), "{refused}");
    // One that does not look at its own certificate.
    lab.calls_itself(W, "node-2");
    lab.start(W).await;
    lab.refused(W, &[A, B]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_of_another_authority_is_not_taken_in() {
    let mut lab = Lab::pair_with_witness();
    let (authority, other) = (Authority::new(), Authority::new());
    for (node, signer) in [(A, &authority), (B, &authority), (W, &other)] {
        let files = signer.files(&lab, node, &format!("node-{node}"));
        lab.secure(node, files);
    }
    lab.start_all().await;
    lab.refused(W, &[A, B]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_in_plain_text_is_not_taken_in() {
    let mut lab = Lab::pair_with_witness();
    let authority = Authority::new();
    for node in [A, B] {
        let files = authority.files(&lab, node, &format!("node-{node}"));
        lab.secure(node, files);
    }
    lab.start_all().await;
    lab.refused(W, &[A, B]).await;
}

/// Signs certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// Writes the files of `node`, whose certificate says `name`.
    fn files(&self, lab: &Lab, node: NodeId, name: &str) -> TlsFiles {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let write = |kind: &str, text: &str| {
            let path = lab.folder().join(format!("{node}-{kind}.pem"));
            std::fs::write(&path, text).unwrap();
            path
        };
        TlsFiles {
            edition: types::Edition::default(),
            ca: write("ca", &self.pem),
            cert: write("cert", &certificate.pem()),
            key: write("key", &key.serialize_pem()),
            issuing: None,
        }
    }
}
