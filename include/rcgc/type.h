/* rcgc/type.h: what the engine must know of a host's struct: how big it is and where its
 * references are.
 *
 * Generated from src/capi/types.rs: do not edit, run `make headers`. */
#ifndef RCGC_TYPE_H
#define RCGC_TYPE_H

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/status.h>

RCGC_BEGIN_DECLS

/* A type of objects: how large they are and where their references are. `rc_type_new` makes one;
 * `rc_type_free` ends it when no object of it lives, else the end of its heap does. It is used
 * where its heap may be. */
typedef struct rc_type rc_type;

/* Objects of the type are never tracked, whatever they refer to: the host knows that they are in
 * no ring. */
#define RC_TYPE_ACYCLIC 1
/* Objects wait for `gc_track`, although all references are declared. */
#define RC_TYPE_TRACK_MANUAL 2
/* Objects are tracked when made, although the type has a `traverse`: it must cope with a zeroed
 * object. */
#define RC_TYPE_TRACK_ON_NEW 4
/* Objects are born shared between threads. Not in this version: refused. */
#define RC_TYPE_SHARED 8
/* The callbacks know their runtime: they take the type's `ctx` as a last parameter. They are the
 * members of the spec whose names end in `_ctx` (`clear_ctx`, ...); the members without it must
 * be null. */
#define RC_TYPE_CTX 16
/* The host knows the length of each object's trailing array: nothing is stored for it, which
 * saves 8 bytes an object, and `rc_length` is refused. Nothing in the array is a reference that
 * a field declares. Where sizes are reported, it is what the object's block has (`rc_room`). */
#define RC_TYPE_HOST_LENGTH 32
/* The trailing array is not zeroed: whatever was in the memory is in a new object. The struct
 * before it is zeroed. Nothing in the array is a reference that a field declares; a `traverse`
 * must not look at what was not written yet. */
#define RC_TYPE_UNINIT 64

/* What a `traverse` calls for each owned reference; null references may be passed. The result is
 * for the library: a `traverse` returns it at once when it is not 0. */
typedef int (*rc_visit_fn)(void *reference, void *visit_ctx);

/* Calls `visit` once for each owned reference of the object that is not in a declared field, and
 * returns 0, or at once what `visit` returned when that was not 0. It may only visit: no
 * allocation, no release, no collection. */
typedef int (*rc_traverse_fn)(void *obj, rc_visit_fn visit, void *visit_ctx);

/* The other callbacks of a type. They return: one that is left by a long jump or an exception
 * leaves its heap in the middle of a death for ever, without collections; `gc_heap_free` then
 * calls the fatal hook.
 *
 * **Depth.** An object whose last reference a callback releases is dead when its `rc_decref`
 * returns, while fewer than sixteen callbacks are running on the thread, those of all heaps
 * together. Deeper it dies as soon as the innermost of them has returned; the thread must still
 * be alone in its heap then. So a chain whose links are released by callbacks needs the stack of
 * sixteen callbacks, however long it is and in however many heaps its links lie. Collections
 * that are due wait likewise. */
typedef void (*rc_object_fn)(void *obj);

/* As `rc_traverse_fn`, for types with `RC_TYPE_CTX`: `ctx` is the type's. */
typedef int (*rc_traverse_ctx_fn)(void *obj, rc_visit_fn visit, void *visit_ctx, void *ctx);

/* As `rc_object_fn`, for types with `RC_TYPE_CTX`: `ctx` is the type's. */
typedef void (*rc_object_ctx_fn)(void *obj, void *ctx);

/* The kinds of slots; written by the `RC_FIELD` macros. */
#define RC_SLOT_POINTER 1
/* A word that holds an owned pointer when `(word & mask) == value`. */
#define RC_SLOT_TAGGED 2
/* A pointer that counts when the tag beside it says so: `(tag & mask) == value`. */
#define RC_SLOT_VARIANT 3
/* A member of type `rc_weak *` (may be null), which ends with its holder. */
#define RC_SLOT_WEAK 4

/* The slots of the field are one in the struct. */
#define RC_PLACE_ONE 1
/* The slots of the field are a fixed array in the struct. */
#define RC_PLACE_ARRAY 2
/* The slots of the field are the trailing array. */
#define RC_PLACE_TAIL 3
/* The slots of the field are a buffer that the host allocated, with its used length in the
 * struct. */
#define RC_PLACE_VECTOR 4

/* One declared field: where owned references lie in the host's struct. Made by the `RC_FIELD`
 * macros; the members are documented for hosts in other languages. Offsets are from the start of
 * the struct, sizes in bytes. */
typedef struct rc_field {
  /* The member's name, shown as the name of the edge; copied. */
  const char *name;
  /* One of `RC_SLOT_*`. */
  uint32_t slot;
  /* One of `RC_PLACE_*`. */
  uint32_t place;
  /* Where the member begins (for a vector: the member that points to the buffer). */
  size_t offset;
  /* Slots in the member: 1, or the length of the fixed array; 0 for a tail and a vector. */
  size_t count;
  /* From one slot to the next; `sizeof(void *)` for plain pointers. */
  size_t stride;
  /* From the start of a slot's element to its pointer or word. */
  size_t payload_offset;
  /* From the start of a slot's element to its tag (variant). */
  size_t tag_offset;
  /* Bytes of the tag (variant): 1, 2, 4 or 8. */
  size_t tag_bytes;
  /* Where the used length lies (vector), and its bytes: 1, 2, 4 or 8. */
  size_t length_offset;
  /* Bytes of the used length (vector). */
  size_t length_bytes;
  /* Bits of the word or tag that decide (tagged, variant). */
  uint64_t mask;
  /* What those bits must be. */
  uint64_t value;
  /* Bits of the word that are the pointer (tagged). */
  uint64_t pointer_mask;
} rc_field;

