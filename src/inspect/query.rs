//! A query session: the objects and edges of a heap at one moment, as compact arrays, in which questions about edges
//! are answered without walking the heap again.
//!
//! ```text
//!   places    address <-> number                    count[v]      references to v; 0: no object is listed there
//!   out       v -> targets, in the order of v's edges               external(v) = count[v] - sources of v
//!   turned    v -> sources, ascending
//! ```
//!
//! Edges are those of every listed object, tracked or not, whose target is a listed object of the same heap. What is
//! left of a count without them are **references from outside the heap**: the host's own, those of other heaps'
//! objects, and those that the engine holds for the host (scopes, the garbage list, the queue of finalizers).
//!
//! **A session answers about the moment when it began.** When objects were made or have died since, which the books of
//! the types tell for the price of adding them up, it is stale and refuses. What cannot be seen, a count or a slot that
//! the host changed without either, is not in the answers; edges get their names when asked, by looking at the object
//! again, and one that is gone has none.

use super::facts;
use super::registry::{self, Purpose, Ticket};
use crate::base::array::Array;
use crate::base::promised;
use crate::cycle::working::CLEAR;
use crate::header::{self, Flags};
use crate::heap::{phase, Heap, Phase};
use crate::life::weakmap;
use crate::memory::places::Places;
use crate::memory::range::{self, RANGE};
use crate::object;
use crate::object::edges::{self, is_listed, Edge, NO_INDEX};
use crate::sys;
use crate::types::Type;
use core::ffi::c_void;
use rcgc_format::graph::Graph;

/// What stands for the count of an immortal object.
const IMMORTAL_COUNT: u32 = u32::MAX;

/// How many objects ahead of their turn memory is fetched.
const AHEAD: usize = 8;

/// A session.
#[repr(C)]
pub struct Query {
    ticket: Ticket,
    /// A call of this session is running host code: others are refused, and so is its end.
    pub busy: bool,
    /// Whether objects must be walked with the heap paused.
    has_traverse: bool,
    moment: u64,
    /// Objects listed.
    pub objects: u64,
    /// Numbers of blocks.
    pub places: Nodes,
    /// One more than the count, so that 0 says that no object is listed.
    count: Array<u32>,
    out_starts: Array<u32>,
    out_targets: Array<u32>,
    in_starts: Array<u32>,
    in_sources: Array<u32>,
    /// By place, whether a reference from outside leads to the object, over however many edges; empty until asked.
    pub reached: Array<u8>,
    /// Work arrays of searches; empty until there was one.
    pub came_from: Array<u32>,
    /// As `came_from`.
    pub queue: Array<u32>,
    /// See `retained.rs`.
    pub retained: super::retained::Retained,
    /// See `rings.rs`.
    pub rings: super::rings::Shapes,
}

/// Why a question has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// No memory.
    NoMemory,
    /// Too many objects or edges for 32 bits.
    Limit,
    /// Objects were made or have died since the session began.
    Changed,
    /// The heap was freed.
    HeapEnded,
    /// A `traverse` is running.
    InTraverse,
    /// A call of the same session is running.
    Busy,
    /// The object is not one of the session's heap.
    NotListed,
}

/// The most places: the algorithms of `graph` mark numbers in their top bit.
const PLACES_MAX: u64 = 1 << 31;

/// Places as the nodes of a graph.
pub struct Nodes {
    places: Places,
    /// How many there are.
    pub count: usize,
}

impl Nodes {
    unsafe fn of(heap: *mut Heap, only_dead: bool) -> Result<Self, Failure> {
        let places = Places::of(&raw const (*heap).space, only_dead).ok_or(Failure::NoMemory)?;
        if places.count >= PLACES_MAX {
            return Err(Failure::Limit);
        }
        let count = places.count as usize;
        Ok(Nodes { places, count })
    }

