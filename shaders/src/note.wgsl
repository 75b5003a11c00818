// Post-its. The interior is opaque and writes depth; the rim (soft edge and shadows) is blended
// afterwards, back to front; pins come last. Lengths are world units times `unit`.

struct NoteVertex {
    @builtin(position) position: vec4f,
    // Position relative to the note's centre, along its own axes, in pixels.
    @location(0) local: vec2f,
    @location(1) @interpolate(flat) slot: u32,
    @location(2) @interpolate(flat) half: vec2f,
    @location(3) @interpolate(flat) unit: f32,
    // Pixels on the screen, for the wall's colour under ghosts.
    @location(4) px: vec2f,
    @location(5) @interpolate(flat) bars: u32,
}

fn note_vertex(entry: u32, i: u32, grow: vec2f, layer: u32) -> NoteVertex {
    let slot = entry & 0x7fffffffu;
    let p = placed(slot);
    let local = corner(i) * (p.half + grow);
    let px = p.center + turned(local, p.cos_sin);
    var o: NoteVertex;
    o.position = clip(px, depth_of(p.rank, layer));
    o.local = local;
    o.slot = slot;
    o.half = p.half;
    o.unit = p.unit;
    o.px = px;
    o.bars = entry >> 31u;
    return o;
}

@vertex fn vs_note(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> NoteVertex {
    return note_vertex(visible_notes[n], i, vec2f(1.0), 0u);
}
// A ring round the paper: the soft edge inside, the shadow outside, wider below where it falls.
@vertex fn vs_rim(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> NoteVertex {
    let entry = visible_notes[n];
    let p = placed(entry & 0x7fffffffu);
    let far = select(1.0, 1.7, (p.flags & LIFTED) != 0u) * p.unit;
    let k = (i >> 1u) % 4u;
    let side = vec2f(select(-1.0, 1.0, k == 1u || k == 2u), select(-1.0, 1.0, k >= 2u));
    let inner = max(p.half - (5.0 * p.unit + 2.0), vec2f(0.0));
    let grow = select(vec2f(16.0), vec2f(26.0, 34.0), side > vec2f(0.0)) * far + 2.0;
    let local = side * select(p.half + grow, inner, (i & 1u) == 1u);
    let px = p.center + turned(local, p.cos_sin);
    var o: NoteVertex;
    o.position = clip(px, depth_of(p.rank, 1u));
    o.local = local;
    o.slot = entry & 0x7fffffffu;
    o.half = p.half;
    o.unit = p.unit;
    o.px = px;
    o.bars = 0u;
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
        return textureSampleLevel(thumbs, linear_clamp, uv, i32(index - 32768u), 0.0);
    }
    let slot = index & 255u;
    let at = vec2f(f32(slot & 15u), f32(slot >> 4u)) + clamp(uv, vec2f(0.5 / 128.0), vec2f(127.5 / 128.0));
    return textureSampleLevel(small_thumbs, linear_clamp, at / 16.0, i32(index >> 8u), 0.0);
}

// How much ink lies here when words are drawn as one bar for each line.
fn bars_at(v: NoteVertex, lines_last: u32) -> f32 {
    let n = f32(lines_last & 15u);
    let last = f32(lines_last >> 4u) / 15.0;
    let q = v.local / v.unit;
    let width = v.half.x / v.unit - 16.0;
    let pitch = 25.0;
    let top = v.half.y / v.unit * 0.17 - n * pitch * 0.5;
    let row = floor((q.y - top) / pitch);
    if (row < 0.0 || row >= n) { return 0.0; }
    let reach = width * select(1.0, last, row == n - 1.0);
    let y = abs(q.y - top - (row + 0.5) * pitch) - 5.5;
    let x = abs(q.x) - reach;
    return clamp(0.5 - x * v.unit, 0.0, 1.0) * clamp(0.5 - y * v.unit, 0.0, 1.0);
}

// The faces below are one pipeline each: a software adapter runs every branch of a shader for every
// pixel, so plain paper must not carry the code of photographs.

fn from_top(v: NoteVertex) -> f32 { return clamp((v.local.y + v.half.y) / (2.0 * v.half.y), 0.0, 1.0); }

fn paper_of(n: Note) -> vec3f { return palette.papers[n.paper_pin_average & 7u].rgb; }

fn gold_of(v: NoteVertex, n: Note) -> vec3f {
    let t = from_top(v);
    let tilt = f32(i32(n.tilt_lines_style << 16u) >> 16u) / 32768.0 * 180.0;
    let d = t - 0.36 - v.local.x / v.half.x * 0.16 - tilt * 0.03;
    return gold(t, exp(-d * d * 40.0));
}

// Fine grain of the paper's own, where it is large enough to be seen.
fn grain(v: NoteVertex, n: Note) -> f32 {
    let cell = floor(v.local / max(v.unit, 0.5) * 0.9) + f32(n.thumb_seed >> 16u);
    return select(0.0, (hash21(cell) - 0.5) * 0.022, v.unit > 0.45);
}

fn is_paper(v: NoteVertex) -> bool { return outline(v.local, v.half, v.unit, curl_side(v.slot)) <= -0.5; }

@fragment fn fs_note(v: NoteVertex) -> @location(0) vec4f {
    let n = notes[v.slot];
    let c = shade(paper_of(n), from_top(v)) + grain(v, n);
    if (!is_paper(v)) { discard; }
    return finish(c, 1.0);
}

@fragment fn fs_note_bars(v: NoteVertex) -> @location(0) vec4f {
    let n = notes[v.slot];
    let c = shade(paper_of(n), from_top(v));
    let bars = bars_at(v, (n.tilt_lines_style >> 16u) & 255u);
    if (!is_paper(v)) { discard; }
    return finish(mix(c, palette.ink.rgb, palette.ink.a * bars), 1.0);
}

@fragment fn fs_note_gold(v: NoteVertex) -> @location(0) vec4f {
    let n = notes[v.slot];
    let c = shade(gold_of(v, n), from_top(v)) + grain(v, n);
    let bars = bars_at(v, (n.tilt_lines_style >> 16u) & 255u) * f32(v.bars);
    if (!is_paper(v)) { discard; }
    return finish(mix(c, palette.ink_gold.rgb, palette.ink_gold.a * bars), 1.0);
}

// Everything else: prints, voices, and the states.
fn face(v: NoteVertex) -> vec3f {
    let n = notes[v.slot];
    let style = n.tilt_lines_style >> 24u;
    let t = from_top(v);
    var c = paper_of(n);
    if (style == 1u) { c = gold_of(v, n); }
    c = shade(c, t) + grain(v, n);
    let making = (n.page_flags & MAKING) != 0u;
    if (style == 2u || style == 3u) {
        let r = picture_rect(v.half, v.unit);
        let mid = (r.xy + r.zw) * 0.5;
        let d = rounded(v.local - mid, (r.zw - r.xy) * 0.5, 0.0);
        let uv = (v.local - r.xy) / (r.zw - r.xy);
        let layer = n.thumb_seed & 0xffffu;
        let average = n.paper_pin_average >> 16u;
        var picture = vec3f(f32(average >> 11u) / 31.0, f32((average >> 5u) & 63u) / 63.0, f32(average & 31u) / 31.0);
        if (making) { picture = c * 0.93; }
        let texel = picture_at(layer, uv);
        picture = mix(picture, texel.rgb, texel.a);
        // A print's picture lies a hair below its paper.
        picture *= 1.0 - 0.10 * (1.0 - smoothstep(0.0, 2.5 * v.unit, min(v.local.y - r.y, v.local.x - r.x)));
        if (style == 3u && !making) {
            let play = v.local - mid;
            let disc = length(play) - 17.0 * v.unit;
            picture = mix(picture, vec3f(0.12, 0.10, 0.09), 0.72 * clamp(0.5 - disc, 0.0, 1.0));
            let q = play / v.unit;
            let tri = max(max(-q.x - 5.0, q.x * 0.5 + abs(q.y) - 4.6), -20.0) * v.unit;
            picture = mix(picture, vec3f(1.0), clamp(0.5 - tri, 0.0, 1.0));
            let bar = rounded(v.local - vec2f(mid.x, r.w - 9.0 * v.unit), vec2f((r.z - r.x) * 0.5 - 9.0 * v.unit, 1.7 * v.unit), 1.7 * v.unit);
            picture = mix(picture, vec3f(1.0), 0.55 * clamp(0.5 - bar, 0.0, 1.0));
        }
        c = mix(c, picture, clamp(0.5 - d, 0.0, 1.0));
    }
    if (style == 4u && !making) {
        let r = vec4f(-v.half.x + 20.0 * v.unit, -v.half.y * 0.36, v.half.x - 20.0 * v.unit, v.half.y * 0.42);
        let uv = (v.local - r.xy) / (r.zw - r.xy);
        let layer = n.thumb_seed & 0xffffu;
        let texel = picture_at(layer, clamp(uv, vec2f(0.0), vec2f(1.0)));
        let inside = uv.x > 0.0 && uv.x < 1.0 && uv.y > 0.0 && uv.y < 1.0;
        if (inside) { c = mix(c, palette.wave.rgb, texel.a); }
    }
    if ((n.page_flags & FAILED) != 0u) {
        let torn = v.local.x / v.unit + v.local.y / v.unit - (v.half.x + v.half.y) / v.unit + 46.0 + (hash21(vec2f(floor((v.local.x - v.local.y) / v.unit / 5.0), 3.0)) - 0.5) * 7.0;
        c = mix(c, palette.failed.rgb, clamp(torn * v.unit, 0.0, 1.0) * 0.9);
    }
    if (v.bars != 0u && !making && (style < 2u || style == 5u)) {
        let ink = select(palette.ink, palette.ink_gold, style == 1u);
        c = mix(c, ink.rgb, ink.a * bars_at(v, (n.tilt_lines_style >> 16u) & 255u));
    }
    if ((n.page_flags & STALE) != 0u) {
        // A small dog-ear at the upper right: the corner is folded over and shows the paper's back.
        let q = vec2f(v.half.x - v.local.x, v.local.y + v.half.y) / v.unit;
        let fold = 24.0 - q.x - q.y;
        let back = mix(c, vec3f(1.0), 0.45) * (1.0 - 0.25 * smoothstep(8.0, 0.0, fold));
        c = mix(c, back, clamp(fold * v.unit, 0.0, 1.0));
        c = mix(c, vec3f(0.0), 0.22 * (1.0 - smoothstep(0.0, 5.0, -fold)) * step(fold, 0.0));
    }
    // Ghosts and notes outside the filter fade into the wall.
    let fade = fade_of(n.page_flags);
    if (fade < 1.0) { c = mix(wall_color(v.px), c, fade); }
    return c;
}

fn fade_of(flags: u32) -> f32 {
    return select(select(1.0, 0.6, (flags & MAKING) != 0u), 0.15, (flags & DIMMED) != 0u);
}

@fragment fn fs_note_print(v: NoteVertex) -> @location(0) vec4f {
    let c = face(v);
    if (!is_paper(v)) { discard; }
    return finish(c, 1.0);
}

// Soft step of a shadow of this blur at this distance.
fn shadow_at(d: f32, blur: f32) -> f32 { return 1.0 / (1.0 + exp(clamp(d / max(blur * 0.42, 0.3), -20.0, 20.0))); }

@fragment fn fs_rim(v: NoteVertex) -> @location(0) vec4f {
    let side = curl_side(v.slot);
    let d = outline(v.local, v.half, v.unit, side);
    let edge = clamp(0.5 - d, 0.0, 1.0);
    let n = notes[v.slot];
    let flags = n.page_flags;
    let u = v.unit;
    // The edge is plain paper on every note.
    let paper = select(paper_of(n), palette.gold[2].rgb, (n.tilt_lines_style >> 24u) == 1u);
    let c = shade(paper, from_top(v));
    let edge_alpha = edge * fade_of(flags);
    // Offsets are given on the screen; the note's tilt is small enough to take them along.
    let x = v.local.x / v.half.x * side;
    let y = clamp(v.local.y / v.half.y, -1.0, 1.0);
    let lift = smoothstep(-0.4, 1.0, x) * smoothstep(-0.2, 1.0, y);
    let lifted = select(1.0, 1.7, (flags & LIFTED) != 0u);
    let contact = shadow_at(outline(v.local - vec2f(1.0, 2.0) * u, v.half, u, side), 1.8 * u) * 0.30;
    let offset = mix(vec2f(2.5, 4.0), vec2f(9.0 * side * 0.5 + 4.0, 12.0), lift) * u * lifted;
    let thrown = shadow_at(outline(v.local - offset, v.half, u, side), mix(7.0, 13.0, lift) * u * lifted) * palette.shadow.a;
    var shadow = 1.0 - (1.0 - contact) * (1.0 - thrown);
    if ((flags & (MAKING | DIMMED)) != 0u) { shadow *= 0.3; }
    let alpha = edge_alpha + (1.0 - edge) * shadow;
    let rgb = mix(palette.shadow.rgb, c, edge_alpha / max(alpha, 1e-4));
    if (d < -1.0) { discard; }
    return finish(rgb, alpha);
}

struct PinVertex {
    @builtin(position) position: vec4f,
    @location(0) local: vec2f,
    @location(1) @interpolate(flat) slot: u32,
}

@vertex fn vs_pin(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> PinVertex {
    let slot = visible_notes[n] & 0x7fffffffu;
    let p = placed(slot);
    let local = corner(i) * 30.0;
    var o: PinVertex;
    o.position = clip(pin_of(p) + local * p.unit, depth_of(p.rank, 2u));
    o.local = local;
    o.slot = slot;
    return o;
}

@fragment fn fs_pin(v: PinVertex) -> @location(0) vec4f {
    let n = notes[v.slot];
    if ((n.tilt_lines_style >> 24u) == 5u) { discard; }
    let px = 1.0 / view.px_per_unit;
    let base = palette.twines[(n.paper_pin_average >> 8u) & 15u].rgb;
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
    if ((n.page_flags & MAKING) != 0u) {
        // The part of the ring that is done is strong.
        let ring = clamp(0.5 - (abs(r - 19.5) - 2.4) / px, 0.0, 1.0);
        let done = f32(n.paper_pin_average >> 16u) / 65535.0;
        let turn = fract(atan2(v.local.x, -v.local.y) / 6.2831853 + 1.0);
        let strength = ring * select(0.28, 0.95, turn <= max(done, 0.03));
        rgb = mix(rgb, base, strength / max(strength + alpha * (1.0 - strength), 1e-4));
        alpha = strength + alpha * (1.0 - strength);
    }
    if ((n.page_flags & DIMMED) != 0u) { alpha *= 0.15; }
    return finish(rgb, alpha);
}
