//! Making members: tokens are redeemed through the log, and certificates signed, on any node.
//!
//! The order matters: first the token is redeemed, then the member is agreed on with the fingerprint of
//! its certificate, then it gets the certificate. So nobody holds a certificate that the cluster does
//! not know, and whoever did not hear the answer asks again with the same token and the same key.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use identity::{Authority, Certificate, Label, Request, Secret, fingerprint};
use proto::raft::{JoinReply, JoinRequest, JoinedMember, RenewReply, RenewRequest};
use raft_state::{
    CertificateRecord, Certificates, ControlCommand, ControlOutcome, ControlState, MemberRecord,
    MemberStanding, MembersCommand, MembersOutcome, Newcomer, TokenRefusal,
};
use types::{Fingerprint, MemberKind, Name, NodeId};

use crate::cluster::Control;
use crate::error::{ProposeError, StartError};
use crate::network::Failure;
use crate::plan::{Applicant, HasPlace, Issuing, Member, Pace, TlsFiles};
use crate::version;

/// What to do about members that do not answer.
const NO_QUORUM: &str = "'tandem show cluster' says who is silent: start that member again; if it is lost for good, \
                         'tandem request cluster survive' on the node that stays, then this once more";
/// For a node that was just started to write itself down.
const BEGINNING: Duration = Duration::from_secs(5);
/// For what was agreed on to arrive here, too.
const ARRIVAL: Duration = Duration::from_secs(2);

/// What a node signs with.
#[derive(Debug)]
pub(crate) struct Signer {
    authority: Authority,
    router: Name,
    heartbeat_key: Option<PathBuf>,
    has_place: HasPlace,
    pace: Pace,
}

impl Signer {
    /// Reads the authority's key, if this member has it.
    pub(crate) fn load(files: &TlsFiles, cluster: &str) -> Result<Option<Self>, StartError> {
        let Some(issuing) = &files.issuing else {
            return Ok(None);
        };
        let Issuing {
            authority_key,
            router,
            heartbeat_key,
            has_place,
            pace,
        } = issuing.clone();
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).map_err(|source| StartError::TlsFile {
                path: path.clone(),
                source,
            })
        };
        let unusable = |reason: String| StartError::Authority {
            path: authority_key.clone(),
            reason,
        };
        let cluster = Label::new(cluster).map_err(|error| unusable(error.to_string()))?;
        let certificates = Certificate::all_from_pem(read(&files.ca)?.as_bytes());
        let certificate = certificates
            .ok()
            .and_then(|all| all.into_iter().next())
            .ok_or_else(|| unusable("there is no certificate of the authority".to_owned()))?;
        let authority = Authority::from_pem(cluster, certificate, &read(&authority_key)?)
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Some(Self {
            authority,
            router,
            heartbeat_key,
            has_place,
            pace,
        }))
    }
}

/// Makes members and renews their certificates.
pub(crate) struct Issuer {
    pub(crate) control: Control,
    pub(crate) signer: Signer,
}

impl Issuer {
    /// Fingerprint of the authority.
    pub(crate) fn authority(&self) -> Fingerprint {
        self.signer.authority.certificate().fingerprint()
    }

