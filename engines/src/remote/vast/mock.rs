//! A play of Vast without network, key or cost: route, call, failures, and a test picture.

use oto_media::picture::Picture;

use super::no_worker;
use crate::http::{invalid, refusal};
use crate::outcome::title_from;
use crate::remote::common::outcome;
use crate::{Body, Context, EngineError, ErrorClass, Kind, Outcome, Output, OutputRole, Request};

const SIDE: u32 = 256;

/// Stripes in colours of the seed.
fn picture(seed: u64) -> Picture {
    let mut rgba = Vec::with_capacity((SIDE * SIDE * 4) as usize);
    let base = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    for y in 0..SIDE {
        for x in 0..SIDE {
            let light = if (x + y) / 32 % 2 == 0 { 2 } else { 3 };
            let shade = |c: usize| (u32::from(base[c]) / light + y / 2).min(255) as u8;
            rgba.extend_from_slice(&[shade(0), shade(1), shade(2), 255]);
        }
    }
    Picture { width: SIDE, height: SIDE, rgba }
}

/// Plays one request.
pub(super) fn play(
    id: &str,
    endpoint: &str,
    context: &Context,
    request: &Request,
) -> Result<Outcome, EngineError> {
    if request.kind != Kind::Image {
        return Err(invalid("The mock of Vast makes test pictures only. Ask it for an image."));
    }
    context.report(0.02, "looking for a worker (mock)");
    match request.param("mock", "") {
        "busy" => return Err(no_worker("mock: all workers are busy")),
        "failed" => {
            return Err(refusal(ErrorClass::InvalidRequest, "failed", "mock: the workflow failed"));
        }
        _ => {}
    }
    context.report(0.5, "making (mock)");
    let picture = picture(request.seed);
    let main = Output {
        role: OutputRole::Main,
        body: Body::Memory(picture.to_png()?),
        size_px: [SIDE, SIDE],
        duration_ms: 0,
        average_rgb: picture.average_rgb(),
    };
    let name = if endpoint.is_empty() { "no endpoint" } else { endpoint };
    let label = format!("{id} · {name} · mock, a test picture");
    let title = title_from(&request.prompt);
    Ok(Outcome { label, cost_micro: Some(0), ..outcome(id, endpoint, title, main) })
}
