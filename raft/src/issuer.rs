//! Making members: tokens are redeemed through the log, and certificates signed, on any node.
//!
//! The order matters: first the token is redeemed, then the member is agreed on with the fingerprint of
//! its certificate, then it gets the certificate. So nobody holds a certificate that the cluster does
//! not know, and whoever did not hear the answer asks again with the same token and the same key.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use identity::{Authority, Certificate, Label, Request};
use proto::raft::{JoinReply, JoinRequest, JoinedMember, RenewReply, RenewRequest};
use raft_state::{
    Certificates, ControlState, MemberRecord, MemberStanding, MembersCommand, MembersOutcome,
    Newcomer, TokenRefusal,
};
use types::{Fingerprint, MemberKind, Name, NodeId};

use crate::cluster::{Cluster, Control};
use crate::enrolment::{propose, record_of, set_member};
use crate::network::Failure;
use crate::plan::{Applicant, Member, Pace};
use crate::signer::Signer;
use crate::stranger::Stranger;

/// For a node that was just started to write itself down.
const BEGINNING: Duration = Duration::from_secs(5);
/// For what was agreed on to arrive here, too.
const ARRIVAL: Duration = Duration::from_secs(2);

/// Makes members and renews their certificates.
pub struct Issuer {
    control: Control,
    signer: Signer,
    /// Newcomers that were turned away.
    turned_away: AtomicU64,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issuer on node {}", self.control.local.me.id)
    }
}

impl Issuer {
    pub(crate) const fn new(control: Control, signer: Signer) -> Self {
        Self {
            control,
            signer,
            turned_away: AtomicU64::new(0),
        }
    }

    /// One that signs with `authority` for a member in whose surroundings nothing is real; everybody has
    /// a place there.
    pub fn with(cluster: &Cluster, authority: Authority, router: Name) -> Self {
        let signer = Signer {
            authority,
            router,
            heartbeat_key: None,
            has_place: |_| Ok(()),
            pace: Pace::default(),
        };
        Self::new(cluster.control.clone(), signer)
    }

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
    pub async fn join(&self, question: JoinRequest) -> Result<JoinReply, Failure> {
        let answer = self.take_in(question).await;
        if let Err(failure) = &answer {
            self.note_refusal(failure);
        }
        answer
    }

    async fn take_in(&self, question: JoinRequest) -> Result<JoinReply, Failure> {
        let stranger = Stranger::read(&self.control.local.cluster_id, question)?;
        self.listed().await?;
        let kind = self
            .expect_token(stranger.token, &stranger.newcomer)
            .await?;
        self.check_place(&stranger.name, kind)?;
        let heartbeat_key = self.heartbeat_key(kind)?;
        let certificate = self.sign(&stranger.name, &stranger.request)?;
        let newcomer = stranger.newcomer;
        let (kind, id, mode) = self.redeem(stranger.token, &newcomer).await?;
        let record = MemberRecord {
            id,
            name: newcomer.name,
            kind,
            addresses: newcomer.addresses,
            certificates: vec![record_of(&certificate)],
            software: stranger.software,
            since_unix_s: self.now(),
            standing: MemberStanding::Member,
        };
        self.agree(record, mode).await?;
        tracing::info!(node = %id, name = %stranger.name, %kind, "a newcomer has become a member");
        Ok(self.welcome((id, kind), &certificate, heartbeat_key))
    }

    /// What a newcomer of this `kind` gets of the heartbeats' key: a node could not run without it, and would
    /// take a vote all the same.
    fn heartbeat_key(&self, kind: MemberKind) -> Result<String, Failure> {
        if kind != MemberKind::Node {
            return Ok(String::new());
        }
        let name = &self.control.local.me.name;
        let lacking = |what: &str| {
            refused(format!(
                "{what}, and a node needs the key of the heartbeats: put it back on {name}, or ask with a token of \
                 another node; the token is still good"
            ))
        };
        let Some(path) = &self.signer.heartbeat_key else {
            return Err(lacking(&format!(
                "node.toml of {name} names no heartbeat-key-file"
            )));
        };
        match identity::files::read(path) {
            Ok(key) if key.trim().is_empty() => {
                Err(lacking(&format!("{} on {name} is empty", path.display())))
            }
            Ok(key) => Ok(key),
            Err(error) => Err(lacking(&format!(
                "{} on {name} cannot be read ({})",
                path.display(),
                error.source
            ))),
        }
    }

