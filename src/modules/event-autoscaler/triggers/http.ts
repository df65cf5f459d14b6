/**
 * http (llmos): requests a second that a route of our own gateway gets, by the signals that it keeps. Requests that find no pod count too, so the first one
 * wakes the target; its client is told to try again (503).
 */
import { isApiError } from '../../../api/errors.ts';
import { finite, metricName, parametersOf, TriggerError, type TriggerFactory } from './trigger.ts';
import { parseJson } from './web.ts';

const KINDS = ['HTTPRoute', 'GRPCRoute', 'Ingress'];

interface RouteView { kind: string; namespace: string; name: string; requestsPerSecond: number }

export const http: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const { namespace, context } = input;
  const route = parameters.needed('route');
  const kind = parameters.text('routeKind');
  if (kind !== undefined && !KINDS.includes(kind)) throw new TriggerError(`routeKind ${JSON.stringify(kind)}: write ${KINDS.join(', ')}`);
  const target = parameters.target('targetValue');
  const activation = parameters.number('activationTargetValue', 0);
  return {
    name: metricName('http', route), target,
    async read(signal) {
      if (context.readPath === undefined) throw new Error('there is no gateway of llmos here');
      const text = await context.readPath('/gateway/routes', { signal }).catch((error: unknown) => {
        if (isApiError(error, 'NotFound')) return '{"items":[]}'; // before the first gateway
        throw error;
      });
      const { items = [] } = parseJson(text, 'the gateway') as { items?: RouteView[] };
      const value = items.filter((each) => each.namespace === namespace && each.name === route && (kind === undefined ? KINDS.includes(each.kind) : each.kind === kind)).reduce((sum, each) => sum + finite(each.requestsPerSecond, 'the rate of requests'), 0);
      return { value, active: value > activation };
    },
  };
};
