/** The columns of `kubectl get hpa`, which those that scale as it does have too. */
import type { HorizontalPodAutoscalerSpec, HorizontalPodAutoscalerStatus, MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from '../generated/autoscaling-v2.ts';
import { column, NAME } from '../columns.ts';
import type { Column } from '../kind.ts';
import type { KubeObject } from '../meta.ts';

type Autoscaler = KubeObject & { spec?: HorizontalPodAutoscalerSpec; status?: Omit<HorizontalPodAutoscalerStatus, 'desiredReplicas'> };

/** All but those that are its own, and its age. */
export const AUTOSCALER_COLUMNS: readonly Column<Autoscaler>[] = [
  NAME,
  column('Reference', ({ spec }) => `${spec?.scaleTargetRef?.kind}/${spec?.scaleTargetRef?.name}`),
  column('Targets', ({ spec, status }) => showTargets(spec?.metrics ?? [], status?.currentMetrics ?? [])),
  column('MinPods', ({ spec }) => String(spec?.minReplicas ?? '<unset>')),
  column('MaxPods', ({ spec }) => spec?.maxReplicas ?? 0, { type: 'integer' }),
  column('Replicas', ({ status }) => status?.currentReplicas ?? 0, { type: 'integer' }),
];

const MOST_SHOWN = 2;

/** What is, over what is wanted. */
function showTargets(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return '<none>';
  const shown = specs.slice(0, MOST_SHOWN).map((spec, index) => showTarget(spec, statuses[index]));
  return specs.length > MOST_SHOWN ? `${shown.join(', ')} + ${specs.length - MOST_SHOWN} more...` : shown.join(', ');
}

function showTarget(spec: MetricSpec, status: MetricStatus | undefined): string {
  const source = spec.resource ?? spec.containerResource ?? spec.pods ?? spec.object ?? spec.external;
  const current = status?.resource ?? status?.containerResource ?? status?.pods ?? status?.object ?? status?.external;
  if (source?.target === undefined) return '<unknown>';
  const name = 'name' in source ? `${source.name}: ` : '';
  return `${name}${valueOf(source.target, current?.current)}/${wantedOf(source.target)}`;
}

function valueOf({ type }: MetricTarget, current: MetricValueStatus | undefined): string {
  if (type === 'Utilization') return current?.averageUtilization === undefined ? '<unknown>' : `${current.averageUtilization}%`;
  return (type === 'AverageValue' ? current?.averageValue : current?.value) ?? '<unknown>';
}

function wantedOf({ type, averageUtilization, averageValue, value }: MetricTarget): string {
  if (type === 'Utilization') return `${averageUtilization}%`;
  return type === 'AverageValue' ? `${averageValue} (avg)` : String(value);
}
