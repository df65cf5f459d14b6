/** What KEDA's webhook refuses at once, where the door is here: a workload that has a scaler, and what its pods do not ask for (upstream: apis/keda/v1alpha1, scaledobject_webhook). */
import { HorizontalPodAutoscaler } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { LimitRange } from '../../api/core/limit-range.ts';
import { ApiError } from '../../api/errors.ts';
import type { PodSpec } from '../../api/generated/core-v1.ts';
import type { KubeObject } from '../../api/meta.ts';
import { parseApiVersion } from '../../api/meta.ts';
import { quantityMillis, type QuantityLike } from '../../api/quantity.ts';
import { NAME_LABEL, ScaledObject } from '../../api/keda/scaled-object.ts';
import type { TriggerSpec } from '../../api/keda/triggers.ts';
import type { Admission, ModuleContext } from '../../sdk/index.ts';
import { isResource } from './autoscaler.ts';
import { compositeOf } from './composite.ts';
import { rivalOf } from './rivals.ts';

/** As long as the value of a label may be. */
const MOST_NAME = 63;

interface WithPods extends KubeObject { spec?: { template?: { spec?: PodSpec } } }

export const scaledObjects: Admission = {
  name: 'event-autoscaler', kinds: [ScaledObject], operations: ['CREATE', 'UPDATE'],
  async validate({ object, oldObject, namespace = '', subresource }, context) {
    const scaled = object as ScaledObject | undefined;
    if (scaled === undefined || subresource !== undefined || scaled.metadata.deletionTimestamp !== undefined) return;
    // Who writes no more than labels is not told of what has come since.
    if (oldObject !== undefined && oldObject.metadata.generation === scaled.metadata.generation && JSON.stringify((oldObject as ScaledObject).spec) === JSON.stringify(scaled.spec)) return;
    const refuse = (why: string): never => {
      throw new ApiError('Forbidden', `scaledobjects.keda.sh "${scaled.metadata.name}" is refused: ${why}`);
    };
    const name = scaled.metadata.name ?? '';
    if (name.length > MOST_NAME) refuse(`scaledobject name ${JSON.stringify(name)} is ${name.length} characters long; must be no more than ${MOST_NAME} characters because it is used as the ${JSON.stringify(NAME_LABEL)} label value`);
    const { caches } = context;
    const others = caches.of(ScaledObject).list(namespace).filter(({ metadata }) => metadata.name !== scaled.metadata.name);
    const rival = rivalOf(scaled, others, caches.of(HorizontalPodAutoscaler).list(namespace));
    if (rival !== undefined) refuse(rival);
    try {
      compositeOf(scaled.spec);
    } catch (error) {
      refuse((error as Error).message);
    }
    for (const trigger of scaled.spec.triggers.filter(({ type, metricType = 'Utilization', metadata }) => isResource(type) && (metadata['type'] ?? metricType) === 'Utilization')) {
      const lacking = await containerWithout(trigger, scaled, namespace, context);
      if (lacking !== undefined) refuse(`the scaledobject has a ${trigger.type} trigger but the container ${lacking} doesn't have the ${trigger.type} request defined`);
    }
  },
};

/** Of a target that is there: a part of nothing is not defined. What a LimitRange gives is as good as asked for. */
async function containerWithout({ type, metadata }: TriggerSpec, { spec: { scaleTargetRef: { apiVersion = 'apps/v1', kind: kindName = 'Deployment', name } } }: ScaledObject, namespace: string, { client, kinds }: Pick<ModuleContext, 'client' | 'kinds'>): Promise<string | undefined> {
  const kind = kinds.find(parseApiVersion(apiVersion).group, kindName);
  const target = kind === undefined ? undefined : ((await client.get(kind, name, { namespace }).catch(() => undefined)) as WithPods | undefined);
  const containers = (target?.spec?.template?.spec?.containers ?? []).filter((each) => (metadata['containerName'] ?? '') === '' || each.name === metadata['containerName']);
  const lacking = containers.find(({ resources }) => !asksFor(resources?.requests?.[type], resources?.limits?.[type]));
  if (lacking === undefined) return undefined;
  const given = (await client.list(LimitRange, { namespace })).items.some(({ spec }) => spec?.limits.some((each) => each.type === 'Container' && asksFor(each.defaultRequest?.[type], each.default?.[type])));
  return given ? undefined : lacking.name;
}

/** Nought is nothing that a share could be taken of. */
const asksFor = (...amounts: readonly (QuantityLike | undefined)[]): boolean => amounts.some((each) => each !== undefined && quantityMillis(each) > 0);
