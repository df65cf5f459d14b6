import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { queuedPodErrors } from './pod-rules.ts';

const key = (fields: Record<string, string>): Record<string, string> => Object.fromEntries(Object.entries(fields).map(([name, value]) => [`kueue.x-k8s.io/${name}`, value]));
const pod = (labels: Record<string, string>, annotations: Record<string, string> = {}, isGated = true): Pod => ({ metadata: { name: 'a', labels: key(labels), annotations: key(annotations) }, spec: { containers: [], ...(isGated && { schedulingGates: [{ name: 'kueue.x-k8s.io/admission' }] }) } });
const crew = (labels: Record<string, string> = {}, annotations: Record<string, string> = {}, isGated = true): Pod => pod({ 'queue-name': 'team', 'pod-group-name': 'crew', ...labels }, { 'pod-group-total-count': '2', ...annotations }, isGated);

test('what of their queue pods may say', () => {
  const table: [string, Pod, Pod | undefined, RegExp[]][] = [
    ['nothing', { metadata: {}, spec: { containers: [] } }, undefined, []],
    ['a queue', pod({ 'queue-name': 'team' }), undefined, []],
    ['the name of a queue', pod({ 'queue-name': 'Team_A' }), undefined, [/^metadata\.labels\[kueue\.x-k8s\.io\/queue-name\] Invalid/]],
    ['that it is managed by halves', pod({ managed: 'false' }), undefined, [/managed label value can only be 'true'/]],
    ['a group', crew(), undefined, []],
    ['the name of a group', crew({ 'pod-group-name': 'a_b' }), undefined, [/pod-group-name\] Invalid value: "a_b"/]],
    ['a group of unknown size', pod({ 'pod-group-name': 'crew' }), undefined, [/pod-group-total-count\] Required value: both the/]],
    ['the size of no group', pod({}, { 'pod-group-total-count': '2' }), undefined, [/pod-group-name\] Required value: both the/]],
    ['a group of none', crew({}, { 'pod-group-total-count': '0' }), undefined, [/pod-group-total-count\] Invalid value: "0"/]],
    ['two ways to be near', pod({ 'queue-name': 'team' }, { 'podset-required-topology': 'rack', 'podset-preferred-topology': 'rack' }), undefined, [/must not contain more than one topology annotation/]],
    ['another queue while it waits', pod({ 'queue-name': 'b' }), pod({ 'queue-name': 'a' }), []],
    ['another queue when it was let go', pod({ 'queue-name': 'b' }, {}, false), pod({ 'queue-name': 'a' }, {}, false), [/queue-name\] Invalid value: "b": field is immutable/]],
    ['what flavors add', pod({ 'queue-name': 'a', 'cluster-queue-name': 'q' }, { workload: 'w' }, false), pod({ 'queue-name': 'a' }), []],
    ['another group', crew({ 'pod-group-name': 'b' }), crew(), [/pod-group-name\] Invalid value: "b": field is immutable/]],
    ['that it may not be tried again, now', crew({}, { 'retriable-in-group': 'false' }), crew(), []],
    ['that it may be after all', crew(), crew({}, { 'retriable-in-group': 'false' }), [/unretriable pod group can't be converted to retriable/]],
  ];
  for (const [what, now, old, wanted] of table) {
    const found = queuedPodErrors(now, old).map(({ field, message }) => `${field} ${message}`);
    assert.equal(found.length, wanted.length, `${what}: ${found.join('; ')}`);
    for (const [index, each] of wanted.entries()) assert.match(found[index]!, each, what);
  }
});
