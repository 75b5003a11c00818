// Letters: one quad each, from a multi-channel distance field.

const CELL_PX: f32 = 40.0;
const ATLAS_PX: f32 = 2048.0;
const CELLS_A_ROW: u32 = 51u;
const CELLS_A_LAYER: u32 = 2601u;
const RANGE_PX: f32 = 4.0;
// Bit of the layer: the cell holds colours and not distances, as emoji do.
const COLORED: u32 = 1u << 31u;

struct GlyphVertex {
    @builtin(position) position: vec4f,
    @location(0) uv: vec2f,
    @location(1) @interpolate(flat) color: vec4f,
    // Screen pixels a texel.
    @location(2) @interpolate(flat) scale: f32,
    @location(3) @interpolate(flat) layer: u32,
}

@vertex fn vs_glyph(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> GlyphVertex {
    let g = glyphs[n];
    let p = placed(g.note);
    let edge = p.class_edge;
    let at = vec2f(f32(i32(g.at << 16u) >> 16u), f32(i32(g.at) >> 16u)) / 32768.0 * edge;
    let cell = cells[g.cell_size & 0xffffu];
    let size = f32(g.cell_size >> 16u) / 32768.0 * edge;
    let c = corner(i) * 0.5 + 0.5;
    let local = at + (vec2f(cell.left, cell.top) + c * cell.edge) * size;
    var o: GlyphVertex;
    o.position = clip(p.center + turned(local * p.unit, p.cos_sin), depth_of(p.rank, 1u));
    let index = (g.cell_size & 0xffffu) % CELLS_A_LAYER;
    o.layer = (g.cell_size & 0xffffu) / CELLS_A_LAYER | select(0u, COLORED, cell.colored > 0.5);
    let origin = vec2f(f32(index % CELLS_A_ROW), f32(index / CELLS_A_ROW)) * CELL_PX;
    // Colours: half a texel less, so that a neighbour's distances never show as such.
    let inset = select(0.0, 0.5, cell.colored > 0.5);
    o.uv = (origin + inset + c * (CELL_PX - 2.0 * inset)) / ATLAS_PX;
    o.color = unpack4x8unorm(g.color);
    o.scale = cell.edge * size * p.unit / CELL_PX;
    return o;
}

@fragment fn fs_glyph(v: GlyphVertex) -> @location(0) vec4f {
    let texel = textureSampleLevel(atlas, linear_clamp, v.uv, i32(v.layer & ~COLORED), 0.0);
    if ((v.layer & COLORED) != 0u) { return finish(texel.rgb / max(texel.a, 1e-3), texel.a * v.color.a); }
    let t = texel.rgb;
    let d = max(min(t.r, t.g), min(max(t.r, t.g), t.b)) - 0.5;
    // Small letters get a little more ink, or thin strokes fade away; far from a stroke there is
    // none at any size.
    let ink = 0.05 * (1.0 - smoothstep(0.35, 1.1, v.scale));
    let alpha = clamp((d + ink) * RANGE_PX * max(v.scale, 0.34) + 0.5, 0.0, 1.0);
    // What is hardly to be read is greyed rather than left to flicker.
    let legible = mix(0.5, 1.0, smoothstep(0.1, 0.26, v.scale));
    return finish(v.color.rgb, v.color.a * alpha * legible);
}
