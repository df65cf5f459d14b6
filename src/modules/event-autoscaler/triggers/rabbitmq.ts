/** rabbitmq: messages that are ready in a queue, or published a second, by AMQP or by the management's HTTP (KEDA: RabbitMQ Queue). */
import { finite, metricName, parametersOf, READ_TIMEOUT_MS, TriggerError, type TriggerFactory } from './trigger.ts';
import { fetchText, parseJson } from './web.ts';

interface QueueFacts { messages?: number; messages_unacknowledged?: number; message_stats?: { publish_details?: { rate?: number } } }

export const rabbitmq: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const host = new URL(parameters.needed('host'));
  const queue = parameters.needed('queueName');
  const mode = parameters.text('mode') ?? 'QueueLength';
  const protocol = parameters.text('protocol') ?? 'auto';
  const overHttp = protocol === 'http' || (protocol === 'auto' && host.protocol.startsWith('http'));
  if (mode !== 'QueueLength' && mode !== 'MessageRate') throw new TriggerError(`mode ${JSON.stringify(mode)}: write QueueLength or MessageRate`);
  if (mode === 'MessageRate' && !overHttp) throw new TriggerError('mode MessageRate needs protocol http: the rate is known to the management only');
  const target = parameters.number('value', parameters.number('queueLength', 20));
  const activation = parameters.number('activationValue', 0);
  const excludes = parameters.flag('excludeUnacknowledged');
  if (excludes && !overHttp) throw new TriggerError('excludeUnacknowledged needs protocol http');
  const measure = overHttp ? overManagement(host, { queue, vhost: parameters.text('vhostName'), mode, excludes, username: parameters.text('username'), password: parameters.text('password') }) : overAmqp(withVhost(host, parameters.text('vhostName')), queue);
  return {
    name: metricName('rabbitmq', queue), target,
    async read(signal) {
      const value = await measure(signal);
      return { value, active: value > activation };
    },
  };
};

function withVhost(host: URL, vhost: string | undefined): string {
  if (vhost === undefined) return host.href;
  const url = new URL(host);
  url.pathname = `/${encodeURIComponent(vhost.replace(/^\//, ''))}`;
  return url.href;
}

/** A passive declaration tells how many are ready. */
function overAmqp(url: string, queue: string): () => Promise<number> {
  return async () => {
    const { connect } = await import('amqplib');
    const connection = await connect(url, { timeout: READ_TIMEOUT_MS });
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

function overManagement(host: URL, { queue, vhost, mode, excludes, username, password }: { queue: string; vhost?: string; mode: string; excludes: boolean; username?: string; password?: string }): (signal: AbortSignal) => Promise<number> {
  const place = vhost ?? (host.pathname === '/' || host.pathname === '' ? '/' : decodeURIComponent(host.pathname.slice(1)));
  const user = username ?? decodeURIComponent(host.username);
  const url = `${host.protocol}//${host.host}/api/queues/${encodeURIComponent(place)}/${encodeURIComponent(queue)}`;
  const headers: Record<string, string> = user === '' ? {} : { authorization: `Basic ${Buffer.from(`${user}:${password ?? decodeURIComponent(host.password)}`).toString('base64')}` };
  return async (signal) => {
    const facts = parseJson(await fetchText(url, { headers }, signal), host.host) as QueueFacts;
    if (mode === 'MessageRate') return finite(facts.message_stats?.publish_details?.rate ?? 0, 'the rate');
    return finite((facts.messages ?? 0) - (excludes ? (facts.messages_unacknowledged ?? 0) : 0), 'the length of the queue');
  };
}
