// Post-its. The interior is opaque and writes depth; the rim (soft edge and shadows) is blended
// afterwards, back to front; pins come last. Lengths are world units times `unit`.

struct NoteVertex {
    @builtin(position) position: vec4f,
    // Position relative to the note's centre, along its own axes, in pixels.
    @location(0) local: vec2f,
    @location(1) @interpolate(flat) slot: u32,
    // Half width and height, pixels a unit. In one vector: where a scalar that is no more than a
    // uniform leaves the vertices, lavapipe makes the shader anew for its every value, and keeps it.
    @location(2) @interpolate(flat) shape: vec3f,
    // Pixels on the screen, for the wall's colour under ghosts.
    @location(3) px: vec2f,
    @location(4) @interpolate(flat) bars: u32,
    // For a part of its picture: layer, level, row and column in 8, 4, 10 and 10 bits.
    @location(5) @interpolate(flat) part: u32,
}

fn note_vertex(p: Placed, slot: u32, local: vec2f) -> NoteVertex {
    let px = p.center + turned(local, p.cos_sin);
    var o: NoteVertex;
    o.position = clip(px, depth_of(p.rank, 0u));
    o.local = local;
    o.slot = slot;
    o.shape = vec3f(p.half, p.unit);
    o.px = px;
    return o;
}

