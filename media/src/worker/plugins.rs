//! The GStreamer elements a worker may use. All of them are loaded before the lock closes, and
//! everything else is taken out of the registry: what is not there cannot be reached by a file.

use gstreamer as gst;
use gstreamer::prelude::*;

/// Every element needed to open films and sounds, by name: one plugin holds all decoders of
/// FFmpeg, and few of them are wanted.
pub const ELEMENTS: &[&str] = &[
    "appsrc",
    "queue",
    "capsfilter",
    "appsink",
    "qtdemux",
    "matroskademux",
    "oggdemux",
    "h264parse",
    "avdec_h264",
    "openh264dec",
    "vp8dec",
    "vp9dec",
    "av1parse",
    "av1dec",
    "aacparse",
    "avdec_aac",
    "opusparse",
    "opusdec",
    "vorbisdec",
    "mpegaudioparse",
    "avdec_mp3",
    "flacparse",
    "flacdec",
    "videoconvert",
    "videoscale",
    "audioconvert",
    "audioresample",
];

/// Those of the roles that encode. Without `pipeline` and `bin` nothing starts at all.
const ENCODE_ELEMENTS: &[&str] = &[
    "pipeline",
    "bin",
    "fdsink",
    "videorate",
    "openh264enc",
    "x264enc",
    "vp9enc",
    "avenc_aac",
    "voaacenc",
    "opusenc",
    "mp4mux",
    "webmmux",
];

/// Starts GStreamer, loads what is allowed and forgets the rest.
pub(super) fn load() {
    // A failure shows at the first element: "… is missing".
    if gst::init().is_err() {
        return;
    }
    let names = || ELEMENTS.iter().chain(ENCODE_ELEMENTS).copied();
    for name in names() {
        // Making one runs what a class does at its first use, tables and further libraries.
        if let Some(Ok(factory)) = gst::ElementFactory::find(name).map(|f| f.load()) {
            drop(factory.create().build());
        }
    }
    let registry = gst::Registry::get();
    let allowed = |feature: &gst::PluginFeature| {
        feature.is::<gst::ElementFactory>() && names().any(|name| feature.name() == name)
    };
    // Of every kind: elements, type finders, devices, tracers.
    for feature in &registry.features_filtered(|f| !allowed(f), false) {
        registry.remove_feature(feature);
    }
}