    /// Returns when this member stands in the list: before that, a newcomer would get its number.
    pub(crate) async fn listed(&self) -> Result<(), Failure> {
        let me = self.control.local.me.id;
        let mut agreed = self.control.watch();
        let begun = agreed.wait_for(|state| state.members().get(me).is_some());
        match tokio::time::timeout(BEGINNING, begun).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Failure::Late(
                "this node is not in the list of members yet: ask again when 'tandem show cluster' \
                 names a leader"
                    .to_owned(),
            )),
        }
    }

    /// Answers somebody who comes with a token.
    pub(crate) async fn join(&self, question: JoinRequest) -> Result<JoinReply, Failure> {
        let cluster = &self.control.local.cluster_id;
        if question.cluster_id != *cluster {
            let theirs = &question.cluster_id;
            return Err(refused(format!(
                "this is cluster {cluster}, and the token is of cluster {theirs}"
            )));
        }
        version::check(question.protocol).map_err(|old| refused(old.to_string()))?;
        self.listed().await?;
        let name = Label::new(&question.name).map_err(|error| refused(error.to_string()))?;
        let secret = Secret::from_bytes(&question.secret)
            .ok_or_else(|| invalid("the secret has another length"))?;
        let addresses = addresses(&question.addresses)?;
        let kind = self.expect_token(secret.hash()).await?;
        self.check_place(&name, kind)?;
        let request = Request {
            public_key: question.public_key.to_vec(),
            signature: question.signature.to_vec(),
        };
        let certificate = self.sign(&name, &request)?;
        let newcomer = Newcomer {
            name: name.to_name(),
            key: fingerprint(&request.public_key),
            addresses,
        };
        let (kind, id, mode) = self.redeem(secret.hash(), &newcomer).await?;
        let record = MemberRecord {
            id,
            name: newcomer.name,
            kind,
            addresses: newcomer.addresses,
            certificates: vec![record_of(&certificate)],
            software: question.software,
            since_unix_s: self.now(),
            standing: MemberStanding::Member,
        };
        self.agree(record, mode).await?;
        tracing::info!(node = %id, name = %name, %kind, "a newcomer has become a member");
        Ok(self.welcome(id, kind, &certificate))
    }

    /// A new certificate for a member that has shown its old one.
    pub(crate) async fn renew(
        &self,
        member: &Member,
        question: RenewRequest,
    ) -> Result<RenewReply, Failure> {
        let request = Request {
            public_key: question.public_key.to_vec(),
            signature: question.signature.to_vec(),
        };
        let certificate = self.certify(member.id, &request).await?;
        Ok(RenewReply {
            certificate: certificate.der().to_vec().into(),
        })
    }

    /// Signs a certificate for a member and has it agreed on.
    pub(crate) async fn certify(
        &self,
        id: NodeId,
        request: &Request,
    ) -> Result<Certificate, Failure> {
        let state = self.control.state();
        let record = state.members().get(id).cloned();
        let mut record = record.ok_or_else(|| refused(format!("node {id} is not a member")))?;
        let name = Label::new(record.name.as_str()).map_err(|error| refused(error.to_string()))?;
        let certificate = self.sign(&name, request)?;
        record.certificates = vec![record_of(&certificate)];
        self.agree(record, Certificates::Add).await?;
        Ok(certificate)
    }

    fn sign(&self, name: &Label, request: &Request) -> Result<Certificate, Failure> {
        self.signer
            .authority
            .sign(name, request, self.now(), Authority::MEMBER_LIFETIME)
            .map_err(|error| invalid(&deepest(&error)))
    }

    fn now(&self) -> u64 {
        self.control.local.clock.unix_millis() / 1_000
    }

    /// Turns away whoever has no token before anything is proposed: nobody fills the log from outside.
    /// A token that was given out on another node a moment ago may still be on its way here.
    /// What its holder will be.
    async fn expect_token(&self, hash: Fingerprint) -> Result<MemberKind, Failure> {
        let mut agreed = self.control.watch();
        let kind_of = |state: &ControlState| {
            let mut tokens = state.members().tokens();
            let known = tokens.find(|(open, _)| **open == hash);
            known.map(|(_, token)| token.kind)
        };
        let known = agreed.wait_for(|state| kind_of(state).is_some());
        let kind = match tokio::time::timeout(ARRIVAL, known).await {
            Ok(Ok(state)) => kind_of(&state),
            Ok(Err(_)) | Err(_) => None,
        };
        kind.ok_or_else(|| refused(TokenRefusal::Unknown.to_string()))
    }

    /// A newcomer that cannot run takes a vote all the same, and with it the quorum.
    fn check_place(&self, name: &Label, kind: MemberKind) -> Result<(), Failure> {
        let state = self.control.state();
        let applicant = Applicant {
            name: name.as_str(),
            kind,
            router: self.signer.router.as_str(),
            configuration: state.config().map(|config| config.text.as_str()),
        };
        (self.signer.has_place)(&applicant).map_err(refused)
    }

    async fn redeem(
        &self,
        hash: Fingerprint,
        newcomer: &Newcomer,
    ) -> Result<(MemberKind, NodeId, Certificates), Failure> {
        let command = MembersCommand::RedeemToken {
            hash,
            newcomer: newcomer.clone(),
            now_unix_s: self.now(),
        };
        match propose(&self.control, command).await? {
            MembersOutcome::Redeemed {
                kind,
                id,
                certificates,
            } => Ok((kind, id, certificates)),
            MembersOutcome::TokenRefused(refusal) => Err(refused(refusal.to_string())),
            other @ (MembersOutcome::TokenAdded
            | MembersOutcome::MemberSet
            | MembersOutcome::NameTaken { .. }
            | MembersOutcome::Retiring
            | MembersOutcome::Removed
            | MembersOutcome::NotAMember) => Err(refused(other.to_string())),
        }
    }

    /// Has `record` agreed on, and waits until that is known here, too.
    async fn agree(&self, record: MemberRecord, certificates: Certificates) -> Result<(), Failure> {
        let (id, newest) = (record.id, record.certificates.first().copied());
        set_member(&self.control, record, certificates).await?;
        let mut agreed = self.control.watch();
        let arrived = agreed.wait_for(|state| {
            let record = state.members().get(id);
            record.is_some_and(|record| record.certificates.first().copied() == newest)
        });
        match tokio::time::timeout(ARRIVAL, arrived).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Failure::Late(
                "it is agreed on, but not known here yet: ask again".to_owned(),
            )),
        }
    }

    fn welcome(&self, id: NodeId, kind: MemberKind, certificate: &Certificate) -> JoinReply {
        let signer = &self.signer;
        // In force here before anybody was told of it, so the newcomer is in it.
        let view = self.control.local.roster.now();
        let heartbeat_key = signer.heartbeat_key.as_ref();
        let (authority_key, heartbeat_key) = match kind {
            MemberKind::Node => (
                signer.authority.key_pem(),
                heartbeat_key.and_then(|path| std::fs::read_to_string(path).ok()),
            ),
            MemberKind::Witness => (String::new(), None),
        };
        JoinReply {
            id: u32::from(id.0),
            kind: kind.word().to_owned(),
            router: signer.router.to_string(),
            certificate: certificate.der().to_vec().into(),
            authority: signer.authority.certificate().der().to_vec().into(),
            authority_key,
            heartbeat_key: heartbeat_key.unwrap_or_default(),
            members: view.members().iter().map(joined).collect(),
            edition: view.edition().to_string(),
            rtt_ms: signer.pace.rtt_ms,
            election_timeout_ms: signer.pace.election_timeout_ms,
        }
    }
}

