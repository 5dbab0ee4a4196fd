//! Paths: how one object leads to another, and what keeps an object alive.
//!
//! A path is a row of steps in the direction of references: each step is an object and the edge that leads on from it;
//! the last one has no edge. All searches are breadth first, so the paths are shortest ones.

use super::facts::{self, Address, Traits};
use super::query::{Failure, Query};
use crate::base::array::Array;
use crate::heap::Heap;
use crate::host;
use crate::life::weakmap;
use crate::memory::range;
use crate::object::edges::{Edge, NO_INDEX};
use crate::object::{self, NotAnObject};
use crate::types::{Type, TypeFlags};
use core::ffi::{c_char, c_int, c_void};
use core::ptr;
use rcgc_format::graph::search::{breadth_first, Step as Go};

/// A host's test of one object.
pub type PredicateFn = unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int;

/// One object of a path, and the edge to the next.
#[derive(Clone, Copy)]
pub struct Step {
    /// The object.
    pub object: *mut c_void,
    /// The object's type.
    pub ty: *mut Type,
    /// The edge's name; null: it has none, or this is the end.
    pub name: *const c_char,
    /// The edge's index; [`NO_INDEX`]: none.
    pub index: usize,
}

impl Step {
    /// An object and one of its edges.
    ///
    /// # Safety
    /// - `object` is one.
    pub unsafe fn new(object: *mut c_void, edge: &Edge) -> Self {
        Step { object, ty: object::far_type_of(object), name: edge.name, index: edge.index }
    }
}

/// Takes the steps of paths: how many came before, and the step.
pub type Steps<'a> = dyn FnMut(usize, Step) + 'a;

/// Gives the steps of a path that `next` leads along, until it says that a place is the last. Returns how many.
///
/// The heap must be paused.
unsafe fn give_steps(
    query: &Query,
    first: u32,
    mut next: impl FnMut(u32) -> Option<u32>,
    before: usize,
    steps: &mut Steps<'_>,
) -> usize {
    let mut count = 0;
    let mut place = first;
    loop {
        let obj = query.places.address(place);
        let following = next(place);
        let edge = match following {
            Some(to) => query.edge_between(obj, query.places.address(to)),
            None => Edge { target: ptr::null_mut(), name: ptr::null(), index: NO_INDEX },
        };
        steps(before + count, Step::new(obj, &edge));
        count += 1;
        match following {
            Some(to) => place = to,
            None => return count,
        }
    }
}

/// In which direction a search goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// To what an object refers to.
    Forward,
    /// To what refers to an object.
    Backward,
}

/// Asks `predicate` about every object that is found from one, nearest first, until it says yes, and gives the path
/// between the two. Returns its number of steps: 0 when no object was accepted.
///
/// # Safety
/// - The session is fresh and at rest, `from` is a place of it; nothing but the host's predicate uses it meanwhile, and
///   that is refused.
pub unsafe fn find(
    query: *mut Query,
    heap: *mut Heap,
    from: u32,
    direction: Direction,
    predicate: PredicateFn,
    ctx: *mut c_void,
    steps: &mut Steps<'_>,
) -> Result<usize, Failure> {
    (*query).prepare_search()?;
    let mut came_from = core::mem::take(&mut (*query).came_from);
    let mut queue = core::mem::take(&mut (*query).queue);
    let mut changed = false;
    (*query).busy = true;
    let graph = match direction {
        Direction::Forward => (*query).graph(),
        Direction::Backward => (*query).turned(),
    };
    let found = breadth_first(
        graph,
        &[from],
        |_, _| true,
        |place| {
            let obj = (*query).places.address(place);
            let yes = host::call_alone(heap, || predicate(obj, ctx)) != 0;
            changed = !(*query).is_fresh();
            if yes || changed {
                Go::Stop
            } else {
                Go::On
            }
        },
        &mut came_from,
        &mut queue,
    );
    (*query).busy = false;
    let mut count = Ok(0);
    if changed {
        count = Err(Failure::Changed);
    } else if let Some(found) = found {
        count = (*query).quietly(|query| match direction {
            Direction::Backward => give_steps(query, found, |at| after(&came_from, at), 0, steps),
            Direction::Forward => {
                // The way back is the wrong way round: the queue takes it, from its end.
                let mut first = queue.len();
                let mut place = found;
                loop {
                    first -= 1;
                    queue[first] = place;
                    match after(&came_from, place) {
                        Some(to) => place = to,
                        None => break,
                    }
                }
                let start = queue[first];
                let following = |_| {
                    first += 1;
                    queue.get(first).copied()
                };
                give_steps(query, start, following, 0, steps)
            }
        });
    }
    (*query).came_from = came_from;
    (*query).queue = queue;
    count
}

/// The place from which a search came to this one; None at its start.
fn after(came_from: &[u32], place: u32) -> Option<u32> {
    let next = came_from[place as usize];
    (next != place).then_some(next)
}

