//! The media worker as a program of its own, for the tests of this crate.

fn main() -> std::process::ExitCode {
    oto_media::worker::main()
}
