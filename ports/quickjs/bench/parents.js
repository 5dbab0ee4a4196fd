// Trees with parent links: every tree is one ring, which a collection must find.
class Tree {
  constructor(parent, depth) {
    this.parent = parent;
    this.left = depth > 0 ? new Tree(this, depth - 1) : null;
    this.right = depth > 0 ? new Tree(this, depth - 1) : null;
  }
}
function count(tree) { return tree === null ? 0 : 1 + count(tree.left) + count(tree.right); }
let sum = 0;
for (let i = 0; i < 400; i++) sum += count(new Tree(null, 10));
print(sum);
