//! Handshakes in memory: who gets through to whom.

use rustls::{ClientConnection, Connection, ServerConnection};
use types::MemberKind;

use super::*;
use crate::{Authority, Credentials, Label, MemberKey, Secret, Subject};

/// Certificates are checked against the real clock, so they are made valid for all of its time.
const NOW: u64 = 1_700_000_000;
const LONG: u64 = 50 * 365 * 86_400;

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

fn member(authority: &Authority, name: &str, lifetime: u64) -> Credentials {
    let key = MemberKey::generate().unwrap();
    let subject = Subject {
        cluster: authority.cluster().clone(),
        member: label(name),
    };
    let request = key.request(&subject).unwrap();
    let certificate = authority
        .sign(&label(name), &request, NOW, lifetime)
        .unwrap();
    let both = certificate.to_pem() + &key.to_pem();
    let ca = authority.certificate().to_pem();
    Credentials::from_pem(ca.as_bytes(), both.as_bytes(), both.as_bytes()).unwrap()
}

fn token(authority: &Authority) -> Token {
    Token {
        cluster: authority.cluster().clone(),
        addresses: vec!["198.51.100.1:7400".parse().unwrap()],
        authority: authority.certificate().fingerprint(),
        secret: Secret::random().unwrap(),
        expires_unix_s: NOW,
        kind: MemberKind::Node,
        name: None,
    }
}

fn name_of(cluster: &str, member: &str) -> ServerName<'static> {
    Subject {
        cluster: label(cluster),
        member: label(member),
    }
    .server_name()
    .unwrap()
}

/// Runs both sides until neither has anything to say; the certificate that the server saw, if all
/// went well.
fn shake(
    (client, name): (Arc<ClientConfig>, ServerName<'static>),
    server: &Credentials,
) -> Result<Option<Fingerprint>, String> {
    let mut client: Connection = ClientConnection::new(client, name).unwrap().into();
    let mut server: Connection = ServerConnection::new(server.server()).unwrap().into();
    for _ in 0..10 {
        carry(&mut client, &mut server)?;
        carry(&mut server, &mut client)?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    let shown = server.peer_certificates();
    Ok(shown
        .and_then(|chain| chain.first())
        .map(|first| fingerprint(first)))
}

fn carry(from: &mut Connection, to: &mut Connection) -> Result<(), String> {
    let mut bytes = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut bytes).unwrap();
    }
    let mut bytes = bytes.as_slice();
    while !bytes.is_empty() {
        to.read_tls(&mut bytes).unwrap();
        to.process_new_packets().map_err(|error| explain(&error))?;
    }
    Ok(())
}

#[test]
fn members_of_one_cluster_reach_each_other_by_name() {
    let west = Authority::found(label("west"), NOW).unwrap();
    let (a, b) = (member(&west, "a", LONG), member(&west, "b", LONG));
    let seen = shake((a.client(), name_of("west", "b")), &b);
    assert_eq!(seen, Ok(Some(a.certificate().fingerprint())));
    let refused = shake((a.client(), name_of("west", "c")), &b).unwrap_err();
    assert!(refused.contains("not valid for name"), "{refused}");
}

#[test]
fn a_member_of_another_cluster_is_refused_even_with_the_same_names() {
    let west = Authority::found(label("west"), NOW).unwrap();
    let twin = Authority::found(label("west"), NOW).unwrap();
    let (a, b) = (member(&west, "a", LONG), member(&twin, "b", LONG));
    assert!(shake((a.client(), name_of("west", "b")), &b).is_err());
    assert!(shake((b.client(), name_of("west", "a")), &a).is_err());
}

#[test]
fn a_certificate_past_its_date_is_refused() {
    let west = Authority::found(label("west"), NOW).unwrap();
    let (a, old) = (member(&west, "a", LONG), member(&west, "b", 60));
    let refused = shake((old.client(), name_of("west", "a")), &a).unwrap_err();
    assert!(refused.contains("expired"), "{refused}");
    let refused = shake((a.client(), name_of("west", "b")), &old).unwrap_err();
    assert!(refused.contains("expired"), "{refused}");
}

#[test]
fn a_newcomer_gets_through_without_a_certificate() {
    let west = Authority::found(label("west"), NOW).unwrap();
    let a = member(&west, "a", LONG);
    let client = client_of_token(&token(&west)).unwrap();
    assert_eq!(shake(client, &a), Ok(None));
}

#[test]
fn a_newcomer_notices_that_it_talks_to_another_cluster() {
    let west = Authority::found(label("west"), NOW).unwrap();
    let twin = Authority::found(label("west"), NOW).unwrap();
    let impostor = member(&twin, "a", LONG);
    let client = client_of_token(&token(&west)).unwrap();
    let refused = shake(client, &impostor).unwrap_err();
    assert!(refused.contains("another authority"), "{refused}");

    // Whoever shows the right authority beside a certificate of its own gets no further.
    let key = MemberKey::generate().unwrap();
    let subject = Subject {
        cluster: label("west"),
        member: label("a"),
    };
    let forged = twin
        .sign(&label("a"), &key.request(&subject).unwrap(), NOW, LONG)
        .unwrap();
    let both = forged.to_pem() + &key.to_pem();
    let shown = west.certificate().to_pem();
    let impostor =
        Credentials::from_pem(shown.as_bytes(), both.as_bytes(), both.as_bytes()).unwrap();
    let client = client_of_token(&token(&west)).unwrap();
    assert!(shake(client, &impostor).is_err());
}
