//! Role `Sound`: the whole sound of a file, at 48 kHz stereo.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::child::Failure;
use super::protocol::{FailCode, FromWorker};
use super::stream::{End, app_sink, broken, open, pull};
use crate::sniff::{Sniffed, sniff};
use crate::wav::Pcm;

pub(super) fn sound(input: &File, shared: &File) -> Result<FromWorker, Failure> {
    let mut head = [0; 16];
    let n = input.read_at(&mut head, 0).map_err(broken)?;
    let mut written = 0u64;
    if sniff(&head[..n]) == Some(Sniffed::Wav) {
        let size = input.metadata().map_err(broken)?.len();
        if size > 256 << 20 {
            return Err((FailCode::TooLarge, "oTo opens sounds of up to 256 MiB".to_owned()));
        }
        let mut bytes = vec![0; size as usize];
        input.read_exact_at(&mut bytes, 0).map_err(broken)?;
        let pcm = Pcm::from_wav(&bytes).map_err(broken)?;
        let out: Vec<u8> = pcm
            .to_stereo_48k()
            .iter()
            .flatten()
            .flat_map(|s| ((s * 32_767.0) as i16).to_le_bytes())
            .collect();
        let room = shared.metadata().map_err(broken)?.len();
        if out.len() as u64 > room {
            return Err((FailCode::TooLarge, "oTo opens sounds of up to 15 minutes".to_owned()));
        }
        shared.write_all_at(&out, 0).map_err(broken)?;
        return Ok(FromWorker::Pcm { rate: 48_000, channels: 2, samples: out.len() as u64 / 2 });
    }
    let sink = app_sink();
    let opened = open(input, &End::Sound(sink.clone()))?;
    let room = shared.metadata().map_err(broken)?.len();
    while let Some(sample) = pull(&opened, &sink)? {
        let Some(buffer) = sample.buffer() else { continue };
        let map = buffer.map_readable().map_err(broken)?;
        if written + map.len() as u64 > room {
            return Err((FailCode::TooLarge, "oTo opens sounds of up to 15 minutes".to_owned()));
        }
        shared.write_all_at(&map, written).map_err(broken)?;
        written += map.len() as u64;
    }
    if written == 0 {
        return Err(broken("there is no sound in it"));
    }
    Ok(FromWorker::Pcm { rate: 48_000, channels: 2, samples: written / 2 })
}
