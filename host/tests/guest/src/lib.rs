//! A component that does whatever a test of the host asks it to: the first element of the path says
//! what, the second how much.
#![cfg(target_arch = "wasm32")]

use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use spin::wasi::keyvalue::{batch, store};
use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{
    ErrorCode, Fields, IncomingRequest, Method, OutgoingBody, OutgoingRequest, OutgoingResponse,
    RequestOptions, ResponseOutparam, Scheme,
};
use wasi::io::streams::{OutputStream, StreamError};

mod spin {
    wit_bindgen::generate!({ path: "../../../wit/spin", world: "goproxy-edge:component/spin", generate_all });
}

/// So long that the host moves a guest to where such guests run.
const LONG_TURN: Duration = Duration::from_millis(50);

struct TestGuest;

wasi::http::proxy::export!(TestGuest);

static REQUESTS: AtomicU32 = AtomicU32::new(0);

impl Guest for TestGuest {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (what, argument) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        let number: u64 = argument.parse().unwrap_or(0);
        match what {
            "count" => text(
                answer,
                &REQUESTS.fetch_add(1, Ordering::Relaxed).to_string(),
            ),
            "spin" => loop {
                std::hint::spin_loop();
            },
            "toil" => {
                let begun = Instant::now();
                while begun.elapsed() < LONG_TURN {
                    std::hint::spin_loop();
                }
                wait(number);
                text(answer, "toiled");
            }
            "wait" => {
                wait(number);
                text(answer, "waited");
            }
            "grow" => {
                let bytes = vec![1u8; (number as usize) << 20];
                text(answer, &std::hint::black_box(bytes).len().to_string());
            }
            "trap" => panic!("as asked"),
            "exit" => std::process::exit(0),
            "refuse" => ResponseOutparam::set(answer, Err(ErrorCode::InternalError(None))),
            "silent" => drop(answer),
            "trap-in-body" => break_off(answer, (number > 0).then_some(number), || {
                panic!("as asked")
            }),
            "spin-in-body" => break_off(answer, None, || {
                loop {
                    std::hint::spin_loop();
                }
            }),
            "return-in-body" => break_off(answer, None, || ()),
            "echo" => echo(&request, answer),
            "stream" => stream(answer, number),
            "keep-request" => {
                std::mem::forget(request);
                text(answer, "kept");
            }
            "print" => {
                println!("out {argument}");
                eprintln!("err {argument}");
                text(answer, "printed");
            }
            "print-after" => {
                text(answer, "answered");
                wait(number);
                println!("done after the answer");
            }
            "header" => {
                let values = request.headers().get(argument);
                let values: Vec<_> = values
                    .iter()
                    .map(|value| String::from_utf8_lossy(value))
                    .collect();
                text(answer, &values.join(","));
            }
            "login" => {
                let values = request.headers().get("private-token");
                match values.iter().any(|value| value == argument.as_bytes()) {
                    true => text(answer, "in"),
                    false => refuse_login(answer),
                }
            }
            "refuse-login" => {
                wait(number);
                refuse_login(answer);
            }
            "environment" => text(
                answer,
                &format!("{:?}", std::env::vars().collect::<Vec<_>>()),
            ),
            "config" => text(answer, &config(argument)),
            "file" => text(answer, &file(argument)),
            // With a body, sends it on; the argument is the address without its scheme.
            "ask" => match ask(argument, &body(&request).unwrap_or_default()) {
                Ok(said) => text(answer, &said),
                Err(error) => text(answer, &format!("{error:?}")),
            },
            "store" => {
                let script = body(&request).unwrap_or_default();
                text(answer, &run(argument, &String::from_utf8_lossy(&script)));
            }
            _ => text(answer, "no such thing"),
        }
    }
}

/// Sends a request over http, a POST where there is a body, and gives status and body of the answer.
fn ask(address: &str, body: &[u8]) -> Result<String, ErrorCode> {
    let (authority, path) = address.split_once('/').unwrap_or((address, ""));
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some(authority)).unwrap();
    request
        .set_path_with_query(Some(&format!("/{path}")))
        .unwrap();
    let outgoing = request.body().unwrap();
    if !body.is_empty() {
        request.set_method(&Method::Post).unwrap();
    }
    let options = RequestOptions::new();
    let patience = Some(300_000_000);
    options.set_connect_timeout(patience).unwrap();
    options.set_first_byte_timeout(patience).unwrap();
    options.set_between_bytes_timeout(patience).unwrap();
    let answer = wasi::http::outgoing_handler::handle(request, Some(options))?;
    if !body.is_empty() {
        let stream = outgoing.write().unwrap();
        stream.blocking_write_and_flush(body).unwrap();
    }
    let _ = OutgoingBody::finish(outgoing, None);
    answer.subscribe().block();
    let answer = answer.get().unwrap().unwrap()?;
    let status = answer.status();
    let body = answer.consume().unwrap();
    let stream = body.stream().unwrap();
    let mut bytes = Vec::new();
    let end = loop {
        match stream.blocking_read(1 << 16) {
            Ok(more) => bytes.extend(more),
            Err(StreamError::Closed) => break "",
            Err(StreamError::LastOperationFailed(_)) => break " and broke off",
        }
    };
    Ok(format!("{status} {}{end}", String::from_utf8_lossy(&bytes)))
}

