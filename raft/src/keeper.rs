//! What members do for their own membership: found the list, renew certificates, let others go.
//!
//! ```text
//!   every tick ─┬─ list empty, and this node can sign? ─► write down everybody whom the plan names
//!               ├─ certificate past two thirds of its life? ─► a new one
//!               ├─ somebody leaving, and this member leads? ─► out of the group; gone from both ─► removed
//!               └─ somebody removed who had port blocks, and this member leads? ─► the blocks are free again
//! ```

use std::sync::Arc;
use std::time::Duration;

use identity::{Certificate, Credentials, CredentialsError, Label, MemberKey, Subject, files};
use raft_state::{
    Certificates, ControlCommand, ControlState, MemberRecord, MemberStanding, MembersCommand,
};
use runtime::Shutdown;
use tokio::sync::{mpsc, oneshot};
use types::{Instant, MemberKind, NodeId};

use crate::cluster::{Control, StateGroup};
use crate::enrolment::{propose, record_of, set_member};
use crate::group::{Group, MemberId};
use crate::issuer::Issuer;
use crate::network::Failure;
use crate::network::grpc::{Grpc, Tls};
use crate::plan::TlsFiles;
use crate::seat::Seat;

/// Between two looks at what there is to do.
const TICK: Duration = Duration::from_millis(200);
/// After a renewal that did not work out.
const AGAIN: Duration = Duration::from_mins(1);
/// More than a certificate and its key take up.
const FILE_BYTES: usize = 16 << 10;
/// For one change of a group's members.
const CHANGE: Duration = Duration::from_secs(2);

