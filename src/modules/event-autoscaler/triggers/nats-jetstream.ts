/** nats-jetstream: messages that a consumer has not acknowledged yet, from the monitoring endpoint (KEDA: NATS JetStream; /jsz). */
import { finite, metricName, parametersOf, type TriggerFactory } from './trigger.ts';
import { fetchText, parseJson } from './web.ts';

interface Consumer { name?: string; num_pending?: number; num_ack_pending?: number; delivered?: { consumer_seq?: number } }
interface JetStreams { account_details?: { name?: string; id?: string; stream_detail?: { name?: string; state?: { last_seq?: number; messages?: number }; consumer_detail?: Consumer[] }[] }[] }

export const natsJetstream: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const endpoint = parameters.needed('natsServerMonitoringEndpoint').replace(/\/+$/, '');
  const base = /^https?:\/\//.test(endpoint) ? endpoint : `${parameters.flag('useHttps') ? 'https' : 'http'}://${endpoint}`;
  const [account, stream, consumer] = [parameters.text('account') ?? '$G', parameters.needed('stream'), parameters.needed('consumer')];
  const accountId = parameters.text('accountID') ?? account;
  const activation = parameters.number('activationLagThreshold', 0);
  const query = new URLSearchParams({ acc: accountId, consumers: 'true', config: 'true' });
  return {
    name: metricName('nats-jetstream', stream), target: parameters.number('lagThreshold', 10),
    async read(signal) {
      const { account_details: accounts = [] } = parseJson(await fetchText(`${base}/jsz?${query}`, {}, signal), base) as JetStreams;
      const found = accounts.find(({ name, id }) => name === account || id === accountId)?.stream_detail?.find(({ name }) => name === stream);
      if (found === undefined) throw new Error(`there is no stream ${stream} in account ${account}`);
      const reader = found.consumer_detail?.find(({ name }) => name === consumer);
      // Before the consumer is there, all that the stream holds waits for it.
      const value = reader === undefined ? finite(found.state?.messages ?? found.state?.last_seq ?? 0, 'the length of the stream') : finite((reader.num_pending ?? 0) + (reader.num_ack_pending ?? 0), 'the lag');
      return { value, active: value > activation };
    },
  };
};
