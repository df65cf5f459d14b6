/** rabbitmq: messages that are ready in a queue, or published a second, by AMQP or by the management's HTTP (KEDA: RabbitMQ Queue). */
import { finite, metricName, parametersOf, timeoutOf, TriggerError, type Parameters, type TriggerFactory } from './trigger.ts';
import { fetchText, parseJson, type WebOptions } from './web.ts';

interface QueueFacts { name?: string; messages?: number; messages_unacknowledged?: number; message_stats?: { publish_details?: { rate?: number } } }
type Measure = (signal: AbortSignal) => Promise<number>;

const OPERATIONS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  sum: (values) => values.reduce((sum, each) => sum + each, 0),
  avg: (values) => (values.length === 0 ? 0 : values.reduce((sum, each) => sum + each, 0) / values.length),
  max: (values) => Math.max(0, ...values),
};
const MOST_PAGE = 500;

export const rabbitmq: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const host = URL.parse(parameters.needed('host'));
  if (host === null) throw new TriggerError('host: write amqp://user:password@host:5672/vhost, or http://user:password@host:15672/vhost');
  const queue = parameters.needed('queueName');
  const mode = parameters.text('mode') ?? 'QueueLength';
  const protocol = parameters.text('protocol') ?? 'auto';
  if (!['auto', 'http', 'amqp'].includes(protocol)) throw new TriggerError(`protocol ${JSON.stringify(protocol)}: write auto, http or amqp`);
  const overHttp = protocol === 'http' || (protocol === 'auto' && host.protocol.startsWith('http'));
  if (mode !== 'QueueLength' && mode !== 'MessageRate') throw new TriggerError(`mode ${JSON.stringify(mode)}: write QueueLength or MessageRate`);
  if (mode === 'MessageRate' && !overHttp) throw new TriggerError('mode MessageRate needs protocol http: the rate is known to the management only');
  const target = parameters.number('value', parameters.number('queueLength', 20));
  const activation = parameters.number('activationValue', 0);
  for (const name of ['excludeUnacknowledged', 'useRegex']) if (parameters.flag(name) && !overHttp) throw new TriggerError(`${name} needs protocol http`);
  for (const [name, value] of [['username', parameters.text('username')], ['password', parameters.text('password')]] as const) if (value !== undefined) host[name] = encodeURIComponent(value);
  const measure = overHttp ? overManagement(host, { queue, mode, parameters }) : overAmqp(host, { queue, parameters });
  return {
    name: metricName('rabbitmq', queue), target,
    async read(signal) {
      const value = await measure(signal);
      return { value, active: value > activation };
    },
  };
};

/** A passive declaration tells how many are ready. */
function overAmqp(host: URL, { queue, parameters }: { queue: string; parameters: Parameters }): Measure {
  const url = new URL(host);
  const vhost = parameters.text('vhostName');
  if (vhost !== undefined) url.pathname = `/${encodeURIComponent(vhost === '/' ? vhost : vhost.replace(/^\//, ''))}`;
  const options = { timeout: timeoutOf(parameters), ...tlsOf(parameters), rejectUnauthorized: parameters.flag('unsafeSsl') === false };
  return async () => {
    const { connect } = await import('amqplib');
    const connection = await connect(url.href, options);
    connection.on('error', () => {}); // the call says it
    try {
      const channel = await connection.createChannel();
      channel.on('error', () => {});
      return (await channel.checkQueue(queue)).messageCount;
    } finally {
      await connection.close().catch(() => {});
    }
  };
}

function tlsOf(parameters: Parameters): Pick<WebOptions, 'ca' | 'cert' | 'key'> {
  return Object.fromEntries((['ca', 'cert', 'key'] as const).flatMap((name) => (parameters.text(name) === undefined ? [] : [[name, parameters.text(name)!]])));
}

/** One queue by its name, or those of the vhost whose name a pattern finds, page by page. */
function overManagement(host: URL, { queue, mode, parameters }: { queue: string; mode: string; parameters: Parameters }): Measure {
  // The last part of the path is the vhost, what is before it the management's own place.
  const parts = host.pathname.split('/').slice(1);
  const vhost = parameters.text('vhostName') ?? decodeURIComponent(parts.at(-1) ?? '');
  const prefix = parts.slice(0, -1).filter((each) => each !== '').map((each) => `/${each}`).join('');
  const place = `${host.protocol}//${host.host}${prefix}/api/queues/${encodeURIComponent(vhost === '' ? '/' : vhost)}`;
  const user = decodeURIComponent(host.username);
  const options: WebOptions = {
    headers: user === '' ? {} : { authorization: `Basic ${Buffer.from(`${user}:${decodeURIComponent(host.password)}`).toString('base64')}` },
    timeoutMs: timeoutOf(parameters), unsafeSsl: parameters.flag('unsafeSsl'), ...tlsOf(parameters),
  };
  const excludes = parameters.flag('excludeUnacknowledged');
  const valueOf = (facts: QueueFacts): number => (mode === 'MessageRate' ? finite(facts.message_stats?.publish_details?.rate ?? 0, 'the rate') : finite((facts.messages ?? 0) - (excludes ? (facts.messages_unacknowledged ?? 0) : 0), 'the length of the queue'));
  const ask = async (url: string, signal: AbortSignal): Promise<unknown> => parseJson(await fetchText(url, options, signal), host.host);
  if (!parameters.flag('useRegex')) return async (signal) => valueOf((await ask(`${place}/${encodeURIComponent(queue)}`, signal)) as QueueFacts);
  const operation = parameters.text('operation') ?? 'sum';
  const combine = OPERATIONS[operation];
  if (combine === undefined) throw new TriggerError(`operation ${JSON.stringify(operation)}: write ${Object.keys(OPERATIONS).join(', ')}`);
  const pageSize = Math.max(1, Math.min(MOST_PAGE, parameters.number('pageSize', 100)));
  return async (signal) => {
    const found: QueueFacts[] = [];
    for (let [page, pages] = [1, 1]; page <= pages; page++) {
      const query = new URLSearchParams({ page: String(page), use_regex: 'true', pagination: 'true', name: queue, page_size: String(pageSize) });
      const answer = (await ask(`${place}?${query}`, signal)) as { items?: QueueFacts[]; page_count?: number };
      found.push(...(answer.items ?? []));
      pages = answer.page_count ?? 1;
    }
    return combine(found.map(valueOf));
  };
}
