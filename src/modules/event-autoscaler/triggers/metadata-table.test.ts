/** What each trigger takes and refuses: the cases that KEDA's own scalers are tested with (pkg/scalers), as facts, and the names that it gives to metrics. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { metricName, TriggerError, type Reading, type Trigger } from './trigger.ts';
import { TRIGGERS } from './index.ts';

type Words = Readonly<Record<string, string>>;
interface Given { metadata: Words; auth?: Words; env?: Words }

const context = { clock: { nowMs: () => 0 }, caches: { of: () => ({ ready: async () => {}, list: () => [] }) } } as never;

async function open(type: string, { metadata, auth = {}, env = {} }: Given): Promise<Trigger> {
  return TRIGGERS[type]!({ metadata, auth, env, namespace: 'test', owner: 'web', context });
}

/** Every word of `words` but those named, and more. */
const but = (words: Words, less: readonly string[], more: Words = {}): Words => ({ ...Object.fromEntries(Object.entries(words).filter(([key]) => !less.includes(key))), ...more });

function table(type: string, taken: readonly Given[], refused: readonly Given[]): void {
  describe(type, () => {
    for (const [index, given] of taken.entries()) it(`takes ${index}: ${JSON.stringify(given)}`, async () => (await open(type, given)).close?.());
    for (const [index, given] of refused.entries()) it(`refuses ${index}: ${JSON.stringify(given)}`, () => assert.rejects(open(type, given), TriggerError));
  });
}

const list = { listName: 'mylist', listLength: '10' };
const redisEnv = { REDIS_HOST: 'none:6379', REDIS_NAME: 'none', REDIS_PORT: '6379', REDIS_PASSWORD: 'none' };
table('redis', [
  { metadata: { ...list, addressFromEnv: 'REDIS_HOST', passwordFromEnv: 'REDIS_PASSWORD' }, env: redisEnv },
  { metadata: { ...list, hostFromEnv: 'REDIS_NAME', portFromEnv: 'REDIS_PORT' }, env: redisEnv },
  { metadata: { ...list }, auth: { address: 'none:6379', password: 'none' } },
  { metadata: { ...list, address: ':7001' } },
  { metadata: { ...list, address: 'a:1', enableTLS: 'True', unsafeSsl: 'f' } },
], [
  { metadata: {} },
  { metadata: { ...list, hostFromEnv: 'REDIS_NAME' }, env: redisEnv },
  { metadata: { ...list, address: '' } },
  { metadata: { ...list, listLength: 'AA', address: 'a:1' } },
  { metadata: { ...list, addressFromEnv: 'REDIS_WRONG' }, env: redisEnv },
  { metadata: { ...list, address: 'a:1', activationListLength: 'aa' } },
  { metadata: { ...list, address: 'a:1', enableTLS: 'no' } },
]);

const stream = { stream: 'my-stream', consumerGroup: 'group', address: 'a:1', databaseIndex: '0', enableTLS: 'false' };
table('redis-streams', [
  { metadata: { ...stream, pendingEntriesCount: '5' } },
  { metadata: { ...stream, lagCount: '5', activationLagCount: '3' } },
  { metadata: { ...stream, lagCount: '7', activationLagCount: '0' } },
  { metadata: but(stream, ['consumerGroup']) },
  { metadata: stream },
], [
  { metadata: but(stream, ['address'], { lagCount: '5', activationLagCount: '1' }) },
  { metadata: but(stream, ['address'], { host: 'a' }) },
  { metadata: but(stream, ['address'], { port: '1' }) },
  { metadata: but(stream, ['stream'], { pendingEntriesCount: '5' }) },
  { metadata: { ...stream, lagCount: 'junk', activationLagCount: '3' } },
  { metadata: { ...stream, lagCount: '5' } },
  { metadata: { ...stream, pendingEntriesCount: 'junk' } },
  { metadata: but(stream, ['consumerGroup'], { streamLength: 'junk' }) },
  { metadata: { ...stream, databaseIndex: 'junk' } },
  { metadata: { ...stream, enableTLS: 'no' } },
]);

