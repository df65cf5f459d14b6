/** Real services that freeze: they keep their connections, take new ones, and say nothing. A trigger then fails within its time, keeps no connection that it does not use, and reads again when they go on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { realClock } from '../../src/base/clock.ts';
import { TRIGGERS } from '../../src/modules/event-autoscaler/triggers/index.ts';
import type { Trigger } from '../../src/modules/event-autoscaler/triggers/trigger.ts';
import { eventually } from '../fixtures/instance.ts';
import { lacksService, startService, type Service, type ServiceName } from '../fixtures/services.ts';

const TIMES = 3;

interface Case {
  service: ServiceName;
  port: number;
  type: string;
  metadata: Record<string, string>;
  auth?: Record<string, string>;
  /** Makes what is read. */
  prepare?(service: Service): Promise<void> | void;
  /** What the error says. */
  says: RegExp;
}

const CASES: readonly Case[] = [
  { service: 'redis', port: 17_379, type: 'redis', metadata: { address: '127.0.0.1:17379', listName: 'jobs' }, says: /redis at 127\.0\.0\.1:17379/ },
  { service: 'postgres', port: 17_432, type: 'postgresql', metadata: { host: '127.0.0.1', port: '17432', userName: 'app', dbName: 'postgres', sslmode: 'disable', query: 'SELECT 0', targetQueryValue: '2' }, auth: { password: 'secret' }, says: /timeout|did not answer/ },
  { service: 'mariadb', port: 17_306, type: 'mysql', metadata: { host: '127.0.0.1', port: '17306', username: 'app', dbName: 'jobs', query: 'SELECT 0', queryValue: '2' }, auth: { password: 'secret' }, says: /ETIMEDOUT|timeout/i },
  { service: 'mosquitto', port: 17_883, type: 'mqtt', metadata: { host: '127.0.0.1:17883', topic: 'jobs', value: '2' }, says: /mqtt at 127\.0\.0\.1:17883: no answer within 3 s/ },
  { service: 'nats', port: 17_222, type: 'nats-jetstream', metadata: { natsServerMonitoringEndpoint: '127.0.0.1:17223', account: '$G', stream: 'none', consumer: 'worker' }, says: /127\.0\.0\.1:17223 did not answer within 3 s/ },
  {
    service: 'rabbitmq', port: 17_672, type: 'rabbitmq', metadata: { host: 'amqp://guest:guest@127.0.0.1:17672/%2F', queueName: 'jobs' }, says: /127\.0\.0\.1:17672 did not answer within 3 s/,
    async prepare() {
      const { connect } = await import('amqplib');
      const connection = await connect('amqp://guest:guest@127.0.0.1:17672/%2F');
      await (await connection.createChannel()).assertQueue('jobs');
      await connection.close();
    },
  },
];

/** Connections to the port that this process holds, by the kernel's table (proc(5), tcp: remote, inode); those that it has let go of have no inode. */
function connectionsTo(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return readFileSync('/proc/net/tcp', 'utf8').split('\n').map((line) => line.trim().split(/\s+/)).filter((fields) => fields[2]?.endsWith(`:${hex}`) === true && fields[9] !== '0').length;
}

for (const { service: name, port, type, metadata, auth = {}, prepare, says } of CASES) {
  describe(`${type}, of a ${name} that is frozen`, { skip: lacksService(name), timeout: 180_000 }, () => {
    let service: Service | undefined;
    let trigger: Trigger | undefined;
    /** What it says when all is well; of a stream that is not there that is its error. */
    const read = async (): Promise<string> => trigger!.read(AbortSignal.timeout(20_000)).then(({ value }) => String(value), (error: Error) => error.message);
    const well = /^0$|there is no stream none/;
    before(async () => {
      service = await startService(name, port);
      await prepare?.(service);
      trigger = await TRIGGERS[type]!({ metadata, auth, env: {}, namespace: 'default', owner: 'test', context: { clock: realClock } as never });
    });
    after(async () => {
      trigger?.close?.();
      await service?.destroy();
    });

    it('fails within its time, leaves nothing open, and reads again', async () => {
      await eventually(async () => well.test(await read()), { what: 'it can be read', timeoutMs: 60_000 });
      const kept = connectionsTo(port);
      service!.freeze();
      try {
        for (let time = 0; time < TIMES; time += 1) {
          await assert.rejects(trigger!.read(AbortSignal.timeout(20_000)), (error: Error) => says.test(error.message) || assert.fail(`it says: ${error.message}`));
        }
        await eventually(() => Promise.resolve(connectionsTo(port) <= kept), { what: 'no more connections than before', timeoutMs: 20_000 }).catch((error: unknown) => assert.fail(`${String(error)}: ${connectionsTo(port)}, before ${kept}`));
      } finally {
        service!.thaw();
      }
      await eventually(async () => well.test(await read()), { what: 'it can be read again', timeoutMs: 60_000 });
    });
  });
}

describe('a broker that freezes in the middle of a reading', { skip: lacksService('rabbitmq'), timeout: 120_000 }, () => {
  /** Method frames of AMQP 0-9-1, by class and method: connection.open-ok and channel.open-ok. */
  const answers = { 'before there is a channel': [10, 41], 'before the queue is told': [20, 11] } as const;
  let service: Service | undefined;
  before(async () => { service = await startService('rabbitmq', 17_772); });
  after(() => service?.destroy());

  for (const [when, [type, method]] of Object.entries(answers)) {
    it(when, async () => {
      const marker = Buffer.from([0, type, 0, method]);
      // What comes after that answer is withheld.
      const proxy = createServer((client) => {
        const broker = connectTcp(17_772, '127.0.0.1');
        client.pipe(broker);
        let isFrozen = false;
        broker.on('data', (chunk: Buffer) => {
          if (!isFrozen) client.write(chunk);
          isFrozen ||= chunk.includes(marker);
        });
        for (const socket of [client, broker]) socket.on('error', () => {}).on('close', () => [client, broker].forEach((each) => each.destroy()));
      }).listen(17_900, '127.0.0.1');
      try {
        await once(proxy, 'listening');
        const trigger = await TRIGGERS['rabbitmq']!({ metadata: { host: 'amqp://guest:guest@127.0.0.1:17900/%2F', queueName: 'jobs' }, auth: {}, env: {}, namespace: 'default', owner: 'test', context: { clock: realClock } as never });
        await assert.rejects(trigger.read(AbortSignal.timeout(20_000)), /rabbitmq at 127\.0\.0\.1:17900 did not answer within 3 s/);
        await eventually(() => Promise.resolve(connectionsTo(17_900) === 0), { what: 'the connection is let go', timeoutMs: 20_000 });
      } finally {
        proxy.close();
      }
    });
  }
});
