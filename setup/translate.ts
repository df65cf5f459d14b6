/**
 * Translates the sources into one file (src/base/translated-sources.ts) and loads each once, so that what V8 makes of it lies in Node's compile cache. A process that
 * translates TypeScript keeps the translator (some 10 MiB); this one ends. The launcher calls it after an installation or an update, with the
 * options that it gives llmos: what V8 made under others it would not take.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { flushCompileCache, stripTypeScriptTypes } from 'node:module';
import { join, resolve } from 'node:path';
import { writeTranslatedSources } from '../src/base/translated-sources.ts';

const SOURCE = resolve(import.meta.dirname, '../src');
/** Programs, which would start; what they import is loaded by others. */
const PROGRAMS = new Set(['cli/main.ts', 'boot/module-worker.ts', 'boot/node-agent.ts']);
const cache = process.env['NODE_COMPILE_CACHE'];
if (cache === undefined) throw new Error('NODE_COMPILE_CACHE must say where the translated sources go');

const names = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && !/\.test\.ts$|\.conformance\.ts$|\/testing\//.test(name));
writeTranslatedSources(join(cache, 'sources'), SOURCE, names, translate);
await import('../src/base/resolve-sources.ts');
for (const name of names) if (!PROGRAMS.has(name)) await import(join(SOURCE, name));
flushCompileCache();

/** The lines stay where they are. Types leave blanks; those at the end of a line go, unless they were in the source: they may be part of a text. */
function translate(name: string): string {
  const source = readFileSync(join(SOURCE, name), 'utf8');
  const before = source.split('\n');
  return stripTypeScriptTypes(source).split('\n').map((line, at) => (/[ \t]$/.test(before[at] ?? '') ? line : line.trimEnd())).join('\n');
}
