//! The alarm about configurations that lost against the other node's: raised once for each, and cleared
//! when somebody has read and dropped it.

use std::collections::BTreeSet;

use types::Name;

/// What is to be told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Change {
    Raised(Name),
    Cleared(Name),
}

/// Which are raised.
#[derive(Debug, Default)]
pub(super) struct Alarms(BTreeSet<Name>);

impl Alarms {
    /// Takes note of all that there are.
    pub(super) fn see(&mut self, names: &[Name]) -> Vec<Change> {
        let now: BTreeSet<Name> = names.iter().cloned().collect();
        let raised = now.difference(&self.0).cloned().map(Change::Raised);
        let cleared = self.0.difference(&now).cloned().map(Change::Cleared);
        let changes = raised.chain(cleared).collect();
        self.0 = now;
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_candidate_is_told_of_once_when_it_comes_and_once_when_it_goes() {
        let both = [Name::from("a-r2"), Name::from("a-r3")];
        let [one, two] = both.clone();
        let mut alarms = Alarms::default();
        assert_eq!(alarms.see(&[]), []);
        assert_eq!(alarms.see(&both[..1]), [Change::Raised(one.clone())]);
        assert_eq!(alarms.see(&both), [Change::Raised(two)]);
        assert_eq!(alarms.see(&both), []);
        assert_eq!(alarms.see(&both[1..]), [Change::Cleared(one)]);
    }
}
