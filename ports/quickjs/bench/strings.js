// Strings: split, join, replace, keys of a Map, and growing by appending.
const words = [];
for (let i = 0; i < 2000; i++) words.push("word" + (i * 7919 % 1000));
let text = words.join(" "), total = 0;
for (let round = 0; round < 60; round++) {
  const counts = new Map();
  for (const word of text.split(" ")) counts.set(word, (counts.get(word) || 0) + 1);
  let line = "";
  for (const [word, n] of counts) line += word.toUpperCase() + "=" + n + ";";
  total += line.replace(/WORD/g, "w").length + counts.size;
}
const table = new Map();
for (let i = 0; i < 150000; i++) table.set("key" + i, { i });
for (let i = 0; i < 150000; i += 3) table.delete("key" + i);
print(total, table.size);
