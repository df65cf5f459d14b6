/** What a VerticalPodAutoscaler is for: the pods that the selector of its target finds. */
import type { VerticalPodAutoscaler } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { isApiError } from '../../api/errors.ts';
import { parseApiVersion, type KubeObject, type LabelSelector } from '../../api/meta.ts';
import { matcherOfSelector, parseSelector, type LabelMatcher } from '../../api/selector.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { scaleTargetOf } from '../../sdk/scale-target.ts';
import { isWellKnown, topmostController } from './controlling.ts';

/** What is wrong with the target: the condition ConfigUnsupported says it. */
export class TargetError extends Error {}

const unreadable = (why: string): TargetError => new TargetError(`Cannot read targetRef. Reason: ${why}`);

interface WithSelector extends KubeObject {
  spec?: { selector?: LabelSelector | Record<string, string>; jobTemplate?: { spec?: { template?: { metadata?: { labels?: Record<string, string> } } } } };
}

/** Rejects with Error or ApiError when there is no such target, it selects no pods, or another one scales it. */
export async function selectorOf({ metadata, spec: { targetRef } }: VerticalPodAutoscaler, { client, kinds }: Pick<ModuleContext, 'client' | 'kinds'>): Promise<LabelMatcher> {
  const { apiVersion = 'apps/v1', kind: kindName, name } = targetRef!;
  const kind = kinds.find(parseApiVersion(apiVersion).group, kindName);
  if (kind === undefined) throw unreadable(`no kind ${kindName} is served in ${apiVersion}: see targetRef`);
  const target = (await client.get(kind, name, { namespace: metadata.namespace }).catch((error: unknown) => {
    throw isApiError(error, 'NotFound') ? unreadable(`${kindName} ${metadata.namespace}/${name} does not exist`) : error;
  })) as WithSelector;
  if ((await topmostController(target, { client, kinds })) !== undefined) throw new TargetError('The targetRef controller has a parent but it should point to a topmost well-known or scalable controller');
  if (!isWellKnown(kind) && kind.subresources.scale !== undefined) {
    const { selector } = await scaleTargetOf({ apiVersion, kind: kindName, name }, metadata.namespace ?? '', { client, kinds });
    if (selector === '') throw unreadable(`${kindName} ${name} has no selector in its scale`);
    return parseSelector(selector);
  }
  const { spec } = target;
  const labels = spec?.jobTemplate?.spec?.template?.metadata?.labels;
  const selector = spec?.selector ?? (labels === undefined ? undefined : { matchLabels: labels });
  if (selector === undefined) throw unreadable(`${kindName} ${name} has no selector`);
  const isWhole = 'matchLabels' in selector || 'matchExpressions' in selector;
  return matcherOfSelector(isWhole ? (selector as LabelSelector) : { matchLabels: selector as Record<string, string> });
}
