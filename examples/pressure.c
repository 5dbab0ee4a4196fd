/* pressure.c: a server that gives memory back when the system is short of it.
 *
 * Linux says how much of the time somebody waited for memory, in /proc/pressure/memory, and wakes whoever asked for it:
 * one descriptor more for the event loop. What the heap can do without goes back in gc_memory_pressure, also what lies
 * between the objects that stay.
 *
 *   cc -std=c11 -O2 -I include examples/pressure.c build/lib/librcgc.a -o pressure && ./pressure
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rcgc.h>

typedef struct Page {
  struct Page *newer;
  char text[112];
} Page;

static const rc_field page_fields[] = {RC_FIELD(Page, newer)};

/* Wakes when somebody waited for memory for a tenth of a second within two: the shortest time for which no privilege is
 * needed. Less than 0 where the kernel does not say. */
static int watch_pressure(void) {
  static const char trigger[] = "some 100000 2000000";
  int fd = open("/proc/pressure/memory", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0 && write(fd, trigger, sizeof trigger) < 0) {
    close(fd);
    fd = -1;
  }
  return fd;
}

/* How short memory is now: the share of the last ten seconds in which all waited for it, and in which some did. */
static uint32_t level_of_pressure(void) {
  double some = 0, full = 0;
  FILE *file = fopen("/proc/pressure/memory", "r");
  if (file) {
    if (fscanf(file, "some avg10=%lf %*[^\n] full avg10=%lf", &some, &full) < 1) some = full = 0;
    fclose(file);
  }
  if (full > 10) return GC_PRESSURE_CRITICAL;
  return some > 10 ? GC_PRESSURE_HIGH : GC_PRESSURE_SOME;
}

static void relieve(gc_heap *heap, uint32_t level) {
  gc_stats before = GC_STATS_INIT, after = GC_STATS_INIT;
  gc_get_stats(heap, &before);
  if (gc_memory_pressure(heap, level) != RC_OK) fprintf(stderr, "%s\n", gc_error_message(heap));
  gc_get_stats(heap, &after);
  printf("pressure %u: %llu KiB of memory became %llu\n", (unsigned)level, (unsigned long long)(before.heap_bytes >> 10),
         (unsigned long long)(after.heap_bytes >> 10));
}

int main(void) {
  gc_heap *heap;
  if (gc_heap_new(NULL, &heap) != RC_OK) return 1;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Page", spec.size = sizeof(Page);
  spec.fields = page_fields, spec.field_count = RC_COUNT_OF(page_fields);
  rc_type *type;
  if (rc_type_new(heap, &spec, &type) != RC_OK) return 1;

  /* A burst: many pages are served, and few of them stay in the cache. */
  enum { PAGES = 200000, ONE_STAYS_OF = 1000 };
  Page *cache = NULL;
  for (int i = 0; i < PAGES; i++) {
    Page *page = rc_new(type);
    if (!page) return 1;
    snprintf(page->text, sizeof page->text, "page %d", i);
    if (i % ONE_STAYS_OF == 0) {
      page->newer = cache;
      cache = page;
    } else {
      /* Served by and by: each is kept until the next thousand have come. */
      static Page *served[ONE_STAYS_OF * 20];
      rc_xdecref(served[i % (ONE_STAYS_OF * 20)]);
      served[i % (ONE_STAYS_OF * 20)] = page;
      if (i == PAGES - 1) {
        for (int s = 0; s < ONE_STAYS_OF * 20; s++) rc_xdecref(served[s]);
      }
    }
  }

  /* The loop of a server, here with one descriptor and a tenth of a second. */
  struct pollfd waiting = {watch_pressure(), POLLPRI, 0};
  if (waiting.fd < 0) printf("this system does not say when memory is short\n");
  if (poll(&waiting, waiting.fd >= 0, 100) > 0 && waiting.revents & POLLPRI) relieve(heap, level_of_pressure());
  relieve(heap, GC_PRESSURE_HIGH); /* as if it had said so */

  int stayed = 0;
  for (Page *page = cache; page; page = page->newer) stayed += strncmp(page->text, "page ", 5) == 0;
  printf("%d pages are in the cache\n", stayed);
  rc_xdecref(cache);
  if (waiting.fd >= 0) close(waiting.fd);
  return stayed == PAGES / ONE_STAYS_OF && gc_heap_free(heap) == 0 ? 0 : 1;
}
