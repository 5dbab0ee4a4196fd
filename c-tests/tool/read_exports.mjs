// Opens exports in the programs that they are for: read_exports.mjs NODE_MODULES COMMAND FILE...; writes JSON.
//
//   speedscope FILE   speedscope's schema, by ajv
//   trace FILE        the trace engine of Chrome's Performance panel
import {readFileSync, readdirSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';

const [modules, command, file] = process.argv.slice(2);
const require = createRequire(join(modules, 'package.json'));
const content = JSON.parse(readFileSync(file, 'utf8'));
const warnings = [];
console.warn = console.error = (...words) => warnings.push(words.join(' '));

function speedscope() {
  const Ajv = require('ajv');
  const folder = join(modules, 'node_modules/speedscope/dist/release');
  const name = readdirSync(folder).find(name => /^file-format-schema.*\.json$/.test(name));
  const schema = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  const ajv = new (Ajv.default ?? Ajv)({strict: false});
  const validate = ajv.compile(schema);
  const valid = validate(content);
  return {valid, errors: validate.errors};
}

async function trace() {
  globalThis.DOMRect = class DOMRect {
    constructor(x = 0, y = 0, width = 0, height = 0) {
      Object.assign(this, {x, y, width, height});
    }
    static fromRect(other) {
      return new DOMRect(other?.x, other?.y, other?.width, other?.height);
    }
  };
  const root = join(modules, 'node_modules/@paulirish/trace_engine');
  const main = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).main;
  const Trace = await import(pathToFileURL(join(root, main)));
  const engine = Trace.Processor.TraceProcessor.createWithAllHandlers();
  await engine.parse(content.traceEvents, {});
  const data = engine.data ?? engine.parsedTrace;
  const slices = [];
  const {Renderer, Meta} = data;
  for (const of of Renderer.processes.values()) {
    for (const thread of of.threads.values()) {
      for (const entry of thread.entries) slices.push([entry.name, entry.ts, entry.dur ?? 0]);
    }
  }
  return {
    slices,
    depth: Math.max(0, ...[...Renderer.processes.values()].flatMap(
        of => [...of.threads.values()].map(thread => thread.tree?.maxDepth ?? 0))),
    names: [...Meta.threadsInProcess.values()].flatMap(of => [...of.values()].map(thread => thread.args.name)),
    bounds: Meta.traceBounds,
  };
}

const result = await {speedscope, trace}[command]();
process.stdout.write(JSON.stringify({...result, warnings}));
