/* Results: the names and numbers of statuses, the version, the ABI tag, and when gc_error_message speaks. */
#include "check.h"

/* Numbers are never given to another meaning: this table only grows. */
static void numbers_and_names(void) {
  static const struct {
    rc_status number, constant;
    const char *name;
  } table[] = {
      {0, RC_OK, "RC_OK"},
      {1, RC_ERR_INVALID, "RC_ERR_INVALID"},
      {2, RC_ERR_NO_MEMORY, "RC_ERR_NO_MEMORY"},
      {3, RC_ERR_ABI, "RC_ERR_ABI"},
      {4, RC_ERR_UNSUPPORTED, "RC_ERR_UNSUPPORTED"},
      {5, RC_ERR_IN_USE, "RC_ERR_IN_USE"},
      {6, RC_ERR_REFUSED, "RC_ERR_REFUSED"},
      {7, RC_ERR_LIMIT, "RC_ERR_LIMIT"},
      {8, RC_ERR_TRAVERSE, "RC_ERR_TRAVERSE"},
      {9, RC_ERR_STALE, "RC_ERR_STALE"},
      {10, RC_ERR_IO, "RC_ERR_IO"},
  };
  for (size_t i = 0; i < RC_COUNT_OF(table); i++) {
    CHECK_EQ(table[i].constant, table[i].number);
    CHECK(strcmp(rc_status_name(table[i].number), table[i].name) == 0);
  }
}

static void unknown_numbers_have_a_name_too(void) {
  static const rc_status unknown[] = {11, 100, 0x7fffffff, 0xffffffff};
  for (size_t i = 0; i < RC_COUNT_OF(unknown); i++)
    CHECK(strcmp(rc_status_name(unknown[i]), "RC_ERR_UNKNOWN") == 0);
}

static void version_and_tag_fit_the_headers(void) {
  CHECK(strcmp(gc_version(), RCGC_VERSION) == 0);
  CHECK_EQ(gc_abi_tag(), RCGC_ABI_TAG);
  char built[32];
  snprintf(built, sizeof built, "%d.%d.%d", RCGC_VERSION_MAJOR, RCGC_VERSION_MINOR, RCGC_VERSION_PATCH);
  CHECK(strcmp(RCGC_VERSION, built) == 0);
}

static void message_is_empty_until_something_fails(void) {
  CHECK(strcmp(gc_error_message(NULL), "") == 0);
  gc_heap *heap = NULL;
  REQUIRE(gc_heap_new(NULL, &heap) == RC_OK);
  CHECK(strcmp(gc_error_message(heap), "") == 0);
  CHECK_EQ(gc_heap_free(heap), 0);
}

static void message_stays_until_the_next_failure_and_is_the_heap_s_own(void) {
  gc_heap *one = NULL, *two = NULL;
  REQUIRE(gc_heap_new(NULL, &one) == RC_OK);
  REQUIRE(gc_heap_new(NULL, &two) == RC_OK);
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type = NULL;
  spec.name = "Odd";
  spec.reserved = 1;
  CHECK_EQ(rc_type_new(one, &spec, &type), RC_ERR_INVALID);
  CHECK_STR(gc_error_message(one), "Odd");
  CHECK(strcmp(gc_error_message(two), "") == 0);
  spec.reserved = 0;
  spec.size = 8;
  CHECK_EQ(rc_type_new(one, &spec, &type), RC_OK);
  CHECK_STR(gc_error_message(one), "Odd"); /* success does not wipe it */
  spec.name = "Odder";
  spec.flags = 1u << 31;
  CHECK(rc_type_new(one, &spec, &type) != RC_OK);
  CHECK_STR(gc_error_message(one), "Odder");
  CHECK_EQ(gc_heap_free(one), 0);
  CHECK_EQ(gc_heap_free(two), 0);
}

static const check_test tests[] = {
    CHECK_TEST(numbers_and_names),
    CHECK_TEST(unknown_numbers_have_a_name_too),
    CHECK_TEST(version_and_tag_fit_the_headers),
    CHECK_TEST(message_is_empty_until_something_fails),
    CHECK_TEST(message_stays_until_the_next_failure_and_is_the_heap_s_own),
};

CHECK_MAIN(tests)
