//! For tests: a world with a clock, a store in memory and servers that say what they are told to; and
//! tokens, made and signed by another's hand.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};

use super::outside::{Keeper, Outside};
use crate::http::client::{Client, Incoming, Outgoing, Unanswered};
use crate::http::{Headers, Source};
use crate::module::Timestamp;
use crate::store::Error;

pub const NOW: i64 = 1_700_000_000;

/// What a server answers.
#[derive(Debug, Clone)]
pub enum Says {
    Body(u16, Vec<u8>),
    /// The body never ends.
    Endless,
    /// The body breaks off.
    Broken,
    Nothing(Unanswered),
}

/// Servers, a store and a clock.
pub struct World {
    pub now: Cell<i64>,
    pub servers: RefCell<BTreeMap<String, Says>>,
    /// What was asked, each with its fields.
    pub asked: RefCell<Vec<String>>,
    pub kept: RefCell<BTreeMap<String, Vec<u8>>>,
    pub read_failure: RefCell<Option<Error>>,
    pub write_failure: RefCell<Option<Error>>,
    /// What somebody else keeps while we wait, after so many pauses.
    pub meanwhile: RefCell<Option<(u32, String, Vec<u8>)>>,
    pub pauses: Cell<u32>,
}

impl World {
    pub fn new() -> Self {
        World {
            now: Cell::new(NOW),
            servers: RefCell::default(),
            asked: RefCell::default(),
            kept: RefCell::default(),
            read_failure: RefCell::default(),
            write_failure: RefCell::default(),
            meanwhile: RefCell::default(),
            pauses: Cell::new(0),
        }
    }

    pub fn serve(&self, url: &str, body: impl Into<Vec<u8>>) {
        self.say(url, Says::Body(200, body.into()));
    }

    pub fn say(&self, url: &str, says: Says) {
        self.servers.borrow_mut().insert(url.to_owned(), says);
    }

    pub fn outside(&self) -> Outside<'_> {
        Outside {
            client: self,
            keeper: self,
            now: Timestamp::from_unix(self.now.get(), 0).unwrap(),
        }
    }

    /// What was asked since the last call.
    pub fn asked(&self) -> Vec<String> {
        self.asked.take()
    }

    pub fn pass(&self, seconds: i64) {
        self.now.set(self.now.get() + seconds);
    }
}

impl Client for World {
    fn send(&self, request: Outgoing<'_>) -> Result<Incoming, Unanswered> {
        let fields: String = request
            .headers
            .iter()
            .filter(|(name, _)| *name != "accept")
            .map(|(name, value)| format!(" {name}: {value}"))
            .collect();
        let line = format!("{} {}{fields}", request.method.as_str(), request.url);
        self.asked.borrow_mut().push(line);
        let servers = self.servers.borrow();
        let says = servers.get(request.url).cloned();
        let (status, body): (u16, Box<dyn Source>) = match says {
            None => return Err(Unanswered::Denied),
            Some(Says::Nothing(why)) => return Err(why),
            Some(Says::Body(status, body)) => (status, Box::new(Pieces(vec![body], false))),
            Some(Says::Endless) => (200, Box::new(Endless)),
            Some(Says::Broken) => (200, Box::new(Pieces(vec![b"{".to_vec()], true))),
        };
        Ok(Incoming {
            status,
            headers: Box::new(Headers::default()),
            length: None,
            body,
        })
    }
}

struct Pieces(Vec<Vec<u8>>, bool);

impl Source for Pieces {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.0.pop() {
            None if self.1 => Err(io::ErrorKind::UnexpectedEof.into()),
            piece => Ok(piece),
        }
    }
}

struct Endless;

impl Source for Endless {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(Some(vec![b' '; 1000]))
    }
}

impl Keeper for World {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        match &*self.read_failure.borrow() {
            Some(error) => Err(error.clone()),
            None => Ok(self.kept.borrow().get(name).cloned()),
        }
    }

    fn set(&self, name: &str, value: &[u8]) -> Result<(), Error> {
        if let Some(error) = &*self.write_failure.borrow() {
            return Err(error.clone());
        }
        let mut kept = self.kept.borrow_mut();
        kept.insert(name.to_owned(), value.to_vec());
        Ok(())
    }

    fn wait(&self, _: Duration) {
        self.pauses.set(self.pauses.get() + 1);
        let mut meanwhile = self.meanwhile.borrow_mut();
        if let Some((_, name, value)) = meanwhile.take_if(|it| it.0 == self.pauses.get()) {
            self.kept.borrow_mut().insert(name, value);
        }
    }
}

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A pair of keys of an issuer.
pub enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

impl Pair {
    pub fn rsa_one() -> Self {
        Pair::rsa(include_bytes!("../../tests/keys/rsa-one.der"))
    }

    pub fn rsa_two() -> Self {
        Pair::rsa(include_bytes!("../../tests/keys/rsa-two.der"))
    }

    fn rsa(der: &[u8]) -> Self {
        Pair::Rsa(RsaKeyPair::from_der(der).unwrap())
    }

    pub fn p256() -> Self {
        let random = SystemRandom::new();
        let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let der = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Pair::P256(EcdsaKeyPair::from_pkcs8(kind, der.as_ref(), &random).unwrap())
    }

    /// The modulus of an RSA key.
    pub fn modulus(&self) -> Vec<u8> {
        match self {
            Pair::Rsa(pair) => PublicKeyComponents::<Vec<u8>>::from(pair.public()).n,
            Pair::P256(_) => Vec::new(),
        }
    }

    /// The public key as it stands in a key set, with more members.
    pub fn jwk(&self, more: &str) -> String {
        match self {
            Pair::Rsa(pair) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                let (n, e) = (base64url(public.n), base64url(public.e));
                format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"{more}}}"#)
            }
            Pair::P256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
                format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"{more}}}"#)
            }
        }
    }

    /// A token with this header and these claims.
    pub fn token(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", base64url(header), base64url(claims));
        let random = SystemRandom::new();
        let signature = match self {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    signed.as_bytes(),
                    &mut signature,
                )
                .unwrap();
                signature
            }
            Pair::P256(pair) => {
                let signature = pair.sign(&random, signed.as_bytes()).unwrap();
                signature.as_ref().to_vec()
            }
        };
        format!("{signed}.{}", base64url(signature))
    }
}

/// A token whose signature is an HMAC with this secret.
pub fn hmac_token(secret: &[u8], header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", base64url(header), base64url(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", base64url(signature.as_ref()))
}
