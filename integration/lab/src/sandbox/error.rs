//! Why a sandbox could not be had, and what to do about it.

use std::io;
use std::path::Path;

use nix::errno::Errno;

/// Why the namespaces could not be entered.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// The kernel's settings forbid user namespaces to this user.
    #[error(
        "user namespaces are refused to this user ({errno}): {hint}\nor run the same command as root"
    )]
    Refused {
        /// What the kernel said.
        errno: Errno,
        /// The setting that forbids it and how to change it.
        hint: String,
    },
    /// Threads exist already; a mistake in the program.
    #[error("the sandbox must be entered before the program starts threads")]
    Threads,
    /// The identity maps could not be written.
    #[error("cannot become root inside the user namespace")]
    Identities(#[source] io::Error),
    /// The mount namespace could not be prepared.
    #[error("cannot prepare the mount namespace")]
    Mount(#[source] Errno),
    /// The run's directory could not be made.
    #[error("cannot make a directory for this run in /tmp")]
    Directory(#[source] io::Error),
    /// A stage was started by hand.
    #[error("the environment names a stage of the sandbox, but no directory")]
    NoDirectory,
    /// The program cannot find its own file.
    #[error("cannot find this program's own file")]
    Program(#[source] io::Error),
    /// The next stage could not be started or waited for.
    #[error("cannot run the program inside its namespaces")]
    Stage(#[source] io::Error),
}

impl EnterError {
    /// The refusal of a user namespace, with the first setting found that explains it.
    pub(super) fn refused(errno: Errno) -> Self {
        if errno == Errno::EINVAL {
            return Self::Threads;
        }
        let hint = SETTINGS
            .iter()
            .find(|setting| read(setting.file).is_some_and(|value| value == setting.refusing))
            .map_or_else(|| NO_SETTING.to_owned(), Setting::hint);
        Self::Refused { errno, hint }
    }
}

/// A kernel setting that refuses user namespaces when it has one value.
struct Setting {
    name: &'static str,
    file: &'static str,
    refusing: &'static str,
    allowing: &'static str,
}

impl Setting {
    fn hint(&self) -> String {
        let Self {
            name,
            refusing,
            allowing,
            ..
        } = self;
        format!("{name} is {refusing}; allow them with: sudo sysctl -w {name}={allowing}")
    }
}

const NO_SETTING: &str = "no kernel setting explains it, so a container runtime or a security \
    module does (Docker: --security-opt seccomp=unconfined)";

const SETTINGS: [Setting; 3] = [
    Setting {
        name: "kernel.unprivileged_userns_clone",
        file: "/proc/sys/kernel/unprivileged_userns_clone",
        refusing: "0",
        allowing: "1",
    },
    Setting {
        name: "user.max_user_namespaces",
        file: "/proc/sys/user/max_user_namespaces",
        refusing: "0",
        allowing: "15000",
    },
    Setting {
        name: "kernel.apparmor_restrict_unprivileged_userns",
        file: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        refusing: "1",
        allowing: "0",
    },
];

fn read(file: &str) -> Option<String> {
    let text = std::fs::read_to_string(Path::new(file)).ok()?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_a_next_step() {
        let text = EnterError::refused(Errno::EPERM).to_string();
        assert!(text.contains("as root"), "{text}");
        let hints: Vec<_> = SETTINGS.iter().map(Setting::hint).collect();
        assert!(
            hints.iter().all(|hint| hint.contains("sudo sysctl -w")),
            "{hints:?}"
        );
    }
}