table('redis-cluster-streams', [
  { metadata: but(stream, ['address'], { pendingEntriesCount: '5' }), auth: { addresses: ':7001, :7002' } },
  { metadata: but(stream, ['address'], { lagCount: '6', activationLagCount: '3' }), auth: { hosts: '   a, b,    c ', ports: '1, 2, 3' } },
], [
  { metadata: {} },
  { metadata: { ...stream, hosts: 'a, b, c', ports: '1, 2' } },
  { metadata: but(stream, ['stream'], { hosts: 'a, b, c', ports: '1, 2, 3', pendingEntriesCount: '5' }) },
]);

const amqp = 'amqp://user:secret@somehost.com:5236/vhost';
const queue = { queueName: 'sample', host: 'https://somehost.com' };
const rate = { mode: 'MessageRate', value: '1000', queueName: 'sample' };
table('rabbitmq', [
  { metadata: { queueLength: '10', queueName: 'sample', hostFromEnv: 'HOST' }, env: { HOST: amqp } },
  { metadata: { queueLength: '10', queueName: 'sample', host: 'http://h', protocol: 'http' } },
  { metadata: { queueName: 'namespace/name', host: amqp, vhostName: 'myVhost' } },
  { metadata: { queueName: 'namespace/name', host: amqp, vhostName: '' } },
  { metadata: queue }, { metadata: { ...queue, mode: 'QueueLength', value: '20' } }, { metadata: { ...queue, mode: 'QueueLength', value: '20', host: 'amqps://h' } },
  ...['MessageRate', 'DeliverGetRate', 'PublishedToDeliveredRatio', 'ExpectedQueueConsumptionTime'].map((mode) => ({ metadata: { ...rate, mode, host: 'http://h' } })),
  { metadata: { ...rate, host: 'http://h', useRegex: 'true', pageSize: '100' } },
  { metadata: { ...rate, host: 'http://h', timeout: '1000' } },
  { metadata: { ...queue, activationValue: '10', queueLength: '20' } },
  { metadata: { ...queue, excludeUnacknowledged: 'true', useRegex: 'true', mode: 'QueueLength', value: '1000' } },
  { metadata: { ...queue, unsafeSsl: 'true' } },
  { metadata: { queueName: 'sample', host: amqp }, auth: { tls: 'enable', ca: 'a', cert: 'b', key: 'c' } },
  { metadata: { queueName: 'sample', host: amqp }, auth: { tls: 'enable', ca: 'a' } },
  { metadata: { queueName: 'sample', host: amqp }, auth: { username: 'user', password: 'PASSWORD' } },
  { metadata: { queueName: 'sample', host: amqp, timeout: '1000' } }, { metadata: { queueName: 'sample', host: amqp, queueLength: '10', timeout: '1000' } },
  { metadata: queue, auth: { tls: 'enable', cert: 'b', key: 'c', keyPassword: 'd' } },
  { metadata: queue, auth: { oauthTokenURI: 'http://a/token', clientID: 'i', clientSecret: 's', scopes: 'a,b' } },
], [
  { metadata: {} },
  { metadata: { ...queue, queueLength: 'AA' } }, { metadata: { queueLength: '10', queueName: 'sample' } }, { metadata: { queueLength: '10', host: amqp } },
  { metadata: { ...queue, host: 'something://' } },
  { metadata: { ...queue, queueLength: '10', mode: 'QueueLength' } }, { metadata: { ...queue, queueLength: '10', value: '20' } }, { metadata: { ...queue, mode: 'QueueLength' } }, { metadata: { ...queue, value: '20' } },
  { metadata: { ...queue, mode: 'Feelings', value: '20' } }, { metadata: { ...queue, mode: 'QueueLength', value: 'lots' } },
  ...['MessageRate', 'DeliverGetRate'].flatMap((mode) => ['amqp://h', 'amqps://h'].map((host) => ({ metadata: { ...rate, mode, host } }))),
  { metadata: { ...queue, host: 'amqps://h', useRegex: 'true' } }, { metadata: { ...queue, host: 'amqp://h', excludeUnacknowledged: 'true' } },
  { metadata: { ...queue, timeout: '-10' } }, { metadata: { ...queue, timeout: 'error' } }, { metadata: { ...queue, host: 'amqp://h', mode: 'QueueLength', value: '1', timeout: '10' } },
  { metadata: { ...rate, host: 'http://h', useRegex: 'true', pageSize: '-1' } }, { metadata: { ...rate, host: 'http://h', useRegex: 'true', pageSize: 'a' } },
  { metadata: { ...queue, pageSize: '0' } }, { metadata: { ...queue, host: amqp, pageSize: '-1' } },
  { metadata: queue, auth: { oauthTokenURI: 'http://a/token', clientID: 'i' } }, { metadata: queue, auth: { clientID: 'i', clientSecret: 's' } }, { metadata: { ...queue, host: amqp }, auth: { oauthTokenURI: 'http://a/token', clientID: 'i', clientSecret: 's' } },
  { metadata: { ...queue, activationValue: 'AA' } }, { metadata: { ...queue, unsafeSsl: 'random' } },
  { metadata: { queueName: 'sample', host: amqp }, auth: { tls: 'enable', ca: 'a', key: 'c' } }, { metadata: { queueName: 'sample', host: amqp }, auth: { tls: 'enable', cert: 'b' } }, { metadata: { queueName: 'sample', host: amqp }, auth: { tls: 'yes' } },
  { metadata: { queueName: 'sample', host: amqp }, auth: { username: 'user' } }, { metadata: { queueName: 'sample', host: amqp }, auth: { password: 'PASSWORD' } },
]);

