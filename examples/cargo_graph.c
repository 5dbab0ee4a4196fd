/* The dependency graph of a Rust project, as objects in rings.
 *
 *   cargo metadata --format-version 1 | cargo_graph          or          cargo_graph metadata.json
 *
 * Reads the JSON into objects (values, lists and records: a tree, which dies by count), makes one object
 * of each crate with references to what it needs and to what needs it (rings, which need the collector),
 * answers two questions, and shows how all of it ended. Bad input is named with file, line and column,
 * exit status 2.
 *
 * What to look at: the field macros of List and of Crate; who owns a reference at each step (a function
 * that returns an object or a Value gives it away; what is put into a slot is taken). */
#define _POSIX_C_SOURCE 200809L
#include <rcgc.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BAD_INPUT = 2, NESTING_MAX = 500, TOP = 10 };

static const char *input_name;

/* ---- errors ---- */

/* Says what is wrong with the input, and leaves: the heap goes with the process. */
static void bad_input(const char *format, ...) {
  va_list args;
  fprintf(stderr, "cargo_graph: %s: ", input_name);
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  exit(BAD_INPUT);
}

/* For all that gives null when memory is used up. */
static void *must(void *memory) {
  if (!memory) {
    fputs("cargo_graph: out of memory\n", stderr);
    exit(1);
  }
  return memory;
}

/* ---- types ---- */

/* A JSON value: what it is, and a reference or a number. The bit tells the engine which. */
enum { IS_REFERENCE = 8 };

typedef enum Kind { NOTHING, NO, YES, NUMBER, TEXT = IS_REFERENCE, LIST, RECORD } Kind;

typedef struct Value {
  union {
    void *reference; /* owned */
    double number;
  } as;
  uint32_t kind;
} Value;

typedef struct Text {
  size_t length;
  char bytes[]; /* and a NUL */
} Text;

/* A list, or a record: then a name and its value in turn. */
typedef struct List {
  Value *items;
  size_t used, room;
} List;

typedef struct Crate Crate;

typedef struct Crates {
  Crate **items; /* owned */
  size_t used, room;
} Crates;

struct Crate {
  Text *id, *name, *version;
  Crates needs, needed_by; /* each edge is in the list of both its ends: a ring */
  size_t index;
};

typedef struct Graph {
  size_t count;
  Crate *crates[]; /* sorted by id */
} Graph;

static rc_type *text_type, *list_type, *crate_type, *graph_type;

static void destroy_list(void *obj) {
  free(((List *)obj)->items);
}

static void destroy_crate(void *obj) {
  Crate *crate = obj;
  free(crate->needs.items);
  free(crate->needed_by.items);
}

static rc_type *new_type(gc_heap *heap, const rc_type_spec *spec) {
  rc_type *type;
  if (rc_type_new(heap, spec, &type) != RC_OK) {
    fprintf(stderr, "cargo_graph: %s\n", gc_error_message(heap));
    exit(1);
  }
  return type;
}

static void make_types(gc_heap *heap) {
  static const rc_field list_fields[] = {
      RC_FIELD_VARIANT_VECTOR(List, items, used, as.reference, kind, IS_REFERENCE, IS_REFERENCE),
  };
  static const rc_field crate_fields[] = {
      RC_FIELD(Crate, id),
      RC_FIELD(Crate, name),
      RC_FIELD(Crate, version),
      RC_FIELD_VECTOR(Crate, needs.items, needs.used),
      RC_FIELD_VECTOR(Crate, needed_by.items, needed_by.used),
  };
  static const rc_field graph_fields[] = {RC_FIELD_TAIL(Graph, crates)};

  rc_type_spec text = RC_TYPE_SPEC_INIT, list = RC_TYPE_SPEC_INIT;
  text.name = "Text", text.size = sizeof(Text), text.tail_size = 1;
  text_type = new_type(heap, &text);

  list.name = "List", list.size = sizeof(List), list.destroy = destroy_list;
  list.fields = list_fields, list.field_count = RC_COUNT_OF(list_fields);
  list.flags = RC_TYPE_ACYCLIC; /* JSON is a tree, so the collector need never look at it */
  list_type = new_type(heap, &list);

  rc_type_spec crate = RC_TYPE_SPEC_INIT, graph = RC_TYPE_SPEC_INIT;
  crate.name = "Crate", crate.size = sizeof(Crate), crate.destroy = destroy_crate;
  crate.fields = crate_fields, crate.field_count = RC_COUNT_OF(crate_fields);
  crate_type = new_type(heap, &crate);

  graph.name = "Graph", graph.size = sizeof(Graph), graph.tail_size = sizeof(Crate *);
  graph.fields = graph_fields, graph.field_count = RC_COUNT_OF(graph_fields);
  graph_type = new_type(heap, &graph);
}

