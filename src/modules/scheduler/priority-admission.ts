/** Admission of pods: the priority that their class has (upstream: admission plugin Priority). */
import { Pod } from '../../api/core/pod.ts';
import { ApiError, isApiError } from '../../api/errors.ts';
import { ownValue } from '../../api/json.ts';
import { PriorityClass, SYSTEM_PRIORITIES } from '../../api/scheduling/priority-class.ts';
import type { Admission, ModuleContext } from '../../sdk/index.ts';

interface Priority { value: number; preemptionPolicy: 'Never' | 'PreemptLowerPriority'; className: string }

const NONE: Priority = { value: 0, preemptionPolicy: 'PreemptLowerPriority', className: '' };

export const priorityAdmission: Admission = {
  name: 'Priority',
  kinds: [Pod],
  operations: ['CREATE'],
  async admit(request, context) {
    const pod = request.object as Pod | undefined;
    if (request.subresource || pod?.spec === undefined) return;
    const name = pod.spec.priorityClassName ?? '';
    const priority = name === '' ? await defaultPriority(context) : await priorityOf(name, pod, context);
    givePriority(pod, priority);
  },
};

/** One class at most is the default, and those of the system stay (upstream: admission plugin Priority, validatePriorityClass; registry/scheduling). */
export const priorityClassAdmission: Admission = {
  name: 'PriorityClassDefault',
  kinds: [PriorityClass],
  operations: ['CREATE', 'UPDATE', 'DELETE'],
  async validate({ operation, object, oldObject }, { client }) {
    if (operation === 'DELETE') {
      const deleted = oldObject?.metadata.name ?? '';
      if (ownValue(SYSTEM_PRIORITIES, deleted) === undefined) return;
      throw forbiddenClass(deleted, 'this is a system priority class and cannot be deleted');
    }
    const { metadata, globalDefault } = object as PriorityClass;
    if (globalDefault !== true) return;
    const other = (await client.list(PriorityClass)).items.find((each) => each.globalDefault === true && each.metadata.name !== metadata.name);
    if (other === undefined) return;
    throw forbiddenClass(metadata.name ?? '', `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`);
  },
};

/** A pod may not say what its class says, unless it says the same. */
function givePriority(pod: Pod, priority: Priority): void {
  const spec = pod.spec!;
  if (spec.priority !== undefined && spec.priority !== priority.value) {
    throw forbidden(pod, `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${priority.value} from the given PriorityClass name`);
  }
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== priority.preemptionPolicy) {
    throw forbidden(pod, `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${priority.preemptionPolicy} from the given PriorityClass name`);
  }
  if (priority.className !== '') spec.priorityClassName = priority.className;
  spec.priority = priority.value;
  spec.preemptionPolicy = priority.preemptionPolicy;
}

async function priorityOf(name: string, pod: Pod, { client }: ModuleContext): Promise<Priority> {
  try {
    return asPriority(await client.get(PriorityClass, name));
  } catch (error) {
    if (!isApiError(error, 'NotFound')) throw error;
    // These two hold where their objects are not there, too.
    const value = ownValue(SYSTEM_PRIORITIES, name);
    if (value !== undefined) return { ...NONE, value, className: name };
    throw forbidden(pod, `no PriorityClass with name ${name} was found`);
  }
}

/** The global default class; of several the one with the lowest value. */
async function defaultPriority({ caches }: ModuleContext): Promise<Priority> {
  const classes = caches.of(PriorityClass);
  await classes.ready();
  return lowestDefault(classes.list());
}

function lowestDefault(classes: readonly PriorityClass[]): Priority {
  const defaults = classes.filter(({ globalDefault }) => globalDefault === true).sort((left, right) => (left.value ?? 0) - (right.value ?? 0));
  return defaults[0] === undefined ? NONE : asPriority(defaults[0]);
}

function asPriority({ value, preemptionPolicy, metadata }: PriorityClass): Priority {
  return { value: value ?? 0, preemptionPolicy: preemptionPolicy ?? 'PreemptLowerPriority', className: metadata.name ?? '' };
}

function forbiddenClass(name: string, why: string): ApiError {
  return new ApiError('Forbidden', `priorityclasses.scheduling.k8s.io "${name}" is forbidden: ${why}`, { name, group: 'scheduling.k8s.io', kind: 'priorityclasses' });
}

function forbidden(pod: Pod, why: string): ApiError {
  const name = pod.metadata.name ?? pod.metadata.generateName ?? '';
  return new ApiError('Forbidden', `pods "${name}" is forbidden: ${why}`, { name, kind: 'pods' });
}
