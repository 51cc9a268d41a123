//! Every rule of validation, by breaking a good configuration in one place.
//!
//! Each case takes lines away, adds lines, and names exactly the problems that must come out: a rule
//! that fires too often fails here as well as one that does not fire.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail where it stands"
)]

mod address;
mod authority;
mod device;
mod group;
mod node;
mod pair;
mod route;
mod support;
mod value;

use support::{Site, errors};

#[test]
fn the_site_that_the_cases_break_is_good() {
    let valid = Site::good().validate().unwrap();
    assert_eq!(valid.warnings(), []);
}

#[test]
fn nothing_is_not_a_configuration() {
    let found = config::Candidate::default().validate().unwrap_err();
    errors(&found, &[("", "it holds no authority")]);
}

#[test]
fn every_error_comes_out_at_once_in_the_order_of_the_file() {
    let site = Site::good()
        .without("authority name")
        .with("A device-interface lan network-interface lan mtu 100000")
        .with("B device-interface lan network-interface lan mtu 100000")
        .with("B device-interface wan vrrp priority 255")
        .with("R service-route other service-name nothing")
        .with("R service-route other use-learned-routes true");
    errors(
        &site.validate().unwrap_err(),
        &[
            ("authority name", "it is required and missing"),
            (
                "authority router pair node a device-interface lan network-interface lan mtu",
                "outside 1280–9216",
            ),
            (
                "authority router pair node b device-interface lan network-interface lan mtu",
                "outside 1280–9216",
            ),
            (
                "authority router pair node b device-interface wan vrrp priority",
                "outside 1–254",
            ),
            (
                "authority router pair service-route other service-name",
                "there is no service of this name",
            ),
        ],
    );
}

#[test]
fn a_problem_says_where_what_why_and_what_next() {
    let site = Site::good().with("A device-interface lan vrrp priority 0");
    let found = site.validate().unwrap_err();
    let text = found[0].to_string();
    let line = found[0].at.unwrap().line;
    assert_eq!(
        text,
        format!(
            "{line}:72: error: authority router pair node a device-interface lan vrrp priority '0': \
             it is outside 1–254; type a number from 1 to 254"
        )
    );
}
