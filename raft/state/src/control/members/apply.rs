//! One command about members after the other, the same on every node.

use types::{Fingerprint, MemberKind, Name, NodeId};

use super::{
    Certificates, Dismissal, DismissalCause, MemberRecord, MemberStanding, Members, MembersCommand,
    MembersOutcome, Newcomer, TokenRecord, TokenRefusal, TokenUse,
};

/// A member has one address for each HA link.
const MAX_ADDRESSES: usize = 4;

impl Members {
    /// Applies `command`; every command has an outcome, whatever the state.
    pub(in crate::control) fn apply(&mut self, command: &MembersCommand) -> MembersOutcome {
        match command {
            MembersCommand::AddToken {
                hash,
                kind,
                expires_unix_s,
                replaces,
                now_unix_s,
            } => {
                let wanted = (*kind, *expires_unix_s);
                match self.add_token(*hash, wanted, replaces.as_ref(), *now_unix_s) {
                    Ok(()) => MembersOutcome::TokenAdded,
                    Err(refusal) => MembersOutcome::TokenRefused(refusal),
                }
            }
            MembersCommand::RedeemToken {
                hash,
                newcomer,
                now_unix_s,
            } => match self.redeem(*hash, newcomer, *now_unix_s) {
                Ok((id, kind, certificates)) => MembersOutcome::Redeemed {
                    kind,
                    id,
                    certificates,
                },
                Err(refusal) => MembersOutcome::TokenRefused(refusal),
            },
            MembersCommand::SetMember {
                record,
                certificates,
                now_unix_s,
            } => self.set(record, *certificates, *now_unix_s),
            MembersCommand::Retire { id } => match self.records.get_mut(id) {
                Some(record) => {
                    record.standing = MemberStanding::Leaving;
                    MembersOutcome::Retiring
                }
                None => MembersOutcome::NotAMember,
            },
            MembersCommand::RemoveMember { id } => self.remove(*id),
            MembersCommand::Dismiss { id, by, now_unix_s } => self.dismiss(*id, by, *now_unix_s),
        }
    }

    fn dismiss(&mut self, id: NodeId, by: &str, now: u64) -> MembersOutcome {
        let Some(record) = self.records.get_mut(&id) else {
            return MembersOutcome::NotAMember;
        };
        record.standing = MemberStanding::Leaving;
        let dismissal = Dismissal {
            id,
            name: record.name.clone(),
            certificates: Vec::new(),
            cause: DismissalCause::Removed { by: by.to_owned() },
            at_unix_s: now,
        };
        // The same a second time: whoever asked last is named.
        self.dismissals
            .retain(|known| known.id != id || known.cause == DismissalCause::Replaced);
        self.remember(dismissal);
        MembersOutcome::Retiring
    }

    fn remove(&mut self, id: NodeId) -> MembersOutcome {
        let Some(record) = self.records.remove(&id) else {
            return MembersOutcome::NotAMember;
        };
        // Its name is free, so nobody is on the way with it any more.
        let of_it = |token: &TokenRecord| token.used.as_ref().is_some_and(|used| used.id == id);
        self.tokens.retain(|_, token| !of_it(token));
        let dismissed = self.dismissals.iter_mut().rev();
        let mut dismissed = dismissed.filter(|known| known.cause != DismissalCause::Replaced);
        if let Some(dismissal) = dismissed.find(|known| known.id == id) {
            dismissal.certificates = record.certificates;
        }
        MembersOutcome::Removed
    }

    fn remember(&mut self, dismissal: Dismissal) {
        if self.dismissals.len() >= Self::MAX_DISMISSALS {
            self.dismissals.remove(0);
        }
        self.dismissals.push(dismissal);
    }

    fn add_token(
        &mut self,
        hash: Fingerprint,
        (kind, expires_unix_s): (MemberKind, u64),
        replaces: Option<&Name>,
        now: u64,
    ) -> Result<(), TokenRefusal> {
        if self.tokens.contains_key(&hash) {
            // The same proposal a second time: its first answer got lost.
            return Ok(());
        }
        self.tokens.retain(|_, token| token.expires_unix_s > now);
        if self.tokens.len() >= Self::MAX_TOKENS {
            let count = u64::try_from(self.tokens.len()).unwrap_or(u64::MAX);
            return Err(TokenRefusal::TooMany { count });
        }
        let earlier = match replaces {
            None => None,
            Some(name) => {
                let gone = || TokenRefusal::NobodyToReplace { name: name.clone() };
                Some(self.named(name.as_str()).ok_or_else(gone)?)
            }
        };
        let token = TokenRecord {
            kind: earlier.map_or(kind, |record| record.kind),
            expires_unix_s,
            replaces: earlier.map(|record| record.id),
            used: None,
        };
        self.tokens.insert(hash, token);
        Ok(())
    }

    fn redeem(
        &mut self,
        hash: Fingerprint,
        newcomer: &Newcomer,
        now: u64,
    ) -> Result<(NodeId, MemberKind, Certificates), TokenRefusal> {
        let token = self.tokens.get(&hash).ok_or(TokenRefusal::Unknown)?;
        if let Some(used) = &token.used
            && (used.key != newcomer.key || used.name != newcomer.name)
        {
            return Err(TokenRefusal::Used {
                name: used.name.clone(),
            });
        }
        if token.expires_unix_s <= now {
            let ago_s = now - token.expires_unix_s;
            return Err(TokenRefusal::Expired { ago_s });
        }
        let (kind, replaces) = (token.kind, token.replaces);
        let id = match (&token.used, replaces) {
            // It asks again, because it has not heard the answer.
            (Some(used), _) => used.id,
            (None, Some(id)) => self.may_replace(id, newcomer)?,
            (None, None) => self.may_join(kind, newcomer)?,
        };
        let used = TokenUse {
            name: newcomer.name.clone(),
            key: newcomer.key,
            id,
        };
        if let Some(token) = self.tokens.get_mut(&hash) {
            token.used = Some(used);
        }
        let certificates = match replaces {
            Some(_) => Certificates::Replace,
            None => Certificates::Add,
        };
        Ok((id, kind, certificates))
    }

