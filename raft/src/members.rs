//! What operators do about members: invite, let go, renew, look.

use std::sync::Arc;
use std::time::Duration;

use identity::{Certificate, Label, Secret, Token, Validity};
use raft_state::{MemberRecord, MemberStanding, MembersCommand, MembersOutcome};
use tokio::sync::{mpsc, oneshot};
use types::{MemberKind, Name, NodeId};

use crate::cluster::Control;
use crate::enrolment::propose;
use crate::issuer::Issuer;
use crate::keeper::{RenewError, Renewal};
use crate::network::Failure;
use crate::network::grpc::Tls;

/// For a member to be let go by both groups.
const REMOVAL: Duration = Duration::from_secs(15);
/// A token names so many addresses at most.
const ADDRESSES: usize = 8;

/// Membership of a cluster whose members show certificates. Cheap to clone.
#[derive(Clone)]
pub struct Membership {
    pub(crate) control: Control,
    pub(crate) tls: Tls,
    pub(crate) issuer: Option<Arc<Issuer>>,
    pub(crate) renewals: mpsc::Sender<Renewal>,
}

/// Why something about members was not done.
#[derive(Debug, thiserror::Error)]
pub enum MembersError {
    /// Only nodes of clusters that were made by `init` can.
    #[error("this member cannot make members: its node.toml names no authority-key")]
    CannotSign,
    /// The system has no randomness.
    #[error("the system has no randomness for a token")]
    NoRandomness,
    /// Nobody of this name.
    #[error("there is no member {name}: the members are {known}")]
    NoSuchMember {
        /// The name that was given.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A member does not remove itself.
    #[error("{0} is this member: remove it on another node")]
    Itself(Name),
    /// The cluster says no.
    #[error("{0}")]
    Refused(String),
    /// It is being removed, but the groups cannot agree on it.
    #[error(
        "{name} is leaving, but is still there after {} s, because there is no quorum without it. Start it, or, if \
         it is lost for good, 'tandem request cluster survive' on the node that stays, then this once more",
        waited.as_secs()
    )]
    StillThere {
        /// Who.
        name: Name,
        /// For how long it was waited.
        waited: Duration,
    },
    /// The certificate was not renewed.
    #[error("the certificate was not renewed")]
    Renew(#[from] RenewError),
}

impl From<Failure> for MembersError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unsent(reason)
            | Failure::Refused(reason)
            | Failure::Invalid(reason)
            | Failure::Untrusted(reason)
            | Failure::Late(reason)
            | Failure::Broken(reason) => Self::Refused(reason),
        }
    }
}

/// A token, and what it is good for.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// The text to hand over, once; nobody can show it again.
    pub token: String,
    /// What its holder will be.
    pub kind: MemberKind,
    /// The name that its holder must have.
    pub name: Option<Name>,
    /// Until when, in seconds of Unix time.
    pub expires_unix_s: u64,
}

impl Membership {
    /// A token for one machine that will be a `kind`.
    pub async fn invite(
        &self,
        kind: MemberKind,
        life: Duration,
    ) -> Result<Invitation, MembersError> {
        self.token(kind, None, life).await
    }

    /// A token for the machine that takes the place of the member `name`, with its number. The old
    /// machine is not heard any more as soon as the token is used.
    pub async fn replace(&self, name: &str, life: Duration) -> Result<Invitation, MembersError> {
        let record = self.named(name)?;
        if record.id == self.control.local.me.id {
            return Err(MembersError::Itself(record.name));
        }
        self.token(record.kind, Some(record.name), life).await
    }

