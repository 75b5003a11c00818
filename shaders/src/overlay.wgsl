// Marks in screen pixels, above everything.

struct OverlayVertex {
    @builtin(position) position: vec4f,
    @location(0) local: vec2f,
    @location(1) @interpolate(flat) half: vec2f,
    @location(2) @interpolate(flat) kind: u32,
}

@vertex fn vs_overlay(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> OverlayVertex {
    let m = overlays[n];
    let local = corner(i) * (m.half_px + 8.0 * view.scale_factor);
    var o: OverlayVertex;
    o.position = clip(m.center_px + turned(local, vec2f(cos(m.turn), sin(m.turn))), 1.0);
    o.local = local;
    o.half = m.half_px;
    o.kind = m.kind;
    return o;
}

@fragment fn fs_overlay(v: OverlayVertex) -> @location(0) vec4f {
    let s = view.scale_factor;
    let c = palette.select.rgb;
    let d = rounded(v.local, v.half, 0.0);
    let line = clamp(0.5 - (abs(d) - select(1.0, 0.6, v.kind == 1u) * s), 0.0, 1.0);
    if (v.kind == 1u) { return finish(c, max(line, 0.12 * clamp(0.5 - d, 0.0, 1.0))); }
    let q = abs(v.local) - v.half;
    let handle = max(abs(q.x), abs(q.y)) - 3.5 * s;
    let square = clamp(0.5 - handle, 0.0, 1.0);
    let inner = clamp(0.5 - (handle + 1.4 * s), 0.0, 1.0);
    return finish(mix(c, vec3f(1.0), inner), max(line, square));
}
