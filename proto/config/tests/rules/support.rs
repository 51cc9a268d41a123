//! A good site in lines that can be taken away and added, and the comparison of problems.

use config::{Problem, Valid, parse};

/// Two nodes with two shared interfaces. `R` is the router, `A` and `B` its nodes.
const GOOD: &str = "
authority name example
authority tenant lan name lan
authority service internet address 0.0.0.0/0
authority service internet access-policy lan permission allow
R redundancy-group pair member a lan node a
R redundancy-group pair member a wan node a
R redundancy-group pair member b lan node b
R redundancy-group pair member b wan node b
R service-route internet service-name internet
R service-route internet use-learned-routes true
A device-interface lan interface-name lan0
A device-interface lan vrrp enabled true
A device-interface lan vrrp vrid 10
A device-interface lan network-interface lan global-id 1
A device-interface lan network-interface lan tenant lan
A device-interface lan network-interface lan address 192.0.2.1 prefix-length 24
A device-interface lan network-interface lan address 192.0.2.1 utility-ip-address 192.0.2.2
A device-interface wan interface-name wan0
A device-interface wan vrrp enabled true
A device-interface wan vrrp vrid 20
A device-interface wan network-interface wan global-id 2
A device-interface wan network-interface wan source-nat true
A device-interface wan network-interface wan address 203.0.113.1 prefix-length 24
A device-interface wan network-interface wan address 203.0.113.1 utility-ip-address 203.0.113.2
B device-interface lan interface-name lan0
B device-interface lan vrrp enabled true
B device-interface lan vrrp vrid 10
B device-interface lan network-interface lan global-id 1
B device-interface lan network-interface lan tenant lan
B device-interface lan network-interface lan address 192.0.2.1 prefix-length 24
B device-interface lan network-interface lan address 192.0.2.1 utility-ip-address 192.0.2.3
B device-interface wan interface-name wan0
B device-interface wan vrrp enabled true
B device-interface wan vrrp vrid 20
B device-interface wan network-interface wan global-id 2
B device-interface wan network-interface wan source-nat true
B device-interface wan network-interface wan address 203.0.113.1 prefix-length 24
B device-interface wan network-interface wan address 203.0.113.1 utility-ip-address 203.0.113.3
";

/// A site under test.
pub(crate) struct Site(Vec<String>);

impl Site {
    pub(crate) fn good() -> Self {
        Self(
            GOOD.lines()
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }

    /// Takes away every line that starts so; there must be one.
    pub(crate) fn without(mut self, start: &str) -> Self {
        let before = self.0.len();
        self.0.retain(|line| !line.starts_with(start));
        assert!(self.0.len() < before, "no line starts with {start:?}");
        self
    }

    pub(crate) fn with(mut self, line: &str) -> Self {
        self.0.push(line.to_owned());
        self
    }

    /// Takes a line away and puts another in.
    pub(crate) fn instead(self, start: &str, line: &str) -> Self {
        self.without(start).with(line)
    }

    pub(crate) fn validate(&self) -> Result<Valid, Vec<Problem>> {
        let mut text = String::new();
        for line in &self.0 {
            let (first, rest) = line.split_once(' ').unwrap();
            let start = match first {
                "R" => "authority router pair",
                "A" => "authority router pair node a",
                "B" => "authority router pair node b",
                other => other,
            };
            text.extend(["config ", start, " ", rest, "\n"]);
        }
        parse(&text).unwrap().validate()
    }

    /// Exactly these errors, each with its whole path (below `authority router pair` when it starts
    /// with a blank) and a part of its reason.
    pub(crate) fn fails(&self, expected: &[(&str, &str)]) {
        errors(&self.validate().unwrap_err(), expected);
    }

    /// Good, with exactly these warnings.
    pub(crate) fn warns(&self, expected: &[(&str, &str)]) {
        compare(self.validate().unwrap().warnings(), expected);
    }

    pub(crate) fn is_good(&self) -> Valid {
        let valid = self.validate().unwrap();
        assert_eq!(valid.warnings(), []);
        valid
    }
}

/// Exactly these errors, whatever the warnings.
pub(crate) fn errors(found: &[Problem], expected: &[(&str, &str)]) {
    let errors: Vec<_> = found
        .iter()
        .filter(|problem| problem.is_error())
        .cloned()
        .collect();
    compare(&errors, expected);
}

fn compare(found: &[Problem], expected: &[(&str, &str)]) {
    let all: Vec<_> = found.iter().map(Problem::to_string).collect();
    let mut found: Vec<_> = found.to_vec();
    for (path, reason) in expected {
        let path = full_path(path);
        let index = found
            .iter()
            .position(|problem| problem.path == path && problem.reason.contains(reason));
        let index =
            index.unwrap_or_else(|| panic!("not found: {path}: {reason}; there are: {all:#?}"));
        found.remove(index);
    }
    assert!(found.is_empty(), "more than expected: {all:#?}");
}

/// A path below `authority router pair` when it starts with a blank.
pub(crate) fn full_path(path: &str) -> String {
    match path.strip_prefix(' ') {
        Some(rest) => format!("authority router pair {rest}"),
        None => path.to_owned(),
    }
}
