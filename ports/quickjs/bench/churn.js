// A live heap of 300,000 objects beside which 3,000,000 die in rings of two.
const live = [];
for (let i = 0; i < 300000; i++) live.push({ id: i, next: live.length ? live[live.length - 1] : null });
let sum = 0;
for (let i = 0; i < 1500000; i++) {
  const one = { id: i, other: null }, two = { id: -i, other: one };
  one.other = two;
  sum += one.other.id;
}
print(live.length, sum);
