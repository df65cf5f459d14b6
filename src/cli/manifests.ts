/** Manifests from files, and their way into the cluster by server-side apply. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { parseJson } from '../api/int64.ts';
import { groupVersionPath, parseApiVersion, type KubeObject } from '../api/meta.ts';
import type { Folders } from '../boot/config.ts';
import { control } from './control.ts';

interface ApiResource {
  name: string;
  kind: string;
  namespaced: boolean;
}

/** All objects of a file, of the YAML and JSON files of a folder, or of standard input (`-`), in order. Lists are taken apart. */
export function readManifests(path: string): KubeObject[] {
  if (path !== '-' && statSync(path).isDirectory()) {
    return readdirSync(path).filter((name) => /\.(ya?ml|json)$/.test(name)).sort().flatMap((name) => readManifests(join(path, name)));
  }
  const text = readFileSync(path === '-' ? 0 : path, 'utf8');
  // As bigints first, and only those that no number holds remain so.
  return parseAllDocuments(text, { intAsBigInt: true }).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${path}: ${error.message}`);
    const value = parseJson(JSON.stringify(document.toJS() ?? null));
    return value === null ? [] : objectsOf(value, path);
  });
}

/** Applies one object and gives what the cluster made of it. */
export async function applyObject(folders: Folders, object: KubeObject): Promise<KubeObject> {
  const { group, version } = parseApiVersion(object.apiVersion ?? '');
  const base = groupVersionPath(group, version);
  const { resources } = await control<{ resources: ApiResource[] }>(folders, 'GET', base).catch(() => ({ resources: [] as ApiResource[] }));
  const resource = resources.find((each) => each.kind === object.kind && !each.name.includes('/'));
  if (resource === undefined) throw new Error(`the cluster does not serve kind ${object.kind} of ${object.apiVersion}; 'llmos kubectl api-resources' lists what it serves`);
  const namespace = resource.namespaced ? `/namespaces/${object.metadata.namespace ?? 'default'}` : '';
  const path = `${base}${namespace}/${resource.name}/${encodeURIComponent(object.metadata.name ?? '')}?fieldManager=llmos-apply&force=true`;
  return control<KubeObject>(folders, 'PATCH', path, { body: object, contentType: 'application/apply-patch+yaml' });
}

function objectsOf(value: unknown, path: string): KubeObject[] {
  const object = value as KubeObject & { items?: unknown };
  if (typeof object !== 'object' || typeof object.kind !== 'string' || typeof object.apiVersion !== 'string') {
    throw new Error(`${path}: every document needs apiVersion and kind`);
  }
  if (object.kind.endsWith('List') && Array.isArray(object.items)) return object.items.flatMap((item) => objectsOf(item, path));
  if (typeof object.metadata?.name !== 'string') throw new Error(`${path}: a ${object.kind} without metadata.name cannot be applied`);
  return [object];
}
