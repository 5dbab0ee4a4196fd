// Closures that hold each other through the variables that they capture.
function pair(i) {
  let count = i, other = null;
  const self = { up() { count++; return other; }, down() { count--; return self; }, get() { return count; } };
  other = self;
  return self;
}
let sum = 0;
for (let i = 0; i < 250000; i++) { const made = pair(i); made.up(); sum += made.get(); }
print(sum);
