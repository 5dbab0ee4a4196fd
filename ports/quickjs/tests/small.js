// A little of everything that the port has touched, for runs that are slow: a collection at every object, valgrind.
let said = [];
class Base { #secret = 1; get secret() { return this.#secret; } static made = 0; constructor() { Base.made++; } }
class Node2 extends Base { constructor(parent) { super(); this.parent = parent; this.children = []; if (parent) parent.children.push(this); } }
{ const root = new Node2(null); for (let i = 0; i < 5; i++) new Node2(new Node2(root)); said.push(Base.made, root.secret); }
function counter() { let n = 0; return { up: () => ++n, down: () => --n }; }
{ const c = counter(); c.self = c; c.up(); c.up(); said.push(c.down()); }
function* numbers(n) { const held = () => n; for (let i = 0; i < held(); i++) yield i; }
said.push([...numbers(5)].join());
{ const open = numbers(9); open.next(); open.ring = open; }
async function twice(x) { const late = () => x * 2; await null; return late(); }
async function* ticks(n) { for (let i = 0; i < n; i++) { await null; yield i; } }
(async () => {
  let sum = 0;
  for await (const tick of ticks(3)) sum += tick;
  said.push(sum, await twice(21), (await Promise.all([twice(1), twice(2)])).join());
  print(said.join(" | "));
})();
{ const never = new Promise(() => {}); (async () => { await never; })(); }
const keys = [{}, {}, Symbol("key")], weak = new WeakMap(), refs = keys.map(key => new WeakRef(key));
keys.forEach((key, i) => weak.set(key, { i, key: typeof key === "symbol" ? "a ring over a symbol is not found, there neither" : key }));
said.push(weak.get(keys[1]).i, refs.every(ref => ref.deref() !== undefined));
keys.length = 0;
const registry = new FinalizationRegistry(held => { globalThis.finalized = held; });
{ let gone = { ring: null }; gone.ring = gone; registry.register(gone, "held"); registry.register({ other: gone }, gone, {}); }
let text = "";
for (let i = 0; i < 300; i++) text += "añ"[i & 1];
said.push(text.length, text.slice(3, 290).toUpperCase().length, "x".padEnd(2000, "ab").substring(5).length);
said.push((2n ** 300n).toString(36), -(7n ** 90n) / 3n ** 20n % 1000003n);
const map = new Map([[1, "one"], ["two", 2]]), set = new Set([map, map]);
map.set(map, set); for (const [k] of map) if (k === 1) map.delete(k);
said.push(map.size, set.size, JSON.stringify({ a: [1, { b: "c" }], d: null }));
const bytes = new Uint8Array(new ArrayBuffer(16, { maxByteLength: 64 })); bytes.buffer.resize(32); bytes.fill(7);
said.push(bytes.length, /(?<word>w\w+)/g.exec("some words").groups.word, "a-b-c".replace(/-/g, () => "+"));
const proxy = new Proxy({}, { get: (target, name) => name }); said.push(proxy.answer, Reflect.ownKeys({ x: 1, [Symbol.iterator]: 2 }).length);
const wide = {}; for (let i = 0; i < 40; i++) wide["p" + i] = i; for (let i = 0; i < 35; i++) delete wide["p" + i];
said.push(Object.keys(wide).length, Object.getOwnPropertyDescriptor({ get x() { return 1; } }, "x").set === undefined);
try { null.x; } catch (error) { said.push(error.constructor.name, error.stack.length > 0); }
said.push((function () { return arguments.length; })(1, 2, 3), [3, 1, 2].sort((a, b) => a - b).join(""), eval("let q = 1; (() => q + 1)()"));
