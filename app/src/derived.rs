//! Files made from works, to look at them faster: small films for scrubbing. They can be deleted at
//! any time and are made again; the oldest go when there are too many.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use oto_board::AssetId;

/// Largest sum of all of them, in bytes.
const MOST_BYTES: u64 = 10 << 30;
/// Changes when small films are made in another way.
const PROXY: &str = "proxy.v1.webm";

/// The folder of derived files.
#[derive(Debug, Clone)]
pub(crate) struct Derived {
    root: PathBuf,
}

impl Derived {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where the small film of a film is or will be.
    pub(crate) fn proxy(&self, asset: AssetId) -> PathBuf {
        self.root.join(asset.to_string()).join(PROXY)
    }

    /// The small film of a film, if it was made.
    pub(crate) fn ready(&self, asset: AssetId) -> Option<PathBuf> {
        let path = self.proxy(asset);
        let file = fs::File::options().append(true).open(&path).ok()?;
        // So that those in use are the last to go; without it they only go earlier.
        file.set_modified(SystemTime::now()).ok();
        Some(path)
    }

    /// Deletes what is left of broken attempts, and the oldest files beyond the limit.
    pub(crate) fn sweep(&self) {
        self.sweep_to(MOST_BYTES);
    }

    fn sweep_to(&self, most_bytes: u64) {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for folder in children(&self.root) {
            for path in children(&folder) {
                if path.extension().is_some_and(|e| e == "part") {
                    fs::remove_file(&path).ok();
                } else if let Ok(told) = path.metadata() {
                    let at = told.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    files.push((at, told.len(), path));
                }
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files {
            if total <= most_bytes {
                break;
            }
            if fs::remove_file(&path).is_ok() {
                total -= size;
                // Only when it is empty.
                path.parent().map(fs::remove_dir);
            }
        }
    }
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|e| e.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_oldest_go_first_and_broken_ones_always() {
        let folder = tempfile::tempdir().unwrap();
        let derived = Derived::new(folder.path().to_owned());
        let asset = |n: u8| -> AssetId { format!("{n:064x}").parse().unwrap() };
        for n in 1..=3 {
            let path = derived.proxy(asset(n));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, [0; 100]).unwrap();
            let file = fs::File::options().append(true).open(&path).unwrap();
            let age = Duration::from_secs(1_000 - u64::from(n));
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        fs::write(derived.proxy(asset(3)).with_extension("part"), "x").unwrap();
        // Used again, so it is young now.
        assert!(derived.ready(asset(1)).is_some());
        derived.sweep_to(250);
        assert_eq!([1, 2, 3].map(|n| derived.ready(asset(n)).is_some()), [true, false, true]);
        assert!(!derived.proxy(asset(3)).with_extension("part").exists());
        assert!(!derived.proxy(asset(2)).parent().unwrap().exists());
        assert!(derived.ready(asset(9)).is_none());
    }
}
