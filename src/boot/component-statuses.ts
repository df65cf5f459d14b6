/** The parts that every cluster has, under the names that clients know: the store for etcd-0, modules for the others. */
import type { ComponentStatus } from '../api/core/component-status.ts';
import type { ModuleStatus } from '../kernel/loader/index.ts';
import type { Store } from '../kernel/store/index.ts';
import type { ObjectSource } from '../sdk/module.ts';

const MODULES: Readonly<Record<string, readonly string[]>> = { 'controller-manager': ['core', 'workloads', 'garbage-collector'], scheduler: ['scheduler'] };

export function componentStatuses({ store, modules }: { store: Pick<Store, 'check'>; modules(): readonly ModuleStatus[] }): ObjectSource {
  const list = (): ComponentStatus[] => {
    const running = modules();
    const ofModules = Object.entries(MODULES).map(([name, needed]) => statusOf(name, faultOfModules(needed, running)));
    return [...ofModules, statusOf('etcd-0', faultOf(() => store.check()))];
  };
  return { list, get: (_, name) => list().find((each) => each.metadata.name === name) };
}

function statusOf(name: string, fault: string | undefined): ComponentStatus {
  const condition = fault === undefined ? { type: 'Healthy', status: 'True', message: 'ok' } : { type: 'Healthy', status: 'False', message: fault, error: fault };
  return { apiVersion: 'v1', kind: 'ComponentStatus', metadata: { name }, conditions: [condition] };
}

function faultOfModules(needed: readonly string[], all: readonly ModuleStatus[]): string | undefined {
  const faults = needed.map((name) => {
    const state = all.find((each) => each.name === name)?.state;
    return state === 'running' ? undefined : `module ${name} is ${state ?? 'not loaded'}`;
  });
  return faults.find((fault) => fault !== undefined);
}

function faultOf(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
