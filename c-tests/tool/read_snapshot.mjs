// Reads a .heapsnapshot with DevTools' own code (npm heap-snapshot-toolkit) and with memlab, and writes what they find
// as JSON: node read_snapshot.mjs FOLDER_OF_NODE_MODULES RESULT STEP FILE [OTHER_FILE]. Of the nodes every STEPth is told.
// With a second file DevTools compares the two. The result is a file, since memlab talks on standard output.
import { createReadStream, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const [folder, output, step, file, other] = process.argv.slice(2);
const warnings = [];
console.warn = (...words) => warnings.push(words.join(' '));
console.error = (...words) => warnings.push(words.join(' '));

const load = (name) => import(pathToFileURL(path.join(folder, 'node_modules', name)).href);
const { parse, diff } = await load('heap-snapshot-toolkit/index.js');

async function devtools(name) {
  const snapshot = await parse(createReadStream(name, 'utf-8'));
  const fields = snapshot.nodeFieldCount ?? 7;
  const nodes = [];
  let far = 0;
  for (let at = 0; at < snapshot.nodeCount; at++) {
    const node = snapshot.createNode(at * fields);
    if (!(node.distance() >= 0 && node.distance() < 100_000_000)) far++;
    if (at % step === 0) nodes.push([node.id(), node.name(), node.selfSize(), node.retainedSize()]);
  }
  return { snapshot, count: snapshot.nodeCount, total: snapshot.totalSize, statistics: snapshot.getStatistics(), far, nodes };
}

async function memlab(name) {
  const require = createRequire(pathToFileURL(path.join(folder, 'x.js')));
  const { getFullHeapFromFile } = require('@memlab/heap-analysis');
  const heap = await getFullHeapFromFile(name);
  const nodes = [];
  let total = 0;
  let count = 0;
  heap.nodes.forEach((node) => {
    if (count++ % step === 0) nodes.push([node.id, node.name, node.self_size, node.retainedSize]);
    total += node.self_size;
  });
  return { count, total, nodes };
}

const first = await devtools(file);
const { snapshot, ...told } = first;
const result = { devtools: told };
if (other) {
  const second = await devtools(other);
  const changes = await diff(snapshot, second.snapshot);
  result.diff = Object.fromEntries(
    Object.entries(changes).map(([name, of]) => [
      of.name ?? name,
      [of.addedCount, of.removedCount, of.addedSize, of.removedSize],
    ]),
  );
} else {
  result.memlab = await memlab(file);
}
result.warnings = warnings;
writeFileSync(output, JSON.stringify(result));
