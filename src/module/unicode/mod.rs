//! What Go's `unicode` package says of a code point, as far as module rules ask for it.
//!
//! Rust's standard library answers other questions (Alphabetic, full case mappings) and for another
//! Unicode version, so the tables are Go's own. They are read once into sorted lists: a name may
//! have thousands of letters outside ASCII.

mod tables;

use std::sync::OnceLock;

/// Whether Go's `unicode.IsLetter` holds: General_Category L.
pub fn is_letter(c: char) -> bool {
    static EDGES: OnceLock<Vec<u32>> = OnceLock::new();
    c.is_ascii_alphabetic() || is_inside(EDGES.get_or_init(|| edges(tables::LETTERS)), c)
}

/// Whether Go's `unicode.IsPrint` holds: letters, marks, numbers, punctuation, symbols and the
/// ASCII space.
pub fn is_printed(c: char) -> bool {
    static EDGES: OnceLock<Vec<u32>> = OnceLock::new();
    matches!(c, ' '..='~') || is_inside(EDGES.get_or_init(|| edges(tables::PRINTED)), c)
}

/// One code point for all that Go's `unicode.SimpleFold` leads to from `c`: two strings are equal
/// under Go's `strings.EqualFold` exactly if their folded code points are (x/mod zip `strToFold`).
pub fn fold(c: char) -> char {
    static RUNS: OnceLock<Vec<Run>> = OnceLock::new();
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let code = u32::from(c);
    let runs = RUNS.get_or_init(runs);
    let run = runs.get(runs.partition_point(|run| run.last < code));
    match run {
        Some(run) if run.first <= code && (code - run.first).is_multiple_of(run.stride) => {
            char::from_u32(code - run.distance)
                .unwrap_or(c)
                .to_ascii_lowercase()
        }
        _ => c,
    }
}

/// Code points at the same distance from the ones they fold to.
struct Run {
    first: u32,
    last: u32,
    stride: u32,
    distance: u32,
}

fn runs() -> Vec<Run> {
    let mut numbers = numbers(tables::FOLDS);
    let mut runs = Vec::new();
    let mut end = 0;
    while let (Some(gap), Some(size), Some(distance)) =
        (numbers.next(), numbers.next(), numbers.next())
    {
        let (count, stride) = (size >> 1, (size & 1) + 1);
        let first = end + gap;
        end = first + (count - 1) * stride;
        runs.push(Run {
            first,
            last: end,
            stride,
            distance,
        });
    }
    runs
}

/// Whether an odd number of edges lies at or before `c`.
fn is_inside(edges: &[u32], c: char) -> bool {
    edges.partition_point(|&edge| edge <= u32::from(c)) % 2 == 1
}

fn edges(table: &[u8]) -> Vec<u32> {
    let distances = numbers(table);
    distances
        .scan(0, |edge, distance| {
            *edge += distance;
            Some(*edge)
        })
        .collect()
}

/// Reads numbers of seven bits a byte, the lowest first.
fn numbers(table: &[u8]) -> impl Iterator<Item = u32> {
    let mut bytes = table.iter();
    std::iter::from_fn(move || {
        let mut number = 0;
        for shift in (0..32).step_by(7) {
            let byte = *bytes.next()?;
            number |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        Some(number)
    })
}

#[cfg(test)]
mod tests;
