//! A certificate authority for one test, and a certificate of its own, for `localhost` unless told.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

pub struct Authority {
    folder: TempDir,
    paths: [PathBuf; 3],
}

impl Authority {
    pub fn new() -> Self {
        Self::of(&["localhost", "127.0.0.1"])
    }

    /// One whose certificate is for these names.
    pub fn of(names: &[&str]) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_key = KeyPair::generate().expect("a key");
        let root = params.self_signed(&root_key).expect("a certificate");
        let issuer = Issuer::new(params, root_key);
        let key = KeyPair::generate().expect("a key");
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let certificate = CertificateParams::new(names)
            .expect("names")
            .signed_by(&key, &issuer)
            .expect("a certificate");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let paths = ["root.pem", "certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        for (path, text) in paths
            .iter()
            .zip([root.pem(), certificate.pem(), key.serialize_pem()])
        {
            std::fs::write(path, text).expect("a file");
        }
        Self { folder, paths }
    }

    /// For SSL_CERT_FILE.
    pub fn root(&self) -> &Path {
        &self.paths[0]
    }

    pub fn certificate(&self) -> &Path {
        &self.paths[1]
    }

    pub fn key(&self) -> &Path {
        debug_assert!(self.folder.path().is_dir());
        &self.paths[2]
    }
}
