import { test } from 'node:test';
import assert from 'node:assert/strict';
import type { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts';
import { AUTHORITY_ONE } from '../../api/certificates/testing.ts';
import type { Client } from '../../sdk/client.ts';
import type { Kind } from '../../api/kind.ts';
import { acceptNames, type NameConflict, type Naming } from './names.ts';
import { servedDefinitions } from './served.ts';
import { statusOf, terminatingStatus } from './status.ts';

const NOW = '2026-01-01T00:00:00Z';

function definition(change: Partial<CustomResourceDefinition['metadata']> = {}): CustomResourceDefinition {
  return {
    metadata: { name: 'shops.example.com', uid: 'u', generation: 1, ...change },
    spec: {
      group: 'example.com', scope: 'Namespaced', names: { plural: 'shops', singular: 'shop', kind: 'Shop', listKind: 'ShopList', shortNames: ['sh'] },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  };
}

test('names that another resource of the group has are not accepted', () => {
  const other = { group: 'example.com', version: 'v1', kind: 'Shed', plural: 'sheds', singular: 'shed', shortNames: ['sh'], namespaced: true };
  const { names } = definition().spec;
  const conflictOf = (...args: Parameters<typeof acceptNames>): NameConflict | undefined => acceptNames(...args).conflict;
  assert.deepEqual(conflictOf(names, undefined, 'example.com', [other]), { reason: 'ShortNamesConflict', message: '"sh" is already in use' });
  assert.deepEqual(conflictOf({ ...names, shortNames: [], listKind: 'Shed' }, undefined, 'example.com', [other]), { reason: 'ListKindConflict', message: '"Shed" is already in use' });
  assert.deepEqual(conflictOf({ ...names, singular: 'sh', shortNames: ['sheds', 'sh', 'x'] }, undefined, 'example.com', [other]), { reason: 'ShortNamesConflict', message: '["sheds" is already in use, "sh" is already in use]' }, 'the last conflict is told');
  assert.equal(conflictOf(names, undefined, 'other.com', [other]), undefined);
  assert.equal(conflictOf(names, undefined, 'example.com', [{ ...other, plural: 'shops', kind: 'Shop' }]), undefined, 'itself in another version');
});

test('names are accepted one by one, and what was accepted before stays', () => {
  const other = { group: 'example.com', version: 'v1', kind: 'Shed', plural: 'sheds', singular: 'shed', shortNames: ['sh'], namespaced: true };
  const { names } = definition().spec;
  const first = acceptNames(names, { plural: '', kind: '' }, 'example.com', [other]);
  assert.deepEqual(first.names, { plural: 'shops', singular: 'shop', kind: 'Shop', listKind: 'ShopList' });
  const before = { ...names, shortNames: ['s'], categories: ['all'] };
  assert.deepEqual(acceptNames({ ...names, kind: 'Shed', shortNames: ['sh'] }, before, 'example.com', [other]).names, { ...names, shortNames: ['s'] });
  assert.deepEqual(acceptNames(before, first.names, 'example.com', [other]), { names: before, conflict: undefined });
  assert.equal(acceptNames(names, names, 'example.com', [other]).conflict, undefined, 'who had it first keeps it');
});

test('the status says what was accepted, and keeps the time of transitions', () => {
  const crd = definition();
  const { names } = crd.spec;
  const good: Naming = { names, conflict: undefined };
  crd.status = statusOf(crd, good, NOW);
  assert.deepEqual(crd.status.conditions?.map(({ type, status, reason }) => [type, status, reason]), [['NamesAccepted', 'True', 'NoConflicts'], ['Established', 'True', 'InitialNamesAccepted']]);
  assert.deepEqual([crd.status.acceptedNames?.kind, crd.status.storedVersions], ['Shop', ['v1']]);
  assert.deepEqual(statusOf(crd, good, '2027-01-01T00:00:00Z'), crd.status);
  const refused = statusOf(definition(), { names: { ...names, kind: '' }, conflict: { reason: 'KindConflict', message: '"Shop" is already in use' } }, NOW);
  assert.deepEqual(refused.conditions?.map(({ status, reason }) => [status, reason]), [['False', 'KindConflict'], ['False', 'NotAccepted']]);
  assert.equal(terminatingStatus(crd, NOW).conditions?.at(-1)?.reason, 'InstanceDeletionInProgress');
});

test('a definition whose webhook nobody could believe is not established, until it is', () => {
  const crd = definition();
  const good: Naming = { names: crd.spec.names, conflict: undefined };
  const trusting = (pem: string): void => void (crd.spec.conversion = { strategy: 'Webhook', webhook: { clientConfig: { url: 'https://x', caBundle: Buffer.from(pem).toString('base64') }, conversionReviewVersions: ['v1'] } });
  const established = (): unknown => statusOf(crd, good, NOW).conditions?.flatMap(({ type, status, reason }) => (type === 'Established' ? [status, reason] : []));
  trusting('\n');
  assert.deepEqual(established(), ['False', 'InvalidCABundle']);
  trusting(AUTHORITY_ONE);
  assert.deepEqual(established(), ['True', 'InitialNamesAccepted']);
  crd.status = statusOf(crd, good, NOW);
  trusting('\n');
  assert.deepEqual(established(), ['True', 'InitialNamesAccepted'], 'what was established stays so');
});

test('definitions of protected groups say whether their API was approved', () => {
  const said = (group: string, annotation?: string): unknown => {
    const crd = definition(annotation === undefined ? {} : { annotations: { 'api-approved.kubernetes.io': annotation } });
    crd.spec.group = group;
    return statusOf(crd, { names: crd.spec.names, conflict: undefined }, NOW).conditions?.flatMap(({ type, ...each }) => (type === 'KubernetesAPIApprovalPolicyConformant' ? [each.status, each.reason, each.message] : []));
  };
  assert.deepEqual(said('example.com'), []);
  assert.deepEqual(said('sigs.k8s.io', 'https://github.com/kubernetes/kubernetes/pull/78458'), ['True', 'ApprovedAnnotation', 'approved in https://github.com/kubernetes/kubernetes/pull/78458']);
  assert.deepEqual(said('sigs.k8s.io', 'unapproved, experimental-only'), ['False', 'UnapprovedAnnotation', 'not approved: "unapproved, experimental-only"']);
  assert.deepEqual(said('sigs.k8s.io'), ['False', 'MissingAnnotation', 'protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111']);
  assert.deepEqual((said('k8s.io', 'bad value') as string[]).slice(0, 2), ['False', 'InvalidAnnotation']);
});

test('kinds follow their definition', () => {
  const table = new Map<string, Kind>();
  const serve = (kind: Kind): (() => void) => {
    table.set(kind.version, kind);
    return () => void (table.get(kind.version) === kind && table.delete(kind.version));
  };
  const served = servedDefinitions({ serve, client: {} as Client, signal: new AbortController().signal });
  const [first] = served.serve(definition());
  assert.equal(served.serve(definition())[0], first, 'the same definition is served once');
  const changed = definition({ generation: 2 });
  changed.spec.versions.push({ name: 'v2', served: true, storage: false, schema: { openAPIV3Schema: { type: 'object' } } });
  served.serve(changed);
  assert.deepEqual([...table.keys()], ['v1', 'v2']);
  served.serve(definition({ generation: 3 }));
  assert.deepEqual([...table.keys()], ['v1']);
  assert.ok(first);
  served.end('shops.example.com');
  assert.equal(served.isEnding(first), true);
  served.withdraw('shops.example.com');
  assert.equal(table.size, 0);
  assert.equal(served.isEnding(first), false);
});
