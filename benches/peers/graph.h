/* graph.h: W12 for peers in C: the graph of `make demo`, held 32 times, with churn.
 *
 * A crate has a name, a version, and its edges at both ends: what it needs and what needs it are two growing
 * buffers of owned references, so every edge is a ring. A round drops a random graph and builds it anew from
 * a plan, asks which crate is needed most and how long the longest chain is, replaces a tenth of the crates
 * by a new version of the same name, and asks again.
 *
 * Included before workloads.h by a peer which has defined Text, the type of a text object, and what a crate
 * and a graph begin with, if anything: CRATE_HEAD and GRAPH_HEAD. It then defines the functions declared
 * below:
 *
 *     text_keep, crate_keep   one reference more
 *     crate_new, graph_new    all zeros but the head
 *     crate_put               puts an owned reference into a slot, releasing what was there
 *     crate_replaced          a crate to which nothing in its graph refers any more: dead, if it is counted
 *     graph_drop              releases a graph with all that is in it
 */
#ifndef RCGC_PEERS_GRAPH_H
#define RCGC_PEERS_GRAPH_H

#include "plan.h"

typedef struct Crate Crate;

typedef struct Crates {
  Crate **items; /* owned */
  uint32_t used, room;
} Crates;

struct Crate {
  CRATE_HEAD
  Text *name, *version; /* owned */
  Crates needs, needed_by;
  uint32_t index;
};

typedef struct Graph {
  GRAPH_HEAD
  Crate *crates[CRATES]; /* owned */
} Graph;

static Text *text_new(const char *bytes, size_t length);
static Text *text_keep(Text *text);
static const char *text_bytes(const Text *text);
static size_t text_length(const Text *text);
static Crate *crate_new(void);
static Crate *crate_keep(Crate *crate);
static void crate_put(Crate **slot, Crate *owned);
static void crate_replaced(Crate *crate);
static Graph *graph_new(void);
static void graph_drop(Graph *graph);
static void *buffer_grow(void *buffer, size_t bytes_before, size_t bytes);

/* Takes the reference. */
static void crates_push(Crates *crates, Crate *owned) {
  if (crates->used == crates->room) {
    uint32_t room = crates->room == 0 ? 4 : 2 * crates->room;
    crates->items = buffer_grow(crates->items, crates->room * sizeof(Crate *), room * sizeof(Crate *));
    if (crates->items == NULL) bench_fail("no memory for a buffer");
    crates->room = room;
  }
  crates->items[crates->used] = owned;
  crates->used++;
}

static void crates_replace(Crates *crates, const Crate *before, Crate *after) {
  for (uint32_t i = 0; i < crates->used; i++)
    if (crates->items[i] == before) {
      crate_put(&crates->items[i], crate_keep(after));
      return;
    }
  bench_fail("an edge has only one end");
}

/* Takes the name; makes the version. */
static Crate *crate_make(Text *name, const PlannedText *version, uint32_t index) {
  Crate *crate = crate_new();
  crate->name = name;
  crate->version = text_new(version->bytes, version->length);
  crate->index = index;
  return crate;
}

static Graph *graph_build(const Plan *plan) {
  Graph *graph = graph_new();
  for (uint32_t i = 0; i < CRATES; i++) {
    const PlannedCrate *planned = &plan->crates[i];
    Text *name = text_new(planned->name.bytes, planned->name.length);
    Crate *crate = crate_make(name, &planned->version, i);
    graph->crates[i] = crate;
    for (uint32_t j = 0; j < planned->need_count; j++) {
      Crate *needed = graph->crates[planned->needs[j]];
      crates_push(&crate->needs, crate_keep(needed));
      crates_push(&needed->needed_by, crate_keep(crate));
    }
  }
  return graph;
}

static uint64_t graph_query(const Graph *graph) {
  uint32_t lengths[CRATES], longest = 0;
  const Crate *most = graph->crates[0];
  for (uint32_t i = 0; i < CRATES; i++) {
    const Crate *crate = graph->crates[i];
    if (crate->needed_by.used > most->needed_by.used) most = crate;
    lengths[i] = 1;
    for (uint32_t j = 0; j < crate->needs.used; j++) {
      uint32_t length = 1 + lengths[crate->needs.items[j]->index];
      if (length > lengths[i]) lengths[i] = length;
    }
    if (lengths[i] > longest) longest = lengths[i];
  }
  return most->needed_by.used * 7 + longest + text_sum(text_bytes(most->name), text_length(most->name)) +
         text_sum(text_bytes(most->version), text_length(most->version));
}

/* A new version of a crate takes over its edges, at both ends. */
static void graph_update(Graph *graph, const PlannedUpdate *update) {
  Crate *before = graph->crates[update->crate];
  Crate *after = crate_make(text_keep(before->name), &update->version, update->crate);
  for (uint32_t i = 0; i < before->needs.used; i++) {
    Crate *needed = before->needs.items[i];
    crates_push(&after->needs, crate_keep(needed));
    crates_replace(&needed->needed_by, before, after);
  }
  for (uint32_t i = 0; i < before->needed_by.used; i++) {
    Crate *user = before->needed_by.items[i];
    crates_push(&after->needed_by, crate_keep(user));
    crates_replace(&user->needs, before, after);
  }
  crate_put(&graph->crates[update->crate], after);
  crate_replaced(before);
}

static int graph_with_churn(void) {
  const Plan *plans = plans_new();
#ifdef PEER_TABLE_NEW
  Graph **graphs = PEER_TABLE_NEW(GRAPHS, sizeof *graphs);
#else
  Graph **graphs = bench_table(GRAPHS, sizeof *graphs);
#endif
  uint64_t longest_ns = 0, sum = 0;
  for (uint32_t i = 0; i < GRAPHS; i++) graphs[i] = graph_build(&plans[i % PLANS]);
  uint64_t start_ns = bench_now_ns(), last_ns = start_ns;
  for (uint32_t round = 0; round < ROUNDS; round++) {
    const Plan *plan = &plans[round % PLANS];
    Graph **slot = &graphs[plan_below(GRAPHS)];
    graph_drop(*slot);
    *slot = NULL;
    *slot = graph_build(plan);
    sum = sum_with(sum, graph_query(*slot));
    for (uint32_t i = 0; i < UPDATES; i++) graph_update(*slot, &plan->updates[i]);
    sum = sum_with(sum, graph_query(*slot));
    uint64_t now_ns = bench_now_ns();
    if (now_ns - last_ns > longest_ns) longest_ns = now_ns - last_ns;
    last_ns = now_ns;
  }
  report_rounds(start_ns, longest_ns, sum);
  return 0;
}

#endif /* RCGC_PEERS_GRAPH_H */
