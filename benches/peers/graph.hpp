// graph.hpp: W12 for peers in C++; graph.h says what a round does. With std::shared_ptr what needs a crate is held weakly, or
// nothing would ever die; a peer that finds rings brings types of its own, and says PEER_GRAPH_TYPES.
#ifndef RCGC_PEERS_GRAPH_HPP
#define RCGC_PEERS_GRAPH_HPP

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "plan.h"

#ifndef PEER_GRAPH_TYPES

struct Crate {
  std::shared_ptr<const std::string> name, version;
  std::vector<std::shared_ptr<Crate>> needs;
  std::vector<std::weak_ptr<Crate>> needed_by;
  uint32_t index;
};

using CratePointer = std::shared_ptr<Crate>;
using BackPointer = std::weak_ptr<Crate>;
using TextPointer = std::shared_ptr<const std::string>;

static TextPointer text_make(const char *bytes, size_t length) {
  return std::make_shared<const std::string>(bytes, length);
}

static CratePointer crate_make() {
  return std::make_shared<Crate>();
}

static CratePointer crate_of(const BackPointer &back) {
  return back.lock();
}

static bool is_same(const CratePointer &edge, const CratePointer &crate) {
  return edge == crate;
}

static bool is_same(const std::weak_ptr<Crate> &edge, const CratePointer &crate) {
  return !edge.owner_before(crate) && !crate.owner_before(edge);
}

#endif

using Graph = std::vector<CratePointer>;

static TextPointer text_new(const PlannedText &planned) {
  return text_make(planned.bytes, planned.length);
}

static CratePointer crate_new(TextPointer name, const PlannedText &version, uint32_t index) {
  auto crate = crate_make();
  crate->name = std::move(name);
  crate->version = text_new(version);
  crate->index = index;
  return crate;
}

static Graph graph_build(const Plan &plan) {
  Graph graph;
  graph.reserve(CRATES);
  for (uint32_t i = 0; i < CRATES; i++) {
    const PlannedCrate &planned = plan.crates[i];
    CratePointer crate = crate_new(text_new(planned.name), planned.version, i);
    for (uint32_t j = 0; j < planned.need_count; j++) {
      const CratePointer &needed = graph[planned.needs[j]];
      crate->needs.push_back(needed);
      needed->needed_by.push_back(crate);
    }
    graph.push_back(std::move(crate));
  }
  return graph;
}

static uint64_t graph_query(const Graph &graph) {
  uint32_t lengths[CRATES], longest = 0;
  const Crate *most = graph[0].get();
  for (uint32_t i = 0; i < CRATES; i++) {
    const Crate &crate = *graph[i];
    if (crate.needed_by.size() > most->needed_by.size()) most = &crate;
    lengths[i] = 1;
    for (const CratePointer &needed : crate.needs)
      lengths[i] = std::max(lengths[i], 1 + lengths[needed->index]);
    longest = std::max(longest, lengths[i]);
  }
  return most->needed_by.size() * 7 + longest + text_sum(most->name->data(), most->name->size()) +
         text_sum(most->version->data(), most->version->size());
}

template <typename Edges>
static void replace(Edges &edges, const CratePointer &before, const CratePointer &after) {
  for (auto &edge : edges)
    if (is_same(edge, before)) {
      edge = after;
      return;
    }
  bench_fail("an edge has only one end");
}

static void graph_update(Graph &graph, const PlannedUpdate &update) {
  CratePointer before = graph[update.crate];
  CratePointer after = crate_new(before->name, update.version, update.crate);
  for (const CratePointer &needed : before->needs) {
    after->needs.push_back(needed);
    replace(needed->needed_by, before, after);
  }
  for (const BackPointer &back : before->needed_by) {
    CratePointer user = crate_of(back);
    if (!user) bench_fail("a crate in use is dead");
    after->needed_by.push_back(user);
    replace(user->needs, before, after);
  }
  graph[update.crate] = std::move(after);
}

static int graph_with_churn() {
  const Plan *plans = plans_new();
  std::vector<Graph> graphs;
  uint64_t longest_ns = 0, sum = 0;
  for (uint32_t i = 0; i < GRAPHS; i++) graphs.push_back(graph_build(plans[i % PLANS]));
  uint64_t start_ns = bench_now_ns(), last_ns = start_ns;
  for (uint32_t round = 0; round < ROUNDS; round++) {
    const Plan &plan = plans[round % PLANS];
    Graph &graph = graphs[plan_below(GRAPHS)];
    graph = Graph();
    graph = graph_build(plan);
    sum = sum_with(sum, graph_query(graph));
    for (const PlannedUpdate &update : plan.updates) graph_update(graph, update);
    sum = sum_with(sum, graph_query(graph));
    uint64_t now_ns = bench_now_ns();
    longest_ns = std::max(longest_ns, now_ns - last_ns);
    last_ns = now_ns;
  }
  report_rounds(start_ns, longest_ns, sum);
  return 0;
}

#endif  // RCGC_PEERS_GRAPH_HPP
