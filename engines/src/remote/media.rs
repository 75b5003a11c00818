//! Media that came from an engine: told by their bytes, never by what the engine calls them, and
//! opened once where nothing can be harmed.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use oto_media::MediaError;
use oto_media::sniff::{Sniffed, sniff};

use crate::http::nonsense;
use crate::{Body, Context, EngineError, ErrorClass, Input, Output, OutputRole};

/// Average colour of what has none: paper of texts, paper of sounds.
pub(super) const TEXT_RGB: u32 = 0xfd_f3_b0;
const SOUND_RGB: u32 = 0xdf_f0_d2;

pub(super) fn disk(error: &std::io::Error) -> EngineError {
    EngineError::new(
        ErrorClass::Internal,
        "disk",
        format!("The result could not be written: {error}"),
    )
}

/// The bytes of a base64 text (RFC 4648), also of a `data:` address; white space is skipped.
pub(super) fn from_base64(text: &str) -> Result<Vec<u8>, EngineError> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    let text = if text.starts_with("data:") {
        text.split_once(',').map_or(text, |(_, data)| data)
    } else {
        text
    };
    let dense: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    engine.decode(dense).or(Err(nonsense()))
}

/// The file of an input as base64.
pub(super) fn to_base64(input: &Input) -> Result<String, EngineError> {
    Ok(STANDARD.encode(bytes_of(input)?))
}

/// The file of an input as a `data:` address (RFC 2397).
pub(super) fn data_url(input: &Input) -> Result<String, EngineError> {
    let bytes = bytes_of(input)?;
    let mime = sniff(&bytes).map_or("application/octet-stream", Sniffed::mime);
    Ok(format!("data:{mime};base64,{}", STANDARD.encode(bytes)))
}

/// The file of an input, with its media type.
pub(super) fn bytes_of(input: &Input) -> Result<Vec<u8>, EngineError> {
    let gone = || {
        EngineError::new(
            ErrorClass::InvalidRequest,
            "source_gone",
            "A source of this work is no longer there. Choose another one.",
        )
    };
    std::fs::read(input.file.as_ref().ok_or_else(gone)?).or(Err(gone()))
}

/// A text as the main output.
pub(super) fn text_output(text: &str) -> Output {
    Output {
        role: OutputRole::Main,
        body: Body::Memory(text.as_bytes().to_vec()),
        size_px: [0, 0],
        duration_ms: 0,
        average_rgb: TEXT_RGB,
    }
}

/// Whatever it is: picture, sound or film, in a file of the context's folder.
pub(super) async fn output_of(context: &Context, bytes: Vec<u8>) -> Result<Output, EngineError> {
    let path = context.folder.join("result.bin");
    let there = path.clone();
    context.blocking(move |_| std::fs::write(&there, &bytes).map_err(|e| disk(&e))).await?;
    output_in(context, path).await
}

/// The same for a file that is there already; it is handed over.
pub(super) async fn output_in(context: &Context, path: PathBuf) -> Result<Output, EngineError> {
    context.blocking(move |c| looked_into(c, path)).await
}

/// What came cannot be opened: the provider's fault, not the user's.
fn unopened(error: MediaError) -> EngineError {
    let error = EngineError::from(error);
    if error.class != ErrorClass::InvalidRequest {
        return error;
    }
    EngineError::new(
        ErrorClass::BadResponse,
        "bad_media",
        format!("What the engine made cannot be opened: {}. Run it again.", error.message),
    )
}

fn looked_into(context: &Context, path: PathBuf) -> Result<Output, EngineError> {
    use std::io::Read;
    let mut head = Vec::new();
    let file = std::fs::File::open(&path).map_err(|e| disk(&e))?;
    file.take(4_096).read_to_end(&mut head).map_err(|e| disk(&e))?;
    let kind = sniff(&head).ok_or_else(nonsense)?;
    let mut output = Output {
        role: OutputRole::Main,
        body: Body::File(path.clone()),
        size_px: [0, 0],
        duration_ms: 0,
        average_rgb: SOUND_RGB,
    };
    if kind.is_image() {
        let looks = context.probe.picture(&path).map_err(unopened)?;
        (output.size_px, output.average_rgb) = (looks.size_px, looks.average_rgb);
    } else if kind.mime().starts_with("video/") {
        let looks = context.probe.film(&path).map_err(unopened)?;
        (output.size_px, output.average_rgb) = (looks.size_px, looks.average_rgb);
        output.duration_ms = looks.duration_ms;
    } else if kind.mime().starts_with("audio/") {
        output.duration_ms = context.probe.sound_ms(&path).map_err(unopened)?;
    } else {
        return Err(nonsense());
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_providers_write_it() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zg", "f"),
            ("Zm9v\nYmFy", "foobar"),
            ("data:a/b;base64,Zm8=", "fo"),
        ] {
            assert_eq!(from_base64(text).unwrap(), bytes.as_bytes());
        }
        assert!(from_base64("Zm=9v").is_err() && from_base64("Zm9v!").is_err());
    }
}
