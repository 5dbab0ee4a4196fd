/* The same of the calls that look into heaps (misuse.h): profiles, dumps, leaks, series, stacks, plans; and structs of theirs
 * that the host did not initialise. */
#include "misuse.h"

static uint32_t any_number;

static void dump_with(void *arg) {
  give_status(gc_dump(NULL, arg, NULL));
}

static void dump_result_to(void *arg) {
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.write = heap_dump_write, options.flags = arg ? 0 : GC_DUMP_FORK;
  give_status(gc_dump(NULL, &options, arg));
}

static void profile_from(void *arg) {
  give_status(gc_profile_start(NULL, arg));
}

static void profile_twice(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, arg), RC_OK);
  give_status(gc_profile_start(NULL, arg));
}

static void profile_totals(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  give_status(gc_profile_get(NULL, arg));
}

static void profile_rows(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  if (gc_profile_sites(NULL, arg, NULL, 0) == 0) give("0");
}

static void profile_rows_of_no_size(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  if (gc_profile_sites(NULL, NULL, arg, 1) == 0) give("0");
}

static void profile_compare_null(void *arg) {
  if (gc_profile_compare(arg, 3, NULL, 0, NULL, 0) == 0) give("0");
}

static void profile_scopes_of_no_size(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  rc_scope_mark mark = rc_scope_enter_named(NULL, "measured");
  CHECK_EQ(rc_scope_leave(NULL, mark), RC_OK);
  if (gc_profile_scopes(NULL, arg, 1) == 0) give("0");
}

static void scope_of_any_mark(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  give_status(gc_scope_get(NULL, 77, arg));
}

static void clean_scope_of_any_mark(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, arg), RC_OK);
  give_status(gc_scope_expect_clean(NULL, 77));
}

static void site_of_unprofiled(void *arg) {
  gc_origin origin = GC_ORIGIN_INIT;
  give_status(gc_object_site(arg, &origin));
}

static void leak_check_of_nothing(void *arg) {
  gc_leak_result result = GC_LEAK_RESULT_INIT;
  give_status(gc_leak_check(NULL, NULL, arg, 0, 1, &result));
}

static void leak_check_without_runs(void *arg) {
  gc_leak_result result = GC_LEAK_RESULT_INIT;
  give_status(gc_leak_check(NULL, no_run, arg, 1, 0, &result));
}

static void leak_check_into(void *arg) {
  give_status(gc_leak_check(NULL, no_run, NULL, 0, 1, arg));
}

static void release_hold_twice(void *arg) {
  gc_hold hold = gc_hold_at(arg, "tested", NULL);
  CHECK_EQ(gc_release_hold(hold, NULL), RC_OK);
  give_status(gc_release_hold(hold, NULL));
}

static void release_any_hold(void *arg) {
  (void)arg;
  give_status(gc_release_hold(4711, NULL));
}

static void release_no_hold(void *arg) {
  (void)arg;
  give_status(gc_release_hold(GC_HOLD_NONE, NULL));
}

static void line_of_nothing(void *arg) {
  static rc_site site = {"f.c", "f", 1, 0};
  gc_line(arg, &site);
}

/* Structs that the host keeps and did not initialise: `arg` is what their memory holds, or the id alone. */
static rc_site site_with(void *arg) {
  rc_site site = {"f.c", "f", 1, (uint32_t)(uintptr_t)arg};
  return site;
}

static void new_at_site(void *arg) {
  static rc_site site;
  site = site_with(arg);
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  rc_type *type = graph_declared(NULL);
  for (int i = 0; i < 3; i++) rc_decref(rc_new_at(type, &site));
}

static void new_array_at_site(void *arg) {
  static rc_site site;
  site = site_with(arg);
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Text", spec.size = 8, spec.tail_size = 1;
  rc_decref(rc_new_array_at(graph_type(NULL, &spec), 5, &site));
}

