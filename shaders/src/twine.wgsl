// Strings: a quadratic from pin to pin that sags, expanded to a strip of segments, the more the
// longer it is on the screen. Drawn whole under every note; over its own two notes it shows only
// in the band round the pin.

// An entry: the slot with the number of segments (or, for a stub, its end) above bit 29, and the
// part of the curve in view, from and to in 65535ths.
fn segments_of(entry: u32) -> f32 {
    let choice = entry >> 29u;
    return select(select(select(32.0, 16.0, choice == 2u), 4.0, choice == 1u), 1.0, choice == 0u);
}
const STUB_SEGMENTS: f32 = 5.0;

struct TwineVertex {
    @builtin(position) position: vec4f,
    // Along (world units from the start) and across (units from the axis).
    @location(0) along_across: vec2f,
    @location(1) px: vec2f,
    // Colour and opacity.
    @location(2) @interpolate(flat) color: vec4f,
    // Half the width in units, and above zero where the twist can be seen. Decided here: lavapipe
    // makes a shader anew for every value of a uniform that an `if` depends on, and keeps it.
    // Then the slot of the note it lies over.
    @location(3) @interpolate(flat) width_twist: vec2f,
    @location(4) @interpolate(flat) over: u32,
}

fn sag_of(length: f32) -> f32 { return min(90.0, 0.16 * length); }

fn control_of(a: vec2f, b: vec2f, unit: f32) -> vec2f {
    return (a + b) * 0.5 + vec2f(0.0, 2.0 * sag_of(distance(a, b) / unit) * unit);
}
fn curve_at(a: vec2f, c: vec2f, b: vec2f, t: f32) -> vec2f { return mix(mix(a, c, t), mix(c, b, t), t); }

fn twine_vertex(item: vec2u, i: u32, half_width: f32, offset: vec2f, own: u32) -> TwineVertex {
    let entry = item.x;
    let index = entry & 0x1fffffffu;
    let tw = twines[index];
    let pa = placed(tw.from_slot);
    let pb = placed(tw.to_slot);
    let unit = view.px_per_unit;
    let a = pin_of(pa);
    let b = pin_of(pb);
    let c = control_of(a, b, unit);
    let part_in_view = vec2f(f32(item.y & 0xffffu), f32(item.y >> 16u)) / 65535.0;
    var t = mix(part_in_view.x, part_in_view.y, f32(i >> 1u) / segments_of(entry));
    if (own != 0u) {
        // Only the part over the note itself, as far as its corners reach.
        let over = select(pb.half, pa.half, own == 1u);
        let part = min(1.0, 1.3 * (length(over) * 2.0) / max(distance(a, b), 1.0));
        t = f32(i >> 1u) / STUB_SEGMENTS * part;
        if (own == 2u) { t = 1.0 - t; }
    }
    let side = f32(i & 1u) * 2.0 - 1.0;
    let d = mix(c - a, b - c, t);
    let n = vec2f(-d.y, d.x) / max(length(d), 1e-4);
    let width = max(half_width, 1.0 / unit);
    let px = curve_at(a, c, b, t) + n * side * width * unit + offset * unit;
    var depth = 0.0;
    if (own == 1u) { depth = depth_of(pa.rank, 2u); }
    if (own == 2u) { depth = depth_of(pb.rank, 2u); }
    var o: TwineVertex;
    o.position = clip(px, depth);
    // The length of the curve is close enough to the chord plus what the sag adds.
    let chord = distance(a, b) / unit;
    let s = sag_of(chord);
    o.along_across = vec2f(t * (chord + 2.6 * s * s / max(chord, 1.0)), side * width);
    o.px = px;
    let bright = (tw.look & 256u) != 0u;
    o.width_twist = vec2f(select(2.1, 3.15, bright), unit * 4.2 - 2.4);
    o.color = vec4f(palette.twines[tw.look & 15u].rgb, select(1.0, 0.08, (tw.look & 512u) != 0u));
    if (bright) { o.color = vec4f(min(o.color.rgb * 1.18 + 0.04, vec3f(1.0)), o.color.a); }
    o.over = select(tw.to_slot, tw.from_slot, own == 1u);
    return o;
}

fn half_width_of(entry: u32) -> f32 { return select(2.1, 3.15, (twines[entry & 0x1fffffffu].look & 256u) != 0u) + 0.7; }

@vertex fn vs_twine_shadow(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> TwineVertex {
    return twine_vertex(visible_twines[n], i, 7.0, vec2f(5.0, 8.0), 0u);
}
@vertex fn vs_twine(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> TwineVertex {
    let item = visible_twines[n];
    return twine_vertex(item, i, half_width_of(item.x), vec2f(0.0), 0u);
}
// Over the note it comes from (1) or the one it leads to (2).
@vertex fn vs_stub(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> TwineVertex {
    let item = visible_twines[n];
    return twine_vertex(item, i, half_width_of(item.x), vec2f(0.0), item.x >> 29u);
}

@fragment fn fs_twine_shadow(v: TwineVertex) -> @location(0) vec4f {
    let a = (1.0 - smoothstep(0.5, 6.5, abs(v.along_across.y))) * 0.26 * v.color.a;
    return finish(palette.shadow.rgb, a);
}

fn string(v: TwineVertex) -> vec4f {
    let width = v.width_twist.x;
    var c = v.color.rgb;
    let y = v.along_across.y;
    // Round: darker towards both edges.
    c *= 1.0 - 0.30 * smoothstep(0.25, 1.0, abs(y) / width);
    if (v.width_twist.y > 0.0) {
        let phase = fract(v.along_across.x / 9.0 - y * 0.09);
        let light = smoothstep(0.0, 0.12, phase) * (1.0 - smoothstep(0.44, 0.56, phase)) * (1.0 - smoothstep(-0.2, 0.9, y));
        let dark = smoothstep(0.5, 0.6, phase) * (1.0 - smoothstep(0.9, 1.0, phase)) * smoothstep(-0.4, 0.8, y);
        c = mix(c, vec3f(1.0), 0.42 * light);
        c = mix(c, vec3f(0.0), 0.28 * dark);
    }
    let edge = clamp((max(width, 0.5 / view.px_per_unit) - abs(y)) * view.px_per_unit + 0.5, 0.0, 1.0);
    // Thinner than a pixel a string fades instead, but never away.
    let thin = clamp(2.0 * width * view.px_per_unit, 0.04, 1.0);
    return vec4f(c, edge * thin * v.color.a);
}

@fragment fn fs_twine(v: TwineVertex) -> @location(0) vec4f {
    let s = string(v);
    return finish(s.rgb, s.a);
}

@fragment fn fs_stub(v: TwineVertex) -> @location(0) vec4f {
    let s = string(v);
    let p = placed(v.over);
    let local = unturned(v.px - p.center, p.cos_sin);
    // The same rule as `board::geom::in_pin_band`.
    let bottom = p.half.y * 2.0 * (0.14 - 0.5);
    if (abs(local.x) > p.half.x || local.y > bottom || local.y < -p.half.y) { discard; }
    // It slips under the paper softly.
    let slip = 1.0 - smoothstep(bottom - 5.0 * p.unit, bottom, local.y);
    return finish(s.rgb, s.a * slip);
}
