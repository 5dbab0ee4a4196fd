## Nim with ORC: counts, and trial deletion of what was buffered when a count fell. W1 to W12 as workloads.h,
## collecting.h and graph.h define them.
##
## What died is seen by the bytes that the allocator has handed out: a hook on nodes would make them larger.

import std/[bitops, monotimes, os, strutils]

type
  Node = ref object
    left, right: Node
    value: uint64

const million = 1_000_000

template barrier() =
  {.emit: "__asm__ volatile(\"\" : : : \"memory\");".}

proc fail(text: string) {.noreturn.} =
  stderr.writeLine "bench: " & text
  quit 1

proc cannot(reason: string) {.noreturn.} =
  stderr.writeLine reason
  quit 77

proc exitNow(status: cint) {.importc: "_exit", header: "<unistd.h>", noreturn.}

## Ends the process as it is: nobody looks again at what is left alive.
proc quitNow() {.noreturn.} =
  stdout.flushFile()
  exitNow(0)

proc report(name: string, value: float, unit: string) =
  echo name, " ", formatFloat(value, ffScientific, 6), " ", unit

proc nowNs(): int64 =
  getMonoTime().ticks

proc reportEach(name: string, startNs: int64, operations: int) =
  report(name, float(nowNs() - startNs) / float(operations), "ns")

proc procBytes(path, label: string): float =
  for line in lines(path):
    if line.startsWith(label):
      return parseFloat(line.splitWhitespace[1]) * 1024
  fail "no " & label & " in " & path

proc peakBytes(): float = procBytes("/proc/self/status", "VmHWM:")
proc residentBytes(): float = procBytes("/proc/self/status", "VmRSS:")

# ---- random numbers: xorshift64*, those of all peers ----

var state = 0x9e3779b97f4a7c15'u64

