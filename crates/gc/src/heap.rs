//! [`Heap`]: where values live, and which collector looks after them.
//!
//! **Lives.** A [`State`] belongs to an engine heap. `Heap`s count it; when the last is dropped the engine heap is freed, unless
//! it still has objects: then it is an *orphan*, in a list of its thread, and freed when the list is looked through and
//! its last object is gone: when a `Heap` is made, collected or dropped, and when the thread ends. It is never freed in the
//! middle of a `Drop` that the engine called.
//!
//! **The thread's end.** The default heap is let go of when the thread's variables are destroyed, in no known order: some
//! destroyed later may still hold a `Gc`. So what is left by then is looked at once more by a destructor of a
//! `pthread` key, which runs after them all. What still has objects then was forgotten, and stays. The variables here have no
//! destructor themselves, so that they can be used at any time.

use crate::sys;
use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{c_void, CStr, CString};
use std::hash::{Hash, Hasher};
use std::ptr::{null_mut, NonNull};
use std::rc::Rc;
use std::sync::OnceLock;

/// Types that are found without a lookup.
const CACHED: usize = 64;

/// What this crate keeps beside an engine heap, at one address as long as that lives.
pub(crate) struct State {
    raw: *mut sys::Heap,
    handles: Cell<usize>,
    panics: Cell<u64>,
    cache: [Cell<(TypeId, *mut sys::Type)>; CACHED],
    types: RefCell<HashMap<TypeId, *mut sys::Type>>,
    tracked: RefCell<Vec<*mut sys::Type>>,
}

impl State {
    pub(crate) fn raw(&self) -> *mut sys::Heap {
        self.raw
    }

    pub(crate) fn note_panic(&self) {
        self.panics.set(self.panics.get() + 1);
    }

    /// The collector looks at objects of the type.
    pub(crate) fn note_tracked(&self, ty: *mut sys::Type) {
        self.tracked.borrow_mut().push(ty);
    }

    /// The type for a Rust type, made by its first use.
    #[inline(always)]
    pub(crate) fn type_of(&self, id: TypeId, make: fn(&State) -> *mut sys::Type) -> *mut sys::Type {
        let (known, ty) = self.cache[place_of(id)].get();
        if known == id {
            return ty;
        }
        self.type_of_slow(id, make)
    }

    #[cold]
    #[inline(never)]
    fn type_of_slow(&self, id: TypeId, make: fn(&State) -> *mut sys::Type) -> *mut sys::Type {
        let known = self.types.borrow().get(&id).copied();
        let ty = known.unwrap_or_else(|| {
            let ty = make(self);
            self.types.borrow_mut().insert(id, ty);
            ty
        });
        self.cache[place_of(id)].set((id, ty));
        ty
    }

    /// Objects that live.
    fn live(&self) -> u64 {
        self.stats().live_objects
    }

    fn stats(&self) -> sys::gc_stats {
        // SAFETY: a struct of numbers; a live heap of this thread.
        unsafe {
            let mut stats: sys::gc_stats = std::mem::zeroed();
            stats.struct_size = size_of::<sys::gc_stats>();
            sys::gc_get_stats(self.raw, &mut stats);
            stats
        }
    }
}

/// A type's place in the cache: some bits of its id, known when this is compiled.
#[inline(always)]
fn place_of(id: TypeId) -> usize {
    struct Bits(u64);
    impl Hasher for Bits {
        #[inline(always)]
        fn write(&mut self, bytes: &[u8]) {
            for &byte in bytes {
                self.0 = (self.0 << 8) | byte as u64;
            }
        }
        #[inline(always)]
        fn write_u64(&mut self, bits: u64) {
            self.0 = bits;
        }
        #[inline(always)]
        fn finish(&self) -> u64 {
            self.0
        }
    }
    let mut bits = Bits(0);
    id.hash(&mut bits);
    bits.0 as usize % CACHED
}

/// A heap: values, and the collector that looks after them. Clones are the same heap.
///
/// A heap is of one thread. It lives as long as a `Heap` or a value of it does. Values of different heaps may refer to each
/// other, but a ring across heaps is never collected.
pub struct Heap(NonNull<State>);

