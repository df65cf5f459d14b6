/** What triggers authenticate with: tokens of service accounts, files, OAuth 2 clients, a vault; and a scaler of the user's own that pushes. Against servers that check it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createGrpcServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Deployment } from '../../src/api/apps/deployment.ts';
import { HorizontalPodAutoscaler } from '../../src/api/autoscaling/horizontal-pod-autoscaler.ts';
import { Job } from '../../src/api/batch/job.ts';
import { ServiceAccount } from '../../src/api/core/service-account.ts';
import { ScaledObject } from '../../src/api/keda/scaled-object.ts';
import { decode, encode } from '../../src/sdk/grpc/message.ts';
import { GetMetricSpecResponse, GetMetricsResponse, IsActiveResponse, ScaledObjectRef } from '../../src/modules/event-autoscaler/triggers/external.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo, ok } from '../fixtures/kubectl-words.ts';

const NS = { namespace: 'default' };
/** Pods that nobody runs: it is replicas that are looked at. */
const deployment = (name: string): object => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, ...NS },
  spec: { replicas: 0, selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { nodeSelector: { nowhere: 'true' }, containers: [{ name: 'main', image: 'none', env: [{ name: 'HOST', value: '127.0.0.1' }, { name: 'PLACE', value: '$(HOST)/$(UNKNOWN)' }] }] } } },
});
const scaled = (name: string, trigger: object, pollingInterval = 1): object => ({
  apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', metadata: { name, ...NS }, spec: { scaleTargetRef: { name }, pollingInterval, cooldownPeriod: 1, maxReplicaCount: 6, triggers: [trigger] },
});
const metricsApi = (port: number, path: string, metadata: object, authenticationRef: object): object => ({ type: 'metrics-api', metadata: { url: `http://127.0.0.1:${port}${path}`, valueLocation: 'waiting', targetValue: '2', ...metadata }, authenticationRef });

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe('what triggers authenticate with', { timeout: 180_000 }, () => {
  let llmos: Instance;
  let folder: string;
  let web: Server;
  let push: Http2Server;
  let stream: ServerHttp2Stream | undefined;
  /** By which it says what its metric is. */
  let specs: ServerHttp2Stream | undefined;
  const sessions = new Set<ServerHttp2Session>();
  /** The metadata that the scaler that pushes was given. */
  let told: unknown;
  const asked: string[] = [];
  const portOf = (server: Server | Http2Server): number => (server.address() as AddressInfo).port;
  const apply = (...items: object[]): Promise<string> => applyTo(llmos, ...items);
  const ready = async (name: string): Promise<string> => (await llmos.client.get(ScaledObject, name, NS)).status?.conditions?.filter(({ type }) => type === 'Ready').map(({ status, message }) => `${status}: ${message}`).join() ?? '';
  const replicas = async (name: string): Promise<number | undefined> => (await llmos.client.get(Deployment, name, NS)).spec?.replicas;
  const wakes = (name: string): Promise<unknown> => eventually(async () => (await replicas(name))! > 0, { timeoutMs: 60_000, what: `${name} wakes` }).catch(async (error: unknown) => assert.fail(`${String(error)}\n${await ready(name)}\n${asked.join('\n')}`));

  /** Who asks with which token, as the cluster itself says. */
  async function reviewed(token: string): Promise<string> {
    const { stdout } = await llmos.kubectlWith(JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } }), 'create', '-f', '-', '-o', 'jsonpath={.status.user.username}');
    return stdout;
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'llmos-test-'));
    await writeFile(join(folder, 'login.json'), JSON.stringify({ username: 'scaler', password: 'from a file' }));
    web = createHttpServer((request, response) => {
      void (async () => {
        const { authorization = '' } = request.headers;
        const body = await textOf(request);
        asked.push(`${request.method} ${request.url} ${authorization.slice(0, 20)} ${body}`);
        const answer = (status: number, value: object): void => void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
        const basic = (user: string, password: string): boolean => authorization === `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
        if (request.url === '/token') {
          // Its secret in the form, as some servers want it.
          const form = new URLSearchParams(body);
          const known = form.get('client_id') === 'llmos' && form.get('client_secret') === 'of the client' && form.get('grant_type') === 'client_credentials' && form.get('scope') === 'read all' && form.get('audience') === 'metrics';
          return known ? answer(200, { access_token: 'granted', token_type: 'bearer', expires_in: 3_600 }) : answer(401, { error: 'invalid_client' });
        }
        if (request.url === '/v1/auth/llmos/login') {
          const { jwt, role } = JSON.parse(body) as { jwt: string; role: string };
          const known = role === 'scaler' && (await reviewed(jwt)) === 'system:serviceaccount:default:metrics-reader';
          return known ? answer(200, { auth: { client_token: 'of the vault', lease_duration: 3_600 } }) : answer(403, { errors: ['permission denied'] });
        }
        if (request.url === '/v1/secret/data/metrics') return request.headers['x-vault-token'] === 'of the vault' ? answer(200, { data: { data: { token: 'granted' }, metadata: {} } }) : answer(403, { errors: ['permission denied'] });
        const may = request.url === '/account' ? (await reviewed(authorization.replace('Bearer ', ''))) === 'system:serviceaccount:default:metrics-reader' : request.url === '/file' ? basic('scaler', 'from a file') : authorization === 'Bearer granted';
        return may ? answer(200, { waiting: 3 }) : answer(401, {});
      })();
    }).listen(0, '127.0.0.1');
    push = createGrpcServer().listen(0, '127.0.0.1');
    push.on('session', (session) => sessions.add(session));
    push.on('stream', (each, headers) => {
      each.on('error', () => {});
      const method = String(headers[':path']).replace('/externalscaler.ExternalScaler/', '');
      asked.push(method);
      if (method === 'StreamIsActive') {
        stream = each;
        each.once('data', (chunk: Buffer) => void (told = decode(ScaledObjectRef, chunk.subarray(5))['scalerMetadata']));
        each.respond({ ':status': 200, 'content-type': 'application/grpc' });
        return;
      }
      if (method === 'StreamMetricSpec') {
        specs = each;
        each.respond({ ':status': 200, 'content-type': 'application/grpc' });
        return;
      }
      const message = { IsActive: encode(IsActiveResponse, { result: false }), GetMetricSpec: encode(GetMetricSpecResponse, { metricSpecs: [{ metricName: 'pushed', targetSize: 5 }] }), GetMetrics: encode(GetMetricsResponse, { metricValues: [{ metricName: 'pushed', metricValue: 1 }] }) }[method]!;
      each.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      each.on('wantTrailers', () => each.sendTrailers({ 'grpc-status': '0' }));
      each.end(framed(message));
    });
    await Promise.all([once(web, 'listening'), once(push, 'listening')]);
    llmos = await bootInstance({ config: `modules:\n  event-autoscaler: {filePathAuthRootPath: ${folder}}\n` });
    await eventually(async () => (await llmos.client.list(ServiceAccount, NS)).items.length > 0, { what: 'the namespace' });
  });
  after(async () => {
    await llmos?.destroy();
    web?.close();
    stream?.close();
    specs?.close();
    push?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('a service account: its token, where a role lets the operator have it', async () => {
    await apply(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'metrics-reader', ...NS } },
      { apiVersion: 'keda.sh/v1alpha1', kind: 'TriggerAuthentication', metadata: { name: 'account', ...NS }, spec: { boundServiceAccountToken: [{ parameter: 'token', serviceAccountName: 'metrics-reader' }] } },
      deployment('account'), scaled('account', metricsApi(portOf(web), '/account', { authMode: 'bearer' }, { name: 'account' })),
    );
    await eventually(async () => /may not create tokens of default\/metrics-reader: bind a Role/.test(await ready('account')), { what: 'it is refused' });
    assert.equal(await replicas('account'), 0);
    await apply(
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'token-creator', ...NS }, rules: [{ apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create', 'get'], resourceNames: ['metrics-reader'] }] },
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: 'token-creator', ...NS }, subjects: [{ kind: 'ServiceAccount', name: 'keda-operator', namespace: 'keda' }], roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'token-creator' } },
    );
    await wakes('account');
    await eventually(async () => /^True/.test(await ready('account')), { what: 'it says so' });
  });

  it('a file of the machine, for the whole cluster only', async () => {
    await apply(
      { apiVersion: 'keda.sh/v1alpha1', kind: 'ClusterTriggerAuthentication', metadata: { name: 'file' }, spec: { filePath: 'login.json' } },
      { apiVersion: 'keda.sh/v1alpha1', kind: 'ClusterTriggerAuthentication', metadata: { name: 'elsewhere' }, spec: { filePath: '../login.json' } },
      { apiVersion: 'keda.sh/v1alpha1', kind: 'TriggerAuthentication', metadata: { name: 'file', ...NS }, spec: { filePath: 'login.json' } },
      ...['file', 'own', 'elsewhere'].map(deployment),
      scaled('file', metricsApi(portOf(web), '/file', { authMode: 'basic' }, { name: 'file', kind: 'ClusterTriggerAuthentication' })),
      scaled('own', metricsApi(portOf(web), '/file', { authMode: 'basic' }, { name: 'file' })),
      scaled('elsewhere', metricsApi(portOf(web), '/file', { authMode: 'basic' }, { name: 'elsewhere', kind: 'ClusterTriggerAuthentication' })),
    );
    await wakes('file');
    await eventually(async () => /filePath is for a ClusterTriggerAuthentication only/.test(await ready('own')), { what: 'a file is not for a namespace' });
    await eventually(async () => /filePath must be relative/.test(await ready('elsewhere')), { what: 'no file outside of the folder' });
  });

  it('a client of OAuth 2: one token for many readings', async () => {
    const wrong = { apiVersion: 'keda.sh/v1alpha1', kind: 'TriggerAuthentication', metadata: { name: 'wrong', ...NS }, spec: { oauth2: { type: 'password', clientId: 'llmos' } } };
    const refused = await llmos.kubectlWith(JSON.stringify(wrong), 'apply', '-f', '-');
    assert.match(refused.stderr, /spec\.oauth2/);
    await apply(
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'oauth', ...NS }, stringData: { secret: 'of the client' } },
      { apiVersion: 'keda.sh/v1alpha1', kind: 'TriggerAuthentication', metadata: { name: 'oauth', ...NS }, spec: { oauth2: { type: 'clientCredentials', clientId: 'llmos', clientSecret: { valueFrom: { secretKeyRef: { name: 'oauth', key: 'secret' } } }, tokenUrl: `http://127.0.0.1:${portOf(web)}/token`, scopes: ['read', 'all'], tokenUrlParams: { audience: 'metrics' } } } },
      deployment('oauth'), scaled('oauth', metricsApi(portOf(web), '/oauth', { authMode: 'oauth' }, { name: 'oauth' })),
    );
    await wakes('oauth');
    await eventually(async () => asked.filter((each) => each.startsWith('GET /oauth')).length >= 3, { what: 'it is read again' });
    // The first way was refused, the second taken, and what it gave is kept.
    assert.equal(asked.filter((each) => each.startsWith('POST /token')).length, 2, asked.join('\n'));
  });

  it('a vault: signed in to as a service account', async () => {
    const vault = (role: string): object => ({ hashiCorpVault: { address: `http://127.0.0.1:${portOf(web)}`, authentication: 'kubernetes', mount: 'llmos', role, credential: { serviceAccountName: 'metrics-reader' }, secrets: [{ parameter: 'token', path: 'secret/data/metrics', key: 'token' }] } });
    await apply(
      ...['scaler', 'nobody'].map((role) => ({ apiVersion: 'keda.sh/v1alpha1', kind: 'TriggerAuthentication', metadata: { name: role, ...NS }, spec: vault(role) })),
      ...['vault', 'barred'].map(deployment), scaled('vault', metricsApi(portOf(web), '/vault', { authMode: 'bearer' }, { name: 'scaler' })), scaled('barred', metricsApi(portOf(web), '/vault', { authMode: 'bearer' }, { name: 'nobody' })),
    );
    await wakes('vault');
    await eventually(async () => /the vault, asked for auth\/llmos\/login: 127\.0\.0\.1:\d+ answered 403/.test(await ready('barred')), { what: 'another role is refused' });
    assert.equal(await replicas('barred'), 0);
  });

  it('a person is told what each trigger says, and what follows', async () => {
    const explained = (subject: string): Promise<string> => ok(llmos.llmos('scale', 'explain', subject));
    const text = await explained('so/oauth');
    for (const part of [/Deployment\/oauth is scaled by ScaledObject oauth, by events; from one replica on by HorizontalPodAutoscaler keda-hpa-oauth/, /Ready: True/, /Active: True, ScalerActive/, /s0-metric-api-waiting\s+3\s+2\s+0/]) assert.match(text, part);
    assert.match(await explained('deploy/oauth'), /is scaled by ScaledObject oauth/);
    assert.match(await explained('hpa/keda-hpa-oauth'), /is scaled by ScaledObject oauth/);
    // Where nothing is scaled yet, it is said why.
    assert.match(await explained('deploy/own'), /Ready: False, ScaledObjectCheckFailed: trigger 0 \(metrics-api\): .*filePath is for a ClusterTriggerAuthentication only/);
    assert.match((await llmos.llmos('scale', 'explain', 'deploy/nowhere')).stderr, /nothing scales deploy\/nowhere/);
    await apply({ apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledJob', metadata: { name: 'batch', ...NS }, spec: { pollingInterval: 1, maxReplicaCount: 2, jobTargetRef: { template: { spec: { nodeSelector: { nowhere: 'true' }, restartPolicy: 'Never', containers: [{ name: 'main', image: 'none' }] } } }, triggers: [metricsApi(portOf(web), '/oauth', { authMode: 'oauth' }, { name: 'oauth' })] } });
    await eventually(async () => /ScaledJob batch starts Jobs by events: metrics-api\njobs: 2 under way, 0 ended; at most 2 at once\nReady: True/.test(await explained('sj/batch')), { what: 'two jobs' });
    assert.match((await llmos.llmos('scale', 'explain', 'sj/nowhere')).stderr, /scaledjobs.keda.sh "nowhere" not found/);
  });

  it('a scaler that pushes wakes its target at once, and again after its stream broke', async () => {
    await apply(deployment('pushed'), scaled('pushed', { type: 'external-push', metadata: { scalerAddress: `127.0.0.1:${portOf(push)}`, placeFromEnv: 'PLACE' } }, 3_600));
    await eventually(async () => stream !== undefined, { what: 'the stream' });
    assert.equal(await replicas('pushed'), 0);
    await eventually(async () => told !== undefined, { what: 'whose stream it is' });
    assert.deepEqual(told, { scalerAddress: `127.0.0.1:${portOf(push)}`, placeFromEnv: '127.0.0.1/$(UNKNOWN)' });
    stream!.write(framed(encode(IsActiveResponse, { result: true })));
    await wakes('pushed');
    const first = stream!;
    stream = undefined;
    first.close();
    await eventually(async () => stream !== undefined, { what: 'another stream', timeoutMs: 30_000 });
    await llmos.kubectl('scale', 'deployment', 'pushed', '--replicas=0');
    stream!.write(framed(encode(IsActiveResponse, { result: true })));
    await wakes('pushed');
  });

  it('and says by itself when its metric or its target are others', async () => {
    const metricOf = async (): Promise<string> => {
      const { external } = (await llmos.client.get(HorizontalPodAutoscaler, 'keda-hpa-pushed', NS)).spec?.metrics?.[0] ?? {};
      return `${external?.metric.name} ${external?.target.averageValue}`;
    };
    await eventually(async () => specs !== undefined, { what: 'the stream' });
    assert.equal(await metricOf(), 's0-pushed 5');
    for (const [metricSpecs, expected] of [[[{ metricName: 'pushed', targetSize: 9 }], 's0-pushed 9'], [[{ metricName: 'other', targetSizeFloat: 2.5 }], 's0-other 2500m']] as const) {
      specs!.write(framed(encode(GetMetricSpecResponse, { metricSpecs })));
      await eventually(async () => (await metricOf()) === expected, { what: expected, timeoutMs: 30_000 }).catch(async (error: unknown) => assert.fail(`${String(error)}, but ${await metricOf()}`));
    }
    await eventually(async () => (await llmos.client.get(ScaledObject, 'pushed', NS)).status?.externalMetricNames?.join() === 's0-other', { what: 'its status' });
  });

  it('while it is away its failures are counted, until the fallback stands in', async () => {
    const away = scaled('away', { type: 'external', metadata: { scalerAddress: `127.0.0.1:${portOf(push)}` } }) as { spec: object };
    await apply(deployment('away'), { ...away, spec: { ...away.spec, fallback: { failureThreshold: 4, replicas: 3 } } });
    await eventually(async () => /^True/.test(await ready('away')), { what: 'its metric is known' });
    const triggers = [metricsApi(portOf(web), '/oauth', { authMode: 'oauth' }, { name: 'oauth' }), { type: 'external', metadata: { scalerAddress: `127.0.0.1:${portOf(push)}` } }];
    const jobsOf = async (): Promise<number> => (await llmos.client.list(Job, NS)).items.filter(({ metadata }) => metadata.labels?.['scaledjob.keda.sh/name'] === 'both').length;
    await apply({ apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledJob', metadata: { name: 'both', ...NS }, spec: { pollingInterval: 1, maxReplicaCount: 2, jobTargetRef: { template: { spec: { nodeSelector: { nowhere: 'true' }, restartPolicy: 'Never', containers: [{ name: 'main', image: 'none' }] } } }, triggers } });
    await eventually(async () => (await jobsOf()) === 2, { what: 'jobs of both triggers' });
    push.close();
    for (const session of sessions) session.destroy();
    await eventually(async () => (await replicas('away')) === 3, { timeoutMs: 90_000, what: 'the replicas of the fallback' });
    assert.match(await ready('away'), /^False: .*the scaler at 127\.0\.0\.1/);
    // What can be read still starts jobs, long after the other has been away for three readings.
    assert.equal((await llmos.kubectl('delete', 'jobs', '-l', 'scaledjob.keda.sh/name=both')).code, 0);
    await eventually(async () => (await jobsOf()) === 2, { timeoutMs: 30_000, what: 'jobs of the trigger that is there' });
  });
});

/** A message as gRPC frames it. */
function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
