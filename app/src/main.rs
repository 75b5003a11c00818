//! oTo: the composition root. Starts the media worker, a command, or the desk.
#![allow(elided_lifetimes_in_paths, reason = "the parameters of Bevy systems read better without")]

mod cli;
mod convert;
mod data;
mod derived;
mod desk;
mod figures;
mod home;
mod inbox;
mod key_dates;
mod making;
mod memory;
mod mint;
mod passphrase;
mod sample;
mod settings;
mod spending;
mod theme;
mod words;

use std::process::ExitCode;

/// Frames allocate and free megabytes on several threads; the system's allocator on Linux keeps
/// them in pieces that never go back, and ten minutes over a large board grew by two gigabytes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything else is set up: no window, no logger, no keyring, no runtime.
    if std::env::args_os().nth(1).is_some_and(|a| a == oto_media::worker::WORKER_ARGUMENT) {
        return oto_media::worker::main();
    }
    memory::give_back_at_once();
    cli::run()
}
