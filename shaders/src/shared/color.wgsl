// Colours are mixed as they are written in the theme (sRGB), and drawn into textures that take them
// as they are.
fn finish(c: vec3f, a: f32) -> vec4f { return vec4f(c, a); }
