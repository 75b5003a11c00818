//! Version 1 of the layout.

use oto_board::{
    Agent, AssetId, AssetInfo, Change, JobId, Note, NoteId, NoteKind, Origin, OutputRole, Rec,
    Recipe, Run, RunId, RunInput, RunOutput, StepId, Twine, TwineId, TwineRole, Work, WorkKind,
    WorkState,
};

use super::bytes::{DecodeError, Input};

pub(crate) trait Encode {
    fn put(&self, out: &mut Vec<u8>);
}

pub(crate) trait Decode: Sized {
    fn get(input: &mut Input<'_>) -> Result<Self, DecodeError>;
}

pub(crate) fn encode(value: &impl Encode) -> Vec<u8> {
    let mut out = Vec::new();
    value.put(&mut out);
    out
}

pub(crate) fn decode<T: Decode>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut input = Input(bytes);
    let value = T::get(&mut input)?;
    if input.0.is_empty() { Ok(value) } else { Err(DecodeError::Long) }
}

macro_rules! numbers {
    ($($t:ty),+) => {$(
        impl Encode for $t {
            fn put(&self, out: &mut Vec<u8>) { out.extend_from_slice(&self.to_le_bytes()); }
        }
        impl Decode for $t {
            fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
                Ok(<$t>::from_le_bytes(input.array()?))
            }
        }
    )+};
}
numbers!(u8, u32, u64, i64, u128, f32, f64);

macro_rules! ids {
    ($($t:ident),+) => {$(
        impl Encode for $t {
            fn put(&self, out: &mut Vec<u8>) { self.0.put(out); }
        }
        impl Decode for $t {
            fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> { Ok(Self(Decode::get(input)?)) }
        }
    )+};
}
ids!(NoteId, TwineId, RunId, StepId, JobId);

impl Encode for AssetId {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}
impl Decode for AssetId {
    fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        Ok(Self(input.array()?))
    }
}
impl Encode for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}
impl Decode for bool {
    fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        Ok(u8::get(input)? != 0)
    }
}
impl Encode for String {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u32).put(out);
        out.extend_from_slice(self.as_bytes());
    }
}
impl Decode for String {
    fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        let n = u32::get(input)? as usize;
        match std::str::from_utf8(input.take(n)?) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(DecodeError::Text),
        }
    }
}
impl<T: Encode> Encode for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u32).put(out);
        self.iter().for_each(|item| item.put(out));
    }
}
impl<T: Decode> Decode for Vec<T> {
    fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        // No capacity from the file: a damaged length must not be able to take the memory.
        (0..u32::get(input)?).map(|_| T::get(input)).collect()
    }
}
impl<T: Encode> Encode for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }
}
impl<T: Decode> Decode for Option<T> {
    fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        bool::get(input)?.then(|| T::get(input)).transpose()
    }
}
impl<T: Encode> Encode for &T {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }
}
impl<T: Encode> Encode for Box<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (**self).put(out);
    }
}
impl<T: Decode> Decode for Box<T> {
    fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        T::get(input).map(Self::new)
    }
}
impl<A: Encode, B: Encode> Encode for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
}
impl<A: Decode, B: Decode> Decode for (A, B) {
    fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        Ok((A::get(input)?, B::get(input)?))
    }
}
impl<T: Encode, const N: usize> Encode for [T; N] {
    fn put(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|item| item.put(out));
    }
}
impl<T: Decode> Decode for [T; 2] {
    fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        Ok([T::get(input)?, T::get(input)?])
    }
}

macro_rules! structs {
    ($($name:ident { $($field:ident),+ $(,)? })+) => {$(
        impl Encode for $name {
            fn put(&self, out: &mut Vec<u8>) { $(self.$field.put(out);)+ }
        }
        impl Decode for $name {
            fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
                Ok(Self { $($field: Decode::get(input)?),+ })
            }
        }
    )+};
}
structs! {
    Note { id, kind, center, size, tilt_deg, rank, color, title, text, starred, created_at_ms }
    Agent { makes, engine, model, prompt, params, twine_color }
    Recipe { agent, engine, model, prompt, seed, params, sources }
    Work { kind, recipe, state }
    Twine { id, from, to, role, agent, color, label }
    AssetInfo { id, mime, size_bytes, size_px, duration_ms, average_rgb }
    RunInput { note, asset }
    RunOutput { role, asset }
    Run { id, job, agent, agent_name, engine, model, prompt, seed, params, inputs, outputs,
          cost_micro, draft, label, started_at_ms, finished_at_ms }
}

