//! Tokens made by another's hand, right ones and a table of wrong ones; issuers that rotate their keys,
//! fail, answer nonsense or point elsewhere.

use super::*;
use crate::access::Scope;
use crate::access::testing::{NOW, Pair, Says, World, base64url, hmac_token};
use crate::http::client::Unanswered;
use crate::store::Error;

#[path = "../../../fuzz/drive/jwt.rs"]
mod drive;

const ISSUER: &str = "https://ci.example.com";
const DISCOVERY: &str = "https://ci.example.com/.well-known/openid-configuration";
const JWKS: &str = "https://ci.example.com/oauth/discovery/keys";
const TRUST: &str = r#"[
    {"issuer":"https://ci.example.com","audience":"https://goproxy.example.com",
     "claims":{"project_path":"g/p","ref_protected":"true"},
     "projects":["1"],"scopes":["write_package_registry"]},
    {"issuer":"https://ci.example.com","audience":"https://goproxy.example.com",
     "claims":{"sub":"reader"},"projects":["2"],"scopes":["read_api"]}]"#;
const RS256: &str = r#"{"alg":"RS256","kid":"one","typ":"JWT"}"#;
const CLAIMS: &str = r#"{"iss":"https://ci.example.com","aud":"https://goproxy.example.com","sub":"project_path:g/p:ref_type:branch:ref:main","project_path":"g/p","ref_protected":"true","nbf":1699999995,"exp":1700003600}"#;

