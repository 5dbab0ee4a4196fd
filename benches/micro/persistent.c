/* persistent.c: a red-black tree as functional languages have it: insertion gives a new tree, and a node that nobody
 * else holds is changed in place (Okasaki 1999; reuse as in Reinking, Xie, de Moura and Leijen, PLDI 2021).
 *
 *     persistent unique    a million random keys, the tree held once: every node is reused
 *     persistent versions  a hundred thousand, every 64th version kept to the end: what is shared is copied
 *
 * The allocators change their nodes in place without asking, and cannot keep versions.
 */
#include "node.h"

enum { UNIQUE = 1000 * 1000, VERSIONS = 100 * 1000, KEEP_EVERY = 64 };

/* The value of a node: its key, and above it whether it is red. */
#define RED ((uint64_t)1 << 63)

static inline bool is_red(const Node *node) {
  return node != NULL && (node->value & RED) != 0;
}

#ifdef BENCH_RCGC

static inline Node *tree_newref(Node *tree) {
  return rc_newref(tree);
}

/* The node, or a copy of it where somebody else holds it, too. Takes the reference and gives one. */
static inline Node *own(Node *node) {
  if (rc_is_unique(node)) return node;
  Node *copy = node_new();
  copy->value = node->value;
  if (node->left != NULL) copy->left = rc_newref(node->left);
  if (node->right != NULL) copy->right = rc_newref(node->right);
  node_release(node);
  return copy;
}

#else

static Node *tree_newref(Node *tree) {
  (void)tree;
  bench_fail("an allocator keeps no versions");
}

static inline Node *own(Node *node) {
  return node;
}

#endif

/* A red node between two black ones, in the place of a black one with a red child and a red grandchild. */
static Node *balanced(Node *low, Node *middle, Node *high) {
  low->value &= ~RED;
  high->value &= ~RED;
  middle->value |= RED;
  middle->left = low;
  middle->right = high;
  return middle;
}

/* Takes the tree and gives the one with the key in it. The path to the new node is held once afterwards. A slot whose
 * reference was given away is null, since a collection may look at it. */
static Node *inserted(Node *tree, uint64_t key) {
  if (tree == NULL) {
    Node *leaf = node_new();
    leaf->value = key | RED;
    return leaf;
  }
  uint64_t here = tree->value & ~RED;
  if (key == here) return tree;
  tree = own(tree);
  if (key < here) {
    Node *left = tree->left;
    tree->left = NULL;
    left = tree->left = inserted(left, key);
    if (is_red(tree) || !is_red(left)) return tree;
    if (is_red(left->left)) {
      tree->left = left->right;
      return balanced(left->left, left, tree);
    }
    if (is_red(left->right)) {
      Node *middle = left->right;
      left->right = middle->left;
      tree->left = middle->right;
      return balanced(left, middle, tree);
    }
  } else {
    Node *right = tree->right;
    tree->right = NULL;
    right = tree->right = inserted(right, key);
    if (is_red(tree) || !is_red(right)) return tree;
    if (is_red(right->right)) {
      tree->right = right->left;
      return balanced(tree, right, right->right);
    }
    if (is_red(right->left)) {
      Node *middle = right->left;
      tree->right = middle->left;
      right->left = middle->right;
      return balanced(tree, middle, right);
    }
  }
  return tree;
}

static Node *with_key(Node *tree, uint64_t key) {
  tree = inserted(tree, key);
  tree->value &= ~RED;
  return tree;
}

/* The nodes of a tree; fails unless keys rise, no red node has a red child, and all ways down pass as many black ones. */
static size_t checked(const Node *tree, uint64_t low, uint64_t high, int *out_black) {
  *out_black = 0;
  if (tree == NULL) return 0;
  uint64_t key = tree->value & ~RED;
  int left_black, right_black;
  size_t count = 1 + checked(tree->left, low, key, &left_black) + checked(tree->right, key + 1, high, &right_black);
  if (key < low || key >= high || left_black != right_black) bench_fail("the tree is out of order or of balance");
  if (is_red(tree) && (is_red(tree->left) || is_red(tree->right))) bench_fail("a red node has a red child");
  *out_black = left_black + !is_red(tree);
  return count;
}

static size_t must_be_tree(const Node *tree) {
  int black;
  return checked(tree, 0, RED, &black);
}

static uint64_t random_key(void) {
  return (uint64_t)bench_random_below((size_t)1 << 40);
}

static void unique(void) {
  Node *tree = NULL;
  uint64_t start_ns = bench_now_ns();
  for (size_t i = 0; i < UNIQUE; i++) tree = with_key(tree, random_key());
  uint64_t made_ns = bench_now_ns();
  size_t count = must_be_tree(tree);
  uint64_t checked_ns = bench_now_ns();
  tree_release(tree);
  bench_report("insert", (double)(made_ns - start_ns) / UNIQUE, "ns");
  bench_report("drop", (double)(bench_now_ns() - checked_ns) / (double)count, "ns");
}

static void versions(void) {
  Node **kept = bench_table(VERSIONS / KEEP_EVERY + 1, sizeof *kept);
  size_t count = 0;
  Node *tree = NULL;
  uint64_t start_ns = bench_now_ns();
  for (size_t i = 0; i < VERSIONS; i++) {
    tree = with_key(tree, random_key());
    if (i % KEEP_EVERY == 0) kept[count++] = tree_newref(tree);
  }
  bench_report_each("insert", start_ns, VERSIONS);
  for (size_t i = 0; i < count; i += count / 4) (void)must_be_tree(kept[i]);
  (void)must_be_tree(tree);
  for (size_t i = 0; i < count; i++) tree_release(kept[i]);
  tree_release(tree);
}

int main(int argc, char **argv) {
  const char *name = argc == 2 ? argv[1] : "";
  bench_pin();
  bench_open();
  if (strcmp(name, "unique") == 0) unique();
  else if (strcmp(name, "versions") == 0) versions();
  else bench_fail("usage: persistent unique | versions");
#ifdef BENCH_RCGC
  if (gc_heap_free(bench_heap) != 0) bench_fail("nodes were left");
#endif
  return 0;
}
