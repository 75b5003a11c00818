//! Every adapter against a provider in this process that follows the published contract, and
//! misbehaves on request.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod a1111;
mod comfy;
mod comfy_live;
mod comfy_v2;
mod elevenlabs;
mod fal;
mod hostile;
mod openai;
mod oto;
mod provider;
mod registry;
mod replicate;
mod runpod;
mod sdcpp;
mod shapes;
mod shotstack;
mod shotstack_timeline;
mod stability;
mod vast;
mod wire;