/// What keeps an object; the numbers of `GC_WHY_*`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Verdict {
    /// Nothing: the next full collection ends it.
    Garbage = 0,
    /// References from outside.
    Held = 1,
    /// Something that lives refers to it.
    Reachable = 2,
    /// It is immortal.
    Immortal = 3,
    /// It is frozen.
    Frozen = 4,
    /// The collector does not look at it.
    Untracked = 5,
    /// Its finalizer is due: the queue holds it.
    FinalizerDue = 6,
    /// Its finalizer brought it back, and it is held or reachable since.
    Resurrected = 7,
    /// It is another heap's.
    OtherHeap = 8,
    /// More edges lead to it than it has references.
    TooManyEdges = 9,
    /// Its end has begun.
    Dying = 10,
}

/// The answer to "why".
#[derive(Clone, Copy)]
pub struct Why {
    /// What keeps the object.
    pub verdict: Verdict,
    /// What is true of it.
    pub traits: Traits,
    /// References from outside to it; `i64::MAX` when it is immortal.
    pub external: i64,
    /// The nearest object that lives by itself and leads to it; itself when it does. Null: there is none.
    pub holder: *mut c_void,
    /// What keeps that.
    pub holder_verdict: Verdict,
    /// References from outside to that.
    pub holder_external: i64,
    /// Paths found.
    pub paths: usize,
    /// Steps of all of them.
    pub steps: usize,
}

/// One path to an object from one that lives by itself.
#[derive(Clone, Copy)]
pub struct Path {
    /// Steps before it, of the paths before.
    pub first: usize,
    /// Its steps.
    pub length: usize,
    /// Where it begins.
    pub holder: *mut c_void,
    /// How many references from outside lead to its beginning.
    pub external: i64,
}

/// Who counts as living by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum View {
    /// What is held from outside, and immortal: the truth.
    Host,
    /// Also what the collector leaves alone: frozen and untracked objects that may refer to others.
    Collector,
}

/// What is asked of [`why`], and where the answer goes.
pub struct Question<'a> {
    /// Who counts as living by itself.
    pub view: View,
    /// Most paths.
    pub most: usize,
    /// Takes the paths: how many came before, and the path.
    pub paths: &'a mut dyn FnMut(usize, Path),
    /// Takes their steps.
    pub steps: &'a mut Steps<'a>,
}

/// What an object is kept by, whoever refers to it; [`Verdict::Garbage`] when by nothing of itself.
///
/// # Safety
/// - The session is fresh and lists an object at the place.
unsafe fn own_verdict(query: &Query, place: u32, view: View) -> (Verdict, Traits) {
    let external = query.external(place);
    if view == View::Host && external == 0 {
        return (Verdict::Garbage, Traits::empty());
    }
    let obj = query.places.address(place);
    let traits = facts::traits(range::page_of(obj as usize), obj);
    let refers = (*object::type_of(obj)).flags.contains(TypeFlags::REFERS);
    let verdict = if traits.contains(Traits::IMMORTAL) {
        Verdict::Immortal
    } else if traits.contains(Traits::DUE) {
        Verdict::FinalizerDue
    } else if external < 0 {
        Verdict::TooManyEdges
    } else if view == View::Collector && traits.contains(Traits::FROZEN) {
        Verdict::Frozen
    } else if external > 0 {
        Verdict::Held
    } else if view == View::Collector && refers && !traits.contains(Traits::TRACKED) {
        Verdict::Untracked
    } else {
        Verdict::Garbage
    };
    (verdict, traits)
}

/// Finds what keeps an object, with up to as many paths as wanted from different objects that live by themselves, nearest first.
///
/// # Safety
/// - The session is fresh and at rest.
pub unsafe fn why(
    query: &mut Query,
    heap: *mut Heap,
    obj: *mut c_void,
    question: &mut Question<'_>,
) -> Result<Why, Failure> {
    let found = facts::of(obj as usize);
    let mut why = Why {
        verdict: Verdict::Garbage,
        traits: found.traits,
        external: 0,
        holder: ptr::null_mut(),
        holder_verdict: Verdict::Garbage,
        holder_external: 0,
        paths: 0,
        steps: 0,
    };
    if found.object != obj || !matches!(found.address, Address::Live | Address::Dying) {
        return Err(Failure::NotListed);
    }
    if found.heap != heap {
        why.verdict = Verdict::OtherHeap;
        return Ok(why);
    }
    if found.address == Address::Dying {
        why.verdict = Verdict::Dying;
        return Ok(why);
    }
    let target = query.place(obj)?;
    why.external = query.external(target);
    search(query, target, question, &mut why)?;
    if why.holder == obj {
        why.verdict = why.holder_verdict;
    } else if !why.holder.is_null() {
        why.verdict = Verdict::Reachable;
    }
    let kept = matches!(why.verdict, Verdict::Held | Verdict::Reachable);
    if kept && found.traits.contains(Traits::FINALIZED) {
        why.verdict = Verdict::Resurrected;
    }
    Ok(why)
}