    /// See [`Places::find`].
    ///
    /// # Safety
    /// - The session is fresh.
    #[inline(always)]
    pub unsafe fn find(&self, address: usize) -> Option<u32> {
        self.places.find(address).map(|place| place as u32)
    }

    /// See [`Places::address`].
    ///
    /// # Safety
    /// - The session is fresh and lists an object there.
    pub unsafe fn address(&self, place: u32) -> *mut c_void {
        self.places.address(place as u64)
    }

    /// See [`Places::each_block`].
    ///
    /// # Safety
    /// - The session is fresh.
    #[inline(always)]
    unsafe fn each_block(&self, mut each: impl FnMut(u32, *mut c_void)) {
        self.places.each_block(|place, obj| each(place as u32, obj));
    }
}

/// A number that changes when an object of the heap is made or dies.
unsafe fn moment_of(heap: *const Heap) -> u64 {
    let mut moment = (*heap).ended_allocated * 2;
    (*heap).each_type(|ty| moment += (*ty).allocated() + (*ty).freed);
    moment
}

impl Query {
    /// Begins a session.
    ///
    /// # Safety
    /// - `heap` is live, and every object is walkable.
    pub unsafe fn new(heap: *mut Heap) -> Result<Self, Failure> {
        if (*heap).phase() == Phase::Judging {
            return Err(Failure::InTraverse);
        }
        Query::of(heap, false, false)
    }

    /// Begins a session in a heap that is paused already; it must end before the pause does.
    ///
    /// # Safety
    /// - As [`Query::new`], and the heap is paused.
    pub unsafe fn new_paused(heap: *mut Heap) -> Result<Self, Failure> {
        Query::of(heap, false, true)
    }

    /// Begins a session that lists what a collection has just judged dead, and nothing else.
    ///
    /// # Safety
    /// - As [`Query::new`]; working counts are those of a verdict.
    pub unsafe fn of_dead(heap: *mut Heap) -> Result<Self, Failure> {
        if (*heap).phase() == Phase::Judging {
            return Err(Failure::InTraverse);
        }
        Query::of(heap, true, false)
    }

    unsafe fn of(heap: *mut Heap, only_dead: bool, is_paused: bool) -> Result<Self, Failure> {
        let mut has_traverse = false;
        (*heap).each_type(|ty| has_traverse |= (*ty).traverse.is_some() && (*ty).live() != 0);
        let places = Nodes::of(heap, only_dead)?;
        let nodes = places.count;
        let zeros = |len| Array::<u32>::zeros(len).ok_or(Failure::NoMemory);
        let mut query = Query {
            ticket: Ticket::new(Purpose::Query, heap),
            busy: false,
            has_traverse,
            moment: moment_of(heap),
            objects: 0,
            places,
            count: zeros(nodes)?,
            out_starts: zeros(nodes + 1)?,
            out_targets: Array::empty(),
            in_starts: zeros(nodes + 1)?,
            in_sources: Array::empty(),
            reached: Array::empty(),
            came_from: Array::empty(),
            queue: Array::empty(),
            retained: Default::default(),
            rings: Default::default(),
        };
        if only_dead {
            query.list_objects(|obj| *RANGE.work.add(range::granule_of(obj) as usize) != CLEAR);
        } else {
            query.list_objects(|_| true);
        }
        if is_paused {
            query.list_edges()?;
        } else {
            query.quietly(|query| query.list_edges())??;
        }
        query.in_sources = zeros(query.out_targets.len())?;
        let Query { out_starts, out_targets, in_starts, in_sources, .. } = &mut query;
        Graph::new(out_starts, out_targets).turn(in_starts, in_sources);
        Ok(query)
    }

    /// Begins a session that has a place of its own and is registered.
    ///
    /// # Safety
    /// - As [`Query::new`].
    pub unsafe fn open(heap: *mut Heap) -> Result<*mut Query, Failure> {
        let place = sys::allocate_raw(size_of::<Query>()) as *mut Query;
        if place.is_null() {
            return Err(Failure::NoMemory);
        }
        match Query::new(heap) {
            Ok(query) => {
                place.write(query);
                registry::add(&raw mut (*place).ticket);
                Ok(place)
            }
            Err(failure) => {
                sys::free(place as *mut u8);
                Err(failure)
            }
        }
    }

