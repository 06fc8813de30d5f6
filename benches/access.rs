//! What access costs on a hit, beside the same hit without: projects and tokens of the configuration, of
//! the store, and by their number there; tokens that an issuer signed.
//!
//! `cargo bench --bench access`

mod support;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use goproxy_edge::access::kept::{Asked, Documents, Kept, Remembered};
use goproxy_edge::access::oidc::{Rule, judge};
use goproxy_edge::access::outside::Outside;
use goproxy_edge::access::{Project, Projects, Token, Visibility};
use goproxy_edge::http::client::{Client, Incoming, Outgoing, Unanswered};
use goproxy_edge::http::{Headers, Source};
use goproxy_edge::module::Timestamp;
use goproxy_edge_host::HostConfig;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use sha2::{Digest as _, Sha256};
use support::client::{self, Measured};
use support::fill::Filling;
use support::objects::{self, ObjectStore};
use support::{Contender, Folder, compare, floor, preopen, print_requests, proxy, serve_host};

const CONNECTIONS: usize = 16;
/// How often two are compared, to see by how much the outcome moves.
const BLOCKS: usize = 24;
const SHORT_ROUND: Duration = Duration::from_millis(300);
/// How often each is asked for in a block, where they take turns.
const BLOCK: usize = 2000;
/// The same where an answer takes ten times as long.
const SHORT_BLOCK: usize = 400;
const INFO: &str = "/example.com/m/@v/v1.0.3.info";
const PRIVATE_INFO: &str = "/example.com/private/@v/v1.0.3.info";
/// As many modules below each of the two: far more than an instance remembers of those it let in.
const BELOW: usize = 1600;
/// The project that owns the module.
const PUBLIC: &str =
    r#"[{"id":7,"path":"team/m","modules":["example.com/m"],"visibility":"public"}]"#;
const PRIVATE: &str = r#"[{"id":7,"path":"team/m","modules":["example.com/m"]}]"#;
/// With the id and the prefix of the private project in the store that is made here.
const PRIVATE_TOO: &str = r#"[{"id":2,"path":"team/private","modules":["example.com/private"]}]"#;
const ISSUER: &str = "https://ci.example.com";
const AUDIENCE: &str = "https://goproxy.example.com";

fn main() {
    let folder = Folder::new("access");
    let start = |name: &str, filling: Filling, settings: &[(&str, &str)]| {
        let file = folder.path().join(format!("{name}.redb"));
        filling.write(&file);
        let settings = [&[("log", "off")][..], settings].concat();
        proxy::start(&file, &settings, |_| ())
    };
    let without = start("without", module(), &[]);
    let configured = from_the_configuration(without, start);
    let few = filled(10, 10);
    let few = start("few", few, &[("admin", "on"), ("projects", "[]")]);
    let floor_store = folder.path().join("floor.redb");
    let filling = filled(10, 10);
    let calls = calls_of(&filling);
    filling.with_floor().write(&floor_store);
    let few_floor = serve_host(HostConfig::new(floor(), floor_store));
    from_the_store(without, configured, few, few_floor, &calls);
    let many = start(
        "many",
        filled_with_many(),
        &[("admin", "on"), ("projects", "[]")],
    );
    let floor_store = folder.path().join("many-floor.redb");
    filled_with_many().with_floor().write(&floor_store);
    let many_floor = serve_host(HostConfig::new(floor(), floor_store));
    by_number([few, many], [few_floor, many_floor], &calls);
    private_and_absent("the store", many, 2, &secret(0), BLOCK);
    let source = "the store, of a hundred prefixes";
    private_and_absent(source, many, 3, &secret(0), BLOCK);
    let outsider = format!(
        r#"[{{"name":"outsider","sha256":"{}","scopes":["read_api"],"projects":["elsewhere"]}}]"#,
        sha256("outsider")
    );
    let settings = [("projects", PRIVATE_TOO), ("tokens", &*outsider)];
    let configured = start("configured", module(), &settings);
    private_and_absent("the configuration", configured, 2, "outsider", BLOCK);
    in_a_folder_and_a_bucket(&folder);
    signed_by_an_issuer(without, start);
}

fn filled_with_many() -> Filling {
    filled(10_000, 100_000)
}

