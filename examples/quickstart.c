/* People and their friends: objects that die by count at once, and a ring that the collector finds. */
#include <rcgc.h>
#include <stdio.h>

typedef struct Person {
  const char *name;
  struct Person *friend; /* owned: this person keeps the friend alive */
} Person;

static const rc_field person_fields[] = {RC_FIELD(Person, friend)};

static void farewell(void *obj) {
  printf("  %s is gone\n", ((Person *)obj)->name);
}

int main(void) {
  gc_heap *heap;
  rc_type *type;
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  spec.name = "Person", spec.size = sizeof(Person), spec.destroy = farewell;
  spec.fields = person_fields, spec.field_count = RC_COUNT_OF(person_fields);
  if (gc_heap_new(NULL, &heap) != RC_OK || rc_type_new(heap, &spec, &type) != RC_OK) return 1;

  Person *ada = rc_new(type), *bob = rc_new(type), *eve = rc_new(type); /* count 1 each, all zeros */
  if (!ada || !bob || !eve) return 1;
  ada->name = "Ada", bob->name = "Bob", eve->name = "Eve";

  puts("Eve is released:");
  rc_decref(eve); /* the last reference: she dies before this returns */

  rc_setref(&ada->friend, rc_newref(bob)); /* Ada keeps Bob, and Bob keeps Ada: a ring */
  rc_setref(&bob->friend, rc_newref(ada));
  puts("Ada and Bob are released:");
  rc_decref(ada), rc_decref(bob); /* they still keep each other, so nothing happens */
  puts("The collector looks:");
  printf("  it ended %zu objects\n", gc_collect(heap));

  printf("still held when the heap ends: %zu\n", gc_heap_free(heap));
}
