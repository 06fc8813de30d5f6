//! Why a store did not do it, and what that is to a client.

use std::{fmt, io};

use crate::http::{Failure, Kind};

/// Why a store did not do it.
#[derive(Clone, PartialEq, Eq)]
pub enum Error {
    /// It holds no such thing.
    NotFound,
    /// The version has been withdrawn.
    Withdrawn,
    /// Other content is published under this version; what stands.
    Conflict(String),
    /// The host does not let us at it; why.
    Refused(String),
    /// It does not answer, or answered with a failure; which.
    Unavailable(String),
    /// It did not answer in time.
    TimedOut(String),
    /// What it holds can't be right; what is wrong.
    Corrupt(String),
}

impl Error {
    /// Packs a store's error into an [`io::Error`], for code that reads through [`io::Read`].
    pub fn into_io(self) -> io::Error {
        io::Error::other(self)
    }

    /// Whose turn it is.
    pub fn kind(&self) -> Kind {
        match self {
            Error::NotFound => Kind::NotFound,
            Error::Withdrawn => Kind::Withdrawn,
            Error::Conflict(_) => Kind::Conflict,
            Error::Refused(_) | Error::Unavailable(_) => Kind::Unavailable,
            Error::TimedOut(_) => Kind::TimedOut,
            Error::Corrupt(_) => Kind::Internal,
        }
    }

    /// Whose turn it is where no module was asked for, but something of our own that the answer depends on:
    /// the operator's, whatever is the matter. A 404 would send the `go` command on to its next proxy.
    pub fn kind_of_own(&self) -> Kind {
        match self.kind() {
            kind if kind.is_operators() => kind,
            _ => Kind::Unavailable,
        }
    }

    /// Gets back what [`Error::into_io`] packed; any other failure is the store being unavailable.
    pub fn from_io(error: io::Error) -> Self {
        let kind = error.kind();
        let text = error.to_string();
        match error.into_inner().map(|inner| inner.downcast::<Error>()) {
            Some(Ok(packed)) => *packed,
            _ => match kind {
                io::ErrorKind::NotFound => Error::NotFound,
                io::ErrorKind::PermissionDenied => Error::Refused(text),
                io::ErrorKind::TimedOut => Error::TimedOut(text),
                _ => Error::Unavailable(text),
            },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotFound => f.write_str("not in the store"),
            Error::Withdrawn => f.write_str("withdrawn by its publisher"),
            Error::Conflict(standing) => {
                write!(f, "published already with other content: {standing}")
            }
            Error::Refused(why) => write!(f, "the store refuses access: {why}"),
            Error::Unavailable(why) => write!(f, "the store failed: {why}"),
            Error::TimedOut(why) => write!(f, "the store did not answer in time: {why}"),
            Error::Corrupt(what) => write!(f, "the store holds what can't be right: {what}"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Error {}

/// A store's error about something, as an answer.
pub fn failure(what: &dyn fmt::Display, error: Error) -> Failure {
    let text = match error {
        Error::NotFound => format!("{what}: no such version"),
        _ => format!("{what}: {error}"),
    };
    Failure::new(error.kind(), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_matter_with_our_own_documents_is_never_the_clients_affair() {
        let text = String::new;
        for (error, kind) in [
            (Error::NotFound, Kind::Unavailable),
            (Error::Withdrawn, Kind::Unavailable),
            (Error::Conflict(text()), Kind::Unavailable),
            (Error::Refused(text()), Kind::Unavailable),
            (Error::Unavailable(text()), Kind::Unavailable),
            (Error::TimedOut(text()), Kind::TimedOut),
            (Error::Corrupt(text()), Kind::Internal),
        ] {
            assert_eq!(error.kind_of_own(), kind, "{error}");
        }
    }
}
