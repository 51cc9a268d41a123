//! A member as the measurement sees it: a process that answers questions, uses memory and time.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, ensure};

use super::protocol::{Offer, Question, Status};
use crate::host::Host;

/// Clock ticks of `/proc/<process>/stat`, the same on every Linux.
const TICKS_A_SECOND: f64 = 100.0;

/// A running member. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Remote {
    number: u8,
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Remote {
    pub(super) fn start(
        number: u8,
        host: &Host,
        program: &Path,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let directory = folder.join(format!("member-{number}"));
        std::fs::create_dir_all(&directory)?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(directory.join("log"))?;
        let mut command = Command::new(program);
        command
            .args(["lab", "member", "--number", &number.to_string()])
            .arg("--directory")
            .arg(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = host.spawn(command)?;
        let questions = child.stdin.take().context("its input is a pipe")?;
        let answers = child.stdout.take().context("its output is a pipe")?;
        Ok(Self {
            number,
            child,
            questions,
            answers: BufReader::new(answers),
        })
    }

    pub(super) fn status(&mut self) -> anyhow::Result<Status> {
        self.ask(Question::Status)
    }

    pub(super) fn load(&mut self, offer: Offer) -> anyhow::Result<Status> {
        self.ask(Question::Load(offer))
    }

    fn ask(&mut self, question: Question) -> anyhow::Result<Status> {
        writeln!(self.questions, "{}", serde_json::to_string(&question)?)?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(!line.is_empty(), "member {} has ended", self.number);
        Ok(serde_json::from_str(&line)?)
    }

    /// Ends it as a power cut would.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Memory that is its own now, in bytes.
    pub(super) fn memory(&self) -> anyhow::Result<u64> {
        let file = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(file)?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: u64 = line
            .and_then(|line| line.split_whitespace().next())
            .context("no VmRSS")?
            .parse()?;
        Ok(kib * 1024)
    }

    /// Processor time that it has used, in seconds.
    pub(super) fn processor_time(&self) -> anyhow::Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = text.rsplit_once(')').context("no name")?;
        let mut fields = fields.split_whitespace().skip(11);
        let mut ticks = || -> anyhow::Result<u32> { Ok(fields.next().context("short")?.parse()?) };
        let (user, system) = (ticks()?, ticks()?);
        Ok(f64::from(user + system) / TICKS_A_SECOND)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        // One that has ended needs no signal and leaves nothing behind.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
