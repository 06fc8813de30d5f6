//! The administration of a running edge, as `project`, `token` and `repair` speak to it: requests and answers in
//! JSON under `/-/admin/`, lists in pages, and tables for people.

use serde_json::value::RawValue;

use crate::client::{Address, Answer, Body, Client, ServerArgs};
use crate::url::query;
use crate::{Failure, output};

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Created,
    Changed,
    Unchanged,
    Removed,
    Absent,
}

/// What a list is asked for with.
#[derive(clap::Args)]
pub struct ListArgs {
    /// As a JSON list, for programs
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: ServerArgs,
}

/// One server, asked with an administrator's token.
pub struct Admin(Client);

impl Admin {
    pub fn new(server: ServerArgs) -> Result<Self, Failure> {
        Ok(Self(Client::new(server)?.without_project()))
    }

    pub fn address(&self) -> &Address {
        self.0.address()
    }

    /// Asks, and takes nothing but success for an answer.
    ///
    /// # Errors
    /// The server's own sentence.
    pub fn ask(&self, method: &str, path: &str, body: Body<'_>) -> Result<Answer, Failure> {
        let answer = self.0.ask(method, path, body)?;
        self.succeeded(answer)
    }

    fn succeeded(&self, answer: Answer) -> Result<Answer, Failure> {
        match answer.status {
            200 | 201 => Ok(answer),
            401 => Err(self.0.not_let_in(&answer)),
            _ => Err(format!("{}: {}", self.address(), answer.reason()).into()),
        }
    }

    /// Asks for a change, and says what it did.
    pub fn change(&self, method: &str, path: &str, body: Body<'_>) -> Result<Outcome, Failure> {
        let answer = self.ask(method, path, body)?;
        self.outcome(&answer)
    }

    /// The same of what is there; none where it is not.
    pub fn change_if_there(
        &self,
        method: &str,
        path: &str,
        body: Body<'_>,
    ) -> Result<Option<Outcome>, Failure> {
        let answer = self.0.ask(method, path, body)?;
        match answer.status {
            404 => Ok(None),
            _ => self.outcome(&self.succeeded(answer)?).map(Some),
        }
    }

    fn outcome(&self, answer: &Answer) -> Result<Outcome, Failure> {
        #[derive(serde::Deserialize)]
        struct Changed {
            outcome: Outcome,
        }
        Ok(self.read::<Changed>(answer)?.outcome)
    }

    /// All entries of a list, page by page, each just as the server wrote it.
    pub fn list(&self, path: &str) -> Result<Vec<Box<RawValue>>, Failure> {
        #[derive(serde::Deserialize)]
        struct Page {
            #[serde(alias = "projects", alias = "tokens")]
            entries: Vec<Box<RawValue>>,
            #[serde(default)]
            unreadable: Vec<String>,
            cursor: Option<String>,
        }
        let mut entries = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let path = format!("{path}{}", query(&[("cursor", cursor.as_deref())]));
            let page: Page = self.read(&self.ask("GET", &path, Body::None)?)?;
            entries.extend(page.entries);
            for document in page.unreadable {
                output::note(format_args!(
                    "note: what the store keeps as {document} can't be read; add the project or the token once more, or remove it"
                ));
            }
            if page.cursor.is_none() {
                return Ok(entries);
            }
            self.check_progress(cursor.as_deref(), page.cursor.as_deref())?;
            cursor = page.cursor;
        }
    }

    /// Reads an answer's JSON.
    pub fn read<T: serde::de::DeserializeOwned>(&self, answer: &Answer) -> Result<T, Failure> {
        serde_json::from_slice(&answer.body).map_err(|error| {
            format!(
                "{} gave an answer that is none of ours: {error}",
                self.address()
            )
            .into()
        })
    }

    /// Whether the next page is another one than the last.
    pub fn check_progress(&self, last: Option<&str>, next: Option<&str>) -> Result<(), Failure> {
        if next.is_some() && next != last {
            return Ok(());
        }
        Err(format!(
            "{} does not get on: it gave the same page twice",
            self.address()
        )
        .into())
    }
}

/// Where a project or a token stands.
#[derive(serde::Deserialize)]
pub struct Place {
    source: String,
    #[serde(default)]
    hidden: bool,
    #[serde(default)]
    hidden_modules: Vec<String>,
}

impl Place {
    pub fn words(&self) -> String {
        if self.hidden {
            format!("{} (hidden)", self.source)
        } else if !self.hidden_modules.is_empty() {
            format!(
                "{} ({} hidden)",
                self.source,
                self.hidden_modules.join(", ")
            )
        } else {
            self.source.clone()
        }
    }

    fn is_hidden(&self) -> bool {
        self.hidden || !self.hidden_modules.is_empty()
    }
}

/// Prints a list: as JSON, an entry a line, or as a table of these columns.
pub fn print_list<T: serde::de::DeserializeOwned>(
    entries: &[Box<RawValue>],
    as_json: bool,
    columns: &[&str],
    row: impl Fn(&T) -> Vec<String>,
    place: impl Fn(&T) -> &Place,
) -> Result<(), Failure> {
    if as_json {
        let lines: Vec<_> = entries.iter().map(|entry| entry.get()).collect();
        return output::print(format_args!("[\n{}\n]", lines.join(",\n")));
    }
    let mut rows = vec![columns.iter().map(|name| (*name).to_owned()).collect()];
    let mut any_hidden = false;
    for entry in entries {
        let entry: T = serde_json::from_str(entry.get())
            .map_err(|error| format!("an entry that is none of ours: {error}"))?;
        any_hidden |= place(&entry).is_hidden();
        rows.push(row(&entry));
    }
    output::print(table(&rows).trim_end())?;
    if any_hidden {
        output::note(
            "note: what is hidden opens nothing: the configuration has the same id, path, name, hash or prefixes, and wins",
        );
    }
    Ok(())
}

/// Rows of cells, each column as wide as its widest cell, two spaces between them.
fn table(rows: &[Vec<String>]) -> String {
    let width = |cell: &String| cell.chars().count();
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = width(cell).max(*widest);
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, widest) in row.iter().zip(&widths) {
            line += cell;
            line.extend(std::iter::repeat_n(' ', widest - width(cell) + 2));
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_its_lines_have_no_space_at_their_end() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["NAME", "SCOPES", "SOURCE"]),
            row(["ci", "read_api, api", "store (hidden)"]),
            row(["münchen", "", ""]),
        ];
        assert_eq!(
            table(&rows),
            "NAME     SCOPES         SOURCE\nci       read_api, api  store (hidden)\nmünchen\n"
        );
    }
}