static void hold_at_site(void *arg) {
  static rc_site site;
  site = site_with(arg);
  CHECK(gc_hold_at(graph_node(graph_declared(NULL), 1), "tested", &site) != GC_HOLD_NONE);
}

static void release_at_site(void *arg) {
  static rc_site site;
  site = site_with(arg);
  (void)gc_release_hold(gc_hold_at(graph_node(graph_declared(NULL), 1), "tested", NULL), &site);
}

static void line_at_site(void *arg) {
  static rc_site good = {"f.c", "f", 1, 0}, site;
  site = site_with(arg);
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  gc_lines lines = gc_lines_begin(NULL, &good);
  gc_line(&lines, &site);
}

static void lines_begun_at_site(void *arg) {
  static rc_site site;
  site = site_with(arg);
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  gc_lines lines = gc_lines_begin(NULL, &site);
  (void)lines;
}

static rc_site frame_site;

static size_t bad_frame(const rc_site **out_frames, size_t room, void *ctx) {
  (void)ctx;
  if (room == 0) return 0;
  *out_frames = &frame_site;
  return 1;
}

static void frame_at_site(void *arg) {
  frame_site = site_with(arg);
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = GC_PROFILE_STACKS, options.sample_bytes = 1, options.frames = bad_frame;
  CHECK_EQ(gc_profile_start(NULL, &options), RC_OK);
  rc_decref(graph_node(graph_declared(NULL), 1));
}

static void line_not_begun(void *arg) {
  static rc_site site = {"f.c", "f", 1, 0};
  gc_lines lines;
  memset(&lines, (int)(uintptr_t)arg, sizeof lines);
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  gc_line(&lines, &site);
}

static void walk_not_begun(void *arg) {
  gc_iter iter;
  void *obj = NULL;
  memset(&iter, (int)(uintptr_t)arg, sizeof iter);
  give_status(gc_iter_next(&iter, &obj));
}

static void walk_not_begun_ends(void *arg) {
  gc_iter iter;
  memset(&iter, (int)(uintptr_t)arg, sizeof iter);
  give_status(gc_iter_end(&iter));
}

static void table_of_memory_that_was_not_initialised(void) {
  static const struct {
    const char *kind;
    uint32_t id;
  } ids[] = {{"small", 7}, {"a million", 1000000}, {"2^31", 1u << 31}, {"half a pointer", 0x55555555}, {"half a stack pointer", 0x7ffd},
             {"0xa5a5a5a5", 0xa5a5a5a5u}, {"0xcdcdcdcd", 0xcdcdcdcdu}, {"0xdeadbeef", 0xdeadbeefu}, {"all ones", UINT32_MAX}};
  const victim sites[] = {
      {"rc_new_at(site)", new_at_site, NULL},       {"rc_new_array_at(site)", new_array_at_site, NULL},
      {"gc_hold_at(site)", hold_at_site, NULL},     {"gc_release_hold(site)", release_at_site, NULL},
      {"gc_line(site)", line_at_site, NULL},        {"gc_lines_begin(site)", lines_begun_at_site, NULL},
      {"gc_profile_start(options.frames)", frame_at_site, NULL},
  };
  begin_table("Ids of sites that were not initialised");
  for (size_t i = 0; i < RC_COUNT_OF(sites); i++)
    for (size_t j = 0; j < RC_COUNT_OF(ids); j++)
      expect(&sites[i], ids[j].kind, (void *)(uintptr_t)ids[j].id, "was not initialised", NULL);
  end_table();
  const victim line = {"gc_line(lines)", line_not_begun, NULL};
  const victim next = {"gc_iter_next(iter)", walk_not_begun, NULL}, end = {"gc_iter_end(iter)", walk_not_begun_ends, NULL};
  begin_table("Other memory that was not initialised");
  for (size_t j = 0; j < 3; j++) {
    static const struct {
      const char *kind;
      uintptr_t byte;
    } bytes[] = {{"bytes 0x55", 0x55}, {"bytes 0xa5", 0xa5}, {"bytes 0xff", 0xff}};
    expect(&line, bytes[j].kind, (void *)bytes[j].byte, "no heap", NULL);
    expect(&next, bytes[j].kind, (void *)bytes[j].byte, NULL, "RC_ERR_INVALID");
    expect(&end, bytes[j].kind, (void *)bytes[j].byte, NULL, "RC_ERR_INVALID");
  }
  end_table();
}

