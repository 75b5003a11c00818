//! Pictures as raw pixels, and PNG written by us. Decoding of foreign pictures is the worker's.

use image::ImageEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};

use crate::MediaError;

/// Straight RGBA, rows packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `4 * width * height` bytes.
    pub rgba: Vec<u8>,
}

/// A size made smaller, if need be, so that its longer side is no longer than `side`; all in pixels.
#[must_use]
pub fn fitted_size([width, height]: [u32; 2], side: u32) -> [u32; 2] {
    let longest = width.max(height);
    if longest <= side {
        return [width, height];
    }
    [width, height].map(|v| (u64::from(v) * u64::from(side) / u64::from(longest)).max(1) as u32)
}

impl Picture {
    /// As a PNG file.
    ///
    /// # Errors
    /// When the pixels do not fit the size.
    pub fn to_png(&self) -> Result<Vec<u8>, MediaError> {
        let mut out = Vec::new();
        PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive)
            .write_image(&self.rgba, self.width, self.height, image::ExtendedColorType::Rgba8)
            .map_err(|error| MediaError::Damaged(error.to_string()))?;
        Ok(out)
    }

    /// As a JPEG file on white.
    ///
    /// # Errors
    /// When the pixels do not fit the size.
    pub fn to_jpeg(&self) -> Result<Vec<u8>, MediaError> {
        let over_white = |p: &[u8]| {
            let a = u32::from(p[3]);
            [0, 1, 2].map(|i| ((u32::from(p[i]) * a + 255 * (255 - a)) / 255) as u8)
        };
        let rgb: Vec<u8> = self.rgba.chunks_exact(4).flat_map(over_white).collect();
        let mut out = Vec::new();
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 84)
            .write_image(&rgb, self.width, self.height, image::ExtendedColorType::Rgb8)
            .map_err(|error| MediaError::Damaged(error.to_string()))?;
        Ok(out)
    }

    /// The average colour as 0xRRGGBB.
    #[must_use]
    pub fn average_rgb(&self) -> u32 {
        let step = (self.rgba.len() / 4 / 4096).max(1);
        let (mut sum, mut n) = ([0u64; 3], 0u64);
        for pixel in self.rgba.chunks_exact(4).step_by(step) {
            (0..3).for_each(|i| sum[i] += u64::from(pixel[i]));
            n += 1;
        }
        sum.iter().fold(0, |rgb, s| rgb << 8 | (s / n.max(1)) as u32)
    }

    /// Shrunk to fit `side`, never enlarged.
    #[must_use]
    pub fn fitted(&self, side: u32) -> Self {
        let [width, height] = fitted_size([self.width, self.height], side);
        if width == self.width {
            return self.clone();
        }
        let Some(buffer) = image::RgbaImage::from_raw(self.width, self.height, self.rgba.clone())
        else {
            return self.clone();
        };
        let small = image::imageops::thumbnail(&buffer, width, height);
        Self { width, height, rgba: small.into_raw() }
    }
}
