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

// Red: fine grain; green: long horizontal fibres; blue: large mottling. `at` is in texels of the
// finest layer; every layer's period divides 2048 of them.
fn wall_layers(at: vec2f) -> vec3f {
    let fine = textureSampleLevel(paper_texture, linear_repeat, at / 512.0, 0.0).rg;
    return vec3f(fine, textureSampleLevel(paper_texture, linear_repeat, at / 2048.0, 0.0).b) - 0.5;
}

fn wall_at(px: vec2f) -> vec2f {
    return view.paper_origin + (px - view.size_px * 0.5) / view.px_per_unit * view.wall_scale;
}

fn wall_tint(l: vec3f) -> vec3f {
    let shade = (l.r * 0.20 + l.g * 0.13 + l.b * 0.17) * palette.wall.a;
    return mix(palette.wall.rgb, palette.fibre.rgb, clamp(0.04 + shade, 0.0, 1.0)) + vec3f(max(-shade, 0.0)) * 0.16;
}

fn wall_color(px: vec2f) -> vec3f {
    let at = wall_at(px);
    return wall_tint(mix(wall_layers(at), wall_layers(at * 2.0), view.wall_blend));
}

@fragment fn fs_wall_whole(v: WallVertex) -> @location(0) vec4f { return finish(wall_tint(wall_layers(wall_at(v.px))), 1.0); }
@fragment fn fs_wall(v: WallVertex) -> @location(0) vec4f { return finish(wall_color(v.px), 1.0); }
