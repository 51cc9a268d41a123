//! What became of a question, in gRPC's codes and back.

use tonic::{Code, Status};

use crate::network::transport::Failure;

/// For the one who asked.
pub(super) fn told(failure: Failure) -> Status {
    match failure {
        Failure::Refused(reason) => Status::failed_precondition(reason),
        Failure::Invalid(reason) => Status::invalid_argument(reason),
        Failure::Untrusted(reason) => Status::unauthenticated(reason),
        Failure::Late(reason) => Status::deadline_exceeded(reason),
        // "Unavailable" stays reserved for what was never sent, which nobody can be told.
        Failure::Unsent(reason) | Failure::Broken(reason) => Status::aborted(reason),
    }
}

/// From the one who was asked, or from the way to it.
pub(super) fn heard(status: &Status) -> Failure {
    let reason = status.message().to_owned();
    match status.code() {
        Code::Unavailable => Failure::Unsent(reason),
        Code::FailedPrecondition => Failure::Refused(reason),
        Code::InvalidArgument => Failure::Invalid(reason),
        Code::Unauthenticated => Failure::Untrusted(reason),
        Code::DeadlineExceeded => Failure::Late(reason),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss => Failure::Broken(format!("{}: {reason}", status.code())),
    }
}