    /// Says so the first time and then at every power of two: whoever can reach the port can ask.
    fn note_refusal(&self, failure: &Failure) {
        let times = self.turned_away.fetch_add(1, Ordering::Relaxed) + 1;
        if times.is_power_of_two() {
            tracing::warn!(times, %failure, "a newcomer was turned away");
        }
    }

    /// A new certificate for the member `id`, which has shown its old one.
    pub async fn renew(&self, id: NodeId, question: RenewRequest) -> Result<RenewReply, Failure> {
        if question.cluster_id != self.control.local.cluster_id {
            return Err(refused("this is another cluster".to_owned()));
        }
        let request = Request {
            public_key: question.public_key.to_vec(),
            signature: question.signature.to_vec(),
        };
        let certificate = self.certify(id, &request).await?;
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

    /// Turns away whoever would be refused before anything is proposed: nobody fills the log from
    /// outside, not even with a token that was good once. One that was given out on another node a
    /// moment ago may still be on its way here, and a name or a place may become free.
    /// Says what the token's holder will be.
    async fn expect_token(
        &self,
        hash: Fingerprint,
        newcomer: &Newcomer,
    ) -> Result<MemberKind, Failure> {
        let mut agreed = self.control.watch();
        let verdict = |state: &ControlState| state.members().would_take(hash, newcomer, self.now());
        let settled = agreed.wait_for(|state| match verdict(state) {
            Ok(_) => true,
            Err(refusal) => is_final(&refusal),
        });
        let _or_in_vain = tokio::time::timeout(ARRIVAL, settled).await;
        let state = self.control.state();
        let id = verdict(&state).map_err(|refusal| refused(refusal.to_string()))?;
        let record = state.members().get(id);
        if record.is_some_and(|record| record.standing == MemberStanding::Leaving) {
            let reason = format!("member {id} is being removed: wait for that");
            return Err(refused(reason));
        }
        let mut tokens = state.members().tokens();
        let open = tokens.find(|(open, _)| **open == hash);
        let kind = open.map(|(_, token)| token.kind);
        // Whoever asks again with a token that it has used is a member already.
        kind.or_else(|| record.map(|record| record.kind))
            .ok_or_else(|| refused(TokenRefusal::Unknown.to_string()))
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

    fn welcome(
        &self,
        (id, kind): (NodeId, MemberKind),
        certificate: &Certificate,
        heartbeat_key: String,
    ) -> JoinReply {
        let signer = &self.signer;
        // In force here before anybody was told of it, so the newcomer is in it.
        let view = self.control.local.roster.now();
        let authority_key = match kind {
            MemberKind::Node => signer.authority.key_pem(),
            MemberKind::Witness => String::new(),
        };
        JoinReply {
            id: u32::from(id.0),
            kind: kind.word().to_owned(),
            router: signer.router.to_string(),
            certificate: certificate.der().to_vec().into(),
            authority: signer.authority.certificate().der().to_vec().into(),
            authority_key,
            heartbeat_key,
            members: view.members().iter().map(joined).collect(),
            edition: view.edition().to_string(),
            rtt_ms: signer.pace.rtt_ms,
            election_timeout_ms: signer.pace.election_timeout_ms,
        }
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

/// Whether waiting cannot help: a token that was used stays used, and time does not go back.
const fn is_final(refusal: &TokenRefusal) -> bool {
    match refusal {
        TokenRefusal::Expired { .. } | TokenRefusal::Used { .. } => true,
        TokenRefusal::Unknown
        | TokenRefusal::NameTaken { .. }
        | TokenRefusal::OtherName { .. }
        | TokenRefusal::AddressTaken { .. }
        | TokenRefusal::Addresses { .. }
        | TokenRefusal::NobodyToReplace { .. }
        | TokenRefusal::Full { .. }
        | TokenRefusal::NoNumber
        | TokenRefusal::TooMany { .. } => false,
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
