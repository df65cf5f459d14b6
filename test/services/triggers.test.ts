/** Triggers of autoscalers read real services: what they hold, and a plain word when they are gone. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { realClock } from '../../src/base/clock.ts';
import { TRIGGERS } from '../../src/modules/event-autoscaler/triggers/index.ts';
import { TriggerError, type Reading, type Trigger } from '../../src/modules/event-autoscaler/triggers/trigger.ts';
import { eventually } from '../fixtures/instance.ts';
import { lacksService, startService, type Service, type ServiceName } from '../fixtures/services.ts';

async function open(type: string, metadata: Record<string, string>, auth: Record<string, string> = {}, env: Record<string, string> = {}): Promise<Trigger> {
  return TRIGGERS[type]!({ metadata, auth, env, namespace: 'default', owner: 'test', context: { clock: realClock } as never });
}

async function once(type: string, metadata: Record<string, string>, auth: Record<string, string> = {}, env: Record<string, string> = {}): Promise<Reading> {
  const trigger = await open(type, metadata, auth, env);
  try {
    return await trigger.read(AbortSignal.timeout(20_000));
  } finally {
    trigger.close?.();
  }
}

/** One service a suite, ended after it. */
function service(name: ServiceName, port: number): () => Service {
  let started: Service | undefined;
  before(async () => { started = await startService(name, port); });
  after(() => started?.destroy());
  return () => started!;
}

