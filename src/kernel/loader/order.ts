/** The order in which modules start: one that gives a kind comes before those that need it. Pure. */
import { resourceKey } from '../../api/kind.ts';
import type { Module } from '../../sdk/module.ts';

/**
 * Sorts modules so that every kind is given before it is needed; among equals the given order stays.
 * Throws an Error that names the missing kind, the kind given twice, or the circle.
 */
export function orderModules(modules: readonly Module[], alreadyServed: (key: string) => boolean = () => false): Module[] {
  const givers = giversOf(modules);
  const ordered: Module[] = [];
  const done = new Set<Module>();
  const visit = (module: Module, path: readonly Module[]): void => {
    if (done.has(module)) return;
    if (path.includes(module)) throw new Error(`modules need each other in a circle: ${[...path, module].map((each) => each.name).join(' -> ')}`);
    for (const kind of module.needs ?? []) {
      const key = resourceKey(kind);
      const giver = givers.get(key);
      if (giver === undefined && !alreadyServed(key)) {
        throw new Error(`module '${module.name}' needs ${key}, which no loaded module gives; load the module that gives it first`);
      }
      if (giver !== undefined && giver !== module) visit(giver, [...path, module]);
    }
    done.add(module);
    ordered.push(module);
  };
  for (const module of modules) visit(module, []);
  return ordered;
}

function giversOf(modules: readonly Module[]): Map<string, Module> {
  const givers = new Map<string, Module>();
  for (const module of modules) {
    for (const kind of module.kinds ?? []) {
      const key = resourceKey(kind);
      const other = givers.get(key);
      if (other !== undefined && other !== module) throw new Error(`modules '${other.name}' and '${module.name}' both give ${key}; unload one of them`);
      givers.set(key, module);
    }
  }
  return givers;
}
