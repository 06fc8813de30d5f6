//! Takes bytes for the setting `tokens` and for what the store keeps of a token: nothing may panic, a
//! token that is written down is read back as it was, and what is shown of one does not hold its hash.

use crate::access::Token;
use crate::access::kept::TokenRecord;

/// Reads the bytes as a token of the store, and as a list of tokens.
pub fn drive(data: &[u8]) {
    if let Some(record) = TokenRecord::parse(data) {
        let again = TokenRecord::parse(&record.to_value());
        assert_eq!(again, Some(record));
    }
    let Ok(tokens) = Token::parse_list(&String::from_utf8_lossy(data)) else {
        return;
    };
    for token in &tokens {
        let grant = &token.grant;
        assert!(!grant.name.is_empty() && !grant.name.chars().any(char::is_control));
        assert!(!grant.scopes.is_empty());
        let record = TokenRecord::new(token.clone());
        assert_eq!(TokenRecord::parse(&record.to_value()), Some(record));
        let shown = token.public_json().end();
        let names_it = grant.name.contains(&token.hash_text());
        let projects_do = grant.projects.concat().contains(&token.hash_text());
        assert!(names_it || projects_do || !shown.contains(&token.hash_text()));
    }
}
