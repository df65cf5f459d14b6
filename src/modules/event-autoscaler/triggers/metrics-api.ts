/** metrics-api: a number at a place in the answer of a server, or of all pods behind a Service (KEDA: Metrics API). */
import { EndpointSlice } from '../../../api/discovery/endpoint-slice.ts';
import { ownValue } from '../../../api/json.ts';
import { FORMATS, numberIn, type Format } from './formats.ts';
import { metricName, parametersOf, TriggerError, type TriggerFactory, type TriggerInput } from './trigger.ts';
import { fetchText } from './web.ts';
import { webAuthentication } from './web-authentication.ts';

const AGGREGATIONS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  average: (values) => values.reduce((sum, each) => sum + each, 0) / values.length,
  sum: (values) => values.reduce((sum, each) => sum + each, 0),
  max: (values) => Math.max(...values),
  min: (values) => Math.min(...values),
};
const MOST_ENDPOINTS = 200;

export const metricsApi: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const url = URL.parse(parameters.needed('url'));
  if (url === null) throw new TriggerError('url is no http or https address');
  const location = parameters.needed('valueLocation');
  const format = (parameters.text('format') ?? 'json') as Format;
  if (!FORMATS.includes(format)) throw new TriggerError(`format ${JSON.stringify(format)}: write ${FORMATS.join(', ')}`);
  const options = webAuthentication(parameters);
  if (parameters.list('authMode').includes('apiKey') && parameters.text('method') === 'query') url.searchParams.set(parameters.text('keyParamName') ?? 'api_key', parameters.needed('apiKey'));
  const target = parameters.target('targetValue');
  const activation = parameters.number('activationTargetValue', 0);
  const aggregation = parameters.text('aggregationType') ?? 'average';
  const aggregate = ownValue(AGGREGATIONS, aggregation);
  if (aggregate === undefined) throw new TriggerError(`aggregationType ${JSON.stringify(aggregation)}: write ${Object.keys(AGGREGATIONS).join(', ')}`);
  const ofAll = parameters.flag('aggregateFromKubeServiceEndpoints');
  const read = async (from: URL, signal: AbortSignal): Promise<number> => numberIn(await fetchText(from.href, options, signal), { format, location, whose: from.host });
  return {
    name: metricName('metric-api', location), target,
    async read(signal) {
      const value = ofAll ? aggregate(await readAll(await endpointsOf(url, input), (each) => read(each, signal))) : await read(url, signal);
      return { value, active: value > activation };
    },
  };
};

/** Of those that can be read: one pod that is sick is no reason to know nothing of the others. Rejects where none can. */
async function readAll(urls: readonly URL[], read: (url: URL) => Promise<number>): Promise<number[]> {
  const answers = await Promise.allSettled(urls.map(read));
  const values = answers.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  if (values.length > 0) return values;
  throw new Error(`none of ${urls.length} endpoints could be read: ${(answers.find((each) => each.status === 'rejected')!.reason as Error).message}`);
}

/** The same address at each pod that is ready behind the Service that it names (`NAME.NAMESPACE...` or `NAME`); its port is the pods'. Rejects where there is none. */
async function endpointsOf(url: URL, { namespace, context }: Pick<TriggerInput, 'namespace' | 'context'>): Promise<URL[]> {
  const [service = '', place = namespace] = url.hostname.split('.');
  const { items } = await context.client.list(EndpointSlice, { namespace: place, labelSelector: `kubernetes.io/service-name=${service}` });
  const addresses = items.flatMap(({ addressType, endpoints }) => (addressType === 'FQDN' ? [] : (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false).flatMap((each) => each.addresses)));
  if (addresses.length === 0) throw new Error(`the Service ${place}/${service} has no endpoint that is ready`);
  return [...new Set(addresses)].slice(0, MOST_ENDPOINTS).map((address) => {
    const at = new URL(url);
    at.hostname = address.includes(':') ? `[${address}]` : address;
    return at;
  });
}