describe('redis', { skip: lacksService('redis'), timeout: 60_000 }, () => {
  const redis = service('redis', 16_379);
  const cli = (...args: string[]): string => redis().run('usr/bin/redis-cli', ['-p', '16379', ...args]);
  const metadata = { address: '127.0.0.1:16379', listName: 'jobs', listLength: '5' };

  it('lists', async () => {
    assert.deepEqual(await once('redis', metadata), { value: 0, active: false });
    cli('rpush', 'jobs', 'a', 'b', 'c');
    assert.deepEqual(await once('redis', metadata), { value: 3, active: true });
    assert.deepEqual(await once('redis', { ...metadata, activationListLength: '3' }), { value: 3, active: false });
    assert.deepEqual((await once('redis', { addressFromEnv: 'REDIS', listName: 'jobs' }, {}, { REDIS: '127.0.0.1:16379' })).value, 3);
    assert.equal((await open('redis', metadata)).target, 5);
  });

  it('streams, by what is pending, lags, or is there', async () => {
    cli('xgroup', 'create', 'events', 'readers', '0', 'mkstream');
    for (const each of ['1', '2', '3', '4']) cli('xadd', 'events', '*', 'n', each);
    cli('xreadgroup', 'group', 'readers', 'me', 'count', '1', 'streams', 'events', '>');
    const stream = { address: '127.0.0.1:16379', stream: 'events', consumerGroup: 'readers' };
    assert.equal((await once('redis-streams', { ...stream, pendingEntriesCount: '5' })).value, 1);
    assert.equal((await once('redis-streams', { ...stream, lagCount: '5', activationLagCount: '3' })).value, 3);
    assert.deepEqual(await once('redis-streams', { address: '127.0.0.1:16379', stream: 'events', streamLength: '2' }), { value: 4, active: true });
  });

  it('of a cluster, and of the master that sentinels name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'llmos-redis-kinds-'));
    const more = (port: number, ...args: string[]): string => redis().run('usr/bin/redis-server', [...args, '--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--daemonize', 'yes']);
    const ask = (port: number, ...args: string[]): string => redis().run('usr/bin/redis-cli', ['-p', String(port), ...args]);
    writeFileSync(join(folder, 'sentinel.conf'), 'sentinel monitor mymaster 127.0.0.1 16379 1\n');
    try {
      more(16_390, '--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1', '--save', '');
      more(16_391, join(folder, 'sentinel.conf'), '--sentinel');
      await eventually(async () => ask(16_390, 'ping').includes('PONG') && ask(16_391, 'ping').includes('PONG'), { what: 'both answer', timeoutMs: 30_000 });
      ask(16_390, 'cluster', 'addslotsrange', '0', '16383');
      await eventually(async () => ask(16_390, 'cluster', 'info').includes('cluster_state:ok'), { what: 'the cluster is one', timeoutMs: 30_000 });
      ask(16_390, 'rpush', 'jobs', 'a', 'b');
      ask(16_390, 'xadd', 'events', '*', 'n', '1');
      assert.deepEqual(await once('redis-cluster', { addresses: '127.0.0.1:16390, 127.0.0.1:16399', listName: 'jobs', listLength: '1' }), { value: 2, active: true });
      assert.equal((await once('redis-cluster-streams', { hosts: '127.0.0.1', ports: '16390', stream: 'events', streamLength: '1' })).value, 1);
      assert.equal((await once('redis-sentinel', { addressesFromEnv: 'SENTINELS', sentinelMaster: 'mymaster', listName: 'jobs' }, {}, { SENTINELS: '127.0.0.1:16391' })).value, 3);
      assert.equal((await once('redis-sentinel-streams', { addresses: '127.0.0.1:16391', sentinelMaster: 'mymaster', stream: 'events', streamLength: '1' })).value, 4);
      await assert.rejects(once('redis-sentinel', { addresses: '127.0.0.1:16391', sentinelMaster: 'other', listName: 'jobs' }), /redis at 127\.0\.0\.1:16391/);
      await assert.rejects(open('redis-cluster', { hosts: 'a,b', ports: '1', listName: 'jobs' }), TriggerError);
    } finally {
      for (const port of [16_390, 16_391]) {
        try {
          ask(port, 'shutdown', 'nosave');
        } catch {} // it was not there
      }
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('with a password; a wrong one is told, and not what it was', async () => {
    cli('config', 'set', 'requirepass', 'secret');
    assert.equal((await once('redis', metadata, { password: 'secret' })).value, 3);
    await assert.rejects(once('redis', metadata, { password: 'guess' }), (error: Error) => /WRONGPASS/.test(error.message) && !error.message.includes('guess'));
  });

  it('goes and comes again, on one trigger', async () => {
    const trigger = await open('redis', metadata);
    await assert.rejects(open('redis', { listName: 'jobs' }), TriggerError);
    await redis().kill();
    await assert.rejects(trigger.read(AbortSignal.timeout(20_000)), /redis at 127\.0\.0\.1:16379: /);
    await redis().start();
    assert.equal((await trigger.read(AbortSignal.timeout(20_000))).value, 3);
    trigger.close?.();
  });
});

describe('postgresql', { skip: lacksService('postgres'), timeout: 90_000 }, () => {
  const postgres = service('postgres', 15_432);
  const metadata = { host: '127.0.0.1', port: '15432', userName: 'app', dbName: 'postgres', sslmode: 'disable', query: 'SELECT count(*) FROM jobs WHERE NOT done', targetQueryValue: '2' };
  before(async () => {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ host: '127.0.0.1', port: postgres().port, user: 'app', password: 'secret', database: 'postgres' });
    await client.connect();
    await client.query('CREATE TABLE jobs (done boolean); INSERT INTO jobs VALUES (false), (false), (true)');
    await client.end();
  });

  it('a query', async () => {
    assert.deepEqual(await once('postgresql', metadata, { password: 'secret' }), { value: 2, active: true });
    assert.deepEqual(await once('postgresql', { ...metadata, query: 'SELECT NULL::int + 1 IS NULL, 1' }, { password: 'secret' }).catch((error: Error) => error.message), 'what the query gave is no number: true');
    for (const connection of ['postgres://app:secret@127.0.0.1:15432/postgres', "host=127.0.0.1 port=15432 user=app password='secret' dbname=postgres sslmode=disable"]) {
      assert.equal((await once('postgresql', { query: metadata.query, targetQueryValue: '2', connectionFromEnv: 'PG' }, {}, { PG: connection })).value, 2);
    }
  });

  it('one that hangs, and one that is refused', async () => {
    await assert.rejects(once('postgresql', { ...metadata, query: 'SELECT pg_sleep(60)' }, { password: 'secret' }), /timeout/);
    await assert.rejects(once('postgresql', metadata, { password: 'wrong' }), /password authentication failed/);
  });
});

describe('mysql', { skip: lacksService('mariadb'), timeout: 90_000 }, () => {
  const mariadb = service('mariadb', 13_306);
  it('a query', async () => {
    const metadata = { host: '127.0.0.1', port: String(mariadb().port), username: 'app', dbName: 'jobs', query: 'SELECT 7', queryValue: '2' };
    assert.deepEqual(await once('mysql', metadata, { password: 'secret' }), { value: 7, active: true });
    assert.equal((await once('mysql', { query: 'SELECT COUNT(*) FROM information_schema.tables WHERE 1=0', queryValue: '1', connectionStringFromEnv: 'DB' }, {}, { DB: `app:secret@tcp(127.0.0.1:${mariadb().port})/jobs` })).value, 0);
    await assert.rejects(once('mysql', metadata, { password: 'wrong' }), /Access denied/);
  });
});