fn key_set(keys: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

/// A world in which the issuer has one RSA key.
fn world(pair: &Pair) -> World {
    let world = World::new();
    let document = format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{JWKS}"}}"#);
    world.serve(DISCOVERY, document);
    world.serve(
        JWKS,
        key_set(&[pair.jwk(r#","kid":"one","use":"sig","alg":"RS256""#)]),
    );
    world
}

fn judged_by(world: &World, trust: &str, token: &str) -> Result<Option<Grant>, (Kind, String)> {
    let trust = Rule::parse_list(trust).unwrap();
    let judged = judge(token.as_bytes(), &trust, &world.outside());
    judged.map_err(|failure| (failure.kind, failure.text))
}

fn judged(world: &World, token: &str) -> Result<Option<Grant>, (Kind, String)> {
    judged_by(world, TRUST, token)
}

fn refusal(why: &str) -> Result<Option<Grant>, (Kind, String)> {
    let text = format!("the OpenID Connect token presented is refused: {why}");
    Err((Kind::Unauthorized, text))
}

fn down(why: &str) -> Result<Option<Grant>, (Kind, String)> {
    let text = format!("the keys of {ISSUER} can't be had, which sign this token: {why}");
    Err((Kind::NoVerdict, text))
}

fn publisher() -> Grant {
    Grant {
        name: "project_path:g/p:ref_type:branch:ref:main".to_owned(),
        scopes: vec![Scope::WritePackageRegistry],
        projects: vec!["1".to_owned()],
        admin: false,
        guest: false,
        alone: false,
    }
}

const UNKNOWN_KEY: &str =
    "its issuer names no key that can have signed it; keys are fetched at most once a minute";

#[test]
fn a_token_that_a_rule_admits_is_granted_what_the_rule_says() {
    let pair = Pair::rsa_one();
    let world = world(&pair);
    let token = pair.token(RS256, CLAIMS);
    assert_eq!(judged(&world, &token), Ok(Some(publisher())));
    assert_eq!(
        world.asked(),
        [format!("GET {DISCOVERY}"), format!("GET {JWKS}")]
    );
    for (from, to) in [
        (
            r#""aud":"https://goproxy.example.com""#,
            r#""aud":["x","https://goproxy.example.com"]"#,
        ),
        (r#""nbf":1699999995,"#, ""),
        ("1699999995", "1700000060"),
        ("1700003600", "1699999941"),
        ("1700003600", "1700003600.75"),
    ] {
        assert!(CLAIMS.contains(from), "{from}");
        let token = pair.token(RS256, &CLAIMS.replace(from, to));
        assert_eq!(judged(&world, &token), Ok(Some(publisher())), "{to}");
    }
    // What the header says of keys is not looked at.
    let header =
        r#"{"alg":"RS256","jku":"https://evil.example.com/k","x5u":"https://evil.example.com/c"}"#;
    let token = pair.token(header, CLAIMS);
    assert_eq!(judged(&world, &token), Ok(Some(publisher())));
    let reader = CLAIMS
        .replace("project_path:g/p:ref_type:branch:ref:main", "reader")
        .replace(r#""project_path":"g/p","#, "");
    let grant = Grant {
        name: "reader".to_owned(),
        scopes: vec![Scope::ReadApi],
        projects: vec!["2".to_owned()],
        admin: false,
        guest: false,
        alone: false,
    };
    assert_eq!(judged(&world, &pair.token(RS256, &reader)), Ok(Some(grant)));
    assert_eq!(world.asked(), [""; 0], "the keys are kept");
}

#[test]
fn a_token_signed_on_the_curve_is_taken_and_one_of_the_other_kind_of_key_is_not() {
    let (rsa, curve) = (Pair::rsa_one(), Pair::p256());
    let world = world(&rsa);
    let keys = [
        rsa.jwk(r#","kid":"one""#),
        curve.jwk(r#","kid":"curve","key_ops":["verify"]"#),
    ];
    world.serve(JWKS, key_set(&keys));
    let token = curve.token(r#"{"alg":"ES256","kid":"curve"}"#, CLAIMS);
    assert_eq!(judged(&world, &token), Ok(Some(publisher())));
    world.asked();
    for header in [
        r#"{"alg":"RS256","kid":"curve"}"#,
        r#"{"alg":"ES256","kid":"one"}"#,
    ] {
        let token = curve.token(header, CLAIMS);
        assert_eq!(judged(&world, &token), refusal(UNKNOWN_KEY), "{header}");
    }
    let token = Pair::p256().token(r#"{"alg":"ES256","kid":"curve"}"#, CLAIMS);
    let expected = refusal("its signature is not its issuer's");
    assert_eq!(judged(&world, &token), expected);
    assert_eq!(world.asked(), [""; 0]);
}

#[test]
fn each_wrong_token_is_refused_with_its_reason() {
    let (pair, stranger) = (Pair::rsa_one(), Pair::rsa_two());
    let world = world(&pair);
    let algorithm = "it is signed by another algorithm than RS256 and ES256";
    let signature = "its signature is not its issuer's";
    let expired = "it has expired";
    let no_exp = "it has no `exp`, or one that is no time";
    let audience = "its audience is none that `trust` names";
    let claims = "no rule of `trust` has its claims";
    let crit = "its header has `crit`, of which nothing is understood here";
    let none = format!("{}.{}.", base64url(r#"{"alg":"none"}"#), base64url(CLAIMS));
    let hs256 = r#"{"alg":"HS256","kid":"one"}"#;
    let modulus = pair.modulus();
    let jwk = pair.jwk("");
    let header = |more: &str| format!(r#"{{"alg":"RS256","kid":"one",{more}}}"#);
    let own_key = format!(r#""jwk":{}"#, stranger.jwk(""));
    let signed = |claims: &str| pair.token(RS256, claims);
    let changed = |from: &str, to: &str| {
        assert!(CLAIMS.contains(from), "{from}");
        signed(&CLAIMS.replace(from, to))
    };
    let good = signed(CLAIMS);
    let (head, _) = good.rsplit_once('.').unwrap();
    let more_rights = CLAIMS.replace("g/p", "g/q");
    let (_, last) = good.rsplit_once('.').unwrap();
    for (name, token, why) in [
        ("none", none.clone(), algorithm),
        ("none with a signature", format!("{none}{last}"), algorithm),
        (
            "None",
            pair.token(r#"{"alg":"None","kid":"one"}"#, CLAIMS),
            algorithm,
        ),
        (
            "HS256 with the modulus",
            hmac_token(&modulus, hs256, CLAIMS),
            algorithm,
        ),
        (
            "HS256 with the public key",
            hmac_token(jwk.as_bytes(), hs256, CLAIMS),
            algorithm,
        ),
        (
            "RS256 that is an HMAC",
            hmac_token(&modulus, RS256, CLAIMS),
            signature,
        ),
        (
            "RS512",
            pair.token(r#"{"alg":"RS512","kid":"one"}"#, CLAIMS),
            algorithm,
        ),
        (
            "no algorithm",
            pair.token(r#"{"kid":"one"}"#, CLAIMS),
            algorithm,
        ),
        (
            "a number for a key id",
            pair.token(r#"{"alg":"RS256","kid":1}"#, CLAIMS),
            "its `kid` is no text",
        ),
        (
            "crit",
            pair.token(&header(r#""crit":["exp"]"#), CLAIMS),
            crit,
        ),
        (
            "crit and b64",
            pair.token(&header(r#""b64":false,"crit":["b64"]"#), CLAIMS),
            crit,
        ),
        (
            "an empty crit",
            pair.token(&header(r#""crit":[]"#), CLAIMS),
            crit,
        ),
        (
            "its own key",
            stranger.token(&header(&own_key), CLAIMS),
            signature,
        ),
        ("another's key", stranger.token(RS256, CLAIMS), signature),
        ("no signature", format!("{head}."), signature),
        (
            "a cut signature",
            good[..good.len() - 8].to_owned(),
            signature,
        ),
        (
            "other claims under a signature",
            format!("{}.{}.{last}", base64url(RS256), base64url(more_rights)),
            signature,
        ),
        ("expired", changed("1700003600", "1699999940"), expired),
        ("long expired", changed("1700003600", "1"), expired),
        ("no end", changed(r#","exp":1700003600"#, ""), no_exp),
        (
            "an end that is a text",
            changed("1700003600", r#""1700003600""#),
            no_exp,
        ),
        (
            "an end beyond all numbers",
            changed("1700003600", "1e400"),
            no_exp,
        ),
        (
            "not yet valid",
            changed("1699999995", "1700000061"),
            "it is not valid yet: its clock or ours is wrong",
        ),
        (
            "a beginning that is none",
            changed("1699999995", "null"),
            "its `nbf` is no time",
        ),
        (
            "another audience",
            changed("https://goproxy.example.com", "https://other.example.com"),
            audience,
        ),
        (
            "the audience in capitals",
            changed("https://goproxy.example.com", "https://GOPROXY.example.com"),
            audience,
        ),
        (
            "no audience",
            changed(r#""aud":"https://goproxy.example.com","#, ""),
            audience,
        ),
        (
            "another project",
            changed(r#""project_path":"g/p""#, r#""project_path":"g/p2""#),
            claims,
        ),
        (
            "a claim less",
            changed(r#""ref_protected":"true","#, ""),
            claims,
        ),
        (
            "a claim of another kind",
            changed(r#""ref_protected":"true""#, r#""ref_protected":true"#),
            claims,
        ),
        (
            "no JSON",
            format!("{}.{}.{last}", base64url("{ x"), base64url(CLAIMS)),
            "its header is no JSON object in base64url",
        ),
        (
            "no claims",
            format!("{}.{}.{last}", base64url(RS256), base64url("[]")),
            "its claims are no JSON object in base64url",
        ),
        (
            "a long one",
            signed(&format!("{CLAIMS}{}", " ".repeat(13_000))),
            "it is longer than 16 KiB",
        ),
    ] {
        assert_eq!(judged(&world, &token), refusal(why), "{name}: {token}");
    }
    assert_eq!(judged(&world, &good), Ok(Some(publisher())));
}

#[test]
fn nobody_is_asked_for_a_token_of_an_issuer_that_no_rule_names() {
    let pair = Pair::rsa_one();
    let world = world(&pair);
    for issuer in [
        r#""https://ci.example.com/""#,
        r#""https://evil.example.com""#,
        r#""https://CI.example.com""#,
        "7",
        r#"["https://ci.example.com"]"#,
    ] {
        let claims = CLAIMS.replace(r#""https://ci.example.com""#, issuer);
        assert_eq!(
            judged(&world, &pair.token(RS256, &claims)),
            Ok(None),
            "{issuer}"
        );
    }
    for secret in [
        "",
        "secret",
        "glpat-x.y.z",
        "a.b.c",
        "eyJ.x",
        "eyJ.x.y.z",
        "eyJ.x.+",
    ] {
        assert_eq!(judged(&world, secret), Ok(None), "{secret}");
    }
    assert_eq!(
        judged_by(&world, "[]", &pair.token(RS256, CLAIMS)),
        Ok(None)
    );
    assert_eq!(world.asked(), [""; 0]);
    assert!(world.kept.borrow().is_empty());
}

#[test]
fn a_new_key_is_fetched_once_and_the_issuer_asked_once_a_minute() {
    let (old, new) = (Pair::rsa_one(), Pair::rsa_two());
    let world = world(&old);
    let old_token = old.token(RS256, CLAIMS);
    let new_token = new.token(r#"{"alg":"RS256","kid":"two"}"#, CLAIMS);
    assert_eq!(judged(&world, &old_token), Ok(Some(publisher())));
    world.serve(JWKS, key_set(&[new.jwk(r#","kid":"two""#)]));
    assert_eq!(world.asked().len(), 2);
    world.pass(59);
    assert_eq!(judged(&world, &new_token), refusal(UNKNOWN_KEY));
    assert_eq!(world.asked(), [""; 0]);
    world.pass(1);
    assert_eq!(judged(&world, &new_token), Ok(Some(publisher())));
    assert_eq!(world.asked().len(), 2);
    // The old key is gone with that, and nobody is asked about it for a minute.
    assert_eq!(judged(&world, &old_token), refusal(UNKNOWN_KEY));
    assert_eq!(world.asked(), [""; 0]);
    world.pass(60);
    for _ in 0..3 {
        assert_eq!(judged(&world, &old_token), refusal(UNKNOWN_KEY));
    }
    assert_eq!(world.asked().len(), 2, "once for three");
}

#[test]
fn keys_count_for_an_hour_and_are_fetched_anew_before_it_ends() {
    let pair = Pair::rsa_one();
    let world = world(&pair);
    let token = pair.token(RS256, &CLAIMS.replace("1700003600", "1800000000"));
    let granted = Ok(Some(publisher()));
    assert_eq!(judged(&world, &token), granted);
    world.asked();
    world.pass(55 * 60 - 1);
    assert_eq!(judged(&world, &token), granted);
    assert_eq!(world.asked(), [""; 0]);
    // The issuer is down: the keys last to the end of the hour.
    world.say(DISCOVERY, Says::Nothing(Unanswered::TimedOut));
    for (minute, asked) in [(55, 1), (56, 1), (57, 1), (58, 1), (59, 1)] {
        world.now.set(NOW + minute * 60);
        assert_eq!(judged(&world, &token), granted, "{minute}");
        assert_eq!(judged(&world, &token), granted, "{minute}");
        assert_eq!(world.asked().len(), asked, "{minute}");
    }
    world.now.set(NOW + 3600);
    let late = down(&format!("{DISCOVERY}: it did not answer in time"));
    assert_eq!(judged(&world, &token), late);
    assert_eq!(world.asked().len(), 1);
    world.pass(59);
    assert_eq!(judged(&world, &token), late);
    assert_eq!(world.asked(), [""; 0], "a failure counts as a fetch");
    let document = format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{JWKS}"}}"#);
    world.serve(DISCOVERY, document);
    world.pass(1);
    assert_eq!(judged(&world, &token), granted);
    assert_eq!(world.asked().len(), 2);
    // A clock that went back by more than clocks differ makes keys of the future worth nothing.
    world.pass(-3600);
    assert_eq!(judged(&world, &token), granted);
    assert_eq!(world.asked().len(), 2);
}

#[test]
fn an_issuer_that_points_elsewhere_or_answers_nonsense_gives_no_keys() {
    let pair = Pair::rsa_one();
    let token = pair.token(RS256, CLAIMS);
    let elsewhere = format!(
        "{DISCOVERY}: its `jwks_uri` is not on the issuer's own host: name it in the rule's `jwks`"
    );
    let document = |jwks: &str| {
        let text = format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"{jwks}"}}"#);
        Says::Body(200, text.into_bytes())
    };
    let body = |status, text: &str| Says::Body(status, text.as_bytes().to_vec());
    let large = "x".repeat(64 * 1024 + 1);
    let small_key = format!(
        r#"{{"keys":[{{"kty":"RSA","kid":"one","n":"{}","e":"AQAB"}}]}}"#,
        base64url([0xff; 128])
    );
    for (url, says, why) in [
        (
            DISCOVERY,
            document("https://evil.example.com/k"),
            elsewhere.clone(),
        ),
        (
            DISCOVERY,
            document("http://ci.example.com/k"),
            elsewhere.clone(),
        ),
        (
            DISCOVERY,
            document("https://ci.example.com:8443/k"),
            elsewhere.clone(),
        ),
        (
            DISCOVERY,
            document("https://ci.example.com@evil.example.com/k"),
            elsewhere.clone(),
        ),
        (DISCOVERY, document("/k"), elsewhere.clone()),
        (
            DISCOVERY,
            body(200, r#"{"issuer":"https://ci.example.com"}"#),
            elsewhere,
        ),
        (
            DISCOVERY,
            body(200, r#"{"issuer":"https://evil.example.com"}"#),
            format!("{DISCOVERY}: it is the document of another issuer"),
        ),
        (
            DISCOVERY,
            body(200, "<html>"),
            format!("{DISCOVERY}: its answer is no JSON"),
        ),
        (
            DISCOVERY,
            body(302, ""),
            format!("{DISCOVERY}: it answered 302, and no redirect is followed"),
        ),
        (
            JWKS,
            body(301, ""),
            format!("{JWKS}: it answered 301, and no redirect is followed"),
        ),
        (JWKS, body(500, ""), format!("{JWKS}: it answered 500")),
        (
            JWKS,
            body(200, "{}"),
            format!("{JWKS}: its answer is no key set"),
        ),
        (
            JWKS,
            body(200, "\u{0}\u{1}"),
            format!("{JWKS}: its answer is no key set"),
        ),
        (
            JWKS,
            body(200, r#"{"keys":[]}"#),
            format!("{JWKS}: it has no key for RS256 or ES256"),
        ),
        (
            JWKS,
            body(200, &large),
            format!("{JWKS}: its answer is longer than 65536 bytes"),
        ),
        (
            JWKS,
            Says::Endless,
            format!("{JWKS}: its answer is longer than 65536 bytes"),
        ),
        (
            JWKS,
            Says::Broken,
            format!("{JWKS}: its answer broke off: unexpected end of file"),
        ),
        (
            JWKS,
            Says::Nothing(Unanswered::Untrusted("x".to_owned())),
            format!("{JWKS}: TLS with it failed: x"),
        ),
    ] {
        let world = world(&pair);
        let shown = format!("{says:?}");
        world.say(url, says);
        assert_eq!(judged(&world, &token), down(&why), "{shown}");
        let asked = world.asked();
        assert_eq!(asked.last(), Some(&format!("GET {url}")), "{shown}");
        assert_eq!(judged(&world, &token), down(&why), "{shown}: kept");
        assert_eq!(world.asked(), [""; 0], "{shown}");
    }
    let world = world(&pair);
    world.serve(JWKS, small_key);
    let expected = refusal("its signature is not its issuer's");
    assert_eq!(judged(&world, &token), expected, "1024 bits are too few");
}

#[test]
fn keys_for_another_use_are_not_taken() {
    let pair = Pair::rsa_one();
    let token = pair.token(RS256, CLAIMS);
    for more in [
        r#","kid":"one","use":"enc""#,
        r#","kid":"one","alg":"RS512""#,
        r#","kid":"one","key_ops":["encrypt"]"#,
    ] {
        let world = world(&pair);
        world.serve(JWKS, key_set(&[pair.jwk(more)]));
        let expected = down(&format!("{JWKS}: it has no key for RS256 or ES256"));
        assert_eq!(judged(&world, &token), expected, "{more}");
    }
    // A key that can't be read does not spoil the others.
    let world = world(&pair);
    let keys = [
        "7".to_owned(),
        r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#.to_owned(),
        r#"{"kty":"RSA","kid":"one","n":"","e":"AQAB"}"#.to_owned(),
        r#"{"kty":"RSA","kid":"one","n":"AA","e":"AA"}"#.to_owned(),
        r#"{"kty":"EC","crv":"P-256","kid":"one","x":"AA","y":"AA"}"#.to_owned(),
        pair.jwk(r#","kid":"one""#),
    ];
    world.serve(JWKS, key_set(&keys));
    assert_eq!(judged(&world, &token), Ok(Some(publisher())));
    let token = Pair::p256().token(r#"{"alg":"ES256","kid":"one"}"#, CLAIMS);
    let expected = refusal("its signature is not its issuer's");
    assert_eq!(judged(&world, &token), expected, "no point on the curve");
}

#[test]
fn a_token_without_a_key_id_needs_an_issuer_with_one_key() {
    let (one, two) = (Pair::rsa_one(), Pair::rsa_two());
    let world = world(&one);
    let token = one.token(r#"{"alg":"RS256"}"#, CLAIMS);
    assert_eq!(judged(&world, &token), Ok(Some(publisher())));
    let world = self::world(&one);
    world.serve(JWKS, key_set(&[one.jwk(""), two.jwk("")]));
    let expected = refusal("it has no `kid`, and its issuer has several keys");
    assert_eq!(judged(&world, &token), expected);
}

#[test]
fn a_rule_that_names_the_keys_asks_for_no_document() {
    let pair = Pair::rsa_one();
    let world = World::new();
    let keys = "https://keys.example.com/set";
    world.serve(keys, key_set(&[pair.jwk(r#","kid":"one""#)]));
    let trust = TRUST.replace(r#""claims""#, &format!(r#""jwks":"{keys}","claims""#));
    let token = pair.token(RS256, CLAIMS);
    assert_eq!(judged_by(&world, &trust, &token), Ok(Some(publisher())));
    assert_eq!(world.asked(), [format!("GET {keys}")]);
    // What was kept for that address is not for the issuer's own.
    assert!(judged(&world, &token).is_err());
    assert_eq!(world.asked(), [format!("GET {DISCOVERY}")]);
}

#[test]
fn who_comes_while_another_asks_waits_for_what_it_brings() {
    let pair = Pair::rsa_one();
    let done = world(&pair);
    let token = pair.token(RS256, CLAIMS);
    assert_eq!(judged(&done, &token), Ok(Some(publisher())));
    let (name, fetched) = done
        .kept
        .borrow()
        .first_key_value()
        .map(|(a, b)| (a.clone(), b.clone()))
        .unwrap();
    let pending =
        format!("goproxy-edge keys\nasked {NOW}\nfetch pending\ngot -9223372036854775808\n");

    let waiting = world(&pair);
    waiting
        .kept
        .borrow_mut()
        .insert(name.clone(), pending.clone().into());
    *waiting.meanwhile.borrow_mut() = Some((3, name.clone(), fetched.clone()));
    assert_eq!(judged(&waiting, &token), Ok(Some(publisher())));
    assert_eq!((waiting.pauses.get(), waiting.asked().len()), (3, 0));

    let never = world(&pair);
    never.kept.borrow_mut().insert(name.clone(), pending.into());
    assert_eq!(
        judged(&never, &token),
        down("another request is fetching them")
    );
    assert_eq!((never.pauses.get(), never.asked().len()), (40, 0));
    never.pass(30);
    assert_eq!(
        judged(&never, &token),
        down("another request is fetching them")
    );
    assert_eq!(never.pauses.get(), 40, "that one is gone");
    never.pass(30);
    assert_eq!(judged(&never, &token), Ok(Some(publisher())));

    // With keys that count it is most often the token that is wrong.
    let rotating = world(&pair);
    let asked = String::from_utf8(fetched)
        .unwrap()
        .replace("fetch done", "fetch pending");
    rotating.kept.borrow_mut().insert(name, asked.into());
    let other = Pair::rsa_one().token(&RS256.replace("\"one\"", "\"other\""), CLAIMS);
    let unknown =
        "its issuer names no key that can have signed it; keys are fetched at most once a minute";
    let text = format!("the OpenID Connect token presented is refused: {unknown}");
    assert_eq!(judged(&rotating, &other), Err((Kind::Unauthorized, text)));
    assert_eq!((rotating.pauses.get(), rotating.asked().len()), (10, 0));
}

#[test]
fn what_cannot_be_read_is_fetched_again_and_what_cannot_be_kept_is_not_asked_for() {
    let pair = Pair::rsa_one();
    let token = pair.token(RS256, CLAIMS);
    let world = world(&pair);
    assert_eq!(judged(&world, &token), Ok(Some(publisher())));
    world.asked();
    for garbage in ["", "x", "goproxy-edge keys\nasked x", "\u{0}"] {
        for kept in world.kept.borrow_mut().values_mut() {
            *kept = garbage.as_bytes().to_vec();
        }
        assert_eq!(judged(&world, &token), Ok(Some(publisher())), "{garbage}");
        assert_eq!(world.asked().len(), 2, "{garbage}");
    }
    let broken = |error: &str| {
        let text = format!("the credential can't be judged: the store failed: {error}");
        Err((Kind::Unavailable, text))
    };
    *world.read_failure.borrow_mut() = Some(Error::Unavailable("r".to_owned()));
    assert_eq!(judged(&world, &token), broken("r"));
    *world.read_failure.borrow_mut() = None;
    *world.write_failure.borrow_mut() = Some(Error::Unavailable("w".to_owned()));
    assert_eq!(
        judged(&world, &token),
        Ok(Some(publisher())),
        "nothing is to be written"
    );
    // Those that age still count, until they are too old.
    world.pass(55 * 60);
    assert_eq!(judged(&world, &token), Ok(Some(publisher())));
    world.kept.borrow_mut().clear();
    assert_eq!(judged(&world, &token), broken("w"));
    assert_eq!(world.asked(), [""; 0]);
}

#[test]
fn the_seeds_of_the_fuzzer_are_taken_without_a_panic() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus-seeds/jwt");
    let mut count = 0;
    for seed in std::fs::read_dir(seeds).unwrap() {
        drive::drive(&std::fs::read(seed.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 5, "{count} seeds");
}
