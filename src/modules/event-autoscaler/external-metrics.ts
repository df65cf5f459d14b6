/** external.metrics.k8s.io/v1beta1: what the triggers of ScaledObjects say, for autoscalers and whoever asks. */
import { ApiError } from '../../api/errors.ts';
import { NAME_LABEL, ScaledObject } from '../../api/keda/scaled-object.ts';
import { quantityOfMilli } from '../../api/quantity.ts';
import { parseSelector } from '../../api/selector.ts';
import { rfc3339 } from '../../base/clock.ts';
import type { ModuleContext, Route } from '../../sdk/index.ts';
import { COMPOSITE } from './composite.ts';
import { valueOf } from './fallback.ts';
import type { ScaledWorker } from './scaled-object.ts';
import type { Source } from './sources.ts';

const PATH = '/apis/external.metrics.k8s.io/v1beta1';
const API_VERSION = 'external.metrics.k8s.io/v1beta1';
const RESOURCES = [{ name: 'externalmetrics', singularName: '', namespaced: true, kind: 'ExternalMetricValueList', verbs: ['get'] }];
/** An autoscaler asks every 15 s; what is older than this is read anew, unless it says `useCachedMetrics`. */
const FRESH_MS = 5_000;

export function externalMetricsRoute({ caches, clock, signal }: ModuleContext, workers: ReadonlyMap<string, ScaledWorker>): Route {
  return {
    path: PATH,
    resources: RESOURCES,
    async handle({ rest, url, response }) {
      if (response === undefined) throw new ApiError('BadRequest', 'metrics are no stream that a connection could be upgraded for');
      const body = rest === '' ? { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: API_VERSION, resources: RESOURCES } : await values(rest, url.searchParams.get('labelSelector') ?? '');
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(body));
    },
  };

  /** `namespaces/NAMESPACE/METRIC?labelSelector=scaledobject.keda.sh/name=NAME`. */
  async function values(rest: string, selectorText: string): Promise<object> {
    const [, namespace = '', metric = ''] = /^namespaces\/([^/]+)\/([^/]+)$/.exec(rest) ?? [];
    if (metric === '') throw new ApiError('NotFound', `there is no ${PATH}/${rest}`);
    const selector = parseSelector(selectorText);
    const object = caches.of(ScaledObject).list(namespace).find(({ metadata, status }) => selector.matches({ [NAME_LABEL]: metadata.name ?? '' }) && (status?.externalMetricNames?.includes(metric) || status?.compositeScalerName === metric));
    const worker = object === undefined ? undefined : workers.get(`${namespace}/${object.metadata.name}`);
    const find = (): Source | undefined => [...(worker?.metrics() ?? []), ...(worker?.sources()?.all ?? [])].find(({ name }) => name === metric);
    const found = find();
    if (object === undefined || worker === undefined || found === undefined) throw new ApiError('NotFound', `no ScaledObject in ${namespace} has the metric ${metric}`);
    const parts = metric === COMPOSITE ? (worker.sources()?.all ?? []) : [found];
    await Promise.all(parts.filter(({ spec, readAtMs }) => spec.useCachedMetrics !== true && clock.nowMs() - readAtMs > FRESH_MS).map((each) => worker.sources()?.readOne(each, signal)));
    const source = find() ?? found;
    const value = valueOf(source, object.spec.fallback, worker.replicas());
    if (value === undefined) throw new ApiError('ServiceUnavailable', `the trigger of ${metric} cannot be read: ${source.error ?? 'not read yet'}`);
    return {
      kind: 'ExternalMetricValueList', apiVersion: API_VERSION, metadata: {},
      items: [{ metricName: metric, metricLabels: null, timestamp: rfc3339(source.readAtMs), value: quantityOfMilli(Math.round(value * 1_000)) }],
    };
  }
}
