import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../../api/core/pod.ts';
import type { RuntimeClass } from '../../../api/node/runtime-class.ts';
import { giveRuntimeClass } from './runtime-class.ts';
import { runtimeHandlers } from './handlers.ts';

const pod = (spec: Partial<Pod['spec']> = {}): Pod => ({ metadata: { name: 'p' }, spec: { containers: [], ...spec } });
const heavy: RuntimeClass = { metadata: { name: 'heavy' }, handler: 'runc', overhead: { podFixed: { cpu: '10m' } }, scheduling: { nodeSelector: { big: 'yes' }, tolerations: [{ key: 'big', operator: 'Exists' }] } };

test('a class gives its overhead, its nodes and its tolerations', () => {
  const one = pod({ nodeSelector: { zone: 'a' } });
  giveRuntimeClass(one, heavy);
  assert.deepEqual([one.spec!.overhead, one.spec!.nodeSelector, one.spec!.tolerations], [{ cpu: '10m' }, { zone: 'a', big: 'yes' }, [{ key: 'big', operator: 'Exists' }]]);
});

test('a pod may not say otherwise', () => {
  assert.throws(() => giveRuntimeClass(pod({ overhead: { cpu: '1' } }), heavy), /Pod's Overhead doesn't match RuntimeClass's defined Overhead/);
  assert.throws(() => giveRuntimeClass(pod({ overhead: { cpu: '1' } }), undefined), /without corresponding RuntimeClass/);
  assert.throws(() => giveRuntimeClass(pod({ nodeSelector: { big: 'no' } }), heavy), /conflict: runtimeClass\.scheduling\.nodeSelector\[big\] = yes/);
});

test('handlers are those of the machine and of the configuration', () => {
  const common = { conmon: 'conmon', runtimeRoot: '/nowhere', exitFolder: '/nowhere', cgroupVersion: 'v1' as const, mostLogBytes: 2 ** 20, programs: { crun: '/bin/crun', runc: '/bin/runc' } };
  const handlers = runtimeHandlers({ ...common, configured: { own: '/opt/own' } });
  for (const each of [undefined, 'crun', 'runc', 'own']) handlers.check(each);
  assert.throws(() => handlers.check('kata'), /no runtime for "kata" is configured; this node has crun, runc, own/);
  assert.throws(() => runtimeHandlers({ ...common, configured: ['x'] }), /must be a map/);
});
