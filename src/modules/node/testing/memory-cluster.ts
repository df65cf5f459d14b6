/** A cluster in a map, for tests of the node alone: as much of Client as the node uses. The real door has its own tests. */
import { conflict, notFound } from '../../../api/errors.ts';
import { resourceKey, type Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import type { Client, WatchEvent } from '../../../sdk/client.ts';

type Watcher = { kind: string; push: (event: WatchEvent) => void };

export interface MemoryCluster {
  client: Client;
  /** Makes an object as a user would. */
  put<T extends KubeObject>(kind: Kind<T>, object: T): T;
  find<T extends KubeObject>(kind: Kind<T>, key: string): T | undefined;
  /** Marks it deleted with a grace, as the door does for pods. */
  remove(kind: Kind, key: string, graceSeconds: number): void;
  /** Settles with the object when `test` holds; rejects after `timeoutMs`. */
  until<T extends KubeObject>(kind: Kind<T>, key: string, test: (object: T | undefined) => boolean, timeoutMs?: number): Promise<T | undefined>;
}

export function memoryCluster(): MemoryCluster {
  const objects = new Map<string, KubeObject>();
  const watchers = new Set<Watcher>();
  const listeners = new Set<() => void>();
  let revision = 0;
  const idOf = (kind: Kind, key: string): string => `${resourceKey(kind)}/${key}`;
  const keyIn = (namespace: string | undefined, name: string): string => (namespace ? `${namespace}/${name}` : name);

  function tell(kind: Kind, type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void {
    for (const watcher of watchers) if (watcher.kind === resourceKey(kind)) watcher.push({ type, object });
    for (const listener of listeners) listener();
  }

  function store(kind: Kind, object: KubeObject, type: 'ADDED' | 'MODIFIED'): KubeObject {
    const stored = structuredClone(object);
    stored.metadata.resourceVersion = String(++revision);
    objects.set(idOf(kind, keyIn(stored.metadata.namespace, stored.metadata.name ?? '')), stored);
    tell(kind, type, stored);
    return stored;
  }

  const client: Partial<Client> = {
    async get(kind, name, options) {
      const found = objects.get(idOf(kind as unknown as Kind, keyIn(options?.namespace, name)));
      if (found === undefined) throw notFound(kind, name);
      return found as never;
    },
    async list(kind) {
      return { metadata: { resourceVersion: String(revision) }, items: [...objects].filter(([id]) => id.startsWith(`${resourceKey(kind)}/`)).map(([, object]) => object) as never };
    },
    async *watch(kind, options) {
      const queue: WatchEvent[] = [];
      let wake = (): void => {};
      const watcher: Watcher = { kind: resourceKey(kind), push: (event) => { queue.push(event); wake(); } };
      watchers.add(watcher);
      options?.signal?.addEventListener('abort', () => wake(), { once: true });
      try {
        for (const [id, object] of objects) if (id.startsWith(`${resourceKey(kind)}/`) && Number(object.metadata.resourceVersion) > Number(options?.resourceVersion ?? 0)) queue.push({ type: 'ADDED', object });
        while (!isAborted(options?.signal)) {
          while (queue.length > 0) yield queue.shift() as never;
          if (!isAborted(options?.signal)) await new Promise<void>((resolve) => { wake = resolve; });
        }
      } finally {
        watchers.delete(watcher);
      }
    },
    async create(kind, object) {
      return store(kind as unknown as Kind, { ...object, metadata: { ...object.metadata, uid: object.metadata.uid ?? crypto.randomUUID() } }, 'ADDED') as never;
    },
    async update(kind, object, options) {
      const key = keyIn(object.metadata.namespace, object.metadata.name ?? '');
      const old = objects.get(idOf(kind as unknown as Kind, key)) as (KubeObject & { status?: unknown; spec?: unknown }) | undefined;
      if (old === undefined) throw notFound(kind, object.metadata.name ?? '');
      if (object.metadata.resourceVersion !== undefined && object.metadata.resourceVersion !== old.metadata.resourceVersion) throw conflict(kind, object.metadata.name ?? '', 'modified');
      const next = options?.subresource === 'status' ? { ...old, status: (object as { status?: unknown }).status } : object;
      return store(kind as unknown as Kind, next, 'MODIFIED') as never;
    },
    async delete(kind, name, options) {
      const id = idOf(kind as unknown as Kind, keyIn(options?.namespace, name));
      const old = objects.get(id);
      if (old === undefined) throw notFound(kind, name);
      objects.delete(id);
      tell(kind as unknown as Kind, 'DELETED', old);
      return old;
    },
    async createSubresource() {
      return { metadata: {}, status: { token: 'a.b.c', expirationTimestamp: new Date(Date.now() + 3_600_000).toISOString() } } as never;
    },
  };

  return {
    client: client as Client,
    put: (kind, object) => store(kind as unknown as Kind, { ...object, metadata: { uid: crypto.randomUUID(), ...object.metadata } }, 'ADDED') as never,
    find: (kind, key) => objects.get(idOf(kind as unknown as Kind, key)) as never,
    remove(kind, key, graceSeconds) {
      const old = objects.get(idOf(kind, key))!;
      store(kind, { ...old, metadata: { ...old.metadata, deletionTimestamp: new Date().toISOString(), deletionGracePeriodSeconds: graceSeconds } }, 'MODIFIED');
    },
    until(kind, key, test, timeoutMs = 15_000) {
      return new Promise((resolve, reject) => {
        const look = (): void => {
          const object = objects.get(idOf(kind as unknown as Kind, key)) as never;
          if (!test(object)) return;
          listeners.delete(look);
          clearTimeout(timer);
          resolve(object);
        };
        const timer = setTimeout(() => {
          listeners.delete(look);
          reject(new Error(`${key} did not become so within ${timeoutMs} ms: ${JSON.stringify(objects.get(idOf(kind as unknown as Kind, key))?.['status' as never])}`));
        }, timeoutMs);
        listeners.add(look);
        look();
      });
    },
  };
}

/** A call, since the compiler does not know that the signal changes meanwhile. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
