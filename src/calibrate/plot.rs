//! Reliability diagrams as a PNG: one panel for each handler and language. The only file that names the drawing
//! crates; it decides nothing.

use std::convert::Infallible;
use std::io;

use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::{FONT_6X10, FONT_7X13_BOLD};
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Circle, Line, PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Alignment, Text};

use super::{BINS, Bin, Calibration, Reliability};

/// Of one panel, in pixels.
const PANEL: Size = Size::new(300, 330);
const COLUMNS: usize = 3;
/// From the panel's corner to the plot's lower left, and the plot's side.
const ORIGIN: Point = Point::new(46, 280);
const SIDE: i32 = 230;

const INK: Rgb888 = Rgb888::new(40, 40, 40);
const PALE: Rgb888 = Rgb888::new(190, 190, 190);
const BAR: Rgb888 = Rgb888::new(150, 190, 225);
const DOT: Rgb888 = Rgb888::new(200, 60, 40);

/// The diagrams of all tables: bars are the share of right bids in each tenth of confidence (with Wilson's 95 %
/// interval), dots stand at the mean confidence; on the diagonal confidence is what it says.
///
/// # Errors
/// The image cannot be encoded.
pub fn png(calibration: &Calibration) -> io::Result<Vec<u8>> {
    let count = calibration.tables.len().max(1);
    let (columns, rows) = (count.min(COLUMNS), count.div_ceil(COLUMNS));
    let mut canvas = Canvas::new(Size::new(PANEL.width * columns as u32, PANEL.height * rows as u32));
    for (i, ((handler, lang), table)) in calibration.tables.iter().enumerate() {
        let corner = Point::new((i % columns) as i32 * PANEL.width as i32, (i / columns) as i32 * PANEL.height as i32);
        let figure = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.3}"));
        let title = format!("{handler} in {lang}");
        let figures = format!("{} bids, ECE {}, factor {}", table.count(), figure(table.ece()), figure(table.factor()));
        // Drawing into memory cannot fail.
        let Ok(()) = panel(&mut canvas, corner, &title, &figures, table);
    }
    canvas.encode()
}

fn panel(
    canvas: &mut Canvas,
    corner: Point,
    title: &str,
    figures: &str,
    table: &Reliability,
) -> Result<(), Infallible> {
    let at = |x: f64, y: f64| {
        corner + ORIGIN + Point::new((x * f64::from(SIDE)).round() as i32, -(y * f64::from(SIDE)).round() as i32)
    };
    let small = MonoTextStyle::new(&FONT_6X10, INK);
    let line = |from, to, color, canvas: &mut Canvas| {
        Line::new(from, to).into_styled(PrimitiveStyle::with_stroke(color, 1)).draw(canvas)
    };
    Text::new(title, corner + Point::new(ORIGIN.x, 18), MonoTextStyle::new(&FONT_7X13_BOLD, INK)).draw(canvas)?;
    Text::new(figures, corner + Point::new(ORIGIN.x, 34), small).draw(canvas)?;
    for (i, bin) in table.bins().iter().enumerate().filter(|(_, b)| b.count > 0) {
        let share = bin.right as f64 / bin.count as f64;
        let (left, right) = (i as f64 / BINS as f64, (i + 1) as f64 / BINS as f64);
        Rectangle::with_corners(at(left, share) + Point::new(1, 0), at(right, 0.0) - Point::new(1, 0))
            .into_styled(PrimitiveStyle::with_fill(BAR))
            .draw(canvas)?;
        let (low, high) = wilson(bin);
        let middle = (left + right) / 2.0;
        line(at(middle, low), at(middle, high), INK, canvas)?;
        Text::with_alignment(&bin.count.to_string(), at(middle, 0.0) + Point::new(0, -4), small, Alignment::Center)
            .draw(canvas)?;
    }
    line(at(0.0, 0.0), at(1.0, 1.0), PALE, canvas)?;
    for bin in table.bins().iter().filter(|b| b.count > 0) {
        let dot = at(bin.confidence / bin.count as f64, bin.right as f64 / bin.count as f64);
        Circle::with_center(dot, 7).into_styled(PrimitiveStyle::with_fill(DOT)).draw(canvas)?;
    }
    line(at(0.0, 0.0), at(1.0, 0.0), INK, canvas)?;
    line(at(0.0, 0.0), at(0.0, 1.0), INK, canvas)?;
    for tenth in (0..=10).step_by(2) {
        let (share, label) = (f64::from(tenth) / 10.0, format!("{:.1}", f64::from(tenth) / 10.0));
        Text::with_alignment(&label, at(share, 0.0) + Point::new(0, 13), small, Alignment::Center).draw(canvas)?;
        Text::with_alignment(&label, at(0.0, share) + Point::new(-5, 3), small, Alignment::Right).draw(canvas)?;
    }
    Text::with_alignment("confidence", at(0.5, 0.0) + Point::new(0, 28), small, Alignment::Center).draw(canvas)?;
    Text::new("right", at(0.0, 1.0) + Point::new(4, 2), small).draw(canvas)?;
    Ok(())
}

/// Wilson's 95 % interval of the share of right bids.
fn wilson(bin: &Bin) -> (f64, f64) {
    const Z: f64 = 1.96;
    let n = bin.count as f64;
    let p = bin.right as f64 / n;
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// An image in memory, white at first.
struct Canvas {
    size: Size,
    rgb: Vec<u8>,
}

impl Canvas {
    fn new(size: Size) -> Self {
        Self { size, rgb: vec![255; (size.width * size.height * 3) as usize] }
    }

    fn encode(&self) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, self.size.width, self.size.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(io::Error::other)?;
        writer.write_image_data(&self.rgb).map_err(io::Error::other)?;
        writer.finish().map_err(io::Error::other)?;
        Ok(out)
    }
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        self.size
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Infallible> {
        for Pixel(point, color) in pixels {
            if Rectangle::new(Point::zero(), self.size).contains(point) {
                let start = (point.y as usize * self.size.width as usize + point.x as usize) * 3;
                self.rgb[start..start + 3].copy_from_slice(&[color.r(), color.g(), color.b()]);
            }
        }
        Ok(())
    }
}
