//! Bytes of an open file for a demuxer that asks for them by place. Only so does it look at the
//! index first, shift times as the file says, and find its way in films that have no index.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::child::Failure;
use super::stream::broken;

/// Handed over at once when the asker does not say how much it wants.
const PART_BYTES: u64 = 64 << 10;
/// More is never asked for by a file that is what it says.
const MOST_BYTES: u64 = 64 << 20;

/// A source that reads the file by position.
pub(super) fn source(input: &File) -> Result<gst::Element, Failure> {
    let file = input.try_clone().map_err(broken)?;
    let size = file.metadata().map_err(broken)?.len();
    let at = Arc::new(AtomicU64::new(0));
    let place = at.clone();
    let callbacks = gst_app::AppSrcCallbacks::builder()
        .seek_data(move |_, offset| {
            place.store(offset, Ordering::Relaxed);
            true
        })
        .need_data(move |source, wanted| {
            let offset = at.load(Ordering::Relaxed);
            let wanted = if wanted == u32::MAX { PART_BYTES } else { u64::from(wanted) };
            let n = wanted.min(MOST_BYTES).min(size.saturating_sub(offset));
            let mut bytes = vec![0; n as usize];
            // A refusal shows at the other end of the pipeline.
            if n == 0 || file.read_exact_at(&mut bytes, offset).is_err() {
                source.end_of_stream().ok();
                return;
            }
            at.store(offset + n, Ordering::Relaxed);
            let mut buffer = gst::Buffer::from_mut_slice(bytes);
            if let Some(buffer) = buffer.get_mut() {
                buffer.set_offset(offset);
            }
            source.push_buffer(buffer).ok();
        })
        .build();
    let source = gst_app::AppSrc::builder()
        .format(gst::Format::Bytes)
        .stream_type(gst_app::AppStreamType::RandomAccess)
        .size(i64::try_from(size).map_err(broken)?)
        .build();
    source.set_callbacks(callbacks);
    Ok(source.upcast())
}
