//! Takes bytes for the headers that may hold a credential, a line each: nothing may panic, one secret
//! is read the same however it comes, and none but the right one is let in.

use crate::access::{Caller, Credential};
use crate::http::Headers;
use crate::module::Timestamp;
use crate::settings::Settings;

/// The secret is `right`.
const TOKENS: &str = r#"[{"name":"ops","scopes":["api"],"projects":["*"],"admin":true,
    "sha256":"27042f4e6eca7d0b2a7ee4026df2ecfa51d3339e6d122aa099118ecd8563bad9"}]"#;

/// Reads the bytes as lines of `name: value`.
pub fn drive(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n');
    let pairs = lines.map(|line| {
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        (String::from_utf8_lossy(name).into_owned(), value.to_vec())
    });
    let headers = Headers::new(pairs.collect());
    let presented = Credential::presented(&headers);
    let admitted = admits(&headers);
    let secret = match &presented {
        // Who presents nothing is somebody, and nobody in particular.
        None => return assert!(!admitted),
        Some(Err(_)) => return assert!(!admitted),
        Some(Ok(credential)) => credential.secret(),
    };
    assert!(secret.len() <= data.len());
    assert_eq!(admitted, secret == b"right");
    let plain = secret.trim_ascii();
    if plain == secret && !secret.is_empty() {
        for name in ["private-token", "job-token", "deploy-token"] {
            let headers = Headers::new(vec![(name.to_owned(), secret.to_vec())]);
            let again = Credential::presented(&headers).and_then(Result::ok);
            assert!(again.is_some_and(|again| again.secret() == secret));
        }
    }
}

/// Whether these headers let their sender administer.
fn admits(headers: &Headers) -> bool {
    let settings = Settings::read([("tokens".to_owned(), TOKENS.to_owned())]);
    let settings = settings.unwrap_or_else(|_| unreachable!("the setting is right"));
    let caller = Caller::identify(headers, &settings, &|| Timestamp::ZERO, &|_| Ok(None));
    caller.is_ok_and(|caller| caller.may_administer().is_ok())
}
