//! Files that are broken or lie about themselves: each ends in an error, in time, and leaves no
//! process behind.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "times and skipped parts are for the reader of the test")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use oto_media::MediaError;
use oto_media::picture::Picture;
use oto_media::wav::Pcm;
use oto_media::worker::{EncodeSpec, Workers};

/// Longer than any wait of ours, short enough to notice one that has no end.
const MOST: Duration = Duration::from_secs(20);

fn workers() -> Workers {
    Workers::of_program(env!("CARGO_BIN_EXE_oto-media-worker"))
}

struct Lab {
    folder: tempfile::TempDir,
    n: std::cell::Cell<u32>,
}

impl Lab {
    /// A file of its own for every case: the second death over a file is remembered.
    fn file(&self, bytes: &[u8]) -> PathBuf {
        self.n.set(self.n.get() + 1);
        let path = self.folder.path().join(self.n.get().to_string());
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn film(&self, chain: u32, samples: u64) -> Vec<u8> {
        let path = self.file(b"");
        let output = File::options().read(true).write(true).open(&path).unwrap();
        let spec = EncodeSpec { size: [320, 184], fps: [30, 1], frames: 45, samples, chain };
        let mut encoder = workers().encoder(spec, &output).unwrap();
        if samples > 0 {
            encoder.set_sound(&vec![[0.1; 2]; samples as usize]).unwrap();
        }
        for n in 0..45u32 {
            let frame: Vec<u8> =
                (0..320 * 184 * 3 / 2u32).map(|i| (i.wrapping_mul(n + 7) >> 7) as u8).collect();
            encoder.push(&frame).unwrap();
        }
        encoder.finish().unwrap();
        std::fs::read(path).unwrap()
    }
}

fn noise(n: usize) -> Vec<u8> {
    let mut state = 1u32;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

fn in_time<T>(name: &str, run: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = run();
    let took = begun.elapsed();
    assert!(took < MOST, "{name} took {took:?}");
    if took > Duration::from_secs(2) {
        eprintln!("{name} took {took:?}");
    }
    result
}

/// Looks at everything a film has, up to its end or its first error.
fn whole_film(path: &Path) -> Result<(), MediaError> {
    let mut film = workers().film(path, [64, 64])?;
    while film.next_frame()?.is_some() {}
    film.seek(film.info.duration_ms / 2)?;
    Ok(())
}

/// Processes whose parent is this one.
#[cfg(target_os = "linux")]
fn children() -> Vec<String> {
    let own = std::process::id().to_string();
    let parent = |stat: &str| {
        stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)).map(str::to_owned)
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("stat")).ok())
        .filter(|stat| parent(stat).as_deref() == Some(&own))
        .collect()
}

fn noisy(head: &[u8]) -> Vec<u8> {
    [head, &noise(50_000)].concat()
}

#[test]
fn hostile_files_end_in_errors() {
    let lab = Lab { folder: tempfile::tempdir().unwrap(), n: std::cell::Cell::new(0) };
    let grey = Picture { width: 300, height: 200, rgba: noise(300 * 200 * 4) };
    let png = grey.to_png().unwrap();
    let mut bomb = png.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 64, 0, 0, 0, 64, 0]);
    let (mp4, webm) = (lab.film(0, 48_000), lab.film(3, 48_000));
    let wav = Pcm { rate: 48_000, channels: 1, samples: vec![7; 48_000] }.to_wav();

    let pictures: [(&str, Vec<u8>); 12] = [
        ("nothing", vec![]),
        ("zero bytes", vec![0; 4_096]),
        ("half a PNG", png[..png.len() / 2].to_vec()),
        ("a PNG of noise", noisy(&png[..40])),
        ("a PNG of 16,384 pixels a side", bomb),
        ("a JPEG that ends", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00".to_vec()),
        ("a JPEG of noise", noisy(b"\xff\xd8\xff\xdb")),
        ("a GIF that ends", b"GIF89a\x10\x00\x10\x00\x80".to_vec()),
        ("a GIF of noise", noisy(b"GIF89a\xff\xff\xff\xff\xf7\x00\x00")),
        ("a WebP of noise", noisy(b"RIFF\xff\xff\x00\x00WEBPVP8 ")),
        (
            "an SVG",
            b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>".to_vec(),
        ),
        ("a film", mp4.clone()),
    ];
    for (name, bytes) in &pictures {
        let path = lab.file(bytes);
        assert!(in_time(name, || workers().picture(&path, 256)).is_err(), "{name} as a picture");
        assert!(in_time(name, || workers().viewer(&path)).is_err(), "{name} in parts");
    }

    let list = b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n".to_vec();
    let films: [(&str, Vec<u8>); 9] = [
        ("nothing", vec![]),
        ("zero bytes", vec![0; 4_096]),
        ("the head of an MP4", mp4[..200].to_vec()),
        ("a third of an MP4", mp4[..mp4.len() / 3].to_vec()),
        ("an MP4 of noise", noisy(b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2")),
        ("the head of a WebM", webm[..60].to_vec()),
        ("a WebM of noise", noisy(&webm[..40])),
        ("a list of addresses", list),
        ("a picture", png.clone()),
    ];
    for (name, bytes) in &films {
        let path = lab.file(bytes);
        assert!(in_time(name, || whole_film(&path)).is_err(), "{name} as a film");
        assert!(in_time(name, || workers().sound(&path)).is_err(), "{name} as a sound");
        let small = lab.folder.path().join("small");
        assert!(in_time(name, || workers().proxy(&path, &small, &|_| true)).is_err());
        assert!(!small.exists());
    }
    // These may show what is whole of them, but must come to an end.
    let mut cut = mp4.clone();
    let middle = cut.len() / 2;
    cut.splice(middle..middle + 3_000, noise(3_000));
    for (name, bytes) in [
        ("an MP4 with noise inside", cut),
        ("half a WebM", webm[..webm.len() / 2].to_vec()),
        ("an MP4 that misses its end", mp4[..mp4.len() - 500].to_vec()),
    ] {
        let path = lab.file(&bytes);
        let seen = in_time(name, || whole_film(&path));
        let heard = in_time(name, || workers().sound(&path)).map(|pcm| pcm.duration_ms());
        eprintln!("{name}: seen {seen:?}, heard {heard:?}");
    }
    for (name, bytes) in [
        ("an MP3 of noise", noisy(b"ID3\x04\x00\x00\x00\x00\x00\x10")),
        ("an MP3 that ends", b"\xff\xfb\x90\x44\x00".to_vec()),
        ("a FLAC of noise", noisy(b"fLaC\x00\x00\x00\x22")),
        ("an Ogg of noise", noisy(b"OggS\x00\x02")),
        ("a WAV that ends", wav[..30].to_vec()),
    ] {
        let path = lab.file(&bytes);
        let heard = in_time(name, || workers().sound(&path)).map(|pcm| pcm.duration_ms());
        // Noise has a few bytes that look like sound.
        assert!(heard.is_err() || heard.is_ok_and(|ms| ms < 10_000), "{name}");
    }

    #[cfg(target_os = "linux")]
    {
        let left = children();
        // The one kept in reserve for the next film, and it sleeps.
        assert!(left.len() <= 1, "{left:?}");
        assert!(left.iter().all(|stat| !stat.contains(") Z ")), "{left:?}");
    }
}
