//! Which of two lists of members is the newer one.

use core::fmt;
use core::str::FromStr;

/// Where in the control group's log a list of members was agreed on. A list of an earlier place never counts
/// against one of a later place: whoever learns the past from the log has to know from where on it is news.
///
/// Whoever founds a new lineage goes on counting where it stood, and of two foundations the one with the
/// higher index wins: so the founder is no part of it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Edition {
    /// Counts the foundations of the group; 0 for a list that nobody has agreed on.
    pub generation: u64,
    /// Index of the log entry.
    pub index: u64,
}

impl Edition {
    /// Whether the members have agreed on it.
    pub const fn is_agreed(self) -> bool {
        self.generation != 0
    }
}

/// As `node.toml` has it: `generation/index`.
impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.generation, self.index)
    }
}

/// The text is no edition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoEdition;

impl FromStr for Edition {
    type Err = NoEdition;

    fn from_str(text: &str) -> Result<Self, NoEdition> {
        let (generation, index) = text.split_once('/').ok_or(NoEdition)?;
        let number = |digits: &str| digits.parse().map_err(|_| NoEdition);
        Ok(Self {
            generation: number(generation)?,
            index: number(index)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_generation_counts_more_than_a_higher_index() {
        let edition = |generation, index| Edition { generation, index };
        assert!(edition(2, 1) > edition(1, 900));
        assert!(edition(1, 901) > edition(1, 900));
        assert!(edition(1, 0) > Edition::default());
        assert!(!Edition::default().is_agreed());
    }

    #[test]
    fn the_text_is_read_again() {
        let edition = Edition {
            generation: 3,
            index: 57,
        };
        assert_eq!(edition.to_string().parse(), Ok(edition));
        for wrong in ["", "3", "3/", "/57", "3/57/1", "-3/57", "a/b"] {
            assert_eq!(wrong.parse::<Edition>(), Err(NoEdition), "{wrong}");
        }
    }
}
