// Trees without rings: all die by count.
class Tree { constructor(left, right) { this.left = left; this.right = right; } }
function grow(depth) { return depth === 0 ? new Tree(null, null) : new Tree(grow(depth - 1), grow(depth - 1)); }
function count(tree) { return tree.left === null ? 1 : 1 + count(tree.left) + count(tree.right); }
let sum = 0;
for (let i = 0; i < 50; i++) sum += count(grow(14));
print(sum);
