/** Pods of LeaderWorkerSets in queues say so from their first moment on. Source: Kueue, the webhook of LeaderWorkerSets. */
import type { PodSpec, PodTemplateSpec } from '../../../api/generated/core-v1.ts';
import { invalid, invalidObject, type FieldError } from '../../../api/field-error.ts';
import { equalJson } from '../../../api/json.ts';
import { LeaderWorkerSet, type ForeignObject } from '../../../api/kueue/frameworks.ts';
import { PRIORITY_CLASS, QUEUE_NAME, SERVING, SUSPENDING_PARENT } from '../../../api/kueue/names.ts';
import type { Admission } from '../../../sdk/index.ts';
import { defaultQueue, markTemplate, warnWithoutQueue } from '../intake.ts';
import { groupingErrors, topologyErrors, type Grouped } from '../job-rules.ts';
import { queueNameOf } from '../owner.ts';
import { at, countAt } from './fields.ts';
import { FRAMEWORK_NAME, TEMPLATE } from './leader-worker-set.ts';

const TEMPLATES = ['leaderTemplate', 'workerTemplate'] as const;

export const queuedLeaderWorkerSets: Admission = {
  name: 'queued-leader-worker-sets', kinds: [LeaderWorkerSet], operations: ['CREATE', 'UPDATE'],
  admit(request, context) {
    const set = request.object as ForeignObject | undefined;
    if (set?.spec === undefined || (request.subresource ?? '') !== '') return;
    defaultQueue(request, set, context);
    const priority = set.metadata.labels?.[PRIORITY_CLASS];
    if (queueNameOf(set) === undefined) return;
    for (const field of TEMPLATES) {
      const template = at(set, [...TEMPLATE, field]) as PodTemplateSpec | undefined;
      if (template !== undefined) markTemplate(template, { labels: priority === undefined ? {} : { [PRIORITY_CLASS]: priority }, annotations: { [SUSPENDING_PARENT]: FRAMEWORK_NAME, [SERVING]: 'true' } });
    }
    if (request.operation === 'CREATE') warnWithoutQueue(request, set, context);
  },
  validate(request) {
    const [set, old] = [request.object as ForeignObject | undefined, request.oldObject as ForeignObject | undefined];
    const errors = set === undefined || (request.subresource ?? '') !== '' ? [] : [...(old === undefined ? [] : errorsOf(set, old)), ...placeErrors(set)];
    if (errors.length > 0) throw invalidObject(LeaderWorkerSet, set?.metadata.name ?? '', errors);
  },
};

/** What was admitted is what it may have: what its pods ask for, and where they may be, stays. */
function errorsOf(set: ForeignObject, old: ForeignObject): FieldError[] {
  const errors = queueNameOf(set) === queueNameOf(old) ? [] : [invalid(`metadata.labels[${QUEUE_NAME}]`, queueNameOf(set) ?? '', 'field is immutable')];
  if (queueNameOf(old) === undefined) return errors;
  if (!equalJson(at(set, [...TEMPLATE, 'size']) ?? 1, at(old, [...TEMPLATE, 'size']) ?? 1)) errors.push(invalid([...TEMPLATE, 'size'].join('.'), at(set, [...TEMPLATE, 'size']) ?? null, 'field is immutable'));
  const changed = TEMPLATES.filter((field) => !equalJson(shapeOf(at(set, [...TEMPLATE, field])), shapeOf(at(old, [...TEMPLATE, field]))));
  return [...errors, ...changed.map((field) => invalid([...TEMPLATE, field, 'spec'].join('.'), '', 'field is immutable: of a LeaderWorkerSet in a queue resources, node selector, affinity, tolerations and runtime class of pods stay as they are'))];
}

/** Source: Kueue, the same webhook, validateTopologyRequest. */
function placeErrors(set: ForeignObject): FieldError[] {
  if (queueNameOf(set) === undefined) return [];
  const leads = at(set, [...TEMPLATE, 'leaderTemplate']) !== undefined;
  const size = countAt(set, [...TEMPLATE, 'size']) ?? 1;
  const sets = TEMPLATES.map((field): Grouped => ({ annotations: (at(set, [...TEMPLATE, field]) as PodTemplateSpec | undefined)?.metadata?.annotations, path: [...TEMPLATE, field, 'metadata', 'annotations'].join('.'), count: field === 'leaderTemplate' ? 1 : leads ? size - 1 : size }));
  return [...sets.flatMap(({ annotations, path, count }) => topologyErrors(annotations, path, count)), ...groupingErrors(sets)];
}

function shapeOf(template: unknown): unknown {
  const spec = at(template, ['spec']) as PodSpec | undefined;
  const resources = (list: PodSpec['containers'] = []): unknown[] => list.map(({ resources: own }) => own ?? {});
  return spec && [resources(spec.initContainers), resources(spec.containers), spec.nodeSelector ?? {}, spec.affinity ?? {}, spec.tolerations ?? [], spec.runtimeClassName ?? '', spec.priorityClassName ?? ''];
}
