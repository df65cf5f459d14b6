/** A door in a process of its own, that says how long its loop stood still and how much it holds. Ends with its parent. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openDoor } from '../../../src/kernel/apiserver/testing/open-door.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const door = await openDoor({ keepMs: 1_000, keepRevisions: 500 });

let longestMs = 0;
let lastMs = process.threadCpuUsage().user / 1_000;
setInterval(() => {
  const nowMs = process.threadCpuUsage().user / 1_000;
  longestMs = Math.max(longestMs, nowMs - lastMs);
  lastMs = nowMs;
}, 5);

export interface Gauge {
  /** The longest time of the processor that one turn of the loop took, since the last question. */
  longestMs: number;
  heapMib: number;
  objects: number;
}

process.on('message', () => {
  const { longestMs: longest } = { longestMs };
  collectGarbage();
  longestMs = 0;
  lastMs = process.threadCpuUsage().user / 1_000;
  process.send?.({ longestMs: longest, heapMib: process.memoryUsage().heapUsed / 2 ** 20, objects: door.store.stats().objects } satisfies Gauge);
});
process.on('disconnect', () => void door.close().finally(() => process.exit(0)));
const { admin, caPem } = door.identity;
process.send?.({ port: door.listener.port, ca: caPem, cert: admin.certificatePem, key: admin.keyPem });
