/** `modules.pod-security` of the configuration: what counts where labels say nothing, and who is exempt. */
import type { ModuleContext } from '../../sdk/module.ts';
import { isLevel, minorOf, MODES, type LevelVersion, type Mode, type Policy } from './levels.ts';

export interface Settings {
  defaults: Policy;
  exemptions: { namespaces: readonly string[]; usernames: readonly string[]; runtimeClasses: readonly string[] };
}

const read = new WeakMap<object, Settings>();

/** Throws where the configuration says what cannot be. */
export function settingsOf({ config }: ModuleContext): Settings {
  let settings = read.get(config);
  if (settings === undefined) read.set(config, (settings = parse(config)));
  return settings;
}

function parse(config: Readonly<Record<string, unknown>>): Settings {
  const given = (config['defaults'] ?? {}) as Record<string, unknown>;
  const defaults = Object.fromEntries(MODES.map((mode) => [mode, levelOf(mode, given)])) as Record<Mode, LevelVersion>;
  const exempt = (config['exemptions'] ?? {}) as Record<string, unknown>;
  const list = (key: string): string[] => {
    const values = exempt[key] ?? [];
    if (Array.isArray(values) && values.every((value) => typeof value === 'string')) return values as string[];
    throw new Error(`modules.pod-security.exemptions.${key} must be a list of names`);
  };
  return { defaults, exemptions: { namespaces: list('namespaces'), usernames: list('usernames'), runtimeClasses: list('runtimeClasses') } };
}

function levelOf(mode: Mode, given: Record<string, unknown>): LevelVersion {
  const level = given[mode] ?? 'privileged';
  const minor = minorOf(String(given[`${mode}-version`] ?? 'latest'));
  if (!isLevel(level) || minor === undefined) throw new Error(`modules.pod-security.defaults.${mode} must be privileged, baseline or restricted, its version "latest" or "v1.x"`);
  return { level, minor };
}
