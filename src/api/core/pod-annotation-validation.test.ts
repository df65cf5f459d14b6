import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodSpec } from '../generated/core-v1.ts';
import { podAnnotationErrors, podAnnotationUpdateErrors } from './pod-annotation-validation.ts';

const COST = 'controller.kubernetes.io/pod-deletion-cost';
const MIRROR = 'kubernetes.io/config.mirror';
const ARMOR = 'container.apparmor.security.beta.kubernetes.io/';
const SPEC: PodSpec = { containers: [{ name: 'a' }], initContainers: [{ name: 'i' }] };
const pod = (annotations: Record<string, string>, spec: Partial<PodSpec> = {}): Pod => ({ metadata: { name: 'p', annotations }, spec: { ...SPEC, ...spec } });

test('annotations that mean something mean something', () => {
  const table: [Record<string, string>, string[]][] = [
    ...['0', '7', '-7', '-0', '2147483647', '-2147483648'].map((cost): [Record<string, string>, string[]] => [{ [COST]: cost }, []]),
    ...['', 'x', '+1', '008', '1.5', '2147483648', '-2147483649'].map((cost): [Record<string, string>, string[]] => [{ [COST]: cost }, [`m[${COST}]: Invalid value: ${JSON.stringify(cost)}: must be a 32bit integer`]]),
    [{ [MIRROR]: 'x' }, [`m[${MIRROR}]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set`]],
    [{ 'seccomp.security.alpha.kubernetes.io/pod': 'odd' }, ['m.seccomp.security.alpha.kubernetes.io/pod: Invalid value: "odd": must be a valid seccomp profile']],
    [{ 'container.seccomp.security.alpha.kubernetes.io/a': 'localhost/../x' }, ['m.container.seccomp.security.alpha.kubernetes.io/a: Invalid value: "../x": must not contain \'..\'']],
    [{ [`${ARMOR}a`]: 'localhost/x', [`${ARMOR}i`]: 'unconfined' }, []],
    [{ [`${ARMOR}a`]: 'odd' }, [`m[${ARMOR}a]: Invalid value: "odd": invalid AppArmor profile name: "odd"`]],
    [{ [`${ARMOR}b`]: 'runtime/default' }, [`m[${ARMOR}b]: Invalid value: "b": container not found`]],
  ];
  for (const [annotations, errors] of table) assert.deepEqual(podAnnotationErrors(annotations, SPEC, 'm').map(({ field, message }) => `${field}: ${message}`), errors);
  assert.deepEqual(podAnnotationErrors({ [MIRROR]: 'x' }, { ...SPEC, nodeName: 'n' }, 'm'), []);
});

test('some may not change', () => {
  const at = { nodeName: 'n' };
  const table: [string, Pod, Pod, string[]][] = [
    ['another', pod({ a: '2' }), pod({ a: '1', b: '1' }), []],
    ['AppArmor, added', pod({ [`${ARMOR}a`]: 'unconfined' }), pod({}), ['may not add AppArmor annotations']],
    ['AppArmor, changed', pod({ [`${ARMOR}a`]: 'unconfined' }), pod({ [`${ARMOR}a`]: 'runtime/default' }), ['may not remove or update AppArmor annotations']],
    ['a mirror no more', pod({}, at), pod({ [MIRROR]: 'x' }, at), ['may not remove or update mirror pod annotation']],
    ['a mirror from now on', pod({ [MIRROR]: 'x' }, at), pod({}, at), ['may not add mirror pod annotation']],
    ['the cost', pod({ [COST]: 'x' }), pod({ [COST]: '1' }), ['must be a 32bit integer']],
    ['a cost that was wrong before', pod({ [COST]: 'x', a: 'b' }), pod({ [COST]: 'y' }), []],
  ];
  for (const [why, now, old, details] of table) assert.deepEqual(podAnnotationUpdateErrors(now, old).map(({ message }) => message.replace(/^(Invalid|Forbidden).*: /, '')), details, why);
});