/// A store that holds the modules.
fn module() -> Filling {
    let below = ["example.com/m", "example.com/private"]
        .into_iter()
        .flat_map(|above| (0..BELOW).map(move |number| (format!("{above}/{number}"), 1)));
    let modules = ["example.com/m", "example.com/private"].map(|module| (module.to_owned(), 10));
    Filling::new(&modules.into_iter().chain(below).collect::<Vec<_>>())
}

/// The same contender, asked for another module each time.
fn each_another(mut contender: Contender) -> Contender {
    let above = contender
        .path
        .split("/@v/")
        .next()
        .expect("a path")
        .to_owned();
    let mut paths = (0..BELOW).map(|number| format!("{above}/{number}/@v/v1.0.0.info"));
    contender.path = paths.next().expect("a module");
    contender.others = paths.collect();
    contender
}

/// The same with so many projects and tokens. The module's project is public, the others are private,
/// as is that of `example.com/private`. The third has a hundred prefixes. The tokens are for all of them, but for the first one.
fn filled(projects: usize, tokens: usize) -> Filling {
    let filling = module();
    let none = Projects::parse_list("[]").expect("an empty list");
    let kept = Kept {
        documents: &filling,
        projects: &none,
        tokens: &[],
        remembered: &Remembered::default(),
        begun: &|_| (),
    };
    for number in 1..=projects {
        let (name, visibility) = match number {
            1 => ("m".to_owned(), Visibility::Public),
            2 => ("private".to_owned(), Visibility::Private),
            number => (format!("other{number}"), Visibility::Private),
        };
        let project = Project {
            id: number.to_string(),
            path: format!("team/{name}"),
            modules: match number {
                3 => hundred_prefixes(),
                _ => vec![format!("example.com/{name}")],
            },
            visibility,
            enabled: true,
        };
        kept.put_project(&project).expect("a project that is new");
    }
    for number in 0..tokens {
        let hash = sha256(&secret(number));
        let group = if number == 0 { "elsewhere" } else { "team" };
        let json = format!(
            r#"[{{"name":"token{number}","sha256":"{hash}","scopes":["read_api"],"projects":["{group}"]}}]"#
        );
        for token in Token::parse_list(&json).expect("a token") {
            kept.put_token(&token).expect("a token that is new");
        }
    }
    filling
}

fn hundred_prefixes() -> Vec<String> {
    let prefix = |number| format!("example.com/prefixes/of-a-project-that-has-many/{number}");
    (0..100).map(prefix).collect()
}