static void profile_write_with(void *arg) {
  CHECK_EQ(gc_profile_start(NULL, NULL), RC_OK);
  give_status(gc_profile_write(NULL, arg));
}

static void series_from(void *arg) {
  give_status(gc_series_start(NULL, arg));
}

static void samples_of_no_size(void *arg) {
  CHECK_EQ(gc_series_start(NULL, NULL), RC_OK);
  if (gc_series_samples(NULL, 0, arg, 1, NULL) == 0) give("0");
}

static void events_of_no_size(void *arg) {
  CHECK_EQ(gc_series_start(NULL, NULL), RC_OK);
  (void)gc_collect(NULL);
  if (gc_series_events(NULL, 0, arg, 1, NULL) == 0) give("0");
}

static void watch_from(void *arg) {
  uint32_t watch;
  give_status(gc_watch(NULL, arg, &watch));
}

static void watch_of_a_type(void *arg) {
  gc_watch_spec spec = GC_WATCH_SPEC_INIT;
  spec.metric = GC_WATCH_TYPE_OBJECTS, spec.type = arg;
  watch_from(&spec);
}

static void sample_stacks(void) {
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = GC_PROFILE_STACKS, options.sample_bytes = 1;
  CHECK_EQ(gc_profile_start(NULL, &options), RC_OK);
}

static void stacks_of_no_size(void *arg) {
  sample_stacks();
  rc_decref(graph_node(graph_declared(NULL), 1));
  if (gc_profile_stacks(NULL, arg, 1) == 0) give("0");
}

static void frames_of_no_size(void *arg) {
  sample_stacks();
  rc_decref(graph_node(graph_declared(NULL), 1));
  if (gc_stack_frames(NULL, 0, arg, 1) == 0) give("0");
}

static void frames_of_any_stack(void *arg) {
  sample_stacks();
  if (gc_stack_frames(NULL, 4711, arg, 0) == 0) give("0");
}

static void stack_of_unsampled(void *arg) {
  sample_stacks();
  give_status(gc_object_stack(arg, &any_number));
}

static void stack_into_nothing(void *arg) {
  sample_stacks();
  Node *node = graph_node(graph_declared(NULL), 1);
  give_status(gc_object_stack(node, arg));
}

static void plan_of(void *arg) {
  give_status(gc_profile_plan(NULL, arg));
}

static void signal_to(void *arg) {
  give_status(gc_dump_on_signal(NULL, SIGUSR2, arg));
}

static void kill_to(void *arg) {
  give_status(gc_dump_on_signal(NULL, SIGKILL, arg));
}

static void measure_nothing(void *arg) {
  gc_scope_stats stats = GC_SCOPE_STATS_INIT;
  give_status(gc_measure(NULL, NULL, arg, &stats));
}

static void measure_into(void *arg) {
  give_status(gc_measure(NULL, no_run, NULL, arg));
}

