/** Metering: what every pod and claim has and uses, in records of hours and days; and what that costs, as bills, as OpenCost's allocations and in the columns of FOCUS. */
import { Namespace } from '../../api/core/namespace.ts';
import { Node } from '../../api/core/node.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { Pod } from '../../api/core/pod.ts';
import { Service } from '../../api/core/service.ts';
import { PriceSheet } from '../../api/metering/price-sheet.ts';
import { UsageRecord } from '../../api/metering/usage-record.ts';
import { PodMetrics } from '../../api/metrics/metrics.ts';
import { PodUsage } from '../../api/metrics/pod-usage.ts';
import { defineModule, type ModuleContext, type Route } from '../../sdk/module.ts';
import { newestHours, tidyRecords, writeRecord } from './keep.ts';
import { createMeter, type Look, type Meter } from './meter.ts';
import { HOUR_MS } from './periods.ts';
import { readRoutes, readUsage } from './readings.ts';
import { servicesBy } from './selected-by.ts';
import { meteringSettings } from './settings.ts';

export type { Accounts, AccountsQuery } from './accounts.ts';
export type { Statement, StatementLine } from './statement.ts';

/** Bills are read by the command line, long after the boot. */
export const loadReadAccounts = async () => (await import('./accounts.ts')).readAccounts;

/** Where the gateway tells of its routes. */
const ROUTES_PATH = '/gateway/routes';

export default defineModule({
  name: 'metering',
  description: 'Meters what pods and claims use, and bills it: records, prices, allocations, FOCUS',
  portable: true,
  kinds: [UsageRecord, PriceSheet],
  needs: [Pod, PersistentVolumeClaim, Node, Namespace, Service],
  reads: [PodUsage, PodMetrics],
  writes: [UsageRecord],
  paths: [ROUTES_PATH],
  run: runMetering,
});

const ROUTE_PATHS = ['/allocation', '/focus'] as const;

async function runMetering(context: ModuleContext): Promise<void> {
  const { client, caches, clock, log, signal } = context;
  const settings = meteringSettings(context.config);
  // Read from now on, and not waited for: an older role on another cluster may not list them.
  caches.of(Namespace);
  caches.of(Service);
  await Promise.all([caches.of(Pod).ready(), caches.of(PersistentVolumeClaim).ready()]);
  const meter = createMeter(await newestHours(client), clock.nowMs());
  const deleted: Look['deleted'][number][] = [];
  const stop = caches.of(Pod).subscribe(({ type, object }) => {
    if (type === 'deleted' && object.spec?.nodeName !== undefined) deleted.push({ pod: object, atMs: clock.nowMs() });
  });
  // Elsewhere there is no door of ours: `llmos bill` reads the same records.
  const withdraw = context.may === undefined ? [] : lazyRoutes(context, settings.cluster ?? context.machine.nodeName).map((route) => context.route(route));
  const unwritten = new Map<string, UsageRecord>();
  const everyMs = settings.everySeconds * 1_000;
  let tidyMs = 0;
  try {
    while (!signal.aborted) {
      await clock.sleep(everyMs - (clock.nowMs() % everyMs), signal);
      try {
        for (const record of await lookOnce(context, meter, deleted)) unwritten.set(record.metadata.name ?? '', record);
        for (const [name, record] of unwritten) await writeRecord(client, record).then(() => unwritten.delete(name));
        if (clock.nowMs() - tidyMs < HOUR_MS || signal.aborted) continue;
        tidyMs = clock.nowMs();
        await tidyRecords(client, settings, tidyMs);
      } catch (error) {
        if (!signal.aborted) log.warn('what was used could not be metered; it is tried again', { error });
      }
    }
  } finally {
    stop();
    for (const each of withdraw) each();
  }
}

async function lookOnce({ client, caches, clock, readPath }: ModuleContext, meter: Meter, deleted: Look['deleted'][number][]): Promise<UsageRecord[]> {
  const readings = await readUsage({ client, caches });
  const pods = caches.of(Pod).list().filter(({ spec }) => spec?.nodeName !== undefined);
  const asked = readPath === undefined ? {} : await readRoutes(() => readPath(ROUTES_PATH));
  return meter.look({
    nowMs: clock.nowMs(), readings, ...asked, pods, deleted: deleted.splice(0), claims: caches.of(PersistentVolumeClaim).list(),
    servicesOf: servicesBy(caches.of(Service).list()), namespaceLabels: (name) => caches.of(Namespace).get(name)?.metadata.labels,
  });
}

/** What they need is loaded with the first request. */
function lazyRoutes(context: ModuleContext, cluster: string): Route[] {
  return ROUTE_PATHS.map((path) => ({
    path,
    async handle(request) {
      const { meteringRoutes } = await import('./routes.ts');
      await meteringRoutes(context, cluster)[path].handle(request);
    },
  }));
}
