/** Paths and queries of API requests (Kubernetes documentation, "Kubernetes API Concepts", Resource URIs). */
import { ApiError } from '../../api/errors.ts';
import type { KindNames } from '../../api/kind.ts';
import { groupVersionPath } from '../../api/meta.ts';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where a request goes. Without `name` it is the collection; without `namespace` that of all namespaces. */
export interface Target {
  namespace?: string;
  name?: string;
  subresource?: string;
}

/** `/apis/apps/v1/namespaces/default/deployments/web/scale`. Throws BadRequest when a name or namespace is missing or cannot be one. */
export function pathOf(kind: KindNames, target: Target, query: Query = {}): string {
  const root = groupVersionPath(kind.group, kind.version);
  const scope = kind.namespaced && target.namespace !== undefined ? `/namespaces/${segment(target.namespace, 'namespace')}` : '';
  const name = target.name === undefined ? '' : `/${segment(target.name, 'name')}`;
  const subresource = target.subresource === undefined ? '' : `/${target.subresource}`;
  return `${root}${scope}/${kind.plural}${name}${subresource}${queryOf(query)}`;
}

/** As {@link pathOf} for one object or a new one: a namespaced kind needs its namespace. */
export function objectPathOf(kind: KindNames, target: Target, query: Query = {}): string {
  if (kind.namespaced && (target.namespace ?? '') === '')
    throw new ApiError('BadRequest', `${kind.plural} live in namespaces: say in which one (metadata.namespace of the object, or the namespace option)`);
  return pathOf(kind, target, query);
}

function segment(text: string, what: string): string {
  if (text === '' || text === '.' || text === '..' || text.includes('/') || text.includes('%')) throw new ApiError('BadRequest', `${JSON.stringify(text)} cannot be a ${what}`);
  return encodeURIComponent(text);
}

function queryOf(query: Query): string {
  const given = Object.entries(query).filter((entry): entry is [string, string | number | boolean] => entry[1] !== undefined && entry[1] !== '');
  if (given.length === 0) return '';
  return `?${given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
}