/// Why a certificate was not renewed.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// Nobody signed it.
    #[error("no node signed the new certificate: {0}")]
    Unsigned(String),
    /// The certificates were made by hand.
    #[error("this member's certificate was not made by the cluster: renew it where it came from")]
    ByHand,
    /// Certificate and key could not be replaced as one.
    #[error("certificate and key lie in two files and cannot be replaced as one")]
    TwoFiles,
    /// No key.
    #[error("no key could be made")]
    Key(#[from] identity::KeyError),
    /// The file could not be written; the old one goes on.
    #[error("the new certificate could not be kept, and the old one goes on: {0}: {source}", source = .0.source)]
    File(#[from] files::FileError),
    /// What was signed cannot be used.
    #[error("the new certificate cannot be used")]
    Unusable(#[from] CredentialsError),
    /// The member is going down.
    #[error("this member is shutting down")]
    Stopped,
}

/// Asks for a renewal, and says what became of it.
pub(crate) type Renewal = oneshot::Sender<Result<Certificate, RenewError>>;

/// Keeps this member a member.
pub(crate) struct Keeper {
    pub(crate) control: Control,
    pub(crate) state: StateGroup,
    pub(crate) tls: Tls,
    pub(crate) files: TlsFiles,
    pub(crate) issuer: Option<Arc<Issuer>>,
    pub(crate) peers: Grpc,
    pub(crate) renewals: mpsc::Receiver<Renewal>,
    /// A certificate that was signed and could not be kept.
    pub(crate) unkept: Option<Signed>,
}

/// A new certificate, and the file that it is to be in with its key.
pub(crate) struct Signed {
    certificate: Certificate,
    file: String,
}

impl Keeper {
    /// Runs until the end.
    pub(crate) async fn run(mut self, mut shutdown: Shutdown) {
        let clock = self.control.local.clock;
        let mut not_before = Instant::default();
        loop {
            // Cancel safe: each branch only waits; a request is taken when its branch wins.
            tokio::select! {
                biased;
                () = shutdown.requested() => return,
                Some(answer) = self.renewals.recv() => {
                    // Whoever asked may have gone.
                    let _unheard = answer.send(self.renew().await);
                }
                () = tokio::time::sleep(TICK) => {}
            }
            let state = self.control.state();
            self.begin_list(&state).await;
            self.let_go(&state).await;
            self.free_blocks(&state).await;
            if self.is_due() && clock.now() >= not_before {
                if let Err(error) = self.renew().await {
                    tracing::error!(%error, "this member's certificate was not renewed");
                }
                not_before = clock.now() + AGAIN;
            }
        }
    }

    fn is_due(&self) -> bool {
        let validity = self.tls.current().certificate().validity();
        let now = self.control.local.clock.unix_millis() / 1_000;
        self.subject().is_some() && validity.renew_at() <= now
    }

    /// Whom this member's certificate is for, if the cluster made it.
    fn subject(&self) -> Option<Subject> {
        let local = &self.control.local;
        let subject = Subject {
            cluster: Label::new(&local.cluster_id).ok()?,
            member: Label::new(local.me.name.as_str()).ok()?,
        };
        let certificate = self.tls.current();
        certificate.certificate().is_of(&subject).then_some(subject)
    }

    /// A new key and a certificate for it. The old one goes on being known, so that nothing that runs
    /// is interrupted, and a crash at any point leaves one or the other in the file.
    ///
    /// Each certificate that is signed takes the place of an earlier one in the list, so none is asked for that
    /// could not be kept, and one that was not kept is not asked for again: else a full disk would push the one
    /// that is in use out of the list, and everybody would turn this member away.
    async fn renew(&mut self) -> Result<Certificate, RenewError> {
        let subject = self.subject().ok_or(RenewError::ByHand)?;
        if self.files.cert != self.files.key {
            return Err(RenewError::TwoFiles);
        }
        files::rehearse(&self.files.cert, FILE_BYTES)?;
        let signed = match self.unkept.take() {
            Some(signed) => signed,
            None => self.sign(&subject).await?,
        };
        let Signed { certificate, file } = self.unkept.insert(signed);
        let authorities = self.tls.current();
        let authorities = authorities.authorities().iter().map(Certificate::to_pem);
        let authorities: String = authorities.collect();
        let credentials =
            Credentials::from_pem(authorities.as_bytes(), file.as_bytes(), file.as_bytes())?;
        files::replace(&self.files.cert, file, files::Readers::Owner)?;
        self.tls.renew(credentials);
        tracing::info!(
            until = certificate.validity().until,
            "this member's certificate was renewed"
        );
        let certificate = certificate.clone();
        self.unkept = None;
        Ok(certificate)
    }

    async fn sign(&self, subject: &Subject) -> Result<Signed, RenewError> {
        let key = MemberKey::generate()?;
        let request = key.request(subject)?;
        let me = self.control.local.me.id;
        let signed = match &self.issuer {
            Some(issuer) => issuer.certify(me, &request).await,
            None => self.ask_for_certificate(&request).await,
        };
        let certificate = signed.map_err(|failure| RenewError::Unsigned(failure.to_string()))?;
        Ok(Signed {
            file: certificate.to_pem() + &key.to_pem(),
            certificate,
        })
    }

    /// Asks one node after the other to sign.
    async fn ask_for_certificate(
        &self,
        request: &identity::Request,
    ) -> Result<Certificate, Failure> {
        let view = self.control.local.roster.now();
        let nodes = view
            .members()
            .iter()
            .filter(|member| member.kind == MemberKind::Node);
        let mut last = Failure::Unsent("there is no node to ask".to_owned());
        for node in nodes {
            match self.peers.renew(node.id, request).await {
                Ok(certificate) => return Ok(certificate),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    /// Writes down whom the plan names, when there is no list yet: this member with its certificate,
    /// others, if there are any, by name. One node does it, so that no two lists meet.
    async fn begin_list(&self, state: &ControlState) {
        let local = &self.control.local;
        let view = local.roster.now();
        let is_mine = view.founder() == Some(local.me.id);
        let agreed = self
            .control
            .seat
            .running()
            .is_some_and(|running| running.is_voter());
        let is_begun = view.edition().is_agreed() || !state.members().is_empty();
        if self.issuer.is_none() || is_begun || !is_mine || !agreed {
            return;
        }
        for member in view.members() {
            let certificates = if member.id == local.me.id {
                vec![record_of(self.tls.current().certificate())]
            } else {
                Vec::new()
            };
            let record = MemberRecord {
                id: member.id,
                name: member.name.clone(),
                kind: member.kind,
                addresses: member.addresses.clone(),
                certificates,
                software: local.software_of(member.id).unwrap_or_default(),
                since_unix_s: local.clock.unix_millis() / 1_000,
                standing: MemberStanding::Member,
            };
            if let Err(failure) = set_member(&self.control, record, Certificates::Add).await {
                tracing::debug!(%failure, "the list of members is not begun yet");
                return;
            }
        }
        tracing::info!(
            members = view.members().len(),
            "the list of members is begun"
        );
    }

    /// Lets those go who are leaving, in the groups that are led here.
    async fn let_go(&self, state: &ControlState) {
        let leaving = state.members().iter();
        let leaving = leaving.filter(|record| record.standing == MemberStanding::Leaving);
        for record in leaving {
            let out_of_state = take_out(&self.state.seat, record.id).await;
            let out_of_control = take_out(&self.control.seat, record.id).await;
            let leads = self.control.seat.running();
            let leads = leads.is_some_and(|running| running.raft.is_leader());
            if !(out_of_control && out_of_state && leads) || record.id == self.control.local.me.id {
                continue;
            }
            let command = MembersCommand::RemoveMember { id: record.id };
            match propose(&self.control, command).await {
                Ok(_) => {
                    tracing::info!(node = %record.id, name = %record.name, "a member was removed");
                }
                Err(failure) => tracing::debug!(%failure, "a member is not removed yet"),
            }
        }
    }

    /// Gives back the port blocks of whoever was removed: else each removal would leave less to translate with.
    async fn free_blocks(&self, state: &ControlState) {
        let leads = self.control.seat.running();
        if !leads.is_some_and(|running| running.raft.is_leader()) {
            return;
        }
        for node in state.removed_with_port_blocks() {
            let command = ControlCommand::ReleasePortBlocks { node };
            match self.control.propose(command).await {
                Ok(_) => tracing::info!(%node, "the port blocks of a removed node are free again"),
                Err(error) => tracing::debug!(%node, %error, "its port blocks are not free yet"),
            }
        }
    }
}

/// Takes every life of `node` out of a group, if it is led here. Whether none is left in it.
async fn take_out<G: Group>(seat: &Seat<G>, node: NodeId) -> bool {
    let Some(running) = seat.running() else {
        return false;
    };
    let is_of_node = |id: &u64| MemberId::from_u64(*id).is_some_and(|id| id.node == node);
    let newest = running.newest_membership();
    let membership = newest.membership();
    let is_in = membership.voter_ids().any(|id| is_of_node(&id))
        || membership.learner_ids().any(|id| is_of_node(&id));
    if !is_in {
        let agreed = running.committed_membership();
        return !agreed.membership().voter_ids().any(|id| is_of_node(&id));
    }
    if !running.raft.is_leader() {
        return false;
    }
    let (Ok(_turn), Some(_entered)) = (seat.admission.try_lock(), running.gate.enter()) else {
        return false;
    };
    let voters = membership
        .get_joint_config()
        .last()
        .cloned()
        .unwrap_or_default();
    let others: std::collections::BTreeSet<u64> =
        voters.into_iter().filter(|id| !is_of_node(id)).collect();
    if others.is_empty() {
        return false;
    }
    let change = running.raft.change_membership(others, false);
    match tokio::time::timeout(CHANGE, change).await {
        Ok(Ok(_)) => tracing::info!(group = %G::NAME, %node, "a member was let go"),
        Ok(Err(error)) => tracing::debug!(group = %G::NAME, %node, %error, "not let go yet"),
        Err(_) => tracing::debug!(group = %G::NAME, %node, "not let go yet: no quorum"),
    }
    false
}