const thursday = { timezone: 'Etc/UTC', start: '0 0 * * Thu', end: '59 23 * * Thu', desiredReplicas: '10' };
const half = { timezone: 'Asia/Kolkata', start: '30 * * * *', end: '45 * * * *', desiredReplicas: '10' };
table('cron', [
  { metadata: thursday }, { metadata: { ...thursday, start: '0 */2 * * *', end: '0 1-23/2 * * *' } }, { metadata: { ...half, start: '30-33 * * * *' } }, { metadata: { ...half, end: '45-50 * * * *' } },
], [
  { metadata: {} }, { metadata: but(half, ['desiredReplicas']) }, { metadata: but(half, ['timezone']) }, { metadata: { ...half, start: '-30 * * * *' } }, { metadata: { ...half, end: '-50 * * * *' } },
  { metadata: { ...half, end: '50 * * -3 *' } }, { metadata: { ...half, end: '30 * * * *' } },
]);

const prom = { serverAddress: 'http://localhost:9090', threshold: '100', query: 'up' };
table('prometheus', [
  { metadata: prom }, { metadata: { ...prom, metricName: 'old' } }, { metadata: { ...prom, namespace: 'foo' } }, { metadata: { ...prom, ignoreNullValues: 'false', activationThreshold: '50' } }, { metadata: { ...prom, unsafeSsl: 'true' } },
  { metadata: { ...prom, customHeaders: 'key1=value1,key2=value2' } }, { metadata: { ...prom, queryParameters: 'key1=value1,key2=value2' } }, { metadata: { ...prom, timeout: '1000' } },
  { metadata: { ...prom, authModes: 'tls' }, auth: { ca: 'a', cert: 'b', key: 'c' } }, { metadata: { ...prom, authModes: 'tls' }, auth: { cert: 'b', key: 'c' } }, { metadata: { ...prom, authModes: 'bearer' }, auth: { bearerToken: 't' } },
  { metadata: { ...prom, authModes: 'basic' }, auth: { username: 'u', password: 'p' } }, { metadata: { ...prom, authModes: 'tls, basic' }, auth: { cert: 'b', key: 'c', username: 'u', password: 'p' } },
  { metadata: { ...prom, authModes: 'custom' }, auth: { customAuthHeader: 'header\n', customAuthValue: 'value\n' } },
  { metadata: { ...prom, authModes: 'tls,oauth' }, auth: { cert: 'b', key: 'c', oauthTokenURI: 'http://a/token', clientID: 'i', clientSecret: 's', scopes: 'a,b', endpointParams: 'audience=x' } },
], [
  { metadata: {} }, { metadata: { ...prom, serverAddress: '' } }, { metadata: but(prom, ['threshold']) }, { metadata: { ...prom, threshold: 'one' } }, { metadata: { ...prom, activationThreshold: 'one' } }, { metadata: { ...prom, query: '' } },
  { metadata: { ...prom, ignoreNullValues: 'xxxx' } }, { metadata: { ...prom, customHeaders: 'key1=value1,key2' } }, { metadata: { ...prom, queryParameters: 'key1=value1,key2' } }, { metadata: { ...prom, timeout: '-1' } }, { metadata: { ...prom, timeout: 'a' } },
  { metadata: { ...prom, authModes: 'oauth' }, auth: { clientID: 'i', clientSecret: 's' } }, { metadata: { ...prom, authModes: 'oauth' }, auth: { oauthTokenURI: 'http://a/token', clientID: 'i' } }, { metadata: { ...prom, authModes: 'basic,bearer' }, auth: { username: 'u', bearerToken: 't' } },
  { metadata: { ...prom, authModes: 'tls' }, auth: { cert: 'b' } }, { metadata: { ...prom, authModes: 'tls' }, auth: { key: 'c' } }, { metadata: { ...prom, authModes: 'bearer' } }, { metadata: { ...prom, authModes: 'basic' } },
  { metadata: { ...prom, authModes: 'tls,basic' }, auth: { username: 'u', password: 'p' } }, { metadata: { ...prom, authModes: 'custom' }, auth: { customAuthValue: 'v' } }, { metadata: { ...prom, authModes: 'custom' }, auth: { customAuthHeader: 'h' } },
]);

