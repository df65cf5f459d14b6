/** Concurrent clients on few keys, through the store and through the door: every history must be that of registers. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ConfigMap, Namespace } from '../../src/api/kinds.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { openDoor } from '../../src/kernel/apiserver/testing/open-door.ts';
import { isStoreError, openStore } from '../../src/kernel/store/index.ts';
import { isLinearizable, register, type Operation, type RegisterInput, type RegisterOutput } from './linearizability.ts';
import { budget, withSeed, type Random } from './random.ts';

type History = Operation<RegisterInput, RegisterOutput>[];

/** One client's way to one key: the versions that it gives belong to values, so a compare-and-swap can name either. */
interface Register {
  get(): Promise<Known | null>;
  create(value: string): Promise<{ version: string }>;
  update(value: string, version: string | undefined): Promise<{ version: string }>;
  delete(version: string | undefined): Promise<void>;
}

interface Known {
  value: string;
  version: string;
}

/** What a failed call means; undefined for an answer that was lost. */
type Refusal = (error: unknown) => 'exists' | 'missing' | 'modified' | undefined;

describe('the checker', () => {
  const operation = (callMs: number, returnMs: number, input: RegisterInput, output?: RegisterOutput): History[number] => ({ callMs, returnMs, input, output });
  const create = (callMs: number, returnMs: number, value: string, output: RegisterOutput | undefined = 'done') => operation(callMs, returnMs, { op: 'create', value }, output);
  const get = (callMs: number, returnMs: number, found: string | null) => operation(callMs, returnMs, { op: 'get' }, { found });
  const update = (callMs: number, returnMs: number, ifValue: string, value: string, output: RegisterOutput | undefined = 'done') => operation(callMs, returnMs, { op: 'update', value, ifValue }, output);
  const lost = (callMs: number, value: string) => operation(callMs, Infinity, { op: 'create', value });
  const cases: [string, boolean, History][] = [
    ['nothing', true, []],
    ['a value that was written', true, [create(0, 1, 'a'), get(2, 3, 'a')]],
    ['a value that was forgotten', false, [create(0, 1, 'a'), get(2, 3, null)]],
    ['either value while the write is under way', true, [create(0, 9, 'a'), get(1, 2, null), get(3, 4, 'a')]],
    ['a value that comes and goes while the write is under way', false, [create(0, 9, 'a'), get(1, 2, 'a'), get(3, 4, null)]],
    ['one of two creations', true, [create(0, 9, 'a'), create(0, 9, 'b', 'exists'), get(10, 11, 'a')]],
    ['both of two creations', false, [create(0, 9, 'a'), create(0, 9, 'b')]],
    ['two swaps from one value', false, [create(0, 1, 'a'), update(2, 5, 'a', 'b'), update(2, 5, 'a', 'c')]],
    ['a swap that lost to another', true, [create(0, 1, 'a'), update(2, 5, 'a', 'b'), update(2, 5, 'a', 'c', 'modified'), get(6, 7, 'b')]],
    ['a refusal without a reason', false, [create(0, 1, 'a'), update(2, 5, 'a', 'c', 'modified')]],
    ['a lost answer that took effect late', true, [lost(0, 'a'), get(1, 2, null), get(5, 6, 'a')]],
    ['a lost answer that never took effect', true, [lost(0, 'a'), get(1, 2, null), create(3, 4, 'b'), get(5, 6, 'b')]],
    ['a lost answer that took effect and was undone', false, [lost(0, 'a'), get(1, 2, 'a'), get(5, 6, null)]],
    ['a stale read between fresh ones', false, [create(0, 1, 'a'), update(2, 3, 'a', 'b'), get(4, 5, 'b'), get(6, 7, 'a')]],
  ];
  for (const [what, expected, history] of cases) it(`${expected ? 'takes' : 'refuses'} ${what}`, () => assert.equal(isLinearizable(register, history), expected));
});

let values = 0;

/** Several clients at one key until each has done its operations. */
async function contend(random: Random, how: { clients: number; operations: number; of(client: number): Register; refusal: Refusal; confirmed?(): Promise<void> }): Promise<History> {
  const history: History = [];
  const valueOf = new Map<string, string>();
  await Promise.all(Array.from({ length: how.clients }, async (_, client) => {
    const dice = random.fork();
    const at = how.of(client);
    let known = null as Known | null;
    for (let count = 0; count < how.operations; count++) {
      const input = next(dice, known);
      const operation: History[number] = { input, output: undefined, callMs: performance.now(), returnMs: Infinity };
      history.push(operation);
      try {
        if (input.op === 'get') {
          known = await at.get();
          operation.output = { found: known?.value ?? null };
        } else if (input.op === 'create') known = { value: input.value, ...(await at.create(input.value)) };
        else if (input.op === 'update') known = { value: input.value, ...(await at.update(input.value, input.ifValue === undefined ? undefined : known?.version)) };
        else {
          await at.delete(input.ifValue === undefined ? undefined : known?.version);
          known = null;
        }
        operation.output ??= 'done';
        operation.returnMs = performance.now();
      } catch (error) {
        await how.confirmed?.();
        operation.output = how.refusal(error);
        if (operation.output !== undefined) operation.returnMs = performance.now();
        if (operation.output === 'missing') known = null;
      }
      if (known !== null) {
        const { value, version }: Known = known;
        assert.equal(valueOf.get(version) ?? value, value, `version ${version} stands for two values`);
        valueOf.set(version, value);
      }
      if (dice.chance(0.3)) await nextTurn();
    }
  }));
  return history;
}

