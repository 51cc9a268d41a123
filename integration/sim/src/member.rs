//! One member: a disk that stays, and lives that come and go.
//!
//! A life is a tokio runtime of its own on the world's thread, whose time stands still unless the world
//! moves it. Dropping it is what a power cut is; not moving it is a machine that hangs.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use proto::raft::{HelloReply, HelloRequest};
use raft::seam::{Content, Place, Probe, Server, Surroundings, View, start_in};
use raft::{Cluster, ClusterPlan, Limits, Listen, MemberKind, StartError, Timing};
use raft_state::{ClusterState, ControlState, Incarnation};
use runtime::{Clock, Subsystem};
use types::{Instant, NodeId};

use crate::clock::{DAWN_UNIX_NS, Millis};
use crate::disk::Disk;
use crate::network::{Body, Inflows, Letter, Outbox, Part, Post, Question};
use crate::topology::Topology;

/// For everything to end that is asked to.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

/// The cluster's name.
pub(crate) const CLUSTER: &str = "sim";
/// Between the numbers of two lives. The product's are the seconds of their beginnings, far above the terms of
/// every life before.
const BETWEEN_LIVES: u32 = 1_000;

/// What the other nodes say to a member before its life begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    /// The newest life of its number that is in force.
    pub(crate) in_force: Option<Incarnation>,
    /// None of them says anything.
    pub(crate) silence: bool,
}

/// What all members of a run have in common.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    pub(crate) topology: Topology,
    pub(crate) timing: Timing,
    pub(crate) limits: Limits,
    /// Entries flow on streams, as they do between the product's members.
    pub(crate) streams: bool,
}

/// One member.
pub(crate) struct Member {
    pub(crate) id: NodeId,
    pub(crate) kind: MemberKind,
    pub(crate) disk: Disk,
    pub(crate) life: Option<Life>,
    /// How many lives there were, this one included.
    pub(crate) lives: u32,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Member {} in life {}", self.id, self.lives)
    }
}

/// A member between its start and its crash.
pub(crate) struct Life {
    pub(crate) cluster: Cluster,
    server: Server,
    clock: Clock,
    /// The member's own time.
    now: Millis,
    /// When the world moved it last.
    moved_at: Millis,
    /// It is not moved until then.
    pub(crate) stalled_until: Option<Millis>,
    inflows: Inflows,
    notebook: Arc<Notebook>,
    // In this order: tasks go before what they use.
    runtime: tokio::runtime::Runtime,
    subsystem: Subsystem,
}

/// Something that a member has applied.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) place: Place,
    pub(crate) content: Content,
    pub(crate) state: State,
}

/// A group's state at some place.
#[derive(Debug)]
pub(crate) enum State {
    Control(ControlState),
    State(ClusterState),
}

#[derive(Debug, Default)]
struct Notebook(Mutex<Vec<Seen>>);

impl Probe for Notebook {
    fn applied(&self, place: Place, content: Content, state: View<'_>) {
        let state = match state {
            View::Control(state) => State::Control(state.clone()),
            View::State(state) => State::State(state.clone()),
        };
        self.0.lock().push(Seen {
            place,
            content,
            state,
        });
    }
}

impl Member {
    pub(crate) const fn new(id: NodeId, kind: MemberKind, disk: Disk) -> Self {
        Self {
            id,
            kind,
            disk,
            life: None,
            lives: 0,
        }
    }

    /// Begins a new life with what is on the disk.
    pub(crate) fn start(
        &mut self,
        habits: &Habits,
        heard: Heard,
        now: Millis,
        outbox: &Arc<Mutex<Outbox>>,
    ) -> Result<(), BirthError> {
        self.lives += 1;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(BirthError::Runtime)?;
        let notebook = Arc::<Notebook>::default();
        let incarnation = Incarnation(self.lives * BETWEEN_LIVES);
        // What two lack the other one has, since both agree: except what one agreed on with itself.
        let believed = habits.topology.members().len() <= 2;
        let follows = self.disk.begin(incarnation, heard.in_force, believed);
        let surroundings = Surroundings {
            plan: self.plan(habits),
            incarnation,
            follows,
            trails: follows.is_some() && follows < heard.in_force,
            silence: heard.silence,
            clock: {
                let _inside = runtime.enter();
                Clock::start_at(DAWN_UNIX_NS + now.0 * 1_000_000)
            },
            store: self.disk.clone(),
            transport: Arc::new(Post {
                me: self.id,
                outbox: Arc::clone(outbox),
                streams: habits.streams,
            }),
            probe: Some(Arc::<Notebook>::clone(&notebook) as Arc<dyn Probe>),
        };
        let clock = surroundings.clock;
        let mut subsystem = Subsystem::default();
        let (cluster, server) = runtime.block_on(start_in(surroundings, &mut subsystem))?;
        self.life = Some(Life {
            cluster,
            server,
            clock,
            now: Millis(0),
            moved_at: now,
            stalled_until: None,
            inflows: Inflows::default(),
            notebook,
            runtime,
            subsystem,
        });
        Ok(())
    }