fn sha256(secret: &str) -> String {
    let hash = Sha256::digest(secret);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the hits that are measured read of the store besides, as the floor component is told it: keys with
/// commas between them.
struct Calls {
    /// Of the public project: for its module, and for each one below that.
    public: Vec<String>,
    /// Of the private one, with a token.
    token: Vec<String>,
    /// By which somebody was let in a moment ago: what comes along with what every one reads.
    generation: String,
}

fn calls_of(filling: &Filling) -> Calls {
    let none = Projects::parse_list("[]").expect("an empty list");
    let call = |module: &str, hash: Option<&[u8; 32]>| {
        let kept = Kept {
            documents: filling,
            projects: &none,
            tokens: &[],
            remembered: &Remembered::default(),
            begun: &|_| (),
        };
        let asked = Asked {
            module: Some(module),
            ..Asked::default()
        };
        kept.ask(&asked, hash, false).expect("a store that works");
        filling.asked().join(",")
    };
    let calls = |module: &str, hash: Option<&[u8; 32]>| {
        let below = (0..BELOW).map(|number| call(&format!("{module}/{number}"), hash));
        std::iter::once(call(module, hash)).chain(below).collect()
    };
    Documents::get(filling, &["admin/generation"]).expect("a store that works");
    let generation = filling.asked().join(",");
    let hash = Sha256::digest(secret(3)).into();
    Calls {
        public: calls("example.com/m", None),
        token: calls("example.com/private", Some(&hash)),
        generation,
    }
}

/// The floor makes this call, or (`/none/`) is told of it and makes none.
fn floor_calls(name: &'static str, floor: SocketAddr, verb: &str, calls: &[String]) -> Contender {
    let mut paths = calls.iter().map(|keys| format!("/{verb}/{keys}"));
    let first = paths.next().expect("a call");
    Contender {
        others: paths.collect(),
        ..Contender::new(name, floor, first)
    }
}

fn secret(number: usize) -> String {
    format!("secret{number}")
}

fn with_token(mut contender: Contender, token: &str) -> Contender {
    contender.headers = format!("private-token: {token}\r\n");
    contender
}

/// Gives the servers of the public project and of the private one.
fn from_the_configuration(
    without: SocketAddr,
    start: impl Fn(&str, Filling, &[(&str, &str)]) -> SocketAddr,
) -> [SocketAddr; 2] {
    let public = start("public", module(), &[("projects", PUBLIC)]);
    let private = start("private", module(), &[("projects", PRIVATE)]);
    let hit = |name, server| Contender::new(name, server, INFO);
    let contenders = [
        hit("without", without),
        hit("a public project", public),
        with_token(hit("a private project, a token", private), proxy::TOKEN),
    ];
    let measured = compare(&contenders, CONNECTIONS);
    let title = "A hit, by what the configuration says (aims: 97 %, 90 %)";
    print_requests(title, &contenders, &measured, 0);
    [public, private]
}

/// The same hits by what the store says, for the same module each time, which an instance remembers, and each time
/// for another one of the project, of which it remembers what the project is, and of a token that it was let in.
/// (An instance that answers one request reads what they say: by its instructions a microsecond more, and three with
/// a token.) The floor component makes the very calls of the store that who is not remembered needs, for the same
/// keys and values: by so much more than without them it takes longer.
/// Beside it stands the same hit by the configuration: what a credential costs wherever its token is.
fn from_the_store(
    without: SocketAddr,
    [open, closed]: [SocketAddr; 2],
    few: SocketAddr,
    floor: SocketAddr,
    calls: &Calls,
) {
    let without = Contender::new("without", without, INFO);
    let one = Contender::new("floor: one read", floor, "/get");
    let with = format!("/with/{}", calls.generation);
    let generation = Contender::new("floor: that and the generation by one", floor, with);
    let of_project = Kind {
        name: "a public project",
        kept: Contender::new("of the store", few, INFO),
        configured: Contender::new("of the configuration", open, INFO),
        calls: &calls.public,
    };
    let token = |name, server, path, token| with_token(Contender::new(name, server, path), token);
    let of_token = Kind {
        name: "a private one, and a token",
        kept: token("of the store", few, PRIVATE_INFO, &secret(3)),
        configured: token("of the configuration", closed, INFO, proxy::TOKEN),
        calls: &calls.token,
    };
    for kind in [of_project, of_token] {
        kind.print(&without, [&one, &generation], floor);
    }
}

/// A kind of hit.
struct Kind<'a> {
    name: &'static str,
    kept: Contender,
    configured: Contender,
    /// For the module, and for each one below that.
    calls: &'a [String],
}

impl Kind<'_> {
    fn print(&self, without: &Contender, [one, generation]: [&Contender; 2], floor: SocketAddr) {
        let (first, below) = self.calls.split_at(1);
        let contenders = [
            without.clone(),
            self.configured.clone(),
            self.kept.clone(),
            one.clone(),
            generation.clone(),
            floor_calls("floor: without its calls", floor, "none", first),
            floor_calls("floor: its calls", floor, "get", first),
            each_another(without.clone()),
            each_another(self.configured.clone()),
            each_another(self.kept.clone()),
            floor_calls("floor: without its calls", floor, "none", below),
            floor_calls("floor: its calls", floor, "get", below),
        ];
        println!(
            "\nA hit, {}: what a request takes of the processor, the client's share among it",
            self.name
        );
        let costs = costs(&contenders);
        for (at, (contender, cost)) in contenders.iter().zip(&costs).enumerate() {
            let each = if at < 7 {
                ""
            } else {
                ", each time another module"
            };
            println!("  {:>6.1} µs  {}{each}", mean(cost), contender.name);
        }
        let [same @ .., _, _, _, _, _] = &costs;
        let [without, configured, kept, one, generation, no_calls, calls] = same;
        let print = |what: &str, more: Vec<f64>| println!("  {what:<52} {:>12}", spread(&more, 1));
        print("the same module, more than without", more(kept, without));
        print("  more than by the configuration", more(kept, configured));
        print("  the store's part of that", more(generation, one));
        print("  the calls that it spares", more(calls, no_calls));
        print(
            "  more than those",
            more(&more(kept, configured), &more(calls, no_calls)),
        );
        let [.., without, configured, kept, no_calls, calls] = &costs;
        print("each time another, more than without", more(kept, without));
        print("  more than by the configuration", more(kept, configured));
        print("  its calls alone", more(calls, no_calls));
        print(
            "  more than those",
            more(&more(kept, configured), &more(calls, no_calls)),
        );
    }
}