describe('nats-jetstream', { skip: lacksService('nats'), timeout: 60_000 }, () => {
  const nats = service('nats', 14_222);
  /** The protocol of NATS is lines of text. */
  const say = (...lines: string[]): Promise<void> => new Promise((resolve, reject) => {
    let heard = '';
    const socket = connect(nats().port, '127.0.0.1', () => socket.write(`CONNECT {"verbose":false}\r\nSUB inbox 1\r\n${lines.join('')}PING\r\n`));
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
      if (heard.includes('PONG') && (heard.match(/^MSG/gm) ?? []).length >= lines.length) socket.end(resolve);
    });
    socket.once('error', reject);
  });
  const request = (subject: string, body: string): string => `PUB ${subject} inbox ${Buffer.byteLength(body)}\r\n${body}\r\n`;

  it('what a consumer has not acknowledged', async () => {
    const metadata = { natsServerMonitoringEndpoint: `127.0.0.1:${nats().port + 1}`, account: '$G', stream: 'orders', consumer: 'worker', lagThreshold: '2' };
    await assert.rejects(once('nats-jetstream', metadata), /no stream orders/);
    await say(request('$JS.API.STREAM.CREATE.orders', JSON.stringify({ name: 'orders', subjects: ['order.*'], storage: 'memory', retention: 'limits' })));
    await say(...['1', '2', '3'].map((each) => request(`order.${each}`, 'x')));
    assert.deepEqual(await once('nats-jetstream', metadata), { value: 3, active: true });
    await say(request('$JS.API.CONSUMER.DURABLE.CREATE.orders.worker', JSON.stringify({ stream_name: 'orders', config: { durable_name: 'worker', ack_policy: 'explicit', deliver_policy: 'new' } })));
    assert.deepEqual(await once('nats-jetstream', metadata), { value: 0, active: false });
    await say(request('order.4', 'x'));
    assert.equal((await once('nats-jetstream', metadata)).value, 1);
  });
});

describe('mqtt', { skip: lacksService('mosquitto'), timeout: 60_000 }, () => {
  const mosquitto = service('mosquitto', 11_883);
  const publish = (topic: string, ...texts: string[]): void => texts.forEach((text) => mosquitto().run('usr/bin/mosquitto_pub', ['-p', '11883', '-t', topic, '-m', text]));
  const settles = async (trigger: Trigger, wanted: (value: number) => boolean): Promise<number> => {
    for (let tries = 0; ; tries += 1) {
      const { value } = await trigger.read(AbortSignal.timeout(20_000));
      if (wanted(value) || tries > 300) return value;
      await new Promise((settled) => setTimeout(settled, 100));
    }
  };

  it('counts messages a second', async () => {
    const trigger = await open('mqtt', { host: 'mqtt://127.0.0.1:11883', topic: 'sensors/+/alarm', value: '1' });
    assert.deepEqual(await trigger.read(AbortSignal.timeout(20_000)), { value: 0, active: false });
    publish('sensors/1/alarm', 'a', 'b', 'c');
    assert.ok((await settles(trigger, (value) => value > 0)) > 0);
    await mosquitto().kill();
    await assert.rejects(settles(trigger, () => false), /mqtt at 127\.0\.0\.1:11883/);
    await mosquitto().start();
    assert.equal((await trigger.read(AbortSignal.timeout(20_000))).value, 0);
    trigger.close?.();
  });

  it('takes the number in the last message', async () => {
    const trigger = await open('mqtt', { host: '127.0.0.1:11883', topic: 'queue', mode: 'value', valueLocation: 'depth.now', value: '10' });
    await trigger.read(AbortSignal.timeout(20_000));
    publish('queue', '{"depth":{"now":12}}', '{"depth":{"now":42.5}}');
    assert.equal(await settles(trigger, (value) => value === 42.5), 42.5);
    publish('queue', 'nonsense');
    await assert.rejects(settles(trigger, () => false), /no number: "nonsense"/);
    trigger.close?.();
  });
});

