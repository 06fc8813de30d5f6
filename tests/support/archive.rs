//! Zips: right ones by the `zip` crate, wrong ones byte by byte.

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A zip of these files, with this in front of each name.
pub fn zip(prefix: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, text) in files {
        writer
            .start_file(format!("{prefix}{name}"), options)
            .expect("a name");
        writer.write_all(text).expect("memory");
    }
    writer.finish().expect("a zip").into_inner()
}

/// A module zip, as the `go` command makes it.
pub fn module_zip(module: &str, version: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    zip(&format!("{module}@{version}/"), files)
}

/// A module zip with a go.mod and one file: as much as a module needs.
pub fn small_module(module: &str, version: &str) -> Vec<u8> {
    module_zip(
        module,
        version,
        &[
            ("go.mod", format!("module {module}\n").as_bytes()),
            ("m.go", b"package m\n\nconst Version = \"\"\n"),
        ],
    )
}

/// One entry of a zip in which nothing needs to be true. By default everything is.
#[derive(Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    /// The name in the local header, if it is another one.
    pub local_name: Option<Vec<u8>>,
    pub data: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    pub crc: u32,
    pub size: u32,
    pub packed_size: u32,
    /// What the local header says of the size, if that is something else.
    pub local_size: Option<u32>,
    pub external_attributes: u32,
    /// Points the central directory at this entry's local header instead of its own.
    pub shares_header_of: Option<usize>,
}

impl Entry {
    /// A stored file.
    pub fn stored(name: &str, data: &[u8]) -> Self {
        let size = u32::try_from(data.len()).expect("a small file");
        Self {
            name: name.as_bytes().to_vec(),
            local_name: None,
            data: data.to_vec(),
            method: 0,
            flags: 0,
            crc: crc32fast::hash(data),
            size,
            packed_size: size,
            local_size: None,
            external_attributes: 0o100_644 << 16,
            shares_header_of: None,
        }
    }

    /// A file packed by deflate.
    pub fn deflated(name: &str, data: &[u8]) -> Self {
        let mut packer =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(data).expect("memory");
        let packed = packer.finish().expect("memory");
        Self {
            method: 8,
            packed_size: u32::try_from(packed.len()).expect("a small file"),
            data: packed,
            ..Self {
                crc: crc32fast::hash(data),
                size: u32::try_from(data.len()).expect("under 4 GiB"),
                ..Self::stored(name, b"")
            }
        }
    }
}

/// Writes these entries, with these bytes in front.
pub fn raw_zip(front: &[u8], entries: &[Entry]) -> Vec<u8> {
    let mut zip = front.to_vec();
    let mut directory = Vec::new();
    let mut offsets = Vec::new();
    for entry in entries {
        let here = u32::try_from(zip.len()).expect("a small zip");
        let offset = entry.shares_header_of.map_or(here, |other| offsets[other]);
        offsets.push(here);
        if entry.shares_header_of.is_none() {
            let local_name = entry.local_name.as_ref().unwrap_or(&entry.name);
            zip.extend_from_slice(b"PK\x03\x04");
            put16(&mut zip, &[20, entry.flags, entry.method, 0, 0x21]);
            put32(
                &mut zip,
                &[
                    entry.crc,
                    entry.packed_size,
                    entry.local_size.unwrap_or(entry.size),
                ],
            );
            put16(&mut zip, &[length16(local_name), 0]);
            zip.extend_from_slice(local_name);
            zip.extend_from_slice(&entry.data);
        }
        directory.extend_from_slice(b"PK\x01\x02");
        put16(
            &mut directory,
            &[0x0314, 20, entry.flags, entry.method, 0, 0x21],
        );
        put32(&mut directory, &[entry.crc, entry.packed_size, entry.size]);
        put16(&mut directory, &[length16(&entry.name), 0, 0, 0, 0]);
        put32(&mut directory, &[entry.external_attributes, offset]);
        directory.extend_from_slice(&entry.name);
    }
    let directory_at = u32::try_from(zip.len()).expect("a small zip");
    zip.extend_from_slice(&directory);
    zip.extend_from_slice(b"PK\x05\x06");
    let count = u16::try_from(entries.len()).expect("few entries");
    put16(&mut zip, &[0, 0, count, count]);
    put32(
        &mut zip,
        &[
            u32::try_from(directory.len()).expect("a small zip"),
            directory_at,
        ],
    );
    put16(&mut zip, &[0]);
    zip
}

fn length16(name: &[u8]) -> u16 {
    u16::try_from(name.len()).expect("a short name")
}

fn put16(to: &mut Vec<u8>, numbers: &[u16]) {
    numbers
        .iter()
        .for_each(|number| to.extend_from_slice(&number.to_le_bytes()));
}

fn put32(to: &mut Vec<u8>, numbers: &[u32]) {
    numbers
        .iter()
        .for_each(|number| to.extend_from_slice(&number.to_le_bytes()));
}

/// Bytes that do not repeat, so that they do not shrink; the same ones each time.
pub fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut noise = Vec::with_capacity(size + 8);
    while noise.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    noise.truncate(size);
    noise
}