const api = { url: 'http://dummy:1230/api/v1/', valueLocation: 'metric', targetValue: '42' };
table('metrics-api', [
  { metadata: api }, { metadata: { ...api, authMode: 'tls' }, auth: { ca: 'a', cert: 'b', key: 'c' } }, { metadata: { ...api, authMode: 'apiKey' }, auth: { apiKey: 'k' } }, { metadata: { ...api, authMode: 'apiKey' }, auth: { apiKey: 'k', method: 'query', keyParamName: 'custom' } },
  { metadata: { ...api, authMode: 'basic' }, auth: { username: 'u', password: 'p' } }, { metadata: { ...api, authMode: 'bearer' }, auth: { token: 't' } }, { metadata: { ...api, unsafeSsl: 'true' } }, { metadata: { ...api, authMode: 'apiKey,tls' }, auth: { apiKey: 'k', ca: 'a', cert: 'b', key: 'c' } },
], [
  { metadata: {} }, { metadata: { ...api, targetValue: 'aa' } }, { metadata: { ...api, activationTargetValue: 'aa' } }, { metadata: but(api, ['valueLocation']) }, { metadata: but(api, ['url']) }, { metadata: but(api, ['targetValue']) },
  { metadata: { ...api, authMode: 'tls' }, auth: { ca: 'a', cert: 'b' } }, { metadata: { ...api, authMode: 'tls' }, auth: { ca: 'a', key: 'c' } }, { metadata: { ...api, authMode: 'apiKey' } }, { metadata: { ...api, authMode: 'basic' } }, { metadata: { ...api, authMode: 'bearer' } }, { metadata: { ...api, unsafeSsl: 'yes' } },
]);

const query = { query: 'SELECT 1', targetQueryValue: '5' };
const parts = { host: 'h', port: '5432', userName: 'u', dbName: 'd', sslmode: 'require' };
table('postgresql', [
  { metadata: { ...query, connectionFromEnv: 'CONNECTION' }, env: { CONNECTION: 'postgresql://localhost:5432' } }, { metadata: { ...query, connection: 'postgresql://username:password@localhost:5432', activationTargetQueryValue: '3' } },
  { metadata: { ...query, ...parts, passwordFromEnv: 'PASSWORD' }, env: { PASSWORD: 'p' } }, { metadata: query, auth: { ...parts, password: 'p' } }, { metadata: query, auth: { connection: 'host=h user=u dbname=d' } },
], [{ metadata: {} }, { metadata: query }, { metadata: { ...query, ...but(parts, ['dbName']) } }, { metadata: { ...query, ...parts, targetQueryValue: 'x' } }, { metadata: { ...query, ...parts, targetQueryValue: '0' } }]);

