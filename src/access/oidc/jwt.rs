//! A JSON Web Token in its compact form (RFC 7519, RFC 7515): three parts in base64url, of which the
//! first names the algorithm and the key, the second holds the claims and the third signs both.
//!
//! Nothing in the header but `alg`, `kid` and `crit` is looked at: `jku`, `x5u`, `jwk` and `x5c` would
//! let whoever made the token say which key it is to be believed by. `crit` names what a reader must
//! understand; we understand none of it, so a token that has it is refused (RFC 7515, 4.1.11).

use crate::access::credential::decode_base64;
use crate::json::Json;

/// How far the issuer's clock and ours may differ, in seconds.
const LEEWAY: i64 = 60;
/// Longer than any token of a CI system, and than what servers take as a header.
const LONGEST: usize = 16 * 1024;

/// The two ways of signing that are believed. `none` and those with a shared secret are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    const NAMES: [(Algorithm, &'static str); 2] =
        [(Algorithm::Rs256, "RS256"), (Algorithm::Es256, "ES256")];

    /// The algorithm of this name.
    pub fn parse(name: &str) -> Option<Self> {
        let mut known = Algorithm::NAMES.into_iter();
        known.find(|(_, own)| *own == name).map(|(it, _)| it)
    }

    /// Its name in a header.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Es256 => "ES256",
        }
    }
}

/// A token that is well formed. What it claims is not to be believed before its signature is checked.
pub struct Jwt<'a> {
    /// How it is signed.
    pub algorithm: Algorithm,
    /// Which of the issuer's keys signed it.
    pub key_id: Option<String>,
    /// What is signed.
    pub signed: &'a [u8],
    /// The signature.
    pub signature: Vec<u8>,
    claims: Json,
}

impl<'a> Jwt<'a> {
    /// Whether a secret is in this form, however wrong: three parts, the first a JSON object's start.
    pub fn has_form(secret: &[u8]) -> bool {
        let fits = |part: &[u8]| {
            let mut bytes = part.iter();
            bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        };
        // `{` and a quotation mark or white space behind it.
        matches!(secret, [b'e', b'w'..=b'z', ..])
            && secret.split(|byte| *byte == b'.').count() == 3
            && secret.split(|byte| *byte == b'.').all(fits)
    }

    /// Takes a token apart.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(secret: &'a [u8]) -> Result<Self, &'static str> {
        if secret.len() > LONGEST {
            return Err("it is longer than 16 KiB");
        }
        let text = std::str::from_utf8(secret).map_err(|_| "it is no text")?;
        let (signed, signature) = text
            .rsplit_once('.')
            .ok_or("it is in less than three parts")?;
        let (header, payload) = signed
            .split_once('.')
            .ok_or("it is in less than three parts")?;
        let header = object(header).ok_or("its header is no JSON object in base64url")?;
        let claims = object(payload).ok_or("its claims are no JSON object in base64url")?;
        if header.get("crit").is_some() {
            return Err("its header has `crit`, of which nothing is understood here");
        }
        let name = header.get("alg").and_then(Json::text);
        let algorithm = name
            .and_then(Algorithm::parse)
            .ok_or("it is signed by another algorithm than RS256 and ES256")?;
        let key_id = match header.get("kid") {
            None => None,
            Some(id) => Some(id.text().ok_or("its `kid` is no text")?.to_owned()),
        };
        Ok(Jwt {
            algorithm,
            key_id,
            signed: signed.as_bytes(),
            signature: decode_base64url(signature).ok_or("its signature is no base64url")?,
            claims,
        })
    }

    /// A claim that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Json::text)
    }

    /// Whether `aud` is this audience, or a list that has it.
    pub fn is_for(&self, audience: &str) -> bool {
        match self.claims.get("aud") {
            Some(Json::Text(one)) => one == audience,
            Some(Json::List(several)) => several.iter().any(|one| one.text() == Some(audience)),
            _ => false,
        }
    }

    /// Whether it is valid at this second since the Unix epoch, give or take the leeway.
    ///
    /// # Errors
    /// Why it is not.
    pub fn check_time(&self, now: i64) -> Result<(), &'static str> {
        let expires = self.claims.get("exp").and_then(seconds);
        let expires = expires.ok_or("it has no `exp`, or one that is no time")?;
        if now >= expires.saturating_add(LEEWAY) {
            return Err("it has expired");
        }
        if let Some(not_before) = self.claims.get("nbf") {
            let not_before = seconds(not_before).ok_or("its `nbf` is no time")?;
            if now.saturating_add(LEEWAY) < not_before {
                return Err("it is not valid yet: its clock or ours is wrong");
            }
        }
        Ok(())
    }
}

/// Seconds since the Unix epoch; a fraction is allowed (RFC 7519, NumericDate) and dropped.
fn seconds(number: &Json) -> Option<i64> {
    let Json::Number(digits) = number else {
        return None;
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = fraction.bytes().all(|byte| byte.is_ascii_digit());
    whole.parse().ok().filter(|_| plain)
}

fn object(part: &str) -> Option<Json> {
    let json = Json::parse(&decode_base64url(part)?).ok()?;
    json.members().is_some().then_some(json)
}

/// Base64 with `-` and `_` and without padding (RFC 7515, 2).
pub fn decode_base64url(text: &str) -> Option<Vec<u8>> {
    if text.contains(['+', '/', '=']) {
        return None;
    }
    decode_base64(&text.replace('-', "+").replace('_', "/"))
}
