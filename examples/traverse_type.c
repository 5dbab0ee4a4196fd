/* A type that tells its references by itself: scopes of an interpreter.
 *
 * A Scope maps names to objects in a hash table that it allocates with malloc, so its references lie where
 * no declared field can point. It gives the engine three callbacks instead:
 *
 *   traverse   visits every reference in the table
 *   clear      releases and nulls the same references
 *   destroy    frees the table
 *
 * A Closure has one declared field, the scope in which it was made. A function that is stored in the scope
 * that it captured is a ring: scope -> closure -> scope. Counting alone would leak it, in every
 * interpreter. */
#include <rcgc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Entry {
  const char *name; /* null: free */
  void *value;      /* owned */
} Entry;

typedef struct Scope {
  Entry *table;
  size_t room, used; /* room is a power of two, never full */
} Scope;

typedef struct Closure {
  const char *code;
  Scope *scope; /* owned */
} Closure;

static void out_of_memory(void) {
  fputs("out of memory\n", stderr);
  exit(1);
}

/* ---- the hash table ---- */

static Entry *find(Entry *table, size_t room, const char *name) {
  size_t hash = 5381;
  for (const char *at = name; *at; at++) hash = hash * 33 + (unsigned char)*at;
  while (table[hash & (room - 1)].name && strcmp(table[hash & (room - 1)].name, name) != 0) hash++;
  return &table[hash & (room - 1)];
}

static Entry *new_table(size_t room) {
  Entry *table = calloc(room, sizeof *table);
  if (!table) out_of_memory();
  return table;
}

static void grow(Scope *scope) {
  Entry *table = new_table(scope->room * 2);
  for (size_t i = 0; i < scope->room; i++) { /* references move as they are: no count changes */
    if (scope->table[i].name) *find(table, scope->room * 2, scope->table[i].name) = scope->table[i];
  }
  free(scope->table);
  scope->table = table;
  scope->room *= 2;
}

/* ---- what the engine is told ---- */

/* Visits each reference once; may do nothing else. A visit that is not 0 ends it. */
static int scope_traverse(void *obj, rc_visit_fn visit, void *visit_ctx) {
  Scope *scope = obj;
  for (size_t i = 0; i < scope->room; i++) {
    if (!scope->table[i].name) continue;
    int stop = rc_visit_named(visit, visit_ctx, scope->table[i].value, scope->table[i].name, RC_NO_INDEX);
    if (stop) return stop;
  }
  return 0;
}

/* Gives all references up, in both kinds of death: released by the last holder, or found in a ring. */
static void scope_clear(void *obj) {
  Scope *scope = obj;
  for (size_t i = 0; i < scope->room; i++) rc_clear(&scope->table[i].value);
}

/* Frees what malloc gave. There are no references any more. */
static void scope_destroy(void *obj) {
  Scope *scope = obj;
  printf("    a scope of %zu names is gone\n", scope->used);
  free(scope->table);
}

static rc_type *new_scope_type(gc_heap *heap) {
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type;
  spec.name = "Scope", spec.size = sizeof(Scope);
  spec.traverse = scope_traverse, spec.clear = scope_clear, spec.destroy = scope_destroy;
  if (rc_type_new(heap, &spec, &type) != RC_OK) {
    fprintf(stderr, "%s\n", gc_error_message(heap));
    exit(1);
  }
  return type;
}

static rc_type *new_closure_type(gc_heap *heap) {
  static const rc_field fields[] = {RC_FIELD(Closure, scope)};
  rc_type_spec spec = RC_TYPE_SPEC_INIT;
  rc_type *type;
  spec.name = "Closure", spec.size = sizeof(Closure);
  spec.fields = fields, spec.field_count = RC_COUNT_OF(fields);
  if (rc_type_new(heap, &spec, &type) != RC_OK) {
    fprintf(stderr, "%s\n", gc_error_message(heap));
    exit(1);
  }
  return type;
}

/* ---- scopes and closures ---- */

/* A type with a traverse is not tracked when made: the collector looks at the object only after gc_track,
 * when all that traverse reads is set. */
static Scope *new_scope(rc_type *type) {
  Scope *scope = rc_new(type);
  if (!scope) out_of_memory();
  scope->room = 2;
  scope->table = new_table(scope->room);
  if (gc_track(scope) != RC_OK) exit(1);
  return scope;
}

/* Takes the reference to `value`. The name must outlive the scope. */
static void define(Scope *scope, const char *name, void *value) {
  if ((scope->used + 1) * 4 > scope->room * 3) grow(scope);
  Entry *entry = find(scope->table, scope->room, name);
  if (!entry->name) {
    entry->name = name;
    scope->used++;
  }
  rc_setref(&entry->value, value);
}

static Closure *new_closure(rc_type *type, const char *code, Scope *scope) {
  Closure *closure = rc_new(type);
  if (!closure) out_of_memory();
  closure->code = code;
  closure->scope = rc_newref(scope);
  return closure;
}

int main(void) {
  static const char *const names[] = {"map", "filter", "fold", "zip", "take", "drop", "sort", "find"};
  gc_heap *heap;
  if (gc_heap_new(NULL, &heap) != RC_OK) return 1;
  rc_type *scopes = new_scope_type(heap), *closures = new_closure_type(heap);

  puts("A scope that no function captured:");
  Scope *locals = new_scope(scopes);
  define(locals, "inner", new_scope(scopes));
  puts("  released: it and what only it referred to die at once");
  rc_decref(locals);

  puts("A scope with eight functions that captured it:");
  Scope *module = new_scope(scopes);
  for (size_t i = 0; i < RC_COUNT_OF(names); i++)
    define(module, names[i], new_closure(closures, "...", module));
  printf("  collected while the program uses it: %zu objects end\n", gc_collect(heap));
  puts("  released: nothing happens, its functions still refer to it");
  rc_decref(module);
  size_t ended = gc_collect(heap);
  printf("  collected again: %zu objects end\n", ended);

  printf("Still held when the heap ends: %zu\n", gc_heap_free(heap));
  return 0;
}
