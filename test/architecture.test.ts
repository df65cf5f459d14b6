/** The import graph obeys the floors: who may import whom is written here once, and a circle or a forbidden arrow fails. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '..');
const SOURCE = join(ROOT, 'src');

/** Each floor and the floors that it may import; a floor may always import itself. The longest matching name is a file's floor. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  api: [],
  base: [],
  sdk: ['api', 'base'],
  'kernel/store': ['api', 'base', 'sdk'],
  'kernel/apiserver': ['api', 'base', 'sdk', 'kernel/store'],
  'kernel/loader': ['api', 'base', 'sdk'],
  modules: ['api', 'base', 'sdk'],
  boot: ['api', 'base', 'sdk', 'kernel/store', 'kernel/apiserver', 'kernel/loader', 'modules'],
  sim: ['api', 'base', 'sdk', 'modules'],
  cli: ['api', 'base', 'sdk', 'boot', 'sim'],
};

/** Packages and Node modules that a floor may not use: api is pure. */
const PURE_FLOORS = new Set(['api']);
const IO_MODULES = /^node:(fs|net|http|http2|https|tls|child_process|dgram|worker_threads|sqlite|dns)/;
/** The reader of the schema facts reads the generated file that lies beside it; no other file of the api floor may read one. */
const READS_ITS_OWN_FILE = 'src/api/facts/fact-type.ts -> node:fs';

interface Import {
  from: string;
  specifier: string;
  to: string | undefined;
  typeOnly: boolean;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => join(folder, name));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
  const found: Import[] = [];
  for (const match of text.matchAll(/^\s*(?:import|export)\s+(type\s+)?[^;'"]*?from\s+['"]([^'"]+)['"]|^\s*import\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/gm)) {
    const specifier = match[2] ?? match[3] ?? match[4] ?? '';
    found.push({ from: file, specifier, to: specifier.startsWith('.') ? resolve(dirname(file), specifier) : undefined, typeOnly: match[1] !== undefined });
  }
  return found;
}

function floorOf(file: string): string {
  const path = relative(SOURCE, file);
  return Object.keys(MAY_IMPORT).filter((floor) => path.startsWith(`${floor}/`)).sort((a, b) => b.length - a.length)[0] ?? '';
}

function moduleOf(file: string): string | undefined {
  return /^modules\/([^/]+)\//.exec(relative(SOURCE, file))?.[1];
}

const files = sourceFiles(SOURCE);
const production = files.filter((file) => !file.endsWith('.test.ts'));
const imports = production.flatMap(importsOf);

test('the graph was read in whole', () => {
  assert.ok(production.length >= 100, `saw ${production.length} files`);
  assert.ok(imports.length >= 300, `saw ${imports.length} imports`);
  for (const file of production) assert.notEqual(floorOf(file), '', `${relative(ROOT, file)} is on no floor`);
});

test('no arrow goes up or across', () => {
  const forbidden = imports.filter(({ from, to }) => {
    if (to === undefined || !to.startsWith(SOURCE)) return false;
    const [fromFloor, toFloor] = [floorOf(from), floorOf(to)];
    if (fromFloor === toFloor) return moduleOf(from) !== moduleOf(to);
    return !(MAY_IMPORT[fromFloor] ?? []).includes(toFloor);
  });
  assert.deepEqual(forbidden.map(({ from, specifier }) => `${relative(ROOT, from)} -> ${specifier}`), []);
});

test('the tests of a module reach into no other either', () => {
  const tests = files.filter((file) => file.endsWith('.test.ts') && moduleOf(file) !== undefined);
  assert.ok(tests.length >= 20, `saw ${tests.length} files`);
  const wrong = tests.flatMap(importsOf).filter(({ from, to }) => to !== undefined && moduleOf(to) !== undefined && moduleOf(to) !== moduleOf(from));
  assert.deepEqual(wrong.map(({ from, specifier }) => `${relative(ROOT, from)} -> ${specifier}`), []);
});

test('boot reaches into a module only by its module.ts', () => {
  const reaching = imports.filter(({ from, to }) => to !== undefined && moduleOf(to) !== undefined && moduleOf(from) === undefined && floorOf(from) === 'boot');
  const wrong = reaching.filter(({ to }) => !/\/module\.ts$/.test(to ?? ''));
  assert.deepEqual(wrong.map(({ from, specifier }) => `${relative(ROOT, from)} -> ${specifier}`), []);
});

test('the simulator reaches into the queue, the scheduler and the autoscaler alone, and only for what has neither input nor output', () => {
  const reaching = imports.filter(({ from, to }) => to !== undefined && floorOf(from) === 'sim' && moduleOf(to) !== undefined);
  assert.ok(reaching.length > 0);
  const wrong = reaching.filter(({ to }) => !/^modules\/(queue\/(policy|prediction)\/|scheduler\/(framework\/|profile\.ts$)|horizontal-pod-autoscaler\/predictive\/)/.test(relative(SOURCE, to ?? '')));
  assert.deepEqual(wrong.map(({ from, specifier }) => `${relative(ROOT, from)} -> ${specifier}`), []);
});

test('the api floor is pure', () => {
  const impure = imports.filter(({ from, specifier }) => PURE_FLOORS.has(floorOf(from)) && IO_MODULES.test(specifier));
  assert.deepEqual(impure.map(({ from, specifier }) => `${relative(ROOT, from)} -> ${specifier}`), [READS_ITS_OWN_FILE]);
});

test('imports that run make no circle', () => {
  const graph = new Map<string, string[]>();
  for (const { from, to, typeOnly } of imports) if (to !== undefined && !typeOnly) graph.set(from, [...(graph.get(from) ?? []), to]);
  const done = new Set<string>();
  const visit = (file: string, path: string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const circle = visit(next, [...path, file]);
      if (circle !== undefined) return circle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const circle = visit(file, []);
    assert.equal(circle?.map((each) => relative(ROOT, each)).join(' -> '), undefined);
  }
});
