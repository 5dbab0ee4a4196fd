/* rcgc/status.h: results. A number, once given to a meaning, is never given to another.
 *
 * Generated from src/capi/status.rs: do not edit, run `make headers`. */
#ifndef RCGC_STATUS_H
#define RCGC_STATUS_H

#include <rcgc/config.h>

RCGC_BEGIN_DECLS

/* What a call came to: `RC_OK`, or why nothing was done. Outputs are written only with `RC_OK`.
 * `gc_error_message` has the sentence that names what and where. */
typedef uint32_t rc_status;

/* Done. */
#define RC_OK 0

/* An argument is null, dead, foreign, mistyped or out of its range. */
#define RC_ERR_INVALID 1
/* Memory, address space or a configured limit is used up; everything is as it was. */
#define RC_ERR_NO_MEMORY 2
/* The program was compiled for another layout of the object header than this library has. */
#define RC_ERR_ABI 3
/* What was asked for is not available in this build, for this type or for this kind of heap. */
#define RC_ERR_UNSUPPORTED 4
/* Refused while something still uses it: objects of a type live, a heap is collecting. */
#define RC_ERR_IN_USE 5
/* A collection was asked for where none may run: inside a callback of a collection, `traverse`
 * or `clear`. */
#define RC_ERR_REFUSED 6
/* A fixed number is used up: heaps or types in a process, fields of a type, blocks or edges in a
 * session. All of them are in docs/limits.md. */
#define RC_ERR_LIMIT 7
/* A `traverse` reported an edge that the counts do not have; the object was kept alive. */
#define RC_ERR_TRAVERSE 8
/* What was asked has gone by: the heap of a walk, a mark or a session has ended, or objects were
 * made or have died since the session began. */
#define RC_ERR_STALE 9
/* What was to be written could not be: `errno` and the sentence have the system's reason. */
#define RC_ERR_IO 10

/* The name of a status as it is written in C, "RC_ERR_INVALID"; for an unknown number
 * "RC_ERR_UNKNOWN".
 *
 * Ownership: the string is static.
 * Threads: any.
 * Fails: never.
 */
RCGC_API const char *rc_status_name(rc_status status);

RCGC_END_DECLS

#endif /* RCGC_STATUS_H */
