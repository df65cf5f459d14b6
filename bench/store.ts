/** The store by itself: writes to the disk, reads from memory, a restart with many objects; beside SQLite used plainly (one commit a write, FULL). */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { KubeObject } from '../src/api/meta.ts';
import { realClock } from '../src/base/clock.ts';
import { silentLog } from '../src/base/log.ts';
import { openStore, type Store } from '../src/kernel/store/index.ts';
import { figureOf, resultOf, type BenchResult, type Figure } from './result.ts';

const WINDOW_MS = 300;
const WINDOWS = 7;
const MANY = 50_000;

type Figures = Record<string, Figure>;

/** About 1.5 KB as JSON, with the shape of a small pod. */
function pod(name: string): KubeObject {
  const container = { name: 'web', image: 'registry.local/web:1', ports: [{ containerPort: 80, protocol: 'TCP' }], resources: { requests: { cpu: '100m', memory: '64Mi' } } };
  const condition = (type: string) => ({ type, status: 'True', lastProbeTime: null, lastTransitionTime: '2026-01-01T00:00:00Z' });
  return {
    apiVersion: 'v1', kind: 'Pod',
    metadata: { name, namespace: 'default', uid: '9b2d2a3e-6b1c-4e62-9d57-0f8d6a9d2c11', creationTimestamp: '2026-01-01T00:00:00Z', labels: { app: 'web', 'pod-template-hash': '5d4f8c7b9' } },
    spec: { nodeName: 'n1', restartPolicy: 'Always', containers: [container, { ...container, name: 'side' }], note: 'x'.repeat(300) },
    status: { phase: 'Running', podIP: '10.42.0.17', conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map(condition) },
  } as KubeObject;
}

