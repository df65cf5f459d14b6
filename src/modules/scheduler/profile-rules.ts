/** What profiles of the configuration may say. Pure. Source: kube-scheduler, apis/config/validation. */
import { nodeSelectorErrors, nodeTermErrors } from '../../api/core/node-selector-validation.ts';
import { ApiError } from '../../api/errors.ts';
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from '../../api/field-error.ts';
import type { NodeSelector, NodeSelectorTerm } from '../../api/generated/core-v1.ts';
import { labelKeyErrors } from '../../api/names.ts';
import type { ProfileOptions } from './profile.ts';

type Fields = Readonly<Record<string, unknown>>;
type Rule = (value: unknown, path: string) => FieldError[];

const STRATEGIES = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'];
const ACTIONS = ['DoNotSchedule', 'ScheduleAnyway'];

const RULES: Readonly<Record<keyof ProfileOptions, Rule>> = {
  schedulerName: (value, path) => (typeof value === 'string' && value !== '' ? [] : [invalid(path, value, 'must be the name of a scheduler')]),
  disabled: texts(),
  without: (value, path) => maps(value, path),
  scoring: (value, path) => maps(value, path, scoringErrors),
  ignored: (value, path) => maps(value, path, (fields) => [...texts(labelKeyErrors)(fields['resources'] ?? [], `${path}.resources`), ...texts(groupErrors)(fields['groups'] ?? [], `${path}.groups`)]),
  balanced: resourceErrors((weight) => (weight === 1 ? undefined : 'must be 1')),
  defaultConstraints: (value, path) => lists(value, path, constraintErrors),
  podAffinity: (value, path) => maps(value, path, (fields) => [
    ...(fields['hardPodAffinityWeight'] === undefined ? [] : whole(0, 100)(fields['hardPodAffinityWeight'], `${path}.hardPodAffinityWeight`)),
    ...(['undefined', 'boolean'].includes(typeof fields['ignorePreferredTermsOfExistingPods']) ? [] : [invalid(`${path}.ignorePreferredTermsOfExistingPods`, fields['ignorePreferredTermsOfExistingPods'], 'must be true or false')]),
  ]),
  addedAffinity: (value, path) => maps(value, path, affinityErrors),
  preemption: (value, path) => maps(value, path, (fields) => (fields['minCandidateNodesPercentage'] === 0 && fields['minCandidateNodesAbsolute'] === 0 ? [invalid(`${path}.minCandidateNodesPercentage`, 0, 'cannot be zero at the same time as minCandidateNodesAbsolute')] : [])),
  volumeBinding: (value, path) => maps(value, path),
  devices: (value, path) => maps(value, path),
  weights: (value, path) => maps(value, path, (fields) => Object.entries(fields).flatMap(([name, weight]) => whole(0, 2 ** 31 - 1)(weight, `${path}[${name}]`))),
  percentageOfNodesToScore: whole(0, 100),
};

/** Throws BadRequest with all that is wrong. */
export function checkProfile(options: ProfileOptions): void {
  const path = 'modules.scheduler.profiles';
  const errors = Object.entries(options).flatMap(([key, value]) => (Object.hasOwn(RULES, key) ? (value === undefined ? [] : RULES[key as keyof ProfileOptions](value, key)) : [forbidden(key, `is not known; there are ${Object.keys(RULES).join(', ')}, plugins and pluginConfig`)]));
  if (errors.length > 0) throw new ApiError('BadRequest', `${path}: ${errors.map(({ field, message }) => `${field}: ${message}`).join('; ')}`);
}

function whole(least: number, most: number): Rule {
  return (value, path) => (Number.isInteger(value) && (value as number) >= least && (value as number) <= most ? [] : [invalid(path, value, `not in valid range [${least}, ${most}]`)]);
}

function texts(errorsOf: (text: string) => string[] = () => []): Rule {
  return (value, path) => lists(value, path, (each, at) => (typeof each === 'string' ? errorsOf(each).map((detail) => invalid(at, each, detail)) : [invalid(at, each, 'must be a text')]));
}

