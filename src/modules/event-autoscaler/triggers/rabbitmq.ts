/** rabbitmq: messages that are ready in a queue, or published a second, by AMQP or by the management's HTTP (KEDA: RabbitMQ Queue). */
import type { Socket } from 'node:net';
import { ownValue } from '../../../api/json.ts';
import { accessToken } from './access-token.ts';
import { finite, metricName, parametersOf, READ_TIMEOUT_MS, timeoutOf, TriggerError, type Parameters, type Reading, type TriggerFactory, type TriggerInput } from './trigger.ts';
import { fetchText, parseJson, type WebOptions } from './web.ts';

interface QueueFacts { name?: string; messages?: number; messages_ready?: number; messages_unacknowledged?: number; message_stats?: { publish_details?: { rate?: number }; deliver_get_details?: { rate?: number } } }
/** What is known of a queue; the rates are messages a second, and the management's alone. */
interface Queue { messages: number; publishRate: number; deliverRate: number }
type Measure = (signal: AbortSignal) => Promise<Queue>;

const OPERATIONS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  sum: (values) => values.reduce((sum, each) => sum + each, 0),
  avg: (values) => (values.length === 0 ? 0 : values.reduce((sum, each) => sum + each, 0) / values.length),
  max: (values) => Math.max(0, ...values),
};
const MOST_PAGE = 500;
const DEFAULT_PAGE = 100;
const DEFAULT_LENGTH = 20;
const SILENT = `did not answer within ${READ_TIMEOUT_MS / 1_000} s`;

/** What each mode reads, and whether that is reason enough for a replica (KEDA's words and rules, what nobody takes away included). */
const MODES: Readonly<Record<string, (queue: Queue, activation: number) => Reading>> = {
  QueueLength: ({ messages }, activation) => ({ value: messages, active: messages > activation }),
  MessageRate: ({ messages, publishRate }, activation) => ({ value: publishRate, active: publishRate > activation || messages > activation }),
  DeliverGetRate: ({ deliverRate }, activation) => ({ value: deliverRate, active: deliverRate > activation }),
  PublishedToDeliveredRatio({ publishRate, deliverRate }, activation) {
    const stuck = publishRate > 0 && deliverRate === 0;
    const ratio = stuck ? activation : deliverRate > 0 ? publishRate / deliverRate : 0;
    return { value: ratio, active: ratio > activation || stuck };
  },
  ExpectedQueueConsumptionTime({ messages, publishRate, deliverRate }, activation) {
    if (messages === 0) return { value: 0, active: false };
    const seconds = deliverRate === 0 ? activation : (publishRate - deliverRate + messages) / deliverRate;
    return { value: seconds, active: seconds > activation || deliverRate === 0 };
  },
};

export const rabbitmq: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const queue = parameters.needed('queueName');
  const host = URL.parse(parameters.needed('host'));
  const protocol = parameters.text('protocol') ?? 'auto';
  if (!['auto', 'http', 'amqp'].includes(protocol)) throw new TriggerError(`protocol ${JSON.stringify(protocol)}: write auto, http or amqp`);
  if (host === null || (protocol === 'auto' && !/^(amqps?|https?):$/.test(host.protocol))) throw new TriggerError('host: write amqp://user:password@host:5672/vhost, or http://user:password@host:15672/vhost');
  const overHttp = protocol === 'http' || (protocol === 'auto' && host.protocol.startsWith('http'));
  for (const name of ['excludeUnacknowledged', 'useRegex']) if (parameters.flag(name) && !overHttp) throw new TriggerError(`${name} needs protocol http`);
  const { mode, target } = wanted(parameters);
  if (mode !== 'QueueLength' && !overHttp) throw new TriggerError(`mode ${mode} needs protocol http: rates are known to the management only`);
  if (!overHttp && parameters.text('mode') !== undefined && parameters.text('timeout') !== undefined) throw new TriggerError('timeout needs protocol http');
  if (['oauthTokenURI', 'clientID', 'clientSecret'].some((each) => parameters.text(each) !== undefined)) {
    if (!overHttp) throw new TriggerError('OAuth 2 needs protocol http');
    for (const each of ['oauthTokenURI', 'clientID', 'clientSecret']) parameters.needed(each);
  }
  const pageSize = Math.min(MOST_PAGE, parameters.number('pageSize', DEFAULT_PAGE));
  if (!Number.isInteger(pageSize) || pageSize < 1) throw new TriggerError('pageSize must be a whole number, 1 or more');
  const activation = parameters.number('activationValue', 0);
  const [username, password] = [parameters.text('username'), parameters.text('password')];
  if ((username === undefined) !== (password === undefined)) throw new TriggerError('username and password go together: one of them is missing');
  if (username !== undefined && password !== undefined) [host.username, host.password] = [encodeURIComponent(username), encodeURIComponent(password)];
  const measure = overHttp ? overManagement(host, { queue, parameters, pageSize }) : overAmqp(host, { queue, parameters, whose: input });
  return { name: metricName('rabbitmq', encodeURIComponent(queue)), target, read: async (signal) => MODES[mode]!(await measure(signal), activation) };
};

