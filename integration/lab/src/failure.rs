//! A command that could not do its work, told to whoever asked.

use std::process::ExitCode;

use serde_json::{Value, json};

/// Who reads standard output.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Audience {
    /// People: standard error tells them enough.
    People,
    /// Programs, to which every `--json` promises one object on the last line.
    Programs,
}

impl Audience {
    /// By the option of the command.
    pub(crate) const fn of(json: bool) -> Self {
        if json { Self::Programs } else { Self::People }
    }

    /// Says on standard error why there is no result, to programs on standard output too, and
    /// returns the exit status.
    pub(crate) fn told(self, what: &str, exit: u8) -> ExitCode {
        eprintln!("error: {what}");
        match self {
            Self::People => {}
            Self::Programs => println!("{}", object(what, exit)),
        }
        ExitCode::from(exit)
    }
}

/// The same object as that of the operator's client.
fn object(what: &str, exit: u8) -> Value {
    json!({ "error": { "what": what, "exit": exit } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_object_in_one_line() {
        assert_eq!(
            object("these packages are missing: keepalived\ninstall them", 2).to_string(),
            r#"{"error":{"exit":2,"what":"these packages are missing: keepalived\ninstall them"}}"#
        );
    }
}
