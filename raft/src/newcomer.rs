//! The other side of joining: a machine that has a token and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use identity::{
    Certificate, Credentials, Label, MemberKey, Subject, Token, client_of_token, fingerprint,
};
use proto::raft::{JoinReply, JoinRequest, JoinedMember};
use types::{Edition, MemberKind, Name, NodeId};

use crate::network::Failure;
use crate::network::grpc::ask_to_join;
use crate::plan::{Member, Pace};
use crate::version;

/// For one member to answer: it has to agree with the others twice.
const PATIENCE: Duration = Duration::from_secs(10);
/// Rounds over all addresses while nobody can be reached or has a quorum.
const ROUNDS: u32 = 3;

/// What a machine has once it is a member.
#[derive(Debug)]
pub struct Joined {
    /// The cluster's id.
    pub cluster: String,
    /// Its number.
    pub id: NodeId,
    /// What it is.
    pub kind: MemberKind,
    /// The router that the cluster is.
    pub router: Name,
    /// Everybody, itself included.
    pub members: Vec<Member>,
    /// Of which list they are.
    pub edition: Edition,
    /// What its node.toml has to say of the timers.
    pub pace: Pace,
    /// Its certificate and its key, PEM.
    pub identity: String,
    /// The authority's certificate, PEM.
    pub authority: String,
    /// The authority's key, PEM; nodes have it.
    pub authority_key: Option<String>,
    /// The key of the heartbeats, as its file holds it; nodes have it.
    pub heartbeat_key: Option<String>,
}

/// Why a machine did not become a member.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The token is for another name.
    #[error("the token is for the member {wanted}: join as {wanted}")]
    OtherName {
        /// The name in the token.
        wanted: Label,
    },
    /// No key.
    #[error("no key could be made")]
    Key(#[from] identity::KeyError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// A member said no.
    #[error("the cluster refused: {0}")]
    Refused(String),
    /// No member answered.
    #[error("no member of the cluster answered:\n{}", list(tried))]
    Unreachable {
        /// Each address with what happened there.
        tried: Vec<(SocketAddr, String)>,
    },
    /// What came back is not what was asked for.
    #[error("the answer cannot be used: {0}")]
    Answer(String),
}

fn list(tried: &[(SocketAddr, String)]) -> String {
    let lines: Vec<_> = tried
        .iter()
        .map(|(address, reason)| format!("  {address}: {reason}"))
        .collect();
    lines.join("\n")
}

/// Becomes the member `name`, reached at `addresses`, with `token`. Whoever asks again has to have the same
/// `key`: by it the cluster knows that the token is still in the same hands.
pub async fn join(
    token: &Token,
    name: &Label,
    addresses: &[SocketAddr],
    key: &MemberKey,
) -> Result<Joined, JoinError> {
    if let Some(wanted) = &token.name
        && wanted != name
    {
        return Err(JoinError::OtherName {
            wanted: wanted.clone(),
        });
    }
    let subject = Subject {
        cluster: token.cluster.clone(),
        member: name.clone(),
    };
    let request = key.request(&subject)?;
    let question = JoinRequest {
        cluster_id: token.cluster.to_string(),
        protocol: version::PROTOCOL,
        software: version::SOFTWARE.to_owned(),
        secret: token.secret.to_bytes().into(),
        name: name.to_string(),
        addresses: addresses.iter().map(ToString::to_string).collect(),
        public_key: request.public_key.into(),
        signature: request.signature.into(),
    };
    let reply = ask_everybody(token, &question).await?;
    accept(token, &subject, key, reply).map_err(JoinError::Answer)
}

async fn ask_everybody(token: &Token, question: &JoinRequest) -> Result<JoinReply, JoinError> {
    let mut tried = Vec::new();
    for _ in 0..ROUNDS {
        tried.clear();
        for address in &token.addresses {
            let client = client_of_token(token).map_err(JoinError::Tls)?;
            match ask_to_join(*address, client, question.clone(), PATIENCE).await {
                Ok(reply) => return Ok(reply),
                Err(Failure::Refused(reason) | Failure::Invalid(reason)) => {
                    return Err(JoinError::Refused(reason));
                }
                Err(
                    Failure::Unsent(reason)
                    | Failure::Untrusted(reason)
                    | Failure::Late(reason)
                    | Failure::Broken(reason),
                ) => tried.push((*address, reason)),
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(JoinError::Unreachable { tried })
}

/// Checks the answer as if nobody had checked the connection.
fn accept(
    token: &Token,
    subject: &Subject,
    key: &MemberKey,
    reply: JoinReply,
) -> Result<Joined, String> {
    if fingerprint(&reply.authority) != token.authority {
        return Err("it names another authority than the token".to_owned());
    }
    let certificate =
        |der: &[u8]| Certificate::from_der(der.to_vec()).map_err(|error| error.to_string());
    let own = certificate(&reply.certificate)?;
    if !own.is_of(subject) {
        return Err("the certificate is for another name".to_owned());
    }
    let authority = certificate(&reply.authority)?.to_pem();
    let identity = own.to_pem() + &key.to_pem();
    Credentials::from_pem(
        authority.as_bytes(),
        identity.as_bytes(),
        identity.as_bytes(),
    )
    .map_err(|error| error.to_string())?;
    let given = |text: String| (!text.is_empty()).then_some(text);
    Ok(Joined {
        cluster: token.cluster.to_string(),
        id: number(reply.id)?,
        kind: kind(&reply.kind)?,
        router: Name::from(reply.router),
        members: reply
            .members
            .into_iter()
            .map(member)
            .collect::<Result<_, _>>()?,
        edition: edition(&reply.edition)?,
        pace: Pace {
            rtt_ms: reply.rtt_ms,
            election_timeout_ms: reply.election_timeout_ms,
        },
        identity,
        authority,
        authority_key: given(reply.authority_key),
        heartbeat_key: given(reply.heartbeat_key),
    })
}

fn member(from: JoinedMember) -> Result<Member, String> {
    let addresses: Result<Vec<SocketAddr>, _> =
        from.addresses.iter().map(|text| text.parse()).collect();
    Ok(Member {
        id: number(from.id)?,
        name: Name::from(from.name),
        kind: kind(&from.kind)?,
        addresses: addresses.map_err(|_| "an address cannot be read".to_owned())?,
    })
}

fn edition(text: &str) -> Result<Edition, String> {
    let read = text.parse();
    read.map_err(|_| "it does not say of which list its members are".to_owned())
}

fn number(id: u32) -> Result<NodeId, String> {
    match u8::try_from(id) {
        Ok(id) if id != 0 => Ok(NodeId(id)),
        Ok(_) | Err(_) => Err(format!("{id} is no member's number")),
    }
}

fn kind(word: &str) -> Result<MemberKind, String> {
    [MemberKind::Node, MemberKind::Witness]
        .into_iter()
        .find(|kind| kind.word() == word)
        .ok_or_else(|| format!("{word:?} is no kind of member"))
}
