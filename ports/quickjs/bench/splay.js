// A splay tree of 8,000 nodes with payload trees, one replaced after the other.
let seed = 49734321;
function random() { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return seed / 0x7fffffff; }
class Node { constructor(key, value) { this.key = key; this.value = value; this.left = null; this.right = null; } }
function payload(depth, tag) {
  if (depth === 0) return { array: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], string: `key ${tag} of a leaf` };
  return { left: payload(depth - 1, tag), right: payload(depth - 1, tag) };
}
class Splay {
  constructor() { this.root = null; }
  splay(key) {
    if (this.root === null) return;
    const dummy = new Node(0, null);
    let left = dummy, right = dummy, current = this.root;
    for (;;) {
      if (key < current.key) {
        if (current.left === null) break;
        if (key < current.left.key) {
          const turn = current.left;
          current.left = turn.right; turn.right = current; current = turn;
          if (current.left === null) break;
        }
        right.left = current; right = current; current = current.left;
      } else if (key > current.key) {
        if (current.right === null) break;
        if (key > current.right.key) {
          const turn = current.right;
          current.right = turn.left; turn.left = current; current = turn;
          if (current.right === null) break;
        }
        left.right = current; left = current; current = current.right;
      } else break;
    }
    left.right = current.left; right.left = current.right;
    current.left = dummy.right; current.right = dummy.left;
    this.root = current;
  }
  insert(key, value) {
    if (this.root === null) { this.root = new Node(key, value); return; }
    this.splay(key);
    if (this.root.key === key) return;
    const node = new Node(key, value);
    if (key > this.root.key) { node.left = this.root; node.right = this.root.right; this.root.right = null; }
    else { node.right = this.root; node.left = this.root.left; this.root.left = null; }
    this.root = node;
  }
  removeNear(key) {
    this.splay(key);
    const gone = this.root;
    if (gone.left === null) this.root = gone.right;
    else { const right = gone.right; this.root = gone.left; this.splay(key); this.root.right = right; }
  }
}
const tree = new Splay();
function fresh() { const key = random(); tree.insert(key, payload(5, key)); return key; }
for (let i = 0; i < 8000; i++) fresh();
for (let i = 0; i < 8000; i++) tree.removeNear(fresh());
print(tree.root !== null);
