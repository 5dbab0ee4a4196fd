/* rcgc_fork.c: four million live nodes of W6, all in a root table; fork; a full collection in the child.
 *
 *     copied      part of the pages under objects that the child's collection made the child copy, in
 *                 percent; goal: at most 1
 *     private     what the child has for itself in the end, beyond what it had before its collection, in
 *                 percent of the objects' bytes
 *     growth      the same at the worst moment: pages copied, and pages new to the child; goal: at most 20
 *     collect     ns a node in the child, and `before` in the parent, before the fork
 *     garbage     as `copied`, with 1 % of the nodes in dead rings of 2 that the child's collection ends:
 *                 their pages are the child's own. Without a goal: who forks collects before
 *
 * A page is the child's own when smaps counts it as private; before its collection all are shared with the
 * parent, which waits. Fails unless that is so, and unless writing to a thousand pages, each on its own,
 * shows as at least a thousand pages: what is measured can be seen.
 */
#include "../micro/live.h"

#include <sys/wait.h>

enum { COUNT = 4 * 1000 * 1000, WRITTEN = 1000, RINGS = COUNT / 200 };

typedef struct Span {
  uintptr_t start, end;
} Span;

static double page_bytes;

/* Private bytes of the mappings that lie in the span, whole pages. */
static double private_bytes(Span span) {
  FILE *file = fopen("/proc/self/smaps", "r");
  char line[512];
  bool inside = false;
  double kilobytes = 0;
  if (file == NULL) bench_fail("cannot read /proc/self/smaps");
  while (fgets(line, sizeof line, file) != NULL) {
    uintptr_t start, end;
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) == 2)
      inside = start < span.end && span.start < end;
    else if (inside && strncmp(line, "Private_", 8) == 0)
      kilobytes += strtod(strchr(line, ':') + 1, NULL);
  }
  fclose(file);
  return kilobytes * 1024;
}

static Span span_of(Node **table, size_t count) {
  Span span = {UINTPTR_MAX, 0};
  for (size_t i = 0; i < count; i++) {
    uintptr_t address = (uintptr_t)table[i];
    if (address < span.start) span.start = address;
    if (address + sizeof(Node) > span.end) span.end = address + sizeof(Node);
  }
  return span;
}

/* In the child: a few writes must be seen. */
static void see_writes(Node **table, Span span) {
  double before = private_bytes(span);
  for (size_t i = 0; i < WRITTEN; i++) table[i * (COUNT / WRITTEN)]->value++;
  double pages = (private_bytes(span) - before) / page_bytes;
  if (pages < WRITTEN) bench_fail("%d pages were written to, %g were seen", WRITTEN, pages);
}

static double percent(double part, double whole) {
  return 100 * part / whole;
}

static void child(Node **table, Span span, size_t dead) {
  double objects = (double)heap_stats(bench_heap).live_bytes;
  double pages = (double)(span.end - span.start), shared = private_bytes(span);
  if (percent(shared, pages) > 0.1) bench_fail("%g %% of the pages were not shared", percent(shared, pages));
  bench_reset_peak();
  double resident = bench_resident_bytes(), private = bench_private_dirty_bytes();
  uint64_t start_ns = bench_now_ns();
  collect_exactly(bench_heap, dead);
  double each_ns = (double)(bench_now_ns() - start_ns) / COUNT;
  double new_pages = bench_peak_bytes() - resident, copied = private_bytes(span) - shared;
  double kept = bench_private_dirty_bytes() - private;
  if (dead != 0) {
    bench_report("garbage", percent(copied, pages), "%");
    return;
  }
  bench_report("copied", percent(copied, pages), "%");
  bench_report("private", percent(kept, objects), "%");
  bench_report("growth", percent(new_pages + kept, objects), "%");
  bench_report("collect", each_ns, "ns");
  see_writes(table, span);
}

static void in_a_child(Node **table, Span span, size_t dead) {
  int status;
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) bench_fail("cannot fork");
  if (pid == 0) {
    child(table, span, dead);
    fflush(stdout);
    _exit(0);
  }
  if (waitpid(pid, &status, 0) != pid || status != 0) bench_fail("the child failed");
}

int main(void) {
  page_bytes = (double)sysconf(_SC_PAGESIZE);
  bench_pin();
  bench_open();
  gc_disable(bench_heap);
  Node **table = bench_table(COUNT, sizeof *table);
  make_nodes(node_type, table, COUNT);
  make_random_edges(table, COUNT);
  uint64_t start_ns = bench_now_ns();
  collect_exactly(bench_heap, 0);
  bench_report("before", (double)(bench_now_ns() - start_ns) / COUNT, "ns");
  Span span = span_of(table, COUNT);
  in_a_child(table, span, 0);
  for (size_t i = 0; i < RINGS; i++) {
    Node *first = node_new(), *second = node_new();
    first->left = second;
    second->left = first;
  }
  in_a_child(table, span, 2 * RINGS);
  return 0;
}
