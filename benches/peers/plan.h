/* plan.h: what the graphs of W12 are built from, made before anything is measured: names, versions, edges,
 * and which crates are replaced. For C and C++; rust/src/graph.rs, orc.nim and zend.php make the same plans,
 * by the same numbers: MINSTD, which needs no more than 64 bits anywhere.
 */
#ifndef RCGC_PEERS_PLAN_H
#define RCGC_PEERS_PLAN_H

enum { CRATES = 1000, NEEDS_MAX = 7, UPDATES = CRATES / 10, PLANS = 8, GRAPHS = 32, ROUNDS = 1500 };

typedef struct PlannedText {
  uint32_t length;
  char bytes[20];
} PlannedText;

typedef struct PlannedCrate {
  PlannedText name, version;
  uint32_t need_count;
  uint32_t needs[NEEDS_MAX]; /* of crates before it */
} PlannedCrate;

typedef struct PlannedUpdate {
  uint32_t crate;
  PlannedText version;
} PlannedUpdate;

typedef struct Plan {
  PlannedCrate crates[CRATES];
  PlannedUpdate updates[UPDATES];
} Plan;

static uint64_t plan_state = 12345;

static uint32_t plan_below(uint32_t limit) {
  plan_state = plan_state * 48271 % 2147483647;
  return (uint32_t)(plan_state % limit);
}

static void plan_name(PlannedText *text) {
  text->length = 4 + plan_below(13);
  for (uint32_t i = 0; i < text->length; i++) text->bytes[i] = (char)('a' + plan_below(26));
}

static void plan_version(PlannedText *text) {
  unsigned major = plan_below(10), minor = plan_below(40), patch = plan_below(20);
  int length = snprintf(text->bytes, sizeof text->bytes, "%u.%u.%u", major % 10, minor % 40, patch % 20);
  text->length = (uint32_t)length;
}

/* Crates with low numbers are needed most, as in life. */
static void plan_make(Plan *plan) {
  for (uint32_t i = 0; i < CRATES; i++) {
    PlannedCrate *crate = &plan->crates[i];
    plan_name(&crate->name);
    plan_version(&crate->version);
    crate->need_count = plan_below(NEEDS_MAX + 1);
    if (i == 0) crate->need_count = 0;
    for (uint32_t j = 0; j < crate->need_count; j++) crate->needs[j] = plan_below(1 + plan_below(i));
  }
  for (uint32_t i = 0; i < UPDATES; i++) {
    plan->updates[i].crate = plan_below(CRATES);
    plan_version(&plan->updates[i].version);
  }
}

static const Plan *plans_new(void) {
  Plan *plans = (Plan *)bench_table(PLANS, sizeof(Plan));
  for (size_t i = 0; i < PLANS; i++) plan_make(&plans[i]);
  return plans;
}

static uint32_t text_sum(const char *bytes, size_t length) {
  uint32_t sum = 0;
  for (size_t i = 0; i < length; i++) sum += (unsigned char)bytes[i];
  return sum;
}

/* What a query found goes into one number, so that all peers can be seen to have found the same. */
static uint64_t sum_with(uint64_t sum, uint64_t found) {
  return (sum * 31 + found) % 1000003;
}

static void report_rounds(uint64_t start_ns, uint64_t longest_ns, uint64_t sum) {
  bench_report_each("crate", start_ns, (double)ROUNDS * CRATES);
  bench_report("longest", (double)longest_ns, "ns");
  bench_report("peak", bench_peak_bytes(), "bytes");
  bench_report("checksum", (double)sum, "sum");
}

#endif /* RCGC_PEERS_PLAN_H */