static void table_of_other_arguments_of_tools(void) {
  gc_dump_options dump = GC_DUMP_OPTIONS_INIT, no_sink = GC_DUMP_OPTIONS_INIT, flags = GC_DUMP_OPTIONS_INIT;
  gc_dump_options two_sinks = GC_DUMP_OPTIONS_INIT, nowhere = GC_DUMP_OPTIONS_INIT;
  gc_dump_result dumped = GC_DUMP_RESULT_INIT;
  gc_profile_options profile = GC_PROFILE_OPTIONS_INIT, no_flag = GC_PROFILE_OPTIONS_INIT;
  gc_profile_stats totals = GC_PROFILE_STATS_INIT;
  gc_site_query query = GC_SITE_QUERY_INIT, no_group = GC_SITE_QUERY_INIT;
  static gc_site_stats row;
  gc_scope_stats scope = GC_SCOPE_STATS_INIT, good_scope = GC_SCOPE_STATS_INIT;
  profile.struct_size = totals.struct_size = query.struct_size = scope.struct_size = 0;
  no_flag.flags = (uint32_t)1 << 31, no_group.group = 99;
  gc_leak_result leak = GC_LEAK_RESULT_INIT;
  gc_text_options text = GC_TEXT_OPTIONS_INIT, no_part = GC_TEXT_OPTIONS_INIT;
  leak.struct_size = text.struct_size = 0, no_part.parts = (uint32_t)1 << 30;
  static char unknown_item[] = "sitse", nothing_to_write[] = "oom";
  gc_profile_options no_way = GC_PROFILE_OPTIONS_INIT;
  static gc_stack_stats stack_row;
  static gc_frame frame;
  no_way.stacks = 99;
  gc_series_options series = GC_SERIES_OPTIONS_INIT, no_series_flag = GC_SERIES_OPTIONS_INIT;
  gc_watch_spec watch = GC_WATCH_SPEC_INIT, no_metric = GC_WATCH_SPEC_INIT;
  static gc_sample sample;
  static gc_series_event event;
  series.struct_size = watch.struct_size = 0, no_series_flag.flags = (uint32_t)1 << 30;
  dump.struct_size = dumped.struct_size = 0;
  two_sinks.fd = 2, two_sinks.write = heap_dump_write;
  flags.fd = 2, flags.flags = 4;
  nowhere.path = "/nowhere/dump";
  Node *node = graph_node(graph_declared(NULL), 1);
  const other_wrong all[] = {
      {{"gc_dump(options)", dump_with, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_dump(options)", dump_with, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &dump},
      {{"gc_dump(options)", dump_with, NULL}, "no sink", NULL, "RC_ERR_INVALID", &no_sink},
      {{"gc_dump(options)", dump_with, NULL}, "two sinks", NULL, "RC_ERR_INVALID", &two_sinks},
      {{"gc_dump(options)", dump_with, NULL}, "unknown flag", NULL, "RC_ERR_INVALID", &flags},
      {{"gc_dump(options)", dump_with, NULL}, "no such folder", NULL, "RC_ERR_IO", &nowhere},
      {{"gc_dump(out_result)", dump_result_to, NULL}, "null, to fork", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_dump(out_result)", dump_result_to, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &dumped},
      {{"gc_profile_start(options)", profile_from, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &profile},
      {{"gc_profile_start(options)", profile_from, NULL}, "unknown flag", NULL, "RC_ERR_INVALID", &no_flag},
      {{"gc_profile_start(heap)", profile_twice, NULL}, "profiled already", NULL, "RC_ERR_IN_USE", NULL},
      {{"gc_profile_get(out_stats)", profile_totals, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_profile_get(out_stats)", profile_totals, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &totals},
      {{"gc_profile_sites(query)", profile_rows, NULL}, "struct_size 0", NULL, "0", &query},
      {{"gc_profile_sites(query)", profile_rows, NULL}, "unknown group", NULL, "0", &no_group},
      {{"gc_profile_sites(out_rows)", profile_rows_of_no_size, NULL}, "struct_size 0", NULL, "0", &row},
      {{"gc_profile_compare(before)", profile_compare_null, NULL}, "null", NULL, "0", NULL},
      {{"gc_profile_compare(before)", profile_compare_null, NULL}, "struct_size 0", NULL, "0", &row},
      {{"gc_profile_scopes(out_rows)", profile_scopes_of_no_size, NULL}, "struct_size 0", NULL, "0", &scope},
      {{"gc_scope_get(mark)", scope_of_any_mark, NULL}, "any number", NULL, "RC_ERR_INVALID", &good_scope},
      {{"gc_scope_get(out_stats)", scope_of_any_mark, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_scope_expect_clean(mark)", clean_scope_of_any_mark, NULL}, "any number", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_object_site(obj)", site_of_unprofiled, NULL}, "its heap is not profiled", NULL, "RC_ERR_REFUSED", node},
      {{"gc_leak_check(function)", leak_check_of_nothing, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_leak_check(runs)", leak_check_without_runs, NULL}, "0", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_leak_check(out_result)", leak_check_into, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_leak_check(out_result)", leak_check_into, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &leak},
      {{"gc_release_hold(hold)", release_hold_twice, NULL}, "released before", NULL, "RC_ERR_INVALID", node},
      {{"gc_release_hold(hold)", release_any_hold, NULL}, "any number", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_release_hold(hold)", release_no_hold, NULL}, "GC_HOLD_NONE", NULL, "RC_OK", NULL},
      {{"gc_line(lines)", line_of_nothing, NULL}, "null", NULL, "", NULL},
      {{"gc_profile_write(options)", profile_write_with, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &text},
      {{"gc_profile_write(options)", profile_write_with, NULL}, "unknown part", NULL, "RC_ERR_INVALID", &no_part},
      {{"gc_series_start(options)", series_from, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &series},
      {{"gc_series_start(options)", series_from, NULL}, "unknown flag", NULL, "RC_ERR_INVALID", &no_series_flag},
      {{"gc_series_samples(out_rows)", samples_of_no_size, NULL}, "struct_size 0", NULL, "0", &sample},
      {{"gc_series_events(out_rows)", events_of_no_size, NULL}, "struct_size 0", NULL, "0", &event},
      {{"gc_watch(spec)", watch_from, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_watch(spec)", watch_from, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &watch},
      {{"gc_watch(spec)", watch_from, NULL}, "no metric", NULL, "RC_ERR_INVALID", &no_metric},
      {{"gc_watch(spec.type)", watch_of_a_type, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_watch(spec.type)", watch_of_a_type, NULL}, "an object", "type", NULL, node},
      {{"gc_profile_start(options)", profile_from, NULL}, "unknown way of stacks", NULL, "RC_ERR_INVALID", &no_way},
      {{"gc_profile_stacks(out_rows)", stacks_of_no_size, NULL}, "struct_size 0", NULL, "0", &stack_row},
      {{"gc_stack_frames(out_frames)", frames_of_no_size, NULL}, "struct_size 0", NULL, "0", &frame},
      {{"gc_stack_frames(stack)", frames_of_any_stack, NULL}, "any number", NULL, "0", NULL},
      {{"gc_object_stack(obj)", stack_of_unsampled, NULL}, "not sampled", NULL, "RC_ERR_UNSUPPORTED", node},
      {{"gc_object_stack(out_stack)", stack_into_nothing, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_profile_plan(plan)", plan_of, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_profile_plan(plan)", plan_of, NULL}, "unknown item", NULL, "RC_ERR_INVALID", unknown_item},
      {{"gc_profile_plan(plan)", plan_of, NULL}, "nothing to write", NULL, "RC_ERR_INVALID", nothing_to_write},
      {{"gc_dump_on_signal(path)", signal_to, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_dump_on_signal(signal)", kill_to, NULL}, "SIGKILL", NULL, "RC_ERR_INVALID", unknown_item},
      {{"gc_measure(function)", measure_nothing, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_measure(out_stats)", measure_into, NULL}, "null", NULL, "RC_ERR_INVALID", NULL},
      {{"gc_measure(out_stats)", measure_into, NULL}, "struct_size 0", NULL, "RC_ERR_INVALID", &scope},
  };
  expect_others("Other arguments of tools", all, RC_COUNT_OF(all));
  rc_decref(node);
}

static const check_test tests[] = {
    CHECK_TEST(table_of_memory_that_was_not_initialised),
    CHECK_TEST(table_of_other_arguments_of_tools),
};

CHECK_MAIN(tests)
