//! Requests to other servers, by `wasi:http/outgoing-handler`.

use std::io;

use wasi::http::outgoing_handler;
use wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method as WasiMethod,
    OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};

use super::body;
use super::respond::write;
use crate::http::Method;
use crate::http::client::{Address, AnswerFields, Client, Incoming, Outgoing, Payload, Unanswered};

/// As much of a body as is held while it is sent.
const PIECE: usize = 64 * 1024;

/// The host's way out.
pub(super) struct WasiClient;

impl Client for WasiClient {
    fn send(&self, request: Outgoing<'_>) -> Result<Incoming, Unanswered> {
        let head = request.method == Method::Head;
        let (outgoing, options) = prepare(&request)?;
        let body = match request.body {
            Payload::Nothing => None,
            _ => Some(outgoing.body().map_err(|()| Unanswered::BadAddress)?),
        };
        let answer = outgoing_handler::handle(outgoing, Some(options)).map_err(failed)?;
        if let Some(body) = body {
            // A server may answer before it has the whole body, and stop taking it: its answer counts.
            match send_body(&body, request.body) {
                Ok(()) => {
                    let _ = OutgoingBody::finish(body, None);
                }
                Err(error) => {
                    if let Some(early) = answered(&answer) {
                        return Ok(incoming(early?, head));
                    }
                    // Unfinished, so that the server never takes a part for the whole.
                    drop(body);
                    return match answer_of(&answer) {
                        Ok(late) => Ok(incoming(late, head)),
                        Err(Unanswered::Unreachable(_)) => {
                            let text = format!("it did not take the body: {error}");
                            Err(Unanswered::Unreachable(text))
                        }
                        Err(other) => Err(other),
                    };
                }
            }
        }
        Ok(incoming(answer_of(&answer)?, head))
    }

    fn send_all(&self, requests: Vec<Outgoing<'_>>) -> Vec<Result<Incoming, Unanswered>> {
        let mut sent = Vec::with_capacity(requests.len());
        for request in requests {
            let begun = prepare(&request).and_then(|(outgoing, options)| {
                outgoing_handler::handle(outgoing, Some(options)).map_err(failed)
            });
            sent.push((begun, request.method == Method::Head));
        }
        let answers = sent.into_iter();
        answers
            .map(|(begun, head)| Ok(incoming(answer_of(&begun?)?, head)))
            .collect()
    }
}

fn prepare(request: &Outgoing<'_>) -> Result<(OutgoingRequest, RequestOptions), Unanswered> {
    let address = Address::parse(request.url).ok_or(Unanswered::BadAddress)?;
    let mut fields: Vec<(String, Vec<u8>)> = Vec::with_capacity(request.headers.len() + 1);
    for (name, value) in &request.headers {
        fields.push(((*name).to_owned(), value.as_bytes().to_vec()));
    }
    let length = match &request.body {
        // Without one, some servers refuse what may have a body (411).
        Payload::Nothing if matches!(request.method, Method::Put | Method::Post) => Some(0),
        Payload::Nothing => None,
        Payload::Bytes(bytes) => Some(bytes.len() as u64),
        Payload::Stream(length, _) => Some(*length),
    };
    if let Some(length) = length {
        fields.push(("content-length".to_owned(), length.to_string().into_bytes()));
    }
    let fields = Fields::from_list(&fields)
        .map_err(|error| Unanswered::Nonsense(format!("the request's fields: {error}")))?;
    let outgoing = OutgoingRequest::new(fields);
    let method = match &request.method {
        Method::Get => WasiMethod::Get,
        Method::Head => WasiMethod::Head,
        Method::Put => WasiMethod::Put,
        Method::Post => WasiMethod::Post,
        Method::Delete => WasiMethod::Delete,
        Method::Other(name) => WasiMethod::Other(name.clone()),
    };
    let scheme = match address.secure {
        true => Scheme::Https,
        false => Scheme::Http,
    };
    let path = match address.path_with_query {
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        path => path.to_owned(),
    };
    // A GET need not be said.
    let named = match method {
        WasiMethod::Get => Ok(()),
        method => outgoing.set_method(&method),
    };
    named
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(address.authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(&path)))
        .map_err(|()| Unanswered::BadAddress)?;
    let options = RequestOptions::new();
    let patience = u64::try_from(request.patience.as_nanos()).ok();
    // A host that knows no time-outs has its own.
    let _ = options.set_connect_timeout(patience);
    let _ = options.set_first_byte_timeout(patience);
    let _ = options.set_between_bytes_timeout(patience);
    Ok((outgoing, options))
}