unsafe fn search(
    query: &mut Query,
    target: u32,
    question: &mut Question<'_>,
    why: &mut Why,
) -> Result<(), Failure> {
    let (view, most) = (question.view, question.most);
    // Only entries of weak maps are edges that may lead from what lives and keep nothing.
    let maps = view == View::Host && query.has_maps();
    if maps {
        query.reached()?;
    }
    query.prepare_search()?;
    let mut kept = Kept::for_objects(if maps { query.places.count } else { 0 }).ok_or(Failure::NoMemory)?;
    let mut came_from = core::mem::take(&mut query.came_from);
    let mut queue = core::mem::take(&mut query.queue);
    let mut holders = Array::<u32>::empty();
    let reached = core::mem::take(&mut query.reached);
    let mut failed = false;
    breadth_first(
        query.turned(),
        &[target],
        |to, from| !maps || keeps(query, &reached, &mut kept, from, to),
        |place| {
            if own_verdict(query, place, view).0 != Verdict::Garbage {
                failed |= !holders.push(place);
            }
            if failed || holders.len() >= most.max(1) {
                Go::Stop
            } else {
                Go::On
            }
        },
        &mut came_from,
        &mut queue,
    );
    query.reached = reached;
    let given =
        if failed { Err(Failure::NoMemory) } else { give_paths(query, &holders, &came_from, question, why) };
    query.came_from = came_from;
    query.queue = queue;
    given
}

/// What weak maps keep, as far as a search has come by them: each is walked once, however many of its values are asked about.
struct Kept {
    /// By number: the map has been walked.
    walked: Array<u8>,
    /// By number: the map with a live key that keeps it, and 1 more; 0: none that was walked; [`BY_SEVERAL`].
    by: Array<u32>,
}

const BY_SEVERAL: u32 = u32::MAX;

impl Kept {
    /// For so many objects. None for out of memory.
    fn for_objects(count: usize) -> Option<Self> {
        Some(Kept { walked: Array::zeros(count)?, by: Array::zeros(count)? })
    }
}

/// Whether a reference from an object keeps another alive: the first must be alive itself, and the key of a weak map's
/// entry, too.
unsafe fn keeps(query: &Query, reached: &[u8], kept: &mut Kept, from: u32, to: u32) -> bool {
    if reached[from as usize] == 0 {
        return false;
    }
    let holder = query.places.address(from);
    if !weakmap::is_map(holder) {
        return true;
    }
    let each_value = |each: &mut dyn FnMut(u32)| {
        weakmap::each_of_map(holder, |entry| {
            let key = query.places.find(entry.key() as usize);
            if key.is_some_and(|key| reached[key as usize] != 0) {
                query.places.find(entry.value as usize).into_iter().for_each(&mut *each);
            }
        })
    };
    if kept.walked[from as usize] == 0 {
        kept.walked[from as usize] = 1;
        each_value(&mut |value| {
            let by = &mut kept.by[value as usize];
            *by = if [0, from + 1].contains(by) { from + 1 } else { BY_SEVERAL };
        });
    }
    match kept.by[to as usize] {
        BY_SEVERAL => {
            let mut found = false;
            each_value(&mut |value| found |= value == to);
            found
        }
        by => by == from + 1,
    }
}

unsafe fn give_paths(
    query: &mut Query,
    holders: &[u32],
    came_from: &[u32],
    question: &mut Question<'_>,
    why: &mut Why,
) -> Result<(), Failure> {
    if let Some(&holder) = holders.first() {
        why.holder = query.places.address(holder);
        why.holder_external = query.external(holder);
        why.holder_verdict = own_verdict(query, holder, question.view).0;
    }
    query.quietly(|query| {
        for &holder in holders.iter().take(question.most) {
            let length = give_steps(query, holder, |at| after(came_from, at), why.steps, question.steps);
            let external = query.external(holder);
            let holder = query.places.address(holder);
            (question.paths)(why.paths, Path { first: why.steps, length, holder, external });
            why.paths += 1;
            why.steps += length;
        }
    })
}

/// Calls `each` with every edge that leads to an object: the object it comes from, and the edge.
///
/// # Safety
/// - The session is fresh and at rest.
pub unsafe fn each_referrer(
    query: &mut Query,
    place: u32,
    each: &mut dyn FnMut(Step),
) -> Result<(), Failure> {
    query.quietly(|query| {
        let obj = query.places.address(place);
        let mut before = None;
        for &source in query.turned().of(place) {
            if before.replace(source) == Some(source) {
                continue;
            }
            let holder = query.places.address(source);
            query.each_edge(holder, |edge, _| {
                if edge.target == obj {
                    each(Step::new(holder, &edge));
                }
            });
        }
    })
}

/// Calls `each` with every edge of an object: where it leads to, and the edge. Objects of other heaps and static constants are among those.
///
/// # Safety
/// - The session is fresh and at rest.
pub unsafe fn each_referent(
    query: &mut Query,
    place: u32,
    each: &mut dyn FnMut(Step),
) -> Result<(), Failure> {
    query.quietly(|query| {
        let obj = query.places.address(place);
        query.each_edge(obj, |edge, _| match object::check(edge.target) {
            Ok(_) => each(Step::new(edge.target, &edge)),
            Err(NotAnObject::Static) => {
                each(Step { object: edge.target, ty: ptr::null_mut(), name: edge.name, index: edge.index })
            }
            Err(_) => {}
        });
    })
}
