/* rcgc/tools.h: what looks into heaps and profiles them, for hosts that want it; rcgc/core.h is enough
 * to count and to collect.
 *
 *   rcgc/inspect.h    walks, facts, types, growth         rcgc/profile.h    who allocates what
 *   rcgc/query.h      edges, paths, what keeps an object  rcgc/stacks.h     call stacks of samples
 *   rcgc/rings.h      rings by shape, checking a heap     rcgc/lines.h      line tables, a profile as text
 *   rcgc/dump.h       a heap as a file, for the tool      rcgc/site.h       RC_NEW: rc_new with its place
 *   rcgc/leak.h       what is held too long               rcgc/series.h     numbers over time, limits
 *   rcgc/plan.h       what is written at the end, at a limit, at a signal
 *
 * Labels of a function that are not said: "Ownership: nothing", "Threads: the heap's", "May collect:
 * no", "Runs host code: no".
 */
#ifndef RCGC_TOOLS_H
#define RCGC_TOOLS_H

#include <rcgc/core.h>
#include <rcgc/inspect.h>
#include <rcgc/query.h>
#include <rcgc/rings.h>
#include <rcgc/dump.h>
#include <rcgc/profile.h>
#include <rcgc/stacks.h>
#include <rcgc/lines.h>
#include <rcgc/leak.h>
#include <rcgc/plan.h>
#include <rcgc/series.h>
#include <rcgc/site.h>

#endif /* RCGC_TOOLS_H */
