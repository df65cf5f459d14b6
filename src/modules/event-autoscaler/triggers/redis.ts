/**
 * redis: the length of a list; redis-streams: entries of a stream, pending or not yet delivered (KEDA: Redis Lists, Redis Streams). Of one server, of a cluster (`redis-cluster`,
 * `redis-cluster-streams`), or of whoever sentinels say is the master (`redis-sentinel`, `redis-sentinel-streams`).
 */
import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { finite, metricName, parametersOf, READ_TIMEOUT_MS, TriggerError, type Parameters, type Trigger, type TriggerFactory } from './trigger.ts';

export type Topology = 'single' | 'cluster' | 'sentinel';
type Client = Redis | Cluster;

export function redisLists(topology: Topology): TriggerFactory {
  return (input) => {
    const parameters = parametersOf(input);
    const list = parameters.needed('listName');
    const activation = parameters.number('activationListLength', 0);
    return reading(parameters, topology, {
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
}

/** One of three: `pendingEntriesCount` and `lagCount` want a consumer group, `streamLength` does not. */
export function redisStreams(topology: Topology): TriggerFactory {
  return (input) => {
    const parameters = parametersOf(input);
    const stream = parameters.needed('stream');
    const group = parameters.text('consumerGroup');
    const name = metricName('redis-streams', stream);
    for (const each of ['lagCount', 'activationLagCount', 'pendingEntriesCount', 'streamLength']) parameters.number(each, 0);
    // With a group it is the group's, whatever else is said.
    const target = ['lagCount', 'pendingEntriesCount'].find((each) => parameters.text(each) !== undefined);
    if (group === undefined) return reading(parameters, topology, { name, target: parameters.number('streamLength', 5), measure: (client) => client.xlen(stream) }, 0);
    const field = target === 'lagCount' ? 'lag' : 'pending';
    if (target === 'lagCount' && parameters.text('activationLagCount') === undefined) throw new TriggerError('activationLagCount is missing: lagCount needs it');
    return reading(parameters, topology, {
      name, target: parameters.number(target ?? 'pendingEntriesCount', 5),
      async measure(client) {
        const groups = (await client.xinfo('GROUPS', stream)) as unknown[][];
        const found = groups.map(pairsOf).find((each) => each['name'] === group);
        if (found === undefined) throw new Error(`there is no consumer group ${group} of ${stream}`);
        return finite(found[field], `the ${field} of ${group}`);
      },
    }, target === 'lagCount' ? parameters.number('activationLagCount') : 0);
  };
}

function pairsOf(flat: unknown[]): Record<string, unknown> {
  return Object.fromEntries(flat.flatMap((key, index) => (index % 2 === 0 ? [[String(key), flat[index + 1]]] : [])));
}

/** One connection, made with the first reading and kept. */
function reading(parameters: Parameters, topology: Topology, { measure, ...trigger }: { name: string; target: number; measure(client: Client): Promise<number> }, activation: number): Trigger {
  const addresses = addressesOf(parameters, topology);
  const options: RedisOptions = {
    username: parameters.text('username'), password: parameters.text('password'), lazyConnect: true, connectTimeout: READ_TIMEOUT_MS, commandTimeout: READ_TIMEOUT_MS, maxRetriesPerRequest: 0,
    enableOfflineQueue: false, retryStrategy: () => null, ...(topology !== 'cluster' && { db: parameters.number('databaseIndex', 0) }), ...tlsOf(parameters),
  };
  const open = topology === 'single' ? single(addresses, options) : topology === 'cluster' ? cluster(addresses, options) : sentinel(addresses, options, parameters);
  const where = addresses.map(({ host, port }) => `${host}:${port}`).join(', ');
  let client: Client | undefined;
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
          client = await open();
          client.on('error', (error: Error) => { why = error; });
          await client.connect();
        }
        const value = await measure(client);
        return { value, active: value > activation };
      } catch (error) {
        close();
        throw new Error(`redis at ${where}: ${(why ?? (error as Error)).message}`, { cause: error });
      }
    },
  };
}

interface Address { host: string; port: number }

function single([address]: readonly Address[], options: RedisOptions): () => Promise<Client> {
  return async () => new (await import('ioredis')).Redis({ ...address, ...options });
}

/** Its nodes are connected to as they are needed: what is asked of one waits for that. */
function cluster(addresses: readonly Address[], { lazyConnect: _lazy, enableOfflineQueue: _queue, maxRetriesPerRequest: _retries, ...redisOptions }: RedisOptions): () => Promise<Client> {
  return async () => new (await import('ioredis')).Cluster([...addresses], { redisOptions, lazyConnect: true, clusterRetryStrategy: () => null, slotsRefreshTimeout: READ_TIMEOUT_MS });
}

function sentinel(addresses: readonly Address[], options: RedisOptions, parameters: Parameters): () => Promise<Client> {
  const name = parameters.needed('sentinelMaster');
  const { tls } = options;
  return async () => new (await import('ioredis')).Redis({
    ...options, sentinels: [...addresses], name, sentinelUsername: parameters.text('sentinelUsername'), sentinelPassword: parameters.text('sentinelPassword'), sentinelRetryStrategy: () => null,
    sentinelCommandTimeout: READ_TIMEOUT_MS, ...(tls !== undefined && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  });
}

/** `enableTLS`, or `tls: enable` of an authentication. */
function tlsOf(parameters: Parameters): Pick<RedisOptions, 'tls'> {
  if (!parameters.flag('enableTLS') && parameters.text('tls') !== 'enable') return {};
  return { tls: { ca: parameters.text('ca'), cert: parameters.text('cert'), key: parameters.text('key'), passphrase: parameters.text('keyPassword'), rejectUnauthorized: !parameters.flag('unsafeSsl') } };
}

/** `address` or `host` and `port` of one; `addresses` or `hosts` and `ports`, with commas, of several. */
function addressesOf(parameters: Parameters, topology: Topology): Address[] {
  if (topology === 'single') return [addressOf(parameters.text('address') ?? `${parameters.needed('host')}:${parameters.needed('port')}`)];
  const given = parameters.list('addresses');
  if (given.length > 0) return given.map(addressOf);
  const [hosts, ports] = [parameters.list('hosts'), parameters.list('ports')];
  if (hosts.length === 0 || hosts.length !== ports.length) throw new TriggerError('addresses is missing: write host:port,host:port, or hosts and as many ports');
  return hosts.map((host, index) => addressOf(`${host}:${ports[index]}`));
}

function addressOf(address: string): Address {
  const [, host, port] = /^(.*):(\d+)$/.exec(address) ?? [];
  if (host === undefined) throw new TriggerError(`address ${JSON.stringify(address)}: write host:port`);
  return { host: host === '' ? 'localhost' : host.replaceAll(/[[\]]/g, ''), port: Number(port) };
}
