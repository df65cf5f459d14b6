/** The registries that the node and `llmos image` know: those of the configuration, and the one on this machine where it is on. */
import { join } from 'node:path';
import { localRegistryAddress, registriesOf, type Registry } from '../base/sys/registries.ts';
import type { Config } from './config.ts';

/** `host:port` of the registry on this machine; undefined where it is off. */
export function localRegistry({ modules }: Pick<Config, 'modules'>): string | undefined {
  const own = modules['registry'];
  return own?.['enabled'] === true ? localRegistryAddress(own) : undefined;
}

/** Its docker config.json. */
export function localRegistryAuth({ folders }: Pick<Config, 'folders'>): string {
  return join(folders.state, 'registry', 'auth.json');
}

export function allRegistries(config: Pick<Config, 'modules'>): Registry[] {
  const local = localRegistry(config);
  return [...registriesOf(config.modules['node']?.['registries']), ...(local === undefined ? [] : [{ location: local, mirrors: [], insecure: true }])];
}

/** What the node module gets as its configuration. */
export function nodeConfig(config: Pick<Config, 'modules'>): Readonly<Record<string, unknown>> {
  const own = config.modules['node'] ?? {};
  return localRegistry(config) === undefined ? own : { ...own, registries: allRegistries(config) };
}
