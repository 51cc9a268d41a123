//! Candidate to [`Valid`], in three steps: each value alone, values against each other, building.
//!
//! The first two only look and report, so that every error comes out at once; the third runs when
//! nothing was found, and its result is complete or not there at all.

mod address;
mod build;
mod device;
mod group;
mod node;
mod pair;
mod service;
mod service_route;
mod static_route;
mod tenant;
mod view;
mod wellformed;

use crate::candidate::Candidate;
use crate::problem::{Problem, Severity};
use crate::schema::authority::AUTHORITY;
use crate::valid::Valid;

/// Text to checked value, with everything that is wrong at once.
///
/// Where the text itself makes no sense in places, those are reported together with every value that
/// is wrong in itself. Relations between values are judged once all words are understood: before that
/// half of the complaints would be about what was merely misspelt.
pub fn check(text: &str) -> Result<Valid, Vec<Problem>> {
    let (candidate, mut problems) = crate::grammar::read(text);
    if problems.is_empty() {
        return candidate.validate();
    }
    let mut findings = Findings::default();
    wellformed::check(&candidate.config, &mut findings);
    let typed = findings.in_order().into_iter();
    problems.extend(typed.filter(|problem| problem.value.is_some() && problem.at.is_some()));
    problems.sort_by_key(|problem| problem.at);
    Err(problems)
}

impl Candidate {
    /// Checks everything. Errors come all together, with the warnings, in the order of the file.
    pub fn validate(&self) -> Result<Valid, Vec<Problem>> {
        let mut findings = Findings::default();
        wellformed::check(&self.config, &mut findings);
        let Some(authority) = self.config.block(&AUTHORITY) else {
            findings.error(self.config.complain(
                "it holds no authority",
                "begin with config, and authority below it",
            ));
            return Err(findings.in_order());
        };
        let routers = view::routers(authority);
        tenant::check(authority, &routers, &mut findings);
        service::check(authority, &mut findings);
        for router in &routers {
            node::check(router, &mut findings);
            device::check(router, &mut findings);
            address::check(router, &mut findings);
            pair::check(router, &mut findings);
            group::check(router, &mut findings);
            service_route::check(authority, router, &mut findings);
            static_route::check(router, &mut findings);
        }
        device::check_macs(&routers, &mut findings);
        let problems = findings.in_order();
        if problems.iter().any(Problem::is_error) {
            return Err(problems);
        }
        build::valid(authority, &routers, problems).map_err(|problem| vec![problem])
    }
}

/// What the rules found.
#[derive(Debug, Default)]
struct Findings(Vec<Problem>);

impl Findings {
    fn error(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    fn warning(&mut self, problem: Problem) {
        self.0.push(Problem {
            severity: Severity::Warning,
            ..problem
        });
    }

    /// In the order of the file; what has no place in it stands first.
    fn in_order(mut self) -> Vec<Problem> {
        self.0.sort_by_key(|problem| problem.at);
        self.0
    }
}
