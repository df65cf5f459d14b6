/**
 * Static pods: manifests in a folder (modules.node.staticPodPath) run as long as they lie there. What the API shows is a mirror: one that is deleted is made again
 * while the containers run on; a file that changes replaces its pod.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { isApiError } from '../../api/errors.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { bell } from './bell.ts';
import { keyOf } from '../../sdk/cache.ts';
import type { Agent } from './agent.ts';
import { NodeKind, PodKind } from './kinds.ts';
import { MIRROR, mirrored, onNode } from './mirror.ts';
import type { NodeParts } from './parts.ts';
import { STATIC_SOURCE } from './pressure/rank.ts';

const HASH = 'kubernetes.io/config.hash';
/** Besides what the folder and the API tell. */
const LOOK_AGAIN_MS = 20_000;
const SETTLE_MS = 100;
const MOST_BYTES = 1024 * 1024;

/** Settles after the signal aborted; the pods run on. */
export async function runStaticPods(parts: NodeParts, agent: Agent, folder: string, signal: AbortSignal): Promise<void> {
  const { caches, clock, log, machine } = parts.context;
  mkdirSync(folder, { recursive: true });
  const changed = bell(clock);
  const watcher = watch(folder, { persistent: false }, () => changed.ring());
  watcher.on('error', () => {}); // the next look finds it
  const pods = caches.of(PodKind);
  await pods.ready();
  const unsubscribe = pods.subscribe(({ object }) => { if (isOurs(object, machine.nodeName)) changed.ring(); });
  while (!signal.aborted) {
    await reconcile(parts, agent, folder).catch((error: Error) => log.warn('static pods could not be brought in line with their files', { folder, error }));
    await changed.sleep(LOOK_AGAIN_MS, signal);
    await clock.sleep(SETTLE_MS, signal); // a file is seldom written at once
  }
  unsubscribe();
  watcher.close();
}

async function reconcile(parts: NodeParts, agent: Agent, folder: string): Promise<void> {
  const { client, caches, machine, log } = parts.context;
  const { wanted, unread } = readFolder(folder, machine.nodeName);
  for (const { file, error } of unread) log.warn('a manifest of a static pod is not understood', { file, error });
  const here = caches.of(PodKind).byIndex('spec.nodeName', machine.nodeName).filter((pod) => isOurs(pod, machine.nodeName));
  for (const pod of here) {
    const { name = '', namespace, uid, deletionTimestamp } = pod.metadata;
    const key = `${namespace}/${name}`;
    const same = wanted.get(key)?.metadata.annotations?.[HASH] === pod.metadata.annotations?.[HASH];
    if ((same && deletionTimestamp === undefined) || (unread.length > 0 && !wanted.has(key))) continue; // perhaps it is one of those that are not understood
    const worker = agent.workers().find((each) => each.uid === mirrored(pod));
    if (deletionTimestamp !== undefined && !same && worker !== undefined) worker.update(onNode(pod));
    else await client.delete(PodKind, name, { namespace, preconditions: { uid }, ...(deletionTimestamp === undefined ? {} : { gracePeriodSeconds: 0 }) }).catch((error: unknown) => { if (!isApiError(error, 'NotFound', 'Conflict')) throw error; });
  }
  for (const worker of agent.workers()) {
    const pod = worker.pod();
    const key = keyOf(pod);
    if (mirrored(pod) === undefined || here.some((each) => keyOf(each) === key) || wanted.get(key)?.metadata.annotations?.[HASH] === worker.uid || (unread.length > 0 && !wanted.has(key))) continue;
    worker.update(undefined); // neither a file nor a mirror is left
  }
  const node = caches.of(NodeKind).get(machine.nodeName);
  if (node === undefined) throw new Error(`node ${machine.nodeName} is not registered yet`);
  for (const [key, pod] of wanted) {
    if (caches.of(PodKind).get(key) !== undefined) continue;
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: machine.nodeName, uid: node.metadata.uid ?? '', controller: true }];
    await client.create(PodKind, { ...pod, metadata: { ...pod.metadata, ownerReferences } }).catch((error: unknown) => {
      if (!isApiError(error, 'AlreadyExists')) log.warn('a static pod could not be made', { pod: key, error });
    });
  }
}

function isOurs({ metadata, spec }: Pod, nodeName: string): boolean {
  return spec?.nodeName === nodeName && metadata.annotations?.[STATIC_SOURCE] === 'file';
}

interface Folder { wanted: Map<string, Pod>; unread: { file: string; error: Error }[] }

/** Files whose names begin with a dot are passed over. */
function readFolder(folder: string, nodeName: string): Folder {
  const found: Folder = { wanted: new Map(), unread: [] };
  for (const name of readdirSync(folder).sort()) {
    const file = join(folder, name);
    if (name.startsWith('.') || statSync(file, { throwIfNoEntry: false })?.isFile() !== true) continue;
    try {
      const pod = staticPod(file, nodeName);
      found.wanted.set(`${pod.metadata.namespace}/${pod.metadata.name}`, pod);
    } catch (error) {
      found.unread.push({ file, error: error as Error });
    }
  }
  return found;
}

function staticPod(file: string, nodeName: string): Pod {
  if (statSync(file).size > MOST_BYTES) throw new Error(`the file has more than ${MOST_BYTES} bytes`);
  const text = readFileSync(file, 'utf8');
  const given = parse(text) as Partial<Pod> | null;
  if (given?.kind !== 'Pod' || given.apiVersion !== 'v1' || !given.metadata?.name || given.spec === undefined) throw new Error('a static pod is one object of apiVersion v1 and kind Pod with a name and a spec');
  const { metadata, spec } = given;
  const source = [...(spec.volumes ?? []).flatMap((volume) => ['configMap', 'secret', 'projected', 'persistentVolumeClaim'].filter((key) => key in volume)), ...(spec.serviceAccountName ? ['serviceAccountName'] : [])][0];
  if (source !== undefined) throw new Error(`a static pod may not refer to other objects of the API: it has ${source}`);
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 32);
  return {
    apiVersion: 'v1', kind: 'Pod',
    metadata: { name: `${metadata.name}-${nodeName}`, namespace: metadata.namespace ?? 'default', labels: metadata.labels, annotations: { ...metadata.annotations, [STATIC_SOURCE]: 'file', [HASH]: hash, [MIRROR]: hash } },
    spec: { ...spec, nodeName, automountServiceAccountToken: false, tolerations: [...(spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }] },
  };
}
