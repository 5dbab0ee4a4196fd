//! A pointer that is used like `Rc` and collects rings.
//!
//! ```
//! use rcgc_gc::{Gc, Heap, Trace};
//! use std::cell::RefCell;
//!
//! #[derive(Trace)]
//! struct Person {
//!     name: String,
//!     friend: RefCell<Option<Gc<Person>>>,
//! }
//!
//! let person = |name: &str| Gc::new(Person { name: name.into(), friend: RefCell::default() });
//! let (ada, bob) = (person("Ada"), person("Bob"));
//! *ada.friend.borrow_mut() = Some(bob.clone());
//! *bob.friend.borrow_mut() = Some(ada.clone()); // a ring
//! assert_eq!(ada.friend.borrow().as_ref().unwrap().name, "Bob");
//!
//! drop((ada, bob));
//! assert_eq!(Heap::thread_default().collect(), 2); // by itself, too, as the heap grows
//! ```
//!
//! - [`Gc`] is `Clone + Deref`, one word, without a lifetime; what changes is in a `Cell` or `RefCell`. What nobody refers
//!   to any more is dropped at once; rings are dropped by the collector, which runs when a heap has grown, or when asked.
//! - [`Trace`] says where the `Gc`s of a type are, and is derived. Plain structs of `Gc`s, `Option`s, arrays and `Vec`s of
//!   them are described to the engine once; no code runs for them in a collection, nor when they end.
//! - [`Heap`] is where values live. There is one for each thread; others are made as values.
//! - [`Weak`], [`WeakMap`] (ephemerons), `Gc<[T]>`, `Gc<str>`, and [`gc_dyn!`] for trait objects.
//!
//! Types that hold no `Gc` are never looked at by the collector; for those whose `Gc`s lead to nothing that could come back
//! there is `#[derive(Acyclic)]`.
//!
//! # Where collections run
//!
//! In `Gc::new` and its kin, when a heap has grown enough, and in [`Heap::collect`]. A `RefCell` that is mutably borrowed at that
//! moment is passed over: what it holds counts as held from outside, so it lives.
//!
//! # Drop
//!
//! A `Drop` of a value may do what any other may: clone, make and drop `Gc`s, upgrade `Weak`s. In a ring that ends, the neighbours
//! are being dropped, too: to dereference one panics with its name, and [`Gc::try_deref`] gives `None`. A panic in a `Drop` is
//! shown as always and then caught, counted in [`Stats::panics`], and what else was to end ends. What a `Drop` must not do is
//! store or forget a neighbour of its own ring: that ends the process, with a line that names the type.
//!
//! # Unsafe code
//!
//! What this crate's safety rests on, each argued where it stands:
//!
//! | file | what |
//! |---|---|
//! | `sys.rs` | the functions of the engine and the layout of its header |
//! | `gc.rs` | a `Gc` owns a reference to an object with a value; values are given out as long as the object is not dying |
//! | `types.rs` | the callbacks: which values may be walked and dropped when the engine calls; no panic passes it |
//! | `trace.rs`, `impls.rs` | where a value has its references; the two words of a `Vec` that are looked for |
//! | `heap.rs` | a state lives as long as its heap; heaps are freed when nothing is in them, and not inside a `Drop` |
//! | `weak.rs`, `weakmap.rs`, `unsized_values.rs` | handles, maps and arrays of the engine, with the types they were made with |
//!
//! Nothing here is `Send` or `Sync`, so every call of the engine on a heap comes from the heap's thread.
#![warn(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]

extern crate self as rcgc_gc;

mod gc;
mod heap;
mod impls;
mod sys;
mod trace;
mod types;
mod unsized_values;
mod weak;
mod weakmap;

pub use gc::{Gc, GcMut};
pub use heap::{Heap, Policy, Stats};
pub use impls::Untraced;
pub use rcgc_gc_derive::{Acyclic, Trace};
pub use trace::{Acyclic, Trace, Tracer};
pub use weak::Weak;
pub use weakmap::{InsertError, WeakMap};

/// What the derive macros write uses.
#[doc(hidden)]
pub mod derived {
    pub use crate::trace::Fields;
    use std::marker::PhantomData;

    /// Tells whether a type has a trait: the constant is that of the inherent `impl` where it applies, else that of the
    /// trait in scope.
    pub struct Ask<T>(PhantomData<T>);

    #[allow(drop_bounds)]
    impl<T: Drop> Ask<T> {
        pub const DROPS: bool = true;
    }

    impl<T: crate::Acyclic> Ask<T> {
        pub const IS_ACYCLIC: bool = true;
    }

    pub trait Not {
        const DROPS: bool = false;
        const IS_ACYCLIC: bool = false;
    }

    impl<T> Not for Ask<T> {}

    pub const fn assert_acyclic<T: crate::Acyclic>() {}

    /// Runs when it goes out of scope, also when a panic passes.
    pub struct Last<F: FnMut()>(pub F);

    impl<F: FnMut()> Drop for Last<F> {
        fn drop(&mut self) {
            (self.0)()
        }
    }
}

/// The README, whose example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
