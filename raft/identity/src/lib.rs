//! Who is a member: the cluster's authority, members' certificates, and tokens to become one.
//!
//! ```text
//!   Authority ──sign(Request, Subject)──► Certificate ─┐
//!   MemberKey ──request(Subject)──► Request            ├─► Credentials ──► rustls configurations
//!   MemberKey ─────────────────────────────────────────┘
//!   Token: what a newcomer must know to trust the cluster, and to be trusted once
//! ```
//! No sockets and no clock here: time comes as seconds of Unix time. Only [`files`] touches a disk.

mod authority;
mod certificate;
mod credentials;
mod digest;
pub mod files;
mod handshake;
mod key;
mod subject;
mod token;
mod validity;

pub use authority::{Authority, AuthorityError};
pub use certificate::{Certificate, NotACertificate};
pub use credentials::{Credentials, CredentialsError};
pub use digest::{fingerprint, random};
pub use handshake::{client_of_token, explain};
pub use key::{KeyError, MemberKey, Request, RequestError};
pub use subject::{Label, LabelError, Subject};
pub use token::{Secret, Token, TokenError};
pub use validity::Validity;
