//! Namespaces of its own for a command: root inside, nothing outside, gone with the process.
//!
//! ```text
//! outer (this process)          unshares (user,) net, mount, pid; forwards signals; removes files
//!   └─ init (pid 1 inside)      mounts /proc, reaps orphans, dies with outer (PDEATHSIG)
//!        └─ inside              runs the command; its exit code is the outer one's
//! ```
//! Each stage is this program started again with its own arguments. The kernel kills everything in
//! a pid namespace when its pid 1 goes, and a network namespace goes with its last process: so there
//! is nothing to clean up even after SIGKILL.

mod error;
mod logs;
mod scratch;
mod supervise;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sched::CloneFlags;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::failure::Audience;
use crate::sys;
pub use error::EnterError;
use scratch::Scratch;
use supervise::supervise;

/// Exit status of work that could not be done.
const FAILED: u8 = 1;

const STAGE: &str = "TANDEM_LAB_STAGE";
const DIRECTORY: &str = "TANDEM_LAB_DIRECTORY";
const OUTER: &str = "TANDEM_LAB_OUTER";
const USERS: &str = "TANDEM_LAB_USERS";

/// Folder of the run's directory where namespaces may be mounted; unmounted at the end.
pub(crate) const NETNS: &str = "netns";

/// On which side of the wall a process finds itself after [`enter`].
#[derive(Debug)]
pub enum Place {
    /// The copy within: go on with the work.
    Inside(Sandbox),
    /// The copy outside, after the one within has ended: leave with its code.
    Outside(ExitCode),
}

/// The sandbox, seen from within.
#[derive(Debug)]
pub struct Sandbox {
    directory: PathBuf,
    program: PathBuf,
    outer: String,
    users: Users,
}

/// Whose identities count inside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Users {
    /// Those of the world outside.
    Shared,
    /// The sandbox's own: root inside is somebody else outside.
    Own,
}

impl Sandbox {
    /// A directory for this run's files, removed when the run ends however it ends.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The running program's file, for starting more processes of it.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The command that brings somebody outside into the network namespace that is mounted at
    /// `file` inside.
    pub(crate) fn way_in(&self, file: &Path) -> String {
        let (outer, file) = (&self.outer, file.display());
        let users = match self.users {
            Users::Shared => "",
            Users::Own => " -U --preserve-credentials",
        };
        format!("nsenter -t {outer}{users} --net=/proc/{outer}/root{file}")
    }
}

/// Does `work` inside a sandbox of its own. Exit code 0 when it says that all is well, 1 when it does
/// not or fails; then the logs of its processes are kept, and a person is told where.
///
/// To be called before the process has a second thread; see [`enter`].
pub(crate) fn perform(
    audience: Audience,
    work: impl FnOnce(&Sandbox) -> anyhow::Result<bool>,
) -> ExitCode {
    let outcome = match enter() {
        Ok(Place::Outside(code)) => return code,
        Ok(Place::Inside(sandbox)) => {
            let outcome = work(&sandbox);
            if !matches!(outcome, Ok(true)) {
                sandbox.point_to_logs();
            }
            outcome
        }
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => audience.told(&format!("{error:#}"), FAILED),
    }
}

/// Starts this program again in namespaces of its own, with the same arguments.
///
/// To be called before the process has a second thread: the kernel refuses user namespaces to
/// processes with threads. Returns in both copies; [`Place`] says which one this is.
pub fn enter() -> Result<Place, EnterError> {
    match std::env::var(STAGE).as_deref() {
        Ok("inside") => Ok(Place::Inside(arrive()?)),
        Ok("init") => Ok(Place::Outside(run_init()?)),
        _ => Ok(Place::Outside(run_outer()?)),
    }
}

fn arrive() -> Result<Sandbox, EnterError> {
    let directory = std::env::var_os(DIRECTORY)
        .map(PathBuf::from)
        .ok_or(EnterError::NoDirectory)?;
    let program = std::env::current_exe().map_err(EnterError::Program)?;
    let outer = std::env::var(OUTER).unwrap_or_default();
    let users = match std::env::var(USERS).as_deref() {
        Ok("own") => Users::Own,
        _ => Users::Shared,
    };
    Ok(Sandbox {
        directory,
        program,
        outer,
        users,
    })
}

fn run_outer() -> Result<ExitCode, EnterError> {
    let scratch = Scratch::create().map_err(EnterError::Directory)?;
    raise_limits();
    let users = match unshare()? {
        Users::Own => "own",
        Users::Shared => "shared",
    };
    let mut init = stage("init", scratch.path())?;
    init.env(USERS, users);
    init.env(OUTER, std::process::id().to_string());
    sys::die_with_parent(&mut init);
    supervise(init)
}

fn run_init() -> Result<ExitCode, EnterError> {
    let nothing = None::<&str>;
    nix::mount::mount(
        nothing,
        "/",
        nothing,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        nothing,
    )
    .map_err(EnterError::Mount)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    match nix::mount::mount(Some("proc"), "/proc", Some("proc"), flags, nothing) {
        // A container that hides parts of /proc is not allowed a whole one. The old one still
        // shows each reader its own network's settings, which is all that the laboratory needs.
        Ok(()) | Err(Errno::EPERM) => {}
        Err(errno) => return Err(EnterError::Mount(errno)),
    }
    let directory = std::env::var_os(DIRECTORY).ok_or(EnterError::NoDirectory)?;
    supervise(stage("inside", Path::new(&directory))?)
}

/// This program with its arguments, told which stage it is.
fn stage(name: &str, directory: &Path) -> Result<Command, EnterError> {
    let program = std::env::current_exe().map_err(EnterError::Program)?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env(STAGE, name)
        .env(DIRECTORY, directory);
    Ok(command)
}

/// Thousands of connections need descriptors, and heartbeats deserve real-time priority; inside,
/// nobody may raise these limits any more. Where they cannot be raised, the work goes on without.
fn raise_limits() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _kept = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    let _kept = setrlimit(Resource::RLIMIT_RTPRIO, 99, 99);
}

/// Root goes without a user namespace where it may: real-time priorities, and files of other users,
/// stay within reach. Everybody else, and a root without the right capabilities, makes one.
fn unshare() -> Result<Users, EnterError> {
    let namespaces = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID;
    // Identities must be read before: inside they are nobody until the maps are written.
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    if user.is_root() && nix::sched::unshare(namespaces).is_ok() {
        return Ok(Users::Shared);
    }
    nix::sched::unshare(namespaces | CloneFlags::CLONE_NEWUSER).map_err(EnterError::refused)?;
    map_identities(user.as_raw(), group.as_raw())?;
    Ok(Users::Own)
}

/// Root inside is whoever called outside.
fn map_identities(user: u32, group: u32) -> Result<(), EnterError> {
    let write = |file: &str, text: String| {
        std::fs::write(format!("/proc/self/{file}"), text).map_err(EnterError::Identities)
    };
    // Without this the kernel lets only privileged processes map groups (user_namespaces(7)).
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("0 {user} 1"))?;
    write("gid_map", format!("0 {group} 1"))
}
