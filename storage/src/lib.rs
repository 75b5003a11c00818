//! A board on disk and back: board file, journal, writer thread, migrations, asset store.
//! It decides nothing about what to write, and decodes no media.
#![warn(missing_docs)]

pub mod assets;
pub mod check;
mod codec;
mod error;
pub mod files;
mod journal;
mod load;
mod lock;
mod migrations;
mod open;
mod rows;
pub mod view_state;
mod writer;

pub use assets::AssetStore;
pub use check::{CheckReport, check_board};
pub use error::StorageError;
pub use load::Loaded;
pub use lock::BoardLock;
pub use migrations::{SCHEMA_VERSION, migration_sources};
pub use open::{create_board, open_board, read_board};
pub use writer::{SaveState, Writer};