describe('over HTTP', { timeout: 60_000 }, () => {
  let server: Server;
  let answer: (path: string, headers: Record<string, unknown>) => { status?: number; body: string } | undefined;
  let base: string;
  before(async () => {
    server = createServer((request, response) => {
      const said = answer(request.url ?? '', request.headers);
      if (said === undefined) return; // hangs
      response.statusCode = said.status ?? 200;
      response.end(said.body);
    }).listen(0, '127.0.0.1');
    await new Promise((settled) => server.once('listening', settled));
    base = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const vector = (...values: string[]): string => JSON.stringify({ status: 'success', data: { resultType: 'vector', result: values.map((value) => ({ metric: {}, value: [1, value] })) } });
  const query = (more: Record<string, string> = {}, auth: Record<string, string> = {}): Promise<Reading> => once('prometheus', { serverAddress: base, query: 'sum(rate(x[1m]))', threshold: '100', ...more }, auth);

  it('prometheus: one number, and never anything else', async () => {
    let asked = '';
    answer = (path, headers) => ((asked = `${path} ${String(headers['authorization'])} ${String(headers['x-scope-orgid'])}`), { body: vector('42.5') });
    assert.deepEqual(await query({ activationThreshold: '50', authModes: 'bearer', cortexOrgID: 'me' }, { bearerToken: 'abc' }), { value: 42.5, active: false });
    assert.equal(asked, '/api/v1/query?query=sum%28rate%28x%5B1m%5D%29%29 Bearer abc me');
    answer = () => ({ body: vector() });
    assert.equal((await query()).value, 0);
    await assert.rejects(query({ ignoreNullValues: 'false' }), /the query gave nothing/);
    answer = () => ({ body: vector('NaN') });
    await assert.rejects(query(), /no number: "NaN"/);
    answer = () => ({ body: vector('1', '2') });
    await assert.rejects(query(), /several series/);
    answer = () => ({ status: 503, body: 'secret' });
    await assert.rejects(query(), /answered 503$/);
    answer = () => ({ body: '<html>' });
    await assert.rejects(query(), /did not answer in JSON/);
    answer = () => undefined;
    await assert.rejects(query(), /did not answer within 3 s/);
    answer = () => ({ body: 'x'.repeat(5 * 1024 * 1024) });
    await assert.rejects(query(), /more than 4194304 bytes/);
  });

  it('metrics-api: a number at a place', async () => {
    let key: unknown;
    answer = (_, headers) => ((key = headers['x-key']), { body: JSON.stringify({ queues: [{ size: 3 }, { size: '17' }], 'a.b': { c: 5 } }) });
    const read = (valueLocation: string, more: Record<string, string> = {}): Promise<Reading> => once('metrics-api', { url: `${base}/stats`, targetValue: '5', valueLocation, ...more }, { apiKey: 'k' });
    assert.deepEqual([(await read('queues.1.size')).value, (await read('queues.#')).value, (await read('a\\.b.c', { authMode: 'apiKey', keyParamName: 'X-Key' })).value, key], [17, 2, 5, 'k']);
    await assert.rejects(read('queues.9.size'), /what is at queues\.9\.size is no number/);
    answer = (_, headers) => ({ body: `depth{who="${String(headers['authorization'])}"} 8` });
    assert.equal((await once('metrics-api', { url: base, targetValue: '5', format: 'prometheus', valueLocation: 'depth{who="Bearer t"}', authMode: 'bearer' }, { token: 't' })).value, 8);
    await assert.rejects(once('metrics-api', { url: base, targetValue: '5', format: 'csv', valueLocation: 'a' }), TriggerError);
  });

  it('metrics-api: all pods behind a Service', async () => {
    const asked: unknown[] = [];
    answer = (_, headers) => ((asked.push(headers['host'])), { body: '{"busy":6}' });
    const port = Number(new URL(base).port);
    const items: { addressType: string; endpoints: { addresses: string[]; conditions?: { ready: boolean } }[] }[] = [{ addressType: 'IPv4', endpoints: [{ addresses: ['127.0.0.1'] }, { addresses: ['127.0.0.1'], conditions: { ready: true } }, { addresses: ['127.0.0.9'], conditions: { ready: false } }] }];
    const list = (_: unknown, { namespace, labelSelector }: { namespace: string; labelSelector: string }) => Promise.resolve({ items: namespace === 'shop' && labelSelector === 'kubernetes.io/service-name=web' ? items : [] });
    const metadata = { url: `http://web.shop.svc.cluster.local:${port}/stats`, targetValue: '5', valueLocation: 'busy', aggregateFromKubeServiceEndpoints: 'true', aggregationType: 'sum' };
    const read = async (more: Record<string, string>): Promise<Reading> => (await TRIGGERS['metrics-api']!({ metadata: { ...metadata, ...more }, auth: {}, env: {}, namespace: 'shop', owner: 'test', context: { clock: realClock, client: { list } } as never })).read(AbortSignal.timeout(20_000));
    assert.deepEqual([await read({}), asked], [{ value: 6, active: true }, [`127.0.0.1:${port}`]]);
    assert.equal((await read({ url: `http://web:${port}/stats` })).value, 6);
    // One that is sick is left out, as upstream has it; where all are, nothing is known.
    items[0]!.endpoints.push({ addresses: ['127.0.0.2'] });
    assert.deepEqual([(await read({})).value, (await read({ aggregationType: 'average' })).value], [6, 6]);
    items[0]!.endpoints.splice(0, 2);
    await assert.rejects(read({}), /none of 1 endpoints could be read: .*127\.0\.0\.2/);
    items[0]!.endpoints.unshift({ addresses: ['127.0.0.1'] });
    await assert.rejects(read({ url: `http://none:${port}/` }), /the Service shop\/none has no endpoint that is ready/);
  });

  it('rabbitmq by the management', async () => {
    let asked = '';
    answer = (path, headers) => ((asked = `${path} ${Buffer.from(String(headers['authorization']).slice(6), 'base64').toString()}`), { body: JSON.stringify({ messages: 9, messages_unacknowledged: 4, message_stats: { publish_details: { rate: 2.5 } } }) });
    const host = base.replace('//', '//guest:pass%2Fword@');
    const read = async (more: Record<string, string>): Promise<number> => (await once('rabbitmq', { queueName: 'jobs', hostFromEnv: 'HOST', ...more }, {}, { HOST: `${host}/team` })).value;
    assert.deepEqual([await read({}), await read({ excludeUnacknowledged: 'true' }), await read({ mode: 'MessageRate', value: '1', vhostName: '/' })], [9, 5, 2.5]);
    assert.equal(asked, '/api/queues/%2F/jobs guest:pass/word');
    await once('rabbitmq', { queueName: 'jobs', host: `${base}/behind/proxy/team` }, { username: 'me', password: 'a b' });
    assert.equal(asked, '/behind/proxy/api/queues/team/jobs me:a b');
  });

  it('rabbitmq: all queues that a pattern finds', async () => {
    const pages: string[] = [];
    answer = (path) => (pages.push(path), { body: JSON.stringify({ page_count: 2, items: path.includes('page=1&') ? [{ name: 'a.in', messages: 4 }, { name: 'b.in', messages: 8 }] : [{ name: 'c.in', messages: 3 }] }) });
    const read = async (operation?: string): Promise<number> => (await once('rabbitmq', { host: `${base}/`, queueName: '^.*\\.in$', useRegex: 'true', pageSize: '2', ...(operation !== undefined && { operation }) })).value;
    assert.deepEqual([await read(), await read('max'), await read('avg')], [15, 8, 5]);
    assert.equal(pages[0], '/api/queues/%2F?page=1&use_regex=true&pagination=true&name=%5E.*%5C.in%24&page_size=2');
    await assert.rejects(read('min'), TriggerError);
  });
});

describe('rabbitmq', { skip: lacksService('rabbitmq'), timeout: 120_000 }, () => {
  service('rabbitmq', 15_672);
  const host = 'amqp://guest:guest@127.0.0.1:15672/%2F';

  it('what is ready in a queue, by AMQP', async () => {
    const { connect: amqp } = await import('amqplib');
    const connection = await amqp(host);
    try {
      const channel = await connection.createConfirmChannel();
      await channel.assertQueue('jobs');
      assert.deepEqual(await once('rabbitmq', { host, queueName: 'jobs', mode: 'QueueLength', value: '2' }), { value: 0, active: false });
      for (let index = 0; index < 5; index++) channel.sendToQueue('jobs', Buffer.from('job'));
      await channel.waitForConfirms();
      assert.deepEqual(await once('rabbitmq', { queueName: 'jobs', protocol: 'amqp', vhostName: '/' }, { host: 'amqp://guest:guest@127.0.0.1:15672' }), { value: 5, active: true });
      await channel.get('jobs');
      assert.deepEqual(await once('rabbitmq', { host, queueName: 'jobs', activationValue: '4' }), { value: 4, active: false });
    } finally {
      await connection.close();
    }
  });
  it('a queue that is not there and a wrong password are told', async () => {
    await assert.rejects(once('rabbitmq', { host, queueName: 'none' }), /NOT_FOUND/);
    await assert.rejects(once('rabbitmq', { host: host.replace('guest@', 'guess@'), queueName: 'jobs' }), (error: Error) => /ACCESS_REFUSED|ACCESS-REFUSED|403/.test(error.message) && !error.message.includes('guess'));
  });
});
