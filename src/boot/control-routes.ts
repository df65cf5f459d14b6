/** What `llmos status`, `module` and `down` ask of the running system, under /llmos/v1, for administrators. */
import type { IncomingMessage } from 'node:http';
import { ApiError } from '../api/errors.ts';
import type { ModuleStatus } from '../kernel/loader/index.ts';
import type { Route, RouteRequest } from '../sdk/module.ts';
import type { NodeView } from './further-nodes.ts';
import type { Phase } from './phases.ts';
import type { SnapshotChange, SnapshotView } from './snapshot-view.ts';

export type ModuleView = ModuleStatus;

export interface StatusView {
  version: string;
  instance: string;
  nodeName: string;
  pid: number;
  uptimeSeconds: number;
  phases: readonly Phase[];
  modules: readonly ModuleView[];
  memory: { rssBytes: number; heapUsedBytes: number };
  store: { revision: number; objects: number; diskBytes: number };
  addresses: Readonly<Record<string, string>>;
}

export interface Controls {
  status(): StatusView;
  loadModule(what: { name?: string; file?: string }): Promise<void>;
  unloadModule(name: string): Promise<void>;
  /** Those beside the first one. */
  nodes(): NodeView[];
  startNode(name: string): Promise<void>;
  /** As if its machine had lost power, but that its containers run on. */
  loseNode(name: string): void;
  /** Begins the way down; settles at once. */
  down(): void;
  backup(file: string): Promise<void>;
  snapshots: SnapshotControls;
}

export interface SnapshotControls {
  list(): SnapshotView[];
  take(name: string): Promise<SnapshotView>;
  delete(name: string): Promise<void>;
  diff(name: string): Promise<SnapshotChange[]>;
  /** Gives how many objects changed. */
  restore(name: string): Promise<number>;
}

const MOST_BODY_BYTES = 64 * 1024;

export function controlRoutes(controls: Controls): Route[] {
  return [{ path: '/llmos/v1', methods: ['GET', 'POST', 'DELETE'], handle: (request) => answer(controls, request) }];
}

async function answerSnapshots({ snapshots }: Controls, call: string, { http, rest }: RouteRequest): Promise<unknown> {
  const [, name = '', verb = ''] = rest.split('/').map(decodeURIComponent);
  switch (`${call} ${verb}`.trim()) {
    case 'GET snapshots':
      return { snapshots: snapshots.list() };
    case 'POST snapshots':
      return clearly(snapshots.take(String(((await readJson(http)) as { name?: unknown }).name ?? '')));
    case 'DELETE snapshots':
      await clearly(snapshots.delete(name));
      return {};
    case 'GET snapshots diff':
      return { changes: await clearly(snapshots.diff(name)) };
    case 'POST snapshots restore':
      return { changed: await clearly(snapshots.restore(name)) };
    default:
      throw new ApiError('NotFound', `there is no '${call} ${verb}' under /llmos/v1/snapshots`);
  }
}

async function answer(controls: Controls, request: RouteRequest): Promise<void> {
  const { response, method, rest } = request;
  if (response === undefined) throw new ApiError('BadRequest', 'this path cannot be upgraded');
  const body = await decide(controls, `${method} ${rest.split('/')[0] ?? ''}`, request);
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function decide(controls: Controls, call: string, request: RouteRequest): Promise<unknown> {
  switch (call) {
    case 'GET status':
      return controls.status();
    case 'GET modules':
      return { modules: controls.status().modules };
    case 'POST modules':
      await clearly(controls.loadModule((await readJson(request.http)) as { name?: string; file?: string }));
      return {};
    case 'DELETE modules':
      await clearly(controls.unloadModule(decodeURIComponent(request.rest.split('/')[1] ?? '')));
      return {};
    case 'GET nodes':
      return { nodes: controls.nodes() };
    case 'POST nodes':
      await clearly(controls.startNode(decodeURIComponent(request.rest.split('/')[1] ?? '')));
      return {};
    case 'DELETE nodes':
      await clearly(Promise.resolve().then(() => controls.loseNode(decodeURIComponent(request.rest.split('/')[1] ?? ''))));
      return {};
    case 'POST down':
      controls.down();
      return {};
    case 'POST backup':
      await clearly(controls.backup(String(((await readJson(request.http)) as { file?: unknown }).file ?? '')));
      return {};
    default:
      if (call.endsWith(' snapshots')) return answerSnapshots(controls, call, request);
      throw new ApiError('NotFound', `there is no '${call}' under /llmos/v1`);
  }
}

/** What goes wrong in a call is the caller's to read. */
async function clearly<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof ApiError ? error : new ApiError('BadRequest', (error as Error).message);
  }
}

async function readJson(http: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of http as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BODY_BYTES) throw new ApiError('RequestEntityTooLarge', `the body may have at most ${MOST_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}');
  } catch {
    throw new ApiError('BadRequest', 'the body is not JSON');
  }
}
