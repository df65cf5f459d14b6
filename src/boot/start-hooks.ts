/** The checks of health that upstream names after what its API server does when it starts: here modules do it, and a check holds from when its module has started. */
import type { ModuleStatus } from '../kernel/loader/index.ts';
import type { ApiServer } from '../kernel/apiserver/index.ts';

/** Post-start hooks of kube-apiserver by the module that does their work. */
const HOOKS: Readonly<Record<string, readonly string[]>> = {
  admission: ['start-apiserver-admission-initializer'],
  'flow-control': ['priority-and-fairness-config-consumer', 'priority-and-fairness-filter', 'priority-and-fairness-config-producer'],
  'custom-resources': ['start-apiextensions-informers', 'start-apiextensions-controllers', 'crd-informer-synced'],
  core: ['start-system-namespaces-controller', 'start-kube-apiserver-identity-lease-controller', 'start-kube-apiserver-identity-lease-garbage-collector', 'scheduling/bootstrap-system-priority-classes'],
  network: ['start-service-ip-repair-controllers', 'start-kubernetes-service-cidr-controller', 'bootstrap-controller'],
  rbac: ['rbac/bootstrap-roles'],
  aggregation: [
    'start-cluster-authentication-info-controller', 'start-kube-aggregator-informers', 'apiservice-status-local-available-controller', 'apiservice-status-remote-available-controller',
    'apiservice-registration-controller', 'apiservice-discovery-controller', 'kube-apiserver-autoregistration', 'apiservice-openapi-controller', 'apiservice-openapiv3-controller',
  ],
};

export interface StartHooks {
  /** Names of the modules that this machine is to have; those of others have no checks. */
  modules: ReadonlySet<string>;
  list(): readonly ModuleStatus[];
  /** Whether the machine has started: what was done then is not undone by a module that is unloaded. */
  isStarted(): boolean;
}

export function addStartHooks(door: Pick<ApiServer, 'addCheck'>, { modules, list, isStarted }: StartHooks): void {
  for (const [module, hooks] of Object.entries(HOOKS)) {
    if (!modules.has(module)) continue;
    for (const hook of hooks) door.addCheck(`poststarthook/${hook}`, () => {
      if (!isStarted() && list().find(({ name }) => name === module)?.startMs === undefined) throw new Error('not finished');
    });
  }
}
