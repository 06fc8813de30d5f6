//! Takes bytes for a token, for an issuer's key set, and for rules: nothing may panic, and nothing that
//! no key signed may be granted anything.

use std::io;

use crate::access::oidc::{Rule, judge};
use crate::access::outside::{Keeper, Outside};
use crate::http::client::{Client, Incoming, Outgoing, Unanswered};
use crate::http::{Headers, Source};
use crate::module::Timestamp;
use crate::store::Error;

const TRUST: &str = r#"[{"issuer":"https://ci.example.com","audience":"https://goproxy.example.com",
    "jwks":"https://ci.example.com/keys","claims":{"sub":"s"},"projects":["1"],"scopes":["api"]}]"#;

/// Reads the bytes up to a line end as a token, and those behind it as what the issuer answers.
pub fn drive(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (token, answer) = data.split_at(end.unwrap_or(data.len()));
    let answer = answer.strip_prefix(b"\n").unwrap_or_default();
    let _ = Rule::parse_list(&String::from_utf8_lossy(answer));
    let issuer = Issuer(answer.to_vec());
    let outside = Outside {
        client: &issuer,
        keeper: &issuer,
        now: Timestamp::from_unix(1_700_000_000, 0).unwrap_or(Timestamp::ZERO),
    };
    let trust = Rule::parse_list(TRUST).unwrap_or_default();
    if let Ok(Some(grant)) = judge(token, &trust, &outside) {
        assert!(!grant.admin && grant.projects == ["1"]);
    }
}

struct Issuer(Vec<u8>);

impl Client for Issuer {
    fn send(&self, _: Outgoing<'_>) -> Result<Incoming, Unanswered> {
        Ok(Incoming {
            status: 200,
            headers: Box::new(Headers::default()),
            length: None,
            body: Box::new(Whole(Some(self.0.clone()))),
        })
    }
}

struct Whole(Option<Vec<u8>>);

impl Source for Whole {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.take())
    }
}

impl Keeper for Issuer {
    /// What was kept before may be anything too.
    fn get(&self, _: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(Some(self.0.clone()))
    }

    fn set(&self, _: &str, _: &[u8]) -> Result<(), Error> {
        Ok(())
    }

    fn wait(&self, _: std::time::Duration) {}
}