const sql = { query: 'SELECT 1', queryValue: '12' };
const place = { host: 'h', port: '3306', username: 'u', dbName: 'd' };
table('mysql', [
  { metadata: { ...sql, connectionStringFromEnv: 'CONNECTION' }, env: { CONNECTION: 'user@tcp(http://my.mysql.dev:3306)/stats_db' } }, { metadata: { ...sql, ...place, passwordFromEnv: 'PASSWORD' }, env: { PASSWORD: 'p' } },
  { metadata: { ...sql, ...but(place, ['username']), usernameFromEnv: 'USERNAME' }, env: { USERNAME: 'u' } }, { metadata: sql, auth: { ...place, password: 'p' } }, { metadata: { ...sql, ...place, tls: 'disable' } }, { metadata: { ...sql, ...place, tls: 'enable' }, auth: { ca: 'a' } },
], [
  { metadata: {} }, { metadata: { ...sql, activationQueryValue: 'AA' }, auth: place }, { metadata: sql, auth: but(place, ['username']) }, { metadata: { ...sql, ...place, tls: 'invalid' } }, { metadata: { ...sql, connectionString: 'nowhere' } },
]);

const jet = { natsServerMonitoringEndpoint: 'nats.nats:8222', account: '$G', stream: 'mystream', consumer: 'pull_consumer' };
table('nats-jetstream', [
  { metadata: { ...jet, useHttps: 'false' } }, { metadata: { ...jet, useHttps: 'true' } }, { metadata: { ...jet, activationLagThreshold: '10' } }, { metadata: but(jet, ['natsServerMonitoringEndpoint'], { lagThreshold: '6' }), auth: { natsServerMonitoringEndpoint: 'nats.nats:8222' } },
  { metadata: but(jet, ['account']), auth: { account: '$G' } },
], [
  { metadata: {} }, ...['account', 'stream', 'consumer', 'natsServerMonitoringEndpoint'].map((word) => ({ metadata: but(jet, [word]) })), { metadata: { ...jet, activationLagThreshold: 'Y' } }, { metadata: { ...jet, lagThreshold: 'Y' } }, { metadata: { ...jet, useHttps: 'error' } },
  { metadata: but(jet, ['natsServerMonitoringEndpoint']), auth: { natsServerMonitoringEndpoint: '' } },
]);

const pods = { value: '1', podSelector: 'app=demo' };
table('kubernetes-workload', [{ metadata: pods }, { metadata: { ...pods, podSelector: 'app in (demo1, demo2),deploy in (deploy1, deploy2)' } }, { metadata: { ...pods, namespace: 'default' } }],
  [{ metadata: but(pods, ['value']) }, { metadata: but(pods, ['podSelector']) }, { metadata: { ...pods, value: 'a' } }, { metadata: { ...pods, value: '0' } }, { metadata: { ...pods, activationValue: 'aa' } }]);

it('a trigger that is read for a formula needs no target of its own', async () => {
  const each: readonly (readonly [type: string, metadata: Words])[] = [
    ['prometheus', but(prom, ['threshold'])], ['metrics-api', but(api, ['targetValue'])], ['postgresql', but({ ...query, ...parts }, ['targetQueryValue'])], ['mysql', but({ ...sql, ...place }, ['queryValue'])], ['kubernetes-workload', but(pods, ['value'])],
  ];
  for (const [type, metadata] of each) {
    const input = { metadata, auth: {}, env: {}, namespace: 'test', owner: 'web', context };
    assert.equal((await TRIGGERS[type]!({ ...input, isMetricSource: true })).target, 0, type);
    await assert.rejects(async () => TRIGGERS[type]!(input), TriggerError, type);
  }
});

