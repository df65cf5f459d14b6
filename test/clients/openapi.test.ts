/** Clients that are made from the OpenAPI document: one at run time (kubernetes-client of npm), one that was generated from upstream's (@kubernetes/client-node). */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { clients, lacks } from '../fixtures/clients.ts';
import { importTestImage, TEST_IMAGE } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';

interface Parameter { name: string; in: string }
interface Operation { operationId: string; tags: string[]; parameters?: Parameter[] }
type Item = Record<string, Operation> & { parameters?: Parameter[] };
interface Document { paths: Record<string, Item> }

/** What a made client is: each part of a path is a member, or a call where it is a name; methods are at the end. */
// oxlint-disable-next-line typescript/no-explicit-any
type Made = any;

let llmos: Instance;
before(async () => {
  llmos = await bootInstance();
  importTestImage(llmos);
});
after(() => llmos?.destroy());

describe('kubernetes-client, made of the document that it is given', { timeout: 120_000, skip: lacks('kubernetesClient') }, () => {
  let client: Made;
  let pods: Made;

  before(async () => {
    const require = createRequire(join(clients.kubernetesClient()!, 'package.json'));
    const { Client, KubeConfig } = require('kubernetes-client') as Made;
    const Backend = require('kubernetes-client/backends/request') as Made;
    const kubeconfig = new KubeConfig();
    kubeconfig.loadFromFile(await tokenKubeconfig());
    client = new Client({ backend: new Backend({ kubeconfig }) });
    await client.loadSpec();
    pods = client.api.v1.namespaces('default').pods;
  });

  it('a pod, its log and a command in it', async () => {
    await pods.post({ body: { metadata: { name: 'made' }, spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: TEST_IMAGE, imagePullPolicy: 'Never', command: ['sh', '-c', 'echo one; sleep 1000'] }] } } });
    await eventually(async () => (await pods('made').log.get()).body === 'one\n');
    assert.equal((await pods('made').exec.post({ qs: { command: ['echo', 'hi'], container: 'c', stdout: true, stderr: true } })).body, 'hi\n');
    assert.deepEqual((await pods('made').patch({ body: { metadata: { labels: { a: 'b' } } } })).body.metadata.labels, { a: 'b' });
  });

  it('watches by the old paths', async () => {
    const stream = await client.api.v1.watch.namespaces('default').pods.getObjectStream();
    const event = await new Promise<Made>((settled, failed) => stream.once('data', settled).once('error', failed));
    stream.destroy();
    assert.deepEqual([event.type, event.object.metadata.name], ['ADDED', 'made']);
  });

  it('discovery, the version, the issuer', async () => {
    const kinds = await Promise.all([client.api, client.api.v1, client.apis, client.apis.apps, client.apis.apps.v1].map(async (each: Made) => (await each.get()).body.kind));
    assert.deepEqual(kinds, ['APIVersions', 'APIResourceList', 'APIGroupList', 'APIGroup', 'APIResourceList']);
    assert.equal((await client.version.get()).body.major, '1');
    const issuer = (await client['.well-known']['openid-configuration'].get()).body;
    assert.equal(new URL((typeof issuer === 'string' ? JSON.parse(issuer) : issuer).jwks_uri).pathname, '/openid/v1/jwks');
  });

  it('a kind of a user, and tokens', async () => {
    const versions = [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } } }];
    const definition = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'toads.example.dev' }, spec: { group: 'example.dev', scope: 'Namespaced', names: { plural: 'toads', singular: 'toad', kind: 'Toad' }, versions } };
    await client.apis['apiextensions.k8s.io'].v1.customresourcedefinitions.post({ body: definition });
    await eventually(async () => {
      await client.loadSpec();
      return client.apis['example.dev'] !== undefined;
    });
    const made = await client.apis['example.dev'].v1.namespaces('default').toads.post({ body: { apiVersion: 'example.dev/v1', kind: 'Toad', metadata: { name: 't' }, spec: { size: 1 } } });
    assert.deepEqual(made.body.spec, { size: 1 });
    const token = await client.api.v1.namespaces('default').serviceaccounts('default').token.post({ body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: [] } } });
    assert.equal(token.body.status.token.split('.').length, 3);
  });
});

/** A copy of the kubeconfig whose user has a token: this client's WebSockets carry nothing else. */
async function tokenKubeconfig(): Promise<string> {
  const file = join(llmos.run, 'token.kubeconfig');
  writeFileSync(file, readFileSync(llmos.kubeconfig));
  const done = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await llmos.kubectl(...args);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  };
  await done('create', 'serviceaccount', 'made-client');
  await done('create', 'clusterrolebinding', 'made-client', '--clusterrole=cluster-admin', '--serviceaccount=default:made-client');
  await done('--kubeconfig', file, 'config', 'set-credentials', 'made-client', `--token=${await done('create', 'token', 'made-client')}`);
  await done('--kubeconfig', file, 'config', 'set-context', '--current', '--user=made-client');
  return file;
}

