//! Plain hyper servers that do by hand what a component is asked to do: the physical floor.

use std::convert::Infallible;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use redb::{Database, ReadableDatabase as _, TableDefinition};
use tokio::net::TcpListener;

use super::CHUNK;

const TABLE: TableDefinition<&str, &[u8]> = TableDefinition::new("default");

/// Where the bodies come from.
struct Sources {
    store: Database,
    folder: PathBuf,
}

impl Sources {
    fn get(&self, key: &str) -> Bytes {
        let read = self.store.begin_read().expect("a store that works");
        let table = read.open_table(TABLE).expect("the table that was filled");
        let value = table
            .get(key)
            .expect("a store that works")
            .expect("a key that was stored");
        Bytes::copy_from_slice(value.value())
    }
}

enum Answer {
    Whole(Option<Bytes>),
    Chunks {
        sources: Arc<Sources>,
        next: usize,
        count: usize,
    },
    File {
        file: File,
        rest: usize,
    },
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match &mut *self {
            Answer::Whole(bytes) => bytes.take(),
            Answer::Chunks { next, count, .. } if next == count => None,
            Answer::Chunks { sources, next, .. } => {
                *next += 1;
                Some(sources.get(&format!("chunk-{}", *next - 1)))
            }
            Answer::File { rest: 0, .. } => None,
            Answer::File { file, rest } => {
                let mut bytes = vec![0; CHUNK.min(*rest)];
                file.read_exact(&mut bytes).expect("a file that is there");
                *rest -= bytes.len();
                Some(bytes.into())
            }
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Serves the floor component's paths from a store file and a folder.
pub async fn serve(listener: TcpListener, store: PathBuf, folder: &Path) {
    let store = Database::create(store).expect("the store that was filled");
    let sources = Arc::new(Sources {
        store,
        folder: folder.to_owned(),
    });
    loop {
        let (socket, _) = listener.accept().await.expect("a connection");
        socket.set_nodelay(true).expect("an open socket");
        let sources = sources.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answer = answer(&sources, &request);
                async { Ok::<_, Infallible>(answer) }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(hyper_util::rt::TokioIo::new(socket), service)
                .await;
        });
    }
}

fn answer(sources: &Arc<Sources>, request: &Request<Incoming>) -> Response<Answer> {
    let mut elements = request.uri().path().split('/').skip(1);
    let (bytes, body) = match elements.next() {
        Some("chunks") => {
            let mut number = || {
                elements
                    .next()
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(0)
            };
            let (count, bytes) = (number(), number());
            (
                bytes,
                Answer::Chunks {
                    sources: sources.clone(),
                    next: 0,
                    count,
                },
            )
        }
        Some("file") => {
            let path = sources.folder.join(elements.next().unwrap_or_default());
            let file = File::open(path).expect("a file that the benchmark has written");
            let bytes = file.metadata().expect("a file that is there").len() as usize;
            (bytes, Answer::File { file, rest: bytes })
        }
        _ => {
            let value = sources.get("floor");
            (value.len(), Answer::Whole(Some(value)))
        }
    };
    Response::builder()
        .header("content-length", bytes)
        .body(body)
        .expect("legal headers")
}
