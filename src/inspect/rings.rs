//! Rings.

/// Shapes.
#[derive(Default)]
pub struct Shapes {}
