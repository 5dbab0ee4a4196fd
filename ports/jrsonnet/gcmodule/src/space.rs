//! `ObjectSpace`: a heap, that of the thread or another one.

use crate::cc::Cc;
use crate::traced::Trace;
use rcgc_gc::Heap;

/// Where values are.
pub struct ObjectSpace(Place);

enum Place {
    /// Whatever the thread's default heap is.
    Thread,
    Own(Heap),
}

/// What a `Cc` may be a pointer of: there is one.
pub trait AbstractObjectSpace: 'static + Sized {}

impl AbstractObjectSpace for ObjectSpace {}

impl ObjectSpace {
    fn heap(&self) -> Heap {
        match &self.0 {
            Place::Thread => Heap::thread_default(),
            Place::Own(heap) => heap.clone(),
        }
    }

    /// Values that are tracked.
    pub fn count_tracked(&self) -> usize {
        self.heap().count_tracked() as usize
    }

    /// Ends the rings that nobody refers to, and returns how many values they had.
    pub fn collect_cycles(&self) -> usize {
        self.heap().collect()
    }

    /// A new value in this space.
    pub fn create<T: Trace>(&self, value: T) -> Cc<T> {
        Cc::new_in(&self.heap(), value)
    }

    /// Nobody looks for rings among what is here now any more.
    pub fn leak(&self) {
        if let Place::Thread = self.0 {
            std::mem::forget(Heap::take_thread_default());
        }
    }
}

impl Default for ObjectSpace {
    fn default() -> Self {
        ObjectSpace(Place::Own(Heap::new()))
    }
}

impl Drop for ObjectSpace {
    fn drop(&mut self) {
        if let Place::Own(heap) = &self.0 {
            heap.collect();
        }
    }
}

/// Ends the rings of this thread that nobody refers to, and returns how many values they had.
pub fn collect_thread_cycles() -> usize {
    with_thread_object_space(ObjectSpace::collect_cycles)
}

/// Values of this thread that are tracked.
pub fn count_thread_tracked() -> usize {
    with_thread_object_space(ObjectSpace::count_tracked)
}

/// Calls with the thread's space.
pub fn with_thread_object_space<R>(handler: impl FnOnce(&ObjectSpace) -> R) -> R {
    handler(&ObjectSpace(Place::Thread))
}

/// A thread's space on its way to another thread.
pub mod interop {
    use rcgc_gc::Heap;

    /// A space that no thread has.
    pub enum GcState {}

    /// Takes the thread's space.
    ///
    /// # Safety
    /// - Until `reenter_thread` nobody uses what is in it.
    pub unsafe fn exit_thread() -> *mut GcState {
        Box::into_raw(Box::new(Heap::take_thread_default())).cast()
    }

    /// Gives the space to this thread.
    ///
    /// # Safety
    /// - `state` came from `exit_thread`, once.
    pub unsafe fn reenter_thread(state: *mut GcState) {
        // SAFETY: the caller's.
        let heap = unsafe { Box::from_raw(state.cast::<Option<Heap>>()) };
        if let Some(heap) = *heap {
            heap.make_thread_default();
        }
    }
}