fn refuse_login(answer: ResponseOutparam) {
    let response = OutgoingResponse::new(Fields::new());
    let _ = response.set_status_code(401);
    let body = response.body().expect("a body that nobody took");
    ResponseOutparam::set(answer, Ok(response));
    let _ = OutgoingBody::finish(body, None);
}

fn wait(milliseconds: u64) {
    subscribe_duration(milliseconds * 1_000_000).block();
}

fn begin(answer: ResponseOutparam, length: Option<u64>) -> OutgoingBody {
    let headers = Fields::new();
    if let Some(length) = length {
        headers
            .append("content-length", length.to_string().as_bytes())
            .unwrap();
    }
    let response = OutgoingResponse::new(headers);
    let body = response.body().unwrap();
    ResponseOutparam::set(answer, Ok(response));
    body
}

fn write(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    while !bytes.is_empty() {
        let room = stream.check_write()? as usize;
        if room == 0 {
            stream.subscribe().block();
            continue;
        }
        let (now, rest) = bytes.split_at(room.min(bytes.len()));
        stream.write(now)?;
        bytes = rest;
    }
    Ok(())
}

fn text(answer: ResponseOutparam, text: &str) {
    let body = begin(answer, Some(text.len() as u64));
    let stream = body.write().unwrap();
    let _ = write(&stream, text.as_bytes());
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

/// Sends ten bytes, then does something else than to finish.
fn break_off(answer: ResponseOutparam, length: Option<u64>, end: impl FnOnce()) {
    let body = begin(answer, length);
    let stream = body.write().unwrap();
    write(&stream, b"ten bytes\n").unwrap();
    // Long enough for them to arrive.
    wait(50);
    end();
    std::mem::forget((stream, body));
}

fn body(request: &IncomingRequest) -> Result<Vec<u8>, String> {
    let body = request.consume().unwrap();
    let stream = body.stream().unwrap();
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
        }
    }
}

/// Says how many bytes came, or why no more came; prints the same, for a client that is gone.
fn echo(request: &IncomingRequest, answer: ResponseOutparam) {
    let said = match body(request) {
        Ok(bytes) => format!("{} bytes", bytes.len()),
        Err(error) => format!("failed: {error}"),
    };
    println!("body: {said}");
    text(answer, &said);
}

fn stream(answer: ResponseOutparam, mebibytes: u64) {
    let body = begin(answer, Some(mebibytes << 20));
    let stream = body.write().unwrap();
    for _ in 0..mebibytes {
        if let Err(error) = write(&stream, &[b'x'; 1 << 20]) {
            println!("stream: {error}");
            return;
        }
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

fn config(name: &str) -> String {
    use spin::wasi::config::store::{get, get_all};
    match name {
        "" => format!("{:?}", get_all().unwrap()),
        name => format!("{:?}", get(name).unwrap()),
    }
}

/// Appends a line to a file under the first preopened folder, and says what is in it.
fn file(path: &str) -> String {
    let added = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path);
    let added = added.and_then(|mut file| file.write_all(b"line\n"));
    format!(
        "{:?} {:?}",
        added.is_ok(),
        std::fs::read_to_string(path).ok()
    )
}

/// Runs lines of store operations in a bucket, and says the result of each.
fn run(bucket: &str, script: &str) -> String {
    let bucket = match store::open(bucket) {
        Ok(bucket) => bucket,
        Err(error) => return format!("{error:?}"),
    };
    let mut said = String::new();
    for line in script.lines() {
        let mut words = line.split(' ').map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        let result = match word().as_str() {
            "get" => format!("{:?}", bucket.get(&word()).map(|value| value.map(utf8))),
            "set" => format!("{:?}", bucket.set(&word(), word().as_bytes())),
            "set-big" => {
                let key = word();
                format!("{:?}", bucket.set(&key, &vec![7; word().parse().unwrap()]))
            }
            "size" => format!(
                "{:?}",
                bucket
                    .get(&word())
                    .map(|value| value.map(|value| value.len()))
            ),
            "delete" => format!("{:?}", bucket.delete(&word())),
            "exists" => format!("{:?}", bucket.exists(&word())),
            "list" => format!(
                "{:?}",
                bucket.list_keys(None).map(|keys| (keys.keys, keys.cursor))
            ),
            "list-from" => format!(
                "{:?}",
                bucket.list_keys(Some(&word())).map(|keys| keys.keys)
            ),
            "get-many" => {
                let keys: Vec<String> = words.collect();
                let found = batch::get_many(&bucket, &keys);
                let found = found.map(|found| {
                    found
                        .into_iter()
                        .map(|(key, value)| (key, value.map(utf8)))
                        .collect::<Vec<_>>()
                });
                format!("{found:?}")
            }
            "set-many" => {
                let pairs: Vec<_> = words.map(|key| (key.clone(), key.into_bytes())).collect();
                format!("{:?}", batch::set_many(&bucket, &pairs))
            }
            "delete-many" => format!(
                "{:?}",
                batch::delete_many(&bucket, &words.collect::<Vec<_>>())
            ),
            other => format!("no operation {other}"),
        };
        said += &result;
        said.push('\n');
    }
    said
}

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}