it('kubernetes-workload counts in its namespace, in another, or in all', async () => {
  const all = ['test', 'test', 'other', 'third'].map((namespace) => ({ metadata: { namespace, labels: { app: 'demo' } } }));
  const counting = { caches: { of: () => ({ ready: async () => {}, list: (namespace?: string) => all.filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace) }) } } as never;
  for (const [namespace, name, value] of [[undefined, 'workload-test', 2], ['other', 'workload-other', 1], ['*', 'workload-', 4]] as const) {
    const trigger = await TRIGGERS['kubernetes-workload']!({ metadata: { ...pods, ...(namespace !== undefined && { namespace }) }, auth: {}, env: {}, namespace: 'test', owner: 'web', context: counting });
    assert.deepEqual([trigger.name, await trigger.read(AbortSignal.abort())], [name, { value, active: true }]);
  }
});

it('names of metrics are those that KEDA gives', async () => {
  const named = async (type: string, metadata: Words, index = 0): Promise<string> => {
    const trigger = await open(type, { metadata });
    trigger.close?.();
    return metricName(`s${index}`, trigger.name);
  };
  assert.deepEqual(await Promise.all([
    named('redis', { ...list, address: 'a:1' }), named('redis-streams', stream, 1), named('rabbitmq', { queueName: 'sample', host: amqp }), named('rabbitmq', { queueName: 'namespace/name', host: amqp }, 1), named('cron', thursday),
    named('cron', { ...thursday, start: '0 */2 * * *', end: '0 1-23/2 * * *' }, 1), named('prometheus', prom), named('metrics-api', { ...api, valueLocation: 'metric.test' }, 1), named('postgresql', { ...query, ...parts }), named('mysql', { ...sql, ...place, dbName: 'stats_db' }),
    named('nats-jetstream', jet), named('kubernetes-workload', pods),
  ]), [
    's0-redis-mylist', 's1-redis-streams-my-stream', 's0-rabbitmq-sample', 's1-rabbitmq-namespace-2Fname', 's0-cron-Etc-UTC-00xxThu-5923xxThu', 's1-cron-Etc-UTC-0xSl2xxx-01-23Sl2xxx', 's0-prometheus', 's1-metric-api-metric-test', 's0-postgresql', 's0-mysql-stats_db',
    's0-nats-jetstream-mystream', 's0-workload-test',
  ]);
});

/** One reading of a trigger whose server answers so. */
async function reading(type: string, metadata: (address: string) => Words, answer: RequestListener): Promise<Reading> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((settled) => server.once('listening', settled));
  try {
    return await (await open(type, { metadata: metadata(`127.0.0.1:${(server.address() as AddressInfo).port}`) })).read(AbortSignal.timeout(10_000));
  } finally {
    server.close();
  }
}

describe('what a server of Prometheus answers', () => {
  const cases: readonly [name: string, data: unknown, ignores: boolean, value: number | undefined][] = [
    ['no values', [], true, 0], ['no values, which count', [], false, undefined], ['an empty value', [{ value: [] }], true, 0], ['an empty value, which counts', [{ value: [] }], false, undefined], ['a value', [{ value: ['1', '2'] }], true, 2],
    ['half a value', [{ value: ['1'] }], true, undefined], ['several', [{}, {}], true, undefined], ['infinity', [{ value: ['1', '+Inf'] }], true, 0], ['infinity, which counts', [{ value: ['1', '+Inf'] }], false, undefined], ['less than nothing', [{ value: ['1', '-Inf'] }], true, 0], ['no number', [{ value: ['1', 'NaN'] }], true, undefined],
  ];
  for (const [name, result, ignores, value] of cases) {
    it(name, async () => {
      const read = reading('prometheus', (address) => ({ ...prom, serverAddress: `http://${address}`, ignoreNullValues: String(ignores) }), (_, response) => response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } })));
      if (value === undefined) await assert.rejects(read);
      else assert.equal((await read).value, value);
    });
  }
});

