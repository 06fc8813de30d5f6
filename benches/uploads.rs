//! Uploads: how fast a zip of many small files is checked, and how much memory the guest takes for a
//! large one, published and served.
//!
//! `cargo bench --bench uploads`

mod support;

use std::io::{Cursor, Write as _};
use std::time::Duration;

use support::{Contender, Folder, client, proxy, serve_this};
use zip::write::SimpleFileOptions;

/// Files of a zip that takes some 36 MB, about what the largest of the well-known modules have.
const FILES: usize = 5_500;
const FILE_BYTES: usize = 59_000;

fn main() {
    let folder = Folder::new("uploads");
    let server = proxy::start(&folder.path().join("speed.redb"), &[("log", "off")], |_| ());
    let (module, source) = archives();
    let unpacked = (FILES * FILE_BYTES) as f64 / 1e6;
    println!(
        "\nChecking an upload: {FILES} files, {unpacked:.0} MB unpacked, {:.1} MB packed",
        module.len() as f64 / 1e6
    );
    for (name, version, zip) in [
        ("a module zip", "v1.0.0", &module),
        ("a source archive", "v1.1.0", &source),
    ] {
        let seconds = proxy::publish_zip(server, "example.com/m", version, zip);
        println!(
            "  {name:<44} {:>9.0} MB/s unpacked  {seconds:>6.2} s in all",
            unpacked / seconds
        );
    }

    let host = proxy::host(
        &folder.path().join("memory.redb"),
        &[("log", "off")],
        |_| (),
    );
    let server = serve_this(&host);
    println!("\nMemory of the guest");
    let print = |what: &str| {
        println!(
            "  {what:<44} {:>9.1} MiB",
            host.largest_instance() as f64 / (1 << 20) as f64
        );
    };
    proxy::publish(server, "example.com/m", "v1.0.0", 1, 1000);
    print("a zip of a kilobyte, published");
    proxy::publish(server, "example.com/m", "v1.1.0", 200, 1 << 20);
    print("a zip of 200 MiB, published");
    let path = "/example.com/m/@v/v1.1.0.zip";
    client::load(&Contender::new("", server, path), 1, Duration::from_secs(1));
    print("and served");
}

/// The same files as a module zip and as a source archive with a top folder.
fn archives() -> (Vec<u8>, Vec<u8>) {
    let words: Vec<String> = (0..2000)
        .map(|word| format!("word{:x} ", word * 7919))
        .collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut text = || {
        let mut text = String::with_capacity(FILE_BYTES + 16);
        while text.len() < FILE_BYTES {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Some words come far more often than others, as in source code: it deflates to a ninth.
            let at = (state % 2000)
                .min((state >> 20) % 2000)
                .min((state >> 40) % 97);
            text.push_str(&words[at as usize]);
        }
        text.truncate(FILE_BYTES);
        text
    };
    let options = SimpleFileOptions::default();
    let mut zips = [("example.com/m@v1.0.0", Vec::new()), ("m", Vec::new())]
        .map(|(prefix, bytes)| (prefix, zip::ZipWriter::new(Cursor::new(bytes))));
    let mut add = |name: &str, text: &str| {
        for (prefix, zip) in &mut zips {
            zip.start_file(format!("{prefix}/{name}"), options)
                .expect("a legal name");
            zip.write_all(text.as_bytes()).expect("room in memory");
        }
    };
    add("go.mod", "module example.com/m\n");
    for number in 0..FILES {
        add(&format!("folder{}/file{number}.go", number % 50), &text());
    }
    let [module, source] = zips.map(|(_, zip)| zip.finish().expect("room in memory").into_inner());
    (module, source)
}
