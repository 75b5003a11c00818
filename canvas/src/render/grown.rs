//! Buffers that grow.

use bevy::render::render_resource::{
    Buffer, BufferDescriptor, BufferUsages, CommandEncoderDescriptor,
};
use bevy::render::renderer::{RenderDevice, RenderQueue};
use bytemuck::{Pod, cast_slice};

use crate::counters::Counters;

/// Where bytes go, and who counts them.
pub(super) struct Wire<'a> {
    pub(super) device: &'a RenderDevice,
    pub(super) queue: &'a RenderQueue,
    pub(super) counters: &'a Counters,
}

impl Wire<'_> {
    pub(super) fn write(&self, buffer: &Buffer, offset: u64, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.queue.write_buffer(buffer, offset, bytes);
            self.counters.uploaded(bytes.len() as u64);
        }
    }
}

pub(super) struct Grown {
    label: &'static str,
    pub(super) buffer: Buffer,
    size: u64,
    usage: BufferUsages,
}

impl Grown {
    pub(super) fn new(
        device: &RenderDevice,
        label: &'static str,
        size: u64,
        usage: BufferUsages,
    ) -> Self {
        let usage = usage | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
        let buffer = device.create_buffer(&BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        });
        Self { label, buffer, size, usage }
    }

    /// Room for `size` bytes; what it holds stays. True when the buffer is another one now.
    pub(super) fn reserve(&mut self, wire: &Wire<'_>, size: u64) -> bool {
        self.grow(wire, size, true)
    }

    fn grow(&mut self, wire: &Wire<'_>, size: u64, keep: bool) -> bool {
        if size <= self.size {
            return false;
        }
        // Half as much again: a doubled buffer of a million notes would be mostly empty.
        let size = size.max(self.size + self.size / 2).next_multiple_of(256);
        let grown = Self::new(wire.device, self.label, size, self.usage);
        if keep {
            let mut encoder = wire
                .device
                .create_command_encoder(&CommandEncoderDescriptor { label: Some("grow") });
            encoder.copy_buffer_to_buffer(&self.buffer, 0, &grown.buffer, 0, self.size);
            wire.queue.submit([encoder.finish()]);
        }
        *self = grown;
        true
    }

    /// Replaces the contents. True when the buffer is another one now.
    pub(super) fn set<T: Pod>(&mut self, wire: &Wire<'_>, items: &[T]) -> bool {
        let bytes: &[u8] = cast_slice(items);
        let grew = self.grow(wire, bytes.len() as u64, false);
        wire.write(&self.buffer, 0, bytes);
        grew
    }

    /// Writes records from this one on.
    pub(super) fn put<T: Pod>(&self, wire: &Wire<'_>, from: u32, items: &[T]) {
        wire.write(&self.buffer, u64::from(from) * size_of::<T>() as u64, cast_slice(items));
    }
}