describe('modes of rabbitmq', () => {
  const facts = (messages: number, publish: number, deliver: number): object => ({ messages, messages_ready: messages - 1, message_stats: { publish_details: { rate: publish }, deliver_get_details: { rate: deliver } } });
  const cases: readonly [mode: string, facts: object, more: Words, reading: Reading][] = [
    ['QueueLength', facts(4, 0, 0), {}, { value: 4, active: true }], ['QueueLength', facts(4, 0, 0), { excludeUnacknowledged: 'true' }, { value: 3, active: true }], ['QueueLength', facts(4, 0, 0), { activationValue: '4' }, { value: 4, active: false }],
    ['MessageRate', facts(4, 1.5, 0), { activationValue: '2' }, { value: 1.5, active: true }], ['DeliverGetRate', facts(4, 1.5, 2), { activationValue: '2' }, { value: 2, active: false }],
    ['PublishedToDeliveredRatio', facts(4, 3, 2), {}, { value: 1.5, active: true }], ['PublishedToDeliveredRatio', facts(4, 3, 0), { activationValue: '7' }, { value: 7, active: true }], ['PublishedToDeliveredRatio', facts(4, 0, 2), {}, { value: 0, active: false }],
    ['ExpectedQueueConsumptionTime', facts(10, 3, 2), {}, { value: 5.5, active: true }], ['ExpectedQueueConsumptionTime', facts(10, 3, 0), { activationValue: '7' }, { value: 7, active: true }], ['ExpectedQueueConsumptionTime', facts(0, 0, 0), { activationValue: '7' }, { value: 0, active: false }],
  ];
  for (const [mode, said, more, expected] of cases) {
    it(`${mode} ${JSON.stringify(more)}`, async () => assert.deepEqual(await reading('rabbitmq', (address) => ({ host: `http://${address}/`, queueName: 'q', mode, value: '1', ...more }), (_, response) => response.end(JSON.stringify(said))), expected));
  }
});

describe('a cluster of NATS: three servers, each at an address of its own', () => {
  interface Told { leader?: string; pending?: number }
  /** What each of them says of the consumer; undefined for one that does not have the stream. */
  async function lag(...told: readonly (Told | undefined)[]): Promise<{ value: number; asked: string[] }> {
    const asked: string[] = [];
    const hosts = told.map((_, index) => `127.0.0.${index + 1}`);
    const servers: Server[] = [];
    try {
      for (const [index, host] of hosts.entries()) {
        const server = createServer(({ url = '' }, response) => {
          const { leader, pending } = told[index] ?? {};
          if (url.startsWith('/varz')) return void response.end(JSON.stringify({ server_name: `n${index + 1}`, cluster: { urls: hosts.filter((each) => each !== host).map((each) => `${each}:6222`) } }));
          asked.push(`n${index + 1}`);
          const consumers = leader === undefined ? [] : [{ name: 'pull_consumer', num_pending: pending, cluster: { leader } }];
          response.end(JSON.stringify({ meta_cluster: { cluster_size: hosts.length }, account_details: told[index] === undefined ? [] : [{ name: '$G', stream_detail: [{ name: 'mystream', state: { messages: 7 }, consumer_detail: consumers }] }] }));
        });
        servers.push(server);
        server.listen(index === 0 ? 0 : (servers[0]!.address() as AddressInfo).port, host);
        await once(server, 'listening');
      }
      const trigger = await open('nats-jetstream', { metadata: { ...jet, natsServerMonitoringEndpoint: `127.0.0.1:${(servers[0]!.address() as AddressInfo).port}` } });
      await trigger.read(AbortSignal.timeout(10_000));
      asked.length = 0;
      return { value: (await trigger.read(AbortSignal.timeout(10_000))).value, asked };
    } finally {
      for (const server of servers) server.close();
    }
  }
  it('the one that is asked leads', async () => assert.deepEqual(await lag({ leader: 'n1', pending: 3 }, undefined, undefined), { value: 3, asked: ['n1'] }));
  it('another leads, and is asked alone from then on', async () => assert.deepEqual(await lag({ leader: 'n3', pending: 1 }, { leader: 'n3', pending: 2 }, { leader: 'n3', pending: 5 }), { value: 5, asked: ['n3'] }));
  it('the one that is asked has no such stream', async () => assert.equal((await lag(undefined, undefined, { leader: 'n3', pending: 4 })).value, 4));
  it('nobody has the consumer yet', async () => assert.equal((await lag(undefined, {}, undefined)).value, 7));
  it('nobody has the stream', () => assert.rejects(lag(undefined, undefined, undefined), /no stream mystream in account \$G/));
});
