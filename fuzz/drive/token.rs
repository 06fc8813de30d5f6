//! Takes bytes for the setting `tokens`: nothing may panic, a token that is written down is read back
//! as it was, and what is shown of one does not hold its hash.

use crate::access::Token;
use crate::module::Timestamp;

/// Reads the bytes as a list of tokens.
pub fn drive(data: &[u8]) {
    let Ok(tokens) = Token::parse_list(&String::from_utf8_lossy(data)) else {
        return;
    };
    for token in &tokens {
        let grant = &token.grant;
        assert!(!grant.name.is_empty() && !grant.name.chars().any(char::is_control));
        assert!(!grant.scopes.is_empty());
        let again = format!("[{}]", token.to_json().end());
        assert_eq!(
            Token::parse_list(&again).as_deref(),
            Ok([token.clone()].as_slice())
        );
        let shown = token.public_json().end();
        let names_it = grant.name.contains(&token.hash_text());
        let projects_do = grant.projects.concat().contains(&token.hash_text());
        assert!(names_it || projects_do || !shown.contains(&token.hash_text()));
    }
    // The list holds hashes: nothing in it is the secret of one.
    assert_eq!(Token::find(&tokens, data, Timestamp::ZERO), None);
}