/// By how much one took longer than another, block by block.
fn more(one: &[f64], other: &[f64]) -> Vec<f64> {
    one.iter()
        .zip(other)
        .map(|(one, other)| one - other)
        .collect()
}

/// What each costs a request, in microseconds of the processor, our own client's share among them, round
/// by round. (The rate alone hides what a core that has nothing else to do spends.)
fn costs<const N: usize>(contenders: &[Contender; N]) -> [Vec<f64>; N] {
    let load = |contender: &Contender| {
        let before = processor_time();
        let measured = client::load(contender, CONNECTIONS, SHORT_ROUND);
        (processor_time() - before) / measured.requests as f64
    };
    for contender in contenders {
        load(contender);
    }
    let mut costs = std::array::from_fn(|_| Vec::new());
    for _ in 0..BLOCKS {
        for (all, contender) in costs.iter_mut().zip(contenders) {
            all.push(load(contender));
        }
    }
    costs
}

/// What all threads of this process have had of the processor, in microseconds. (Linux tells.)
fn processor_time() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("a Linux");
    let nanoseconds = tasks.map(|task| {
        let file = task.expect("a thread").path().join("schedstat");
        // One that has ended meanwhile has nothing to tell.
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let first = text.split(' ').next().unwrap_or_default().to_owned();
        first.parse().unwrap_or(0.0)
    });
    nanoseconds.sum::<f64>() / 1e3
}

/// How long those that one server answers take over one connection, in microseconds: the median of each
/// block of so many.
fn times<const N: usize>(contenders: &[(&Contender, u16); N], block: usize) -> [Vec<f64>; N] {
    client::take_turns(contenders, block / 2);
    let mut times = std::array::from_fn(|_| Vec::new());
    for _ in 0..BLOCKS {
        let block = client::take_turns(contenders, block);
        for (all, time) in times.iter_mut().zip(block) {
            all.push(time.as_secs_f64() * 1e6);
        }
    }
    times
}

fn micros(measured: &Measured) -> f64 {
    1e6 / measured.per_second()
}

/// The floor tells what the store itself takes longer with more in it.
fn by_number(hosts: [SocketAddr; 2], floors: [SocketAddr; 2], calls: &Calls) {
    let [few, many] = hosts;
    let [few_floor, many_floor] = floors;
    // Each time another module: what an instance remembers depends on no number.
    let public = |server| each_another(Contender::new("public", server, INFO));
    let token = |server, number| {
        let hit = Contender::new("a token", server, PRIVATE_INFO);
        each_another(with_token(hit, &secret(number)))
    };
    let alone = |floor, calls: &Vec<String>| {
        floor_calls(
            "its calls alone",
            floor,
            "get",
            calls.get(1..).unwrap_or_default(),
        )
    };
    println!(
        "\nA hit, by the number of projects and tokens in the store: what it takes of the processor"
    );
    for pair in [
        [public(few), public(many)],
        [
            alone(few_floor, &calls.public),
            alone(many_floor, &calls.public),
        ],
        [token(few, 3), token(many, 77_777)],
        [
            alone(few_floor, &calls.token),
            alone(many_floor, &calls.token),
        ],
    ] {
        let name = pair[0].name;
        let [few, many] = costs(&pair);
        println!(
            "  {name:<20} 10 and 10: {:.1} µs; 10,000 and 100,000: {:.1} µs, {} more",
            mean(&few),
            mean(&many),
            spread(&more(&many, &few), 1)
        );
    }
}

