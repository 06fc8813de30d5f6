//! Addresses of objects, signed (AWS Signature Version 4 in the query, the payload unsigned, as for a
//! presigned URL). A signed address is as good as a key for as long as it lasts: it goes into no text.

use jiff::Timestamp;
use rusty_s3::{Method as Verb, signing};
use url::Url;

use super::config::{Addressing, Config};
use crate::http::Method;

/// What is asked of the store, as far as it is signed.
pub(super) struct Target<'a> {
    /// The method.
    pub method: Method,
    /// The object's key, without the prefix of the settings; none for the bucket itself.
    pub key: Option<&'a str>,
    /// The query, sorted by name.
    pub query: &'a [(&'a str, &'a str)],
    /// The header fields; those that S3 wants signed are.
    pub headers: &'a [(&'a str, String)],
    /// How long the address is good for, in seconds.
    pub seconds: u64,
}

/// The address, signed where there are keys. None when there is no such address.
pub(super) fn address(config: &Config, target: &Target<'_>, now: i64) -> Option<String> {
    let mut plain = format!("{}{}", config.server(), path(config, target.key));
    if config.access_key.expose().is_empty() {
        for (number, (name, value)) in target.query.iter().enumerate() {
            plain.push(if number == 0 { '?' } else { '&' });
            encode(&mut plain, name, b"");
            plain.push('=');
            encode(&mut plain, value, b"");
        }
        return Some(plain);
    }
    let mut signed: Vec<(&str, &str)> = target
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-amz-") || *name == "content-length")
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    signed.sort_unstable();
    let verb = match target.method {
        Method::Get => Verb::Get,
        Method::Head => Verb::Head,
        Method::Put => Verb::Put,
        Method::Post => Verb::Post,
        Method::Delete => Verb::Delete,
        Method::Other(_) => return None,
    };
    let url = signing::sign(
        &Timestamp::from_second(now).ok()?,
        verb,
        Url::parse(&plain).ok()?,
        config.access_key.expose(),
        config.secret_key.expose(),
        Some(config.session_token.expose()),
        &config.region,
        target.seconds,
        target.query.iter().copied(),
        signed.into_iter(),
    );
    Some(url.into())
}

/// The path of an object or of the bucket, percent-encoded as it is signed.
fn path(config: &Config, key: Option<&str>) -> String {
    let mut path = String::from("/");
    if config.addressing == Addressing::Path {
        path.push_str(&config.bucket);
        if key.is_some() {
            path.push('/');
        }
    }
    if let Some(key) = key {
        encode(&mut path, &config.prefix, b"/");
        encode(&mut path, key, b"/");
    }
    path
}

/// `/bucket/key`, percent-encoded, as the source of a copy is named.
pub(super) fn copy_source(config: &Config, key: &str) -> String {
    let mut source = format!("/{}/", config.bucket);
    encode(&mut source, &config.prefix, b"/");
    encode(&mut source, key, b"/");
    source
}

fn encode(out: &mut String, text: &str, but: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || but.contains(&byte) {
            out.push(char::from(byte));
            continue;
        }
        out.push('%');
        for half in [byte >> 4, byte & 15] {
            out.extend(HEX.get(usize::from(half)).map(|digit| char::from(*digit)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The credentials and the time of the example in "Authenticating Requests: Using Query
    /// Parameters" of the Amazon S3 API reference.
    fn example() -> Config {
        let mut config = Config::default();
        for (name, value) in [
            ("s3_endpoint", "https://s3.amazonaws.com"),
            ("s3_bucket", "examplebucket"),
            ("s3_access_key", "AKIAIOSFODNN7EXAMPLE"),
            ("s3_secret_key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            ("s3_addressing", "virtual"),
        ] {
            config.set(name, value).unwrap();
        }
        config
    }

    fn get<'a>(key: Option<&'a str>, query: &'a [(&'a str, &'a str)]) -> Target<'a> {
        Target {
            method: Method::Get,
            key,
            query,
            headers: &[],
            seconds: 86_400,
        }
    }

    const MAY_24_2013: i64 = 1_369_353_600;

    #[test]
    fn the_published_example_is_signed_as_published() {
        let signed = address(&example(), &get(Some("test.txt"), &[]), MAY_24_2013);
        assert_eq!(
            signed.as_deref(),
            Some(
                "https://examplebucket.s3.amazonaws.com/test.txt\
                 ?X-Amz-Algorithm=AWS4-HMAC-SHA256\
                 &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
                 &X-Amz-Date=20130524T000000Z\
                 &X-Amz-Expires=86400\
                 &X-Amz-SignedHeaders=host\
                 &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
            )
        );
    }

    #[test]
    fn headers_of_amazon_are_signed_and_others_are_not() {
        let mut target = get(Some("a"), &[]);
        let headers = [
            ("if-match", "\"x\"".to_owned()),
            ("x-amz-copy-source", "/examplebucket/b".to_owned()),
        ];
        target.headers = &headers;
        let signed = address(&example(), &target, MAY_24_2013).unwrap();
        let names = "X-Amz-SignedHeaders=host%3Bx-amz-copy-source&";
        assert!(signed.contains(names), "{signed}");
    }

    #[test]
    fn without_keys_an_address_is_plain() {
        let mut config = Config::default();
        config.set("s3_endpoint", "http://127.0.0.1:9000").unwrap();
        config.set("s3_bucket", "modules").unwrap();
        config.set("s3_prefix", "a").unwrap();
        let key = get(Some("github.com/!azure/m/@v/v3.0.0+incompatible.zip"), &[]);
        assert_eq!(
            address(&config, &key, 0).unwrap(),
            "http://127.0.0.1:9000/modules/a/github.com/%21azure/m/%40v/v3.0.0%2Bincompatible.zip"
        );
        let list = get(None, &[("list-type", "2"), ("prefix", "a/b")]);
        assert_eq!(
            address(&config, &list, 0).unwrap(),
            "http://127.0.0.1:9000/modules?list-type=2&prefix=a%2Fb"
        );
    }
}
