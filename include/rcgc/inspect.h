/* rcgc/inspect.h: what a heap holds: walks over its objects, the facts of any address, numbers
 * by type, growth. None of these calls changes a count, a flag or what a collection decides.
 *
 * Generated from src/capi/inspect.rs: do not edit, run `make headers`. */
#ifndef RCGC_INSPECT_H
#define RCGC_INSPECT_H

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/status.h>
#include <rcgc/type.h>

RCGC_BEGIN_DECLS

/* A mark: what there was of each type at one moment. `gc_growth_mark` makes one, and whoever
 * made it ends it with `gc_growth_free`, also after the heap. It is used where its heap may be. */
typedef struct gc_mark gc_mark;

/* The address is in no heap. */
#define GC_ADDRESS_FOREIGN 0
/* The address is a heap's, and in no object: one that has died, or none was there. */
#define GC_ADDRESS_FREE 1
/* The address is in a live object. */
#define GC_ADDRESS_LIVE 2
/* The address is in an object whose end has begun. */
#define GC_ADDRESS_DYING 3
/* The address is a static constant's (rcgc/static.h): in no heap, and of no type. */
#define GC_ADDRESS_STATIC 4

/* The collector looks at the object. */
#define GC_OBJECT_TRACKED 1
/* Young: allocated since the last collection began; without it, old. */
#define GC_OBJECT_YOUNG 2
/* Taken out of collections by `gc_freeze`. */
#define GC_OBJECT_FROZEN 4
/* Not counted; never dies. */
#define GC_OBJECT_IMMORTAL 8
/* Has weak handles, or is the key of an entry of a weak map. */
#define GC_OBJECT_WEAK 16
/* Has external bytes. */
#define GC_OBJECT_EXTERNAL 32
/* Is a weak map. */
#define GC_OBJECT_WEAKMAP 64
/* Its type is acyclic. */
#define GC_OBJECT_ACYCLIC 128
/* Its type has a finalizer, which has not been called yet. */
#define GC_OBJECT_FINALIZABLE 256
/* Its finalizer was called; a live object with this was resurrected. */
#define GC_OBJECT_FINALIZED 512
/* Its finalizer is due and waits for `gc_run_finalizers`. */
#define GC_OBJECT_DUE 1024
/* Made since the heap's growth mark with `GC_MARK_OBJECTS`. */
#define GC_OBJECT_NEW 2048

/* Its type has no finalizer. */
#define GC_FINALIZER_NONE 0
/* The finalizer was not called yet. */
#define GC_FINALIZER_AHEAD 1
/* The finalizer waits for `gc_run_finalizers`. */
#define GC_FINALIZER_DUE 2
/* The finalizer was called. */
#define GC_FINALIZER_DONE 3

/* What `gc_object_info` says of an address. Start from `GC_OBJECT_FACTS_INIT`. */
typedef struct gc_object_facts {
  /* `sizeof(gc_object_facts)` as the host was compiled. */
  size_t struct_size;
  /* One of `GC_ADDRESS_*`. With `GC_ADDRESS_FOREIGN` all that follows is zero, with
   * `GC_ADDRESS_FREE` all but `heap`. */
  uint32_t place;
  /* `GC_OBJECT_*` together. */
  uint32_t flags;
  /* The object that the address lies in; its first byte, what `rc_new` returned. */
  void *object;
  /* The object's heap. */
  gc_heap *heap;
  /* The object's type. */
  rc_type *type;
  /* Bytes that the host asked for, as `rc_size_of`. */
  size_t size;
  /* Trailing elements, as `rc_length`. */
  size_t length;
  /* Bytes that the object takes in the heap. */
  size_t block_bytes;
  /* Bytes that it keeps elsewhere, as counted by `rc_add_external_bytes`. */
  uint64_t external_bytes;
  /* References, as `rc_count`; of a dying object without the engine's own. */
  uint32_t count;
  /* 0: young; 1: old. */
  uint32_t generation;
  /* One of `GC_FINALIZER_*`. */
  uint32_t finalizer;
  /* Weak handles, as `rc_weak_count`. */
  uint32_t weak_handles;
} gc_object_facts;

/* An initialiser: all defaults. */
#define GC_OBJECT_FACTS_INIT { sizeof(gc_object_facts), 0, 0, RCGC_NULL, RCGC_NULL, RCGC_NULL, 0, \
  0, 0, 0, 0, 0, 0, 0 }

/* Tells what an address is: whether it lies in an object, and what is known of that. Takes the
 * same short time for any address: interior, unaligned, of a dead object, of no heap.
 *
 * Ownership: nothing; `object` is borrowed.
 * Threads: that of the heap that the address lies in, if any.
 * Fails: RC_ERR_INVALID for null `out_facts` or a bad size; never for the address.
 */
