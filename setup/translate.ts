/**
 * Loads every source once, so that what Node makes of it lies in its compile cache. A process that translates TypeScript keeps the translator
 * (some 20 MiB); this one ends, and llmos starts from the cache. The launcher calls it after an installation or an update.
 */
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { flushCompileCache } from 'node:module';

const SOURCE = resolve(import.meta.dirname, '../src');
/** Programs, which would start; what they import is loaded by others. */
const PROGRAMS = new Set(['cli/main.ts', 'boot/module-worker.ts', 'boot/node-agent.ts']);

for (const name of readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.ts') || /\.test\.ts$|\.conformance\.ts$|\/testing\//.test(name) || PROGRAMS.has(name)) continue;
  await import(join(SOURCE, name));
}
flushCompileCache();
