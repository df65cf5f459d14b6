/**
 * Attach: the portable modules, unchanged, against any Kubernetes cluster. What a module may do there is what its ClusterRole says,
 * which is derived from its declarations (`llmos attach --rules MODULE`).
 */
import { definitionOf } from '../api/custom/definition-of.ts';
import { BUILT_IN_KINDS } from '../api/kinds.ts';
import { Event } from '../api/core/event.ts';
import { apiVersionOf } from '../api/meta.ts';
import { resourceKey } from '../api/kind.ts';
import { aborted } from '../base/aborted.ts';
import { realClock, type Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { createLoader, type Host, type HostedModule, type Loader } from '../kernel/loader/index.ts';
import { createCaches } from '../sdk/caches.ts';
import { createHttpClient, type HttpClient } from '../sdk/client/http.ts';
import type { ClusterAccess } from '../sdk/client/kubeconfig.ts';
import { createEventRecorder } from '../sdk/event-recorder.ts';
import type { EventRecorder } from '../sdk/events.ts';
import type { MachineFacts, Module, ModuleContext, ServedKinds } from '../sdk/module.ts';
import { permitOfController, permitOfModule, restrictClient, rulesOf } from '../sdk/permit.ts';
import type { ServeRoute } from './attach-routes.ts';
import { attachedKinds } from './attached-kinds.ts';
import { builtins } from './builtins.ts';
import { readerOf } from './elsewhere.ts';

export interface AttachOptions {
  access: ClusterAccess;
  /** Names of built-in modules; each must be portable. */
  modules: readonly string[];
  /** What each module gets as its own configuration; `enabled` says nothing here. */
  config?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  log: Log;
  signal: AbortSignal;
  /** Default: the real one. */
  clock?: Clock;
  /** Where the cluster reaches this process, for what modules serve; else they serve nothing. */
  serve?: { host: string; port: number };
}

/** Runs the modules until the signal aborts. Rejects when one is unknown, not portable, or needs a kind that the cluster does not serve. */
export async function attach({ access, modules, config = {}, log, signal, clock = realClock, serve }: AttachOptions): Promise<void> {
  const chosen = modules.map(portableModule);
  const client = createHttpClient(access, { name: 'llmos-attach' });
  const served = await attachedKinds(client, chosen, { clock, signal });
  refuseMissing(chosen, served);
  const serving = serve === undefined ? undefined : await (await import('./attach-routes.ts')).serveRoutes({ client, ...serve, namespace: access.namespace, log, signal });
  const loader: Loader = createLoader({ host: httpHost({ client, kinds: served, config, log, clock, serve: serving?.serve ?? serveNowhere(log) }), clock, log });
  // What the modules give, need and admit is served and admitted by the cluster already: only their work runs here.
  await loader.load(chosen.map((module) => ({ ...module, kinds: [], needs: [], admissions: [] })));
  log.info('attached', { server: access.server, modules: modules.join(',') });
  await aborted(signal);
  await loader.stop('stop');
  await serving?.close();
  client.close();
}

/** The definitions of the kinds that no cluster has by itself: those of llmos, and those that upstream has as custom resources too. */
export function definitionsOf(name: string): object[] {
  const own = (portableModule(name).kinds ?? []).filter((kind) => !BUILT_IN_KINDS.includes(kind));
  // Versions that differ by more than their name need somebody to convert them: there the one that the module speaks has to do.
  return [...Map.groupBy(own, ({ group, plural }) => `${plural}.${group}`).values()].map((versions) => definitionOf(versions[0]!.conversion === undefined ? versions : versions.slice(0, 1)));
}

/** The ClusterRole that a module needs on another cluster. */
export function clusterRoleOf(name: string): object {
  const module = portableModule(name);
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: `llmos:${name}` },
    rules: [...rulesOf(module), ...(module.paths === undefined ? [] : [{ nonResourceURLs: module.paths, verbs: ['get'] }])],
  };
}

function portableModule(name: string): Module {
  const module = builtins.find((each) => each.name === name);
  const portable = builtins.filter((each) => each.portable === true).map((each) => each.name).join(', ');
  if (module?.portable !== true) throw new Error(`'${name}' is no portable module; these are: ${portable}`);
  return module;
}

function refuseMissing(modules: readonly Module[], served: ServedKinds): void {
  const keys = new Set(served.list().map(resourceKey));
  for (const module of modules) {
    const missing = [...(module.kinds ?? []), ...(module.needs ?? [])].find((kind) => !keys.has(resourceKey(kind)));
    if (missing !== undefined) throw new Error(`module '${module.name}' needs ${missing.plural} of ${apiVersionOf(missing.group, missing.version)}, which the cluster does not serve; install it there first (those of llmos: 'llmos attach --crds ${module.name}')`);
  }
}

function serveNowhere(log: Log): ServeRoute {
  return ({ path = '' }) => {
    log.warn('not served to the cluster: give --serve ADDRESS:PORT, at which it reaches this machine', { path });
    return () => {};
  };
}

interface HttpHostOptions { client: HttpClient; kinds: ServedKinds; config: NonNullable<AttachOptions['config']>; log: Log; clock: Clock; serve: ServeRoute }

function httpHost({ client, kinds, config, log, clock, serve }: HttpHostOptions): Host {
  return {
    open(module, signal, report): HostedModule {
      const ownLog = log.child(module.name);
      const caches = createCaches({ client, log: ownLog, signal });
      const recorder = (component: string): EventRecorder => createEventRecorder({ client, kind: Event, component, clock, log: ownLog, signal });
      const events = recorder(module.eventSource ?? module.name);
      const common = { caches, events, clock, log: ownLog, signal };
      const cannot = (what: string) => (): never => {
        throw new Error(`module '${module.name}' ${what}, which cannot be done on another cluster`);
      };
      const context: ModuleContext = {
        ...common,
        client: restrictClient(client, permitOfModule(module), `module '${module.name}'`),
        config: config[module.name] ?? {},
        kinds,
        machine: {} as MachineFacts, // portable modules know no machine
        serve: cannot('serves a kind'),
        route: serve,
        admit: cannot('adds a step of admission'),
        readPath: readerOf(module, () => Promise.resolve(client)),
        report,
      };
      return {
        context,
        contextOf: (controller) => ({ ...common, ...(controller.eventSource === undefined ? {} : { events: recorder(controller.eventSource) }), client: restrictClient(client, permitOfController(controller), `controller '${controller.name}'`) }),
        serve: cannot('serves a kind'),
        admit: cannot('admits writes'),
        route: cannot('adds a route'),
        settled: () => caches.settled(),
        release: () => {},
      };
    },
  };
}
