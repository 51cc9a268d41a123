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

use crate::candidate::{Block, Candidate};
use crate::findings::Findings;
use crate::problem::{Problem, Problems};
use crate::schema::authority::AUTHORITY;
use crate::valid::Valid;

/// Text to checked value, with everything that is wrong at once.
///
/// Where the text itself makes no sense in places, those are reported together with every value that
/// is wrong in itself. Relations between values are judged once all words are understood: before that
/// half of the complaints would be about what was merely misspelt.
pub fn check(text: &str) -> Result<Valid, Vec<Problem>> {
    match examine(text) {
        (Some(valid), _) => Ok(valid),
        (None, problems) => Err(problems.into_listed()),
    }
}

/// The same for who wants to know how many problems there are too: the checked value when there is
/// no error, and everything that was found.
pub fn examine(text: &str) -> (Option<Valid>, Problems) {
    let (candidate, mut findings) = crate::grammar::read(text);
    if !findings.has_error() {
        return candidate.examine();
    }
    wellformed::check(&candidate.config, &mut |problem| {
        // Something that is missing may stand in a line that was not understood.
        if problem.value.is_some() && problem.at.is_some() {
            findings.error(problem);
        }
    });
    (None, findings.finish())
}

impl Candidate {
    /// Checks everything. Errors come all together, with the warnings, in the order of the file.
    pub fn validate(&self) -> Result<Valid, Vec<Problem>> {
        match self.examine() {
            (Some(valid), _) => Ok(valid),
            (None, problems) => Err(problems.into_listed()),
        }
    }

    fn examine(&self) -> (Option<Valid>, Problems) {
        let mut findings = Findings::default();
        wellformed::check(&self.config, &mut |problem| findings.error(problem));
        let Some(authority) = self.config.block(&AUTHORITY) else {
            findings.error(self.config.complain(
                "it holds no authority",
                "begin with config, and authority below it",
            ));
            return (None, findings.finish());
        };
        let routers = view::routers(authority);
        check_rules(authority, &routers, &mut findings);
        let refused = findings.has_error();
        let problems = findings.finish();
        if refused {
            return (None, problems);
        }
        match build::valid(authority, &routers, problems.listed().to_vec()) {
            Ok(valid) => (Some(valid), problems),
            Err(problem) => (None, Problems::from(vec![problem])),
        }
    }
}

/// Values against each other.
fn check_rules(authority: &Block, routers: &[view::Router<'_>], findings: &mut Findings) {
    tenant::check(authority, routers, findings);
    service::check(authority, findings);
    for router in routers {
        node::check(router, findings);
        device::check(router, findings);
        address::check(router, findings);
        pair::check(router, findings);
        group::check(router, findings);
        service_route::check(authority, router, findings);
        static_route::check(router, findings);
    }
    device::check_macs(routers, findings);
}
