//! What the command keeps on this machine: the data folder, and in it the first token.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy as _, choose_base_strategy};

use goproxy_edge::access::format;

use crate::{Failure, token};

const FOLDER: &str = "goproxy-edge";

/// The platform's folder for our data, such as `~/.local/share/goproxy-edge`.
pub fn default_folder() -> Result<PathBuf, Failure> {
    let platform = choose_base_strategy().map_err(|error| {
        format!("cannot tell where this user's data belongs ({error}); name a folder with --data")
    })?;
    Ok(platform.data_dir().join(FOLDER))
}

/// Where compiled code is kept, if the platform has such a place.
pub fn code_cache() -> Option<PathBuf> {
    Some(choose_base_strategy().ok()?.cache_dir().join(FOLDER))
}

/// The file `token` of a data folder: the server's address in its first line, a token for that
/// server in its second. Only its owner can read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFile {
    /// Such as `http://127.0.0.1:3000`: the token is for no other server.
    pub address: String,
    pub token: String,
}

impl TokenFile {
    /// Reads the file; `None` when there is none.
    pub fn read(folder: &Path) -> Result<Option<TokenFile>, Failure> {
        let path = folder.join("token");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot read {}: {error}", path.display()).into()),
        };
        let mut lines = text.lines().map(str::to_owned);
        match (lines.next(), lines.next()) {
            (Some(address), Some(token)) if format::is_well_formed(token.as_bytes()) => {
                Ok(Some(TokenFile { address, token }))
            }
            _ => Err(format!(
                "{} is damaged: it should hold an address and a token; delete it, and the next start makes a new one",
                path.display()
            )
            .into()),
        }
    }

    /// Reads the file's token, or makes one, and has the file name this address.
    pub fn keep(folder: &Path, address: &str) -> Result<String, Failure> {
        let address = address.to_owned();
        let kept = TokenFile::read(folder)?;
        let file = match &kept {
            Some(kept) => TokenFile {
                address,
                token: kept.token.clone(),
            },
            None => TokenFile {
                address,
                token: token::generate()?,
            },
        };
        if kept.as_ref() != Some(&file) {
            file.write(folder)
                .map_err(|error| format!("cannot write to {}: {error}", folder.display()))?;
        }
        Ok(file.token)
    }

    /// Under another name first, so that a reader finds a whole file or none.
    fn write(&self, folder: &Path) -> std::io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        let new = folder.join("token.new");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // One that a crash left behind may have other permissions.
        let _ = fs::remove_file(&new);
        let mut file = options.open(&new)?;
        write!(file, "{}\n{}\n", self.address, self.token)?;
        file.sync_all()?;
        fs::rename(&new, folder.join("token"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path =
                std::env::temp_dir().join(format!("goproxy-edge-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Folder(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_token_of_the_first_start_is_kept_and_the_address_follows_the_server() {
        let folder = Folder::new("kept");
        let first = TokenFile::keep(&folder.0, "http://127.0.0.1:3000").unwrap();
        let second = TokenFile::keep(&folder.0, "http://127.0.0.1:4000").unwrap();
        assert_eq!(first, second);
        let expected = TokenFile {
            address: "http://127.0.0.1:4000".into(),
            token: first,
        };
        assert_eq!(TokenFile::read(&folder.0).unwrap(), Some(expected));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_token() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new("owner");
        TokenFile::keep(&folder.0, "http://127.0.0.1:3000").unwrap();
        let mode = fs::metadata(folder.0.join("token"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let folder = fs::metadata(&folder.0).unwrap().permissions().mode();
        assert_eq!(folder & 0o777, 0o700);
    }

    #[test]
    fn a_damaged_token_file_is_an_error_and_not_replaced() {
        let folder = Folder::new("damaged");
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.0.join("token"), "half of it").unwrap();
        let error = TokenFile::keep(&folder.0, "http://127.0.0.1:3000").unwrap_err();
        assert!(error.to_string().contains("is damaged"), "{error}");
        assert_eq!(
            fs::read_to_string(folder.0.join("token")).unwrap(),
            "half of it"
        );
    }

    #[test]
    fn there_is_no_token_before_the_first_start() {
        assert_eq!(TokenFile::read(&Folder::new("none").0).unwrap(), None);
    }
}
