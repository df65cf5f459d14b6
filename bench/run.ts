/** `npm run --silent bench NAME`: runs bench/NAME.ts and prints its one JSON document. Progress goes to standard error. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isIsolated, isolateThisProcess } from '../test/fixtures/isolation.ts';
import type { BenchResult } from './result.ts';

const SUPPORT = new Set(['run.ts', 'result.ts']);
/** What is compared with, as `setup/peers` knows it; what cannot be had is left out with a message. */
const PEERS: Readonly<Record<string, readonly string[]>> = {
  api: ['etcd', 'kubernetes-api'], boot: ['containerd', 'etcd', 'kubernetes-api'], memory: ['containerd', 'etcd', 'kubernetes-api'],
  exec: ['podman', 'containerd'], 'pod-memory': ['podman', 'containerd'], 'pod-start': ['podman', 'containerd'], service: ['wrk'], switches: ['wrk'], dns: ['dnsmasq'],
};
const name = process.argv[2] ?? '';
const file = join(import.meta.dirname, `${name}.ts`);
const known = readdirSync(import.meta.dirname).filter((each) => each.endsWith('.ts') && !each.endsWith('.test.ts') && !SUPPORT.has(each)).map((each) => each.slice(0, -3));

if (!/^[a-z][a-z-]*$/.test(name) || !existsSync(file) || !known.includes(name)) {
  console.error(`usage: npm run --silent bench NAME; NAME is one of: ${known.join(', ')}`);
  process.exit(2);
}
// Before the isolation, which leaves no network to fetch them by.
if (!isIsolated()) spawnSync('sh', [join(import.meta.dirname, '../setup/peers'), ...(PEERS[name] ?? [])], { stdio: ['ignore', 2, 2] });
await isolateThisProcess();
const bench = (await import(file)) as { run(): Promise<BenchResult> };
console.log(JSON.stringify(await bench.run(), null, 2));
process.exit(0);
