//! Names of undoable things, with the label of the Undo item.

macro_rules! ops {
    ($($name:ident $label:literal),+ $(,)?) => {
        /// The name of an undoable thing. Stored as a word; never renamed after a release.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Op {
            $(#[doc = $label] $name),+
        }

        impl Op {
            /// Every operation.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The word stored in the journal.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// Key of the label in the words files.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label),+ }
            }

            /// The operation with this word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|op| op.word() == word)
            }
        }
    };
}

ops!(
    AddNotes "op-add-notes",
    MoveNotes "op-move-notes",
    ResizeNotes "op-resize-notes",
    RemoveNotes "op-remove-notes",
    RaiseNotes "op-raise-notes",
    WriteText "op-write-text",
    SetAgent "op-set-agent",
    SetColor "op-set-color",
    StarNotes "op-star-notes",
    TieTwines "op-tie-twines",
    CutTwines "op-cut-twines",
    BeginWork "op-begin-work",
    FinishWork "op-finish-work",
    FailWork "op-fail-work",
    RetryWork "op-retry-work",
);
