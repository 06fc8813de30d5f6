//! Sends a zip to a server: through it, or past it to its object store where the server wants large ones there.
//!
//! The server is asked before a zip that a host at the edge may not let through, and after one that was too large.
//! Servers that have no way past themselves say so, and get the zip by `PUT`: the module zip, since it is there
//! already, and they need not make it once more of the source archive.

use std::fs::File;
use std::time::Duration;

use crate::Failure;
use crate::client::{Answer, Body, Client};
use crate::url::query;

/// Akamai's hosts let 10 MiB through: from here on the server is asked first.
const ASK_FROM: u64 = 8 << 20;
/// How often an upload is begun anew.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// A zip on its way.
pub struct Upload<'a> {
    /// The path of the `.zip`.
    pub path: &'a str,
    /// The query of a `PUT` of that.
    pub through: &'a str,
    /// What the query says of the version itself.
    pub facts: &'a str,
    /// What goes through the server.
    pub file: &'a File,
    /// What goes past it: a canonical module zip, which a large source archive takes seconds to become.
    pub module_zip: &'a dyn Fn() -> Result<File, Failure>,
    /// Hears how many bytes have gone.
    pub sent: &'a dyn Fn(u64),
}

/// What a server says to `?uploads`.
#[derive(serde::Deserialize)]
struct Begun {
    id: String,
    url: String,
}

/// Sends a zip and has it published.
///
/// # Errors
/// As [`Client::ask`], and when the object store takes it at no attempt.
pub fn send(client: &Client, upload: &Upload<'_>) -> Result<Answer, Failure> {
    let ask_first = upload.file.metadata()?.len() >= ASK_FROM;
    let packed = match ask_first.then(|| past(client, upload)).transpose()? {
        Some(Past::Answered(answer)) => return Ok(answer),
        Some(Past::NoWay(zip)) => Some(zip),
        None => None,
    };
    let (file, query) = match &packed {
        Some(zip) => (zip, upload.facts),
        None => (upload.file, upload.through),
    };
    let body = Body::File {
        file,
        content_type: "application/zip",
        sent: upload.sent,
    };
    let url = format!("{}{query}", upload.path);
    let answer = client.ask("PUT", &url, body)?;
    if answer.status == 413
        && !ask_first
        && let Past::Answered(answer) = past(client, upload)?
    {
        return Ok(answer);
    }
    Ok(answer)
}

/// What comes of an attempt to go past the server.
enum Past {
    Answered(Answer),
    /// It has no way past itself; the module zip was made nevertheless, for its size is asked for.
    NoWay(File),
}

fn past(client: &Client, upload: &Upload<'_>) -> Result<Past, Failure> {
    let zip = (upload.module_zip)()?;
    let size = zip.metadata()?.len().to_string();
    let begin = format!(
        "{}{}",
        upload.path,
        query(&[("uploads", Some("")), ("size", Some(&size))])
    );
    let mut why = String::new();
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        let answer = client.ask("POST", &begin, Body::None)?;
        match answer.status {
            200 => {}
            404 | 405 | 501 => return Ok(Past::NoWay(zip)),
            _ => return Ok(Past::Answered(answer)),
        }
        let begun: Begun = serde_json::from_slice(&answer.body).map_err(|error| {
            format!(
                "{} gave an answer that is none of ours: {error}",
                client.address()
            )
        })?;
        if let Err(refusal) = client.put_elsewhere(&begun.url, &zip, upload.sent)? {
            why = refusal;
            continue;
        }
        let complete = query(&[("complete", Some(&begun.id))]);
        let facts = upload.facts.replacen('?', "&", 1);
        let url = format!("{}{complete}{facts}", upload.path);
        let answer = client.ask("POST", &url, Body::None)?;
        if answer.status != 404 {
            return Ok(Past::Answered(answer));
        }
        // An attempt whose answer was lost may have used it up.
        why = answer.reason();
    }
    Err(format!(
        "{} wants this zip in its object store, which did not take it: {why}",
        client.address()
    )
    .into())
}
