// The wall: three layers of one tileable texture, anchored to the world. Each layer is read at two
// octaves of its size and cross-faded while zooming, so grain neither swims nor blurs.

struct WallVertex { @builtin(position) position: vec4f, @location(0) px: vec2f }

@vertex fn vs_wall(@builtin(vertex_index) i: u32) -> WallVertex {
    let c = vec2f(f32((i << 1u) & 2u), f32(i & 2u));
    var o: WallVertex;
    o.position = vec4f(c * 2.0 - 1.0, 0.0, 1.0);
    o.px = vec2f(c.x, 1.0 - c.y) * view.size_px;
    return o;
}

// Red: fine grain; green: long horizontal fibres; blue: large mottling.
fn wall_layers(world: vec2f, zoom: f32) -> vec3f {
    let octave = floor(log2(zoom));
    let t = fract(log2(zoom));
    let s = exp2(octave);
    let fine_a = textureSampleLevel(paper_texture, linear_repeat, world * s / 512.0, 0.0).rg;
    let fine_b = textureSampleLevel(paper_texture, linear_repeat, world * s / 256.0, 0.0).rg;
    let slow_a = textureSampleLevel(paper_texture, linear_repeat, world * s / 2600.0, 0.0).b;
    let slow_b = textureSampleLevel(paper_texture, linear_repeat, world * s / 1300.0, 0.0).b;
    return vec3f(mix(fine_a, fine_b, t), mix(slow_a, slow_b, t)) - 0.5;
}

fn wall_color(px: vec2f) -> vec3f {
    let zoom = view.px_per_unit / view.scale_factor;
    let world = view.paper_origin + (px - view.size_px * 0.5) / view.px_per_unit;
    let l = wall_layers(world, zoom);
    let strength = palette.wall.a;
    let shade = (l.r * 0.20 + l.g * 0.13 + l.b * 0.17) * strength;
    return mix(palette.wall.rgb, palette.fibre.rgb, clamp(0.04 + shade, 0.0, 1.0)) + vec3f(max(-shade, 0.0)) * 0.16;
}

@fragment fn fs_wall(v: WallVertex) -> @location(0) vec4f { return finish(wall_color(v.px), 1.0); }
