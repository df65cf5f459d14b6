/**
 * nats-jetstream: messages that a consumer has not acknowledged yet, from the monitoring endpoint (KEDA: NATS JetStream; /jsz). Of a cluster it is the server that leads the consumer
 * that knows: the others are looked for by what any of them says of its neighbours (/varz).
 */
import { finite, metricName, parametersOf, type TriggerFactory } from './trigger.ts';
import { fetchText, parseJson } from './web.ts';

interface Consumer { name?: string; num_pending?: number; num_ack_pending?: number; cluster?: { leader?: string } }
interface Stream { name?: string; state?: { last_seq?: number; messages?: number }; consumer_detail?: Consumer[] }
interface JetStreams { meta_cluster?: { cluster_size?: number }; account_details?: { name?: string; id?: string; stream_detail?: Stream[] }[] }
interface Server { server_name?: string; cluster?: { urls?: string[] } }
/** What one server knows. */
interface Known { stream?: Stream; consumer?: Consumer; isOneOf: number }

const MOST_SERVERS = 32;

export const natsJetstream: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const endpoint = parameters.needed('natsServerMonitoringEndpoint').replace(/\/+$/, '');
  const base = /^https?:\/\//.test(endpoint) ? endpoint : `${parameters.flag('useHttps') ? 'https' : 'http'}://${endpoint}`;
  const [account, stream, consumer] = [parameters.needed('account'), parameters.needed('stream'), parameters.needed('consumer')];
  const accountId = parameters.text('accountID') ?? account;
  const target = parameters.number('lagThreshold', 10);
  const activation = parameters.number('activationLagThreshold', 0);
  const query = new URLSearchParams({ acc: accountId, consumers: 'true', config: 'true' });
  /** Of the server that led last. */
  let leader: string | undefined;

  async function ask(server: string, signal: AbortSignal): Promise<Known> {
    const { account_details: accounts = [], meta_cluster: cluster } = parseJson(await fetchText(`${server}/jsz?${query}`, {}, signal), server) as JetStreams;
    const found = accounts.find(({ name, id }) => name === account || id === accountId)?.stream_detail?.find(({ name }) => name === stream);
    return { stream: found, consumer: found?.consumer_detail?.find(({ name }) => name === consumer), isOneOf: cluster?.cluster_size ?? 1 };
  }

  const serverOf = async (server: string, signal: AbortSignal): Promise<Server> => parseJson(await fetchText(`${server}/varz`, {}, signal), server) as Server;
  const leads = async (server: string, { consumer: known }: Known, signal: AbortSignal): Promise<boolean> => known !== undefined && (known.cluster?.leader === undefined || known.cluster.leader === (await serverOf(server, signal)).server_name);

  /** What the one that leads the consumer knows; else what another that has it does. */
  async function askNeighbours(first: Known, signal: AbortSignal): Promise<Known> {
    const { cluster } = await serverOf(base, signal);
    let best = first;
    for (const route of (cluster?.urls ?? []).slice(0, MOST_SERVERS)) {
      const at = new URL(base);
      at.hostname = route.replace(/:\d+$/, '');
      const server = at.href.replace(/\/+$/, '');
      const known = await ask(server, signal).catch(() => undefined); // it may be the one that is gone
      if (known === undefined) continue;
      if (await leads(server, known, signal).catch(() => false)) {
        leader = server;
        return known;
      }
      if (best.consumer === undefined && (known.consumer !== undefined || best.stream === undefined)) best = known;
    }
    return best;
  }

  async function look(signal: AbortSignal): Promise<Known> {
    if (leader !== undefined) {
      const known = await ask(leader, signal).catch(() => undefined);
      if (known !== undefined && (await leads(leader, known, signal).catch(() => false))) return known;
      leader = undefined;
    }
    const first = await ask(base, signal);
    return first.isOneOf <= 1 || (await leads(base, first, signal)) ? first : askNeighbours(first, signal);
  }

  return {
    name: metricName('nats-jetstream', stream), target,
    async read(signal) {
      const { stream: found, consumer: reader } = await look(signal);
      if (found === undefined) throw new Error(`there is no stream ${stream} in account ${account}`);
      // Before the consumer is there, all that the stream holds waits for it.
      const value = reader === undefined ? finite(found.state?.messages ?? found.state?.last_seq ?? 0, 'the length of the stream') : finite((reader.num_pending ?? 0) + (reader.num_ack_pending ?? 0), 'the lag');
      return { value, active: value > activation };
    },
  };
};
