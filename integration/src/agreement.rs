//! What a node says about agreement, and what operators tell it: `show cluster`, `configure commit`,
//! `request cluster …`, read as an operator's program reads them.

use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use lab::cluster::Member;
use lab::topology::Side;
use serde_json::Value;

use crate::{Pair, wait};

/// `show cluster`, as far as it speaks of lineages.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Agreement {
    /// Which foundation of the control group, and whose.
    pub lineage: (u64, String),
    /// `settled`, `waiting`, `frozen`, `surviving` or `yielding`.
    pub state: String,
    /// Why it is not settled.
    pub reasons: Vec<String>,
    /// Generation, founder, reason and who ordered it.
    pub survivals: Vec<(u64, String, String, String)>,
    /// Names of the configurations that lost.
    pub candidates: Vec<String>,
}

impl Agreement {
    fn read(object: &Value) -> Result<Self> {
        let control = object.pointer("/groups/0").context("a control group")?;
        let quorum = object.get("quorum").context("a word on quorums")?;
        let survival = |one: &Value| {
            let words = ["founder", "reason", "by"].map(|name| word(one, name));
            let [founder, reason, by] = words;
            (number(one, "generation"), founder, reason, by)
        };
        let text = |one: &Value| one.as_str().unwrap_or_default().to_owned();
        Ok(Self {
            lineage: (number(control, "generation"), word(control, "founder")),
            state: word(quorum, "state"),
            reasons: list(quorum, "reasons").iter().map(text).collect(),
            survivals: list(object, "survivals").iter().map(survival).collect(),
            candidates: list(object, "candidates")
                .iter()
                .map(|one| word(one, "name"))
                .collect(),
        })
    }

    /// Whether one of the reasons has these words.
    pub fn says(&self, words: &str) -> bool {
        self.reasons.iter().any(|reason| reason.contains(words))
    }
}

/// What the client has printed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Printed {
    /// Its exit status.
    pub exit: Option<i32>,
    /// Its page, and what went wrong.
    pub text: String,
}

impl Printed {
    /// It was done, and the page says this.
    pub fn did(&self, words: &str) -> Result<()> {
        self.is(0, &[words])
    }

    /// It ended with this status, and says all of these words.
    pub fn is(&self, exit: i32, words: &[&str]) -> Result<()> {
        let said = words.iter().all(|words| self.text.contains(words));
        ensure!(
            self.exit == Some(exit) && said,
            "{exit} and {words:?} were expected of {:?}:\n{}",
            self.exit,
            self.text
        );
        Ok(())
    }
}

impl From<Output> for Printed {
    fn from(output: Output) -> Self {
        let texts = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        Self {
            exit: output.status.code(),
            text: texts.concat(),
        }
    }
}

impl Pair {
    /// `show cluster` of a node.
    pub fn agreement(&self, side: Side) -> Result<Agreement> {
        Agreement::read(&self.show(side, "cluster")?)
    }

    /// The operator's client at a node's socket.
    pub fn tell(&self, side: Side, words: &[&str]) -> Result<Printed> {
        let mut command = self.client(words);
        command.arg("--socket").arg(self.socket(side));
        Ok(command.output()?.into())
    }

    /// `configure commit` of a text, based on what is newest at that node.
    pub fn commit(&self, side: Side, text: &str) -> Result<Printed> {
        let file = self.directory().join("next.conf");
        std::fs::write(&file, text)?;
        let file = file.to_str().context("a path in Unicode")?;
        self.tell(side, &["configure", "commit", file])
    }

    /// The site's file with one more tenant, by which a configuration is known again.
    pub fn with_tenant(&self, name: &str) -> Result<String> {
        let file = self.home(Member::Node(Side::A)).join("site.conf");
        let text = std::fs::read_to_string(file)?;
        let tenant = format!("        tenant  {name}\n            name  {name}\n        exit\n");
        let place = text.find("        service").context("there are services")?;
        let (before, after) = text.split_at(place);
        Ok([before, &tenant, after].concat())
    }

    /// The text that a node runs.
    pub fn runs(&self, side: Side) -> Result<String> {
        Ok(word(&self.show(side, "config")?, "text"))
    }

    /// Waits until both nodes run the same text, and gives it.
    pub fn both_run_the_same(&self) -> Result<String> {
        wait::until("one configuration on both nodes", || {
            let [a, b] = Side::BOTH.map(|side| self.runs(side));
            let (a, b) = (a?, b?);
            Ok((a == b).then_some(a))
        })
    }

    /// Waits for something that a node says about agreement.
    pub fn agrees(
        &self,
        side: Side,
        what: &str,
        mut is_so: impl FnMut(&Agreement) -> bool,
    ) -> Result<Agreement> {
        wait::until(&format!("{what} on {}", side.name()), || {
            let seen = self.agreement(side)?;
            ensure!(is_so(&seen), "{seen:?}");
            Ok(Some(seen))
        })
    }

    /// Waits until both nodes say the same about agreement, that it is settled.
    pub fn settled(&self) -> Result<Agreement> {
        wait::until("both nodes to be settled", || {
            let [a, b] = Side::BOTH.map(|side| self.agreement(side));
            let (a, b) = (a?, b?);
            ensure!(a == b && a.state == "settled", "{a:?}, {b:?}");
            Ok(Some(a))
        })
    }

    /// Waits for a verdict of `show ha`.
    pub fn verdict(&self, side: Side, expected: &str) -> Result<Value> {
        wait::until(&format!("{} to say {expected}", side.name()), || {
            let reply = self.show(side, "ha")?;
            let verdict = word(&reply, "verdict");
            let checks = reply.get("checks").map(ToString::to_string);
            ensure!(verdict == expected, "{verdict}: {checks:?}");
            Ok(Some(reply))
        })
    }
}

fn word(object: &Value, name: &str) -> String {
    let word = object.get(name).and_then(Value::as_str);
    word.unwrap_or_default().to_owned()
}

fn number(object: &Value, name: &str) -> u64 {
    object.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    let list = object.get(name).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}