    /// Ends what [`Query::open`] gave.
    ///
    /// # Safety
    /// - `query` is open, and nobody uses it any more.
    pub unsafe fn close(query: *mut Query) {
        registry::remove(&raw mut (*query).ticket);
        query.drop_in_place();
        sys::free(query as *mut u8);
    }

    unsafe fn list_objects(&mut self, mut also: impl FnMut(*mut c_void) -> bool) {
        let Query { places, count, objects, .. } = self;
        places.each_block(|place, obj| {
            if is_listed(header::load(obj)) && also(obj) {
                count[place as usize] = match facts::counted(obj) {
                    u32::MAX => IMMORTAL_COUNT,
                    references => references + 1,
                };
                *objects += 1;
            }
        });
    }

    unsafe fn list_edges(&mut self) -> Result<(), Failure> {
        let Query { places, count, out_starts, out_targets, .. } = self;
        let mut failed = false;
        places.each_block(|place, obj| {
            out_starts[place as usize] = out_targets.len() as u32;
            if count[place as usize] == 0 {
                return;
            }
            edges::each_target(obj, object::type_of(obj), |word| {
                if let Some(target) = places.find(word) {
                    if count[target as usize] != 0 {
                        failed |= !out_targets.push(target);
                    }
                }
            });
        });
        let edges = out_targets.len();
        if failed {
            return Err(Failure::NoMemory);
        }
        if edges >= u32::MAX as usize {
            return Err(Failure::Limit);
        }
        if let Some(end) = out_starts.last_mut() {
            *end = edges as u32;
        }
        Ok(())
    }

