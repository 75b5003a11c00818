//! What bytes are, by their first bytes. Names and content types given by others are hints only.

/// Kinds of media oTo opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniffed {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    WebP,
    /// GIF.
    Gif,
    /// RIFF WAVE.
    Wav,
    /// FLAC.
    Flac,
    /// MPEG audio.
    Mp3,
    /// Ogg.
    Ogg,
    /// MP4 and its family.
    Mp4,
    /// WebM and Matroska.
    WebM,
    /// UTF-8 text.
    Text,
}

impl Sniffed {
    /// The media type.
    #[must_use]
    pub fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Wav => "audio/wav",
            Self::Flac => "audio/flac",
            Self::Mp3 => "audio/mpeg",
            Self::Ogg => "audio/ogg",
            Self::Mp4 => "video/mp4",
            Self::WebM => "video/webm",
            Self::Text => "text/plain; charset=utf-8",
        }
    }

    /// The usual end of a file name.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Ogg => "ogg",
            Self::Mp4 => "mp4",
            Self::WebM => "webm",
            Self::Text => "txt",
        }
    }

    /// True for still pictures.
    #[must_use]
    pub fn is_image(self) -> bool {
        matches!(self, Self::Png | Self::Jpeg | Self::WebP | Self::Gif)
    }
}

/// What the bytes are; `None` when oTo does not open them.
#[must_use]
pub fn sniff(bytes: &[u8]) -> Option<Sniffed> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let at =
        |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|b| b.starts_with(magic));
    if starts(b"\x89PNG\r\n\x1a\n") {
        Some(Sniffed::Png)
    } else if starts(b"\xff\xd8\xff") {
        Some(Sniffed::Jpeg)
    } else if starts(b"RIFF") && at(8, b"WEBP") {
        Some(Sniffed::WebP)
    } else if starts(b"GIF87a") || starts(b"GIF89a") {
        Some(Sniffed::Gif)
    } else if starts(b"RIFF") && at(8, b"WAVE") {
        Some(Sniffed::Wav)
    } else if starts(b"fLaC") {
        Some(Sniffed::Flac)
    } else if starts(b"OggS") {
        Some(Sniffed::Ogg)
    } else if at(4, b"ftyp") {
        Some(Sniffed::Mp4)
    } else if starts(b"\x1a\x45\xdf\xa3") {
        Some(Sniffed::WebM)
    } else if starts(b"ID3") || (bytes.len() > 1 && bytes[0] == 0xff && bytes[1] & 0xe0 == 0xe0) {
        Some(Sniffed::Mp3)
    } else if !bytes.is_empty() && std::str::from_utf8(bytes).is_ok_and(|t| !t.contains('\0')) {
        Some(Sniffed::Text)
    } else {
        None
    }
}
