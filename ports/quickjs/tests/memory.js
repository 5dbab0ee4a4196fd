// Asks for memory until there is none, both in objects and strings and in blocks of QuickJS's own, and goes on.
function fill(more) {
  const kept = [];
  try { for (;;) kept.push(more(kept.length)); } catch { const count = kept.length; kept.length = 0; return count > 10; }
}
print(fill(i => ({ i, next: { i } })));
print(fill(i => "string " + i));
print(fill(i => new Uint8Array(20000)));
print(fill(i => new Array(3000).fill(i)));
