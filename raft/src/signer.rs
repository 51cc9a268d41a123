//! What a node signs members' certificates with: the authority of its cluster, and what newcomers are told.

use std::path::PathBuf;

use identity::{Authority, Certificate, Label};
use types::Name;

use crate::error::StartError;
use crate::plan::{HasPlace, Issuing, Pace, TlsFiles};

/// What a node signs with.
#[derive(Debug)]
pub(crate) struct Signer {
    pub(crate) authority: Authority,
    pub(crate) router: Name,
    pub(crate) heartbeat_key: Option<PathBuf>,
    /// Asked before anything is agreed on.
    pub(crate) has_place: HasPlace,
    pub(crate) pace: Pace,
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
            identity::files::read(path).map_err(|error| StartError::TlsFile {
                path: error.path,
                source: error.source,
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