/// What nobody may learn: whether a project is there. Each is asked for twice, so that what the same
/// two differ by tells how much is noise.
fn private_and_absent(
    source: &str,
    server: SocketAddr,
    private: u32,
    outsider: &str,
    block: usize,
) {
    println!(
        "\nA private project against none, by {source}, 1 connection: medians, and the ratio of each block"
    );
    for (title, token, status) in [
        ("no token", None, 401),
        ("a token of others", Some(outsider), 404),
    ] {
        let named = |id: u32| {
            let path = format!("/api/v4/projects/{id}/packages/go/example.com/private/@v/list");
            let contender = Contender::new("", server, path);
            match token {
                Some(token) => with_token(contender, token),
                None => contender,
            }
        };
        let contenders = [named(private), named(99_999), named(private), named(99_999)];
        let times = times(
            &contenders.each_ref().map(|contender| (contender, status)),
            block,
        );
        let [private, absent, private_too, absent_too] = &times;
        let sum = |one: &[f64], two: &[f64]| -> Vec<f64> {
            one.iter().zip(two).map(|(one, two)| one + two).collect()
        };
        let ratios = |one: Vec<f64>, other: Vec<f64>| -> Vec<f64> {
            one.iter()
                .zip(&other)
                .map(|(one, other)| one / other)
                .collect()
        };
        println!(
            "  {title:<20} {status}: {:.1} and {:.1} µs; ratio {}; against itself {}",
            mean(private),
            mean(absent),
            spread(
                &ratios(sum(private, private_too), sum(absent, absent_too)),
                4
            ),
            spread(
                &ratios(sum(private, absent), sum(private_too, absent_too)),
                4
            )
        );
    }
}

/// The same where a project is kept as a file, and as an object: there one that is there takes longer to read
/// than one that is not takes to be missed.
fn in_a_folder_and_a_bucket(folder: &Folder) {
    let tree = folder.path().join("tree");
    std::fs::create_dir(&tree).expect("a new folder");
    let objects = ObjectStore::start(&folder.path().join("objects"));
    let endpoint = format!("http://{}", objects.address);
    let tree_setting = format!("dir:{}", tree.display());
    let in_folder = [("log", "off"), ("store", &*tree_setting)];
    let in_bucket = objects::settings("s3", &endpoint);
    for (source, settings) in [("a folder", &in_folder[..]), ("a bucket", &in_bucket[..])] {
        let file = folder.path().join(format!("{source}.redb"));
        let settings = [settings, &[("admin", "on"), ("projects", "[]")]].concat();
        let server = proxy::start(&file, &settings, |config| {
            config.preopens.push(preopen(&tree, &tree));
            config.allowed_outbound_hosts.push(endpoint.clone());
        });
        let project = r#"{"id":2,"path":"team/private","modules":["example.com/private"]}"#;
        proxy::put(server, "/-/admin/projects", project.as_bytes());
        let project = format!(
            r#"{{"id":3,"path":"team/many","modules":["{}"]}}"#,
            hundred_prefixes().join("\",\"")
        );
        proxy::put(server, "/-/admin/projects", project.as_bytes());
        let hash = sha256("outsider");
        let token = format!(
            r#"{{"name":"outsider","sha256":"{hash}","scopes":["read_api"],"projects":["elsewhere"]}}"#
        );
        proxy::put(server, "/-/admin/tokens", token.as_bytes());
        private_and_absent(source, server, 2, "outsider", SHORT_BLOCK);
        let source = format!("{source}, of a hundred prefixes");
        private_and_absent(&source, server, 3, "outsider", SHORT_BLOCK);
    }
}

fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / figures.len() as f64
}

/// The mean of some figures, and twice its standard error, with so many digits.
fn spread(figures: &[f64], digits: usize) -> String {
    let (count, mean) = (figures.len() as f64, mean(figures));
    let squares: f64 = figures.iter().map(|one| (one - mean).powi(2)).sum();
    let error = (squares / (count - 1.0) / count).sqrt();
    format!("{mean:.digits$} ± {:.digits$}", 2.0 * error)
}

