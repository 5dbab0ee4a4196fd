/* trees.js: W1 and W10 as workloads.h defines them, for Node: nothing is counted, nothing is released, V8's
 * collectors find what is dead. Peaks are the process's, as for the JVM.
 */
'use strict';

const { readFileSync } = require('fs');

const CANNOT = 77;
const DEPTH_MIN = 4, DEPTH_MAX = 18;

class Node {
  constructor(value) {
    this.left = null;
    this.right = null;
    this.value = value;
  }
}

function fail(text) {
  console.error(`bench: ${text}`);
  process.exit(1);
}

const size = (depth) => 2 ** (depth + 1) - 1;

function bottomUp(depth) {
  if (depth === 0) return new Node(0);
  const left = bottomUp(depth - 1), right = bottomUp(depth - 1);
  const node = new Node(depth);
  node.left = left;
  node.right = right;
  return node;
}

function populate(depth, node) {
  if (depth <= 0) return;
  node.left = new Node(depth);
  node.right = new Node(depth);
  populate(depth - 1, node.left);
  populate(depth - 1, node.right);
}

function count(node) {
  return node.left === null ? 1 : 1 + count(node.left) + count(node.right);
}

function check(tree, depth) {
  if (count(tree) !== size(depth)) fail(`a tree of depth ${depth} is not whole`);
}

function report(start) {
  const time = process.hrtime.bigint() - start;
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'));
  if (peak === null) fail('no VmHWM in /proc/self/status');
  console.log(`time ${time} ns\npeak ${peak[1] * 1024} bytes`);
}

function binaryTrees() {
  check(bottomUp(DEPTH_MAX + 1), DEPTH_MAX + 1);
  const longLived = bottomUp(DEPTH_MAX);
  for (let depth = DEPTH_MIN; depth <= DEPTH_MAX; depth += 2)
    for (let i = 0; i < 2 ** (DEPTH_MAX - depth + DEPTH_MIN); i++) check(bottomUp(depth), depth);
  check(longLived, DEPTH_MAX);
}

function gcbench() {
  const stretchDepth = 18, longLivedDepth = 16, length = 500 * 1000;
  let last = bottomUp(stretchDepth);
  const longLived = new Node(0);
  populate(longLivedDepth, longLived);
  const doubles = new Float64Array(length);
  for (let i = 0; i < length / 2; i++) doubles[i] = 1 / (i + 1);
  for (let depth = 4; depth <= longLivedDepth; depth += 2) {
    const trees = Math.floor(2 * size(stretchDepth) / size(depth));
    for (let i = 0; i < trees; i++) {
      last = new Node(0);
      populate(depth, last);
    }
    for (let i = 0; i < trees; i++) last = bottomUp(depth);
  }
  if (doubles[1000] !== 1 / 1001) fail('the array has lost a value');
  check(longLived, longLivedDepth);
  return last;
}

const workloads = { W1: binaryTrees, W10: gcbench };
const workload = workloads[process.argv[2]];
if (workload === undefined) {
  console.error('a whole virtual machine is measured with whole programs, W1 and W10');
  process.exit(CANNOT);
}
const start = process.hrtime.bigint();
workload();
report(start);
