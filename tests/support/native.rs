//! The store that speaks S3, in this process: without a component and a host around it.

use std::io::{self, Read};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use goproxy_edge::http::client::{Client, Incoming, Outgoing, Payload, Unanswered};
use goproxy_edge::http::{Headers, Source};
use goproxy_edge::store::Entropy;
use goproxy_edge::store::s3::{Config, S3};
use ureq::http::{Request, Response};
use ureq::{Agent, Body, SendBody};

use super::s3::{ObjectStore, settings};

/// The store in the bucket of this server.
pub fn store_in(server: &ObjectStore) -> S3 {
    let mut config = Config::default();
    let endpoint = format!("http://{}", server.address());
    for (name, value) in settings("s3", &endpoint) {
        if name != "store" {
            config.set(name, value).expect("a right setting");
        }
    }
    let agent = Agent::config_builder().http_status_as_error(false).build();
    S3::new(Rc::new(config), Rc::new(Plain(agent.into())), Rc::new(Own))
}

struct Plain(Agent);

impl Client for Plain {
    fn send(&self, request: Outgoing<'_>) -> Result<Incoming, Unanswered> {
        let mut head = Request::builder()
            .method(request.method.as_str())
            .uri(request.url);
        for (name, value) in &request.headers {
            head = head.header(*name, value);
        }
        let told = match request.body {
            Payload::Nothing => self.run(head.body(SendBody::none())),
            Payload::Bytes(mut bytes) => {
                let head = head.header("content-length", bytes.len());
                self.run(head.body(SendBody::from_reader(&mut bytes)))
            }
            Payload::Stream(length, mut reader) => {
                let head = head.header("content-length", length);
                self.run(head.body(SendBody::from_reader(&mut reader)))
            }
        };
        let (head, body) = told?.into_parts();
        let fields = head.headers.iter().map(|(name, value)| {
            let name = name.as_str().to_owned();
            (name, value.as_bytes().to_vec())
        });
        let headers = Headers::new(fields.collect());
        let length = headers.get("content-length");
        Ok(Incoming {
            status: head.status.as_u16(),
            length: length.and_then(|length| length.parse().ok()),
            headers: Box::new(headers),
            body: Box::new(Pieces(body.into_reader())),
        })
    }
}

impl Plain {
    fn run(
        &self,
        request: Result<Request<SendBody<'_>>, ureq::http::Error>,
    ) -> Result<Response<Body>, Unanswered> {
        let request = request.map_err(|_| Unanswered::BadAddress)?;
        let told = self.0.run(request);
        told.map_err(|error| Unanswered::Unreachable(error.to_string()))
    }
}

struct Pieces<R>(R);

impl<R: Read> Source for Pieces<R> {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut piece = vec![0; 64 << 10];
        let read = self.0.read(&mut piece)?;
        piece.truncate(read);
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

struct Own;

impl Entropy for Own {
    fn unix_seconds(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs() as i64)
    }

    fn random(&self) -> u64 {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).expect("chance");
        u64::from_ne_bytes(bytes)
    }
}
