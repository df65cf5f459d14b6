/**
 * PodUsage (usage.llmos.dev/v1alpha1): what a pod has used since it began, as counters that the kernel keeps; so differences of two readings are exact.
 * Of a pod that has ended the last reading stays for ten minutes. Named by the pod's uid, made when asked for, never stored.
 */
import { AGE, column, NAME } from '../columns.ts';
import { withObjectMeta } from '../custom/custom-schema.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { float64 } from '../schema/build.ts';
import type { Schema } from '../schema/schema.ts';

export interface PodUsage extends KubeObject {
  podName: string;
  nodeName: string;
  /** RFC 3339; when it was read. */
  timestamp: string;
  /** Of all containers, those that have ended included. */
  cpuSeconds: number;
  /** At the reading: what cannot be taken back without hurting; 0 after the end. */
  workingSetBytes: number;
  /** Those that run now, where there are several. Counters of each begin anew with it. */
  containers?: { name: string; cpuSeconds: number; workingSetBytes: number }[];
  /** Of the pod's own network; 0 for pods on the machine's. */
  network: { receivedBytes: number; sentBytes: number };
}

function schema(): Schema {
  const number = float64;
  return withObjectMeta({
    type: 'object', required: ['podName', 'nodeName', 'timestamp', 'cpuSeconds', 'workingSetBytes', 'network'],
    properties: {
      podName: { type: 'string' }, nodeName: { type: 'string' }, timestamp: { type: 'string', format: 'date-time' }, cpuSeconds: number, workingSetBytes: number,
      containers: { type: 'array', items: { type: 'object', required: ['name', 'cpuSeconds', 'workingSetBytes'], properties: { name: { type: 'string' }, cpuSeconds: number, workingSetBytes: number } } },
      network: { type: 'object', required: ['receivedBytes', 'sentBytes'], properties: { receivedBytes: number, sentBytes: number } },
    },
  });
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)}Mi`;

export const PodUsage: Kind<PodUsage> = defineKind<PodUsage>({
  group: 'usage.llmos.dev', version: 'v1alpha1', kind: 'PodUsage', plural: 'podusages', namespaced: true, verbs: ['get', 'list'], schema,
  columns: [
    NAME, column('Pod', ({ podName }: PodUsage) => podName), column('CPU Seconds', ({ cpuSeconds }: PodUsage) => cpuSeconds.toFixed(1)), column('Memory', ({ workingSetBytes }: PodUsage) => mebibytes(workingSetBytes)),
    column('Received', ({ network }: PodUsage) => mebibytes(network.receivedBytes)), column('Sent', ({ network }: PodUsage) => mebibytes(network.sentBytes)), AGE,
  ],
});