    async fn token(
        &self,
        kind: MemberKind,
        replaces: Option<Name>,
        life: Duration,
    ) -> Result<Invitation, MembersError> {
        let issuer = self.issuer.as_ref().ok_or(MembersError::CannotSign)?;
        issuer.listed().await?;
        let local = &self.control.local;
        let label =
            |text: &str| Label::new(text).map_err(|error| MembersError::Refused(error.to_string()));
        let secret = Secret::random().ok_or(MembersError::NoRandomness)?;
        let now_unix_s = local.clock.unix_millis() / 1_000;
        let expires_unix_s = now_unix_s.saturating_add(life.as_secs());
        let token = Token {
            cluster: label(&local.cluster_id)?,
            addresses: self.addresses(replaces.as_ref()),
            authority: issuer.authority(),
            secret,
            expires_unix_s,
            kind,
            name: match &replaces {
                Some(name) => Some(label(name.as_str())?),
                None => None,
            },
        };
        let text = token
            .to_text()
            .map_err(|error| MembersError::Refused(error.to_string()))?;
        let command = MembersCommand::AddToken {
            hash: secret.hash(),
            kind,
            expires_unix_s,
            replaces: replaces.clone(),
            now_unix_s,
        };
        match propose(&self.control, command).await? {
            MembersOutcome::TokenAdded => Ok(Invitation {
                token: text,
                kind,
                name: replaces,
                expires_unix_s,
            }),
            other @ (MembersOutcome::TokenRefused(_)
            | MembersOutcome::Redeemed { .. }
            | MembersOutcome::MemberSet
            | MembersOutcome::NameTaken { .. }
            | MembersOutcome::Retiring
            | MembersOutcome::Removed
            | MembersOutcome::NotAMember) => Err(MembersError::Refused(other.to_string())),
        }
    }

    /// Where a newcomer asks: this node first, then the other one, if that is not who goes.
    fn addresses(&self, except: Option<&Name>) -> Vec<std::net::SocketAddr> {
        let local = &self.control.local;
        let view = local.roster.now();
        let others = view.members().iter().filter(|member| {
            member.kind == MemberKind::Node
                && member.id != local.me.id
                && Some(&member.name) != except
        });
        let mine = local.me.addresses.iter();
        let all = mine.chain(others.flat_map(|member| &member.addresses));
        all.take(ADDRESSES).copied().collect()
    }

    /// Lets the member `name` go: out of both groups first, then its certificate is known no more.
    /// The machine learns who wanted it: `by`.
    pub async fn remove(&self, name: &str, by: &str) -> Result<NodeId, MembersError> {
        let record = self.named(name)?;
        if record.id == self.control.local.me.id {
            return Err(MembersError::Itself(record.name));
        }
        let local = &self.control.local;
        let command = MembersCommand::Dismiss {
            id: record.id,
            by: format!("{by} on {}", local.me.name),
            now_unix_s: local.clock.unix_millis() / 1_000,
        };
        propose(&self.control, command).await?;
        let mut agreed = self.control.watch();
        let gone = agreed.wait_for(|state| state.members().get(record.id).is_none());
        match tokio::time::timeout(REMOVAL, gone).await {
            Ok(Ok(_)) => Ok(record.id),
            Ok(Err(_)) | Err(_) => Err(MembersError::StillThere {
                name: record.name,
                waited: REMOVAL,
            }),
        }
    }

    fn named(&self, name: &str) -> Result<MemberRecord, MembersError> {
        let state = self.control.state();
        let record = state.members().named(name).cloned();
        record.ok_or_else(|| {
            let known = state.members().iter();
            let known: Vec<_> = known.map(|record| record.name.as_str()).collect();
            MembersError::NoSuchMember {
                name: name.to_owned(),
                known: known.join(", "),
            }
        })
    }

    /// Renews this member's certificate now; connections that are there go on.
    pub async fn renew(&self) -> Result<Validity, MembersError> {
        let (answer, renewed) = oneshot::channel();
        if self.renewals.send(answer).await.is_err() {
            return Err(RenewError::Stopped.into());
        }
        let renewed = renewed.await.unwrap_or(Err(RenewError::Stopped))?;
        Ok(renewed.validity())
    }

    /// The certificate that this member shows.
    pub fn certificate(&self) -> Certificate {
        self.tls.current().certificate().clone()
    }

    /// Everybody who is written down.
    pub fn records(&self) -> Vec<MemberRecord> {
        self.control.state().members().iter().cloned().collect()
    }

    /// Tokens that can still be used.
    pub fn open_tokens(&self) -> usize {
        let state = self.control.state();
        let now = self.control.local.clock.unix_millis() / 1_000;
        let tokens = state.members().tokens();
        tokens
            .filter(|(_, token)| token.used.is_none() && token.expires_unix_s > now)
            .count()
    }

    /// Whether a member of that standing stays.
    pub const fn stays(record: &MemberRecord) -> bool {
        match record.standing {
            MemberStanding::Member => true,
            MemberStanding::Leaving => false,
        }
    }
}
