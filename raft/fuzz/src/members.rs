//! Questions to become a member, or for a certificate: true ones, changed. Who is refused changes nothing;
//! who is taken in has the secret, the key and the name.

use std::cell::RefCell;

use prost::Message;
use proto::raft::{JoinRequest, RenewRequest};
use types::NodeId;

use crate::bad::hall::{Hall, NAME};
use crate::input::Input;

thread_local! {
    /// Made once: who was taken in may ask again.
    static HALL: RefCell<Option<Hall>> = const { RefCell::new(None) };
}

/// One input.
pub fn run(data: &[u8]) {
    HALL.with_borrow_mut(|slot| {
        let hall = slot.get_or_insert_with(Hall::new);
        let mut input = Input(data);
        let how = input.byte();
        let changed = if how & 1 == 0 {
            joins(hall, how, &mut input)
        } else {
            renews(hall, how, &mut input)
        };
        if changed {
            hall.settle();
        }
    });
}

/// Whether somebody was taken in.
fn joins(hall: &Hall, how: u8, input: &mut Input<'_>) -> bool {
    let base = if how & 2 == 0 {
        &hall.honest
    } else {
        &hall.earlier
    };
    let mut question = base.clone();
    let text = |input: &mut Input<'_>| String::from_utf8_lossy(&input.bytes()).into_owned();
    match input.byte() % 16 {
        0 => question.cluster_id = text(input),
        1 => question.protocol = u32::from(input.byte()),
        2 => question.software = text(input),
        3 => question.secret = input.bytes().into(),
        4 => question.name = text(input),
        5 => question.addresses.push(text(input)),
        6 => question.addresses = vec![text(input)],
        7 => question.public_key = hall.renewal.public_key.clone(),
        8 => question.secret = hall.secrets.expired.to_bytes().into(),
        9 => question.secret = hall.secrets.used.to_bytes().into(),
        10 => question.name = text(input).repeat(usize::from(input.byte())),
        11 => question.addresses = vec![text(input); usize::from(input.byte())],
        12 => {
            let mut key = question.public_key.to_vec();
            input.change(&mut key);
            question.public_key = key.into();
        }
        13 => {
            let mut signature = question.signature.to_vec();
            input.change(&mut signature);
            question.signature = signature.into();
        }
        _ => {}
    }
    let mut bytes = question.encode_to_vec();
    if how & 4 != 0 {
        input.change(&mut bytes);
    }
    let Ok(question) = JoinRequest::decode(&*bytes) else {
        return false;
    };
    match hall.join(question.clone()) {
        Err(failure) => {
            assert_eq!(hall.book(), hall.before, "{failure}: {question:?}");
            assert!(failure.to_string().len() < 400, "{failure}");
            assert!(!failure.to_string().contains(char::is_control), "{failure}");
            false
        }
        Ok(reply) => {
            let owner = [&hall.honest, &hall.earlier]
                .into_iter()
                .find(|owner| owner.secret == question.secret);
            let owner = owner.expect("nobody gave out this secret");
            assert_eq!(question.public_key, owner.public_key);
            assert_eq!(question.name, NAME);
            assert_eq!(question.cluster_id, "memory");
            assert!((1..=4).contains(&question.addresses.len()));
            assert_eq!(reply.id, 3);
            true
        }
    }
}

/// Whether a certificate was given.
fn renews(hall: &Hall, how: u8, input: &mut Input<'_>) -> bool {
    let mut question = hall.renewal.clone();
    match input.byte() % 4 {
        0 => question.cluster_id = String::from_utf8_lossy(&input.bytes()).into_owned(),
        1 => question.public_key = hall.honest.public_key.clone(),
        2 => question.signature = hall.honest.signature.clone(),
        _ => {}
    }
    let mut bytes = question.encode_to_vec();
    if how & 4 != 0 {
        input.change(&mut bytes);
    }
    let Ok(question) = RenewRequest::decode(&*bytes) else {
        return false;
    };
    let id = NodeId(if how & 8 == 0 { 2 } else { input.byte() });
    if let Err(failure) = hall.renew(id, question.clone()) {
        assert_eq!(hall.book(), hall.before, "{failure}: {question:?}");
        return false;
    }
    assert_eq!(id, NodeId(2));
    assert_eq!(question.cluster_id, "memory");
    assert_eq!(question.public_key, hall.renewal.public_key);
    true
}
