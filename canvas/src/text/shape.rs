//! The shaping thread: words to letters in place, in board units, so that zooming never wraps
//! again. It also makes the atlas cells of letters met for the first time.

use std::borrow::Cow;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use oto_board::NoteId;
use oto_shaders::CellGpu;
use parley::fontique::{
    Blob, Collection, CollectionOptions, FontInfoOverride, GenericFamily, SourceCache,
};
use parley::{
    Alignment, AlignmentOptions, FontContext, FontFamily, FontFamilyName, Layout, LayoutContext,
    LineHeight, OverflowWrap, PositionedLayoutItem, StyleProperty,
};

use super::atlas::Atlas;
use super::{Block, Letter};
use crate::{Fonts, Wake};

/// How many notes may wait to be shaped.
const QUEUE: usize = 4_096;

/// Words that came back.
#[derive(Debug)]
pub(crate) struct Shaped {
    pub(crate) note: NoteId,
    pub(crate) hash: u64,
    pub(crate) letters: Vec<Letter>,
    pub(crate) cells: Vec<(u16, CellGpu, Vec<u8>)>,
}

type Asked = (NoteId, u64, Vec<Block>);

/// Handle of the thread.
pub(crate) struct Shaper {
    asked: Option<SyncSender<Asked>>,
    back: Mutex<Receiver<Shaped>>,
}

impl std::fmt::Debug for Shaper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shaper")
    }
}

impl Shaper {
    pub(crate) fn start(fonts: Fonts, wake: Wake) -> Self {
        let (asked, inbox) = sync_channel::<Asked>(QUEUE);
        let (outbox, back) = channel();
        let thread = std::thread::Builder::new()
            .name("oto-text".to_owned())
            .spawn(move || work(fonts, &inbox, &outbox, &wake));
        if let Err(error) = &thread {
            bevy::log::error!("no thread for text: {error}");
        }
        Self { asked: Some(asked), back: Mutex::new(back) }
    }

    /// False when the queue is full: ask again in the next frame.
    pub(crate) fn ask(&self, note: NoteId, hash: u64, blocks: Vec<Block>) -> bool {
        match &self.asked {
            Some(asked) => {
                !matches!(asked.try_send((note, hash, blocks)), Err(TrySendError::Full(_)))
            }
            None => true,
        }
    }

    pub(crate) fn take(&self) -> Option<Shaped> {
        self.back.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }
}

struct Context {
    fonts: FontContext,
    layouts: LayoutContext<()>,
    atlas: Atlas,
}

fn work(bundled: Fonts, inbox: &Receiver<Asked>, outbox: &Sender<Shaped>, wake: &Wake) {
    let mut fonts = FontContext {
        collection: Collection::new(CollectionOptions { shared: false, system_fonts: true }),
        source_cache: SourceCache::default(),
    };
    for (name, bytes) in bundled {
        let renamed = FontInfoOverride { family_name: Some(name), ..Default::default() };
        fonts.collection.register_fonts(Blob::new(Arc::new(*bytes)), Some(renamed));
    }
    let mut context = Context { fonts, layouts: LayoutContext::new(), atlas: Atlas::default() };
    while let Ok((note, hash, blocks)) = inbox.recv() {
        let mut letters = Vec::new();
        for block in &blocks {
            context.shape(block, &mut letters);
        }
        let cells = context.atlas.take_new();
        if outbox.send(Shaped { note, hash, letters, cells }).is_err() {
            return;
        }
        wake();
    }
}

impl Context {
    fn layout(&mut self, block: &Block, size: f32) -> Layout<()> {
        let families = vec![
            FontFamilyName::named(block.face.family()),
            FontFamilyName::Generic(GenericFamily::Emoji),
            FontFamilyName::Generic(GenericFamily::SansSerif),
        ];
        let mut builder = self.layouts.ranged_builder(&mut self.fonts, &block.text, 1.0, false);
        builder.push_default(StyleProperty::FontFamily(FontFamily::List(Cow::Owned(families))));
        builder.push_default(StyleProperty::FontSize(size));
        builder.push_default(LineHeight::FontSizeRelative(1.17));
        builder.push_default(StyleProperty::OverflowWrap(OverflowWrap::BreakWord));
        let mut layout: Layout<()> = builder.build(&block.text);
        layout.break_all_lines(Some(block.area[2] - block.area[0]));
        let alignment = if block.centered { Alignment::Center } else { Alignment::Start };
        layout.align(alignment, AlignmentOptions::default());
        layout
    }

    fn shape(&mut self, block: &Block, letters: &mut Vec<Letter>) {
        let room = block.area[3] - block.area[1];
        if block.text.trim().is_empty() || room <= 0.0 {
            return;
        }
        let mut size = block.size;
        let mut layout = self.layout(block, size);
        while layout.height() > room && size > block.least {
            size = (size * 0.92).max(block.least);
            layout = self.layout(block, size);
        }
        let top = if block.middle {
            block.area[1] + ((room - layout.height()) / 2.0).max(0.0)
        } else {
            block.area[1]
        };
        for line in layout.lines() {
            // Lines that do not fit are left out; the preview shows the whole text.
            if line.metrics().block_max_coord > room + size * 0.25 {
                break;
            }
            for item in line.items() {
                let PositionedLayoutItem::GlyphRun(glyphs) = item else { continue };
                let run = glyphs.run();
                for glyph in glyphs.positioned_glyphs() {
                    let Some(cell) = self.atlas.cell(run.font(), run.normalized_coords(), glyph.id)
                    else {
                        continue;
                    };
                    letters.push(Letter {
                        x: block.area[0] + glyph.x,
                        y: top + glyph.y,
                        cell,
                        size,
                        color: block.color,
                    });
                }
            }
        }
    }
}
