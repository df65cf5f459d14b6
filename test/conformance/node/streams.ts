/** [sig-node] Commands and logs over WebSocket, probes over gRPC, what an image runs by itself, and taints that evict. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { importTestImage, TEST_IMAGE } from '../../fixtures/image.ts';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, create, get, messages, namespace, patch, podOf, running, until, watch, type Body } from '../cluster.ts';
import { isReady, outputOf, pathOf, scriptPod, start } from './pod.ts';

const NODE = ' [NodeConformance]';
const ENTRY_IMAGE = 'localhost/entry:latest';

/** Answers every health check with SERVING; runs with the Node.js of the machine, seen through a hostPath volume. */
const GRPC_SERVER = `require('node:http2').createServer((request, response) => {
  response.addTrailers({ 'grpc-status': '0' });
  response.writeHead(200, { 'content-type': 'application/grpc' });
  request.resume().on('end', () => response.end(Buffer.from([0, 0, 0, 0, 2, 8, 1])));
}).listen(5000)`;

export const HAS_REGISTRY = existsSync('/usr/bin/docker-registry');
const REGISTRY = '127.0.0.1:5000';

export function streams(): void {
  behaviour('ImageVolume should succeed with pod and pull policy of Always [LinuxOnly] [MinimumKubeletVersion:1.35]', async () => {
    const reference = `${REGISTRY}/volumes/files:1`;
    await eventually(async () => (await running().llmos('image', 'push', TEST_IMAGE, reference)).code === 0, { timeoutMs: 30_000, what: 'the registry takes an image' });
    const space = await namespace();
    const pod = scriptPod('p', 'cat /volume/etc/group; touch /volume/etc/x 2>&1; true', { volumeMounts: [{ name: 'volume', mountPath: '/volume' }] }, { volumes: [{ name: 'volume', image: { reference, pullPolicy: 'Always' } }] });
    const text = await outputOf(space, pod);
    assert.match(text, /^nogroup:/m);
    assert.match(text, /Read-only file system/);
  }, { skip: HAS_REGISTRY ? undefined : 'docker-registry is not installed' });

  behaviour(`Pods should support remote command execution over websockets${NODE}`, async () => {
    const space = await namespace();
    await start(space, podOf('p'));
    const path = `${pathOf(space, 'p')}/exec?command=sh&command=-c&command=${encodeURIComponent('echo remote; echo execution')}&stdout=1&stderr=1&container=main`;
    for (const protocol of ['channel.k8s.io', 'v4.channel.k8s.io', 'v5.channel.k8s.io']) {
      const all = await messages(path, protocol);
      assert.equal(all.filter((each) => each[0] === 1).map((each) => each.subarray(1).toString()).join(''), 'remote\nexecution\n', protocol);
    }
  });
  behaviour(`Pods should support retrieving logs from the container over websockets${NODE}`, async () => {
    const space = await namespace();
    await start(space, podOf('p', { container: { command: ['sh', '-c', 'echo container is alive; sleep 10000'] } }));
    await until(`${pathOf(space, 'p')}/log`, (log) => String(log).includes('alive'));
    assert.equal(Buffer.concat(await messages(`${pathOf(space, 'p')}/log?container=main`, 'binary.k8s.io')).toString(), 'container is alive\n');
    assert.equal((await messages(`${pathOf(space, 'p')}/log?container=main`, 'base64.binary.k8s.io')).map((each) => Buffer.from(each.toString(), 'base64').toString()).join(''), 'container is alive\n');
  });

  const says = (container: object, text: string): (() => Promise<void>) => async () => {
    importTestImage(running(), ENTRY_IMAGE, { Entrypoint: ['echo', 'entry'], Cmd: ['default'] });
    assert.equal(await outputOf(await namespace(), scriptPod('p', '', { image: ENTRY_IMAGE, command: undefined, ...container })), text);
  };
  behaviour(`Containers should use the image defaults if command and args are blank${NODE}`, says({}, 'entry default'));
  behaviour(`Containers should be able to override the image's default arguments (container cmd)${NODE}`, says({ args: ['override', 'arguments'] }, 'entry override arguments'));
  behaviour(`Containers should be able to override the image's default command (container entrypoint)${NODE}`, says({ command: ['echo', 'entry2'] }, 'entry2'));
  behaviour(`Containers should be able to override the image's default command and arguments${NODE}`, says({ command: ['echo', 'entry2'], args: ['override', 'arguments'] }, 'entry2 override arguments'));

  behaviour(`Probing container should *not* be restarted with a GRPC liveness probe${NODE}`, async () => {
    const space = await namespace();
    await start(space, podOf('p', {
      spec: { volumes: [{ name: 'machine', hostPath: { path: '/' } }] },
      container: {
        command: ['chroot', '/machine', process.execPath, '-e', GRPC_SERVER], volumeMounts: [{ name: 'machine', mountPath: '/machine', readOnly: true }],
        livenessProbe: { grpc: { port: 5000 }, initialDelaySeconds: 4, periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 30 }, readinessProbe: { grpc: { port: 5000 }, periodSeconds: 1, timeoutSeconds: 30 },
      },
    }));
    await isReady(space, 'p');
    await new Promise((settled) => setTimeout(settled, 5_000));
    const { status } = await get(pathOf(space, 'p'));
    assert.deepEqual([status.containerStatuses[0].restartCount, status.containerStatuses[0].ready], [0, true]);
  });

  const TAINT = { key: 'kubernetes.io/e2e-evict-taint-key', value: 'evictTaintVal', effect: 'NoExecute' };
  const tolerating = (name: string, seconds: number): Body => podOf(name, { spec: { tolerations: [{ ...TAINT, operator: 'Equal', tolerationSeconds: seconds }] } });
  const taint = (taints: readonly object[] | null): Promise<Body> => patch('/api/v1/nodes/node1', { spec: { taints } });
  behaviour('NoExecuteTaintManager Single Pod [Serial] removing taint cancels eviction [Disruptive]', async () => {
    const space = await namespace();
    await start(space, tolerating('p', 3));
    try {
      await taint([TAINT]);
      await new Promise((settled) => setTimeout(settled, 1_000));
    } finally {
      await taint(null);
    }
    await new Promise((settled) => setTimeout(settled, 4_000));
    assert.equal((await get(pathOf(space, 'p'))).metadata.deletionTimestamp, undefined);
  });
  behaviour('NoExecuteTaintManager Multiple Pods [Serial] evicts pods with minTolerationSeconds [Disruptive]', async () => {
    const space = await namespace();
    await Promise.all([start(space, tolerating('soon', 1)), start(space, tolerating('later', 4))]);
    const events = await watch(`/api/v1/namespaces/${space}/pods`);
    await create(`/api/v1/namespaces/${space}/pods`, tolerating('much-later', 1_000));
    try {
      await taint([TAINT]);
      for (const name of ['soon', 'later']) assert.equal((await events.nextOf('DELETED')).object.metadata.name, name);
      assert.equal((await get(pathOf(space, 'much-later'))).metadata.deletionTimestamp, undefined);
    } finally {
      events.close();
      await taint(null);
    }
  });
}