RCGC_API rc_status gc_object_info(const void *address, gc_object_facts *RCGC_NONNULL out_facts);

/* Which objects a walk gives. Start from `GC_ITER_FILTER_INIT`, which is: all. */
typedef struct gc_iter_filter {
  /* `sizeof(gc_iter_filter)` as the host was compiled. */
  size_t struct_size;
  /* Of this type only; null: of any. When it ends, the walk is at its end. */
  rc_type *type;
  /* `GC_OBJECT_*` that an object must all have: `GC_OBJECT_YOUNG` for the young generation. */
  uint32_t with;
  /* `GC_OBJECT_*` of which it may have none: `GC_OBJECT_YOUNG` for the old generation. */
  uint32_t without;
  /* Made since this mark, which must be the heap's latest one with `GC_MARK_OBJECTS`; null: of
   * any age. */
  gc_mark *newer_than;
  /* The least serial number that a profile of the heap has given them (see `gc_object_site`); 0:
   * any. */
  uint64_t serial_min;
  /* The greatest; 0: any. */
  uint64_t serial_max;
} gc_iter_filter;

/* An initialiser: all defaults. */
#define GC_ITER_FILTER_INIT { sizeof(gc_iter_filter), RCGC_NULL, 0, 0, RCGC_NULL, 0, 0 }

/* A walk over the objects of a heap. The host owns the memory and may copy and move it; what is
 * in it is the library's. */
typedef struct gc_iter {
  /* The library's. */
  uint64_t state[12];
} gc_iter;

/* Begins a walk over all objects of a heap (null: the default heap) that pass the filter (null:
 * all).
 *
 * The walk is lazy and takes no memory. Between two steps the host may do anything: allocate,
 * release, collect. Each object that lives all the while is given exactly once; one that is made
 * or dies meanwhile may be given or not, but a dead one never. Objects past step 2 of their end
 * are not given. A second walk may go on beside it.
 *
 * Ownership: nothing; a walk that is given up needs no end.
 * Fails: RC_ERR_INVALID for null `out_iter`, a bad filter, or a type or mark that is not the
 *   heap's; RC_ERR_REFUSED for serial numbers of a heap that is not profiled; RC_ERR_STALE when
 *   the mark is not the latest one with `GC_MARK_OBJECTS`; RC_ERR_NO_MEMORY only where the
 *   default heap cannot be made.
 */
RCGC_API rc_status gc_iter_begin(gc_heap *heap, const gc_iter_filter *filter,
                                 gc_iter *RCGC_NONNULL out_iter);

/* Gives the next object of a walk: `while (gc_iter_next(&iter, &obj) == RC_OK && obj) ...`. At
 * the end null; after it, what the heap has grown by beyond its end.
 *
 * Ownership: the object is borrowed: take a reference before anything that could end it.
 * Fails: RC_ERR_INVALID for a null argument and for a walk that was not begun or has been ended;
 *   RC_ERR_STALE when the heap was freed meanwhile or its growth mark was replaced.
 */
RCGC_API rc_status gc_iter_next(gc_iter *RCGC_NONNULL iter, void **RCGC_NONNULL out_obj);

/* Ends a walk: from here on it gives nothing.
 *
 * Fails: RC_ERR_INVALID for null and for a walk that was not begun or has been ended;
 *   RC_ERR_STALE when the heap was freed meanwhile: the walk has ended all the same.
 */
RCGC_API rc_status gc_iter_end(gc_iter *RCGC_NONNULL iter);

/* The numbers of one type. Start from `GC_TYPE_FACTS_INIT`. Bytes are those that objects take in
 * the heap, with headers and rounding. */
typedef struct gc_type_facts {
  /* `sizeof(gc_type_facts)` as the host was compiled. */
  size_t struct_size;
  /* The type. */
  rc_type *type;
  /* The type's name, which lives as long as the type. */
  const char *name;
  /* Bytes of the type's struct. */
  size_t size;
  /* Objects that live now. */
  uint64_t live;
  /* Bytes of objects that live now. */
  uint64_t bytes;
  /* The most objects that lived at once; at most 4 KiB of objects more did. */
  uint64_t peak;
  /* The most bytes, as exactly. */
  uint64_t peak_bytes;
  /* Objects made since the type was. */
  uint64_t allocated;
  /* Bytes of objects made since the type was. */
  uint64_t allocated_bytes;
  /* Objects that ended because their count said so. */
  uint64_t freed_by_count;
  /* Objects that the collector ended. */
  uint64_t freed_by_collector;
} gc_type_facts;

