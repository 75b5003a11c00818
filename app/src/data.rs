//! The data folder and what lies in it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use oto_storage::AssetStore;

use crate::derived::Derived;

/// Everything oTo keeps on this machine.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// As given, or the usual folder of the system.
    pub(crate) fn new(given: Option<PathBuf>) -> Result<Self> {
        let root = match given {
            Some(root) => std::path::absolute(root)?,
            None => directories::ProjectDirs::from("", "", "oto")
                .context("this system has no folder for data; name one with --data-dir")?
                .data_dir()
                .to_owned(),
        };
        oto_storage::files::ensure_folder(&root)?;
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn assets(&self) -> AssetStore {
        AssetStore::new(self.root.join("media"))
    }

    /// What can be made again.
    pub(crate) fn derived(&self) -> Derived {
        Derived::new(self.root.join("derived"))
    }

    pub(crate) fn backend(&self) -> PathBuf {
        self.root.join("backend")
    }

    pub(crate) fn downloads(&self) -> PathBuf {
        self.root.join("incoming")
    }

    /// Works that were taken from the shared wall and wait to hang on a board.
    pub(crate) fn inbox(&self) -> PathBuf {
        self.root.join("inbox")
    }

    /// Pictures of the shared wall; they can be fetched again.
    pub(crate) fn wall_pictures(&self) -> PathBuf {
        self.root.join("derived").join("wall")
    }

    pub(crate) fn boards(&self) -> PathBuf {
        self.root.join("boards")
    }

    pub(crate) fn library(&self) -> PathBuf {
        self.root.join("library.json")
    }

    pub(crate) fn notices(&self) -> PathBuf {
        self.root.join("notices.jsonl")
    }

    /// Keys, encrypted with a passphrase, where there is no keyring.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.root.join("keys.enc")
    }

    /// When keys were last used.
    pub(crate) fn key_dates(&self) -> PathBuf {
        self.root.join("keys-used.json")
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.root.join("settings.json")
    }

    /// A board by path, or by its name in the data folder.
    pub(crate) fn board(&self, name: &Path) -> PathBuf {
        if name.exists() || name.components().count() > 1 {
            return name.to_owned();
        }
        let mut named = self.boards().join(name);
        if named.extension().is_none() {
            named.set_extension("oto");
        }
        if named.exists() || name.extension().is_none() { named } else { name.to_owned() }
    }
}
