/**
 * An APIService for each group version that this server answers for itself (upstream: kube-aggregator/pkg/controllers/autoregister). Those of
 * custom resources are kept as they should be at all times, the others are set right once, when llmos starts.
 */
import { APIREGISTRATION, APIService, apiServiceName } from '../../api/apiregistration/api-service.ts';
import { builtInPriority, CUSTOM_PRIORITY } from '../../api/apiregistration/priorities.ts';
import { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts';
import { isApiError } from '../../api/errors.ts';
import { equalJson } from '../../api/json.ts';
import type { Cache } from '../../sdk/cache.ts';
import type { ModuleContext } from '../../sdk/module.ts';

export const MANAGED = 'kube-aggregator.kubernetes.io/automanaged';
const ON_START = 'onstart';
const ALWAYS = 'true';
/** Answered by the door and not stored, so that no Kind tells of them. */
const REVIEWS = [{ group: 'authentication.k8s.io', version: 'v1' }, { group: 'authorization.k8s.io', version: 'v1' }];
/** Kinds come one after the other when llmos starts: what is not there at once may come yet. */
const GRACE_MS = 5_000;
const TOGETHER_MS = 20;

interface GroupVersion {
  group: string;
  version: string;
}

/** Pure: by name, what there should be. */
export function wantedServices(served: readonly GroupVersion[], definitions: readonly CustomResourceDefinition[]): Map<string, APIService> {
  const custom = new Set(definitions.flatMap(({ spec }) => spec.versions.map(({ name }) => apiServiceName(spec.group, name))));
  const wanted = new Map<string, APIService>();
  for (const { group, version } of [...served, ...REVIEWS]) {
    if (group === APIREGISTRATION) continue;
    const name = apiServiceName(group, version);
    const priority = builtInPriority(group, version) ?? CUSTOM_PRIORITY;
    wanted.set(name, {
      apiVersion: `${APIREGISTRATION}/v1`, kind: 'APIService', metadata: { name, labels: { [MANAGED]: custom.has(name) ? ALWAYS : ON_START } },
      spec: { group, version, groupPriorityMinimum: priority.group, versionPriority: priority.version },
    });
  }
  return wanted;
}

export type Step = { do: 'create' | 'update'; service: APIService } | { do: 'delete'; name: string };

export interface Standing {
  /** Names that were there when llmos started. */
  atStart: ReadonlySet<string>;
  /** Names that were once as they should be. */
  synced: ReadonlySet<string>;
  /** Whether what nobody serves may go now. */
  mayDelete: boolean;
}

/** Pure: what to do about one name. */
export function stepFor(name: string, wanted: APIService | undefined, found: APIService | undefined, { atStart, synced, mayDelete }: Standing): Step | undefined {
  const how = found?.metadata.labels?.[MANAGED];
  if (found === undefined) return wanted === undefined || (isOnStart(wanted) && synced.has(name)) ? undefined : { do: 'create', service: wanted };
  if (how !== ON_START && how !== ALWAYS) return undefined;
  if (wanted === undefined) return mayDelete && found.spec?.service === undefined ? { do: 'delete', name } : undefined;
  if (how === ON_START && (synced.has(name) || !atStart.has(name))) return undefined;
  if (equalJson(found.spec, wanted.spec)) return undefined;
  // A group that is none of Kubernetes itself, such as metrics, may be somebody else's to serve.
  if (how === ON_START && found.spec?.service !== undefined && builtInPriority(wanted.spec!.group!, wanted.spec!.version!) === undefined) return undefined;
  return { do: 'update', service: { ...found, spec: wanted.spec } };
}

function isOnStart({ metadata }: APIService): boolean {
  return metadata.labels?.[MANAGED] === ON_START;
}

/** Settles after the signal aborted. */
export async function registerServed(context: ModuleContext): Promise<void> {
  const { caches, kinds, signal, clock } = context;
  const services = caches.of(APIService);
  const definitions = caches.of(CustomResourceDefinition);
  await Promise.all([services.ready(), definitions.ready()]);
  const atStart = new Set(services.list().map(({ metadata }) => metadata.name ?? ''));
  const synced = new Set<string>();
  const fromMs = clock.nowMs();
  let changed = Promise.withResolvers<void>();
  const poke = (): void => changed.resolve();
  const stops = [kinds.subscribe(poke), definitions.subscribe(poke), services.subscribe((event) => void (event.type === 'deleted' && poke())), stopOn(signal, poke)];
  for (let first = true; !signal.aborted; first = false) {
    changed = Promise.withResolvers<void>();
    const mayDelete = clock.nowMs() - fromMs >= GRACE_MS;
    await syncAll(context, services, wantedServices(kinds.list(), definitions.list()), { atStart, synced, mayDelete });
    const quietMs = mayDelete ? undefined : GRACE_MS;
    await Promise.race([changed.promise, ...(quietMs === undefined ? [] : [clock.sleep(quietMs, signal)])]);
    if (!first) await clock.sleep(TOGETHER_MS, signal);
  }
  for (const stop of stops) stop();
}

function stopOn(signal: AbortSignal, poke: () => void): () => void {
  signal.addEventListener('abort', poke, { once: true });
  return () => signal.removeEventListener('abort', poke);
}

async function syncAll(context: ModuleContext, services: Cache<APIService>, wanted: ReadonlyMap<string, APIService>, standing: Standing & { synced: Set<string> }): Promise<void> {
  const names = new Set([...wanted.keys(), ...services.list().map(({ metadata }) => metadata.name ?? '')]);
  await Promise.all([...names].map(async (name) => {
    const step = stepFor(name, wanted.get(name), services.get(name), standing);
    try {
      if (step !== undefined) await take(step, context);
      if (wanted.has(name)) standing.synced.add(name);
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists', 'NotFound', 'Conflict')) context.log.warn('an APIService could not be kept', { name, error });
    }
  }));
}

async function take(step: Step, { client }: ModuleContext): Promise<void> {
  if (step.do === 'delete') await client.delete(APIService, step.name);
  else if (step.do === 'create') await client.create(APIService, step.service);
  else await client.update(APIService, step.service);
}