/// When a heap collects by itself. What is zero is the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policy {
    /// Only [`Heap::collect`] collects.
    pub manual: bool,
    /// By how much of its size a heap grows from one full collection to the next: 1.0, the default, lets it double.
    pub growth: f64,
    /// What it grows by at least before each; 16 MiB by default, so that small heaps are left alone.
    pub full_min_bytes: u64,
    /// How much is allocated from one young collection to the next: about 4 MiB.
    pub young_bytes: u64,
    /// Most bytes that the heap may take: beyond that making a value ends the process or, with
    /// [`Gc::try_new_in`](crate::Gc::try_new_in), gives it back.
    pub limit_bytes: u64,
}

/// Numbers of a heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Values that live, garbage that was not found yet included.
    pub live_objects: u64,
    /// Their bytes.
    pub live_bytes: u64,
    /// Bytes of memory that the heap has taken, and the most it ever had.
    pub heap_bytes: u64,
    /// See `heap_bytes`.
    pub heap_bytes_peak: u64,
    /// Values made so far.
    pub allocated_objects: u64,
    /// Values that were found in rings and ended.
    pub reclaimed_objects: u64,
    /// Collections of what is new, and of all.
    pub young_collections: u64,
    /// See `young_collections`.
    pub full_collections: u64,
    /// Panics that `Drop`s of values ended in.
    pub panics: u64,
}

impl Heap {
    /// A new heap.
    pub fn new() -> Self {
        Self::make(None)
    }

    /// A new heap with a name, which reports show.
    pub fn named(name: &str) -> Self {
        Self::make(Some(name))
    }

    fn make(name: Option<&str>) -> Self {
        look_through_orphans(false);
        let name = name.and_then(|name| CString::new(name).ok());
        let mut raw = null_mut();
        // SAFETY: a struct of numbers and a name, which is copied.
        let status = unsafe {
            let mut options: sys::gc_heap_options = std::mem::zeroed();
            options.struct_size = size_of::<sys::gc_heap_options>();
            options.abi_tag = rcgc::capi::heap::gc_abi_tag();
            options.name = name.as_ref().map_or(std::ptr::null(), |name| name.as_ptr());
            options.check = if cfg!(feature = "check") { 2 } else { 0 };
            sys::gc_heap_new(&options, &mut raw)
        };
        if status != sys::RC_OK {
            // SAFETY: a text of the engine's.
            let why = unsafe { CStr::from_ptr(sys::gc_error_message(std::ptr::null())) };
            panic!("no heap: {}", why.to_string_lossy());
        }
        let state = Box::new(State {
            raw,
            handles: Cell::new(1),
            panics: Cell::new(0),
            // No value is of the type `State`, so this id is nobody's.
            cache: std::array::from_fn(|_| Cell::new((TypeId::of::<State>(), null_mut()))),
            types: RefCell::default(),
            tracked: RefCell::default(),
        });
        Heap(NonNull::from(Box::leak(state)))
    }

    /// The heap of this thread into which [`Gc::new`](crate::Gc::new) puts values.
    pub fn thread_default() -> Self {
        with_default(Heap::clone)
    }

    /// Makes this heap the thread's default one, in place of what was.
    pub fn make_thread_default(self) {
        let before = Heap::take_thread_default();
        THREAD.with(|thread| thread.default.set(std::mem::ManuallyDrop::new(self).0.as_ptr()));
        remember_end();
        drop(before);
    }

    /// The thread's default heap, if there is one; from then on the thread has none, until it uses a new one.
    ///
    /// A heap that is given to [`std::mem::forget`] stays, and costs nothing at the thread's end.
    pub fn take_thread_default() -> Option<Self> {
        NonNull::new(THREAD.with(|thread| thread.default.replace(null_mut()))).map(Heap)
    }

    /// How many values live whose type the collector looks at. Slices are not counted.
    pub fn count_tracked(&self) -> u64 {
        // SAFETY: types of a live heap of this thread.
        self.state().tracked.borrow().iter().map(|&ty| unsafe { sys::rc_type_live(ty) }).sum()
    }

    pub(crate) fn state(&self) -> &State {
        // SAFETY: counted by this handle.
        unsafe { self.0.as_ref() }
    }

