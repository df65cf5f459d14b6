/** Which devices the containers of a pod have, and what came with them; kept beside the pod's volumes, so that restarts and the next llmos know it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Container, Pod, ResourceStatus } from '../../../api/generated/core-v1.ts';
import { quantityValue } from '../../../api/quantity.ts';
import type { DeviceGift } from './api.ts';
import type { DevicePlugins } from './plugins.ts';

/** By resource name. */
type OfContainer = Record<string, { ids: string[]; gift: DeviceGift }>;
/** By container. */
type OfPod = Record<string, OfContainer>;

export interface DeviceAllocation {
  /** Safe to call again. Rejects in the kubelet's words when a plugin refuses or devices are missing; then nothing is taken. */
  allocate(pod: Pod): Promise<void>;
  /** All that a container has; tells the plugins that it starts. */
  giftsFor(pod: Pod, container: string): Promise<DeviceGift[]>;
  /** How well what a container has is, for its status; undefined where it has nothing. */
  health(uid: string, container: Container): ResourceStatus[] | undefined;
  /** Whether a pod has any. */
  has(uid: string): boolean;
  release(uid: string): void;
}

/** `pods` is the folder of the pods' files. */
export function deviceAllocation(options: { pods: string; plugins: DevicePlugins }): DeviceAllocation {
  const { plugins } = options;
  let taken: Map<string, OfPod> | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  /** Read when first needed: most nodes have no devices. */
  function all(): Map<string, OfPod> {
    if (taken !== undefined) return taken;
    taken = new Map();
    for (const uid of existsSync(options.pods) ? readdirSync(options.pods) : []) {
      const file = join(options.pods, uid, 'devices.json');
      if (existsSync(file)) taken.set(uid, JSON.parse(readFileSync(file, 'utf8')) as OfPod);
    }
    return taken;
  }

  function free(resource: string): string[] {
    const used = new Set([...all().values()].flatMap((pod) => Object.values(pod)).flatMap((container) => container[resource]?.ids ?? []));
    return [...(plugins.devices().get(resource) ?? [])].filter(([id, { healthy }]) => healthy && !used.has(id)).map(([id]) => id).sort();
  }

  async function allocateNow(pod: Pod, wishes: readonly Wish[]): Promise<void> {
    const uid = pod.metadata.uid ?? '';
    if (all().has(uid)) return;
    const made: OfPod = {};
    all().set(uid, made);
    try {
      const reusable = new Map<string, string[]>();
      for (const { container, resource, count, isInit } of wishes) {
        const own = (reusable.get(resource) ?? []).slice(0, count);
        const left = free(resource);
        if (own.length + left.length < count) throw new Error(`requested number of devices unavailable for ${resource}. Requested: ${count}, Available: ${own.length + left.length}`);
        const ids = [...own, ...(await plugins.prefer(resource, [...own, ...left], own, count)).filter((id) => !own.includes(id))].slice(0, count);
        reusable.set(resource, isInit ? [...new Set([...(reusable.get(resource) ?? []), ...ids])] : (reusable.get(resource) ?? []).filter((id) => !ids.includes(id)));
        (made[container] ??= {})[resource] = { ids, gift: await plugins.allocate(resource, ids) };
      }
      mkdirSync(join(options.pods, uid), { recursive: true });
      writeFileSync(join(options.pods, uid, 'devices.json'), JSON.stringify(made));
    } catch (error) {
      all().delete(uid);
      throw new Error(`Allocate failed due to ${(error as Error).message}, which is unexpected`, { cause: error });
    }
  }

  return {
    async allocate(pod) {
      const wishes = wishesOf(pod, (resource) => plugins.knows(resource));
      if (wishes.length === 0) return;
      const mine = turn.then(() => allocateNow(pod, wishes));
      turn = mine.catch(() => {}); // one pod at a time, so that none takes what another counts on
      await mine;
    },
    async giftsFor(pod, container) {
      const own = (pod.spec?.containers ?? []).concat(pod.spec?.initContainers ?? []).find(({ name }) => name === container);
      if (own === undefined || !mayHave(own)) return [];
      const entries = Object.entries(all().get(pod.metadata.uid ?? '')?.[container] ?? {});
      for (const [resource, { ids }] of entries) await plugins.beforeStart(resource, ids);
      return entries.map(([, { gift }]) => gift);
    },
    health(uid, container) {
      const entries = mayHave(container) ? Object.entries(all().get(uid)?.[container.name] ?? {}) : [];
      return entries.length === 0 ? undefined : entries.map(([name, { ids }]) => ({ name, resources: ids.map((id) => ({ resourceID: id, health: plugins.isHealthy(name, id) ? 'Healthy' : 'Unhealthy' })) }));
    },
    has: (uid) => all().has(uid),
    release: (uid) => void taken?.delete(uid),
  };
}

/** Whether it asks for anything that could come of a plugin. */
function mayHave({ resources }: Container): boolean {
  return Object.keys(resources?.limits ?? {}).some((name) => name.includes('/'));
}

interface Wish { container: string; resource: string; count: number; isInit: boolean }

/** Init containers first: what they had is for those that follow. */
export function wishesOf({ spec }: Pod, knows: (resource: string) => boolean): Wish[] {
  const init = spec?.initContainers ?? [];
  const lasting = (container: Container): boolean => container.restartPolicy === 'Always';
  const ordered = [...init.filter((each) => !lasting(each)).map((container) => ({ container, isInit: true })), ...[...init.filter(lasting), ...(spec?.containers ?? [])].map((container) => ({ container, isInit: false }))];
  return ordered.flatMap(({ container, isInit }) => Object.entries(container.resources?.limits ?? {}).filter(([name]) => name.includes('/') && knows(name))
    .flatMap(([resource, amount]) => (quantityValue(amount) > 0 ? [{ container: container.name, resource, count: quantityValue(amount), isInit }] : [])));
}
