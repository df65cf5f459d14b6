/** A portable module on another cluster: with no more rights than its own ClusterRole gives, over HTTP. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Service } from '../../src/api/core/service.ts';
import { EndpointSlice } from '../../src/api/discovery/endpoint-slice.ts';
import { guestKubeconfig, whileAttached } from '../fixtures/attached.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';

describe('attach', { timeout: 120_000 }, () => {
  let cluster: Instance;
  let kubeconfig: string;

  before(async () => {
    cluster = await bootInstance({ config: 'modules: { endpointslice: { enabled: false } }\n' });
    const role = await ok(cluster.llmos('attach', '--rules', 'endpointslice'));
    await ok(cluster.kubectlWith(role, 'apply', '-f', '-'));
    await ok(cluster.kubectl('create', 'serviceaccount', 'guest'));
    await ok(cluster.kubectl('create', 'clusterrolebinding', 'guest', '--clusterrole=llmos:endpointslice', '--serviceaccount=default:guest'));
    kubeconfig = await guestKubeconfig(cluster);
  });
  after(async () => cluster?.destroy());

  const slices = async (): Promise<EndpointSlice[]> => (await cluster.client.list(EndpointSlice, { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' })).items;

  it('does its work there, and ends when told', async () => {
    await cluster.client.create(Service, { metadata: { name: 'web', namespace: 'default' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } } as Service);
    await new Promise((settled) => setTimeout(settled, 500));
    assert.deepEqual(await slices(), []);
    await whileAttached({ cluster, kubeconfig, module: 'endpointslice' }, async (log) => {
      await eventually(async () => (await slices()).length === 1, { what: 'the slice is there' });
      assert.doesNotMatch(log(), /forbidden/);
    });
  });

  it('refuses what cannot run there', async () => {
    assert.match((await cluster.llmos('attach', '--kubeconfig', kubeconfig, 'node')).stderr, /'node' is no portable module; these are: /);
    assert.match((await cluster.llmos('attach', '--kubeconfig', '/nowhere', 'endpointslice')).stderr, /there is no kubeconfig \/nowhere/);
  });
});
