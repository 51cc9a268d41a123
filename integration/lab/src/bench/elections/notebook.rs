//! What all clients saw, in the order in which they wrote it down.

use history::{Answer, Commit, End, History, Moment, Read, Source, Version};
use parking_lot::Mutex;
use raft_state::Checksum;
use types::Instant;

use crate::operator::{Shown, Told};
use crate::topology::Side;

/// Everything that will be put to the proof, and what the benchmark itself wants to know of it.
#[derive(Debug, Default)]
pub(super) struct Notebook(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    commits: Vec<(Side, Commit)>,
    reads: Vec<Read>,
    told: Vec<Version>,
    /// When nodes were started again.
    starts: Vec<(Side, Moment)>,
    /// Commits that were surely not done: no part of the history, but of its figures.
    not_done: usize,
}

/// A question and its answer in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) asked: Instant,
    pub(super) answered: Instant,
}

impl Notebook {
    /// `side` is about to be started again.
    pub(super) fn started(&self, side: Side, at: Instant) {
        self.0.lock().starts.push((side, moment(at)));
    }

    /// `side` was asked what it runs.
    pub(super) fn read(&self, side: Side, span: Span, shown: &Shown) {
        let read = read(side, span, version(shown));
        self.0.lock().reads.push(read);
    }

    /// `side` was told to commit a text.
    pub(super) fn commit(&self, side: Side, span: Span, base: u64, digest: u64, told: &Told) {
        let mut pages = self.0.lock();
        let answer = match told {
            Told::Committed { revision, in_force } => {
                if *in_force {
                    // It runs this one or a later one: the later one is not named, so only this is taken
                    // down, which no later read of this node may fall behind.
                    let revision = *revision;
                    let read = read(side, span, Version { revision, digest });
                    pages.reads.push(read);
                }
                Answer::Committed(*revision)
            }
            Told::Stale { revision, since } => {
                let versions = since.iter().map(|(revision, digest)| Version {
                    revision: *revision,
                    digest: *digest,
                });
                pages.told.extend(versions);
                Answer::Stale(*revision)
            }
            Told::Unknown => Answer::Unknown,
            Told::NotDone(_) => {
                pages.not_done += 1;
                return;
            }
        };
        let commit = Commit {
            asked: moment(span.asked),
            answered: moment(span.answered),
            base,
            digest,
            answer,
        };
        pages.commits.push((side, commit));
    }

    /// The first acknowledgement by `side` of a commit that cannot have been the old leader's: asked
    /// after its death, or answered when the new one was already known.
    pub(super) fn first_commit(
        &self,
        side: Side,
        died: Instant,
        elected: Instant,
    ) -> Option<Instant> {
        let pages = self.0.lock();
        let acknowledged = pages.commits.iter().filter(|(asked, commit)| {
            let new = commit.asked >= moment(died) || commit.answered >= moment(elected);
            *asked == side && new && matches!(commit.answer, Answer::Committed(_))
        });
        let first = acknowledged.map(|(_, commit)| commit.answered).min()?;
        Some(Instant::from_nanos(first.0))
    }

    /// How many commits `side` has answered by the cluster's word, be it a refusal.
    pub(super) fn answered(&self, side: Side) -> usize {
        let pages = self.0.lock();
        let of_side = pages
            .commits
            .iter()
            .filter(|(asked, commit)| *asked == side && !matches!(commit.answer, Answer::Unknown));
        of_side.count()
    }

    /// Commits that were surely not done.
    pub(super) fn not_done(&self) -> usize {
        self.0.lock().not_done
    }

    /// The whole history, which began with `first` and ended with what each node shows now.
    pub(super) fn history(&self, first: &Shown, last: &[(Side, Shown)]) -> History {
        let pages = self.0.lock();
        History {
            first: version(first),
            commits: pages.commits.iter().map(|(_, commit)| *commit).collect(),
            reads: pages
                .reads
                .iter()
                .map(|read| pages.in_its_life(*read))
                .collect(),
            told: pages.told.clone(),
            end: last
                .iter()
                .map(|(side, shown)| End {
                    node: side.number(),
                    version: version(shown),
                })
                .collect(),
        }
    }
}

impl Pages {
    /// An answer is of the life that began last before it: the one before was dead by then.
    fn in_its_life(&self, mut read: Read) -> Read {
        let began = |(side, at): &&(Side, Moment)| {
            side.number() == read.source.node && *at <= read.answered
        };
        let lives = self.starts.iter().filter(began).count();
        read.source.life = u16::try_from(lives).unwrap_or(u16::MAX);
        read
    }
}

/// What tells one text from another: the same that a node says of texts that it does not show.
pub(super) fn digest(text: &str) -> u64 {
    Checksum::of_bytes(0, text.as_bytes()).0
}

fn version(shown: &Shown) -> Version {
    Version {
        revision: shown.revision,
        digest: digest(&shown.text),
    }
}

fn read(side: Side, span: Span, version: Version) -> Read {
    Read {
        asked: moment(span.asked),
        answered: moment(span.answered),
        source: Source {
            node: side.number(),
            life: 0,
        },
        version,
    }
}

fn moment(at: Instant) -> Moment {
    Moment(at.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    fn shown() -> Shown {
        Shown {
            revision: 1,
            text: String::new(),
        }
    }

    fn committed(notebook: &Notebook, side: Side, asked: u64, answered: u64, revision: u64) {
        let span = Span {
            asked: at(asked),
            answered: at(answered),
        };
        let told = Told::Committed {
            revision,
            in_force: true,
        };
        notebook.commit(side, span, revision - 1, revision, &told);
    }

    #[test]
    fn an_acknowledgement_of_the_dead_leader_is_not_the_new_ones() {
        let notebook = Notebook::default();
        // Asked before the death at 100, answered before anybody else was elected at 200.
        committed(&notebook, Side::B, 90, 101, 2);
        assert_eq!(notebook.first_commit(Side::B, at(100), at(200)), None);
        // The new leader's, for a client that has waited all the time.
        committed(&notebook, Side::B, 95, 230, 4);
        // The new leader's, before anybody saw that it leads.
        committed(&notebook, Side::B, 110, 190, 3);
        committed(&notebook, Side::A, 110, 150, 5);
        assert_eq!(
            notebook.first_commit(Side::B, at(100), at(200)),
            Some(at(190))
        );
    }

    #[test]
    fn an_answer_belongs_to_the_life_that_gave_it() {
        let notebook = Notebook::default();
        for (side, at_ns) in [(Side::A, 100), (Side::B, 150), (Side::A, 200)] {
            notebook.started(side, at(at_ns));
        }
        for (side, asked, answered) in [
            (Side::A, 90, 99),
            (Side::A, 90, 100),
            (Side::A, 210, 220),
            (Side::B, 1, 149),
        ] {
            committed(&notebook, side, asked, answered, 2);
        }
        let history = notebook.history(&shown(), &[]);
        let lives: Vec<_> = history.reads.iter().map(|read| read.source.life).collect();
        assert_eq!(lives, [0, 1, 2, 0]);
    }

    #[test]
    fn what_was_surely_not_done_is_no_part_of_the_history() {
        let notebook = Notebook::default();
        committed(&notebook, Side::A, 1, 2, 2);
        let span = Span {
            asked: at(3),
            answered: at(4),
        };
        notebook.commit(Side::B, span, 2, 7, &Told::NotDone(String::new()));
        let history = notebook.history(&shown(), &[]);
        assert_eq!((history.commits.len(), notebook.not_done()), (1, 1));
        assert_eq!(history.reads.len(), 1);
    }
}
