/** RouteTable: what modules answer themselves, connect subresources (pods/log) and raw paths (/metrics). */
import type { Kind } from '../../api/kind.ts';
import type { Route, RouteResource } from '../../sdk/module.ts';
import type { ConnectResource } from './discovery.ts';

export interface RouteTable {
  add(route: Route): () => void;
  connect(kind: Kind, subresource: string): Route | undefined;
  /** The raw route with the longest prefix of the path, and what follows it. */
  raw(path: string): { route: Route; rest: string } | undefined;
  connects(): ConnectResource[];
  /** The group versions that raw routes answer for and tell of. */
  told(): ToldVersion[];
  readonly changes: number;
}

export interface ToldVersion { group: string; version: string; resources: readonly RouteResource[] }

export function createRouteTable(): RouteTable {
  const connects = new Map<string, Route>();
  const raws = new Map<string, Route>();
  let changes = 0;
  const keyOf = (kind: Kind, subresource: string): string => `${kind.group}/${kind.plural}/${subresource}`;
  return {
    add(route) {
      const [table, key] = route.path === undefined ? [connects, keyOf(route.kind!, route.subresource!)] : [raws, route.path.replace(/\/+$/, '')];
      table.set(key, route);
      changes++;
      return () => {
        if (table.get(key) === route) table.delete(key);
        changes++;
      };
    },
    connect: (kind, subresource) => connects.get(keyOf(kind, subresource)),
    raw(path) {
      for (let prefix = path.replace(/\/+$/, ''); prefix !== ''; prefix = prefix.slice(0, Math.max(prefix.lastIndexOf('/'), 0))) {
        const route = raws.get(prefix);
        if (route !== undefined) return { route, rest: path.slice(prefix.length).replace(/^\/+/, '') };
      }
      return undefined;
    },
    connects: () => [...connects.values()].map((route) => ({ kind: route.kind!, subresource: route.subresource!, methods: methodsOf(route) })),
    told: () => [...raws.values()].flatMap(({ path = '', resources }) => {
      const [, group, version] = /^\/apis\/([^/]+)\/([^/]+)\/?$/.exec(path) ?? [];
      return resources === undefined || group === undefined || version === undefined ? [] : [{ group, version, resources }];
    }),
    get changes() {
      return changes;
    },
  };
}

export function methodsOf(route: Route): readonly string[] {
  return route.methods ?? ['GET'];
}
