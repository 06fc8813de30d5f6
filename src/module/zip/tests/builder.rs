//! Builds archives byte by byte, so that they can lie about everything.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// The fields that a local header and the central directory both have.
#[derive(Clone)]
pub struct Fields {
    pub flags: u16,
    pub method: u16,
    pub crc: u32,
    pub compressed: u32,
    pub size: u32,
    pub name: Vec<u8>,
    pub extra: Vec<u8>,
}

/// An entry: what the two headers say, and the bytes that are there.
#[derive(Clone)]
pub struct Item {
    pub local: Fields,
    pub central: Fields,
    /// The host that made it, and its attributes: a mode in the high half, on Unix.
    pub made_by: u16,
    pub attributes: u32,
    pub date: u16,
    pub data: Vec<u8>,
    /// What stands before the local header, and after the data.
    pub before: Vec<u8>,
    pub after: Vec<u8>,
    /// Where the central directory says that the local header is, if not where it is.
    pub header: Option<u32>,
}

impl Item {
    /// A deflated file.
    pub fn file(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Item {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content.as_ref()).unwrap();
        Item::raw(name, content, 8, encoder.finish().unwrap())
    }

    /// A file that is not compressed.
    pub fn stored(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Item {
        let data = content.as_ref().to_vec();
        Item::raw(name, content, 0, data)
    }

    /// A folder.
    pub fn folder(name: impl AsRef<[u8]>) -> Item {
        Item::stored(name, "")
    }

    /// A file with a Unix mode.
    pub fn with_mode(self, mode: u32) -> Item {
        Item {
            made_by: 3 << 8 | 20,
            attributes: mode << 16,
            ..self
        }
    }

    /// A file with this extra field in both headers.
    pub fn with_extra(mut self, kind: u16, content: &[u8]) -> Item {
        let field = [
            &kind.to_le_bytes(),
            &(content.len() as u16).to_le_bytes(),
            content,
        ]
        .concat();
        self.local.extra.extend(&field);
        self.central.extra.extend(&field);
        self
    }

    /// A file whose sizes follow the data, after a signature or without one.
    pub fn with_descriptor(mut self, signature: &[u8]) -> Item {
        self.local.flags |= 8;
        self.central.flags |= 8;
        self.after = signature.to_vec();
        for value in [self.central.crc, self.central.compressed, self.central.size] {
            self.after.extend(value.to_le_bytes());
        }
        (self.local.crc, self.local.compressed, self.local.size) = (0, 0, 0);
        self
    }

    /// Changes both headers.
    pub fn both(mut self, change: impl Fn(&mut Fields)) -> Item {
        change(&mut self.local);
        change(&mut self.central);
        self
    }

    fn raw(name: impl AsRef<[u8]>, content: impl AsRef<[u8]>, method: u16, data: Vec<u8>) -> Item {
        let fields = Fields {
            flags: 0,
            method,
            crc: zlib_rs::crc32::crc32(0, content.as_ref()),
            compressed: data.len() as u32,
            size: content.as_ref().len() as u32,
            name: name.as_ref().to_vec(),
            extra: Vec::new(),
        };
        Item {
            local: fields.clone(),
            central: fields,
            made_by: 20,
            attributes: 0,
            date: 0,
            data,
            before: Vec::new(),
            after: Vec::new(),
            header: None,
        }
    }
}

/// An archive of items, and what its end says.
#[derive(Default, Clone)]
pub struct Archive {
    pub items: Vec<Item>,
    pub before_directory: Vec<u8>,
    pub after_directory: Vec<u8>,
    pub comment: Vec<u8>,
    pub trailing: Vec<u8>,
    /// What the end record says instead of the truth.
    pub count: Option<u16>,
    pub directory: Option<u32>,
    pub directory_bytes: Option<u32>,
}

impl Archive {
    /// A truthful archive.
    pub fn of(items: impl IntoIterator<Item = Item>) -> Archive {
        Archive {
            items: items.into_iter().collect(),
            ..Archive::default()
        }
    }

    /// The archive's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut directory = Vec::new();
        for item in &self.items {
            bytes.extend(&item.before);
            let header = item.header.unwrap_or(bytes.len() as u32);
            put(&mut bytes, b"PK\x03\x04", &[20]);
            common(&mut bytes, &item.local, item.date);
            bytes.extend(&item.local.name);
            bytes.extend(&item.local.extra);
            bytes.extend(&item.data);
            bytes.extend(&item.after);
            put(&mut directory, b"PK\x01\x02", &[item.made_by, 20]);
            common(&mut directory, &item.central, item.date);
            put(&mut directory, b"", &[0, 0, 0]);
            directory.extend(item.attributes.to_le_bytes());
            directory.extend(header.to_le_bytes());
            directory.extend(&item.central.name);
            directory.extend(&item.central.extra);
        }
        bytes.extend(&self.before_directory);
        let start = self.directory.unwrap_or(bytes.len() as u32);
        let size = self.directory_bytes.unwrap_or(directory.len() as u32);
        let count = self.count.unwrap_or(self.items.len() as u16);
        bytes.extend(&directory);
        bytes.extend(&self.after_directory);
        put(&mut bytes, b"PK\x05\x06", &[0, 0, count, count]);
        bytes.extend(size.to_le_bytes());
        bytes.extend(start.to_le_bytes());
        bytes.extend((self.comment.len() as u16).to_le_bytes());
        bytes.extend(&self.comment);
        bytes.extend(&self.trailing);
        bytes
    }
}

fn put(bytes: &mut Vec<u8>, signature: &[u8], values: &[u16]) {
    bytes.extend(signature);
    for value in values {
        bytes.extend(value.to_le_bytes());
    }
}

fn common(bytes: &mut Vec<u8>, fields: &Fields, date: u16) {
    put(bytes, b"", &[fields.flags, fields.method, 0, date]);
    for value in [fields.crc, fields.compressed, fields.size] {
        bytes.extend(value.to_le_bytes());
    }
    put(
        bytes,
        b"",
        &[fields.name.len() as u16, fields.extra.len() as u16],
    );
}
