/** The documents are in step with the code: links lead somewhere, and every command, key, kind, bench and dependency stands in its reference. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { BUILT_IN_KINDS } from '../src/api/kinds.ts';
import { builtins } from '../src/boot/builtins.ts';
import { COMMANDS } from '../src/cli/commands.ts';

const ROOT = resolve(import.meta.dirname, '..');
const FOLDERS = ['docs', 'src', 'examples', 'test', 'bench'];

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

function filesUnder(folder: string, suffix: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(suffix)).map((name) => join(folder, name));
}

const pages = [...readdirSync(ROOT).filter((name) => name.endsWith('.md')), ...FOLDERS.flatMap((folder) => filesUnder(folder, '.md'))];

test('links between pages lead to files that are there', () => {
  assert.ok(pages.length >= 15, `saw ${pages.length} pages`);
  const broken = pages.flatMap((page) => [...read(page).matchAll(/\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)/g)]
    .map((match) => match[1] ?? '').filter((target) => !existsSync(resolve(ROOT, dirname(page), target))).map((target) => `${page} -> ${target}`));
  assert.deepEqual(broken, []);
});

test('every command and its flags stand in the reference', async () => {
  const text = read('docs/reference/cli.md');
  for (const [name, { load }] of Object.entries(COMMANDS)) {
    assert.match(text, new RegExp(`\`${name}\\b`), `the command ${name}`);
    for (const flag of Object.keys((await load()).flags ?? {})) assert.ok(text.includes(`--${flag}`) || (name === 'apply' && text.includes('`-f FILE`')), `the flag --${flag} of ${name}`);
  }
});

test('every module that is portable stands among those that can be attached', () => {
  const listed = /^- `attach .*?portable modules \(([^)]*)\)/m.exec(read('docs/reference/cli.md'))?.[1]?.split(', ') ?? [];
  assert.deepEqual(listed.toSorted(), builtins.filter(({ portable }) => portable === true).map(({ name }) => name).toSorted());
});

test('every key of the configuration stands in the reference', () => {
  const text = read('docs/reference/configuration.md');
  const keys = [...read('src/boot/config.ts').matchAll(/section\(root\['(\w+)'\], '\w+', \[([^\]]+)\]/g)].flatMap(([, part, names]) => [...(names ?? '').matchAll(/\w+/g)].map(([key]) => `${part}.${key}`));
  assert.ok(keys.length >= 7, `saw ${keys.join(', ')}`);
  for (const key of ['instance', 'nodeName', ...keys]) assert.ok(text.includes(`| \`${key}\` |`), `add ${key} to docs/reference/configuration.md`);
});

test('no key of the configuration stands there twice', () => {
  const keys = [...read('docs/reference/configuration.md').matchAll(/^\| (`[^|]+`) \|/gm)].map(([, key]) => key);
  assert.ok(keys.length >= 20, `saw ${keys.length} keys`);
  assert.deepEqual(keys.filter((key, index) => keys.indexOf(key) < index), []);
});

test('the two READMEs are in step', () => {
  const [english, chinese] = ['README.md', 'README.zh-CN.md'].map(read) as [string, string];
  const shapeOf = (text: string) => ({
    headings: text.match(/^#+ /gm),
    bullets: text.match(/^- /gm)?.length,
    links: [...text.matchAll(/\]\((?!README)([^)]+)\)/g)].map(([, target]) => target),
    blocks: [...text.matchAll(/```[\s\S]*?```/g)].map(([block]) => block),
    figures: text.match(/^\|.*$/gm)?.map((row) => (row.match(/\d(?:[\d,.]*\d)?/g) ?? []).toSorted()),
  });
  assert.deepEqual(shapeOf(chinese), shapeOf(english));
  for (const page of pages.filter((name) => name.startsWith('docs/reference/'))) assert.ok(english.includes(`(${page})`), `README.md does not lead to ${page}`);
});

test('every module stands in the list of modules', () => {
  const listed = [...read('src/modules/README.md').matchAll(/^\| \[([a-z-]+)\]\(/gm)].map(([, name]) => name);
  const folders = readdirSync(join(ROOT, 'src/modules'), { withFileTypes: true }).filter((each) => each.isDirectory()).map(({ name }) => name);
  assert.ok(folders.length >= 30, `saw ${folders.join(', ')}`);
  assert.deepEqual(listed.toSorted(), folders.toSorted());
});

test('every kind stands in the reference', () => {
  const text = read('docs/reference/api.md');
  const served = text.slice(0, text.indexOf('## What is not there yet'));
  for (const { kind } of BUILT_IN_KINDS) assert.ok(new RegExp(`\\b${kind}\\b`).test(served), `add ${kind} to docs/reference/api.md`);
});

test('every field of a module stands in the contract', () => {
  const text = read('docs/reference/module-contract.md');
  for (const [file, name, least] of [['module', 'Module', 10], ['module', 'ModuleContext extends ReconcileContext', 10], ['controller', 'ReconcileContext', 6]] as const) {
    const source = read(`src/sdk/${file}.ts`);
    const start = source.indexOf(`export interface ${name} {`);
    const fields = [...source.slice(start, source.indexOf('\n}', start)).matchAll(/^  (\w+)\??[:(]/gm)].map(([, field]) => field ?? '');
    assert.ok(start >= 0 && fields.length >= least, `saw ${fields.join(', ')}`);
    for (const field of fields) assert.match(text, new RegExp(`\`${field}\\b`), `add ${field} of ${name} to docs/reference/module-contract.md`);
  }
});

test('every bench stands in the reference', () => {
  const text = read('docs/reference/benchmarks.md');
  const benches = readdirSync(join(ROOT, 'bench')).filter((name) => /^[a-z-]+\.ts$/.test(name) && name !== 'run.ts' && name !== 'result.ts');
  for (const name of benches) assert.ok(text.includes(`| \`${name.slice(0, -3)}\` |`), `add ${name} to docs/reference/benchmarks.md`);
});

test('every dependency is used, and stands in the reference', () => {
  const text = read('docs/reference/dependencies.md');
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
  for (const name of Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })) assert.ok(text.includes(name), `add ${name} to docs/reference/dependencies.md`);
  const packages = [...read('setup/packages').replace(/^#.*$/gm, '').matchAll(/[\w./-]+:([\w.-]+)/g)].map((match) => match[1] ?? '');
  assert.ok(packages.length >= 10);
  for (const name of packages) assert.ok(text.includes(name), `add ${name} to docs/reference/dependencies.md`);
  const source = filesUnder('src', '.ts').map(read).join('\n');
  for (const name of Object.keys(dependencies ?? {})) assert.ok(new RegExp(`(from|import\\()\\s*'${name}[/']`).test(source), `${name} is imported by nothing under src; drop it from package.json`);
});

