//! The least that a component can do to answer: what the benchmarks hold the proxy against.
//!
//! `/get` reads one value of the store and answers with it; `/get/<key>,<key>…` makes one call for these
//! keys before (`/none/<key>,<key>…` is told them and makes none), and `/with/<key>,<key>…` reads them by the same call. `/chunks/<n>/<bytes>` answers with the
//! values under `chunk-0` to `chunk-<n-1>`, and `/file/<path>` with a file of the first preopened
//! folder, copied by the host: what a zip costs without any of the proxy's own work. `/relay/<host:port>/<path>`
//! asks that server for that path and answers with what it gave, copied by the host too.
#![cfg(target_arch = "wasm32")]

use spin::wasi::keyvalue::batch::get_many;
use spin::wasi::keyvalue::store::{Bucket, open};
use wasi::exports::http::incoming_handler::Guest;
use wasi::filesystem::preopens::get_directories;
use wasi::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasi::http::outgoing_handler;
use wasi::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam,
    Scheme,
};
use wasi::io::streams::{InputStream, OutputStream};

mod spin {
    wit_bindgen::generate!({ path: "../../wit/spin", world: "goproxy-edge:component/spin", generate_all });
}

struct Floor;

wasi::http::proxy::export!(Floor);

impl Guest for Floor {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let mut elements = path.split('/').skip(1);
        match elements.next() {
            Some("get") => get(answer, elements.next(), true),
            Some("none") => get(answer, elements.next(), false),
            Some("with") => with(answer, elements.next().unwrap_or_default()),
            Some("chunks") => {
                let mut number = || {
                    elements
                        .next()
                        .and_then(|text| text.parse().ok())
                        .unwrap_or(0)
                };
                chunks(answer, number(), number());
            }
            Some("relay") => {
                let target = path.strip_prefix("/relay/").unwrap_or_default();
                relay(answer, target);
            }
            Some("file") => file(answer, elements.next().unwrap_or_default()),
            _ => drop(begin(answer, 404, 0)),
        }
    }
}

fn bucket() -> Bucket {
    open("default").expect("the host grants this store")
}

/// Sends the head of an answer with this many bytes.
fn begin(answer: ResponseOutparam, status: u16, bytes: u64) -> OutgoingBody {
    let headers = Fields::new();
    headers
        .append("content-length", bytes.to_string().as_bytes())
        .expect("a legal header");
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).expect("a legal status");
    let body = response.body().expect("a body not taken yet");
    ResponseOutparam::set(answer, Ok(response));
    body
}

fn write(stream: &OutputStream, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let room = stream.check_write().expect("a client that is still there") as usize;
        if room == 0 {
            stream.subscribe().block();
            continue;
        }
        let (now, rest) = bytes.split_at(room.min(bytes.len()));
        stream.write(now).expect("a client that is still there");
        bytes = rest;
    }
}

fn finish(body: OutgoingBody, stream: OutputStream) {
    drop(stream);
    OutgoingBody::finish(body, None).expect("as many bytes as announced");
}

fn get(answer: ResponseOutparam, at_once: Option<&str>, asks: bool) {
    let bucket = bucket();
    if let Some(keys) = at_once.filter(|_| asks) {
        let keys: Vec<String> = keys.split(',').map(str::to_owned).collect();
        get_many(&bucket, &keys).expect("a store that works");
    }
    let value = bucket
        .get("floor")
        .expect("a store that works")
        .unwrap_or_default();
    answer_with(answer, &value);
}

fn with(answer: ResponseOutparam, others: &str) {
    let keys = ["floor"].into_iter().chain(others.split(','));
    let keys: Vec<String> = keys.map(str::to_owned).collect();
    let found = get_many(&bucket(), &keys).expect("a store that works");
    let own = found.into_iter().find(|(key, _)| key == "floor");
    answer_with(
        answer,
        &own.and_then(|(_, value)| value).unwrap_or_default(),
    );
}

fn answer_with(answer: ResponseOutparam, value: &[u8]) {
    let body = begin(answer, 200, value.len() as u64);
    let stream = body.write().expect("a stream not taken yet");
    write(&stream, value);
    finish(body, stream);
}

fn chunks(answer: ResponseOutparam, count: u64, bytes: u64) {
    let bucket = bucket();
    let body = begin(answer, 200, bytes);
    let stream = body.write().expect("a stream not taken yet");
    for number in 0..count {
        let chunk = bucket
            .get(&format!("chunk-{number}"))
            .expect("a store that works");
        write(
            &stream,
            &chunk.expect("a chunk that the benchmark has stored"),
        );
    }
    finish(body, stream);
}

fn relay(answer: ResponseOutparam, target: &str) {
    let at = target.find('/').expect("a path behind the server's name");
    let (authority, path) = target.split_at(at);
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    request
        .set_authority(Some(authority))
        .and_then(|()| request.set_path_with_query(Some(path)))
        .expect("an address that the benchmark has made");
    let given = outgoing_handler::handle(request, None).expect("a server that the host allows");
    given.subscribe().block();
    let given = given.get().expect("it is there").expect("once");
    let given = given.expect("a server that answers");
    let length = given.headers().get("content-length");
    let length = length
        .first()
        .and_then(|text| std::str::from_utf8(text).ok());
    let rest = length.and_then(|text| text.parse().ok()).unwrap_or(0);
    let body = begin(answer, given.status(), rest);
    let incoming = given.consume().expect("a body not taken yet");
    let from = incoming.stream().expect("a stream not taken yet");
    copy(body, from, rest);
}

fn file(answer: ResponseOutparam, path: &str) {
    let folders = get_directories();
    let (folder, _) = folders
        .first()
        .expect("a folder that the benchmark has granted");
    let file = folder
        .open_at(
            PathFlags::empty(),
            path,
            OpenFlags::empty(),
            DescriptorFlags::READ,
        )
        .expect("a file that the benchmark has written");
    let bytes = file.stat().expect("a file that is there").size;
    let from = file.read_via_stream(0).expect("a readable file");
    let body = begin(answer, 200, bytes);
    copy(body, from, bytes);
}

/// Has the host copy so many bytes.
fn copy(body: OutgoingBody, from: InputStream, mut rest: u64) {
    let stream = body.write().expect("a stream not taken yet");
    while rest > 0 {
        rest -= stream
            .blocking_splice(&from, rest)
            .expect("both sides are still there");
    }
    drop(from);
    finish(body, stream);
}
