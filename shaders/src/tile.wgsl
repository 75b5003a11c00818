// Retained tiles: pieces of the board drawn before, laid on the screen; and the layer of notes too
// small for the GPU's triangles, drawn on the CPU and laid into a tile.

struct Tile { min_px: vec2f, edge_px: f32, layer: u32 }

@group(1) @binding(0) var<uniform> tiles: array<Tile, 256>;
@group(1) @binding(1) var tile_layers: texture_2d_array<f32>;

struct TileVertex {
    @builtin(position) position: vec4f,
    @location(0) uv: vec2f,
    @location(1) @interpolate(flat) layer: u32,
}

@vertex fn vs_tile(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> TileVertex {
    let tile = tiles[n];
    let uv = corner(i) * 0.5 + 0.5;
    var o: TileVertex;
    o.position = clip(tile.min_px + uv * tile.edge_px, 0.0);
    o.uv = uv;
    o.layer = tile.layer;
    return o;
}

@fragment fn fs_tile(v: TileVertex) -> @location(0) vec4f {
    return vec4f(textureSampleLevel(tile_layers, linear_clamp, v.uv, i32(v.layer), 0.0).rgb, 1.0);
}

// Colours of the far layer are sRGB times coverage.
@vertex fn vs_far(@builtin(vertex_index) i: u32, @builtin(instance_index) n: u32) -> TileVertex {
    var o: TileVertex;
    o.uv = corner(i) * 0.5 + 0.5;
    o.position = clip(o.uv * view.size_px, 0.0);
    o.layer = n;
    return o;
}

@fragment fn fs_far(v: TileVertex) -> @location(0) vec4f {
    let c = textureSampleLevel(far_layers, linear_clamp, v.uv, i32(v.layer), 0.0);
    return finish(c.rgb / max(c.a, 1e-3), c.a);
}
