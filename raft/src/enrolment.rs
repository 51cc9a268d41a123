//! Changes of the list of members, for those who make members and for those who are one.

use identity::Certificate;
use raft_state::{
    CertificateRecord, Certificates, ControlCommand, ControlOutcome, MemberRecord, MembersCommand,
    MembersOutcome,
};

use crate::cluster::Control;
use crate::error::ProposeError;
use crate::network::Failure;

/// What to do about members that do not answer.
const NO_QUORUM: &str = "'tandem show cluster' says who is silent: start that member again; if it is lost for good, \
                         'tandem request cluster survive' on the node that stays, then this once more";
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
        | MembersOutcome::NotAMember) => Err(Failure::Refused(other.to_string())),
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
        Err(error @ ProposeError::NoLeader { .. }) => {
            Err(Failure::Refused(format!("{error}. {NO_QUORUM}")))
        }
        Err(error @ (ProposeError::Frozen { .. } | ProposeError::Stopped { .. })) => {
            Err(Failure::Refused(error.to_string()))
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
