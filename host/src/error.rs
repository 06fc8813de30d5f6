//! Why a host cannot start or serve, in sentences for the person who started it.

use std::io;
use std::path::PathBuf;

/// What keeps a host from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder of the store's file cannot be made.
    #[error("cannot make the folder {}: {source}", path.display())]
    DataFolder { path: PathBuf, source: io::Error },
    /// Another process has the store open.
    #[error(
        "{} is in use by another process; stop the other server, or give this one a data folder of its own",
        path.display()
    )]
    StoreInUse { path: PathBuf },
    /// The store's file cannot be read or written.
    #[error("cannot open the store {}: {source}", path.display())]
    StoreAccess { path: PathBuf, source: io::Error },
    /// The file is no store, or is damaged.
    #[error(
        "{} is damaged or is not a goproxy-edge store ({detail}); restore it from a backup, or move it away to start with an empty one",
        path.display()
    )]
    StoreDamaged { path: PathBuf, detail: String },
    /// A folder for the guest cannot be opened.
    #[error("cannot open the folder {}: {detail}", path.display())]
    Preopen { path: PathBuf, detail: String },
    /// The component is not one, or wants an interface that this host does not have.
    #[error("cannot load the component: {0}")]
    Component(String),
    /// A certificate or key file cannot be used.
    #[error("cannot use {} for https: {detail}", path.display())]
    Tls { path: PathBuf, detail: String },
    /// An entry of the allowed outbound hosts is none.
    #[error("{0:?} names no outbound host: it is scheme://host[:port], without a path")]
    OutboundHost(String),
    /// The operating system has no thread to spare.
    #[error("cannot start threads: {0}")]
    Threads(#[source] io::Error),
}
