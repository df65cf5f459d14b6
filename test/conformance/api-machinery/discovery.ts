/** [sig-api-machinery] Discovery, AggregatedDiscovery, server version, Table transformation */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { behaviour, call, get, refused, type Body } from '../cluster.ts';
import { withDefinition } from './definitions.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const PLAIN = 'application/json';

/** Some resources that every cluster has, by group and version. */
const BUILT_IN: readonly [string, string, string][] = [
  ['', 'v1', 'namespaces'], ['', 'v1', 'pods'], ['', 'v1', 'services'], ['', 'v1', 'configmaps'], ['apps', 'v1', 'deployments'], ['apps', 'v1', 'replicasets'],
  ['apiextensions.k8s.io', 'v1', 'customresourcedefinitions'], ['coordination.k8s.io', 'v1', 'leases'], ['discovery.k8s.io', 'v1', 'endpointslices'], ['events.k8s.io', 'v1', 'events'],
  ['rbac.authorization.k8s.io', 'v1', 'clusterroles'], ['scheduling.k8s.io', 'v1', 'priorityclasses'],
];

async function aggregated(accept = AGGREGATED): Promise<{ lists: Body[]; types: string[] }> {
  const answers = await Promise.all(['/api', '/apis'].map((path) => call('GET', path, { headers: { accept } })));
  return { lists: answers.map(({ body }) => body), types: answers.map(({ headers }) => headers['content-type'] ?? '') };
}

function has(lists: readonly Body[], group: string, version: string, plural: string): boolean {
  const groups = lists.flatMap((list) => list.items as Body[]).filter((each) => (each.metadata?.name ?? '') === group);
  return groups.some((each) => each.versions.some((one: Body) => one.version === version && one.resources.some((resource: Body) => resource.resource === plural)));
}

export function discovery(): void {
  behaviour('server version should find the server version', async () => {
    const version = await get('/version');
    assert.match(version.major, /^\d+$/);
    assert.equal(version.emulationMinor, version.minor, 'no older release is played');
    assert.equal(Number(version.minCompatibilityMinor), Number(version.minor) - 1);
    assert.match(version.minor, /^\d+$/);
  });

  behaviour('Discovery should validate PreferredVersion for each APIGroup', async () => {
    const { groups } = await get('/apis');
    assert.ok(groups.length > 5);
    for (const each of groups) {
      const group = await get(`/apis/${each.name}`);
      assert.ok(group.versions.some(({ groupVersion }: Body) => groupVersion === group.preferredVersion.groupVersion), each.name);
      assert.deepEqual(group.preferredVersion, each.preferredVersion);
    }
  });

  behaviour('Discovery should locate the groupVersion and a resource within each APIGroup', async () => {
    for (const [group, version, plural] of BUILT_IN) {
      const groupVersion = group === '' ? version : `${group}/${version}`;
      const list = await get(group === '' ? `/api/${version}` : `/apis/${groupVersion}`);
      assert.equal(list.groupVersion, groupVersion);
      const found = list.resources.find(({ name }: Body) => name === plural);
      assert.ok(found !== undefined && found.kind !== '' && found.verbs.includes('list'), `${groupVersion} ${plural}`);
    }
  });

  behaviour('AggregatedDiscovery should support aggregated discovery interface', async () => {
    const { lists } = await aggregated(`${AGGREGATED},${PLAIN}`);
    for (const [group, version, plural] of BUILT_IN) assert.ok(has(lists, group, version, plural), `${group}/${version} ${plural}`);
  });

  behaviour('AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers', async () => {
    const { lists, types } = await aggregated();
    for (const each of types) assert.match(each, /g=apidiscovery\.k8s\.io;v=v2;as=APIGroupDiscoveryList/);
    for (const [group, version, plural] of BUILT_IN) assert.ok(has(lists, group, version, plural), `${group}/${version} ${plural}`);
    const plain = await call('GET', '/apis', { headers: { accept: PLAIN } });
    assert.equal(plain.body.kind, 'APIGroupList');
  });

  for (const name of ['AggregatedDiscovery should support aggregated discovery interface for CRDs', 'AggregatedDiscovery should support raw aggregated discovery request for CRDs']) {
    behaviour(name, () => withDefinition({}, async ({ group, plural }) => {
      await eventually(async () => has((await aggregated()).lists, group, 'v1', plural), { what: 'the resource in discovery' });
    }));
  }

  behaviour('Servers with support for Table transformation should return a 406 for a backend which does not implement metadata', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { nonResourceAttributes: { path: '/', verb: 'get' } } };
    const status = await refused(406, 'POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { body, headers: { accept } });
    assert.equal(status.reason, 'NotAcceptable');
  });
}