    /// The heap, if the session can still answer.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn heap(&self) -> Result<*mut Heap, Failure> {
        let heap = self.ticket.heap().ok_or(Failure::HeapEnded)?;
        if moment_of(heap) != self.moment {
            return Err(Failure::Changed);
        }
        if self.busy {
            return Err(Failure::Busy);
        }
        Ok(heap)
    }

    /// The heap, whatever has happened in it; None when it was freed.
    ///
    /// # Safety
    /// - As [everywhere](crate).
    pub unsafe fn live_heap(&self) -> Option<*mut Heap> {
        self.ticket.heap()
    }

    /// Whether nothing was made and nothing has died since the session began.
    ///
    /// # Safety
    /// - The heap is live.
    pub unsafe fn is_fresh(&self) -> bool {
        self.ticket.heap().is_some_and(|heap| moment_of(heap) == self.moment)
    }

    /// Runs `walk`, in which a `traverse` may run, with the heap paused and the session busy: it must not end there.
    ///
    /// # Safety
    /// - As [`Query::heap`].
    pub unsafe fn quietly<R>(&mut self, walk: impl FnOnce(&mut Query) -> R) -> Result<R, Failure> {
        let heap = self.ticket.heap().ok_or(Failure::HeapEnded)?;
        if !self.has_traverse {
            return Ok(walk(self));
        }
        if (*heap).phase() == Phase::Judging {
            return Err(Failure::InTraverse);
        }
        // Read in a traverse, behind this reference's back.
        (&raw mut self.busy).write_volatile(true);
        let result = phase::quietly(heap, || walk(self));
        (&raw mut self.busy).write_volatile(false);
        Ok(result)
    }

    /// The graph.
    pub fn graph(&self) -> Graph<'_> {
        Graph::new(&self.out_starts, &self.out_targets)
    }

    /// The graph with all edges turned around.
    pub fn turned(&self) -> Graph<'_> {
        Graph::new(&self.in_starts, &self.in_sources)
    }

    /// The place of an object that the session lists.
    ///
    /// # Safety
    /// - The session is fresh.
    pub unsafe fn place(&self, obj: *mut c_void) -> Result<u32, Failure> {
        self.places.find(obj as usize).filter(|&place| self.is_listed(place)).ok_or(Failure::NotListed)
    }

    /// Whether an object is at a place.
    pub fn is_listed(&self, place: u32) -> bool {
        self.count[place as usize] != 0
    }

    /// How many references lead to an object; `u32::MAX` when it is immortal.
    pub fn count(&self, place: u32) -> u32 {
        match self.count[place as usize] {
            IMMORTAL_COUNT => u32::MAX,
            more => more.saturating_sub(1),
        }
    }

    /// How many of them come from objects of the heap.
    pub fn inner(&self, place: u32) -> u32 {
        self.turned().of(place).len() as u32
    }

    /// References from outside; negative when more edges than references lead to the object, `i64::MAX` when it is
    /// immortal.
    pub fn external(&self, place: u32) -> i64 {
        match self.count[place as usize] {
            IMMORTAL_COUNT => i64::MAX,
            more => more as i64 - 1 - self.inner(place) as i64,
        }
    }

    /// Whether an object lives whatever other objects do.
    #[inline(always)]
    pub fn is_root(&self, place: u32) -> bool {
        self.is_listed(place) && self.external(place) != 0
    }

    /// Calls `each` with every listed object and its place, in address order.
    ///
    /// # Safety
    /// - The session is fresh.
    pub unsafe fn each_object(&self, mut each: impl FnMut(u32, *mut c_void)) {
        promised!(self.is_fresh());
        self.places.each_block(|place, obj| {
            if self.is_listed(place) {
                each(place, obj);
            }
        });
    }

    /// Calls `each` with every edge of an object, names included, and where it leads to in the session; None: to no
    /// object of it. One whose end has come past step 2 since the session began has no edges any more: its `destroy` may
    /// have freed what its `traverse` would read.
    ///
    /// # Safety
    /// - The session is fresh and the heap paused, see [`Query::quietly`].
    pub unsafe fn each_edge(&self, obj: *mut c_void, mut each: impl FnMut(Edge, Option<u32>)) {
        promised!(self.is_fresh());
        if !is_listed(header::load(obj)) {
            return;
        }
        edges::each_edge(obj, object::type_of(obj), &mut |edge| {
            let place = self.places.find(edge.target as usize).filter(|&place| self.is_listed(place));
            each(edge, place);
        });
    }

    /// The first edge from one object to another; without a name when it is gone.
    ///
    /// # Safety
    /// - As [`Query::each_edge`].
    pub unsafe fn edge_between(&self, from: *mut c_void, to: *mut c_void) -> Edge {
        let mut found: Option<Edge> = None;
        self.each_edge(from, |edge, _| {
            if found.is_none() && edge.target == to {
                found = Some(edge);
            }
        });
        found.unwrap_or(Edge { target: to, name: core::ptr::null(), index: NO_INDEX })
    }

    /// The type of the object at a place.
    ///
    /// # Safety
    /// - The session is fresh and lists an object there.
    pub unsafe fn ty(&self, place: u32) -> *mut Type {
        object::type_of(self.places.address(place))
    }

    /// Makes the work arrays of searches.
    pub fn prepare_search(&mut self) -> Result<(), Failure> {
        let nodes = self.places.count;
        if self.queue.len() != nodes {
            self.came_from = Array::zeros(nodes).ok_or(Failure::NoMemory)?;
            self.queue = Array::zeros(nodes).ok_or(Failure::NoMemory)?;
        }
        Ok(())
    }

    /// Which objects something from outside leads to, over however many edges; made when first asked.
    ///
    /// # Safety
    /// - The session is fresh.
    pub unsafe fn reached(&mut self) -> Result<&[u8], Failure> {
        if self.reached.len() != self.places.count {
            self.prepare_search()?;
            let mut reached = Array::zeros(self.places.count).ok_or(Failure::NoMemory)?;
            let mut queue = core::mem::take(&mut self.queue);
            Reach { query: self, reached: &mut reached, queue: &mut queue, len: 0, mark: 1 }.all();
            self.queue = queue;
            self.reached = reached;
        }
        Ok(&self.reached)
    }

    /// Writes a 2 for each object that something from outside leads to, over objects with a 0 only. The array has an
    /// element a place.
    ///
    /// # Safety
    /// - The session is fresh.
    pub unsafe fn mark_around(&mut self, marks: &mut [u8]) -> Result<(), Failure> {
        self.prepare_search()?;
        let mut queue = core::mem::take(&mut self.queue);
        Reach { query: self, reached: marks, queue: &mut queue, len: 0, mark: 2 }.all();
        self.queue = queue;
        Ok(())
    }

    /// Whether the heap has weak maps.
    ///
    /// # Safety
    /// - The heap is live.
    pub unsafe fn has_maps(&self) -> bool {
        self.ticket.heap().is_some_and(|heap| {
            let ty = (*heap).map_type;
            !ty.is_null() && (*ty).live() != 0
        })
    }

    /// Bytes of memory that the session has taken.
    pub fn bytes(&self) -> usize {
        let numbers = [
            &self.count,
            &self.out_starts,
            &self.out_targets,
            &self.in_starts,
            &self.in_sources,
            &self.came_from,
            &self.queue,
        ];
        let numbers: usize = numbers.iter().map(|array| array.bytes()).sum();
        numbers + self.places.places.bytes() + self.reached.bytes()
    }
}

