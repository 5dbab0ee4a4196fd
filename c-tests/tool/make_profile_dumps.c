/* make_profile_dumps: writes dumps of heaps that were profiled: make_profile_dumps FOLDER. A shop serves
 * orders; its baskets are kept by mistake. `shop-1` to `shop-3` are one heap over time, `shop-small` is a few
 * objects with everything that a dump may have but stacks, which `stacks` has, `hostile-sites` has names that
 * break formats. */
#define _GNU_SOURCE
#include <rcgc.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void must(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "make_profile_dumps: %s: %s\n", what, gc_error_message(NULL));
  exit(1);
}

static const char *folder;

static void dump(gc_heap *heap, const char *name, const char *label) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.dump", folder, name);
  gc_dump_options options = GC_DUMP_OPTIONS_INIT;
  options.path = path, options.label = label;
  must(gc_dump(heap, &options, NULL) == RC_OK, path);
}

/* ---- the shop ---- */

typedef struct Item {
  struct Item *next;
  uint64_t price;
} Item;

typedef struct Basket {
  struct Basket *next, *order;
  Item *items;
} Basket;

typedef struct Order {
  Basket *basket;
  struct Order *other;
} Order;

typedef struct shop {
  gc_heap *heap;
  rc_type *item, *basket, *order;
  Basket *kept; /* the mistake */
} shop;

static rc_type *type_of(gc_heap *heap, const char *name, size_t size, const rc_field *fields, size_t count) {
  rc_type *type = NULL;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = name, spec.size = size, spec.fields = fields, spec.field_count = count;
  must(rc_type_new(heap, &spec, &type) == RC_OK, "rc_type_new");
  return type;
}

static shop shop_of(const char *name) {
  static const rc_field item[] = {RC_FIELD(Item, next)};
  static const rc_field basket[] = {RC_FIELD(Basket, next), RC_FIELD(Basket, order), RC_FIELD(Basket, items)};
  static const rc_field order[] = {RC_FIELD(Order, basket), RC_FIELD(Order, other)};
  shop all = {0};
  gc_heap_options options = GC_HEAP_OPTIONS_INIT;
  options.name = name;
  must(gc_heap_new(&options, &all.heap) == RC_OK, "gc_heap_new");
  gc_disable(all.heap);
  all.item = type_of(all.heap, "Item", sizeof(Item), item, 1);
  all.basket = type_of(all.heap, "Basket", sizeof(Basket), basket, 3);
  all.order = type_of(all.heap, "Order", sizeof(Order), order, 2);
  return all;
}

static Item *pick_items(shop *all, size_t count) {
  Item *first = NULL;
  for (size_t i = 0; i < count; i++) {
    Item *item = RC_NEW(all->item);
    must(item != NULL, "rc_new");
    item->next = first, first = item;
  }
  return first;
}

static Basket *fill_basket(shop *all, size_t count) {
  Basket *basket = RC_NEW(all->basket);
  must(basket != NULL, "rc_new");
  basket->items = pick_items(all, count);
  return basket;
}

/* Two orders that refer to each other: a ring, which the collector ends. */
static void take_order(shop *all, size_t number) {
  rc_scope_mark mark = rc_scope_enter_named(all->heap, "order");
  Order *order = RC_NEW(all->order), *other = rc_new(all->order);
  must(order && other, "rc_new");
  order->basket = fill_basket(all, 1 + number % 5);
  rc_setref(&order->other, rc_newref(other));
  rc_setref(&other->other, rc_newref(order));
  if (number % 4 == 0) {
    rc_setref(&order->basket->next, all->kept);
    all->kept = (Basket *)rc_newref(order->basket);
    must(rc_add_external_bytes(all->kept, 1000) == RC_OK, "rc_add_external_bytes");
  }
  rc_decref(order), rc_decref(other);
  must(rc_scope_leave(all->heap, mark) == RC_OK, "rc_scope_leave");
}

static void serve(shop *all, size_t orders) {
  rc_scope_mark mark = rc_scope_enter_named(all->heap, "serve");
  for (size_t i = 0; i < orders; i++) {
    take_order(all, i);
    if (i % 100 == 99) gc_collect(all->heap);
    if (i % 10 == 9) gc_series_tick(all->heap);
  }
  must(rc_scope_leave(all->heap, mark) == RC_OK, "rc_scope_leave");
  gc_series_tick(all->heap);
}

static void start(shop *all, uint32_t capacity) {
  gc_series_options series = GC_SERIES_OPTIONS_INIT;
  series.capacity = capacity;
  must(gc_profile_start(all->heap, NULL) == RC_OK, "gc_profile_start");
  must(gc_series_start(all->heap, &series) == RC_OK, "gc_series_start");
}

