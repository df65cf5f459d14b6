/** A pod without any hook leaves its Services before it hears of its end, so that nobody is led to a door that is being closed. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Pod } from '../../src/api/core/pod.ts';
import { Service } from '../../src/api/core/service.ts';
import { EndpointSlice } from '../../src/api/discovery/endpoint-slice.ts';
import { TEST_IMAGE } from '../fixtures/image.ts';
import { eventually, type Instance } from '../fixtures/instance.ts';
import { PATIENCE } from '../fixtures/patience.ts';
import { bootForPods } from '../fixtures/pods.ts';

/** Closes its door as soon as it is told to end. */
const SERVES = 'trap "kill $!; exit 0" TERM; httpd -f -p 80 -h /www & wait';
const REPLACED = Math.max(2, Math.round(16 / PATIENCE));
/** Asking at the same time. */
const ASKERS = 4;

describe('a pod that ends', { timeout: 240_000 * PATIENCE }, () => {
  let llmos: Instance;
  before(async () => {
    llmos = await bootForPods({ config: 'modules: { node: { readySandboxes: 4 } }' });
  });
  after(() => llmos?.destroy());

  const create = (name: string, labels: Record<string, string> = {}): Promise<Pod> => llmos.client.create(Pod, {
    apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels },
    spec: { terminationGracePeriodSeconds: 60, containers: [{ name: 'main', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', SERVES], readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 1 } }] },
  });
  const ready = (name: string): Promise<Pod> => eventually(async () => {
    const pod = await llmos.client.get(Pod, name, { namespace: 'default' });
    return pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true && pod;
  }, { what: `${name} is ready`, timeoutMs: 60_000 });
  const isGone = (name: string): Promise<unknown> => eventually(async () => (await llmos.client.list(Pod, { namespace: 'default' })).items.every(({ metadata }) => metadata.name !== name), { what: `${name} is gone`, everyMs: 5 });

  /** What became of a connection: 'taken' when there was one, whatever came of it, or the code of the error. */
  const asked = (host: string): Promise<string> => new Promise((resolve) => {
    let answer = 'nothing';
    const socket = connect({ host, port: 80, timeout: 10_000 }, () => { answer = 'taken'; socket.write('GET / HTTP/1.0\r\n\r\n'); });
    socket.on('error', (error: NodeJS.ErrnoException) => { if (answer === 'nothing') answer = error.code ?? error.message; }).on('timeout', () => socket.destroy()).on('close', () => resolve(answer)).resume();
  });

  it('refuses nobody who comes by its Service', async (t) => {
    await llmos.client.create(Service, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } });
    for (const name of ['web-0', 'web-1']) await create(name, { app: 'web' });
    for (const name of ['web-0', 'web-1']) await ready(name);
    const host = (await llmos.client.get(Service, 'web', { namespace: 'default' })).spec!.clusterIP!;
    await eventually(async () => (await asked(host)) === 'taken', { what: 'the Service answers' });
    const answers = new Map<string, number>();
    let going = true;
    const askers = Array.from({ length: ASKERS }, async () => {
      while (going) {
        const answer = await asked(host);
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    });
    const tookMs: number[] = [];
    for (let n = 2; n < 2 + REPLACED; n += 1) {
      await create(`web-${n}`, { app: 'web' });
      await ready(`web-${n}`);
      const fromMs = performance.now();
      await llmos.client.delete(Pod, `web-${n - 2}`, { namespace: 'default' });
      await isGone(`web-${n - 2}`);
      tookMs.push(Math.round(performance.now() - fromMs));
    }
    going = false;
    await Promise.all(askers);
    t.diagnostic(`${JSON.stringify(Object.fromEntries(answers))}; deletions took ${tookMs.sort((a, b) => a - b).join(' ')} ms`);
    assert.deepEqual([...answers.keys()], ['taken']);
  });

  it('ends all the same when nobody takes it out of its Services', async () => {
    await create('web-left', { app: 'web' });
    await ready('web-left');
    await eventually(async () => (await llmos.client.list(EndpointSlice, { namespace: 'default' })).items.some(({ endpoints }) => endpoints?.some(({ targetRef, conditions }) => targetRef?.name === 'web-left' && conditions?.ready === true)), { what: 'its Service leads to it' });
    assert.equal((await llmos.llmos('module', 'unload', 'endpointslice')).code, 0);
    await llmos.client.delete(Pod, 'web-left', { namespace: 'default' });
    await eventually(async () => (await llmos.client.list(Pod, { namespace: 'default' })).items.every(({ metadata }) => metadata.name !== 'web-left'), { what: 'it is gone, long before its grace is over', timeoutMs: 20_000 });
    assert.equal((await llmos.llmos('module', 'load', 'endpointslice')).code, 0);
  });
});
