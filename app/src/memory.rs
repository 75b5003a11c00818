//! How libraries written in C get their memory on Linux. A software graphics driver allocates
//! megabytes for every frame; glibc takes to serving them from its arenas, where what is left between
//! small pieces is never given back. With a fixed limit large pieces are mapped and unmapped whole.
//! glibc reads this from the environment when a process starts, so the program starts itself again.

#[cfg(target_os = "linux")]
pub(crate) fn give_back_at_once() {
    use std::os::unix::process::CommandExt;

    const SETTINGS: [(&str, &str); 3] = [
        ("MALLOC_MMAP_THRESHOLD_", "262144"),
        ("MALLOC_TRIM_THRESHOLD_", "262144"),
        ("MALLOC_ARENA_MAX", "2"),
    ];
    // What the user has set stays, and a second start would be one too many.
    if SETTINGS.iter().any(|(name, _)| std::env::var_os(name).is_some()) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = std::env::args_os();
    let mut command = std::process::Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    // Comes back only when it failed: then everything works as well, with more memory.
    let _failed = command.args(arguments).envs(SETTINGS).exec();
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn give_back_at_once() {}