fn send_body(body: &OutgoingBody, payload: Payload<'_>) -> io::Result<()> {
    let stream = body
        .write()
        .map_err(|()| io::Error::other("the host has no stream for the body"))?;
    match payload {
        Payload::Nothing => Ok(()),
        Payload::Bytes(bytes) => write(&stream, bytes),
        Payload::Stream(length, reader) => {
            let mut left = length;
            let mut piece = vec![0; PIECE];
            while left > 0 {
                let room = PIECE.min(usize::try_from(left).unwrap_or(PIECE));
                let read = reader.read(piece.get_mut(..room).unwrap_or_default())?;
                if read == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                write(&stream, piece.get(..read).unwrap_or_default())?;
                left -= read as u64;
            }
            Ok(())
        }
    }
}

/// The answer, if it is there already.
fn answered(answer: &FutureIncomingResponse) -> Option<Result<IncomingResponse, Unanswered>> {
    let taken = answer.get()?;
    let gone = || Unanswered::Nonsense("the host gave the answer twice".to_owned());
    Some(taken.map_err(|()| gone()).and_then(|it| it.map_err(failed)))
}

/// The answer, waited for.
fn answer_of(answer: &FutureIncomingResponse) -> Result<IncomingResponse, Unanswered> {
    loop {
        answer.subscribe().block();
        if let Some(answer) = answered(answer) {
            return answer;
        }
    }
}

fn incoming(response: IncomingResponse, head: bool) -> Incoming {
    let headers = HostFields {
        fields: response.headers(),
        response,
    };
    let length = headers.get("content-length");
    let length = length.and_then(|text| text.trim().parse().ok());
    let response = &headers.response;
    let body: Box<dyn crate::http::Source> = match response.consume() {
        Ok(body) if !head => Box::new(body::Incoming::new(body, length)),
        _ => Box::new(NoBody),
    };
    Incoming {
        status: response.status(),
        headers: Box::new(headers),
        length,
        body,
    }
}

/// Fields that the host holds. They are a child of the answer, so they stand first and are dropped first.
struct HostFields {
    fields: Fields,
    response: IncomingResponse,
}

impl AnswerFields for HostFields {
    fn get(&self, name: &str) -> Option<String> {
        let first = self.fields.get(name).into_iter().next()?;
        String::from_utf8(first).ok()
    }
}

/// What `HEAD` is answered with.
struct NoBody;

impl crate::http::Source for NoBody {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

/// Whether this says that something took too long.
pub(super) fn is_late(error: &ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::DnsTimeout
            | ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionReadTimeout
            | ErrorCode::ConnectionWriteTimeout
            | ErrorCode::HttpResponseTimeout
    )
}

fn failed(error: ErrorCode) -> Unanswered {
    match error {
        ErrorCode::HttpRequestDenied => Unanswered::Denied,
        ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestUriTooLong => {
            Unanswered::BadAddress
        }
        late if is_late(&late) => Unanswered::TimedOut,
        ErrorCode::TlsProtocolError => {
            // Wasmtime and Spin say this of a certificate that they do not trust, too.
            let why = "the host does not trust its certificate, or speaks no TLS that it does";
            Unanswered::Untrusted(why.to_owned())
        }
        ErrorCode::TlsCertificateError => {
            Unanswered::Untrusted("the host does not trust its certificate".to_owned())
        }
        ErrorCode::TlsAlertReceived(_) => Unanswered::Untrusted("it raised an alert".to_owned()),
        ErrorCode::DnsError(_) => Unanswered::Unreachable("its name is not known".to_owned()),
        ErrorCode::ConnectionRefused => {
            Unanswered::Unreachable("the connection was refused".to_owned())
        }
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
            Unanswered::Unreachable("the connection broke".to_owned())
        }
        ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionLimitReached => {
            Unanswered::Unreachable("the host finds no way to it".to_owned())
        }
        ErrorCode::InternalError(why) => Unanswered::Unreachable(why.unwrap_or_default()),
        // Wasmtime and Spin say this of a connection that broke, too.
        ErrorCode::HttpProtocolError => Unanswered::Nonsense(
            "the host can't make sense of it, or the connection broke".to_owned(),
        ),
        _ => Unanswered::Nonsense("the host can't make sense of it".to_owned()),
    }
}
