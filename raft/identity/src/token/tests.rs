//! Tokens survive the way through terminals, and nothing else passes for one.

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

fn example() -> Token {
    Token {
        cluster: Label::new("west-4f2a").unwrap(),
        addresses: vec![
            "198.51.100.1:7400".parse().unwrap(),
            "[2001:db8::1]:7400".parse().unwrap(),
        ],
        authority: Fingerprint([7; 32]),
        secret: Secret([9; 20]),
        expires_unix_s: 1_795_267_800,
        kind: MemberKind::Witness,
        name: None,
    }
}

#[test]
fn a_token_is_recognised_and_read_back() {
    let text = example().to_text().unwrap();
    assert!(text.starts_with("tandem1"), "{text}");
    assert!(text.len() < 240, "{} characters", text.len());
    assert_eq!(Token::parse(&text), Ok(example()));
}

#[test]
fn line_breaks_and_capitals_do_not_matter() {
    let text = example().to_text().unwrap().to_uppercase();
    let (first, second) = text.split_at(60);
    let pasted = format!("  {first}\r\n {second}\n");
    assert_eq!(Token::parse(&pasted), Ok(example()));
}

#[test]
fn what_is_no_token_is_told_why() {
    let text = example().to_text().unwrap();
    assert_eq!(Token::parse(""), Err(TokenError::NotAToken));
    assert_eq!(Token::parse("tandem"), Err(TokenError::NotAToken));
    assert_eq!(Token::parse("eyJhbGciOi"), Err(TokenError::NotAToken));
    assert_eq!(
        Token::parse(&text.replacen('1', "27", 1)),
        Err(TokenError::Version {
            found: "27".to_owned()
        })
    );
    assert_eq!(
        Token::parse("tandem1ab0cd"),
        Err(TokenError::Character {
            place: 10,
            character: '0'
        })
    );
    assert_eq!(
        Token::parse("tandem1abé"),
        Err(TokenError::Character {
            place: 10,
            character: 'é'
        })
    );
    assert_eq!(Token::parse("tandem1"), Err(TokenError::Checksum));
    assert_eq!(
        Token::parse(&"a".repeat(5_000)),
        Err(TokenError::TooLong { characters: 5_000 })
    );
    let cut = text.get(..text.len() - 8).unwrap();
    assert_eq!(Token::parse(cut), Err(TokenError::Checksum));
}

#[test]
fn a_token_without_an_address_or_with_too_many_is_not_made() {
    for count in [0, 9] {
        let address = "198.51.100.1:7400".parse().unwrap();
        let token = Token {
            addresses: vec![address; count],
            ..example()
        };
        assert!(matches!(token.to_text(), Err(TokenError::Content(_))));
    }
}

#[test]
fn the_secret_is_in_no_log() {
    let token = example();
    let shown = format!("{token:?}");
    assert!(shown.contains("Secret(…)"), "{shown}");
    assert!(!shown.contains("9, 9"), "{shown}");
}

#[test]
fn it_expires_at_its_second() {
    let token = example();
    assert!(!token.is_expired(token.expires_unix_s - 1));
    assert!(token.is_expired(token.expires_unix_s));
}

fn tokens() -> impl Strategy<Value = Token> {
    let address = (any::<IpAddr>(), any::<u16>()).prop_map(SocketAddr::from);
    let name = "[a-z0-9_]{1,20}";
    (
        name,
        proptest::collection::vec(address, 1..=8),
        any::<[u8; 32]>(),
        any::<[u8; 20]>(),
        any::<u64>(),
        any::<bool>(),
        proptest::option::of(name),
    )
        .prop_map(
            |(cluster, addresses, authority, secret, expires, node, name)| Token {
                cluster: Label::new(&cluster).unwrap(),
                addresses,
                authority: Fingerprint(authority),
                secret: Secret(secret),
                expires_unix_s: expires,
                kind: if node {
                    MemberKind::Node
                } else {
                    MemberKind::Witness
                },
                name: name.map(|name| Label::new(&name).unwrap()),
            },
        )
}

proptest! {
    #[test]
    fn every_token_is_read_back(token in tokens()) {
        let text = token.to_text().unwrap();
        prop_assert_eq!(Token::parse(&text), Ok(token));
    }

    #[test]
    fn one_wrong_character_is_noticed(token in tokens(), place in any::<prop::sample::Index>(), to in "[a-z2-7]") {
        let text = token.to_text().unwrap();
        let body = text.get(7..).unwrap();
        let place = 7 + place.index(body.len());
        let mut wrong = text.clone();
        wrong.replace_range(place..=place, &to);
        if wrong != text {
            // The last character of base32 may have bits that mean nothing; those must be zero.
            prop_assert_eq!(Token::parse(&wrong), Err(TokenError::Checksum));
        }
    }

    #[test]
    fn no_text_makes_the_reader_fall(text in "\\PC{0,300}", body in "[a-z2-7]{0,300}") {
        let _any_answer_will_do = Token::parse(&text);
        let _any_answer_will_do = Token::parse(&format!("tandem1{body}"));
    }
}
