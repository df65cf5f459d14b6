/** What the agents of further nodes measured: each keeps its newest figures in a file beside its socket, so that reading them needs no waiting. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '../../../api/meta.ts';
import type { ObjectSource } from '../../../sdk/module.ts';

/** Objects by their kind. */
export type KeptFigures = Record<string, readonly KubeObject[]>;

export const FIGURES_FILE = 'figures.json';
/** Older figures are those of an agent that is gone. */
const FRESH_MS = 60_000;

/** The own figures and those of all agents in the folder; only the own ones where it is undefined. */
export function withFurther(own: ObjectSource, kind: string, folder: string | undefined, nowMs: () => number = Date.now): ObjectSource {
  if (folder === undefined) return own;
  const others = (namespace: string | undefined): KubeObject[] => agents(folder).flatMap((name) => kept(join(folder, name, FIGURES_FILE), nowMs())[kind] ?? []).filter((each) => namespace === undefined || each.metadata.namespace === namespace);
  return {
    list: (namespace) => [...own.list(namespace), ...others(namespace)],
    get: (namespace, name) => own.get(namespace, name) ?? others(namespace).find((each) => each.metadata.name === name),
  };
}

function agents(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function kept(file: string, nowMs: number): KeptFigures {
  try {
    return nowMs - statSync(file).mtimeMs > FRESH_MS ? {} : (JSON.parse(readFileSync(file, 'utf8')) as KeptFigures);
  } catch {
    return {};
  }
}
