/** A portable module on another cluster: with no more rights than its own ClusterRole gives, over HTTP. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { Service } from '../../src/api/core/service.ts';
import { EndpointSlice } from '../../src/api/discovery/endpoint-slice.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { ok } from '../fixtures/kubectl-words.ts';

const LAUNCHER = resolve(import.meta.dirname, '../../llmos');

describe('attach', { timeout: 120_000 }, () => {
  let cluster: Instance;
  let kubeconfig: string;

  before(async () => {
    cluster = await bootInstance({ config: 'modules: { endpointslice: { enabled: false } }\n' });
    const role = await ok(cluster.llmos('attach', '--rules', 'endpointslice'));
    await ok(cluster.kubectlWith(role, 'apply', '-f', '-'));
    await ok(cluster.kubectl('create', 'serviceaccount', 'guest'));
    await ok(cluster.kubectl('create', 'clusterrolebinding', 'guest', '--clusterrole=llmos:endpointslice', '--serviceaccount=default:guest'));
    const token = (await ok(cluster.kubectl('create', 'token', 'guest'))).trim();
    const config = parse(readFileSync(cluster.kubeconfig, 'utf8')) as { users: [{ user: object }] };
    config.users[0].user = { token };
    kubeconfig = join(dirname(cluster.state), 'guest.kubeconfig');
    writeFileSync(kubeconfig, stringify(config), { mode: 0o600 });
  });
  after(async () => cluster?.destroy());

  const slices = async (): Promise<EndpointSlice[]> => (await cluster.client.list(EndpointSlice, { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' })).items;

  it('does its work there, and ends when told', async () => {
    await cluster.client.create(Service, { metadata: { name: 'web', namespace: 'default' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } } as Service);
    await new Promise((settled) => setTimeout(settled, 500));
    assert.deepEqual(await slices(), []);
    const attached = spawn(LAUNCHER, ['attach', '--kubeconfig', kubeconfig, 'endpointslice'], { env: cluster.env, stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    attached.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    try {
      await eventually(async () => (await slices()).length === 1, { what: 'the slice is there' }).catch((error: Error) => assert.fail(`${error.message}\n${log}`));
      assert.doesNotMatch(log, /forbidden/);
    } finally {
      const ended = new Promise((settled) => attached.once('exit', settled));
      attached.kill('SIGTERM');
      assert.equal(await ended, 0, log);
    }
  });

  it('refuses what cannot run there', async () => {
    assert.match((await cluster.llmos('attach', '--kubeconfig', kubeconfig, 'node')).stderr, /'node' is no portable module; these are: /);
    assert.match((await cluster.llmos('attach', '--kubeconfig', '/nowhere', 'endpointslice')).stderr, /there is no kubeconfig \/nowhere/);
  });
});
