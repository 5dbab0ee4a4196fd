/* rcgc/core.h: what a host needs to count and to collect. The model, the conventions and what a host
 * owes are on the first page, rcgc.h.
 *
 *   rcgc/config.h     versions, platforms, attributes     rcgc/inline.h     counts, inline
 *   rcgc/status.h     results                             rcgc/count.h      counts, exported (RCGC_NO_INLINE)
 *   rcgc/heap.h       heaps, log and fatal hooks          rcgc/collector.h  collections, policy, statistics
 *   rcgc/type.h       types and their callbacks           rcgc/weak.h       weak handles
 *   rcgc/fields.h     the RC_FIELD macros                 rcgc/weakmap.h    ephemeron tables
 *   rcgc/object.h     making objects, asking about them   rcgc/scope.h      scopes
 *   rcgc/static.h     static constants in slots           rcgc/steps.h      their steps, inline
 *   rcgc/slices.h     collections in slices
 *   rcgc/memory.h     memory pressure                     rcgc/auto.h       RC_SCOPE and RC_AUTO
 *   rcgc/foreign.h    objects with counts of their own
 *
 * Labels of a function that are not said: "Ownership: nothing", "Threads: the heap's", "May collect:
 * no", "Runs host code: no".
 */
#ifndef RCGC_CORE_H
#define RCGC_CORE_H

#include <rcgc/config.h>
#include <rcgc/status.h>
#include <rcgc/heap.h>
#include <rcgc/type.h>
#include <rcgc/fields.h>
#include <rcgc/object.h>
#include <rcgc/inline.h>
#include <rcgc/count.h>
#include <rcgc/collector.h>
#include <rcgc/slices.h>
#include <rcgc/memory.h>
#include <rcgc/foreign.h>
#include <rcgc/weak.h>
#include <rcgc/weakmap.h>
#include <rcgc/scope.h>
#include <rcgc/static.h>
#include <rcgc/steps.h>
#include <rcgc/auto.h>

#endif /* RCGC_CORE_H */