/** `mode` and `value` go together; `queueLength` alone is their older word, and nothing at all is a length of 20. */
function wanted(parameters: Parameters): { mode: string; target: number } {
  const [mode, value, length] = [parameters.text('mode'), parameters.number('value', 0), parameters.number('queueLength', 0)];
  if (length !== 0 && (mode !== undefined || value !== 0)) throw new TriggerError('queueLength is the older word for mode and value: leave it out');
  if (mode === undefined && value === 0) return { mode: 'QueueLength', target: length === 0 ? DEFAULT_LENGTH : length };
  if (mode === undefined) throw new TriggerError(`mode is missing: write ${Object.keys(MODES).join(', ')}`);
  if (!Object.hasOwn(MODES, mode)) throw new TriggerError(`mode ${JSON.stringify(mode)}: write ${Object.keys(MODES).join(', ')}`);
  if (value === 0) throw new TriggerError('value is missing: it says how much one replica is for');
  return { mode, target: value };
}

/** A passive declaration tells how many are ready. */
function overAmqp(host: URL, { queue, parameters, whose: { namespace, owner } }: { queue: string; parameters: Parameters; whose: Pick<TriggerInput, 'namespace' | 'owner'> }): Measure {
  const url = new URL(host);
  const vhost = parameters.text('vhostName');
  if (vhost !== undefined) url.pathname = `/${encodeURIComponent(vhost === '/' ? vhost : vhost.replace(/^\//, ''))}`;
  const options = { timeout: READ_TIMEOUT_MS, ...tlsOf(parameters), rejectUnauthorized: parameters.flag('unsafeSsl') === false, clientProperties: { connection_name: `keda-${namespace}-${owner}` } };
  const where = `rabbitmq at ${url.host}`;
  return async () => {
    const { connect } = await import('amqplib');
    const connection = await connect(url.href, options).catch((error: Error) => {
      throw new Error(`${where} ${error.message === 'connect ETIMEDOUT' ? SILENT : `cannot be asked: ${error.message}`}`, { cause: error });
    });
    connection.on('error', () => {}); // the call says it
    const count = async (): Promise<number> => {
      try {
        const channel = await connection.createChannel();
        channel.on('error', () => {});
        return (await channel.checkQueue(queue)).messageCount;
      } catch (error) {
        throw new Error(`${where} refuses: ${(error as Error).message}`, { cause: error });
      } finally {
        await Promise.resolve().then(() => connection.close()).catch(() => {}); // it throws where it is closed
      }
    };
    let timer: NodeJS.Timeout | undefined;
    // One that froze would be waited for until its heartbeats are missed.
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const silent = new Error(`${where} ${SILENT}`);
        (connection.connection as unknown as { stream: Socket }).stream.destroy(silent); // with an error: else its heartbeats go on
        reject(silent);
      }, READ_TIMEOUT_MS);
    });
    try {
      return { messages: await Promise.race([count(), late]), publishRate: 0, deliverRate: 0 };
    } finally {
      clearTimeout(timer);
    }
  };
}

function tlsOf(parameters: Parameters): Pick<WebOptions, 'ca' | 'cert' | 'key' | 'passphrase'> {
  const tls = parameters.text('tls') ?? 'disable';
  if (tls !== 'enable' && tls !== 'disable') throw new TriggerError(`tls ${JSON.stringify(tls)}: write enable or disable`);
  if ((parameters.text('cert') === undefined) !== (parameters.text('key') === undefined)) throw new TriggerError('cert and key go together: one of them is missing');
  return Object.fromEntries((['ca', 'cert', 'key', 'keyPassword'] as const).flatMap((name) => (parameters.text(name) === undefined ? [] : [[name === 'keyPassword' ? 'passphrase' : name, parameters.text(name)!]])));
}

/** One queue by its name, or those of the vhost whose name a pattern finds, page by page. */
function overManagement(host: URL, { queue, parameters, pageSize }: { queue: string; parameters: Parameters; pageSize: number }): Measure {
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
  if (parameters.text('oauthTokenURI') !== undefined) {
    if (user !== '') throw new TriggerError('a user and OAuth 2 cannot be together: leave one of them out');
    options.token = accessToken(parameters, options);
  }
  const excludes = parameters.flag('excludeUnacknowledged');
  const read = ({ messages = 0, messages_unacknowledged: taken = 0, messages_ready: ready = messages - taken, message_stats: rates = {} }: QueueFacts): Queue => ({
    messages: finite(excludes ? ready : messages, 'the length of the queue'), publishRate: finite(rates.publish_details?.rate ?? 0, 'the rate'), deliverRate: finite(rates.deliver_get_details?.rate ?? 0, 'the rate'),
  });
  const ask = async (url: string, signal: AbortSignal): Promise<unknown> => parseJson(await fetchText(url, options, signal), host.host);
  if (!parameters.flag('useRegex')) return async (signal) => read((await ask(`${place}/${encodeURIComponent(queue)}`, signal)) as QueueFacts);
  const operation = parameters.text('operation') ?? 'sum';
  const combine = ownValue(OPERATIONS, operation);
  if (combine === undefined) throw new TriggerError(`operation ${JSON.stringify(operation)}: write ${Object.keys(OPERATIONS).join(', ')}`);
  return async (signal) => {
    const found: QueueFacts[] = [];
    for (let [page, pages] = [1, 1]; page <= pages; page++) {
      const query = new URLSearchParams({ page: String(page), use_regex: 'true', pagination: 'true', name: queue, page_size: String(pageSize) });
      const answer = (await ask(`${place}?${query}`, signal)) as { items?: QueueFacts[]; page_count?: number };
      found.push(...(answer.items ?? []));
      pages = answer.page_count ?? 1;
    }
    const all = found.map(read);
    const of = (pick: (queue: Queue) => number): number => combine(all.map(pick));
    return { messages: of(({ messages }) => messages), publishRate: of(({ publishRate }) => publishRate), deliverRate: of(({ deliverRate }) => deliverRate) };
  };
}