function lists(value: unknown, path: string, errorsOf: (each: unknown, at: string, before: readonly unknown[]) => FieldError[]): FieldError[] {
  return Array.isArray(value) ? value.flatMap((each: unknown, index) => errorsOf(each, `${path}[${index}]`, value.slice(0, index))) : [invalid(path, value, 'must be a list')];
}

function maps(value: unknown, path: string, errorsOf: (fields: Fields, path: string) => FieldError[] = () => []): FieldError[] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? errorsOf(value as Fields, path) : [invalid(path, value, 'must be a map')];
}

function groupErrors(group: string): string[] {
  return group.includes('/') ? ["resource group name can't contain '/'"] : labelKeyErrors(group);
}

function scoringErrors(fields: Fields, path: string): FieldError[] {
  const type = STRATEGIES.includes(String(fields['type'])) ? [] : [notSupported(`${path}.type`, fields['type'], STRATEGIES)];
  return [...type, ...(fields['resources'] === undefined ? [] : resourceErrors((weight, name) => (Number.isInteger(weight) && (weight as number) > 0 && (weight as number) <= 100 ? undefined : `resource weight of ${name} not in valid range (0, 100]`))(fields['resources'], `${path}.resources`))];
}

function resourceErrors(complaintOf: (weight: unknown, name: string) => string | undefined): Rule {
  return (value, path) => lists(value, path, (each, at, before) => maps(each, at, ({ name, weight = 1 }) => {
    if (typeof name !== 'string' || name === '') return [required(`${at}.name`)];
    const complaint = complaintOf(weight, name);
    return [...(before.some((other) => (other as Fields | null)?.['name'] === name) ? [duplicate(`${at}.name`, name)] : []), ...(complaint === undefined ? [] : [invalid(`${at}.weight`, weight, complaint)])];
  }));
}

function constraintErrors(value: unknown, at: string, before: readonly unknown[]): FieldError[] {
  return maps(value, at, ({ maxSkew, topologyKey, whenUnsatisfiable, labelSelector }) => {
    const isRepeated = (before as (Fields | null)[]).some((other) => other?.['topologyKey'] === topologyKey && other?.['whenUnsatisfiable'] === whenUnsatisfiable);
    return [
      ...(Number.isInteger(maxSkew) && (maxSkew as number) > 0 ? [] : [invalid(`${at}.maxSkew`, maxSkew, 'not in valid range (0, inf)')]),
      ...(typeof topologyKey === 'string' && topologyKey !== '' ? labelKeyErrors(topologyKey).map((detail) => invalid(`${at}.topologyKey`, topologyKey, detail)) : [required(`${at}.topologyKey`, 'can not be empty')]),
      ...(whenUnsatisfiable === undefined ? [required(`${at}.whenUnsatisfiable`, 'can not be empty')] : ACTIONS.includes(String(whenUnsatisfiable)) ? [] : [notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable, ACTIONS)]),
      ...(labelSelector === undefined ? [] : [forbidden(`${at}.labelSelector`, 'constraint must not define a selector, as they deduced for each pod')]),
      ...(isRepeated ? [duplicate(at, `{${String(topologyKey)}, ${String(whenUnsatisfiable)}}`)] : []),
    ];
  });
}

function affinityErrors(fields: Fields, path: string): FieldError[] {
  const [wanted, preferred] = [fields['requiredDuringSchedulingIgnoredDuringExecution'], fields['preferredDuringSchedulingIgnoredDuringExecution']];
  return [
    ...(wanted === undefined ? [] : maps(wanted, `${path}.requiredDuringSchedulingIgnoredDuringExecution`, (selector, at) => nodeSelectorErrors(selector as Partial<NodeSelector>, at))),
    ...(preferred === undefined ? [] : lists(preferred, `${path}.preferredDuringSchedulingIgnoredDuringExecution`, (each, at) => maps(each, at, ({ weight, preference }) => [...whole(1, 100)(weight, `${at}.weight`), ...maps(preference, `${at}.preference`, (term, where) => nodeTermErrors(term as NodeSelectorTerm, where))]))),
  ];
}