describe('what was generated from the document of upstream', { timeout: 60_000, skip: lacks('clientNode') }, () => {
  /** Lists in shards and deletions of what cannot be read (both alpha) are not had here. */
  const NOT_HAD = new Set(['shardSelector', 'ignoreStoreReadErrorWithClusterBreakingPotential']);
  /** Of no kind that is served here: logs of the machine, what is stored in which version. And what is of any custom kind. */
  const NOT_SERVED = /^\w+ \/(logs\/|apis\/internal\.apiserver\.k8s\.io\/|apis\/\{group\})/;

  it('has its operations in ours, with the same names and parameters', async () => {
    const { paths } = JSON.parse((await llmos.kubectl('get', '--raw', '/openapi/v2')).stdout) as Document;
    const served = new Set(Object.keys(paths).map((path) => versionOf(path)));
    const differences: string[] = [];
    let seen = 0;
    for (const { method, path, id, query } of upstreamOperations()) {
      const line = `${method} ${path}`;
      if (!served.has(versionOf(path)) || NOT_SERVED.test(line)) continue;
      seen += 1;
      const ours = paths[path]?.[method];
      if (ours === undefined) {
        differences.push(`${line} is missing`);
        continue;
      }
      if (unversioned(ours) !== id) differences.push(`${line} is called ${ours.operationId}, not ${id}`);
      const own = [...(paths[path]?.parameters ?? []), ...(ours.parameters ?? [])].filter((each) => each.in === 'query').map(({ name }) => name).sort();
      const theirs = query.filter((name) => !NOT_HAD.has(name)).sort();
      if (own.join() !== theirs.join()) differences.push(`${line} takes ${own.join()}, not ${theirs.join()}`);
    }
    assert.deepEqual(differences, []);
    assert.ok(seen > 600, `only ${seen} operations were compared`);
  });

  it('has its types in ours, with the same fields, and the same ones required', async () => {
    const { definitions } = JSON.parse((await llmos.kubectl('get', '--raw', '/openapi/v2')).stdout) as { definitions: Record<string, { properties?: object; required?: string[] }> };
    const theirs = upstreamTypes();
    const differences: string[] = [];
    let seen = 0;
    for (const [name, { properties, required = [] }] of Object.entries(definitions)) {
      const [group = '', version = '', type = ''] = name.split('.').slice(-3);
      const fields = theirs.get(`${group}${version}${type}`.toLowerCase()) ?? theirs.get(`${version}${type}`.toLowerCase());
      if (properties === undefined || fields === undefined || !name.startsWith('io.k8s.api.')) continue;
      seen += 1;
      const ours = Object.keys(properties).map((field) => `${field}${required.includes(field) ? '' : '?'}`).sort();
      if (ours.join() !== fields.join()) differences.push(`${name} has ${ours.join()}, not ${fields.join()}`);
    }
    assert.deepEqual(differences, []);
    assert.ok(seen > 400, `only ${seen} types were compared`);
  });

  /** Names of fields by the name of their type in lower case, those that may be left out with a question mark; words that TypeScript keeps for itself begin with a line there. */
  function upstreamTypes(): Map<string, string[]> {
    const folder = join(clients.clientNode()!, 'node_modules/@kubernetes/client-node/dist/gen/models');
    return new Map(readdirSync(folder).filter((file) => file.endsWith('.d.ts')).map((file) => [
      file.slice(0, -'.d.ts'.length).toLowerCase(),
      [...readFileSync(join(folder, file), 'utf8').matchAll(/^ {4}'_?([^']+)'(\??): /gm)].map(([, name = '', optional = '']) => `${name}${optional}`).sort(),
    ]));
  }

  /** `/apis/apps/v1` of what is below it, the path itself of what is no group's. */
  function versionOf(path: string): string {
    return /^\/(api\/v1|apis\/[^/]+\/[^/{]+)(?=\/)/.exec(path)?.[0] ?? path;
  }

  /** The generator leaves out the group and version: each has a class of its own. */
  function unversioned({ operationId, tags: [tag = ''] }: Operation): string {
    const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
    return operationId.replace(tag.split('_').map(capital).join(''), '').replace(/^get(?:\w+?)(API(?:Group|Versions))$/, 'get$1').replace('getCodeVersion', 'getCode');
  }

  function upstreamOperations(): { method: string; path: string; id: string; query: string[] }[] {
    const folder = join(clients.clientNode()!, 'node_modules/@kubernetes/client-node/dist/gen/apis');
    return readdirSync(folder).filter((file) => file.endsWith('Api.js')).flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(/async (\w+)\([^)]*\) \{\n([\s\S]*?)return requestContext;/g)].flatMap(([, id = '', body = '']) => {
        const [, path] = /localVarPath = '([^']+)'/.exec(body) ?? [];
        const [, method] = /HttpMethod\.(\w+)/.exec(body) ?? [];
        return path === undefined || method === undefined ? [] : [{ method: method.toLowerCase(), path, id, query: [...body.matchAll(/setQueryParam\("(\w+)"/g)].map(([, name = '']) => name) }];
      }));
  }
});
