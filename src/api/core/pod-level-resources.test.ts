import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodSpec } from '../generated/core-v1.ts';
import { defaultPodResources, podResourceErrors } from './pod-level-resources.ts';
import { qosClassOf } from './pod-qos.ts';

const spec = (resources: PodSpec['resources'], ...requests: Record<string, string>[]): PodSpec => ({ resources, containers: requests.map((each, index) => ({ name: `c${index}`, resources: { requests: each } })) });

test('a request that is left out is the sum of the containers, or the limit', () => {
  const one = spec({ limits: { cpu: '1', memory: '1Gi' } }, { cpu: '200m' }, { cpu: '100m' });
  defaultPodResources(one);
  assert.deepEqual(one.resources?.requests, { cpu: '300m', memory: '1Gi' });
});
test('the class of a pod is that of the whole', () => {
  assert.equal(qosClassOf({ metadata: {}, spec: spec({ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1', memory: '1Gi' } }, {}) }), 'Guaranteed');
  assert.equal(qosClassOf({ metadata: {}, spec: spec({ limits: { cpu: '1' } }, {}) }), 'Burstable');
});
for (const [what, given, says] of [
  ['nothing wrong', spec({ limits: { cpu: '1' }, requests: { cpu: '300m' } }, { cpu: '300m' }), undefined],
  ['containers that ask for more', spec({ requests: { cpu: '100m' } }, { cpu: '200m' }), 'must be greater than or equal to aggregate container requests of 200m'],
  ['another resource', spec({ limits: { 'ephemeral-storage': '1Gi' } }), 'must be cpu, memory or hugepages for a pod as a whole'],
  ['a container with a greater limit', { resources: { limits: { memory: '1Mi' } }, containers: [{ name: 'a', resources: { limits: { memory: '2Mi' } } }] }, 'must be greater than or equal to the limit of container a, 2Mi'],
] as const) test(`of a pod as a whole: ${what}`, () => {
  const errors = podResourceErrors(given as PodSpec, 'spec.resources');
  if (says === undefined) assert.deepEqual(errors, []);
  else assert.ok(errors.some(({ message }) => message.includes(says)), JSON.stringify(errors));
});