    /// The heap of an object.
    ///
    /// # Safety
    /// - Somebody holds a reference to the object, which is of a type of this crate.
    pub(crate) unsafe fn of_object(obj: *mut c_void) -> Self {
        // SAFETY: the type's ctx is the state of its heap, which lives as long as an object does.
        let state = unsafe { NonNull::new_unchecked(sys::rc_type_ctx(sys::rc_type_of(obj)).cast::<State>()) };
        // SAFETY: as above.
        unsafe { Self::again(state) }
    }

    /// A handle to a heap, which may be an orphan.
    unsafe fn again(state: NonNull<State>) -> Self {
        // SAFETY: the caller's state lives.
        let handles = unsafe { &state.as_ref().handles };
        handles.set(handles.get() + 1);
        if handles.get() == 1 {
            THREAD.with(|thread| thread.adopt(state));
        }
        Heap(state)
    }

    /// Finds all rings that nothing outside refers to, drops their values, and returns how many there were. Zero inside
    /// a `Drop` that the collector calls, where none may run.
    pub fn collect(&self) -> usize {
        look_through_orphans(false);
        // SAFETY: a live heap of this thread.
        unsafe { sys::gc_collect(self.state().raw) }
    }

    /// As [`Heap::collect`], for what was made since the last collection.
    pub fn collect_young(&self) -> usize {
        // SAFETY: a live heap of this thread.
        unsafe { sys::gc_collect_young(self.state().raw) }
    }

    /// Says when the heap collects by itself. `false`: a number makes no sense, and nothing changed.
    pub fn set_policy(&self, policy: &Policy) -> bool {
        // SAFETY: a struct of numbers; a live heap of this thread.
        unsafe {
            let mut raw: sys::gc_policy = std::mem::zeroed();
            raw.struct_size = size_of::<sys::gc_policy>();
            raw.mode = if policy.manual { 2 } else { 0 };
            raw.growth = policy.growth;
            raw.full_min_bytes = policy.full_min_bytes;
            raw.young_bytes = policy.young_bytes;
            raw.limit_bytes = policy.limit_bytes;
            sys::gc_set_policy(self.state().raw, &raw) == sys::RC_OK
        }
    }

    /// The numbers of the heap.
    pub fn stats(&self) -> Stats {
        let stats = self.state().stats();
        Stats {
            live_objects: stats.live_objects,
            live_bytes: stats.live_bytes,
            heap_bytes: stats.heap_bytes,
            heap_bytes_peak: stats.heap_bytes_peak,
            allocated_objects: stats.allocated_objects,
            reclaimed_objects: stats.reclaimed_objects,
            young_collections: stats.young.runs,
            full_collections: stats.full.runs,
            panics: self.state().panics.get(),
        }
    }

    /// The engine's heap, for its C functions (`rcgc::capi`): dumps, profiles, questions. It is borrowed.
    pub fn as_raw(&self) -> *mut c_void {
        self.state().raw.cast()
    }
}

impl Default for Heap {
    fn default() -> Self {
        Heap::new()
    }
}

impl std::fmt::Debug for Heap {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Heap({:p}, {} live)", self.state().raw, self.state().live())
    }
}

impl PartialEq for Heap {
    /// Whether they are the same heap.
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Heap {}

impl Clone for Heap {
    fn clone(&self) -> Self {
        let handles = &self.state().handles;
        handles.set(handles.get() + 1);
        Heap(self.0)
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        let handles = &self.state().handles;
        handles.set(handles.get() - 1);
        if handles.get() == 0 {
            THREAD.with(|thread| thread.orphan(self.0));
            look_through_orphans(true);
        }
    }
}

// ---- of each thread ----

/// What a thread has. No destructor, so it can be used while the thread's variables are destroyed.
struct Thread {
    /// The state of the default heap, or null.
    default: Cell<*mut State>,
    /// `Box<Vec>` or null.
    orphans: Cell<*mut Vec<NonNull<State>>>,
    /// How many callbacks of the engine drop values just now.
    inside: Cell<usize>,
}

thread_local! {
    static THREAD: Thread = const {
        Thread { default: Cell::new(null_mut()), orphans: Cell::new(null_mut()), inside: Cell::new(0) }
    };
    static END: End = const { End(std::marker::PhantomData) };
}

impl Thread {
    /// The list of orphans, for a look that calls nobody.
    fn with_orphans<R>(&self, look: impl FnOnce(&mut Vec<NonNull<State>>) -> R) -> R {
        if self.orphans.get().is_null() {
            self.orphans.set(Box::into_raw(Box::default()));
        }
        // SAFETY: made above, of this thread, and `look` calls nothing that comes here again.
        look(unsafe { &mut *self.orphans.get() })
    }