export async function run(): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-bench-store-'));
  try {
    const figures: Figures = {};
    await small(join(folder, 'small'), figures);
    await large(join(folder, 'large'), figures);
    return resultOf('store', figures, { 'plain SQLite': await plainSqlite(join(folder, 'plain.db')) });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const open = (folder: string): Store => openStore({ folder, clock: realClock, log: silentLog });

async function small(folder: string, figures: Figures): Promise<void> {
  const store = open(folder);
  let next = 0;
  const create = (): Promise<unknown> => store.create(`/core/pods/default/p${next}`, pod(`p${next++}`));
  for (const writers of [1, 16, 64]) await closedLoop(`create${writers}`, writers, () => create, figures);
  await closedLoop('update16', 16, (writer) => {
    const key = `/core/pods/default/p${writer}`;
    return () => store.update(key, pod(`p${writer}`), { revision: store.get(key)?.revision ?? 0 });
  }, figures);
  await fanOut(store, figures);
  await store.close();
}

/** So many writers, each with one write under way: operations a second by window, latency, and how long the event loop was held. */
async function closedLoop(name: string, writers: number, body: (writer: number) => () => Promise<unknown>, figures: Figures): Promise<void> {
  const rates: number[] = [];
  const latenciesMs: number[] = [];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  for (let window = 0; window <= WINDOWS; window++) {
    const startMs = performance.now();
    let done = 0;
    await Promise.all(Array.from({ length: writers }, async (_, writer) => {
      const operation = body(writer);
      while (performance.now() - startMs < WINDOW_MS) {
        const beforeMs = performance.now();
        await operation();
        if (window > 0) latenciesMs.push(performance.now() - beforeMs);
        done += 1;
      }
    }));
    // The first window warms up.
    if (window > 0) rates.push((done * 1_000) / (performance.now() - startMs));
    else delay.reset();
  }
  delay.disable();
  figures[name] = figureOf('ops/s', rates);
  figures[`${name}Latency`] = figureOf('ms', latenciesMs);
  // The resolution of the meter itself is about a millisecond.
  figures[`${name}LoopHeld`] = figureOf('ms', [50, 90, 99].map((share) => Math.max(0, delay.percentile(share) / 1e6 - 1)));
}

async function fanOut(store: Store, figures: Figures): Promise<void> {
  const ending = new AbortController();
  let seen = 0;
  for (let index = 0; index < 1_000; index++) store.watch('/core/pods/', { signal: ending.signal }, { event: () => void (seen += 1), error() {} });
  const perEventUs: number[] = [];
  for (let round = 0; round < 50; round++) {
    const before = seen;
    const created = store.create(`/core/pods/fan/p${round}`, pod(`p${round}`));
    const off = store.watch('/core/pods/fan/', { signal: ending.signal }, { event() {}, error() {} });
    void off;
    const beforeMs = performance.now();
    await created;
    perEventUs.push(((performance.now() - beforeMs) * 1_000) / (seen - before));
  }
  ending.abort();
  figures['watch1000'] = figureOf('us/event', perEventUs);
}

async function large(folder: string, figures: Figures): Promise<void> {
  const store = open(folder);
  for (let index = 0; index < MANY; index += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, at) => store.create(`/core/pods/ns${(index + at) % 50}/p${index + at}`, pod(`p${index + at}`))));
    if (index % 5_000 === 0) await store.create(`/core/services/default/s${index}`, pod(`s${index}`));
  }
  const revision = store.revision;
  figures['list1000'] = await timed(200, () => store.list('/core/pods/ns7/', { limit: 1_000 }));
  figures['list1000OfSmallKind'] = await timed(200, () => store.list('/core/services/', { limit: 1_000 }));
  figures['listPage500'] = await timed(200, () => store.list('/core/pods/', { limit: 500, startAfter: '/core/pods/ns30/p5' }));
  await store.create('/core/pods/ns7/new', pod('new'));
  figures['list1000InThePast'] = await timed(50, () => store.list('/core/pods/ns7/', { limit: 1_000, revision }));
  figures['get'] = await timed(200, () => {
    for (let index = 0; index < 1_000; index++) store.get(`/core/pods/ns${index % 50}/p${index}`);
  }, 1_000);
  await store.close();

  const openedMs: number[] = [];
  for (let round = 0; round < 5; round++) {
    const beforeMs = performance.now();
    const again = open(folder);
    openedMs.push(performance.now() - beforeMs);
    await again.close();
  }
  figures['open50000'] = figureOf('ms', openedMs);
  const memory = memoryPerObject(folder);
  figures['heapPerObject'] = figureOf('bytes beside the JSON', [memory.heap]);
  figures['residentPerObject'] = figureOf('bytes beside the JSON', [memory.resident]);
}

/** After a restart in a fresh process, nothing parsed yet. */
function memoryPerObject(folder: string): { heap: number; resident: number } {
  const script = join(import.meta.dirname, 'support', 'store-memory.ts');
  return JSON.parse(execFileSync(process.execPath, ['--expose-gc', '--disable-warning=ExperimentalWarning', script, folder], { encoding: 'utf8' })) as { heap: number; resident: number };
}

async function timed(rounds: number, work: () => unknown, each = 1): Promise<Figure> {
  const tookMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const beforeMs = performance.now();
    work();
    tookMs.push((performance.now() - beforeMs) / each);
    await nextTurn();
  }
  return figureOf('ms', tookMs);
}

/** What SQLite alone does on this disk, one commit a write. */
async function plainSqlite(path: string): Promise<Figures> {
  const db = new DatabaseSync(path);
  db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE objects (revision INTEGER PRIMARY KEY, key TEXT, value BLOB)');
  const insert = db.prepare('INSERT INTO objects (key, value) VALUES (?, ?)');
  const figures: Figures = {};
  let next = 0;
  const create = async (): Promise<void> => {
    insert.run(`/core/pods/default/p${next}`, JSON.stringify(pod(`p${next++}`)));
    await nextTurn();
  };
  for (const writers of [1, 16, 64]) await closedLoop(`create${writers}`, writers, () => create, figures);
  db.close();
  return figures;
}
