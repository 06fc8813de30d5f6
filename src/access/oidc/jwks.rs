//! An issuer's keys (RFC 7517) as they are fetched, kept and used. Of a set only the keys are taken that
//! can check what is believed here: RSA of 2048 to 4096 bits and P-256, not marked for another use.

use p256::ecdsa;
use rsa::pkcs1v15;
use rsa::signature::Verifier;
use rsa::{BoxedUint, PublicKey};
use sha2::Sha256;

use crate::hex;
use crate::json::Json;

use super::jwt::{Algorithm, Jwt, decode_base64url};

/// More than any issuer has in use.
const MOST_KEYS: usize = 32;
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
/// The largest modulus, in bytes.
const LONGEST_NUMBER: usize = 512;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    /// Modulus and exponent, or the point's two coordinates, in base64url.
    numbers: [String; 2],
}

impl Key {
    /// The keys of a set that can be used. `None` when it is no set.
    pub fn parse_set(json: &[u8]) -> Option<Vec<Self>> {
        let set = Json::parse(json).ok()?;
        let keys = set.get("keys")?.list()?.iter().filter_map(Key::parse);
        Some(keys.take(MOST_KEYS).collect())
    }

    fn parse(key: &Json) -> Option<Self> {
        let text = |name| key.get(name).and_then(Json::text);
        let (algorithm, names) = match text("kty")? {
            "RSA" => (Algorithm::Rs256, ["n", "e"]),
            "EC" if text("crv") == Some("P-256") => (Algorithm::Es256, ["x", "y"]),
            _ => return None,
        };
        let fits = |name, expected| text(name).is_none_or(|value| value == expected);
        let verifies = key.get("key_ops").and_then(Json::list).is_none_or(|uses| {
            let mut uses = uses.iter();
            uses.any(|it| it.text() == Some("verify"))
        });
        if !(fits("use", "sig") && fits("alg", algorithm.name()) && verifies) {
            return None;
        }
        let number = |name| {
            let number = text(name)?;
            let decoded = decode_base64url(number)?;
            let fits = (1..=LONGEST_NUMBER).contains(&decoded.len());
            fits.then(|| number.to_owned())
        };
        let [first, second] = names.map(number);
        Some(Key {
            id: text("kid").map(str::to_owned),
            algorithm,
            numbers: [first?, second?],
        })
    }

    /// As a line to be kept.
    pub fn to_line(&self) -> String {
        let id = match &self.id {
            Some(id) => hex::encode(id.as_bytes()),
            None => "-".to_owned(),
        };
        let [first, second] = &self.numbers;
        format!("{} {id} {first} {second}", self.algorithm.name())
    }

    /// Reads what [`Key::to_line`] wrote.
    pub fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let algorithm = Algorithm::parse(words.next()?)?;
        let id = match words.next()? {
            "-" => None,
            digits => Some(String::from_utf8(hex::decode(digits)?).ok()?),
        };
        let numbers = [words.next()?.to_owned(), words.next()?.to_owned()];
        Some(Key {
            id,
            algorithm,
            numbers,
        })
    }

    /// Whether it can be the one that signed a token: of its algorithm, and of the name that the token
    /// gives.
    pub fn can_have_signed(&self, token: &Jwt<'_>) -> bool {
        self.algorithm == token.algorithm && (token.key_id.is_none() || token.key_id == self.id)
    }

    /// Whether it signed a token.
    pub fn signed(&self, token: &Jwt<'_>) -> bool {
        let verified = match self.algorithm {
            Algorithm::Rs256 => self.verify_rsa(token),
            Algorithm::Es256 => self.verify_p256(token),
        };
        verified.is_some()
    }

    fn decoded(&self) -> Option<[Vec<u8>; 2]> {
        let [first, second] = &self.numbers;
        Some([decode_base64url(first)?, decode_base64url(second)?])
    }

    fn verify_rsa(&self, token: &Jwt<'_>) -> Option<()> {
        let [modulus, exponent] = self.decoded()?;
        let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
        let key = PublicKey::new_with_size_limits(number(&modulus), number(&exponent), RSA_BITS);
        let key = pkcs1v15::VerifyingKey::<Sha256>::new(key.ok()?);
        let signature = pkcs1v15::Signature::try_from(token.signature.as_slice()).ok()?;
        key.verify(token.signed, &signature).ok()
    }

    fn verify_p256(&self, token: &Jwt<'_>) -> Option<()> {
        let [x, y] = self.decoded()?;
        if x.len() != 32 || y.len() != 32 {
            return None;
        }
        // The uncompressed form of a point (SEC 1, 2.3.3).
        let point = [&[4], x.as_slice(), &y].concat();
        let key = ecdsa::VerifyingKey::from_sec1_bytes(&point).ok()?;
        let signature = ecdsa::Signature::from_slice(&token.signature).ok()?;
        key.verify(token.signed, &signature).ok()
    }
}
