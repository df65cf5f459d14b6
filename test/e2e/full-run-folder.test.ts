/** What containers leave is kept: how they ended, on a run folder without a byte left, over a kill of llmos too; and what they said, in a burst. */
import assert from 'node:assert/strict';
import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Pod } from '../../src/api/core/pod.ts';
import type { Container } from '../../src/api/generated/core-v1.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { bootForPods } from '../fixtures/pods.ts';
import { comesBackTo, holdingsAtRest, type Holdings } from '../fixtures/leaks.ts';
import { PATIENCE } from '../fixtures/patience.ts';

const BURST_LINES = 700_000;
/** Ends with its code when somebody writes to its volume, since a command that runs within needs room itself. */
const endsWith = (code: number): string[] => ['sh', '-c', `trap "exit 0" TERM; until [ -e /host/end-$0 ]; do sleep 0.1; done; exit ${code}`, String(code)];

describe('a full run folder', { timeout: 200_000 * PATIENCE }, () => {
  let llmos: Instance;
  let calm: Holdings;
  let filler: string;

  before(async () => {
    llmos = await bootForPods({ runOptions: 'size=6m', config: 'modules:\n  node:\n    readySandboxes: 2\n    containerLogMonitorInterval: 1h\n' });
    filler = join(llmos.run, 'filler');
    await create('neighbour', { readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 }, livenessProbe: { exec: { command: ['true'] }, periodSeconds: 1, failureThreshold: 1 } });
    await ready('neighbour');
    calm = await holdingsAtRest(llmos);
  });
  after(async () => {
    if (filler !== undefined) rmSync(filler, { force: true });
    await llmos?.destroy();
  });

  const create = (name: string, container: Partial<Container> = {}, restartPolicy: 'Always' | 'Never' = 'Always'): Promise<Pod> => llmos.client.create(Pod, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default' },
    spec: {
      restartPolicy, terminationGracePeriodSeconds: 1, automountServiceAccountToken: false, volumes: [{ name: 'host', hostPath: { path: join(llmos.state, '..') } }],
      containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', 'trap "exit 0" TERM; sleep 100000 & wait'], volumeMounts: [{ name: 'host', mountPath: '/host' }], ...container }],
    },
  });
  const get = (name: string): Promise<Pod> => llmos.client.get(Pod, name, { namespace: 'default' });
  const ready = (name: string): Promise<Pod> => eventually(async () => {
    const pod = await get(name);
    return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true && pod;
  }, { what: `${name} is ready`, timeoutMs: 60_000 });
  const endNow = (code: number): void => appendFileSync(join(llmos.state, '..', `end-${code}`), '');
  const codeOf = (name: string): Promise<number> => eventually(async () => (await get(name)).status?.containerStatuses?.[0]?.state?.terminated?.exitCode, { what: `${name} has ended` });
  const fill = (): void => {
    for (const bytes of [64 * 1024, 4096, 1]) {
      try {
        for (;;) appendFileSync(filler, Buffer.alloc(bytes));
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
      }
    }
  };

  it('loses no exit code, ends no neighbour, and what begins meanwhile waits', async () => {
    await create('early', { command: endsWith(7) }, 'Never');
    await create('again', { command: endsWith(5) });
    await create('later', { command: endsWith(9) }, 'Never');
    for (const name of ['early', 'again', 'later']) await ready(name);
    fill();
    endNow(7);
    assert.equal(await codeOf('early'), 7);
    await create('fresh', { command: ['true'] }, 'Never');
    await eventually(async () => /no space left on device/i.test((await llmos.kubectl('get', 'events', '--field-selector', 'involvedObject.name=fresh')).stdout), { what: 'an event tells of it' });
    await eventually(async () => {
      fill(); // who ends gives room back
      return /probe errored and resulted in unknown state/.test((await llmos.kubectl('get', 'events', '--field-selector', 'involvedObject.name=neighbour')).stdout);
    }, { what: 'a probe that cannot be made is told of' });
    await llmos.kill();
    for (const code of [5, 9]) endNow(code);
    fill();
    await llmos.boot();
    assert.equal(await codeOf('later'), 9);
    fill();
    rmSync(join(llmos.state, '..', 'end-5'));
    rmSync(filler);
    await eventually(async () => (await get('again')).status?.containerStatuses?.[0]?.ready === true, { what: 'it runs again', timeoutMs: 60_000 });
    assert.equal((await get('again')).status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 5);
    assert.equal(await codeOf('fresh'), 0);
    const { status } = await ready('neighbour');
    assert.equal(status?.containerStatuses?.[0]?.restartCount, 0);
    for (const name of ['early', 'again', 'later', 'fresh']) assert.equal((await llmos.kubectl('delete', 'pod', name, '--timeout=60s')).code, 0);
    await comesBackTo(calm, llmos);
  });

  it('a burst of lines is kept whole', async () => {
    await create('burst', { command: ['seq', '1', String(BURST_LINES)] }, 'Never');
    assert.equal(await codeOf('burst'), 0);
    const lines = (await llmos.kubectl('logs', 'burst')).stdout.trim().split('\n');
    assert.deepEqual([lines.length, lines[0], lines.at(-1)], [BURST_LINES, '1', String(BURST_LINES)]);
    assert.equal((await llmos.kubectl('logs', 'burst', '--tail=2')).stdout, `${BURST_LINES - 1}\n${BURST_LINES}\n`);
  });
});
