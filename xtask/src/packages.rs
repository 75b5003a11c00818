//! System packages: installed with apt when this may be done, else the exact command is printed.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// What building and running need, on Debian and Ubuntu.
const RUN: &[&str] = &[
    "build-essential",
    "pkg-config",
    "libasound2-dev",
    "libudev-dev",
    "libwayland-dev",
    "libxkbcommon-dev",
    "libxkbcommon-x11-0",
    "libx11-dev",
    "libvulkan1",
    "mesa-vulkan-drivers",
    "libgstreamer1.0-dev",
    "libgstreamer-plugins-base1.0-dev",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-bad",
    "gstreamer1.0-libav",
    "espeak-ng",
];

/// What tests need besides.
const TEST: &[&str] = &["xvfb", "dbus", "gnome-keyring", "ffmpeg", "postgresql"];

const DNF: &str = "sudo dnf install gcc pkgconf alsa-lib-devel systemd-devel wayland-devel libxkbcommon-devel libxkbcommon-x11 libX11-devel vulkan-loader mesa-vulkan-drivers gstreamer1-devel gstreamer1-plugins-base-devel gstreamer1-plugins-good gstreamer1-plugins-bad-free gstreamer1-plugin-openh264 gstreamer1-plugin-libav espeak-ng";
const PACMAN: &str = "sudo pacman -S --needed base-devel alsa-lib wayland libxkbcommon-x11 libx11 vulkan-icd-loader vulkan-swrast gstreamer gst-plugins-base gst-plugins-good gst-plugins-bad gst-libav espeak-ng";
const BREW: &str = "brew install pkgconf gstreamer espeak-ng";

fn quiet(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|s| s.success())
}

fn exists(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

fn is_installed(package: &str) -> bool {
    let out = Command::new("dpkg-query").args(["-W", "-f=${Status}", package]).output();
    out.is_ok_and(|o| {
        o.status.success() && String::from_utf8_lossy(&o.stdout).contains("install ok installed")
    })
}

/// Installs what is missing, or says how.
pub(crate) fn install(for_tests: bool) -> Result<()> {
    if !exists("dpkg-query") {
        return elsewhere(for_tests);
    }
    let wanted = RUN.iter().chain(if for_tests { TEST } else { &[] });
    let missing: Vec<&str> = wanted.copied().filter(|p| !is_installed(p)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let line = format!("apt-get install -y --no-install-recommends {}", missing.join(" "));
    let is_root = quiet("sh", &["-c", "[ \"$(id -u)\" = 0 ]"]);
    let prefix = if is_root {
        ""
    } else if quiet("sudo", &["-n", "true"]) {
        "sudo -n "
    } else {
        bail!(
            "these system packages are missing; install them and try again:\n\n    sudo apt-get update && sudo {line}\n"
        );
    };
    eprintln!("installing system packages: {}", missing.join(" "));
    let script = format!(
        "export DEBIAN_FRONTEND=noninteractive; {prefix}apt-get update -q && {prefix}{line}"
    );
    let status = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        bail!(
            "the packages could not be installed; try yourself:\n\n    sudo apt-get update && sudo {line}\n"
        );
    }
    Ok(())
}

/// On other systems the presence of GStreamer's development files stands for all of it.
fn elsewhere(for_tests: bool) -> Result<()> {
    let there =
        quiet("pkg-config", &["--exists", "gstreamer-1.0 >= 1.22", "gstreamer-app-1.0 >= 1.22"]);
    if there && (!for_tests || exists("ffprobe")) {
        return Ok(());
    }
    let more = |tests: &str| if for_tests { format!(" {tests}") } else { String::new() };
    let command = if exists("dnf") {
        format!(
            "{DNF}{}",
            more("xorg-x11-server-Xvfb dbus-daemon gnome-keyring ffmpeg-free postgresql-server")
        )
    } else if exists("pacman") {
        format!("{PACMAN}{}", more("xorg-server-xvfb dbus gnome-keyring ffmpeg postgresql"))
    } else if exists("brew") {
        format!("{BREW}{}", more("ffmpeg postgresql"))
    } else {
        bail!(
            "oTo needs GStreamer 1.22 or newer with its development files, Vulkan and espeak-ng; install them with your system's package manager and try again"
        );
    };
    bail!("system packages are missing; install them and try again:\n\n    {command}\n")
}