function next(dice: Random, known: Known | null): RegisterInput {
  const value = `v${++values}`;
  const chosen = dice.int(10);
  if (chosen < 3) return { op: 'get' };
  if (known === null) return chosen < 8 ? { op: 'create', value } : { op: 'get' };
  const ifValue = dice.chance(0.8) ? known.value : undefined;
  if (chosen < 8) return { op: 'update', value, ifValue };
  return chosen === 8 ? { op: 'delete', ifValue } : { op: 'create', value };
}

function judge(history: History, key: string): void {
  assert.ok(isLinearizable(register, history), `${key} is no register:\n${history.map((each) => JSON.stringify(each)).join('\n')}`);
}

const configMap = (name: string, value: string, version?: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', ...(version === undefined ? {} : { resourceVersion: version }) }, data: { value } });

it('clients of the store see registers', { timeout: 3_600_000 }, () => withSeed('registers of the store', async (random) => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-registers-'));
  const store = openStore({ folder, clock: realClock, log: silentLog });
  const refusal: Refusal = (error) => (isStoreError(error, 'exists', 'missing', 'modified') ? (error.code as 'exists') : assert.fail(error as Error));
  const registerAt = (key: string): Register => {
    const body = (value: string): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data: { value } }) as KubeObject;
    const versionOf = ({ revision }: { revision: number }) => ({ version: String(revision) });
    return {
      async get() {
        const stored = store.get(key);
        return stored === undefined ? null : { value: (stored.object as KubeObject & { data: { value: string } }).data.value, ...versionOf(stored) };
      },
      create: async (value) => versionOf(await store.create(key, body(value))),
      // Without a version: that of the newest, at once.
      update: async (value, version) => versionOf(await store.update(key, body(value), { revision: version === undefined ? (store.newest(key)?.revision ?? 1) : Number(version) })),
      delete: async (version) => void (await store.delete(key, version === undefined ? {} : { revision: Number(version) })),
    };
  };
  try {
    let count = 0;
    for (let round = 0; round < budget(40, 1_000); round++) {
      await Promise.all([0, 1, 2].map(async (index) => {
        const key = `/core/configmaps/default/r${round}-${index}`;
        const history = await contend(random.fork(), { clients: 6, operations: 25, of: () => registerAt(key), refusal, confirmed: () => store.confirmed() });
        count += history.length;
        judge(history, key);
      }));
    }
    console.log(`registers of the store: ${count} operations`);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true });
  }
}));

it('clients of the door see registers, with answers lost on the way', { timeout: 3_600_000 }, () => withSeed('registers of the door', async (random) => {
  const door = await openDoor({ kinds: [Namespace, ConfigMap] });
  const { admin, caPem } = door.identity;
  const tls = { host: '127.0.0.1', port: door.listener.port, ca: caPem, cert: admin.certificatePem, key: admin.keyPem };
  const agents = Array.from({ length: 6 }, () => new Agent({ keepAlive: true }));
  let lost = 0;

  /** With `loseAfterMs` the connection is cut so long after the request was sent. */
  const call = (options: RequestOptions, body: unknown, loseAfterMs: number | undefined): Promise<{ status: number; json: { reason?: string; metadata: { resourceVersion: string }; data?: { value: string } } }> => new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const http = request({ ...tls, ...options, headers: text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, json: JSON.parse(Buffer.concat(chunks).toString()) as never }));
    });
    http.on('error', reject);
    http.end(text, () => {
      if (loseAfterMs !== undefined) setTimeout(() => http.destroy(new Error('lost')), loseAfterMs);
    });
  });
  class Refused extends Error {
    readonly status: number;
    readonly reason: string;
    constructor(status: number, reason: string) {
      super(`${status} ${reason}`);
      this.status = status;
      this.reason = reason;
    }
  }
  const refusal: Refusal = (error) => {
    if (error instanceof Refused) {
      const known = { AlreadyExists: 'exists', NotFound: 'missing', Conflict: 'modified' } as const;
      return known[error.reason as 'Conflict'] ?? assert.fail(error.message);
    }
    lost += 1;
    return undefined;
  };
  const registerAt = (name: string, client: number, dice: Random): Register => {
    const all = '/api/v1/namespaces/default/configmaps';
    const send = async (method: string, path: string, body: unknown, mayLose: boolean): Promise<{ metadata: { resourceVersion: string }; data?: { value: string } }> => {
      const { status, json } = await call({ method, path, agent: agents[client]! }, body, mayLose && dice.chance(0.05) ? dice.int(4) : undefined);
      if (status >= 300) throw new Refused(status, json.reason ?? '');
      return json;
    };
    const version = ({ metadata }: { metadata: { resourceVersion: string } }) => ({ version: metadata.resourceVersion });
    return {
      async get() {
        try {
          const found = await send('GET', `${all}/${name}`, undefined, false);
          return { value: found.data?.value ?? '', ...version(found) };
        } catch (error) {
          if (error instanceof Refused && error.status === 404) return null;
          throw error;
        }
      },
      create: async (value) => version(await send('POST', all, configMap(name, value), true)),
      update: async (value, at) => version(await send('PUT', `${all}/${name}`, configMap(name, value, at), true)),
      delete: async (at) => void (await send('DELETE', `${all}/${name}`, at === undefined ? undefined : { preconditions: { resourceVersion: at } }, true)),
    };
  };
  try {
    let count = 0;
    for (let round = 0; round < budget(20, 500); round++) {
      await Promise.all([0, 1].map(async (index) => {
        const name = `r${round}-${index}`;
        const dice = random.fork();
        const history = await contend(random.fork(), { clients: agents.length, operations: 12, of: (client) => registerAt(name, client, dice), refusal });
        count += history.length;
        judge(history, name);
      }));
    }
    console.log(`registers of the door: ${count} operations, ${lost} answers lost`);
    assert.ok(lost > 0, 'no answer was lost');
  } finally {
    for (const agent of agents) agent.destroy();
    await door.close();
  }
}));