macro_rules! words {
    ($($name:ident { $($tag:literal $variant:ident),+ $(,)? })+) => {$(
        impl Encode for $name {
            fn put(&self, out: &mut Vec<u8>) { out.push(match self { $(Self::$variant => $tag),+ }); }
        }
        impl Decode for $name {
            fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
                match u8::get(input)? { $($tag => Ok(Self::$variant),)+ other => Err(DecodeError::Tag(other)) }
            }
        }
    )+};
}
words! {
    WorkKind { 1 Text, 2 Image, 3 Voice, 4 Video }
    TwineRole { 1 MadeBy, 2 MadeFrom, 3 Reference }
    OutputRole { 1 Main, 2 Captions, 3 Timeline }
}

impl Encode for NoteKind {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Plain => out.push(1),
            Self::Agent(agent) => {
                out.push(2);
                agent.put(out);
            }
            Self::Work(work) => {
                out.push(3);
                work.put(out);
            }
            Self::Frame => out.push(4),
        }
    }
}
impl Decode for NoteKind {
    fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        match u8::get(input)? {
            1 => Ok(Self::Plain),
            2 => Ok(Self::Agent(Decode::get(input)?)),
            3 => Ok(Self::Work(Decode::get(input)?)),
            4 => Ok(Self::Frame),
            other => Err(DecodeError::Tag(other)),
        }
    }
}
impl Encode for WorkState {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Making { home, job } => {
                out.push(1);
                home.put(out);
                job.put(out);
            }
            Self::Done { asset, run } => {
                out.push(2);
                asset.put(out);
                run.put(out);
            }
            Self::Failed { job, reason } => {
                out.push(3);
                job.put(out);
                reason.put(out);
            }
            Self::Canceled { job } => {
                out.push(4);
                job.put(out);
            }
        }
    }
}
impl Decode for WorkState {
    fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        match u8::get(input)? {
            1 => Ok(Self::Making { home: Decode::get(input)?, job: Decode::get(input)? }),
            2 => Ok(Self::Done { asset: Decode::get(input)?, run: Decode::get(input)? }),
            3 => Ok(Self::Failed { job: Decode::get(input)?, reason: Decode::get(input)? }),
            4 => Ok(Self::Canceled { job: Decode::get(input)? }),
            other => Err(DecodeError::Tag(other)),
        }
    }
}
impl Encode for Origin {
    fn put(&self, out: &mut Vec<u8>) {
        let (tag, step) = match self {
            Self::User => (1u8, None),
            Self::Import => (2, None),
            Self::Undo(step) => (3, Some(step)),
            Self::Redo(step) => (4, Some(step)),
            Self::Job => (5, None),
            Self::Remote => (6, None),
        };
        tag.put(out);
        if let Some(step) = step {
            step.put(out);
        }
    }
}
impl Decode for Origin {
    fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        match u8::get(input)? {
            1 => Ok(Self::User),
            2 => Ok(Self::Import),
            3 => Ok(Self::Undo(Decode::get(input)?)),
            4 => Ok(Self::Redo(Decode::get(input)?)),
            5 => Ok(Self::Job),
            6 => Ok(Self::Remote),
            other => Err(DecodeError::Tag(other)),
        }
    }
}
impl<T: Encode> Encode for Rec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Inserted(record) => {
                out.push(1);
                record.put(out);
            }
            Self::Updated { before, after } => {
                out.push(2);
                before.put(out);
                after.put(out);
            }
            Self::Removed(record) => {
                out.push(3);
                record.put(out);
            }
        }
    }
}
impl<T: Decode> Decode for Rec<T> {
    fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        match u8::get(input)? {
            1 => Ok(Self::Inserted(T::get(input)?)),
            2 => Ok(Self::Updated { before: T::get(input)?, after: T::get(input)? }),
            3 => Ok(Self::Removed(T::get(input)?)),
            other => Err(DecodeError::Tag(other)),
        }
    }
}
impl Encode for Change {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Note(rec) => {
                out.push(1);
                rec.put(out);
            }
            Self::Twine(rec) => {
                out.push(2);
                rec.put(out);
            }
            Self::Run(run) => {
                out.push(3);
                run.put(out);
            }
            Self::Asset(asset) => {
                out.push(4);
                asset.put(out);
            }
        }
    }
}
impl Decode for Change {
    fn get(input: &mut Input<'_>) -> Result<Self, DecodeError> {
        match u8::get(input)? {
            1 => Ok(Self::Note(Decode::get(input)?)),
            2 => Ok(Self::Twine(Decode::get(input)?)),
            3 => Ok(Self::Run(Decode::get(input)?)),
            4 => Ok(Self::Asset(Decode::get(input)?)),
            other => Err(DecodeError::Tag(other)),
        }
    }
}
