/** The Host of modules on this machine: everything goes through the door, in process. */
import { Event } from '../api/core/event.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ApiServer } from '../kernel/apiserver/index.ts';
import type { Host, HostedModule } from '../kernel/loader/index.ts';
import { createCaches } from '../sdk/caches.ts';
import type { HttpClient } from '../sdk/client/http.ts';
import { createEventRecorder } from '../sdk/event-recorder.ts';
import type { EventRecorder } from '../sdk/events.ts';
import type { CertificateAuthority, MachineFacts, Module, ModuleContext } from '../sdk/module.ts';
import { permitOfController, permitOfModule, restrictClient, rulesOf, TOKEN_RULE } from '../sdk/permit.ts';
import { readerOf, withElsewhere } from './elsewhere.ts';

export interface DoorHostOptions {
  door: ApiServer;
  clock: Clock;
  log: Log;
  /** For modules that sign. */
  authority?: CertificateAuthority;
  /** For modules that aggregate. */
  frontProxy?: () => { caPem: string; client: { keyPem: string; certificatePem: string } };
  /** Reads from the door over the network; made when first needed. */
  remote: () => Promise<HttpClient>;
  factsOf(module: string): MachineFacts;
  configOf(module: string): Readonly<Record<string, unknown>>;
}

export function createDoorHost(options: DoorHostOptions): Host {
  return { open: (module, signal, report) => openModule(options, module, signal, report) };
}

function openModule({ door, clock, log, authority, frontProxy, remote, factsOf, configOf }: DoorHostOptions, module: Module, signal: AbortSignal, report: ModuleContext['report']): HostedModule {
  const name = `system:llmos:${module.name}`;
  const ownLog = log.child(module.name);
  const machine = factsOf(module.name);
  const whole = door.client({ name, groups: ['system:llmos'] }, { fieldManager: `llmos-${module.name}`, rules: [...rulesOf(module), ...(module.tokens === true ? [TOKEN_RULE] : [])] });
  const caches = createCaches({ client: whole, log: ownLog, signal, clock });
  const recorder = (component: string): EventRecorder => createEventRecorder({ client: whole, kind: Event, component, host: machine.nodeName, clock, log: ownLog, signal });
  const events = recorder(module.eventSource ?? module.name);
  const releases: (() => void)[] = [];
  const kept = (release: () => void): (() => void) => {
    releases.push(release);
    return release;
  };
  const context: ModuleContext = {
    client: restrictClient(withElsewhere(whole, door.kinds, remote), permitOfModule(module), `module '${module.name}'`),
    caches,
    events,
    clock,
    log: ownLog,
    signal,
    config: configOf(module.name),
    machine,
    kinds: door.kinds,
    readPath: readerOf(module, remote),
    may: (user, attributes) => door.may(user, attributes),
    ...(module.signs === true && authority !== undefined ? { authority } : {}),
    ...(module.aggregates === true && frontProxy !== undefined ? { aggregation: { frontProxy: () => ({ caPem: frontProxy().caPem, ...frontProxy().client }), publish: (versions) => door.aggregate(versions) } } : {}),
    serve: (kind, source) => kept(door.serve(kind, source)),
    route: (route) => kept(door.route(route)),
    admit: (admission) => kept(door.admit(admission, context)),
    metrics: (text) => kept(door.addMetrics(text)),
    report,
  };
  return {
    context,
    contextOf: (controller) => ({
      client: restrictClient(whole, permitOfController(controller), `controller '${controller.name}'`),
      caches,
      events: controller.eventSource === undefined ? events : recorder(controller.eventSource),
      clock,
      log: ownLog.child(controller.name),
      signal,
    }),
    serve: (kind) => void context.serve(kind),
    admit: (admission) => void context.admit(admission),
    route: (route) => void context.route(route),
    settled: () => caches.settled(),
    release() {
      for (const release of releases.splice(0).reverse()) release();
    },
  };
}