@vertex fn vs_note(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> NoteVertex {
    let entry = visible_notes[n];
    let slot = entry & 0x7fffffffu;
    let p = placed(slot);
    var o = note_vertex(p, slot, corner(i) * (p.half + 1.0));
    o.bars = entry >> 31u;
    return o;
}

// A part of a picture seen from near, over the print that shows the whole of it. Its entry lies
// among those of strings: the slot, and the part.
@vertex fn vs_part(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> NoteVertex {
    let entry = visible_twines[n];
    let p = placed(entry.x);
    let r = picture_rect(p.half, p.unit);
    let at = part_column_row(entry.y) + corner(i) * 0.5 + 0.5;
    var o = note_vertex(p, entry.x, mix(r.xy, r.zw, at / part_count(entry.y)));
    o.part = entry.y;
    return o;
}
fn part_column_row(part: u32) -> vec2f { return vec2f(f32(part & 1023u), f32((part >> 10u) & 1023u)); }
fn part_count(part: u32) -> f32 { return exp2(f32((part >> 20u) & 15u)); }

// What plain paper needs, so that its fragments read no buffers: those are slow on a CPU.
struct PaperVertex {
    @builtin(position) position: vec4f,
    @location(0) local: vec2f,
    // Half width and height, pixels a unit, the side that lifts.
    @location(1) @interpolate(flat) shape: vec4f,
    // Colour and seed.
    @location(2) @interpolate(flat) paper: vec4f,
    // Tilt in degrees, lines, part of the last, opacity.
    @location(3) @interpolate(flat) more: vec4f,
}

fn paper_vertex(p: Placed, slot: u32, local: vec2f, layer: u32) -> PaperVertex {
    let n = notes[slot];
    var o: PaperVertex;
    o.position = clip(p.center + turned(local, p.cos_sin), depth_of(p.rank, layer));
    o.local = local;
    o.shape = vec4f(p.half, p.unit, curl_side(slot));
    let edge = select(paper_of(n), palette.gold[2].rgb, p.style == 1u);
    o.paper = vec4f(edge, f32(n.thumb_seed >> 16u));
    let lines = (n.tilt_lines_style >> 16u) & 255u;
    let tilt = f32(i32(n.tilt_lines_style << 16u) >> 16u) / 32768.0 * 180.0;
    o.more = vec4f(tilt, f32(lines & 15u), f32(lines >> 4u) / 15.0, fade_of(p.flags));
    return o;
}

@vertex fn vs_paper(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> PaperVertex {
    let entry = visible_notes[n];
    let slot = entry & 0x7fffffffu;
    let p = placed(slot);
    var o = paper_vertex(p, slot, corner(i) * (p.half + 1.0), 0u);
    if (entry >> 31u == 0u) { o.more.y = 0.0; }
    return o;
}

// A ring round the paper: the soft edge inside, the shadow outside, wider below where it falls.
@vertex fn vs_rim(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> PaperVertex {
    let slot = visible_notes[n] & 0x7fffffffu;
    let p = placed(slot);
    let far = select(1.0, 1.7, (p.flags & LIFTED) != 0u) * p.unit;
    let k = (i >> 1u) % 4u;
    let side = vec2f(select(-1.0, 1.0, k == 1u || k == 2u), select(-1.0, 1.0, k >= 2u));
    let inner = max(p.half - (4.5 * p.unit + 1.5), vec2f(0.0));
    let grow = select(vec2f(13.0), vec2f(24.0, 32.0), side > vec2f(0.0)) * far + 1.5;
    var o = paper_vertex(p, slot, side * select(p.half + grow, inner, (i & 1u) == 1u), 1u);
    // How far the shadow falls: more under what is dragged.
    o.more.x = select(1.0, 1.7, (p.flags & LIFTED) != 0u);
    o.more.y = select(1.0, 0.3, (p.flags & (MAKING | DIMMED)) != 0u);
    return o;
}

// Which lower corner lifts: -1 left, 1 right.
fn curl_side(slot: u32) -> f32 { return select(-1.0, 1.0, (notes[slot].thumb_seed & 0x20000u) != 0u); }

// Signed distance in pixels to the outline: straight top, sides bowed by a unit, the bottom a
// shallow curve that hangs lower at the lifted corner.
fn outline(local: vec2f, half: vec2f, unit: f32, side: f32) -> f32 {
    let x = clamp(local.x / half.x, -1.0, 1.0);
    let y = clamp(local.y / half.y, -1.0, 1.0);
    let lifted = max(x * side, 0.0);
    let bottom = half.y - unit * 2.6 * (1.0 - x * x) + unit * 1.6 * lifted * lifted;
    let bow = unit * 1.1 * (1.0 - y * y);
    let dx = abs(local.x) - (half.x - bow);
    let dy = max(local.y - bottom, -half.y - local.y);
    return max(dx, dy);
}

fn gold(t: f32, sheen: f32) -> vec3f {
    var c = mix(palette.gold[0].rgb, palette.gold[1].rgb, smoothstep(0.0, 0.45, t));
    c = mix(c, palette.gold[2].rgb, smoothstep(0.45, 0.62, t));
    c = mix(c, palette.gold[3].rgb, smoothstep(0.62, 1.0, t));
    return c + vec3f(0.07, 0.06, 0.03) * sheen;
}

// Light of the paper from top to bottom: glue strip, highlight above the lifted edge, dark edge.
fn shade(c: vec3f, t: f32) -> vec3f {
    var s = mix(c, vec3f(0.0), 0.10 * (1.0 - smoothstep(0.0, 0.14, t)));
    s = mix(s, vec3f(1.0), 0.30 * smoothstep(0.72, 0.93, t) * (1.0 - smoothstep(0.93, 1.0, t)));
    return mix(s, vec3f(0.0), 0.06 * smoothstep(0.955, 1.0, t));
}

fn rounded(p: vec2f, half: vec2f, r: f32) -> f32 {
    let q = abs(p) - half + r;
    return length(max(q, vec2f(0.0))) + min(max(q.x, q.y), 0.0) - r;
}

// The picture's rectangle of a print, in pixels relative to the centre: min and max.
fn picture_rect(half: vec2f, unit: f32) -> vec4f {
    return vec4f(-half.x + 14.0 * unit, -half.y + 30.0 * unit, half.x - 14.0 * unit, half.y - 46.0 * unit);
}

// The picture of a note: from the small slots or the large layers; alpha 0 where there is none.
fn picture_at(index: u32, uv: vec2f) -> vec4f {
    if (index == 65535u) { return vec4f(0.0); }
    if (index >= 32768u) {
        return textureSampleLevel(thumbs, linear_clamp, uv, i32(index & 16383u), 0.0);
    }
    let slot = index & 255u;
    let at = vec2f(f32(slot & 15u), f32(slot >> 4u)) + clamp(uv, vec2f(0.5 / 128.0), vec2f(127.5 / 128.0));
    return textureSampleLevel(small_thumbs, linear_clamp, at / 16.0, i32(index >> 8u), 0.0);
}

// How much ink lies here when words are drawn as one bar for each line.
fn bars_at(local: vec2f, half: vec2f, unit: f32, lines: f32, last: f32) -> f32 {
    let q = local / unit;
    let pitch = 25.0;
    let top = half.y / unit * 0.17 - lines * pitch * 0.5;
    let row = floor((q.y - top) / pitch);
    let reach = (half.x / unit - 16.0) * select(1.0, last, row == lines - 1.0);
    let y = abs(q.y - top - (row + 0.5) * pitch) - 4.5;
    let x = abs(q.x) - reach;
    let ink = clamp(0.5 - x * unit, 0.0, 1.0) * clamp(0.5 - y * unit, 0.0, 1.0);
    return select(ink, 0.0, row < 0.0 || row >= lines);
}

// The faces below are one pipeline each: a software adapter runs every branch of a shader for every
// pixel, so plain paper must not carry the code of photographs.

fn from_top(y: f32, half: f32) -> f32 { return clamp((y + half) / (2.0 * half), 0.0, 1.0); }

fn paper_of(n: Note) -> vec3f { return palette.papers[n.paper_pin_average & 7u].rgb; }

fn fade_of(flags: u32) -> f32 {
    return select(select(1.0, 0.6, (flags & MAKING) != 0u), 0.15, (flags & DIMMED) != 0u);
}

fn gold_at(local: vec2f, half: vec2f, tilt: f32) -> vec3f {
    let t = from_top(local.y, half.y);
    let d = t - 0.36 - local.x / half.x * 0.16 - tilt * 0.03;
    return gold(t, exp(-d * d * 40.0));
}

// Fine grain of the paper's own, where it is large enough to be seen.
fn grain(local: vec2f, unit: f32, seed: f32) -> f32 {
    let cell = floor(local / max(unit, 0.5) * 0.9) + seed;
    return select(0.0, (hash21(cell) - 0.5) * 0.022, unit > 0.45);
}

fn is_paper(v: PaperVertex) -> bool { return outline(v.local, v.shape.xy, v.shape.z, v.shape.w) <= -0.5; }

@fragment fn fs_note(v: PaperVertex) -> @location(0) vec4f {
    let c = shade(v.paper.rgb, from_top(v.local.y, v.shape.y)) + grain(v.local, v.shape.z, v.paper.w);
    if (!is_paper(v)) { discard; }
    return finish(c, 1.0);
}

@fragment fn fs_note_bars(v: PaperVertex) -> @location(0) vec4f {
    let c = shade(v.paper.rgb, from_top(v.local.y, v.shape.y));
    let bars = bars_at(v.local, v.shape.xy, v.shape.z, v.more.y, v.more.z);
    if (!is_paper(v)) { discard; }
    return finish(mix(c, palette.ink.rgb, palette.ink.a * bars), 1.0);
}

@fragment fn fs_note_gold(v: PaperVertex) -> @location(0) vec4f {
    let c = shade(gold_at(v.local, v.shape.xy, v.more.x), from_top(v.local.y, v.shape.y)) + grain(v.local, v.shape.z, v.paper.w);
    let bars = bars_at(v.local, v.shape.xy, v.shape.z, v.more.y, v.more.z);
    if (!is_paper(v)) { discard; }
    return finish(mix(c, palette.ink_gold.rgb, palette.ink_gold.a * bars), 1.0);
}

// Everything else: prints, voices, and the states.
fn face(v: NoteVertex, texel: vec4f) -> vec3f {
    let n = notes[v.slot];
    let style = n.tilt_lines_style >> 24u;
    let t = from_top(v.local.y, v.shape.y);
    let tilt = f32(i32(n.tilt_lines_style << 16u) >> 16u) / 32768.0 * 180.0;
    var c = paper_of(n);
    if (style == 1u) { c = gold_at(v.local, v.shape.xy, tilt); }
    c = shade(c, t) + grain(v.local, v.shape.z, f32(n.thumb_seed >> 16u));
    let making = (n.page_flags & MAKING) != 0u;
    if (style == 2u || style == 3u) {
        let r = picture_rect(v.shape.xy, v.shape.z);
        let mid = (r.xy + r.zw) * 0.5;
        let d = rounded(v.local - mid, (r.zw - r.xy) * 0.5, 0.0);
        let average = n.paper_pin_average >> 16u;
        var picture = vec3f(f32(average >> 11u) / 31.0, f32((average >> 5u) & 63u) / 63.0, f32(average & 31u) / 31.0);
        if (making) { picture = c * 0.93; }
        picture = mix(picture, texel.rgb, texel.a);
        // A print's picture lies a hair below its paper.
        picture *= 1.0 - 0.10 * (1.0 - smoothstep(0.0, 2.5 * v.shape.z, min(v.local.y - r.y, v.local.x - r.x)));
        // A film that plays needs no mark that it can.
        let layer = n.thumb_seed & 0xffffu;
        let plays = layer >= 49152u && layer < 65535u;
        if (style == 3u && !making && !plays) {
            let play = v.local - mid;
            let disc = length(play) - 17.0 * v.shape.z;
            picture = mix(picture, vec3f(0.12, 0.10, 0.09), 0.72 * clamp(0.5 - disc, 0.0, 1.0));
            let q = play / v.shape.z;
            let tri = max(max(-q.x - 5.0, q.x * 0.5 + abs(q.y) - 4.6), -20.0) * v.shape.z;
            picture = mix(picture, vec3f(1.0), clamp(0.5 - tri, 0.0, 1.0));
            let bar = rounded(v.local - vec2f(mid.x, r.w - 9.0 * v.shape.z), vec2f((r.z - r.x) * 0.5 - 9.0 * v.shape.z, 1.7 * v.shape.z), 1.7 * v.shape.z);
            picture = mix(picture, vec3f(1.0), 0.55 * clamp(0.5 - bar, 0.0, 1.0));
        }
        c = mix(c, picture, clamp(0.5 - d, 0.0, 1.0));
    }
    if (style == 4u && !making) {
        let r = vec4f(-v.shape.x + 20.0 * v.shape.z, -v.shape.y * 0.36, v.shape.x - 20.0 * v.shape.z, v.shape.y * 0.42);
        let uv = (v.local - r.xy) / (r.zw - r.xy);
        let layer = n.thumb_seed & 0xffffu;
        let wave = picture_at(layer, clamp(uv, vec2f(0.0), vec2f(1.0)));
        let inside = uv.x > 0.0 && uv.x < 1.0 && uv.y > 0.0 && uv.y < 1.0;
        if (inside) { c = mix(c, palette.wave.rgb, wave.a); }
    }
    if ((n.page_flags & FAILED) != 0u) {
        let torn = v.local.x / v.shape.z + v.local.y / v.shape.z - (v.shape.x + v.shape.y) / v.shape.z + 46.0 + (hash21(vec2f(floor((v.local.x - v.local.y) / v.shape.z / 5.0), 3.0)) - 0.5) * 7.0;
        c = mix(c, palette.failed.rgb, clamp(torn * v.shape.z, 0.0, 1.0) * 0.9);
    }
    if (v.bars != 0u && !making && (style < 2u || style == 5u)) {
        let ink = select(palette.ink, palette.ink_gold, style == 1u);
        let lines = (n.tilt_lines_style >> 16u) & 255u;
        c = mix(c, ink.rgb, ink.a * bars_at(v.local, v.shape.xy, v.shape.z, f32(lines & 15u), f32(lines >> 4u) / 15.0));
    }
    if ((n.page_flags & STALE) != 0u) {
        // A small dog-ear at the upper right: the corner is folded over and shows the paper's back.
        let q = vec2f(v.shape.x - v.local.x, v.local.y + v.shape.y) / v.shape.z;
        let fold = 24.0 - q.x - q.y;
        let back = mix(c, vec3f(1.0), 0.45) * (1.0 - 0.25 * smoothstep(8.0, 0.0, fold));
        c = mix(c, back, clamp(fold * v.shape.z, 0.0, 1.0));
        c = mix(c, vec3f(0.0), 0.22 * (1.0 - smoothstep(0.0, 5.0, -fold)) * step(fold, 0.0));
    }
    // Ghosts and notes outside the filter fade into the wall.
    let fade = fade_of(n.page_flags);
    if (fade < 1.0) { c = mix(wall_color(v.px), c, fade); }
    return c;
}

// Where in its picture a point of the note lies.
fn picture_uv(v: NoteVertex) -> vec2f {
    let r = picture_rect(v.shape.xy, v.shape.z);
    return (v.local - r.xy) / (r.zw - r.xy);
}

@fragment fn fs_part(v: NoteVertex) -> @location(0) vec4f {
    let uv = picture_uv(v) * part_count(v.part) - part_column_row(v.part);
    let texel = textureSampleLevel(thumbs, linear_clamp, uv, i32(v.part >> 24u), 0.0);
    return finish(face(v, texel), 1.0);
}

@fragment fn fs_note_print(v: NoteVertex) -> @location(0) vec4f {
    let n = notes[v.slot];
    let style = n.tilt_lines_style >> 24u;
    var texel = vec4f(0.0);
    if (style == 2u || style == 3u) { texel = picture_at(n.thumb_seed & 0xffffu, picture_uv(v)); }
    let c = face(v, texel);
    if (outline(v.local, v.shape.xy, v.shape.z, curl_side(v.slot)) > -0.5) { discard; }
    return finish(c, 1.0);
}

// Soft step of a shadow of this blur at this distance.
fn shadow_at(d: f32, blur: f32) -> f32 { return 1.0 / (1.0 + exp(clamp(d / max(blur * 0.42, 0.3), -20.0, 20.0))); }

// Distance to the paper for its shadow, which is too soft to tell the bowed edges.
fn box_distance(p: vec2f, half: vec2f) -> f32 { let q = abs(p) - half; return max(q.x, q.y); }

@fragment fn fs_rim(v: PaperVertex) -> @location(0) vec4f {
    let half = v.shape.xy;
    let u = v.shape.z;
    let side = v.shape.w;
    let d = outline(v.local, half, u, side);
    let edge = clamp(0.5 - d, 0.0, 1.0);
    let c = shade(v.paper.rgb, from_top(v.local.y, half.y));
    // Offsets are given on the screen; the note's tilt is small enough to take them along.
    let x = v.local.x / half.x * side;
    let y = clamp(v.local.y / half.y, -1.0, 1.0);
    let lift = smoothstep(-0.4, 1.0, x) * smoothstep(-0.2, 1.0, y);
    let contact = shadow_at(d - 1.0 * u * (x * side + 2.0 * y), 1.8 * u) * 0.30;
    let offset = mix(vec2f(2.5, 4.0), vec2f(9.0 * side * 0.5 + 4.0, 12.0), lift) * u * v.more.x;
    let thrown = shadow_at(box_distance(v.local - offset, half), mix(7.0, 13.0, lift) * u * v.more.x) * palette.shadow.a;
    let shadow = (1.0 - (1.0 - contact) * (1.0 - thrown)) * v.more.y;
    let edge_alpha = edge * v.more.w;
    let alpha = edge_alpha + (1.0 - edge) * shadow;
    let rgb = mix(palette.shadow.rgb, c, edge_alpha / max(alpha, 1e-4));
    if (d < -1.0) { discard; }
    return finish(rgb, alpha);
}

struct PinVertex {
    @builtin(position) position: vec4f,
    @location(0) local: vec2f,
    // Colour and opacity.
    @location(1) @interpolate(flat) color: vec4f,
    // How far the making is, below zero for what is not being made.
    @location(2) @interpolate(flat) done: f32,
}

@vertex fn vs_pin(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> PinVertex {
    let slot = visible_notes[n] & 0x7fffffffu;
    let p = placed(slot);
    let n_note = notes[slot];
    let making = (p.flags & MAKING) != 0u;
    // The ring of a ghost is wider than a pin's shadow.
    let local = select(vec2f(-11.5) + (corner(i) * 0.5 + 0.5) * vec2f(34.0, 36.0), corner(i) * 24.0, making);
    var o: PinVertex;
    o.position = clip(pin_of(p) + local * p.unit, depth_of(p.rank, 2u));
    o.local = local;
    let dim = select(1.0, 0.15, (p.flags & DIMMED) != 0u);
    // Frames have no pin.
    o.color = vec4f(palette.twines[(n_note.paper_pin_average >> 8u) & 15u].rgb, select(dim, 0.0, p.style == 5u));
    o.done = select(-1.0, f32(n_note.paper_pin_average >> 16u) / 65535.0, making);
    return o;
}

@fragment fn fs_pin(v: PinVertex) -> @location(0) vec4f {
    let px = 1.0 / view.px_per_unit;
    let base = v.color.rgb;
    let r = length(v.local);
    let ball = clamp(0.5 - (r - 10.5) / px, 0.0, 1.0);
    let s = (v.local - vec2f(9.0, 11.0)) * vec2f(0.80, 1.05);
    let shadow = (1.0 - smoothstep(3.5, 12.5, length(s))) * 0.42;
    // A ball lit from the upper left, with a smaller, flatter head in its middle.
    var c = base * (1.0 - 0.42 * smoothstep(4.0, 10.5, r)) * (1.0 - 0.012 * (v.local.x + v.local.y));
    let head = clamp(0.5 - (length(v.local + vec2f(0.6, 0.8)) - 5.8) / px, 0.0, 1.0);
    c = mix(c, min(base * 1.14 + 0.03, vec3f(1.0)), head * 0.85);
    let glint = 1.0 - smoothstep(0.5, 3.2, length((v.local + vec2f(3.0, 3.4)) * vec2f(1.0, 1.2)));
    c = mix(c, vec3f(1.0), glint * 0.72);
    var alpha = ball + (1.0 - ball) * shadow;
    var rgb = mix(palette.shadow.rgb, c, ball / max(alpha, 1e-4));
    if (v.done >= 0.0) {
        // The part of the ring that is done is strong.
        let ring = clamp(0.5 - (abs(r - 19.5) - 2.4) / px, 0.0, 1.0);
        let turn = fract(atan2(v.local.x, -v.local.y) / 6.2831853 + 1.0);
        let strength = ring * select(0.28, 0.95, turn <= max(v.done, 0.03));
        rgb = mix(rgb, base, strength / max(strength + alpha * (1.0 - strength), 1e-4));
        alpha = strength + alpha * (1.0 - strength);
    }
    alpha *= v.color.a;
    return finish(rgb, alpha);
}