/// Finds what is reached. The value of a weak map's entry is reached when map and key are: from the one that is reached
/// last.
struct Reach<'a> {
    query: &'a Query,
    reached: &'a mut [u8],
    queue: &'a mut [u32],
    len: usize,
    /// What is written for a reached object, where a 0 is.
    mark: u8,
}

impl Reach<'_> {
    unsafe fn all(&mut self) {
        let maps = self.query.has_maps();
        for place in 0..self.query.places.count as u32 {
            if self.query.is_root(place) {
                self.enter(place);
            }
        }
        let mut first = 0;
        while first < self.len {
            let place = self.queue[first];
            first += 1;
            if first + 2 * AHEAD < self.len {
                self.query.graph().prefetch(self.queue[first + 2 * AHEAD]);
                self.query.graph().prefetch_targets(self.queue[first + AHEAD]);
            }
            if maps {
                self.go_on_with_maps(place);
            } else {
                self.go_on(place);
            }
        }
    }

    fn enter(&mut self, place: u32) {
        if self.reached[place as usize] == 0 {
            self.reached[place as usize] = self.mark;
            self.queue[self.len] = place;
            self.len += 1;
        }
    }

    fn go_on(&mut self, place: u32) {
        let query = self.query;
        for &target in query.graph().of(place) {
            self.enter(target);
        }
    }

    unsafe fn go_on_with_maps(&mut self, place: u32) {
        let obj = self.query.places.address(place);
        if header::has_flags(obj, Flags::WEAK) {
            weakmap::each_of_key(obj, |entry| self.enter_value(entry.map(), entry.value));
        }
        if weakmap::is_map(obj) {
            weakmap::each_of_map(obj, |entry| self.enter_value(entry.key(), entry.value));
        } else {
            self.go_on(place);
        }
    }

    /// The value of an entry whose one side is reached, if the other is.
    unsafe fn enter_value(&mut self, other: *mut c_void, value: *mut c_void) {
        let place =
            |obj: *mut c_void| self.query.places.find(obj as usize).filter(|&at| self.query.is_listed(at));
        if let (Some(other), Some(value)) = (place(other), place(value)) {
            if self.reached[other as usize] == self.mark {
                self.enter(value);
            }
        }
    }
}
