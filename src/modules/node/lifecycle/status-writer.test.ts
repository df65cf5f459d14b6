import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { realClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import type { Client } from '../../../sdk/client.ts';
import type { NodeParts } from '../parts.ts';
import type { PodView } from '../status/view.ts';
import { statusWriter } from './status-writer.ts';

const podAt = (resourceVersion: string, more: Partial<Pod['metadata']> = {}): Pod => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', namespace: 'b', uid: 'c', resourceVersion, ...more }, spec: { containers: [] } });
const VIEW: PodView = { containers: [], sandboxReady: true, podIps: [], hostIp: '192.0.2.1', hostIps: [], startTimeMs: 0, nowMs: 0 };

/** A door that answers each write of the status as the second revision; `meanwhile` is what else becomes known before the answer. */
function writerOf(first: Pod, meanwhile: (known: (pod: Pod) => void) => void): { known: () => Pod; write(): Promise<void> } {
  let pod = first;
  const known = (next: Pod): void => { pod = next; };
  const client: Partial<Client> = {
    update: async (_kind, object) => {
      meanwhile(known);
      return { ...object, metadata: { ...object.metadata, resourceVersion: '2' } };
    },
  };
  const context = { client, clock: realClock, log: silentLog, signal: new AbortController().signal };
  const writer = statusWriter({ context, counts: { took() {} } } as unknown as NodeParts, () => pod, known);
  return {
    known: () => pod,
    async write() {
      writer.write(VIEW, { soon: true });
      await writer.settled();
    },
  };
}

test('what was written is known', async () => {
  const writer = writerOf(podAt('1'), () => {});
  await writer.write();
  assert.equal(writer.known().metadata.resourceVersion, '2');
  assert.equal(writer.known().status?.hostIP, '192.0.2.1');
});

test('the news of a deletion that overtakes the answer to the write before it is kept', async () => {
  const writer = writerOf(podAt('1'), (known) => known(podAt('3', { deletionTimestamp: '2026-01-01T00:00:00Z' })));
  await writer.write();
  assert.equal(writer.known().metadata.deletionTimestamp, '2026-01-01T00:00:00Z');
});
