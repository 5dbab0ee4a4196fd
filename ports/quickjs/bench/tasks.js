// Async functions, promises and generators.
function* numbers(n) { for (let i = 0; i < n; i++) yield i; }
async function leaf(i) { await null; return i; }
async function node(depth, i) {
  if (depth === 0) return leaf(i);
  const both = await Promise.all([node(depth - 1, 2 * i), node(depth - 1, 2 * i + 1)]);
  return both[0] + both[1];
}
let sum = 0;
for (let round = 0; round < 2000; round++) for (const n of numbers(100)) sum += n;
(async () => {
  for (let i = 0; i < 60; i++) sum += await node(8, i);
  print(sum);
})();
