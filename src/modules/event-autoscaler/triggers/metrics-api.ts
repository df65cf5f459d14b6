/** metrics-api: a number at a place in a JSON answer (KEDA: Metrics API). */
import { finite, metricName, parametersOf, TriggerError, type TriggerFactory } from './trigger.ts';
import { fetchText, parseJson, webAuthentication } from './web.ts';

export const metricsApi: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const url = new URL(parameters.needed('url'));
  const location = parameters.needed('valueLocation');
  const format = parameters.text('format') ?? 'json';
  if (format !== 'json') throw new TriggerError(`format ${JSON.stringify(format)}: json is read`);
  const options = webAuthentication(parameters);
  if (parameters.text('authMode') === 'apiKey' && parameters.text('method') === 'query') url.searchParams.set(parameters.text('keyParamName') ?? 'api_key', parameters.needed('apiKey'));
  const target = parameters.number('targetValue');
  if (target <= 0) throw new TriggerError('targetValue must be above 0');
  const activation = parameters.number('activationTargetValue', 0);
  return {
    name: metricName('metric-api', location), target,
    async read(signal) {
      const value = finite(valueAt(parseJson(await fetchText(url.href, options, signal), url.host), location), `what is at ${location}`);
      return { value, active: value > activation };
    },
  };
};

/** `components.worker.tasks`, `queues.0.size`, `queues.#` (how many): as much of GJSON's paths as have no queries. */
export function valueAt(root: unknown, path: string): unknown {
  let at = root;
  for (const part of path.split(/(?<!\\)\./).map((each) => each.replaceAll('\\.', '.'))) {
    if (Array.isArray(at)) at = part === '#' ? at.length : (at as unknown[])[Number(part)];
    else if (typeof at === 'object' && at !== null && Object.hasOwn(at, part)) at = (at as Record<string, unknown>)[part];
    else return undefined;
  }
  return at;
}