/* ---- reading a file ---- */

/* All of a stream, with a NUL behind it that is not counted. */
static char *read_all(FILE *stream, size_t *length) {
  size_t room = 1 << 16, used = 0;
  char *text = must(malloc(room));
  for (;;) {
    used += fread(text + used, 1, room - used - 1, stream);
    if (ferror(stream)) bad_input("%s", strerror(errno));
    if (feof(stream)) break;
    if (used + 1 == room) text = must(realloc(text, room *= 2));
  }
  text[used] = 0;
  *length = used;
  return text;
}

static char *read_input(const char *path, size_t *length) {
  bool standard = !path || strcmp(path, "-") == 0;
  input_name = standard ? "<stdin>" : path;
  FILE *stream = standard ? stdin : fopen(path, "rb");
  if (!stream) bad_input("%s", strerror(errno));
  char *text = read_all(stream, length);
  if (!standard) fclose(stream);
  return text;
}

/* ---- parsing JSON ---- */

typedef struct Parser {
  const char *text, *at, *end;
  unsigned depth;
} Parser;

static void syntax_error(const Parser *parser, const char *what) {
  size_t line = 1, column = 1;
  for (const char *at = parser->text; at < parser->at; at++) {
    column++;
    if (*at == '\n') line++, column = 1;
  }
  fprintf(stderr, "cargo_graph: %s:%zu:%zu: %s\n", input_name, line, column, what);
  exit(BAD_INPUT);
}

static void skip_space(Parser *parser) {
  while (parser->at < parser->end && strchr(" \t\r\n", *parser->at) && *parser->at) parser->at++;
}

static bool accept(Parser *parser, char wanted) {
  if (parser->at == parser->end || *parser->at != wanted) return false;
  parser->at++;
  return true;
}

