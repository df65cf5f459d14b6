/** NodeUsageHistory and PodUsageHistory (usage.llmos.dev/v1alpha1): what was used in the last day, a point a minute. Made when asked for, never stored. */
import { AGE, column, NAME } from '../columns.ts';
import { withObjectMeta } from '../custom/custom-schema.ts';
import { defineKind, type Kind, type Verb } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import type { Schema } from '../schema/schema.ts';

/** Columns of equal length, the oldest first. A minute in which nothing was measured has no point. */
export interface UsageSeries {
  /** Absent for a node. */
  container?: string;
  /** Seconds since the epoch: the end of the minute. */
  times: number[];
  /** Cpu time used in that minute over its length, in thousandths of a core. */
  cpuMillis: number[];
  /** At the end of the minute. */
  workingSetBytes: number[];
}

export interface NodeUsageHistory extends KubeObject { stepSeconds: number; series: UsageSeries[] }
/** Of a pod that may be gone; its uid tells it from another of the same name. In lists the points are means of five minutes. */
export interface PodUsageHistory extends KubeObject { stepSeconds: number; series: UsageSeries[] }

const READ_ONLY: readonly Verb[] = ['get', 'list'];

function schema(): Schema {
  const numbers: Schema = { type: 'array', items: { type: 'integer', format: 'int64' } };
  return withObjectMeta({
    type: 'object', required: ['stepSeconds', 'series'],
    properties: {
      stepSeconds: { type: 'integer', format: 'int64' },
      series: { type: 'array', items: { type: 'object', required: ['times', 'cpuMillis', 'workingSetBytes'], properties: { container: { type: 'string' }, times: numbers, cpuMillis: numbers, workingSetBytes: numbers } } },
    },
  });
}

const mean = (values: readonly number[]): number => (values.length === 0 ? 0 : Math.round(values.reduce((sum, each) => sum + each, 0) / values.length));
const sumOf = ({ series }: { series: readonly UsageSeries[] }, read: (one: UsageSeries) => number): number => series.reduce((sum, each) => sum + read(each), 0);
const COLUMNS = [
  NAME, column('Points', (one: PodUsageHistory) => Math.max(0, ...one.series.map(({ times }) => times.length)), { type: 'integer' }),
  column('Mean CPU', (one: PodUsageHistory) => `${sumOf(one, ({ cpuMillis }) => mean(cpuMillis))}m`),
  column('Most Memory', (one: PodUsageHistory) => `${Math.ceil(sumOf(one, ({ workingSetBytes }) => workingSetBytes.reduce((most, each) => Math.max(most, each), 0)) / 2 ** 20)}Mi`), AGE,
];

export const NodeUsageHistory: Kind<NodeUsageHistory> = defineKind<NodeUsageHistory>({
  group: 'usage.llmos.dev', version: 'v1alpha1', kind: 'NodeUsageHistory', plural: 'nodeusagehistories', namespaced: false, verbs: READ_ONLY, schema, columns: COLUMNS,
});

export const PodUsageHistory: Kind<PodUsageHistory> = defineKind<PodUsageHistory>({
  group: 'usage.llmos.dev', version: 'v1alpha1', kind: 'PodUsageHistory', plural: 'podusagehistories', namespaced: true, verbs: READ_ONLY, schema, columns: COLUMNS,
});