/// Writes a member down.
pub(crate) async fn set_member(
    control: &Control,
    record: MemberRecord,
    certificates: Certificates,
) -> Result<(), Failure> {
    let command = MembersCommand::SetMember {
        record,
        certificates,
        now_unix_s: control.local.clock.unix_millis() / 1_000,
    };
    match propose(control, command).await? {
        MembersOutcome::MemberSet => Ok(()),
        other @ (MembersOutcome::TokenAdded
        | MembersOutcome::Redeemed { .. }
        | MembersOutcome::TokenRefused(_)
        | MembersOutcome::NameTaken { .. }
        | MembersOutcome::Retiring
        | MembersOutcome::Removed
        | MembersOutcome::NotAMember) => Err(refused(other.to_string())),
    }
}

/// Gets a change of the members agreed on.
pub(crate) async fn propose(
    control: &Control,
    command: MembersCommand,
) -> Result<MembersOutcome, Failure> {
    match control.propose(ControlCommand::Members(command)).await {
        Ok(ControlOutcome::Members(outcome)) => Ok(outcome),
        Ok(other) => Err(Failure::Broken(other.to_string())),
        Err(error @ ProposeError::NoLeader { .. }) => Err(refused(format!("{error}. {NO_QUORUM}"))),
        Err(error @ (ProposeError::Frozen { .. } | ProposeError::Stopped { .. })) => {
            Err(refused(error.to_string()))
        }
        Err(error @ ProposeError::Unknown { .. }) => Err(Failure::Late(format!(
            "{error}; with a quorum it is done after all. {NO_QUORUM}"
        ))),
    }
}

/// What the list keeps of a certificate.
pub(crate) fn record_of(certificate: &Certificate) -> CertificateRecord {
    CertificateRecord {
        fingerprint: certificate.fingerprint(),
        until_unix_s: certificate.validity().until,
    }
}

fn joined(member: &Member) -> JoinedMember {
    JoinedMember {
        id: u32::from(member.id.0),
        name: member.name.to_string(),
        kind: member.kind.word().to_owned(),
        addresses: member.addresses.iter().map(ToString::to_string).collect(),
    }
}

/// Where others reach the newcomer: with an address that is nobody's it would be a member all the same.
fn addresses(texts: &[String]) -> Result<Vec<SocketAddr>, Failure> {
    let mut addresses = Vec::new();
    for text in texts {
        let unusable = |why: &str| refused(format!("the address {text} {why}: choose another"));
        let address: SocketAddr = text.parse().map_err(|_| unusable("is not IP:PORT"))?;
        check_address(address).map_err(unusable)?;
        if addresses.contains(&address) {
            return Err(unusable("is there twice"));
        }
        addresses.push(address);
    }
    Ok(addresses)
}

/// What is wrong with an address where a member is to be reached.
pub fn check_address(address: SocketAddr) -> Result<(), &'static str> {
    let ip = address.ip();
    if address.port() == 0 {
        Err("has port 0, on which nobody is reached")
    } else if ip.is_unspecified() {
        Err("is every address of a machine and none that others can reach")
    } else if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        Err("is of many machines")
    } else {
        Ok(())
    }
}

fn refused(reason: String) -> Failure {
    Failure::Refused(reason)
}

fn invalid(reason: &str) -> Failure {
    Failure::Invalid(reason.to_owned())
}

/// The innermost cause is the one that says something.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_nobody_reaches_is_refused_with_the_reason() {
        let list = |texts: &[&str]| {
            let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
            addresses(&texts).map_err(|failure| failure.to_string())
        };
        assert_eq!(
            list(&["198.18.0.3:7400", "[2001:db8::3]:7400"])
                .unwrap()
                .len(),
            2
        );
        for (texts, why) in [
            (&["0.0.0.0:7400"][..], "none that others can reach"),
            (&["[::]:7400"], "none that others can reach"),
            (&["198.18.0.3:0"], "port 0"),
            (&["224.0.0.18:7400"], "many machines"),
            (&["255.255.255.255:7400"], "many machines"),
            (&["198.18.0.3:7400", "198.18.0.3:7400"], "twice"),
            (&["w.example:7400"], "IP:PORT"),
        ] {
            let refused = list(texts).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
