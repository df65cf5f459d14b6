/** Metrics of an autoscaler as autoscaling/v1 says them in annotations, and as autoscaling/v2 does (upstream: pkg/apis/autoscaling/v1/conversion.go). What is converted may not have been judged yet. */
import type * as v1 from '../generated/autoscaling-v1.ts';
import type * as v2 from '../generated/autoscaling-v2.ts';

/** Without the fields that nobody gave. */
function given<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined && value !== null)) as T;
}

const utilizationTarget = ({ targetAverageUtilization: averageUtilization, targetAverageValue: averageValue }: v1.ResourceMetricSource): v2.MetricTarget =>
  given({ type: averageUtilization === undefined ? 'AverageValue' : 'Utilization', averageUtilization, averageValue });
const utilizationOf = ({ currentAverageUtilization: averageUtilization, currentAverageValue: averageValue }: v1.ResourceMetricStatus): v2.MetricValueStatus => given({ averageUtilization, averageValue });

export function specFromVersion1({ type, object, pods, resource, containerResource, external }: v1.MetricSpec): v2.MetricSpec {
  const { averageValue, targetValue } = object ?? {};
  return given<v2.MetricSpec>({
    type,
    object: object && { describedObject: object.target, metric: given({ name: object.metricName, selector: object.selector }), target: given(averageValue === undefined ? { type: 'Value', value: targetValue } : { type: 'AverageValue', averageValue, value: targetValue === '0' ? undefined : targetValue }) },
    pods: pods && { metric: given({ name: pods.metricName, selector: pods.selector }), target: given({ type: 'AverageValue', averageValue: pods.targetAverageValue }) },
    resource: resource && { name: resource.name, target: utilizationTarget(resource) },
    containerResource: containerResource && { name: containerResource.name, container: containerResource.container, target: utilizationTarget(containerResource) },
    external: external && { metric: given({ name: external.metricName, selector: external.metricSelector }), target: given({ type: external.targetValue === undefined ? 'AverageValue' : 'Value', value: external.targetValue, averageValue: external.targetAverageValue }) },
  });
}

export function specToVersion1({ type, object, pods, resource, containerResource, external }: v2.MetricSpec): v1.MetricSpec {
  return given<v1.MetricSpec>({
    type: type as v1.MetricSourceType,
    object: object && given({ target: object.describedObject, metricName: object.metric?.name ?? '', targetValue: object.target?.value ?? '0', selector: object.metric?.selector, averageValue: object.target?.averageValue }),
    pods: pods && given({ metricName: pods.metric?.name ?? '', targetAverageValue: pods.target?.averageValue ?? '0', selector: pods.metric?.selector }),
    resource: resource && given({ name: resource.name, targetAverageUtilization: resource.target?.averageUtilization, targetAverageValue: resource.target?.averageValue }),
    containerResource: containerResource && given({ name: containerResource.name, container: containerResource.container, targetAverageUtilization: containerResource.target?.averageUtilization, targetAverageValue: containerResource.target?.averageValue }),
    external: external && given({ metricName: external.metric?.name ?? '', metricSelector: external.metric?.selector, targetValue: external.target?.value, targetAverageValue: external.target?.averageValue }),
  });
}

export function statusFromVersion1({ type, object, pods, resource, containerResource, external }: v1.MetricStatus): v2.MetricStatus {
  return given<v2.MetricStatus>({
    type,
    object: object && { describedObject: object.target, metric: given({ name: object.metricName, selector: object.selector }), current: given({ value: object.currentValue, averageValue: object.averageValue }) },
    pods: pods && { metric: given({ name: pods.metricName, selector: pods.selector }), current: given({ averageValue: pods.currentAverageValue }) },
    resource: resource && { name: resource.name, current: utilizationOf(resource) },
    containerResource: containerResource && { name: containerResource.name, container: containerResource.container, current: utilizationOf(containerResource) },
    external: external && { metric: given({ name: external.metricName, selector: external.metricSelector }), current: given({ value: external.currentValue, averageValue: external.currentAverageValue }) },
  });
}

export function statusToVersion1({ type, object, pods, resource, containerResource, external }: v2.MetricStatus): v1.MetricStatus {
  return given<v1.MetricStatus>({
    type: type as v1.MetricSourceType,
    object: object && given({ target: object.describedObject, metricName: object.metric?.name ?? '', currentValue: object.current?.value ?? '0', selector: object.metric?.selector, averageValue: object.current?.averageValue }),
    pods: pods && given({ metricName: pods.metric?.name ?? '', currentAverageValue: pods.current?.averageValue ?? '0', selector: pods.metric?.selector }),
    resource: resource && given({ name: resource.name, currentAverageUtilization: resource.current?.averageUtilization, currentAverageValue: resource.current?.averageValue ?? '0' }),
    containerResource: containerResource && given({ name: containerResource.name, container: containerResource.container, currentAverageUtilization: containerResource.current?.averageUtilization, currentAverageValue: containerResource.current?.averageValue ?? '0' }),
    external: external && given({ metricName: external.metric?.name ?? '', metricSelector: external.metric?.selector, currentValue: external.current?.value ?? '0', currentAverageValue: external.current?.averageValue }),
  });
}
