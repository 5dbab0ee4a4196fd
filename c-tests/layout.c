/* The layout of everything that crosses the boundary by value or by pointer, as version 0.1 has it, and
 * that the initialisers fit it. Compiled only (by c-tests/headers.py, as C and as C++): what does not
 * hold is an error. Members are only ever appended: lines are added here, never changed. */
#include <rcgc.h>

#define AT(T, member, bytes) RCGC_STATIC_ASSERT(offsetof(T, member) == (bytes), #T "." #member " has moved")
#define SIZE(T, bytes) RCGC_STATIC_ASSERT(sizeof(T) >= (bytes), #T " has shrunk")

/* gc_heap_options */
AT(gc_heap_options, struct_size, 0);
AT(gc_heap_options, abi_tag, 8);
AT(gc_heap_options, threads, 12);
AT(gc_heap_options, name, 16);
AT(gc_heap_options, finalizers, 24);
AT(gc_heap_options, reserved, 28);
AT(gc_heap_options, range_bytes, 32);
AT(gc_heap_options, check, 40);
AT(gc_heap_options, reserved_2, 44);
SIZE(gc_heap_options, 48);

/* rc_field */
AT(rc_field, name, 0);
AT(rc_field, slot, 8);
AT(rc_field, place, 12);
AT(rc_field, offset, 16);
AT(rc_field, count, 24);
AT(rc_field, stride, 32);
AT(rc_field, payload_offset, 40);
AT(rc_field, tag_offset, 48);
AT(rc_field, tag_bytes, 56);
AT(rc_field, length_offset, 64);
AT(rc_field, length_bytes, 72);
AT(rc_field, mask, 80);
AT(rc_field, value, 88);
AT(rc_field, pointer_mask, 96);
SIZE(rc_field, 104);

/* rc_type_spec */
AT(rc_type_spec, struct_size, 0);
AT(rc_type_spec, name, 8);
AT(rc_type_spec, size, 16);
AT(rc_type_spec, tail_size, 24);
AT(rc_type_spec, flags, 32);
AT(rc_type_spec, reserved, 36);
AT(rc_type_spec, fields, 40);
AT(rc_type_spec, field_count, 48);
AT(rc_type_spec, traverse, 56);
AT(rc_type_spec, clear, 64);
AT(rc_type_spec, finalize, 72);
AT(rc_type_spec, destroy, 80);
AT(rc_type_spec, ctx, 88);
AT(rc_type_spec, traverse_ctx, 96);
AT(rc_type_spec, clear_ctx, 104);
AT(rc_type_spec, finalize_ctx, 112);
AT(rc_type_spec, destroy_ctx, 120);
SIZE(rc_type_spec, 128);

/* gc_policy */
AT(gc_policy, struct_size, 0);
AT(gc_policy, mode, 8);
AT(gc_policy, reserved, 12);
AT(gc_policy, growth, 16);
AT(gc_policy, young_bytes, 24);
AT(gc_policy, pause_budget_ns, 32);
AT(gc_policy, limit_bytes, 40);
AT(gc_policy, full_min_bytes, 48);
AT(gc_policy, near_bytes, 56);
SIZE(gc_policy, 56);

/* gc_generation_stats */
AT(gc_generation_stats, runs, 0);
AT(gc_generation_stats, examined, 8);
AT(gc_generation_stats, reclaimed, 16);
AT(gc_generation_stats, resurrected, 24);
AT(gc_generation_stats, refused, 32);
AT(gc_generation_stats, last_status, 40);
AT(gc_generation_stats, reserved, 44);
AT(gc_generation_stats, pause_ns_total, 48);
AT(gc_generation_stats, pause_ns_max, 56);
AT(gc_generation_stats, pause_ns_last, 64);
AT(gc_generation_stats, pauses, 72);
SIZE(gc_generation_stats, 264);

/* gc_stats */
AT(gc_stats, struct_size, 0);
AT(gc_stats, live_objects, 8);
AT(gc_stats, live_bytes, 16);
AT(gc_stats, external_bytes, 24);
AT(gc_stats, heap_bytes, 32);
AT(gc_stats, heap_bytes_peak, 40);
AT(gc_stats, allocated_objects, 48);
AT(gc_stats, freed_objects, 56);
AT(gc_stats, reclaimed_objects, 64);
AT(gc_stats, full_trigger_bytes, 72);
AT(gc_stats, young_trigger_bytes, 80);
AT(gc_stats, young, 88);
AT(gc_stats, full, 352);
SIZE(gc_stats, 616);

/* rc_site, which hosts fill, and the rows of a profile, which they keep */
AT(rc_site, file, 0);
AT(rc_site, function, 8);
AT(rc_site, line, 16);
AT(rc_site, id, 20);
SIZE(rc_site, 24);
AT(gc_site_stats, struct_size, 0);
AT(gc_site_stats, site, 8);
AT(gc_site_stats, file, 24);
AT(gc_site_stats, allocated_objects, 48);
AT(gc_site_stats, ages, 128);
SIZE(gc_site_stats, 456);
SIZE(gc_profile_options, 56);
SIZE(gc_stack_stats, 80);
SIZE(gc_frame, 40);
SIZE(gc_origin, 56);
SIZE(gc_site_query, 48);
SIZE(gc_site_diff, 80);
SIZE(gc_scope_stats, 96);
SIZE(gc_profile_stats, 128);
SIZE(gc_lines, 32);
SIZE(gc_hold_info, 64);
SIZE(gc_leak_result, 96);
SIZE(gc_text_options, 40);
SIZE(gc_series_options, 24);
SIZE(gc_sample, 104);
SIZE(gc_series_event, 56);
SIZE(gc_watch_spec, 56);