static void run_shop(void) {
  shop all = shop_of("shop");
  Item *before = rc_new(all.item);
  start(&all, 4096);
  gc_hold hold = GC_HOLD(before, "shop window");
  serve(&all, 200);
  dump(all.heap, "shop-1", "in the morning");
  serve(&all, 400);
  dump(all.heap, "shop-2", "at noon");
  serve(&all, 600);
  dump(all.heap, "shop-3", "in the evening");
  must(GC_RELEASE(hold) == RC_OK, "gc_release_hold");
  rc_decref(all.kept), rc_decref(before);
  gc_heap_free(all.heap);
}

static void small(void) {
  shop all = shop_of("small");
  start(&all, 8);
  gc_watch_spec spec = GC_WATCH_SPEC_INIT;
  uint32_t watch;
  spec.metric = GC_WATCH_LIVE_OBJECTS, spec.limit = 1;
  must(gc_watch(all.heap, &spec, &watch) == RC_OK, "gc_watch");
  serve(&all, 4);
  gc_collect(all.heap);
  gc_hold hold = GC_HOLD(all.kept, "window");
  dump(all.heap, "shop-small", NULL);
  must(GC_RELEASE(hold) == RC_OK, "gc_release_hold");
  rc_decref(all.kept);
  gc_heap_free(all.heap);
}

/* Stacks are sampled: about one object in 256 bytes, a stack for nearly each. */
static void stacks(void) {
  shop all = shop_of("stacks");
  gc_profile_options options = GC_PROFILE_OPTIONS_INIT;
  options.flags = GC_PROFILE_SITES | GC_PROFILE_STACKS, options.sample_bytes = 256, options.seed = 7;
  must(gc_profile_start(all.heap, &options) == RC_OK, "gc_profile_start");
  serve(&all, 2000);
  dump(all.heap, "stacks", NULL);
  rc_decref(all.kept);
  gc_heap_free(all.heap);
}

/* ---- names that break formats ---- */

static void hostile(void) {
  static char long_name[20001];
  memset(long_name, 'n', 20000);
  static rc_site sites[] = {
      {"a;b.c", "f;g", 1, 0},      {"new\nline.c", "n\nm", 2, 0},    {"C:\\dir\\x.c", "back\\slash", 3, 0},
      {"\"q\".c", "\"quoted\"", 4, 0}, {"hash#.cpp", "{lambda()#1}", 5, 0}, {"\xff.c", "\xfe\xff", 6, 0},
      {"caf\xc3\xa9.c", "na\xc3\xafve", 7, 0}, {"<b>.c", "<script>", 8, 0}, {"blank in.c", "a b 17", 9, 0},
      {long_name, long_name, 10, 0}, {"%s%n.c", "%d", 11, 0}, {"x.c", "", 0, 0},
  };
  shop all = shop_of("hostile;\n\"heap\"");
  start(&all, 16);
  Item *last = NULL;
  for (size_t i = 0; i < sizeof sites / sizeof *sites; i++) {
    rc_scope_mark mark = rc_scope_enter_named(all.heap, sites[i].function);
    Item *item = rc_new_at(all.item, &sites[i]);
    must(item != NULL, "rc_new_at");
    item->next = last, last = item;
    gc_series_tick(all.heap);
    must(rc_scope_leave(all.heap, mark) == RC_OK, "rc_scope_leave");
  }
  gc_hold hold = GC_HOLD(last, "tag;\n\x1b[31m");
  dump(all.heap, "hostile-sites", NULL);
  must(GC_RELEASE(hold) == RC_OK, "gc_release_hold");
  rc_decref(last);
  gc_heap_free(all.heap);
}

/* Serves for at most half a minute, and writes a dump when it is asked by SIGUSR1. */
static void wait_for_signals(void) {
  shop all = shop_of("waiting");
  char path[4096];
  snprintf(path, sizeof path, "%s/%%p-%%n.dump", folder);
  must(gc_dump_on_signal(all.heap, SIGUSR1, path) == RC_OK, "gc_dump_on_signal");
  puts("ready");
  fflush(stdout);
  for (time_t end = time(NULL) + 30; time(NULL) < end;) {
    serve(&all, 100);
    usleep(1000);
  }
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: make_profile_dumps FOLDER [wait]\n");
    return 2;
  }
  folder = argv[1];
  if (argc > 2) {
    wait_for_signals();
    return 0;
  }
  run_shop();
  small();
  stacks();
  hostile();
  return 0;
}