static unsigned parse_hex4(Parser *parser) {
  unsigned value = 0;
  for (int i = 0; i < 4; i++, parser->at++) {
    char c = *parser->at;
    if (c >= '0' && c <= '9') value = value * 16 + (unsigned)(c - '0');
    else if (c >= 'a' && c <= 'f') value = value * 16 + (unsigned)(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F') value = value * 16 + (unsigned)(c - 'A') + 10;
    else syntax_error(parser, "\\u needs four hexadecimal digits");
  }
  return value;
}

/* The code point after \u; two halves of a surrogate pair are one. */
static unsigned parse_code_point(Parser *parser) {
  unsigned high = parse_hex4(parser);
  if (high < 0xd800 || high > 0xdfff) return high;
  if (high > 0xdbff || !accept(parser, '\\') || !accept(parser, 'u'))
    syntax_error(parser, "half of a surrogate pair");
  unsigned low = parse_hex4(parser);
  if (low < 0xdc00 || low > 0xdfff) syntax_error(parser, "half of a surrogate pair");
  return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* Writes a code point as UTF-8; returns where the next one goes. */
static char *put_utf8(char *to, unsigned code) {
  if (code < 0x80) {
    *to++ = (char)code;
    return to;
  }
  if (code < 0x800) {
    *to++ = (char)(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      *to++ = (char)(0xe0 | code >> 12);
    } else {
      *to++ = (char)(0xf0 | code >> 18);
      *to++ = (char)(0x80 | (code >> 12 & 0x3f));
    }
    *to++ = (char)(0x80 | (code >> 6 & 0x3f));
  }
  *to++ = (char)(0x80 | (code & 0x3f));
  return to;
}

static char *parse_escape(Parser *parser, char *to) {
  static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  if (accept(parser, 'u')) return put_utf8(to, parse_code_point(parser));
  const char *found = *parser->at ? strchr(letters, *parser->at) : NULL;
  if (!found) syntax_error(parser, "unknown escape");
  parser->at++;
  *to++ = meant[found - letters];
  return to;
}

/* The text object is made first, as long as the source text could make it, and filled in place. */
static Text *parse_text(Parser *parser) {
  const char *close = parser->at;
  while (close < parser->end && *close != '"') close += *close == '\\' && close + 1 < parser->end ? 2 : 1;
  Text *text = must(rc_new_array(text_type, (size_t)(close - parser->at) + 1));
  char *to = text->bytes;
  while (!accept(parser, '"')) {
    if (parser->at == parser->end) syntax_error(parser, "the text does not end");
    if ((unsigned char)*parser->at < 0x20) syntax_error(parser, "a control character in a text");
    if (accept(parser, '\\')) to = parse_escape(parser, to);
    else *to++ = *parser->at++;
  }
  text->length = (size_t)(to - text->bytes);
  return text;
}

static void skip_digits(Parser *parser) {
  if (*parser->at < '0' || *parser->at > '9') syntax_error(parser, "a digit was expected");
  while (*parser->at >= '0' && *parser->at <= '9') parser->at++;
}

static double parse_number(Parser *parser) {
  const char *begin = parser->at;
  accept(parser, '-');
  if (!accept(parser, '0')) skip_digits(parser); /* no digit may follow a leading 0 */
  if (accept(parser, '.')) skip_digits(parser);
  if (accept(parser, 'e') || accept(parser, 'E')) {
    if (!accept(parser, '+')) accept(parser, '-');
    skip_digits(parser);
  }
  return strtod(begin, NULL);
}

static bool parse_word(Parser *parser, const char *word) {
  size_t length = strlen(word);
  if ((size_t)(parser->end - parser->at) < length || memcmp(parser->at, word, length) != 0) return false;
  parser->at += length;
  return true;
}

/* Takes the reference of the value. */
static void push(List *list, Value value) {
  if (list->used == list->room) {
    list->room = list->room ? list->room * 2 : 4;
    list->items = must(realloc(list->items, list->room * sizeof *list->items));
  }
  list->items[list->used] = value;
  list->used++;
}

static Value reference(void *owned, Kind kind) {
  return (Value){.as.reference = owned, .kind = kind};
}

static Value parse_value(Parser *parser);

static void parse_name(Parser *parser, List *record) {
  skip_space(parser);
  if (!accept(parser, '"')) syntax_error(parser, "a name in quotes was expected");
  push(record, reference(parse_text(parser), TEXT));
  skip_space(parser);
  if (!accept(parser, ':')) syntax_error(parser, "':' was expected");
}

static Value parse_list(Parser *parser, Kind kind, char close) {
  List *list = must(rc_new(list_type));
  if (++parser->depth > NESTING_MAX) syntax_error(parser, "nested too deeply");
  skip_space(parser);
  if (!accept(parser, close)) {
    do {
      if (kind == RECORD) parse_name(parser, list);
      push(list, parse_value(parser));
      skip_space(parser);
    } while (accept(parser, ','));
    if (!accept(parser, close))
      syntax_error(parser, kind == LIST ? "',' or ']' was expected" : "',' or '}' was expected");
  }
  parser->depth--;
  return reference(list, kind);
}

static Value parse_value(Parser *parser) {
  skip_space(parser);
  if (parser->at == parser->end) syntax_error(parser, "a value was expected, not the end");
  if (accept(parser, '{')) return parse_list(parser, RECORD, '}');
  if (accept(parser, '[')) return parse_list(parser, LIST, ']');
  if (accept(parser, '"')) return reference(parse_text(parser), TEXT);
  if (parse_word(parser, "null")) return (Value){.kind = NOTHING};
  if (parse_word(parser, "true")) return (Value){.kind = YES};
  if (parse_word(parser, "false")) return (Value){.kind = NO};
  if (*parser->at == '-' || (*parser->at >= '0' && *parser->at <= '9'))
    return (Value){.as.number = parse_number(parser), .kind = NUMBER};
  syntax_error(parser, "a value was expected");
  return (Value){.kind = NOTHING}; /* not reached */
}

/* The whole text as one value, owned by the caller. */
static Value parse_document(const char *text, size_t length) {
  Parser parser = {text, text, text + length, 0};
  Value value = parse_value(&parser);
  skip_space(&parser);
  if (parser.at < parser.end) syntax_error(&parser, "nothing may follow the value");
  return value;
}

/* ---- asking a document ---- */

static const char *kind_name(uint32_t kind) {
  switch (kind) {
  case TEXT: return "a text";
  case LIST: return "a list";
  case RECORD: return "a record";
  default: return "something else";
  }
}

/* The member of a record, borrowed; `where` says which record that is. */
static void *member(const Value *record, const char *name, Kind kind, const char *where) {
  const List *list = record->as.reference;
  for (size_t i = 0; i < list->used; i += 2) {
    const Text *key = list->items[i].as.reference;
    if (strcmp(key->bytes, name) != 0) continue;
    if (list->items[i + 1].kind == kind) return list->items[i + 1].as.reference;
    bad_input("not the output of cargo metadata: key \"%s\" of %s is not %s", name, where, kind_name(kind));
  }
  bad_input("not the output of cargo metadata: key \"%s\" of %s is missing", name, where);
  return NULL; /* not reached */
}

/* The i-th of a list, which must be of that kind. */
static const Value *element(const List *list, size_t i, Kind kind, const char *where) {
  if (list->items[i].kind != (uint32_t)kind)
    bad_input("not the output of cargo metadata: number %zu of %s is not %s", i + 1, where, kind_name(kind));
  return &list->items[i];
}

/* ---- the graph ---- */

/* Takes a reference of its own. */
static void link_to(Crates *crates, Crate *crate) {
  if (crates->used == crates->room) {
    crates->room = crates->room ? crates->room * 2 : 4;
    crates->items = must(realloc(crates->items, crates->room * sizeof(Crate *)));
  }
  crates->items[crates->used] = rc_newref(crate);
  crates->used++;
}

static Crate *new_crate(const Value *package) {
  Crate *crate = must(rc_new(crate_type));
  crate->id = rc_newref(member(package, "id", TEXT, "a package"));
  crate->name = rc_newref(member(package, "name", TEXT, "a package"));
  crate->version = rc_newref(member(package, "version", TEXT, "a package"));
  return crate;
}

static int by_id(const void *left, const void *right) {
  return strcmp((*(Crate *const *)left)->id->bytes, (*(Crate *const *)right)->id->bytes);
}

static int compare_to_id(const void *id, const void *crate) {
  return strcmp(id, (*(Crate *const *)crate)->id->bytes);
}

static Crate *find_crate(Graph *graph, const Text *id) {
  Crate **found = bsearch(id->bytes, graph->crates, graph->count, sizeof(Crate *), compare_to_id);
  if (!found) bad_input("the package \"%s\" is in \"resolve\", but not in \"packages\"", id->bytes);
  return *found;
}

static void link_node(Graph *graph, const Value *node) {
  Crate *crate = find_crate(graph, member(node, "id", TEXT, "a node"));
  const List *dependencies = member(node, "dependencies", LIST, "a node");
  for (size_t i = 0; i < dependencies->used; i++) {
    Crate *needed = find_crate(graph, element(dependencies, i, TEXT, "dependencies")->as.reference);
    link_to(&crate->needs, needed);
    link_to(&needed->needed_by, crate);
  }
}

static Graph *build_graph(const Value *document) {
  if (document->kind != RECORD) bad_input("not the output of cargo metadata: it is not a record");
  const List *packages = member(document, "packages", LIST, "the document");
  const Value resolve = reference(member(document, "resolve", RECORD, "the document"), RECORD);
  const List *nodes = member(&resolve, "nodes", LIST, "\"resolve\"");

  Graph *graph = must(rc_new_array(graph_type, packages->used));
  for (size_t i = 0; i < packages->used; i++)
    graph->crates[graph->count++] = new_crate(element(packages, i, RECORD, "packages"));
  qsort(graph->crates, graph->count, sizeof(Crate *), by_id);
  for (size_t i = 0; i < graph->count; i++) graph->crates[i]->index = i;
  for (size_t i = 0; i < nodes->used; i++) link_node(graph, element(nodes, i, RECORD, "nodes"));
  return graph;
}

/* ---- two questions ---- */

static int by_dependents(const void *left, const void *right) {
  const Crate *a = *(Crate *const *)left, *b = *(Crate *const *)right;
  if (a->needed_by.used != b->needed_by.used) return a->needed_by.used < b->needed_by.used ? 1 : -1;
  return strcmp(a->id->bytes, b->id->bytes);
}

static void print_most_needed(const Graph *graph) {
  Crate **sorted = must(malloc((graph->count + 1) * sizeof(Crate *))); /* borrowed */
  memcpy(sorted, graph->crates, graph->count * sizeof(Crate *));
  qsort(sorted, graph->count, sizeof(Crate *), by_dependents);
  printf("Depended on most:\n");
  for (size_t i = 0; i < graph->count && i < TOP && sorted[i]->needed_by.used > 0; i++) {
    const Crate *crate = sorted[i];
    printf("  %4zu crates need %s %s\n", crate->needed_by.used, crate->name->bytes, crate->version->bytes);
  }
  free(sorted);
}

/* The walk that finds the longest chain: depth first, with a stack of its own. */
typedef struct Visit {
  size_t length;    /* of the longest chain from here, once done */
  size_t next_edge; /* to look at */
  Crate *next;      /* in that chain; borrowed */
  enum { UNSEEN, OPEN, DONE } state;
} Visit;

/* Takes one step at the crate on top of the stack; returns the crate to go to, or null when it is done. An
 * edge to an open crate closes a ring (tests may depend on what depends on them) and is left out. */
static Crate *step(Visit *visits, Crate *crate) {
  Visit *visit = &visits[crate->index];
  while (visit->next_edge < crate->needs.used) {
    Crate *needed = crate->needs.items[visit->next_edge];
    const Visit *below = &visits[needed->index];
    if (below->state == UNSEEN) return needed; /* and look at the edge again afterwards */
    visit->next_edge++;
    if (below->state != DONE || below->length < visit->length) continue;
    visit->length = below->length + 1;
    visit->next = needed;
  }
  return NULL;
}

static void walk(Visit *visits, Crate **stack, Crate *from) {
  size_t depth = 0;
  visits[from->index] = (Visit){.length = 1, .state = OPEN};
  stack[depth++] = from;
  while (depth > 0) {
    Crate *next = step(visits, stack[depth - 1]);
    if (next) {
      visits[next->index] = (Visit){.length = 1, .state = OPEN};
      stack[depth++] = next;
    } else {
      visits[stack[--depth]->index].state = DONE;
    }
  }
}

static void print_longest_chain(const Graph *graph) {
  Visit *visits = must(calloc(graph->count + 1, sizeof *visits));
  Crate **stack = must(malloc((graph->count + 1) * sizeof(Crate *)));
  Crate *longest = NULL;
  for (size_t i = 0; i < graph->count; i++) {
    if (visits[i].state == UNSEEN) walk(visits, stack, graph->crates[i]);
    if (!longest || visits[i].length > visits[longest->index].length) longest = graph->crates[i];
  }
  printf("The longest chain of dependencies has %zu crates:\n", longest ? visits[longest->index].length : 0);
  for (Crate *at = longest; at; at = visits[at->index].next)
    printf("  %s %s %s\n", at == longest ? "  " : "->", at->name->bytes, at->version->bytes);
  free(stack);
  free(visits);
}

/* ---- how it ended ---- */

typedef struct Ending {
  uint64_t by_count, by_collector;
  double milliseconds;
} Ending;

static double now_milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static gc_stats stats_of(gc_heap *heap) {
  gc_stats stats = GC_STATS_INIT;
  if (gc_get_stats(heap, &stats) != RC_OK) exit(1);
  return stats;
}

/* Releases an object, or collects when there is none, and says what that ended. */
static Ending end_by(gc_heap *heap, void *released) {
  gc_stats before = stats_of(heap);
  double begin = now_milliseconds();
  if (released) rc_decref(released);
  else (void)gc_collect(heap);
  double end = now_milliseconds();
  gc_stats after = stats_of(heap);
  Ending ending = {.milliseconds = end - begin};
  ending.by_collector = after.reclaimed_objects - before.reclaimed_objects;
  ending.by_count = after.freed_objects - before.freed_objects - ending.by_collector;
  return ending;
}

static void print_ending(const char *what, Ending ending) {
  printf("  %-28s %10llu %13llu %9.3f ms\n", what, (unsigned long long)ending.by_count,
         (unsigned long long)ending.by_collector, ending.milliseconds);
}

int main(int argc, char **argv) {
  if (argc > 2) {
    fputs("usage: cargo metadata --format-version 1 | cargo_graph [metadata.json]\n", stderr);
    return BAD_INPUT;
  }
  gc_heap *heap;
  if (gc_heap_new(NULL, &heap) != RC_OK) {
    fprintf(stderr, "cargo_graph: %s\n", gc_error_message(NULL));
    return 1;
  }
  make_types(heap);

  size_t length;
  char *text = read_input(argc > 1 ? argv[1] : NULL, &length);
  Value document = parse_document(text, length);
  free(text);
  Graph *graph = build_graph(&document);
  gc_stats full = stats_of(heap);
  printf("%zu crates, read from %zu bytes of JSON: %llu objects, %.1f KB\n\n", graph->count, length,
         (unsigned long long)full.live_objects, (double)full.live_bytes / 1e3);

  print_most_needed(graph);
  print_longest_chain(graph);

  printf("\nWhat ended, and how:               by count  by collector       time\n");
  print_ending("the JSON document released", end_by(heap, document.as.reference));
  print_ending("the graph's table released", end_by(heap, graph));
  print_ending("rings of crates collected", end_by(heap, NULL));
  gc_stats empty = stats_of(heap);
  printf("left in the heap: %llu objects, %llu bytes\n", (unsigned long long)empty.live_objects,
         (unsigned long long)empty.live_bytes);
  return gc_heap_free(heap) == 0 ? 0 : 1;
}
