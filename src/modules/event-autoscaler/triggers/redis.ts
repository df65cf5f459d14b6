/** redis: the length of a list; redis-streams: entries of a stream, pending or not yet delivered (KEDA: Redis Lists, Redis Streams). */
import type { Redis } from 'ioredis';
import { finite, metricName, parametersOf, READ_TIMEOUT_MS, TriggerError, type Parameters, type Trigger, type TriggerFactory } from './trigger.ts';

export const redis: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const list = parameters.needed('listName');
  const activation = parameters.number('activationListLength', 0);
  return reading(parameters, {
    name: metricName('redis', list), target: parameters.number('listLength', 5),
    async measure(client) {
      switch (await client.type(list)) {
        case 'list': return client.llen(list);
        case 'set': return client.scard(list);
        case 'zset': return client.zcard(list);
        case 'hash': return client.hlen(list);
        case 'none': return 0;
        default: throw new Error(`${list} is no list`);
      }
    },
  }, activation);
};

/** One of three: `pendingEntriesCount` and `lagCount` want a consumer group, `streamLength` does not. */
export const redisStreams: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const stream = parameters.needed('stream');
  const group = parameters.text('consumerGroup');
  const name = metricName('redis-streams', stream);
  const target = ['lagCount', 'pendingEntriesCount', 'streamLength'].find((each) => parameters.text(each) !== undefined);
  if (group === undefined || (target === 'streamLength')) return reading(parameters, { name, target: parameters.number('streamLength', 5), measure: (client) => client.xlen(stream) }, 0);
  const field = target === 'lagCount' ? 'lag' : 'pending';
  if (target === 'lagCount' && parameters.text('activationLagCount') === undefined) throw new TriggerError('activationLagCount is missing: lagCount needs it');
  return reading(parameters, {
    name, target: parameters.number(target ?? 'pendingEntriesCount', 5),
    async measure(client) {
      const groups = (await client.xinfo('GROUPS', stream)) as unknown[][];
      const found = groups.map(pairsOf).find((each) => each['name'] === group);
      if (found === undefined) throw new Error(`there is no consumer group ${group} of ${stream}`);
      return finite(found[field], `the ${field} of ${group}`);
    },
  }, target === 'lagCount' ? parameters.number('activationLagCount') : 0);
};

function pairsOf(flat: unknown[]): Record<string, unknown> {
  return Object.fromEntries(flat.flatMap((key, index) => (index % 2 === 0 ? [[String(key), flat[index + 1]]] : [])));
}

/** One connection, made with the first reading and kept. */
function reading(parameters: Parameters, { measure, ...trigger }: { name: string; target: number; measure(client: Redis): Promise<number> }, activation: number): Trigger {
  const { host, port } = addressOf(parameters);
  const options = {
    host, port, db: parameters.number('databaseIndex', 0), username: parameters.text('username'), password: parameters.text('password'), lazyConnect: true, connectTimeout: READ_TIMEOUT_MS, commandTimeout: READ_TIMEOUT_MS, maxRetriesPerRequest: 0,
    enableOfflineQueue: false, retryStrategy: () => null,
    ...(parameters.flag('enableTLS') ? { tls: { ca: parameters.text('ca'), rejectUnauthorized: !parameters.flag('unsafeSsl') } } : {}),
  };
  let client: Redis | undefined;
  const close = (): void => {
    client?.disconnect();
    client = undefined;
  };
  return {
    ...trigger, close,
    async read() {
      /** Why the connection ended; the call says no more than that it did. */
      let why: Error | undefined;
      try {
        if (client === undefined) {
          const { Redis: Client } = await import('ioredis');
          client = new Client(options);
          client.on('error', (error: Error) => { why = error; });
          await client.connect();
        }
        const value = await measure(client);
        return { value, active: value > activation };
      } catch (error) {
        close();
        throw new Error(`redis at ${host}:${port}: ${(why ?? (error as Error)).message}`, { cause: error });
      }
    },
  };
}

function addressOf(parameters: Parameters): { host: string; port: number } {
  const address = parameters.text('address') ?? `${parameters.needed('host')}:${parameters.needed('port')}`;
  const [, host, port] = /^(.+):(\d+)$/.exec(address) ?? [];
  if (host === undefined) throw new TriggerError(`address ${JSON.stringify(address)}: write host:port`);
  return { host: host.replaceAll(/[[\]]/g, ''), port: Number(port) };
}
