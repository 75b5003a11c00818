// Colours are mixed as they are written in the theme (sRGB); the target wants linear light.
fn to_linear(c: vec3f) -> vec3f {
    let v = clamp(c, vec3f(0.0), vec3f(1.0));
    return select(v / 12.92, pow((v + 0.055) / 1.055, vec3f(2.4)), v > vec3f(0.04045));
}
fn finish(c: vec3f, a: f32) -> vec4f { return vec4f(to_linear(c), a); }