proc below(limit: int): int {.inline.} =
  state = state xor (state shr 12)
  state = state xor (state shl 25)
  state = state xor (state shr 27)
  int(((state * 0x2545f4914f6cdd1d'u64) shr 32) * uint64(limit) shr 32)

proc shuffle(table: var seq[Node]) =
  for i in countdown(table.high, 1):
    swap table[i], table[below(i + 1)]

# ---- how many nodes live ----

var bytesAtStart, nodeBytesEach: int

## Nodes that have not died, by the bytes in use beside those of tables.
proc live(): int =
  (getOccupiedMem() - bytesAtStart) div nodeBytesEach

## A block of the allocator's own may have come or gone.
proc liveMustBe(expected: int) =
  if abs(live() - expected) > 1000: fail $live() & " nodes live, not " & $expected

proc open() =
  var first = newSeq[Node](1000)
  let before = getOccupiedMem()
  for node in first.mitems: node = Node()
  nodeBytesEach = (getOccupiedMem() - before) div 1000
  first = @[]
  bytesAtStart = getOccupiedMem()

## What a table takes is not a node's.
proc newTable(count: int): seq[Node] =
  let before = getOccupiedMem()
  result = newSeq[Node](count)
  bytesAtStart += getOccupiedMem() - before

# ---- W1, W10: trees ----

proc treeSize(depth: int): int = (1 shl (depth + 1)) - 1

proc bottomUp(depth: int): Node =
  if depth == 0: return Node()
  let left = bottomUp(depth - 1)
  let right = bottomUp(depth - 1)
  Node(left: left, right: right, value: uint64(depth))

proc populate(depth: int, node: Node) =
  if depth == 0: return
  node.left = Node(value: uint64(depth))
  node.right = Node(value: uint64(depth))
  populate(depth - 1, node.left)
  populate(depth - 1, node.right)

proc check(node: Node): int =
  if node.left == nil: 1 else: 1 + check(node.left) + check(node.right)

proc mustBeWhole(tree: Node, depth: int) =
  if check(tree) != treeSize(depth): fail "a tree of depth " & $depth & " is not whole"

proc reportProgram(startNs: int64) =
  reportEach("time", startNs, 1)
  report("peak", peakBytes(), "bytes")

proc binaryTrees() =
  const depthMin = 4
  const depthMax = 18
  let startNs = nowNs()
  block:
    mustBeWhole(bottomUp(depthMax + 1), depthMax + 1)
  var longLived = bottomUp(depthMax)
  for depth in countup(depthMin, depthMax, 2):
    for _ in 1 .. 1 shl (depthMax - depth + depthMin):
      mustBeWhole(bottomUp(depth), depth)
  mustBeWhole(longLived, depthMax)
  longLived = nil
  reportProgram(startNs)

proc topDown(depth: int): Node =
  result = Node()
  populate(depth, result)

proc gcbench() =
  const stretchDepth = 18
  const longLivedDepth = 16
  let startNs = nowNs()
  block:
    discard bottomUp(stretchDepth)
  var longLived = topDown(longLivedDepth)
  var doubles = newSeq[float](500_000)
  for i in 0 ..< 250_000: doubles[i] = 1.0 / float(i + 1)
  for depth in countup(4, longLivedDepth, 2):
    let trees = 2 * treeSize(stretchDepth) div treeSize(depth)
    for _ in 1 .. trees: discard topDown(depth)
    for _ in 1 .. trees: discard bottomUp(depth)
  if doubles[1000] != 1.0 / 1001.0: fail "the array has lost a value"
  mustBeWhole(longLived, longLivedDepth)
  longLived = nil
  reportProgram(startNs)

# ---- W2: counts ----

## The copy is the caller's variable: one of the procedure's own would be taken for a borrowed name.
template pair(copy: var Node, node: Node) =
  copy = node
  barrier()
  copy = nil
  barrier()

proc pairsOnOne(copy: var Node, node: Node, count: int) {.noinline.} =
  for _ in 1 .. count: pair(copy, node)

proc pairsOnAll(copy: var Node, table: seq[Node]) {.noinline.} =
  for i in 0 .. table.high: pair(copy, table[i])

proc filled(count: int): seq[Node] =
  result = newTable(count)
  for i in 0 ..< count: result[i] = Node(value: uint64(i))

proc countHot() =
  const pairs = 100 * million
  GC_disableOrc()
  var node = Node()
  var copy: Node
  pairsOnOne(copy, node, pairs div 20)
  let startNs = nowNs()
  pairsOnOne(copy, node, pairs)
  reportEach("pair", startNs, pairs)

proc countRandom() =
  GC_disableOrc()
  var table = filled(million)
  var copy: Node
  shuffle(table)
  pairsOnAll(copy, table)
  let startNs = nowNs()
  for _ in 1 .. 10: pairsOnAll(copy, table)
  reportEach("pair", startNs, 10 * million)
  for i in 0 ..< million: table[i] = nil
  GC_fullCollect() # gives the buffer of candidates back
  liveMustBe(0)
  quitNow()

# ---- W3: allocation and release ----

proc makeAndDrop(count: int) {.noinline.} =
  var node: Node
  for i in 1 .. count:
    node = Node(value: uint64(i))
    barrier()
    node = nil

proc allocHot() =
  const pairs = 20 * million
  GC_disableOrc()
  makeAndDrop(pairs div 20)
  let startNs = nowNs()
  makeAndDrop(pairs)
  reportEach("pair", startNs, pairs)

proc allocBulk(shuffled: bool) =
  GC_disableOrc()
  var table = newTable(million)
  var startNs = nowNs()
  for i in 0 ..< million: table[i] = Node(value: uint64(i))
  reportEach("make", startNs, million)
  if shuffled: shuffle(table)
  startNs = nowNs()
  for i in 0 ..< million: table[i] = nil
  reportEach("release", startNs, million)
  liveMustBe(0)
  quitNow()

# ---- W4, W5: dead rings ----

proc collectAndReport(name: string, count, expected: int) =
  let startNs = nowNs()
  GC_fullCollect()
  reportEach(name, startNs, count)
  liveMustBe(expected)

proc makeRings(length: int) {.noinline.} =
  for made in countup(0, million - 1, length):
    let first = Node(value: uint64(made))
    var last = first
    for i in 1 ..< length:
      let node = Node(value: uint64(made + i))
      last.left = node
      last = node
    last.left = first

proc rings(length: int) =
  GC_disableOrc()
  let startNs = nowNs()
  makeRings(length)
  reportEach("make", startNs, million)
  collectAndReport("collect", million, 0)

proc makeGiantRing(table: var seq[Node]) {.noinline.} =
  for i in 0 ..< million: table[i] = Node(value: uint64(i))
  for i in 0 ..< million:
    table[i].left = table[(i + 1) mod million]
    table[i].right = table[below(million)]
  for i in 0 ..< million: table[i] = nil

proc giantRing() =
  GC_disableOrc()
  var table = newTable(million)
  let startNs = nowNs()
  makeGiantRing(table)
  reportEach("make", startNs, million)
  collectAndReport("collect", million, 0)
  quitNow()

# ---- W6, W9: a live graph ----

proc randomGraph(count: int): seq[Node] =
  result = filled(count)
  for i in 0 ..< count:
    result[i].left = result[below(count)]
    result[i].right = result[below(count)]

proc liveGraph(count: int) =
  GC_disableOrc()
  var table = randomGraph(count)
  var copy: Node
  collectAndReport("first", count, count)
  collectAndReport("again", count, count)
  pairsOnOne(copy, table[count div 2], 1)
  collectAndReport("one_touched", count, count)
  pairsOnAll(copy, table)
  collectAndReport("all_touched", count, count)
  quitNow()

proc nodeBytes() =
  const count = 4 * million
  GC_disableOrc()
  makeAndDrop(1)
  let before = residentBytes() + float(count * sizeof(Node))
  var table = randomGraph(count)
  report("node", (residentBytes() - before) / float(count), "bytes")
  if table[0] == nil: fail "the table is empty"
  quitNow()

# ---- W7: churn over a million live nodes ----

const
  held = 500_000
  slotCount = 250_000
  steps = 5 * million
  parts = 16

var
  buckets: array[64 * parts, int64]
  longestNs: int64

proc addStep(ns: int64) {.inline.} =
  if ns > longestNs: longestNs = ns
  if ns < parts:
    inc buckets[ns]
  else:
    let exponent = 63 - countLeadingZeroBits(uint64(ns))
    inc buckets[(exponent - 3) * parts + int((ns shr (exponent - 4)) and (parts - 1))]

proc percentileNs(part: float): float =
  var seen: int64
  for bucket in 0 .. buckets.high:
    seen += buckets[bucket]
    if float(seen) >= part * float(steps):
      if bucket < parts: return float(bucket)
      let exponent = bucket div parts + 3
      return float(int64(parts + bucket mod parts) shl (exponent - 4))

proc churnRing(graph: seq[Node]): Node =
  result = Node(value: 1)
  let second = Node(value: 2)
  second.left = result
  result.right = graph[below(held)]
  second.right = graph[below(held)]
  result.left = second

proc churn() =
  var graph = randomGraph(held)
  var slots = newTable(slotCount)
  for slot in slots.mitems: slot = churnRing(graph)
  let startNs = nowNs()
  var lastNs = startNs
  for _ in 1 .. steps:
    slots[below(slotCount)] = churnRing(graph)
    let now = nowNs()
    addStep(now - lastNs)
    lastNs = now
  report("step", float(lastNs - startNs) / float(steps), "ns")
  report("longest", float(longestNs), "ns")
  report("p99", percentileNs(0.99), "ns")
  report("p999", percentileNs(0.999), "ns")
  report("p9999", percentileNs(0.9999), "ns")
  report("peak", peakBytes(), "bytes")
  GC_fullCollect()
  collectAndReport("aged", held + 2 * slotCount, held + 2 * slotCount)
  quitNow()

# ---- W8: depth ----

proc chain() =
  const count = 10 * million
  var startNs = nowNs()
  var head = Node()
  var last = head
  for i in 1 ..< count:
    let node = Node(value: uint64(i))
    last.left = node
    last = node
  last = nil
  reportEach("make", startNs, count)
  if head.left == nil: fail "the chain has come apart"
  startNs = nowNs()
  head = nil
  reportEach("drop", startNs, count)

# ---- W12: dependency graphs with churn; strings are values in Nim, so each crate has its own ----

const
  crateCount = 1000
  needsMax = 7
  updateCount = crateCount div 10
  planCount = 8
  graphCount = 32
  roundCount = 1500

type
  PlannedCrate = object
    name, version: string
    needs: seq[int]

  Plan = object
    crates: seq[PlannedCrate]
    updates: seq[(int, string)]

  Crate = ref object
    name, version: string
    needs, neededBy: seq[Crate]
    index: int

var planState = 12345'i64

proc planBelow(limit: int): int =
  planState = planState * 48271 mod 2147483647
  int(planState mod limit)

proc planName(): string =
  for _ in 1 .. 4 + planBelow(13): result.add chr(ord('a') + planBelow(26))

proc planVersion(): string =
  result = $planBelow(10) & "."
  result.add $planBelow(40) & "."
  result.add $planBelow(20)

proc planMake(): Plan =
  for i in 0 ..< crateCount:
    var crate: PlannedCrate
    crate.name = planName()
    crate.version = planVersion()
    let needs = planBelow(needsMax + 1)
    if i > 0:
      for _ in 1 .. needs: crate.needs.add planBelow(1 + planBelow(i))
    result.crates.add crate
  for _ in 1 .. updateCount:
    let index = planBelow(crateCount)
    result.updates.add (index, planVersion())

proc build(plan: Plan): seq[Crate] =
  result = newSeqOfCap[Crate](crateCount)
  for i, planned in plan.crates:
    let crate = Crate(name: planned.name, version: planned.version, index: i)
    for needed in planned.needs:
      crate.needs.add result[needed]
      result[needed].neededBy.add crate
    result.add crate

proc textSum(text: string): int =
  for letter in text: result += ord(letter)

proc query(graph: seq[Crate]): int =
  var lengths: array[crateCount, int]
  var longest, most = 0
  for i in 0 ..< crateCount:
    if graph[i].neededBy.len > graph[most].neededBy.len: most = i
    lengths[i] = 1
    for j in 0 ..< graph[i].needs.len:
      lengths[i] = max(lengths[i], 1 + lengths[graph[i].needs[j].index])
    longest = max(longest, lengths[i])
  graph[most].neededBy.len * 7 + longest + textSum(graph[most].name) + textSum(graph[most].version)

proc replace(edges: var seq[Crate], before, after: Crate) =
  for i in 0 ..< edges.len:
    if edges[i] == before:
      edges[i] = after
      return
  fail "an edge has only one end"

proc update(graph: var seq[Crate], index: int, version: string) =
  let before = graph[index]
  let after = Crate(name: before.name, version: version, index: index)
  for i in 0 ..< before.needs.len:
    let needed = before.needs[i]
    after.needs.add needed
    replace(needed.neededBy, before, after)
  for i in 0 ..< before.neededBy.len:
    let user = before.neededBy[i]
    after.neededBy.add user
    replace(user.needs, before, after)
  graph[index] = after

proc graphWithChurn() =
  var plans: seq[Plan]
  for _ in 1 .. planCount: plans.add planMake()
  var graphs = newSeq[seq[Crate]](graphCount)
  for i in 0 ..< graphCount: graphs[i] = build(plans[i mod planCount])
  var sum = 0
  let startNs = nowNs()
  var lastNs = startNs
  for round in 0 ..< roundCount:
    let slot = planBelow(graphCount)
    graphs[slot] = @[]
    graphs[slot] = build(plans[round mod planCount])
    sum = (sum * 31 + query(graphs[slot])) mod 1000003
    for (index, version) in plans[round mod planCount].updates: update(graphs[slot], index, version)
    sum = (sum * 31 + query(graphs[slot])) mod 1000003
    let now = nowNs()
    longestNs = max(longestNs, now - lastNs)
    lastNs = now
  reportEach("crate", startNs, roundCount * crateCount)
  report("longest", float(longestNs), "ns")
  report("peak", peakBytes(), "bytes")
  report("checksum", float(sum), "sum")
  quitNow()

open()
case paramStr(1)
of "W1": binaryTrees()
of "W2-hot": countHot()
of "W2-random": countRandom()
of "W3-hot": allocHot()
of "W3-order": allocBulk(false)
of "W3-random": allocBulk(true)
of "W4-2": rings(2)
of "W4-10": rings(10)
of "W5": giantRing()
of "W6-1M": liveGraph(million)
of "W6-4M": liveGraph(4 * million)
of "W7": churn()
of "W8": chain()
of "W9": nodeBytes()
of "W10": gcbench()
of "W11-shared", "W11-own": cannot "its counts are not atomic"
of "W12": graphWithChurn()
else: fail "no workload is called \"" & paramStr(1) & "\""
GC_fullCollect()
liveMustBe(0)