    fn plan(&self, habits: &Habits) -> ClusterPlan {
        ClusterPlan {
            cluster_id: CLUSTER.to_owned(),
            me: self.id,
            members: habits.topology.plan(),
            listen: Listen::Addresses(Vec::new()),
            data_dir: "(simulated)".into(),
            store: raft::StoreKind::default(),
            tls: None,
            timing: habits.timing,
            limits: habits.limits,
        }
    }

    /// Ends the life without a word. Returns how many writes the disk has lost.
    pub(crate) fn crash(&mut self) -> usize {
        self.life = None;
        self.disk.crash()
    }

    /// Ends the life in order. Returns how many writes the disk has lost: none was promised to be there.
    pub(crate) fn stop(&mut self) -> usize {
        if let Some(life) = self.life.take() {
            let Life {
                runtime, subsystem, ..
            } = life;
            // The member's own time goes on by itself until everything has ended.
            runtime.block_on(subsystem.stop(PATIENCE));
        }
        self.disk.crash()
    }

    /// The life, if there is one that is not stalled.
    pub(crate) fn awake(&mut self) -> Option<&mut Life> {
        let life = self.life.as_mut();
        life.filter(|life| life.stalled_until.is_none())
    }
}

impl Life {
    /// Moves the member on by `step`.
    pub(crate) fn run(&mut self, step: Millis, now: Millis) {
        self.moved_at = now;
        self.now += step;
        let target = Instant::START + self.now.duration();
        self.runtime.block_on(self.clock.wait_until(Some(target)));
    }

    /// The member's clock jumps: everything that was due meanwhile is due at once.
    pub(crate) fn jump(&mut self, by: Millis) {
        self.now += by;
        self.runtime.block_on(tokio::time::advance(by.duration()));
    }

    /// Hands a question over; the answer goes back through `outbox` in the given envelope.
    pub(crate) fn deliver(
        &self,
        question: Question,
        mut envelope: Letter,
        outbox: &Arc<Mutex<Outbox>>,
    ) {
        let (server, outbox) = (self.server.clone(), Arc::clone(outbox));
        self.spawn(async move {
            envelope.body = Body::Answer(question.put_to(&server).await);
            outbox.lock().letters.push(envelope);
        });
    }

    /// Hands a part of a stream over; replies go back through `outbox` in the given envelope.
    pub(crate) fn flow(&mut self, part: Part, envelope: Letter, outbox: &Arc<Mutex<Outbox>>) {
        let begun = self.inflows.arrived(part, envelope, &self.server, outbox);
        if let Some(begun) = begun {
            self.spawn(begun);
        }
    }

    /// What the member answers to whoever asks how it is.
    pub(crate) fn hello(&self, question: &HelloRequest) -> Option<HelloReply> {
        let _inside = self.runtime.enter();
        self.server.hello(question).ok()
    }

    /// The member goes on after a stall, and finds that time has passed.
    pub(crate) fn wake(&mut self, now: Millis) {
        if self.stalled_until.take().is_some() {
            let missed = now - self.moved_at;
            self.jump(missed);
            self.moved_at = now;
        }
    }

    /// Runs something in this life; it ends with it.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        // Whoever waits for the end of it waits for what it leaves behind.
        drop(self.runtime.spawn(task));
    }

    /// Looks at the member from inside, where its time is.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Cluster) -> T) -> T {
        let _inside = self.runtime.enter();
        look(&self.cluster)
    }

    /// What was applied since the last look.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.notebook.0.lock())
    }
}

/// Why a life did not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BirthError {
    #[error("no runtime")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Timers as they are by default, but for the patience of a proposal.
pub(crate) fn timing(propose: Millis) -> Timing {
    Timing {
        propose: propose.duration(),
        ..Timing::default()
    }
}

/// Short logs, so that members that were away meet snapshots as often as entries.
pub(crate) fn limits(log: u64) -> Limits {
    Limits {
        log,
        ..Limits::default()
    }
}
