//! Those who judge credentials that are none of ours: an issuer of OpenID Connect tokens, and a GitLab that knows its
//! jobs.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

use super::*;
use crate::http::Source;

pub(super) const ISSUER: &str = "https://ci.example.com";
const JWKS: &str = "https://ci.example.com/keys";
const AUDIENCE: &str = "https://goproxy.example.com";
const GITLAB: &str = "https://gitlab.example.com";
const JOB: &str = "https://gitlab.example.com/api/v4/job";

impl TestHost {
    /// The same with a GitLab, and with an issuer whose tokens these rules admit. What both say of these credentials
    /// is kept already.
    pub(super) fn judged(self, rules: &[String], credentials: &[(&str, String)]) -> Self {
        let client = Rc::new(Judges);
        let host = TestHost { client, ..self };
        let trust = format!("[{}]", rules.join(","));
        let host = host.set("trust", &trust).set("gitlab", GITLAB);
        for (header, value) in credentials {
            host.ask(
                Method::Get,
                "/example.com/m/@v/list",
                &[(header, value)],
                b"",
            );
        }
        host
    }
}

/// A rule that admits who is called `subject` to a project, with a scope.
pub(super) fn rule(subject: &str, project: &str, scope: &str) -> String {
    format!(
        r#"{{"issuer":"{ISSUER}","audience":"{AUDIENCE}","jwks":"{JWKS}","claims":{{"sub":"{subject}"}},"projects":["{project}"],"scopes":["{scope}"]}}"#
    )
}

/// A token for `subject`, by the key of the issuer, whoever it is said to be from.
pub(super) fn signed(issuer: &str, subject: &str) -> String {
    let header = r#"{"alg":"RS256","kid":"one"}"#;
    let claims = format!(
        r#"{{"iss":"{issuer}","aud":"{AUDIENCE}","sub":"{subject}","nbf":1700000000,"exp":1700000600}}"#
    );
    let encode = |text: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(text);
    let text = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(claims.as_bytes())
    );
    let pair = pair();
    let mut signature = vec![0; pair.public().modulus_len()];
    let random = SystemRandom::new();
    pair.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
        .unwrap();
    format!("{text}.{}", encode(&signature))
}

/// The token of a job of the project of this path.
pub(super) fn job(project: &str) -> String {
    format!("job:{project}")
}

fn pair() -> RsaKeyPair {
    RsaKeyPair::from_der(include_bytes!("../../../tests/keys/rsa-one.der")).unwrap()
}

/// The way to both.
struct Judges;

impl Client for Judges {
    fn send(&self, request: Outgoing<'_>) -> Result<Incoming, Unanswered> {
        let mut headers = request.headers.iter();
        let token = headers.find(|(name, _)| *name == "job-token");
        let project = token.and_then(|(_, token)| token.strip_prefix("job:"));
        let (status, body) = match (request.url, project) {
            (JWKS, _) => (200, key_set()),
            (JOB, Some(project)) => (
                200,
                format!(r#"{{"web_url":"{GITLAB}/{project}/-/jobs/8"}}"#),
            ),
            (JOB, None) => (401, "{}".to_owned()),
            _ => return Err(Unanswered::Denied),
        };
        Ok(Incoming {
            status,
            headers: Box::new(Headers::default()),
            length: None,
            body: Box::new(Whole(Some(body.into_bytes()))),
        })
    }
}

fn key_set() -> String {
    let public = PublicKeyComponents::<Vec<u8>>::from(pair().public());
    let [n, e] = [public.n, public.e].map(|number| BASE64_URL_SAFE_NO_PAD.encode(number));
    format!(
        r#"{{"keys":[{{"kty":"RSA","kid":"one","use":"sig","alg":"RS256","n":"{n}","e":"{e}"}}]}}"#
    )
}

struct Whole(Option<Vec<u8>>);

impl Source for Whole {
    fn next(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        Ok(self.0.take())
    }
}
