/** What a VerticalPodAutoscaler is for: the pods that the selector of its target finds. */
import type { VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { parseApiVersion, type KubeObject, type LabelSelector } from '../../api/meta.ts';
import { matcherOfSelector, type LabelMatcher } from '../../api/selector.ts';
import type { ModuleContext } from '../../sdk/index.ts';

interface WithSelector extends KubeObject {
  spec?: { selector?: LabelSelector | Record<string, string>; jobTemplate?: { spec?: { template?: { metadata?: { labels?: Record<string, string> } } } } };
}

/** Rejects with Error or ApiError when there is no such target, or it selects no pods. */
export async function selectorOf({ metadata, spec: { targetRef } }: VerticalPodAutoscaler, { client, kinds }: Pick<ModuleContext, 'client' | 'kinds'>): Promise<LabelMatcher> {
  const { apiVersion = 'apps/v1', kind: kindName, name } = targetRef!;
  const kind = kinds.find(parseApiVersion(apiVersion).group, kindName);
  if (kind === undefined) throw new Error(`no kind ${kindName} is served in ${apiVersion}: see targetRef`);
  const { spec } = (await client.get(kind, name, { namespace: metadata.namespace })) as WithSelector;
  const labels = spec?.jobTemplate?.spec?.template?.metadata?.labels;
  const selector = spec?.selector ?? (labels === undefined ? undefined : { matchLabels: labels });
  if (selector === undefined) throw new Error(`${kindName} ${name} has no selector`);
  const isWhole = 'matchLabels' in selector || 'matchExpressions' in selector;
  return matcherOfSelector(isWhole ? (selector as LabelSelector) : { matchLabels: selector as Record<string, string> });
}
