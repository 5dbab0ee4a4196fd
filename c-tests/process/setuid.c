/* A set-user-id program that uses the library: says whether it has more rights than who started it. */
#include <rcgc.h>

#include <stdio.h>
#include <sys/auxv.h>

int main(void) {
  gc_heap *heap;
  printf("AT_SECURE %lu\n", getauxval(AT_SECURE));
  fflush(stdout);
  if (gc_heap_new(NULL, &heap) != RC_OK) return 2;
  gc_heap_free(heap);
  return 0;
}
