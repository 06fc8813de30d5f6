//! What an embedder says about its host.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::log::Sink;
use crate::{Error, Limits};

/// A folder of this machine that the guest may use.
#[derive(Clone, Debug)]
pub struct Preopen {
    /// Where it is on this machine.
    pub host: PathBuf,
    /// Where the guest finds it.
    pub guest: String,
    /// Whether the guest may change what is in it.
    pub writable: bool,
}

impl Preopen {
    /// Tells at the start, rather than at each request, that a folder is not there.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match std::fs::read_dir(&self.host) {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::Preopen {
                path: self.host.clone(),
                detail: error.to_string(),
            }),
        }
    }
}

/// All that a host is told. Start from [`HostConfig::new`].
pub struct HostConfig {
    /// The component: the bytes of a WebAssembly component that exports `wasi:http/incoming-handler`.
    pub component: Vec<u8>,
    /// The file of the key-value store. Made, with its folder, when it is not there: for this user alone.
    pub store: PathBuf,
    /// The names under which the guest may open key-value stores; each is a store of its own.
    pub store_labels: Vec<String>,
    /// Where compiled code is kept between starts; `None` compiles at each start.
    pub code_cache: Option<PathBuf>,
    /// What `wasi:config` answers.
    pub settings: BTreeMap<String, String>,
    /// The guest's environment variables. Nothing of the host's own environment is passed on.
    pub environment: Vec<(String, String)>,
    /// The folders that the guest may use.
    pub preopens: Vec<Preopen>,
    /// The servers that the guest may send requests to, as Spin's manifest names them:
    /// `scheme://host[:port]`, the host perhaps `*.` and a domain; `*` for any server. None at first.
    pub allowed_outbound_hosts: Vec<String>,
    /// What clients and guests may use up.
    pub limits: Limits,
    /// Takes what the guest prints and what the host reports.
    pub log: Sink,
}

impl HostConfig {
    /// A host of this component with its store in this file, one store named `default`, no settings,
    /// no folders, no way to other servers, the default limits, no cache of compiled code, and no log.
    pub fn new(component: Vec<u8>, store: impl Into<PathBuf>) -> Self {
        HostConfig {
            component,
            store: store.into(),
            store_labels: vec!["default".into()],
            code_cache: None,
            settings: BTreeMap::new(),
            environment: Vec::new(),
            preopens: Vec::new(),
            allowed_outbound_hosts: Vec::new(),
            limits: Limits::default(),
            log: Arc::new(|_| {}),
        }
    }
}
