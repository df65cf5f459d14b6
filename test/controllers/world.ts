/** Modules over a real store and door, in process, without network: for tests of controllers together. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isApiError } from '../../src/api/errors.ts';
import { Event } from '../../src/api/kinds.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { realClock } from '../../src/base/clock.ts';
import { createLog, silentLog } from '../../src/base/log.ts';
import { createApiServer, openIdentity, type ApiServer } from '../../src/kernel/apiserver/index.ts';
import { createLoader, type Host } from '../../src/kernel/loader/index.ts';
import { openStore, type Store } from '../../src/kernel/store/index.ts';
import { createCaches } from '../../src/sdk/caches.ts';
import { createEventRecorder } from '../../src/sdk/event-recorder.ts';
import type { AccessAttributes, UserInfo } from '../../src/sdk/module.ts';
import type { Admission, AggregatedVersion, Client, Kind, Module, ModuleContext, Route } from '../../src/sdk/index.ts';
import { eventually as waitFor } from '../../src/sdk/testing/eventually.ts';
import type { Cache, Caches } from '../../src/sdk/cache.ts';
import { permitOfController, permitOfModule, restrictClient, rulesOf } from '../../src/sdk/permit.ts';

export interface World {
  /** The administrator's. */
  client: Client;
  door: ApiServer;
  /** What the modules tell at /metrics. */
  metrics(): Promise<string>;
  /** Settles when the caches of the modules have all that is stored of these kinds: what was written before holds from then on. */
  caughtUp(...kinds: readonly Kind[]): Promise<void>;
  stop(): Promise<void>;
}

/** `storing` may come between the door and its store. */
export async function startWorld(modules: readonly Module[], { storing = (store) => store }: { storing?: (store: Store) => Store } = {}): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-controllers-'));
  const log = process.env['LLMOS_TEST_LOG'] ? createLog({ level: 'debug' }) : silentLog;
  const clock = realClock;
  const store = openStore({ folder: join(folder, 'store'), clock, log });
  const identity = openIdentity({ folder: join(folder, 'identity'), clock, log });
  const door = createApiServer({ store: storing(store), identity, clock, log });
  const loader = createLoader({ host: hostOf(door), clock, log });
  const told = new Set<() => string | Promise<string>>();
  const followed: { kind: Kind; cache: Cache }[] = [];
  await loader.load(modules);
  const admin = door.client({ name: 'admin', groups: ['system:masters'] });
  return {
    async caughtUp(...kinds) {
      const versionsOf = (objects: readonly KubeObject[]): string => objects.map(({ metadata: { uid, resourceVersion } }) => `${uid} ${resourceVersion}`).sort().join();
      for (const kind of kinds) {
        const caches = followed.filter((each) => each.kind === kind);
        if (caches.length === 0) throw new Error(`no module follows ${kind.plural}`);
        await waitFor(async () => {
          const stored = versionsOf((await admin.list(kind)).items);
          return caches.every(({ cache }) => versionsOf(cache.list()) === stored);
        }, { what: `caches have what is stored of ${kind.plural}`, everyMs: 1 });
      }
    },
    metrics: async () => (await Promise.all([...told].map((text) => text()))).join(''),
    client: lastStatusCounts(admin), door,
    async stop() {
      await loader.stop('stop');
      await door.close();
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };

  function hostOf(server: ApiServer): Host {
    return {
      open(module, signal, report) {
        const whole = server.client({ name: `system:llmos:${module.name}`, groups: [] }, { rules: rulesOf(module) });
        const own = createCaches({ client: whole, log, signal, clock });
        const caches: Caches = {
          of(kind) {
            const cache = own.of(kind);
            if (!followed.some((each) => each.cache === cache as unknown)) followed.push({ kind: kind as unknown as Kind, cache: cache as unknown as Cache });
            return cache;
          },
        };
        const events = createEventRecorder({ client: whole, kind: Event, component: module.name, clock, log, signal });
        const undo: (() => void)[] = [];
        const keep = (release: () => void): (() => void) => (undo.push(release), release);
        const context: ModuleContext = {
          client: restrictClient(whole, permitOfModule(module), module.name), caches, events, clock, log, signal, config: {}, kinds: server.kinds, report,
          serve: (kind: Kind) => keep(server.serve(kind)), route: (route: Route) => keep(server.route(route)), admit: (admission: Admission) => keep(server.admit(admission, context)),
          metrics: (text: () => string | Promise<string>) => keep((told.add(text), () => void told.delete(text))), authority: identity, may: (user: UserInfo, attributes: AccessAttributes) => server.may(user, attributes),
          aggregation: { frontProxy: () => ({ caPem: identity.frontProxy().caPem, ...identity.frontProxy().client }), publish: (versions: readonly AggregatedVersion[]) => server.aggregate(versions) },
          machine: { apiServer: { url: 'https://127.0.0.1:6443', port: 6443, caPem: 'CA' }, nodeName: 'n1' },
        } as unknown as ModuleContext;
        return {
          context, contextOf: (controller) => ({ ...context, client: restrictClient(whole, permitOfController(controller), controller.name) }),
          serve: (kind) => void context.serve(kind), admit: (admission) => void keep(server.admit(admission, context)), route: (route) => void context.route(route),
          settled: () => own.settled(), release: () => undo.reverse().forEach((release) => release()),
        };
      },
    };
  }
}

/** Tests play the node, which is the only one to write a pod's or node's status: theirs is written upon the newest object, so that no other write makes it stale. */
function lastStatusCounts(client: Client): Client {
  return {
    ...client,
    async update(kind, object, options) {
      if (options?.subresource !== 'status') return client.update(kind, object, options);
      const { name = '', namespace, uid } = object.metadata;
      for (;;) {
        const newest = await client.get(kind, name, { namespace });
        if (uid !== undefined && newest.metadata.uid !== uid) return client.update(kind, object, options);
        try {
          return await client.update(kind, { ...object, metadata: newest.metadata }, options);
        } catch (error) {
          if (!isApiError(error, 'Conflict')) throw error;
        }
      }
    },
  };
}

/** Looks every few ms until the condition holds. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  await waitFor(async () => holds(), { what, everyMs: 3 });
}
