/** Ends containers that no pod wants any more: their pods went away while llmos was not running. */
import { join } from 'node:path';
import { removeCgroup } from '../cgroup/layout.ts';
import type { NodeParts } from '../parts.ts';
import { tearDownVolumes } from '../volumes/set-up.ts';
import { isAlive, type ContainerRecord } from './record.ts';
import { removeContainer } from './start-container.ts';
import { closeProcessNamespace } from '../sandbox/process-namespace.ts';
import { endStrays } from './strays.ts';

const LOOK_MS = 20;

/** `mostGraceSeconds` shortens the grace of the pods themselves. When the signal aborts, those that still run are left as they are. */
export async function stopOrphans(parts: NodeParts, records: readonly ContainerRecord[], { mostGraceSeconds = Infinity, signal }: { mostGraceSeconds?: number; signal?: AbortSignal } = {}): Promise<void> {
  await Promise.all(records.map((record) => stopOne(parts, record, mostGraceSeconds, signal)));
  if (signal?.aborted === true) return;
  const ofPods = Map.groupBy(records, (record) => record.pod.uid);
  for (const [first] of ofPods.values()) await closeProcessNamespace({ version: parts.context.machine.cgroupVersion, path: join(first!.cgroup, '..') });
  for (const [first] of ofPods.values()) removeCgroup({ version: parts.context.machine.cgroupVersion, path: join(first!.cgroup, '..') });
  for (const uid of ofPods.keys()) {
    await parts.users.release(uid).catch((error: Error) => parts.context.log.warn('the users of a pod could not be given back', { pod: uid, error }));
    await parts.pool.release(uid).catch((error: Error) => parts.context.log.warn('a sandbox could not be removed', { pod: uid, error }));
    await tearDownVolumes({ state: join(parts.paths.pods, uid), run: join(parts.paths.podsRun, uid) }, parts.csi).catch((error: Error) => parts.context.log.warn('the volumes of a pod could not be given back', { pod: uid, error }));
  }
}

async function stopOne(parts: NodeParts, record: ContainerRecord, mostGraceSeconds: number, signal: AbortSignal | undefined): Promise<void> {
  const { clock } = parts.context;
  const deadlineMs = clock.nowMs() + Math.min(record.pod.graceSeconds, mostGraceSeconds) * 1_000;
  if (record.pid === undefined && record.exit === undefined) endStrays(record.id);
  if (isAlive(record)) parts.runtime.kill(record, record.pid!, record.stopSignal);
  while (isAlive(record)) {
    if (signal?.aborted === true) return;
    if (clock.nowMs() >= deadlineMs) parts.runtime.kill(record, record.pid!, 'SIGKILL');
    await clock.sleep(LOOK_MS);
  }
  parts.exits.forget(record.id);
  await removeContainer(parts, record);
}
