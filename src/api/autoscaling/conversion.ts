/**
 * autoscaling/v1 and v2 of the same autoscaler. Version 1 knows the average utilisation of cpu alone; whatever else there is goes along in annotations, so
 * that a client of version 1 loses nothing. Source: the annotations of autoscaling/v1.
 */
import type { HorizontalPodAutoscaler as Version1, MetricSpec as MetricSpec1, MetricStatus as MetricStatus1 } from '../generated/autoscaling-v1.ts';
import type { HorizontalPodAutoscaler as Version2, MetricSpec, MetricStatus } from '../generated/autoscaling-v2.ts';
import { isJsonObject } from '../json.ts';
import type { KubeObject } from '../meta.ts';
import { specFromVersion1, specToVersion1, statusFromVersion1, statusToVersion1 } from './version1-metrics.ts';

const METRICS = 'autoscaling.alpha.kubernetes.io/metrics';
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior';
const CONDITIONS = 'autoscaling.alpha.kubernetes.io/conditions';
const CURRENT = 'autoscaling.alpha.kubernetes.io/current-metrics';
const ANNOTATIONS = [METRICS, BEHAVIOR, CONDITIONS, CURRENT];

/** A new object in the version asked for. */
export function convertAutoscaler(object: KubeObject, apiVersion: string): KubeObject {
  const copy = structuredClone(object);
  if (object.apiVersion === apiVersion) return copy;
  return apiVersion === 'autoscaling/v1' ? toVersion1(copy as Version2) : toVersion2(copy as Version1);
}

function toVersion1({ metadata, spec, status, ...rest }: Version2): KubeObject {
  const annotations = { ...metadata.annotations };
  const cpu = spec?.metrics?.find(isCpuUtilization);
  const others = spec?.metrics?.filter((metric) => metric !== cpu) ?? [];
  const currentCpu = status?.currentMetrics?.find(isCpuStatus);
  const keep = (name: string, value: unknown): void => {
    if (value !== undefined && !(Array.isArray(value) && value.length === 0)) annotations[name] = JSON.stringify(value);
  };
  keep(METRICS, others.map(specToVersion1));
  keep(BEHAVIOR, spec?.behavior);
  keep(CONDITIONS, status?.conditions);
  keep(CURRENT, status?.currentMetrics?.map(statusToVersion1)); // of the cpu, too: its value has no other place
  const utilization = cpu?.resource?.target.averageUtilization;
  const current = currentCpu?.resource?.current.averageUtilization;
  return {
    ...rest, apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler', metadata: { ...metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
    ...(spec !== undefined && { spec: { scaleTargetRef: spec.scaleTargetRef, ...(spec.minReplicas !== undefined && { minReplicas: spec.minReplicas }), maxReplicas: spec.maxReplicas, ...(utilization !== undefined && { targetCPUUtilizationPercentage: utilization }) } }),
    ...(status !== undefined && { status: { ...(status.observedGeneration !== undefined && { observedGeneration: status.observedGeneration }), ...(status.lastScaleTime !== undefined && { lastScaleTime: status.lastScaleTime }), currentReplicas: status.currentReplicas ?? 0, desiredReplicas: status.desiredReplicas, ...(current !== undefined && { currentCPUUtilizationPercentage: current }) } }),
  } as KubeObject;
}

function toVersion2({ metadata, spec, status, ...rest }: Version1): KubeObject {
  const annotations = { ...metadata.annotations };
  const kept = <T>(name: string): T | undefined => parse<T>(annotations[name]);
  const [others, behavior, conditions, measured] = [listOf<MetricSpec1>(kept(METRICS)), kept(BEHAVIOR), kept(CONDITIONS), listOf<MetricStatus1>(kept(CURRENT))];
  for (const name of ANNOTATIONS) delete annotations[name];
  const { annotations: _old, ...bare } = metadata;
  const cpu: MetricSpec[] = spec?.targetCPUUtilizationPercentage === undefined ? [] : [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: spec.targetCPUUtilizationPercentage } } }];
  const metrics = [...others.map(specFromVersion1), ...cpu];
  const currentCpu: MetricStatus[] = status?.currentCPUUtilizationPercentage === undefined ? [] : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: status.currentCPUUtilizationPercentage } } }];
  const currentMetrics = measured.length > 0 ? measured.map(statusFromVersion1) : currentCpu;
  const { targetCPUUtilizationPercentage: _target, ...same } = spec ?? { maxReplicas: 0, scaleTargetRef: { kind: '', name: '' } };
  const { currentCPUUtilizationPercentage: _current, ...sameStatus } = status ?? { currentReplicas: 0, desiredReplicas: 0 };
  return {
    ...rest, apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { ...bare, ...(Object.keys(annotations).length > 0 && { annotations }) },
    ...(spec !== undefined && { spec: { ...same, ...(metrics.length > 0 && { metrics }), ...(behavior !== undefined && { behavior }) } }),
    ...(status !== undefined && { status: { ...sameStatus, ...(currentMetrics.length > 0 && { currentMetrics }), ...(conditions !== undefined && { conditions }) } }),
  } as KubeObject;
}

function isCpuUtilization({ type, resource }: MetricSpec): boolean {
  return type === 'Resource' && resource?.name === 'cpu' && resource.target?.averageUtilization !== undefined;
}

function isCpuStatus({ type, resource }: MetricStatus): boolean {
  return type === 'Resource' && resource?.name === 'cpu' && resource.current?.averageUtilization !== undefined;
}

function listOf<T>(value: unknown): T[] {
  return Array.isArray(value) ? value.filter((each) => isJsonObject(each as never)) as T[] : [];
}

/** An annotation that somebody wrote by hand and that is no JSON says nothing. */
function parse<T>(text: string | undefined): T | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}
