// The wall: one tileable texture, anchored to the world. It is read at two octaves of its size and
// cross-faded while zooming, so grain neither swims nor blurs.

struct WallVertex { @builtin(position) position: vec4f, @location(0) px: vec2f }

@vertex fn vs_wall(@builtin(vertex_index) i: u32) -> WallVertex {
    let c = vec2f(f32((i << 1u) & 2u), f32(i & 2u));
    var o: WallVertex;
    o.position = vec4f(c * 2.0 - 1.0, 0.0, 1.0);
    o.px = vec2f(c.x, 1.0 - c.y) * view.size_px;
    return o;
}

// Darkness of the paper here; `at` is in texels. 400 bytes stand for a darkness of one.
fn wall_shade(at: vec2f) -> f32 {
    return (textureSampleLevel(paper_texture, linear_repeat, at / 1024.0, 0.0).r * 255.0 - 128.0) / 400.0;
}

fn wall_at(px: vec2f) -> vec2f {
    return view.paper_origin + (px - view.size_px * 0.5) / view.px_per_unit * view.wall_scale;
}

fn wall_tint(darkness: f32) -> vec3f {
    let shade = darkness * palette.wall.a;
    return mix(palette.wall.rgb, palette.fibre.rgb, clamp(0.04 + shade, 0.0, 1.0)) + vec3f(max(-shade, 0.0)) * 0.16;
}

fn wall_color(px: vec2f) -> vec3f {
    let at = wall_at(px);
    return wall_tint(mix(wall_shade(at), wall_shade(at * 2.0), view.wall_blend));
}

@fragment fn fs_wall_whole(v: WallVertex) -> @location(0) vec4f { return finish(wall_tint(wall_shade(wall_at(v.px))), 1.0); }
@fragment fn fs_wall(v: WallVertex) -> @location(0) vec4f { return finish(wall_color(v.px), 1.0); }