/* What a type is made from. Start from `RC_TYPE_SPEC_INIT`; everything is copied. */
typedef struct rc_type_spec {
  /* `sizeof(rc_type_spec)` as the host was compiled. */
  size_t struct_size;
  /* Shown in reports; must not be empty. */
  const char *name;
  /* `sizeof` the struct; of a struct that ends in a trailing array, without that array. */
  size_t size;
  /* Bytes of each trailing element, references or not; 0: the type has no trailing array. */
  size_t tail_size;
  /* `RC_TYPE_*` together. */
  uint32_t flags;
  /* Must be zero. */
  uint32_t reserved;
  /* The declared fields. */
  const rc_field *fields;
  /* How many there are. */
  size_t field_count;
  /* Reports the references that are not declared; needs `clear`, unless the type is acyclic. */
  rc_traverse_fn traverse;
  /* Releases and nulls the same references; called once in each object's death. */
  rc_object_fn clear;
  /* Called once in an object's life, before it dies, with everything it refers to intact. It may
   * store a reference to the object, which lives on then, with all it reaches. */
  rc_object_fn finalize;
  /* Frees what the host itself allocated for the object (a vector's buffer, a file); sees no
   * references any more. */
  rc_object_fn destroy;
  /* The host's; `rc_type_ctx` gives it back, and callbacks are given it with `RC_TYPE_CTX`. */
  void *ctx;
  /* With `RC_TYPE_CTX`: what `traverse` is for other types. */
  rc_traverse_ctx_fn traverse_ctx;
  /* With `RC_TYPE_CTX`: what `clear` is for other types. */
  rc_object_ctx_fn clear_ctx;
  /* With `RC_TYPE_CTX`: what `finalize` is for other types. */
  rc_object_ctx_fn finalize_ctx;
  /* With `RC_TYPE_CTX`: what `destroy` is for other types. */
  rc_object_ctx_fn destroy_ctx;
} rc_type_spec;

/* An initialiser: all defaults. */
#define RC_TYPE_SPEC_INIT { sizeof(rc_type_spec), RCGC_NULL, 0, 0, 0, 0, RCGC_NULL, 0, RCGC_NULL, \
  RCGC_NULL, RCGC_NULL, RCGC_NULL, RCGC_NULL, RCGC_NULL, RCGC_NULL, RCGC_NULL, RCGC_NULL }

/* Makes a type in a heap (null: the default heap).
 *
 * Ownership: the type lives as long as its heap, or until `rc_type_free`.
 * Fails: RC_ERR_INVALID (a bad spec; `gc_error_message` names the field), RC_ERR_UNSUPPORTED,
 *   RC_ERR_LIMIT, RC_ERR_NO_MEMORY.
 */
RCGC_API RCGC_MUST_USE rc_status rc_type_new(gc_heap *heap, const rc_type_spec *RCGC_NONNULL spec,
                                             rc_type **RCGC_NONNULL out_type);

/* Ends a type of which no object lives. Null is `RC_OK`.
 *
 * Ownership: takes the type.
 * Fails: RC_ERR_IN_USE while objects of it live, while one is being made (in a callback that
 *   runs inside its `rc_new`: a watch, the frames of a stack), while a collection of the heap
 *   runs, and where host code may only look (rcgc/heap.h); fatal for a pointer that is not a
 *   live type.
 */
RCGC_API rc_status rc_type_free(rc_type *type);

/* The `ctx` of the type's spec.
 *
 * Ownership: the host's.
 * Threads: any.
 * Fails: fatal for a pointer that is not a live type.
 */
RCGC_API void *rc_type_ctx(rc_type *RCGC_NONNULL type);

/* The type's name.
 *
 * Ownership: the string lives as long as the type.
 * Threads: any.
 * Fails: fatal for a pointer that is not a live type.
 */
RCGC_API const char *rc_type_name(rc_type *RCGC_NONNULL type);

/* How many objects of the type live now.
 *
 * Fails: fatal for a pointer that is not a live type.
 */
RCGC_API uint64_t rc_type_live(rc_type *RCGC_NONNULL type);

/* The index of an edge that has none. */
#define RC_NO_INDEX SIZE_MAX

/* For use in a `traverse`: passes `reference` to `visit` under a name, which reports show as the
 * name of the edge; `index` distinguishes edges of one name (`RC_NO_INDEX`: there is only one).
 *
 * Ownership: nothing; the name must be static or live as long as the type.
 * Threads: the heap's, inside `traverse`.
 * Fails: returns what `visit` returned; the `traverse` must return it at once when it is not 0.
 */
RCGC_API int rc_visit_named(rc_visit_fn visit, void *visit_ctx, void *reference, const char *name,
                            size_t index);

RCGC_END_DECLS

#endif /* RCGC_TYPE_H */
