//! Extra fields: the parts of a header that were added to the format later.
//!
//! Fields that are not known here are skipped, and so is a damaged rest, as Go does.
//!
//! Source: PKWARE APPNOTE.TXT 6.3.10, section 4.5.3 (zip64); Info-ZIP's `extrafld.txt` (`UT`, and
//! the Unicode path `up`).

use super::super::Timestamp;
use super::directory::Entry;
use super::reader::{take, take_u16, take_u32, take_u64};

const ZIP64: u16 = 0x0001;
const EXTENDED_TIME: u16 = 0x5455;
const UNICODE_PATH: u16 = 0x7075;

/// The fields of an extra area: kind and content.
pub fn fields(mut area: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let kind = take_u16(&mut area)?;
        let length = take_u16(&mut area)?;
        let (content, rest) = area.split_at_checked(length.into())?;
        area = rest;
        Some((kind, content))
    })
}

/// What the extra fields of a central directory's record say.
#[derive(Default)]
pub struct Central {
    /// The time of the last change, in UTC.
    pub modified: Option<Timestamp>,
    /// Whether a field gives another name than the record.
    pub has_other_name: bool,
}

impl Central {
    /// Reads the fields, and puts the sizes and the place that did not fit into 32 bits into
    /// `entry`; `None` where they are missing.
    pub fn read(&mut self, entry: &mut Entry, name: &[u8], area: &[u8]) -> Option<()> {
        const FULL: u64 = u32::MAX as u64;
        for (kind, content) in fields(area) {
            let mut content = content;
            match kind {
                ZIP64 => {
                    // Each is there only if its short form says so, in this order.
                    for value in [&mut entry.size, &mut entry.compressed, &mut entry.header] {
                        if *value == FULL {
                            *value = take_u64(&mut content)?;
                        }
                    }
                }
                EXTENDED_TIME => self.modified = self.modified.max(extended_time(content)),
                UNICODE_PATH => self.has_other_name |= is_other_name(content, name),
                _ => {}
            }
        }
        Some(())
    }
}

/// The sizes in a local header's zip64 field: content and data.
pub fn local_sizes(area: &[u8]) -> Option<(u64, u64)> {
    let (_, mut content) = fields(area).find(|(kind, _)| *kind == ZIP64)?;
    Some((take_u64(&mut content)?, take_u64(&mut content)?))
}

/// Whether a local header's extra fields give another name than the header.
pub fn gives_other_name(area: &[u8], name: &[u8]) -> bool {
    fields(area).any(|(kind, content)| kind == UNICODE_PATH && is_other_name(content, name))
}

/// The time of the last change. Go takes the seconds as unsigned, and so does git.
fn extended_time(mut content: &[u8]) -> Option<Timestamp> {
    let [flags] = take(&mut content)?;
    let seconds = take_u32(&mut content)?;
    if flags & 1 == 0 {
        return None;
    }
    Timestamp::from_unix(seconds.into(), 0)
}

/// Whether a Unicode path is another than the name: some readers would use it.
fn is_other_name(mut content: &[u8], name: &[u8]) -> bool {
    // A version, and the CRC-32 of the name that the path replaces.
    take::<5>(&mut content).is_some() && content != name
}
