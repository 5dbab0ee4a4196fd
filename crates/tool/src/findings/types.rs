//! What the objects of each type have.

use crate::heap::Heap;

/// What the objects of a type have.
#[derive(Clone, Copy, Default)]
pub struct OfType {
    pub kind: u32,
    pub objects: u64,
    /// Without external ones.
    pub bytes: u64,
    pub external: u64,
    /// Their bytes and those of all that only these objects keep, external ones too.
    pub retained: u64,
    /// How many of them are held from outside.
    pub held: u64,
}

impl OfType {
    pub fn size(&self) -> u64 {
        self.bytes.saturating_add(self.external)
    }
}

/// All types, by number.
pub fn all(heap: &Heap) -> Vec<OfType> {
    let dump = heap.dump;
    let retained = heap.retained_by_type();
    let numbered = (0..).zip(retained);
    let mut sums: Vec<OfType> =
        numbered.map(|(kind, retained)| OfType { kind, retained, ..OfType::default() }).collect();
    for object in dump.all() {
        let of = &mut sums[dump.objects.kind[object as usize] as usize];
        of.objects += 1;
        of.bytes = of.bytes.saturating_add(dump.bytes_of(object));
        of.external = of.external.saturating_add(dump.external_of(object));
        of.held += u64::from(heap.is_held(object));
    }
    sums
}
