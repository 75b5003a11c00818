// Bindings and records. Every record has its twin in Rust; sizes are tested.

struct View {
    size_px: vec2f,
    // Middle of the view in texels of the wall, modulo its period.
    paper_origin: vec2f,
    px_per_unit: f32,
    cheap: f32,
    dark: f32,
    scale_factor: f32,
    lift_px: vec2f,
    // Texels of the wall a world unit.
    wall_scale: f32,
    // How far the wall is between this octave and the next.
    wall_blend: f32,
    anchors: array<Anchor, 24>,
}
// The page of one size class that holds the middle of the view, and how far the middle is from its
// origin in world units. Whole numbers of pages are subtracted exactly, so nothing trembles a
// billion units from the origin.
struct Anchor { cell: vec2i, rest: vec2f }
struct Page { cell: vec2i, class_index: u32, pad: u32 }
struct Palette {
    wall: vec4f,
    fibre: vec4f,
    gold: array<vec4f, 4>,
    papers: array<vec4f, 8>,
    twines: array<vec4f, 16>,
    shadow: vec4f,
    select: vec4f,
    failed: vec4f,
    wave: vec4f,
    ink: vec4f,
    ink_gold: vec4f,
}
struct Note { center: vec2f, size: u32, tilt_lines_style: u32, paper_pin_average: u32, page_flags: u32, thumb_seed: u32, rank: u32 }
struct Twine { from_slot: u32, to_slot: u32, look: u32 }
struct Glyph { note: u32, at: u32, cell_size: u32, color: u32 }
struct Cell { left: f32, top: f32, edge: f32, colored: f32 }
struct Overlay { center_px: vec2f, half_px: vec2f, turn: f32, kind: u32, pad: vec2f }

@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var<uniform> palette: Palette;
@group(0) @binding(2) var<storage, read> pages: array<Page>;
@group(0) @binding(3) var<storage, read> notes: array<Note>;
@group(0) @binding(4) var<storage, read> twines: array<Twine>;
@group(0) @binding(5) var<storage, read> visible_notes: array<u32>;
@group(0) @binding(6) var<storage, read> visible_twines: array<vec2u>;
@group(0) @binding(7) var<storage, read> glyphs: array<Glyph>;
@group(0) @binding(8) var<storage, read> cells: array<Cell>;
@group(0) @binding(9) var<storage, read> overlays: array<Overlay>;
@group(0) @binding(10) var atlas: texture_2d_array<f32>;
@group(0) @binding(11) var thumbs: texture_2d_array<f32>;
@group(0) @binding(12) var paper_texture: texture_2d<f32>;
@group(0) @binding(13) var linear_clamp: sampler;
@group(0) @binding(14) var linear_repeat: sampler;
@group(0) @binding(15) var small_thumbs: texture_2d_array<f32>;
@group(0) @binding(16) var far_layers: texture_2d_array<f32>;

// Edge of a page in edges of its size class.
const PAGE_EDGES: f32 = 16.0;
const LIFTED: u32 = 1u << 24u;
// Ranks of the CPU end at 4,000,000: what is dragged lies over all of them.
const LIFTED_RANK: u32 = 4000001u;
const MAKING: u32 = 1u << 25u;
const FAILED: u32 = 1u << 26u;
const DIMMED: u32 = 1u << 27u;
const STALE: u32 = 1u << 28u;

// A note unpacked, in pixels.
struct Placed {
    center: vec2f,
    // Half width and height.
    half: vec2f,
    cos_sin: vec2f,
    // Pixels a unit.
    unit: f32,
    // Units of the size class's edge.
    class_edge: f32,
    style: u32,
    flags: u32,
    rank: u32,
}

fn placed(slot: u32) -> Placed {
    let n = notes[slot];
    let page = pages[n.page_flags & 0xffffffu];
    let anchor = view.anchors[page.class_index];
    var p: Placed;
    p.unit = view.px_per_unit;
    p.class_edge = exp2(f32(page.class_index));
    let origin = vec2f(page.cell - anchor.cell) * (PAGE_EDGES * p.class_edge) - anchor.rest;
    p.center = view.size_px * 0.5 + (origin + n.center) * p.unit;
    if ((n.page_flags & LIFTED) != 0u) { p.center += view.lift_px; }
    let size = vec2f(f32(n.size & 0xffffu), f32(n.size >> 16u)) / 32768.0 * p.class_edge;
    p.half = size * 0.5 * p.unit;
    let tilt = f32(i32(n.tilt_lines_style << 16u) >> 16u) / 32768.0 * 3.14159265;
    p.cos_sin = vec2f(cos(tilt), sin(tilt));
    p.style = n.tilt_lines_style >> 24u;
    p.flags = n.page_flags;
    p.rank = select(n.rank, LIFTED_RANK + min(n.rank, 194000u), (n.page_flags & LIFTED) != 0u);
    return p;
}
fn turned(v: vec2f, cs: vec2f) -> vec2f { return vec2f(v.x * cs.x - v.y * cs.y, v.x * cs.y + v.y * cs.x); }
fn unturned(v: vec2f, cs: vec2f) -> vec2f { return vec2f(v.x * cs.x + v.y * cs.y, -v.x * cs.y + v.y * cs.x); }
fn clip(px: vec2f, depth: f32) -> vec4f {
    return vec4f(px.x / view.size_px.x * 2.0 - 1.0, 1.0 - px.y / view.size_px.y * 2.0, depth, 1.0);
}
// Four layers of each rank up to 4,194,303 are exact in a 32-bit float.
fn depth_of(rank: u32, layer: u32) -> f32 { return f32(4u * rank + layer + 1u) / 16777216.0; }
fn corner(i: u32) -> vec2f { return vec2f(f32(i & 1u), f32(i >> 1u)) * 2.0 - 1.0; }
fn pin_of(p: Placed) -> vec2f { return p.center + turned(vec2f(0.0, 14.0 * p.unit - p.half.y), p.cos_sin); }
