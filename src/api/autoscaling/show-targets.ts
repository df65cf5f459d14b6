/** The Targets column of `kubectl get hpa`: what is, over what is wanted. */
import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from '../generated/autoscaling-v2.ts';

const MOST_SHOWN = 2;

export function showTargets(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return '<none>';
  const shown = specs.slice(0, MOST_SHOWN).map((spec, index) => showTarget(spec, statuses[index]));
  return specs.length > MOST_SHOWN ? `${shown.join(', ')} + ${specs.length - MOST_SHOWN} more...` : shown.join(', ');
}

function showTarget(spec: MetricSpec, status: MetricStatus | undefined): string {
  const source = spec.resource ?? spec.containerResource ?? spec.pods ?? spec.object ?? spec.external;
  const current = status?.resource ?? status?.containerResource ?? status?.pods ?? status?.object ?? status?.external;
  if (source === undefined) return '<unknown>';
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
