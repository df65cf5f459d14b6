import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { ApiError } from '../../api/errors.ts';
import type { PriorityClass } from '../../api/scheduling/priority-class.ts';
import type { AdmissionRequest, ModuleContext } from '../../sdk/index.ts';
import { priorityAdmission, priorityClassAdmission } from './priority-admission.ts';

const CLASSES: PriorityClass[] = [
  { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' },
  { metadata: { name: 'usual' }, value: 10, globalDefault: true },
  { metadata: { name: 'more' }, value: 20, globalDefault: true },
];

function contextWith(classes: PriorityClass[]): ModuleContext {
  const get = (_kind: unknown, name: string): Promise<PriorityClass> => {
    const found = classes.find(({ metadata }) => metadata.name === name);
    return found === undefined ? Promise.reject(new ApiError('NotFound', 'not found')) : Promise.resolve(found);
  };
  return { client: { get }, caches: { of: () => ({ ready: () => Promise.resolve(), list: () => classes }) } } as unknown as ModuleContext;
}

async function admit(spec: object, classes = CLASSES): Promise<Pod['spec']> {
  const pod = { metadata: { name: 'p' }, spec: { containers: [], ...spec } } as Pod;
  await priorityAdmission.admit!({ object: pod } as unknown as AdmissionRequest, contextWith(classes));
  return pod.spec;
}

test('pods get the priority of their class', async () => {
  assert.deepEqual(await admit({ priorityClassName: 'high' }), { containers: [], priorityClassName: 'high', priority: 1000, preemptionPolicy: 'Never' });
  assert.deepEqual(await admit({}), { containers: [], priorityClassName: 'usual', priority: 10, preemptionPolicy: 'PreemptLowerPriority' });
  assert.deepEqual(await admit({}, []), { containers: [], priority: 0, preemptionPolicy: 'PreemptLowerPriority' });
  assert.equal((await admit({ priorityClassName: 'system-node-critical' }))!.priority, 2_000_001_000);
});

test('what is refused', async () => {
  const deleted = async (name: string): Promise<void> => priorityClassAdmission.validate!({ operation: 'DELETE', name, oldObject: { metadata: { name } } } as unknown as AdmissionRequest, contextWith([]));
  await deleted('high');
  await assert.rejects(deleted('system-node-critical'), { code: 403, message: 'priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and cannot be deleted' });
  await assert.rejects(admit({ priorityClassName: 'none' }), { reason: 'Forbidden', message: 'pods "p" is forbidden: no PriorityClass with name none was found' });
  await assert.rejects(admit({ priority: 5 }, []), /the integer value of priority \(5\) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name/);
  await assert.rejects(admit({ priorityClassName: 'high', preemptionPolicy: 'PreemptLowerPriority' }), /computed Never from/);
});
