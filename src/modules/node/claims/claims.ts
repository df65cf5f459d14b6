/** The claims that pods of this node use: made ready before their containers, and given back when the last of their pods is gone; kept in a file, so that the next llmos knows them (kubelet: cm/dra). */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Container, Pod } from '../../../api/generated/core-v1.ts';
import type { ResourceClaim } from '../../../api/generated/resource-v1.ts';
import type { Log } from '../../../base/log.ts';
import { claimReferences, foreignClaim, isReservedFor } from '../../../api/resource/claim-uses.ts';
import { SetUpFault } from '../set-up-fault.ts';
import type { ClaimDrivers } from './drivers.ts';
import type { PreparedDevice } from './api.ts';

export interface PodClaims {
  /** Safe to call again. Rejects in the kubelet's words when a claim is not the pod's, or a driver refuses. */
  prepare(pod: Pod): Promise<void>;
  /** CDI devices of a container, by its `resources.claims`. */
  cdiDevices(pod: Pod, container: Pick<Container, 'resources'>): string[];
  /** The pod uses them no more: what nobody else uses is given back, again and again until the driver took it. */
  release(podUid: string): Promise<void>;
  /** Of pods that are gone since. */
  owners(): readonly string[];
}

/** By driver. */
interface Held { name: string; namespace: string; uid: string; pods: string[]; drivers: Record<string, readonly PreparedDevice[]>; isReady: boolean }

const AGAIN_MS = 10_000;

export interface PodClaimsOptions {
  /** Where it is kept what is prepared. */
  file: string;
  drivers: ClaimDrivers;
  /** Undefined where there is none. */
  claim(namespace: string, name: string): Promise<ResourceClaim | undefined>;
  log: Log;
  signal: AbortSignal;
}

export function podClaims({ file, drivers, claim, log, signal }: PodClaimsOptions): PodClaims {
  let held: Map<string, Held> | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  let again: NodeJS.Timeout | undefined;
  signal.addEventListener('abort', () => clearTimeout(again), { once: true });

  /** By uid of the claim. Read when first needed: most nodes have none. */
  function all(): Map<string, Held> {
    held ??= new Map((existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Held[]) : []).map((each) => [each.uid, each]));
    return held;
  }

  function keep(): void {
    if (all().size === 0) return rmSync(file, { force: true });
    writeFileSync(`${file}.new`, JSON.stringify([...all().values()]), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }

  /** One pod at a time: claims may be shared. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  async function find(pod: Pod): Promise<ResourceClaim[]> {
    const namespace = pod.metadata.namespace ?? '';
    const found: ResourceClaim[] = [];
    for (const reference of claimReferences(pod)) {
      const { name, claimName } = reference;
      if (claimName === undefined) throw new Error(`pod claim ${name}: resource claim was not created yet`);
      const there = await claim(namespace, claimName);
      if (there === undefined) throw new Error(`fetch ResourceClaim ${claimName}: resourceclaims.resource.k8s.io "${claimName}" not found`);
      const foreign = foreignClaim(there, pod, reference);
      if (foreign !== undefined) throw new Error(foreign);
      if (!isReservedFor(there, pod)) throw new Error(`pod ${pod.metadata.name} (${pod.metadata.uid}) is not allowed to use ResourceClaim ${claimName} (${there.metadata.uid})`);
      if (there.status?.allocation === undefined) throw new Error(`ResourceClaim ${claimName} is not allocated`);
      const old = [...all().values()].find((each) => each.namespace === namespace && each.name === claimName && each.uid !== there.metadata.uid);
      if (old !== undefined) throw new Error(`old ResourceClaim with same name ${claimName} and different UID ${old.uid} still exists`);
      found.push(there);
    }
    return found;
  }

  function isPrepared(pod: Pod): boolean {
    const own = [...all().values()].filter(({ pods }) => pods.includes(pod.metadata.uid ?? ''));
    return claimReferences(pod).every(({ claimName }) => own.some(({ name, isReady }) => name === claimName && isReady));
  }

  async function prepare(pod: Pod): Promise<void> {
    if (isPrepared(pod)) return;
    const claims = await find(pod);
    const podUid = pod.metadata.uid ?? '';
    for (const { metadata, status } of claims) {
      const uid = metadata.uid ?? '';
      const names = new Set((status?.allocation?.devices?.results ?? []).map(({ driver }) => driver));
      const known = all().get(uid) ?? { name: metadata.name ?? '', namespace: metadata.namespace ?? '', uid, pods: [], drivers: Object.fromEntries([...names].map((name) => [name, []])), isReady: false };
      if (!known.pods.includes(podUid)) known.pods.push(podUid);
      all().set(uid, known);
    }
    keep(); // before any driver is asked, so that what it did is taken back even if this ends here
    const open = claims.map(({ metadata }) => all().get(metadata.uid ?? '')!).filter(({ isReady }) => !isReady);
    for (const driver of new Set(open.flatMap((each) => Object.keys(each.drivers)))) {
      const batch = open.filter((each) => driver in each.drivers);
      const prepared = await drivers.prepare(driver, batch);
      for (const each of batch) each.drivers[driver] = prepared.get(each.uid) ?? [];
    }
    for (const each of open) each.isReady = true;
    if (open.length > 0) keep();
  }

  async function giveBack(): Promise<void> {
    const free = [...all().values()].filter(({ pods }) => pods.length === 0);
    for (const each of free) {
      for (const driver of Object.keys(each.drivers)) await drivers.unprepare(driver, [each]);
      // A pod that came meanwhile has its turn after this.
      all().delete(each.uid);
    }
    keep();
  }

  function giveBackSoon(): Promise<void> {
    clearTimeout(again);
    return giveBack().catch((error: unknown) => {
      log.warn('the devices of a claim could not be given back: it is tried again', { error });
      if (!signal.aborted) again = setTimeout(() => void inTurn(giveBackSoon), AGAIN_MS).unref();
    });
  }

  return {
    prepare: (pod) => ((pod.spec?.resourceClaims ?? []).length === 0 ? Promise.resolve() : inTurn(() => prepare(pod).catch((error: unknown) => { throw new SetUpFault('FailedPrepareDynamicResources', `Failed to prepare dynamic resources: ${(error as Error).message}`, { cause: error }); }))),
    cdiDevices(pod, { resources }) {
      const names = new Map(claimReferences(pod).map(({ name, claimName }) => [name, claimName]));
      const used = (resources?.claims ?? []).flatMap(({ name, request }) => [...all().values()].filter((each) => each.namespace === pod.metadata.namespace && each.name === names.get(name)).map((each) => ({ each, request })));
      return [...new Set(used.flatMap(({ each, request }) => Object.values(each.drivers).flat().filter(({ requestNames }) => !request || requestNames.length === 0 || requestNames.some((name) => name === request || name.startsWith(`${request}/`))).flatMap(({ cdiDeviceIds }) => cdiDeviceIds)))];
    },
    release(podUid) {
      if (![...all().values()].some(({ pods }) => pods.includes(podUid))) return Promise.resolve();
      return inTurn(() => {
        for (const each of all().values()) each.pods = each.pods.filter((uid) => uid !== podUid);
        keep();
        return giveBackSoon();
      });
    },
    owners: () => [...new Set([...all().values()].flatMap(({ pods }) => pods))],
  };
}
