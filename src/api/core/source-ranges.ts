/** Who may come in by a load balancer (upstream: cloud-provider/service/helpers, GetLoadBalancerSourceRanges). Pure. */
import type { Service } from '../generated/core-v1.ts';

/** What `spec.loadBalancerSourceRanges` was before it was a field: ranges with commas between them. The field counts more. */
export const SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';

/** As they were written, without blanks around them; none lets everybody in. */
export function sourceRangesOf({ metadata, spec }: Service): string[] {
  const ranges = spec?.loadBalancerSourceRanges ?? [];
  const annotated = metadata.annotations?.[SOURCE_RANGES]?.trim() ?? '';
  return (ranges.length > 0 ? ranges : annotated === '' ? [] : annotated.split(',')).map((each) => each.trim());
}