/* The header of an object, and the count's number line (rcgc/inline.h). */
RCGC_STATIC_ASSERT(RCGC_HEADER_BYTES == 8, "the header is 8 bytes");
RCGC_STATIC_ASSERT(RCGC_COUNT_LOCAL_BIT == 1u << 30, "local counts begin at 2^30");
RCGC_STATIC_ASSERT(RCGC_COUNT_ONE_LOCAL == RCGC_COUNT_LOCAL_BIT + 1, "the first count is 1");
RCGC_STATIC_ASSERT(RCGC_COUNT_IMMORTAL == RCGC_COUNT_LOCAL_BIT * 2, "overflow arrives at immortal");
RCGC_STATIC_ASSERT(sizeof(rc_status) == 4, "statuses are 32 bits");

/* rc_static, and what lies before a static constant (rcgc/static.h). */
AT(rc_static, struct_size, 0);
AT(rc_static, object, 8);
AT(rc_static, size, 16);
AT(rc_static, type_name, 24);
AT(rc_static, name, 32);
AT(rc_static, next, 40);
SIZE(rc_static, 48);
#ifdef RC_STATIC
AT(rcgc_static_header, count, 8);
SIZE(rcgc_static_header, 16);
#endif

/* What the steps of scopes work on (rcgc/steps.h). */
#ifndef RCGC_NO_INLINE
AT(rcgc_heap_head, stack, 8);
AT(rcgc_heap_head, last_mark, 16);
AT(rcgc_heap_head, pins, 24);
AT(rcgc_stack, kept, 0);
AT(rcgc_stack, kept_end, 8);
AT(rcgc_stack, kept_base, 16);
AT(rcgc_stack, open, 24);
AT(rcgc_stack, open_end, 32);
AT(rcgc_stack, open_block, 40);
AT(rcgc_open, mark, 0);
AT(rcgc_open, start, 8);
AT(rcgc_open, name, 16);
AT(rcgc_open, state, 24);
SIZE(rcgc_open, 32);
RCGC_STATIC_ASSERT(RCGC_MARK_STEP == 1u << 16, "the heap's number has 16 bits of a mark");
#endif

struct layout_all {
  gc_heap_options options;
  rc_type_spec spec;
  gc_policy policy;
  gc_stats stats;
  gc_profile_options profile_options;
  gc_profile_stats profile_stats;
  gc_origin origin;
  gc_site_query site_query;
  gc_scope_stats scope_stats;
  gc_leak_result leak_result;
  gc_text_options text_options;
  gc_series_options series_options;
  gc_watch_spec watch_spec;
};
extern const struct layout_all layout_all;
const struct layout_all layout_all = {
    GC_HEAP_OPTIONS_INIT,
    RC_TYPE_SPEC_INIT,
    GC_POLICY_INIT,
    GC_STATS_INIT,
    GC_PROFILE_OPTIONS_INIT,
    GC_PROFILE_STATS_INIT,
    GC_ORIGIN_INIT,
    GC_SITE_QUERY_INIT,
    GC_SCOPE_STATS_INIT,
    GC_LEAK_RESULT_INIT,
    GC_TEXT_OPTIONS_INIT,
    GC_SERIES_OPTIONS_INIT,
    GC_WATCH_SPEC_INIT,
};

/* Every kind of field, as a constant initialiser. */
struct layout_pair {
  uint8_t tag;
  void *payload;
};
struct layout_node {
  struct layout_node *one, *many[3];
  struct layout_node **vector;
  uint32_t length;
  uint64_t word, words[2], *word_vector;
  uint8_t tag;
  void *payload;
  struct layout_pair pairs[2], *pair_vector;
};
struct layout_tail {
  struct layout_tail *first;
  struct layout_pair tail[1];
};
extern const rc_field layout_fields[];
const rc_field layout_fields[] = {
    RC_FIELD(struct layout_node, one),
    RC_FIELD_ARRAY(struct layout_node, many),
    RC_FIELD_VECTOR(struct layout_node, vector, length),
    RC_FIELD_TAGGED(struct layout_node, word, 7, 1, ~7ull),
    RC_FIELD_TAGGED_ARRAY(struct layout_node, words, 7, 1, ~7ull),
    RC_FIELD_TAGGED_VECTOR(struct layout_node, word_vector, length, 7, 1, ~7ull),
    RC_FIELD_VARIANT(struct layout_node, payload, tag, 0xff, 4),
    RC_FIELD_VARIANT_ARRAY(struct layout_node, pairs, payload, tag, 0xff, 4),
    RC_FIELD_VARIANT_VECTOR(struct layout_node, pair_vector, length, payload, tag, 0xff, 4),
    RC_FIELD_VARIANT_TAIL(struct layout_tail, tail, payload, tag, 0xff, 4),
};
