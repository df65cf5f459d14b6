import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deployment, Pod, Service } from '../../kinds.ts';
import type { Kind } from '../../kind.ts';
import { apiVersionOf, type Json, type KubeObject } from '../../meta.ts';
import { applyDefaults } from '../../schema/default.ts';
import { jsonPatch } from '../json-patch.ts';
import { strategicMergePatch } from '../strategic.ts';
import { applyObject, resetFieldsOf, updateManagedFields } from './index.ts';

const NOW = '2026-01-01T00:00:00Z';

/** As the door does: apply or take, default, record. */
function apply<T extends KubeObject>(kind: Kind<T>, live: T | undefined, applied: Json, manager = 'kubectl'): T {
  const merged = applyObject({ schema: kind.schema(), live, applied, manager, force: false, apiVersion: apiVersionOf(kind.group, kind.version), reset: resetFieldsOf(kind, ''), now: NOW }) as T;
  applyDefaults(kind.schema(), merged);
  kind.rules.defaults?.(merged);
  merged.metadata.uid = 'u';
  return merged;
}

function create<T extends KubeObject>(kind: Kind<T>, object: unknown, manager = 'kubectl-create'): T {
  const next = structuredClone(object) as T;
  applyDefaults(kind.schema(), next);
  kind.rules.defaults?.(next);
  updateManagedFields({ schema: kind.schema(), live: undefined, next, manager, apiVersion: apiVersionOf(kind.group, kind.version), reset: resetFieldsOf(kind, ''), now: NOW });
  next.metadata.uid = 'u';
  return next;
}

const web = {
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
  spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'nginx', image: 'nginx', ports: [{ containerPort: 80 }] }] } } },
};

test('creating a Deployment records what a real cluster records', () => {
  const made = create(Deployment, web);
  assert.deepEqual(made.metadata.managedFields![0]!.fieldsV1, {
    'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
    'f:spec': {
      'f:progressDeadlineSeconds': {}, 'f:replicas': {}, 'f:revisionHistoryLimit': {}, 'f:selector': {},
      'f:strategy': { 'f:rollingUpdate': { '.': {}, 'f:maxSurge': {}, 'f:maxUnavailable': {} }, 'f:type': {} },
      'f:template': {
        'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
        'f:spec': {
          'f:containers': {
            'k:{"name":"nginx"}': {
              '.': {}, 'f:image': {}, 'f:imagePullPolicy': {}, 'f:name': {},
              'f:ports': { '.': {}, 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {}, 'f:protocol': {} } },
              'f:resources': {}, 'f:terminationMessagePath': {}, 'f:terminationMessagePolicy': {},
            },
          },
          'f:dnsPolicy': {}, 'f:restartPolicy': {}, 'f:schedulerName': {}, 'f:securityContext': {}, 'f:terminationGracePeriodSeconds': {},
        },
      },
    },
  });
});

test('applying a Deployment owns what the file says, and a scale by another is a conflict', () => {
  const made = apply(Deployment, undefined, web);
  assert.equal(made.spec!.revisionHistoryLimit, 10);
  assert.deepEqual(apply(Deployment, made, web).metadata.managedFields, made.metadata.managedFields);
  const next = structuredClone(made);
  next.spec!.replicas = 5;
  updateManagedFields({ schema: Deployment.schema(), live: made, next, manager: 'kubectl-scale', apiVersion: 'apps/v1', subresource: 'scale', now: NOW });
  assert.throws(() => apply(Deployment, next, web), { message: 'Apply failed with 1 conflict: conflict with "kubectl-scale" with subresource "scale" using apps/v1: .spec.replicas' });
  const without = structuredClone(web) as { spec: { replicas?: number } };
  delete without.spec.replicas;
  const kept = apply(Deployment, next, without as unknown as Json);
  assert.equal(kept.spec!.replicas, 5);
});

test('a port of another protocol is another port', () => {
  const service = (ports: Json): Json => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's', namespace: 'default' }, spec: { ports } });
  const made = apply(Service, undefined, service([{ name: 'a', port: 53 }, { name: 'b', port: 53, protocol: 'UDP' }]));
  assert.equal(made.spec!.ports!.length, 2);
  const next = apply(Service, made, service([{ name: 'b', port: 53, protocol: 'UDP' }]));
  assert.deepEqual(next.spec!.ports!.map(({ name }) => name), ['b']);
});

test('a condition of a pod is patched by its type', () => {
  const pod = { metadata: { name: 'p' }, status: { conditions: [{ type: 'Ready', status: 'False' }, { type: 'Initialized', status: 'True' }] } };
  const patched = strategicMergePatch(pod as unknown as Json, { status: { '$setElementOrder/conditions': [{ type: 'Ready' }, { type: 'Initialized' }], conditions: [{ type: 'Ready', status: 'True' }] } }, Pod.schema()) as unknown as Pod;
  assert.deepEqual(patched.status!.conditions, [{ type: 'Ready', status: 'True' }, { type: 'Initialized', status: 'True' }]);
});

test('kubectl set image (strategic), kubectl label (merge by json) and rollout restart leave the rest alone', () => {
  const made = create(Deployment, web) as unknown as Json;
  const image = strategicMergePatch(made, { spec: { template: { spec: { containers: [{ name: 'nginx', image: 'nginx:2' }] } } } }, Deployment.schema());
  const expected = structuredClone(made) as unknown as Deployment;
  expected.spec!.template.spec!.containers[0]!.image = 'nginx:2';
  assert.deepEqual(image, expected);
  const labelled = jsonPatch(made, [{ op: 'add', path: '/metadata/labels/tier', value: 'front' }]) as unknown as Deployment;
  assert.deepEqual(labelled.metadata.labels, { app: 'web', tier: 'front' });
});
