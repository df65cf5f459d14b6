/** Whether the server of an APIService can be asked, as its condition Available (upstream: kube-aggregator/pkg/controllers/status). */
import { APIService, availableCondition, type APIServiceCondition } from '../../api/apiregistration/api-service.ts';
import { withCondition } from '../../api/conditions.ts';
import { Service } from '../../api/core/service.ts';
import { EndpointSlice } from '../../api/discovery/endpoint-slice.ts';
import { groupVersionPath } from '../../api/meta.ts';
import { exponentialBackoff } from '../../base/backoff.ts';
import { rfc3339 } from '../../base/clock.ts';
import type { Caches } from '../../sdk/cache.ts';
import { watching, type Controller, type ReconcileContext } from '../../sdk/controller.ts';
import type { Remote } from './remote.ts';
import type { Servers } from './servers.ts';

const AGAIN_MS = 30_000;
/** So many questions at once: one good answer is enough. */
const QUESTIONS = 5;
const SERVICE_NAME = 'kubernetes.io/service-name';

export type Verdict = Pick<APIServiceCondition, 'status' | 'reason' | 'message'>;

const LOCAL: Verdict = { status: 'True', reason: 'Local', message: 'Local APIServices are always available' };
const PASSED: Verdict = { status: 'True', reason: 'Passed', message: 'all checks passed' };

export function availability(servers: () => Servers | undefined): Controller<APIService> {
  const retries = exponentialBackoff({ baseMs: 100, maxMs: AGAIN_MS });
  return {
    name: 'api-service-availability', for: APIService,
    watches: [
      watching(Service, ({ metadata }, caches) => namesOf(caches, metadata.namespace, metadata.name)),
      watching(EndpointSlice, ({ metadata }, caches) => namesOf(caches, metadata.namespace, metadata.labels?.[SERVICE_NAME])),
    ],
    async reconcile(name, service, context) {
      const known = servers();
      if (service?.spec?.service === undefined || service.metadata.deletionTimestamp !== undefined) {
        known?.forget(name);
        if (service !== undefined && service.metadata.deletionTimestamp === undefined) await say(service, LOCAL, context);
        return;
      }
      if (known === undefined) return;
      const remote = known.remoteOf(service);
      const lack = serviceVerdict(service, context.caches);
      const { verdict, resources } = lack === undefined ? await discoveryVerdict(service, remote, context.signal) : { verdict: lack, resources: undefined };
      await known.found(service, resources);
      await say(service, verdict, context);
      if (verdict.reason !== 'FailedDiscoveryCheck') retries.forget(name);
      return { requeueAfterMs: verdict.reason === 'FailedDiscoveryCheck' ? retries.next(name) : AGAIN_MS };
    },
  };
}

function namesOf(caches: Caches, namespace: string | undefined, name: string | undefined): string[] {
  const concerned = caches.of(APIService).list().filter(({ spec }) => spec?.service !== undefined && spec.service.namespace === namespace && spec.service.name === name);
  return concerned.map(({ metadata }) => metadata.name ?? '');
}

/** What the Service lacks; undefined when its server may be asked. */
export function serviceVerdict({ spec }: APIService, caches: Pick<Caches, 'of'>): Verdict | undefined {
  const { namespace = '', name = '', port = 443 } = spec?.service ?? {};
  const where = `service/${name} in ${JSON.stringify(namespace)}`;
  const service = caches.of(Service).get(`${namespace}/${name}`);
  if (service === undefined) return { status: 'False', reason: 'ServiceNotFound', message: `${where} is not present` };
  if ((service.spec?.type ?? 'ClusterIP') !== 'ClusterIP') return undefined;
  const found = service.spec?.ports?.find((each) => each.port === port);
  if (found === undefined) return { status: 'False', reason: 'ServicePortError', message: `${where} is not listening on port ${port}` };
  const slices = caches.of(EndpointSlice).list(namespace).filter(({ metadata }) => metadata.labels?.[SERVICE_NAME] === name);
  if (slices.length === 0) return { status: 'False', reason: 'EndpointsNotFound', message: `cannot find endpointslices for ${where}` };
  const portName = found.name ?? '';
  const usable = slices.some(({ endpoints, ports }) => (endpoints ?? []).some(({ conditions }) => conditions?.ready !== false) && (ports ?? []).some((each) => (each.name ?? '') === portName && each.port !== undefined));
  return usable ? undefined : { status: 'False', reason: 'MissingEndpoints', message: `endpointslices for ${where} have no addresses with port name ${JSON.stringify(portName)}` };
}

/** The certificate is not looked at here: this says whether somebody is there, the requests themselves are careful. */
async function discoveryVerdict({ spec }: APIService, remote: Remote, signal: AbortSignal): Promise<{ verdict: Verdict; resources?: unknown }> {
  const { group = '', version = '' } = spec!;
  const path = groupVersionPath(group, version);
  const asked = Array.from({ length: QUESTIONS }, () => remote.ask(path, { signal, trusting: true }));
  try {
    return { verdict: PASSED, resources: await Promise.any(asked) };
  } catch (error) {
    const [first] = (error as AggregateError).errors as Error[];
    return { verdict: { status: 'False', reason: 'FailedDiscoveryCheck', message: first?.message ?? '' } };
  }
}

async function say(service: APIService, verdict: Verdict, { client, clock }: ReconcileContext): Promise<void> {
  const old = availableCondition(service);
  if (old !== undefined && old.status === verdict.status && old.reason === verdict.reason && old.message === verdict.message) return;
  const conditions = withCondition<APIServiceCondition>(service.status?.conditions ?? [], { type: 'Available', ...verdict }, rfc3339(clock.nowMs()));
  await client.update(APIService, { ...service, status: { ...service.status, conditions } }, { subresource: 'status' });
}