/* An initialiser: all defaults. */
#define GC_TYPE_FACTS_INIT { sizeof(gc_type_facts), RCGC_NULL, RCGC_NULL, 0, 0, 0, 0, 0, 0, 0, 0, \
  0 }

/* The numbers of a type: how many objects live, have lived, and how they ended. They are always
 * kept, so this is quick.
 *
 * Fails: RC_ERR_INVALID for null `out_facts` or a bad size; fatal for a pointer that is not a
 *   live type.
 */
RCGC_API rc_status gc_type_stats(rc_type *RCGC_NONNULL type, gc_type_facts *RCGC_NONNULL out_facts);

/* By live objects. The default. */
#define GC_ORDER_LIVE 0
/* By bytes of live objects. */
#define GC_ORDER_BYTES 1
/* By the most bytes there were. */
#define GC_ORDER_PEAK_BYTES 2
/* By objects made. */
#define GC_ORDER_ALLOCATED 3
/* By objects that the collector ended. */
#define GC_ORDER_COLLECTED 4

/* The types of a heap (null: the default heap) for which the number that `order` names is not 0,
 * largest first, in the first `room` rows of `out_rows`. `struct_size` of the first row says how
 * large each row is.
 *
 * `out_count` is how many there are, also beyond `room`.
 *
 * Ownership: nothing; names live as long as their types.
 * Fails: RC_ERR_INVALID for an unknown order, null `out_count`, null `out_rows` with room, or a
 *   bad size; RC_ERR_NO_MEMORY.
 */
RCGC_API rc_status gc_most_common_types(gc_heap *heap, uint32_t order, gc_type_facts *out_rows,
                                        size_t room, size_t *RCGC_NONNULL out_count);

/* The mark knows how many objects of each type there were. */
#define GC_MARK_TYPES 0
/* Objects are marked too, so that a walk can give those made since. Only the latest such mark of
 * a heap knows them. */
#define GC_MARK_OBJECTS 1

/* Compares with the numbers at the mark. */
#define GC_SINCE_MARK 0
/* Compares with the largest numbers at the mark and in each comparison since. */
#define GC_SINCE_PEAK 1

/* How one type has grown. Start from `GC_GROWTH_INIT`. */
typedef struct gc_growth {
  /* `sizeof(gc_growth)` as the host was compiled. */
  size_t struct_size;
  /* The type. */
  rc_type *type;
  /* The type's name. */
  const char *name;
  /* Objects that live now. */
  uint64_t live;
  /* Bytes of objects that live now. */
  uint64_t bytes;
  /* How many objects more live than at the mark, or at the peak. */
  int64_t more;
  /* How many bytes more live than then. */
  int64_t more_bytes;
  /* Objects made since the mark, dead or alive. */
  uint64_t made;
} gc_growth;

/* An initialiser: all defaults. */
#define GC_GROWTH_INIT { sizeof(gc_growth), RCGC_NULL, RCGC_NULL, 0, 0, 0, 0, 0 }

/* Marks the present moment in a heap (null: the default heap), for `gc_growth_since`.
 *
 * Takes time by the number of types; with `GC_MARK_OBJECTS` also of pages and free blocks, and
 * while that mark lives a release writes one bit more.
 *
 * Ownership: the caller owns the mark; `gc_growth_free` ends it, also after its heap.
 * Fails: RC_ERR_INVALID for unknown flags or null `out_mark`; RC_ERR_REFUSED where host code may
 *   only look (rcgc/heap.h); RC_ERR_NO_MEMORY.
 */
RCGC_API rc_status gc_growth_mark(gc_heap *heap, uint32_t flags, gc_mark **RCGC_NONNULL out_mark);

/* The types that have grown since a mark, in objects or bytes, those that have grown most first,
 * in the first `room` rows of `out_rows`. `struct_size` of the first row says how large each row
 * is; `out_count` is how many there are.
 *
 * `since` says what is compared with. Each comparison, of either kind, raises the peaks of the
 * mark. No collection runs: garbage counts, call `gc_collect` before to leave it out.
 *
 * Fails: RC_ERR_INVALID for an unknown `since`, null `out_count`, null `out_rows` with room, or
 *   a bad size; RC_ERR_STALE when the heap was freed; RC_ERR_NO_MEMORY; fatal for what is not a
 *   mark.
 */
RCGC_API rc_status gc_growth_since(gc_mark *RCGC_NONNULL mark, uint32_t since, gc_growth *out_rows,
                                   size_t room, size_t *RCGC_NONNULL out_count);

/* Ends a mark. Null is nothing.
 *
 * Ownership: takes the mark.
 * Fails: fatal for what is not a mark.
 */
RCGC_API void gc_growth_free(gc_mark *mark);

RCGC_END_DECLS

#endif /* RCGC_INSPECT_H */
