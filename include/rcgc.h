/* rcgc.h: reference counting and cycle detection for C programs and language runtimes.
 *
 * THE MODEL, on one page
 *
 *   A heap owns objects. An object is a block of the host's struct, reached by an ordinary pointer
 *   to that struct; its header sits in the bytes before it and hosts never declare it. Each object
 *   has a type, which says how big it is and where its references are. References are counted; when
 *   the count reaches zero the object dies at once, whatever the depth of what hangs from it,
 *   without recursion. Objects that reach each other in a ring are found by the collector, which
 *   runs by itself and on request.
 *
 *     typedef struct Node { struct Node *parent, *child; long value; } Node;
 *     static const rc_field node_fields[] = { RC_FIELD(Node, parent), RC_FIELD(Node, child) };
 *
 *     rc_type_spec spec = RC_TYPE_SPEC_INIT;
 *     spec.name = "Node", spec.size = sizeof(Node);
 *     spec.fields = node_fields, spec.field_count = RC_COUNT_OF(node_fields);
 *     rc_type *node_type;
 *     if (rc_type_new(NULL, &spec, &node_type) != RC_OK) ...       // null heap: the default heap
 *
 *     Node *a = rc_new(node_type), *b = rc_new(node_type);        // count 1 each, zeroed
 *     rc_setref(&a->child, rc_newref(b));                         // a owns b
 *     rc_setref(&b->parent, rc_newref(a));                        // b owns a: a ring
 *     rc_decref(a), rc_decref(b);                                 // nothing outside refers to them now
 *     size_t ended = gc_collect(NULL);                            // 2
 *
 * CONVENTIONS
 *
 *   - rc_ is for objects, types and counts; gc_ for heaps and the collector. Null as heap means the
 *     default heap. Object parameters must not be null unless the name has an x (rc_xincref).
 *   - Results are rc_status; outputs go through out_ parameters, written only with RC_OK.
 *     Allocation returns a pointer, or null for out of memory: then nothing was allocated and every
 *     live object is as it was.
 *   - Structs that the host fills begin with struct_size and have an _INIT macro; zero in a field
 *     means the default.
 *   - Misuse that can corrupt memory calls the fatal hook (gc_set_fatal) with one line, then
 *     aborts. Misuse that cannot is a status, and gc_error_message says what and where.
 *   - errno: a call that succeeds leaves it as it was, whatever callbacks of the host ran in it. With
 *     RC_ERR_IO it has the reason; what it has after another failure is not said.
 *   - Threads: a heap is serialised by its host, as under a global lock. Different heaps are
 *     independent. A child of fork may use and free every heap that no other thread was in.
 *   - The comment of every function says how it fails, and in four more labels what differs from
 *     this: "Ownership: nothing" changes hands; "Threads: the heap's", which is whatever thread its
 *     host lets in; "May collect: no"; "Runs host code: no".
 *
 * WHAT THE HOST OWES at every call labelled "May collect: yes" (by default rc_new and rc_new_array)
 *
 *   - Each tracked object is walkable: slots are null, owned, or a static constant (rcgc/static.h), up to
 *     the stated length; set the payload before the tag, the buffer before the length; one owned
 *     reference in one slot.
 *   - A borrowed pointer survives the call only if something held from outside holds its object.
 *
 * HEADERS
 *
 *   rcgc/core.h has what a host needs to count and to collect, rcgc/tools.h adds what looks into
 *   heaps and profiles them; this header is both.
 */
#ifndef RCGC_H
#define RCGC_H

#include <rcgc/core.h>
#include <rcgc/tools.h>

#endif /* RCGC_H */