/// The issuer's keys are kept in the store already, as they are for an hour after a first request.
fn signed_by_an_issuer(
    without: SocketAddr,
    start: impl Fn(&str, Filling, &[(&str, &str)]) -> SocketAddr,
) {
    let trust = format!(
        r#"[{{"issuer":"{ISSUER}","audience":"{AUDIENCE}","jwks":"{ISSUER}/keys",
            "claims":{{"sub":"project"}},"projects":["7"],"scopes":["read_api"]}}]"#
    );
    let rules = Rule::parse_list(&trust).expect("a rule");
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = i64::try_from(since.expect("a clock").as_secs()).expect("a year that can be written");
    let (keys, tokens) = issue(now);
    let issuer = Issuer(keys);
    let filling = module();
    for token in &tokens {
        let outside = Outside {
            client: &issuer,
            keeper: &filling,
            now: Timestamp::from_unix(now, 0).expect("a year that can be written"),
        };
        let grant = judge(token.as_bytes(), &rules, &outside);
        assert!(matches!(grant, Ok(Some(_))), "the token is good");
    }
    let settings = [("projects", PRIVATE), ("trust", &*trust)];
    let server = start("issuer", filling, &settings);
    let [rs256, es256] = &tokens;
    let hit = |name, server| Contender::new(name, server, INFO);
    let contenders = [
        hit("without", without),
        with_token(hit("signed with RS256", server), rs256),
        with_token(hit("signed with ES256", server), es256),
    ];
    let measured = compare(&contenders, 1);
    let title =
        "A hit with a token of an issuer whose keys are kept, 1 connection (aim: 2 ms more)";
    print_requests(title, &contenders, &measured, 0);
    for (contender, one) in contenders.iter().zip(&measured).skip(1) {
        let more = (micros(one) - measured.first().map_or(0.0, micros)) / 1e3;
        println!("  {}: {more:.2} ms more", contender.name);
    }
}

/// A key set with a key of each kind, and a token signed with each.
fn issue(now: i64) -> (String, [String; 2]) {
    let random = SystemRandom::new();
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let claims = format!(
        r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"project","nbf":{now},"exp":{}}}"#,
        now + 3600
    );
    let unsigned = |name: &str| {
        let header = format!(r#"{{"alg":"{name}","kid":"{name}","typ":"JWT"}}"#);
        format!(
            "{}.{}",
            encode(header.as_bytes()),
            encode(claims.as_bytes())
        )
    };
    let rsa = RsaKeyPair::from_der(include_bytes!("../tests/keys/rsa-one.der")).expect("a key");
    let public = PublicKeyComponents::<Vec<u8>>::from(rsa.public());
    let rs256 = unsigned("RS256");
    let mut signature = vec![0; rsa.public().modulus_len()];
    rsa.sign(&RSA_PKCS1_SHA256, &random, rs256.as_bytes(), &mut signature)
        .expect("a signature");
    let rs256 = format!("{rs256}.{}", encode(&signature));
    let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let der = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("a key");
    let curve = EcdsaKeyPair::from_pkcs8(kind, der.as_ref(), &random).expect("a key");
    let es256 = unsigned("ES256");
    let signature = curve.sign(&random, es256.as_bytes()).expect("a signature");
    let es256 = format!("{es256}.{}", encode(signature.as_ref()));
    let point = curve.public_key().as_ref();
    let keys = format!(
        r#"{{"keys":[{{"kty":"RSA","kid":"RS256","use":"sig","n":"{}","e":"{}"}},
            {{"kty":"EC","crv":"P-256","kid":"ES256","x":"{}","y":"{}"}}]}}"#,
        encode(&public.n),
        encode(&public.e),
        encode(&point[1..33]),
        encode(&point[33..])
    );
    (keys, [rs256, es256])
}

/// Answers with its key set.
struct Issuer(String);

impl Client for Issuer {
    fn send(&self, _: Outgoing<'_>) -> Result<Incoming, Unanswered> {
        Ok(Incoming {
            status: 200,
            headers: Box::new(Headers::default()),
            length: None,
            body: Box::new(Whole(Some(self.0.clone().into_bytes()))),
        })
    }
}

struct Whole(Option<Vec<u8>>);

impl Source for Whole {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.take())
    }
}
