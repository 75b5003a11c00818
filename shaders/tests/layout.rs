//! Every record has the size and offsets its WGSL twin has, and the shaders are valid.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::mem::{offset_of, size_of};

use oto_shaders::*;

fn module() -> (naga::Module, naga::valid::ModuleInfo) {
    let module = naga::front::wgsl::parse_str(BOARD_WGSL)
        .unwrap_or_else(|e| panic!("{}", e.emit_to_string(BOARD_WGSL)));
    let mut validator = naga::valid::Validator::new(
        naga::valid::ValidationFlags::all(),
        naga::valid::Capabilities::empty(),
    );
    let info = validator.validate(&module).unwrap();
    (module, info)
}

#[test]
fn shaders_are_valid_and_have_their_entry_points() {
    let (module, _) = module();
    let names: Vec<&str> = module.entry_points.iter().map(|e| e.name.as_str()).collect();
    for name in [
        "wall",
        "note",
        "twine",
        "twine_shadow",
        "stub",
        "glyph",
        "overlay",
        "pin",
        "rim",
        "tile",
        "far",
    ] {
        let fragment = format!("fs_{name}");
        assert!(names.contains(&fragment.as_str()), "{fragment}");
    }
}

#[test]
fn records_are_laid_out_alike() {
    let (module, _) = module();
    let mut layouter = naga::proc::Layouter::default();
    layouter.update(module.to_ctx()).unwrap();
    let size_of_wgsl = |name: &str| {
        let (handle, _) =
            module.types.iter().find(|(_, t)| t.name.as_deref() == Some(name)).unwrap();
        layouter[handle].size as usize
    };
    assert_eq!(size_of::<NoteGpu>(), 32);
    for (name, size) in [
        ("View", size_of::<ViewGpu>()),
        ("Palette", size_of::<PaletteGpu>()),
        ("Page", size_of::<PageGpu>()),
        ("Anchor", size_of::<AnchorGpu>()),
        ("Tile", size_of::<TileGpu>()),
        ("Note", size_of::<NoteGpu>()),
        ("Twine", size_of::<TwineGpu>()),
        ("Glyph", size_of::<GlyphGpu>()),
        ("Cell", size_of::<CellGpu>()),
        ("Overlay", size_of::<OverlayGpu>()),
    ] {
        assert_eq!(size_of_wgsl(name), size, "{name}");
    }
    assert_eq!(offset_of!(NoteGpu, tilt), 12);
    assert_eq!(offset_of!(NoteGpu, paper), 16);
    assert_eq!(offset_of!(NoteGpu, average), 18);
    assert_eq!(offset_of!(NoteGpu, page_flags), 20);
    assert_eq!(offset_of!(NoteGpu, rank), 28);
    assert_eq!(offset_of!(GlyphGpu, color), 12);
}
