/* rcgc/stacks.h: call stacks under byte sampling. A profile with `GC_PROFILE_STACKS` takes the
 * stack of about one object in every `sample_bytes` allocated, and estimates from these what
 * each stack allocated and keeps. A null heap means the default heap.
 *
 * Generated from src/capi/stacks.rs: do not edit, run `make headers`. */
#ifndef RCGC_STACKS_H
#define RCGC_STACKS_H

#include <rcgc/config.h>
#include <rcgc/heap.h>
#include <rcgc/status.h>

RCGC_BEGIN_DECLS

/* What one type allocated at one stack. The library fills it. Each sample was divided by its own
 * probability before it was added, so the estimates are right on average, whatever sizes are
 * mixed. */
typedef struct gc_stack_stats {
  /* `sizeof(gc_stack_stats)` as the host was compiled. */
  size_t struct_size;
  /* The stack's number, for `gc_stack_frames`. */
  uint32_t stack;
  /* Frames that it has. */
  uint32_t depth;
  /* The name of the type. */
  const char *type_name;
  /* Samples that were taken. */
  uint64_t samples;
  /* Samples whose object lives. */
  uint64_t live_samples;
  /* An estimate of the objects made since the profile began. */
  uint64_t allocated_objects;
  /* An estimate of the bytes of these, with headers and rounding. */
  uint64_t allocated_bytes;
  /* An estimate of the objects that live. */
  uint64_t live_objects;
  /* An estimate of the bytes that live. */
  uint64_t live_bytes;
  /* The standard deviation of `allocated_bytes`. */
  double deviation_bytes;
} gc_stack_stats;

/* An initialiser: all defaults. */
#define GC_STACK_STATS_INIT { sizeof(gc_stack_stats), 0, 0, RCGC_NULL, 0, 0, 0, 0, 0, 0, 0 }

/* Writes what is known of each stack and type, those first that keep most bytes, and returns how
 * many there are. At most `room` are written, each of `out_rows->struct_size` bytes, which must
 * be set.
 *
 * Ownership: nothing; names live until the program ends.
 * Fails: 0, `gc_error_message` and `gc_last_status`: RC_ERR_INVALID for a bad size,
 *   RC_ERR_REFUSED when stacks are not sampled, RC_ERR_NO_MEMORY.
 */
RCGC_API size_t gc_profile_stacks(gc_heap *heap, gc_stack_stats *out_rows, size_t room);

/* One frame of a stack. The library fills it. */
typedef struct gc_frame {
  /* `sizeof(gc_frame)` as the host was compiled. */
  size_t struct_size;
  /* The return address; 0: the frame is one that the host gave. */
  uint64_t address;
  /* The function: as the host gave it; of an address the nearest name that the dynamic linker
   * knows, or null. */
  const char *function;
  /* The file that the host gave; of an address the program or library it lies in, or null. */
  const char *file;
  /* The line that the host gave; 0 of an address. */
  uint32_t line;
  /* 0. */
  uint32_t reserved;
} gc_frame;

/* An initialiser: all defaults. */
#define GC_FRAME_INIT { sizeof(gc_frame), 0, RCGC_NULL, RCGC_NULL, 0, 0 }

/* Writes the frames of a stack, the innermost first, frames of the host before addresses, and
 * returns how many there are. At most `room` are written, each of `out_frames->struct_size`
 * bytes, which must be set.
 *
 * Ownership: nothing; texts live until their library is unloaded.
 * Fails: 0, `gc_error_message` and `gc_last_status`: RC_ERR_INVALID for a bad size and a number
 *   that is of no stack, RC_ERR_REFUSED when stacks are not sampled.
 */
RCGC_API size_t gc_stack_frames(gc_heap *heap, uint32_t stack, gc_frame *out_frames, size_t room);

/* Writes the number of the stack that allocated an object, if it was sampled.
 *
 * Fails: RC_ERR_INVALID for a null `out_stack`; RC_ERR_UNSUPPORTED when the object was not
 *   sampled; RC_ERR_REFUSED when stacks are not sampled; fatal for what is not a live object.
 */
RCGC_API rc_status gc_object_stack(void *RCGC_NONNULL obj, uint32_t *RCGC_NONNULL out_stack);

RCGC_END_DECLS

#endif /* RCGC_STACKS_H */
