/** prometheus: the value of a query that gives one number (KEDA: Prometheus; API: /api/v1/query). */
import { finite, metricName, parametersOf, TriggerError, type Parameters, type TriggerFactory } from './trigger.ts';
import { fetchText, parseJson } from './web.ts';
import { webAuthentication } from './web-authentication.ts';

interface QueryAnswer { status?: string; error?: string; data?: { resultType?: string; result?: unknown } }

export const prometheus: TriggerFactory = (input) => {
  const parameters = parametersOf(input);
  const server = parameters.needed('serverAddress').replace(/\/+$/, '');
  const options = webAuthentication(parameters);
  const headers: Record<string, string> = { ...options.headers };
  for (const [name, value] of pairsOf('customHeaders', parameters)) headers[name.toLowerCase()] = value;
  if (parameters.text('cortexOrgID') !== undefined) headers['x-scope-orgid'] = parameters.needed('cortexOrgID');
  const query = new URLSearchParams({ query: parameters.needed('query') });
  for (const [name, value] of pairsOf('queryParameters', parameters)) query.set(name, value);
  if (parameters.text('namespace') !== undefined) query.set('namespace', parameters.needed('namespace'));
  const threshold = parameters.target('threshold');
  const activation = parameters.number('activationThreshold', 0);
  const ignoresNull = parameters.flag('ignoreNullValues', true);
  return {
    name: metricName('prometheus'), target: threshold,
    async read(signal) {
      const answer = parseJson(await fetchText(`${server}/api/v1/query?${query}`, { ...options, headers }, signal), server) as QueryAnswer;
      if (answer.status !== 'success') throw new Error(`the query failed: ${answer.error ?? 'no reason given'}`);
      const value = numberOf(answer, ignoresNull);
      return { value, active: value > activation };
    },
  };
};

/** `name=value,name=value`. */
function pairsOf(parameter: string, parameters: Parameters): [name: string, value: string][] {
  return parameters.list(parameter).map((pair) => {
    const at = pair.indexOf('=');
    if (at <= 0) throw new TriggerError(`${parameter} ${JSON.stringify(pair)}: write name=value,name=value`);
    return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
  });
}

/** A scalar, or a vector of one. Nothing is 0, unless told otherwise; infinite is as nothing, NaN never passes for a number. */
function numberOf({ data }: QueryAnswer, ignoresNull: boolean): number {
  const result = data?.result;
  const scalar = data?.resultType === 'scalar' || data?.resultType === 'string' ? result : undefined;
  const vector = Array.isArray(result) && scalar === undefined ? (result as { value?: unknown[] }[]) : [];
  if (vector.length > 1) throw new Error('the query gave several series; aggregate them to one, for instance by sum()');
  if (vector[0]?.value?.length === 1) throw new Error('the query gave a time and no value');
  const value = Array.isArray(scalar) ? (scalar as unknown[])[1] : vector[0]?.value?.[1];
  const isInfinite = value === '+Inf' || value === '-Inf' || value === 'Inf';
  if (value === undefined || isInfinite) {
    if (ignoresNull) return 0;
    throw new Error(isInfinite ? 'the query gave infinity' : 'the query gave nothing');
  }
  return finite(value, 'the answer to the query');
}
