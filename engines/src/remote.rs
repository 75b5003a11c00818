//! Engines behind HTTP: one file or folder each, and one line here.

mod a1111;
mod comfy;
mod comfy_v2;
mod common;
mod elevenlabs;
mod fal;
mod media;
mod openai_compatible;
mod oto;
mod replicate;
mod runpod;
mod sdcpp;
pub mod shotstack;
mod stability;
mod vast;
mod workflow;

use std::sync::Arc;

use crate::{Added, Engine};

pub use a1111::A1111;
pub use comfy::Comfy;
pub use comfy_v2::ComfyV2;
pub use elevenlabs::ElevenLabs;
pub use fal::Fal;
pub use openai_compatible::OpenAiCompatible;
pub use oto::Oto;
pub use replicate::Replicate;
pub use runpod::RunPod;
pub use sdcpp::SdCpp;
pub use shotstack::Shotstack;
pub use stability::Stability;
pub use vast::Vast;

/// A kind of engine that can be added.
#[derive(Debug, Clone, Copy)]
pub struct Adapter {
    /// Names it in settings and on the command line.
    pub id: &'static str,
    /// What people call the service or program.
    pub label: &'static str,
    /// Where it usually is; empty when everybody has their own address.
    pub base_url: &'static str,
    /// Makes one.
    pub build: fn(&Added) -> Result<Arc<dyn Engine>, String>,
}

macro_rules! adapter {
    ($id:literal, $label:literal, $base:literal, $engine:ty) => {
        Adapter {
            id: $id,
            label: $label,
            base_url: $base,
            build: |added| Ok(Arc::new(<$engine>::new(added)?)),
        }
    };
}

/// All adapters, the most used first.
pub const ADAPTERS: &[Adapter] = &[
    adapter!("openai", "OpenAI-compatible", "https://api.openai.com/v1", OpenAiCompatible),
    adapter!("oto", "oTo server", "", Oto),
    adapter!("comfy", "ComfyUI", "http://127.0.0.1:8188", Comfy),
    adapter!("comfy-v2", "Comfy Cloud", "https://cloud.comfy.org", ComfyV2),
    adapter!("replicate", "Replicate", "https://api.replicate.com/v1", Replicate),
    adapter!("fal", "fal", "https://queue.fal.run", Fal),
    adapter!("elevenlabs", "ElevenLabs", "https://api.elevenlabs.io", ElevenLabs),
    adapter!("stability", "Stability AI", "https://api.stability.ai", Stability),
    adapter!("runpod", "RunPod", "https://api.runpod.ai/v2", RunPod),
    adapter!("vast", "Vast.ai", "https://run.vast.ai", Vast),
    adapter!("shotstack", "Shotstack", "https://api.shotstack.io/edit/stage", Shotstack),
    adapter!("a1111", "Automatic1111", "http://127.0.0.1:7860", A1111),
    adapter!("sdcpp", "stable-diffusion.cpp", "http://127.0.0.1:1234", SdCpp),
];
