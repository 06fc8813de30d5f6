//! An HTTP/1.1 client that sends a request just as it is given, however wrong, and shows all of the answer.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// A request; nothing in it is checked or encoded.
#[derive(Clone)]
pub struct Request {
    method: String,
    target: Vec<u8>,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    declared: Option<u64>,
}

impl Request {
    pub fn new(method: &str, target: impl AsRef<[u8]>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.as_ref().to_owned(),
            headers: Vec::new(),
            body: None,
            declared: None,
        }
    }

    pub fn header(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn token(self, token: &str) -> Self {
        self.header("Authorization", format_args!("Bearer {token}"))
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// A Content-Length other than the body's.
    pub fn declare_length(mut self, length: u64) -> Self {
        self.declared = Some(length);
        self
    }

    fn head(&self, address: &str) -> Vec<u8> {
        let mut head = self.method.clone().into_bytes();
        head.push(b' ');
        head.extend_from_slice(&self.target);
        head.extend_from_slice(
            format!(" HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n").as_bytes(),
        );
        for (name, value) in &self.headers {
            head.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if let Some(length) = self
            .declared
            .or(self.body.as_ref().map(|body| body.len() as u64))
        {
            head.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    #[track_caller]
    pub fn send(&self, address: &str) -> Answer {
        let mut stream = self.open(address);
        // A server that refuses may close before all has gone; its answer is what counts.
        let _ = stream.write_all(self.body.as_deref().unwrap_or_default());
        Answer::read(stream, &self.method).unwrap_or_else(|error| {
            panic!(
                "{} {}: no answer: {error}",
                self.method,
                String::from_utf8_lossy(&self.target)
            )
        })
    }

    /// Sends the head and the body that there is, and closes the connection without waiting for an answer.
    #[track_caller]
    pub fn send_and_cut(&self, address: &str) {
        let mut stream = self.open(address);
        stream
            .write_all(self.body.as_deref().unwrap_or_default())
            .expect("the server reads");
        stream.flush().expect("the server reads");
        let _ = stream.shutdown(Shutdown::Both);
    }

    #[track_caller]
    fn open(&self, address: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).expect("the server listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .expect("a time-out");
        stream
            .write_all(&self.head(address))
            .expect("the server reads");
        stream
    }
}

/// An answer: status, headers in lower case sorted by name, body.
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    fn read(mut stream: TcpStream, method: &str) -> io::Result<Self> {
        let mut all = Vec::new();
        let ended = stream.read_to_end(&mut all);
        let wrong = |what: &str| io::Error::other(format!("{what} ({} bytes came)", all.len()));
        let mut rest = all.as_slice();
        let (status, mut headers) = loop {
            let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") else {
                ended?;
                return Err(wrong("the head is not whole"));
            };
            let head = String::from_utf8_lossy(&rest[..end]).into_owned();
            rest = &rest[end + 4..];
            let mut lines = head.split("\r\n");
            let status = lines
                .next()
                .and_then(|line| line.split(' ').nth(1)?.parse::<u16>().ok());
            let status = status.ok_or_else(|| wrong("no status"))?;
            // 100 Continue comes before the answer.
            if status != 100 {
                let headers: Vec<(String, String)> = lines
                    .filter_map(|line| line.split_once(": "))
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                    .collect();
                break (status, headers);
            }
        };
        headers.sort();
        let answer = Self {
            status,
            headers,
            body: rest.to_vec(),
        };
        let length = answer
            .header("content-length")
            .and_then(|length| length.parse::<usize>().ok());
        match length {
            _ if method == "HEAD" || matches!(status, 204 | 304) => {}
            Some(length) if length == answer.body.len() => {}
            _ => {
                return Err(wrong(&format!(
                    "a body of {} bytes with {:?}",
                    answer.body.len(),
                    answer.headers
                )));
            }
        }
        Ok(answer)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// All of it, as a test writes it down: the status, a line for each header but those that are the
    /// connection's (`date`, `connection`), an empty line, the body.
    pub fn show(&self) -> String {
        let mut text = format!("{}\n", self.status);
        for (name, value) in &self.headers {
            if name != "date" && name != "connection" {
                text += &format!("{name}: {value}\n");
            }
        }
        text + "\n" + &self.text()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show())
    }
}

/// An error's whole answer, as [`Answer::show`] writes it. `more` are the headers that it has beside those of every
/// error, a line each.
pub fn refusal(status: u16, age: &str, more: &str, text: &str) -> String {
    let mut headers = vec![
        format!("cache-control: {age}"),
        format!("content-length: {}", text.len()),
        "content-type: text/plain; charset=utf-8".to_owned(),
        "x-content-type-options: nosniff".to_owned(),
    ];
    headers.extend(more.lines().map(str::to_owned));
    headers.sort();
    format!("{status}\n{}\n\n{text}", headers.join("\n"))
}