    /// The number that `newcomer` would get for the token with that hash, or why none.
    ///
    /// Stricter than redeeming it: whoever asks again may ask for other addresses than the first time, and
    /// those are another member's as little as the first ones.
    pub fn would_take(
        &self,
        hash: Fingerprint,
        newcomer: &Newcomer,
        now: u64,
    ) -> Result<NodeId, TokenRefusal> {
        let (id, _kind, _certificates) = self.clone().redeem(hash, newcomer, now)?;
        self.check_addresses(newcomer, Some(id))?;
        Ok(id)
    }

    /// The number of the member whose place `newcomer` takes.
    fn may_replace(&self, id: NodeId, newcomer: &Newcomer) -> Result<NodeId, TokenRefusal> {
        let gone = || TokenRefusal::NobodyToReplace {
            name: newcomer.name.clone(),
        };
        let replaced = self.records.get(&id).ok_or_else(gone)?;
        if replaced.name != newcomer.name {
            return Err(TokenRefusal::OtherName {
                name: newcomer.name.clone(),
                wanted: replaced.name.clone(),
            });
        }
        self.check_addresses(newcomer, Some(id))?;
        Ok(id)
    }

    /// The number of a member that was not there before.
    fn may_join(&self, kind: MemberKind, newcomer: &Newcomer) -> Result<NodeId, TokenRefusal> {
        let invited = self.tokens.values().filter_map(|token| {
            let used = token.used.as_ref()?;
            let is_member = self.records.contains_key(&used.id);
            (!is_member).then_some((token.kind, used))
        });
        let invited: Vec<_> = invited.collect();
        let members = self.iter().map(|record| (&record.name, record.id));
        let mut names = members.chain(invited.iter().map(|(_, used)| (&used.name, used.id)));
        if let Some((name, id)) = names.find(|(name, _)| **name == newcomer.name) {
            return Err(TokenRefusal::NameTaken {
                name: name.clone(),
                id,
            });
        }
        self.check_addresses(newcomer, None)?;
        let of_kind = self.iter().filter(|record| record.kind == kind).count()
            + invited.iter().filter(|(of, _)| *of == kind).count();
        let (limit, shown) = match kind {
            MemberKind::Node => (Self::MAX_NODES, 2),
            MemberKind::Witness => (Self::MAX_WITNESSES, 1),
        };
        if of_kind >= limit {
            return Err(TokenRefusal::Full { kind, limit: shown });
        }
        let reserved = invited.iter().map(|(_, used)| used.id.0).max();
        let highest = self.highest.max(reserved.unwrap_or_default());
        let next = highest.checked_add(1).ok_or(TokenRefusal::NoNumber)?;
        Ok(NodeId(next))
    }

    fn check_addresses(
        &self,
        newcomer: &Newcomer,
        except: Option<NodeId>,
    ) -> Result<(), TokenRefusal> {
        let count = newcomer.addresses.len();
        if !(1..=MAX_ADDRESSES).contains(&count) {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            return Err(TokenRefusal::Addresses { count });
        }
        for record in self.iter().filter(|record| Some(record.id) != except) {
            let taken = newcomer
                .addresses
                .iter()
                .find(|address| record.addresses.contains(address));
            if let Some(address) = taken {
                return Err(TokenRefusal::AddressTaken {
                    address: *address,
                    id: record.id,
                });
            }
        }
        Ok(())
    }

    /// Remembers the certificates of the machine whose place `new` takes.
    fn replaced(&mut self, new: &MemberRecord, now: u64) {
        let Some(old) = self.records.get(&new.id) else {
            return;
        };
        let others = old.certificates.iter().copied();
        let certificates: Vec<_> = others
            .filter(|certificate| !new.certificates.contains(certificate))
            .collect();
        if certificates.is_empty() {
            return;
        }
        let dismissal = Dismissal {
            id: old.id,
            name: old.name.clone(),
            certificates,
            cause: DismissalCause::Replaced,
            at_unix_s: now,
        };
        self.remember(dismissal);
    }

    fn set(&mut self, new: &MemberRecord, mode: Certificates, now: u64) -> MembersOutcome {
        let namesake = self.named(new.name.as_str()).map(|record| record.id);
        if let Some(id) = namesake
            && id != new.id
        {
            return MembersOutcome::NameTaken { id };
        }
        let mut record = new.clone();
        if mode == Certificates::Replace {
            self.replaced(new, now);
        }
        if let (Some(old), Certificates::Add) = (self.records.get(&new.id), mode) {
            let unknown = old.certificates.iter().filter(|certificate| {
                let known = new.certificates.iter();
                let mut known = known.map(|certificate| certificate.fingerprint);
                certificate.until_unix_s > now && !known.any(|one| one == certificate.fingerprint)
            });
            record.certificates.extend(unknown.copied());
            record.since_unix_s = old.since_unix_s;
            // Whoever is leaving does not stay by renewing its certificate.
            record.standing = old.standing;
        }
        record.certificates.truncate(Self::MAX_CERTIFICATES);
        self.highest = self.highest.max(record.id.0);
        self.records.insert(record.id, record);
        MembersOutcome::MemberSet
    }
}