    fn orphan(&self, state: NonNull<State>) {
        self.with_orphans(|orphans| orphans.push(state));
        remember_end();
    }

    fn adopt(&self, state: NonNull<State>) {
        self.with_orphans(|orphans| orphans.retain(|&other| other != state));
    }
}

/// Frees the orphans that have no object any more. With `collecting` their rings are looked for.
fn look_through_orphans(collecting: bool) {
    let thread = |look: &dyn Fn(&Thread)| THREAD.with(|thread| look(thread));
    thread(&|thread| {
        if thread.inside.get() != 0 || thread.orphans.get().is_null() {
            return;
        }
        let known = thread.with_orphans(|orphans| orphans.clone());
        for state in known {
            // Callbacks of one may have freed or adopted another.
            if !thread.with_orphans(|orphans| orphans.contains(&state)) {
                continue;
            }
            // SAFETY: in the list, so it lives; no callback is running in this thread.
            unsafe {
                if collecting && state.as_ref().live() != 0 {
                    sys::gc_collect(state.as_ref().raw);
                }
                let lonely = thread.with_orphans(|orphans| orphans.contains(&state));
                if lonely && state.as_ref().live() == 0 {
                    thread.adopt(state);
                    sys::gc_heap_free(state.as_ref().raw);
                    drop(Box::from_raw(state.as_ptr()));
                }
            }
        }
    });
}

/// Marks that the engine is dropping values: no heap is freed meanwhile.
pub(crate) struct Inside(());

impl Inside {
    pub(crate) fn new() -> Self {
        THREAD.with(|thread| thread.inside.set(thread.inside.get() + 1));
        Inside(())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        THREAD.with(|thread| thread.inside.set(thread.inside.get() - 1));
    }
}

/// Calls with the thread's default heap, made by its first use.
#[inline]
pub(crate) fn with_default<R>(call: impl FnOnce(&Heap) -> R) -> R {
    let state = match NonNull::new(THREAD.with(|thread| thread.default.get())) {
        Some(state) => state,
        None => make_default(),
    };
    // The thread's handle, borrowed. What `call` runs may take it from the thread and drop it, which frees no heap: what is
    // made in an allocation that collects runs inside a `Drop`, where none is freed.
    let heap = std::mem::ManuallyDrop::new(Heap(state));
    call(&heap)
}

#[cold]
#[inline(never)]
fn make_default() -> NonNull<State> {
    let heap = std::mem::ManuallyDrop::new(Heap::new());
    THREAD.with(|thread| thread.default.set(heap.0.as_ptr()));
    remember_end();
    heap.0
}

fn let_go_of_default() {
    drop(Heap::take_thread_default());
}

/// Destroyed with the thread's variables.
struct End(std::marker::PhantomData<Rc<()>>);

impl Drop for End {
    fn drop(&mut self) {
        let_go_of_default();
    }
}

/// Sees to it that the thread's end is noticed, twice: with its variables, and after them.
fn remember_end() {
    extern "C" fn after_variables(_: *mut c_void) {
        let_go_of_default();
        look_through_orphans(true);
        let list = THREAD.with(|thread| thread.orphans.replace(null_mut()));
        if !list.is_null() {
            // SAFETY: made by `with_orphans`. Heaps that are in it still have objects, which were forgotten: they stay.
            drop(unsafe { Box::from_raw(list) });
        }
    }
    static KEY: OnceLock<Option<libc::pthread_key_t>> = OnceLock::new();
    let key = *KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: writes the key.
        (unsafe { libc::pthread_key_create(&mut key, Some(after_variables)) } == 0).then_some(key)
    });
    let _ = END.try_with(|_| ());
    if let Some(key) = key {
        // SAFETY: a key of this process; any value but null has the destructor called.
        unsafe { libc::pthread_setspecific(key, std::ptr::dangling()) };
    }
}
