/**
 * UsageRecord (metering.llmos.dev/v1alpha1): what the pods and claims of one namespace had and used in one period, an hour or, once that is some days ago, a day.
 * It belongs to no namespace, so that a bill outlives the namespace that it is for. Written by llmos, read by everyone who bills.
 */
import { AGE, column, NAME } from '../columns.ts';
import { withObjectMeta } from '../custom/custom-schema.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { float64, int32 } from '../schema/build.ts';
import type { Schema } from '../schema/schema.ts';

/** Amount times time; `charged` counts in every moment the greater of what was asked for and what was used. */
export interface MeteredAmount {
  requested: number;
  used: number;
  charged: number;
}

/** What a container had of what its pod had. Its amounts tell how the pod's are divided: they need not add up to them. */
export interface MeteredContainer {
  name: string;
  /** Absent where it is the only one, and has all. */
  cpuCoreSeconds?: MeteredAmount;
  memoryGiBSeconds?: MeteredAmount;
  otherSeconds?: Record<string, number>;
}

/** A pod, or once periods are days, the pods of one owner on one node. */
export interface MeteredPod {
  /** Of the pod; absent where several are one. */
  uid?: string;
  /** Of the pod, or of the owner. */
  name: string;
  /** How many pods this is. */
  pods: number;
  node?: string;
  /** The controller, for instance `Deployment/web`, seen through its ReplicaSet. */
  owner?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  /** The Services that chose it, by name. */
  services?: string[];
  /** Without init containers that end. */
  containers?: MeteredContainer[];
  /** Time on a node. */
  seconds: number;
  cpuCoreSeconds: MeteredAmount;
  memoryGiBSeconds: MeteredAmount;
  /** Extended resources: pieces times seconds, as requested. */
  otherSeconds?: Record<string, number>;
  /** What it had of its claims, by name: GiB times seconds, a part of each where several pods have it; it is among that of the claims, too. */
  claims?: Record<string, number>;
  networkBytes: { received: number; sent: number };
  /** Requests by routes that it answered; they are among those of the routes, too. */
  requests?: number;
}

export interface MeteredClaim {
  name: string;
  storageClassName?: string;
  /** Size times time while it is bound. */
  gibSeconds: number;
}

/** Requests that came by a route of a Gateway or Ingress. */
export interface MeteredRoute {
  /** `HTTPRoute`, `GRPCRoute`, `Ingress`. */
  kind: string;
  name: string;
  requests: number;
}

export interface UsageRecord extends KubeObject {
  namespace: string;
  /** Those of the namespace: pods have them where they say nothing else. */
  namespaceLabels?: Record<string, string>;
  /** RFC 3339; the period, its end not in it. */
  start: string;
  end: string;
  /** RFC 3339; metering began within the period. Default its start. */
  from?: string;
  /** RFC 3339; up to here it has been metered. */
  through: string;
  pods?: MeteredPod[];
  claims?: MeteredClaim[];
  routes?: MeteredRoute[];
  /**
   * Where the counters of pods stood at `through`, by uid: seconds of cpu, bytes received and sent, requests answered; and of routes, `route/KIND/NAME/GATEWAY`: requests. So nothing is lost or counted twice when llmos restarts.
   * Metering goes on from those of the newest record.
   */
  counters?: Record<string, number[]>;
}

export const NAMESPACE_LABEL = 'metering.llmos.dev/namespace';
/** `hour` or `day`. */
export const PERIOD_LABEL = 'metering.llmos.dev/period';

const number = float64;
const string: Schema = { type: 'string' };
const time: Schema = { type: 'string', format: 'date-time' };
const amount: Schema = { type: 'object', required: ['requested', 'used', 'charged'], properties: { requested: number, used: number, charged: number } };

const texts: Schema = { type: 'object', additionalProperties: string };
const numbers: Schema = { type: 'object', additionalProperties: number };
const containers: Schema = { type: 'array', items: { type: 'object', required: ['name'], properties: { name: string, cpuCoreSeconds: amount, memoryGiBSeconds: amount, otherSeconds: numbers } } };

function schema(): Schema {
  return {
    type: 'object', required: ['namespace', 'start', 'end', 'through'],
    properties: {
      namespace: string, namespaceLabels: texts, start: time, end: time, from: time, through: time,
      pods: {
        type: 'array',
        items: {
          type: 'object', required: ['name', 'pods', 'seconds', 'cpuCoreSeconds', 'memoryGiBSeconds', 'networkBytes'],
          properties: {
            uid: string, name: string, pods: int32, node: string, owner: string, labels: texts, annotations: texts, services: { type: 'array', items: string }, containers, seconds: number, cpuCoreSeconds: amount, memoryGiBSeconds: amount,
            otherSeconds: numbers, claims: numbers, networkBytes: { type: 'object', required: ['received', 'sent'], properties: { received: number, sent: number } }, requests: number,
          },
        },
      },
      claims: { type: 'array', items: { type: 'object', required: ['name', 'gibSeconds'], properties: { name: string, storageClassName: string, gibSeconds: number } } },
      routes: { type: 'array', items: { type: 'object', required: ['kind', 'name', 'requests'], properties: { kind: string, name: string, requests: number } } },
      counters: { type: 'object', additionalProperties: { type: 'array', items: number } },
    },
  };
}

const hours = (seconds: number): string => (seconds / 3_600).toFixed(3);
const sumOf = (record: UsageRecord, read: (pod: Partial<MeteredPod>) => number): number => (record.pods ?? []).reduce((sum, pod) => sum + read(pod), 0);

export const UsageRecord: Kind<UsageRecord> = defineKind<UsageRecord>({
  group: 'metering.llmos.dev', version: 'v1alpha1', kind: 'UsageRecord', plural: 'usagerecords', namespaced: false, schema: () => withObjectMeta(schema()),
  columns: [
    NAME, column('Start', ({ start }: Partial<UsageRecord>) => start ?? ''), column('Pods', (record: UsageRecord) => sumOf(record, ({ pods = 0 }) => pods), { type: 'integer' }),
    column('CPU Hours', (record: UsageRecord) => hours(sumOf(record, ({ cpuCoreSeconds }) => cpuCoreSeconds?.charged ?? 0))),
    column('GiB Hours', (record: UsageRecord) => hours(sumOf(record, ({ memoryGiBSeconds }) => memoryGiBSeconds?.charged ?? 0))), AGE,
  ],
});
