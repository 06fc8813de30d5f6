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

const NAME: &str = "token";
/// What the file is called while a server runs that does not take its token. It is kept: people may have
/// the token, and a start without the setting `tokens` takes it again.
const UNUSED: &str = "token.unused";

impl TokenFile {
    /// Reads the file; `None` when there is none.
    pub fn read(folder: &Path) -> Result<Option<TokenFile>, Failure> {
        Self::read_named(folder, NAME)
    }

    fn read_named(folder: &Path, name: &str) -> Result<Option<TokenFile>, Failure> {
        let path = folder.join(name);
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

    /// What the file of a server at this address has to say: with the token that is there, in use or not,
    /// else with a new one. Nothing is written before [`TokenFile::keep`].
    pub fn for_server(folder: &Path, address: &str) -> Result<TokenFile, Failure> {
        let kept = match TokenFile::read(folder)? {
            Some(kept) => Some(kept),
            None => Self::read_named(folder, UNUSED)?,
        };
        let token = match kept {
            Some(kept) => kept.token,
            None => token::generate()?,
        };
        Ok(TokenFile {
            address: address.to_owned(),
            token,
        })
    }

    /// Writes the file, if it does not say the same already. For a server that has started: before, the
    /// folder may be that of another one, which runs and whose file this would spoil.
    pub fn keep(&self, folder: &Path) -> Result<(), Failure> {
        if TokenFile::read(folder)?.as_ref() != Some(self) {
            self.write(folder)
                .map_err(|error| format!("cannot write to {}: {error}", folder.display()))?;
        }
        let _ = fs::remove_file(folder.join(UNUSED));
        Ok(())
    }

    /// Makes the file say nothing that is wrong of a server with tokens of its own at this address: `takes`
    /// tells whether it takes the file's token. Where it does not, the file would stand before a `.netrc` that is
    /// right, so it gets another name; true if so. A file that is none of ours stays as it is.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn settle(
        folder: &Path,
        address: &str,
        takes: impl FnOnce(&str) -> bool,
    ) -> Result<bool, Failure> {
        let Ok(Some(kept)) = TokenFile::read(folder) else {
            return Ok(false);
        };
        if takes(&kept.token) {
            let address = address.to_owned();
            TokenFile { address, ..kept }.keep(folder)?;
            return Ok(false);
        }
        fs::rename(folder.join(NAME), folder.join(UNUSED))
            .map_err(|error| format!("cannot write to {}: {error}", folder.display()))?;
        Ok(true)
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
        fs::rename(&new, folder.join(NAME))
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

    fn made(folder: &Folder, address: &str) -> TokenFile {
        let file = TokenFile::for_server(&folder.0, address).unwrap();
        file.keep(&folder.0).unwrap();
        file
    }

    #[test]
    fn the_token_of_the_first_start_is_kept_and_the_address_follows_the_server_that_has_started() {
        let folder = Folder::new("kept");
        let first = made(&folder, "http://127.0.0.1:3000");
        let second = TokenFile::for_server(&folder.0, "http://127.0.0.1:4000").unwrap();
        assert_eq!(first.token, second.token);
        let read = || TokenFile::read(&folder.0).unwrap();
        assert_eq!(read(), Some(first), "one that has not started yet");
        second.keep(&folder.0).unwrap();
        assert_eq!(read(), Some(second));
    }

    #[test]
    fn a_token_that_is_not_taken_is_set_aside_and_comes_back_when_it_is_wanted() {
        let folder = Folder::new("settled");
        let settle =
            |taken: bool| TokenFile::settle(&folder.0, "http://127.0.0.1:4000", |_| taken).unwrap();
        assert!(!settle(false), "there is none");
        assert!(!folder.0.exists());
        let first = made(&folder, "http://127.0.0.1:3000");
        let read = || TokenFile::read(&folder.0).unwrap();
        assert!(!settle(true));
        let moved = TokenFile {
            address: "http://127.0.0.1:4000".to_owned(),
            ..first.clone()
        };
        assert_eq!(read(), Some(moved), "one that is taken follows the server");
        assert!(settle(false));
        assert_eq!(read(), None);
        assert!(!settle(false));
        assert_eq!(made(&folder, "http://127.0.0.1:3000"), first);
        assert_eq!(read(), Some(first));
        assert!(!folder.0.join(UNUSED).exists());
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_not_set_aside() {
        let folder = Folder::new("foreign");
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.0.join("token"), "half of it").unwrap();
        assert!(!TokenFile::settle(&folder.0, "http://127.0.0.1:3000", |_| false).unwrap());
        let text = fs::read_to_string(folder.0.join("token")).unwrap();
        assert_eq!(text, "half of it");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_token() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new("owner");
        made(&folder, "http://127.0.0.1:3000");
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
        let error = TokenFile::for_server(&folder.0, "http://127.0.0.1:3000").unwrap_err();
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
