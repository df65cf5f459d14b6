/** FlowSchema and PriorityLevelConfiguration (flowcontrol.apiserver.k8s.io/v1): which requests wait for which, when there are many. */
import type { FlowSchema as FlowSchemaType, LimitResponse, NonResourcePolicyRule, PolicyRulesWithSubjects, PriorityLevelConfiguration as LevelType, ResourcePolicyRule, Subject } from '../generated/flowcontrol-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { ownValue } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';

export const FLOW_CONTROL = 'flowcontrol.apiserver.k8s.io';
const SHARES = 30;
const [QUEUES, HAND_SIZE, QUEUE_LENGTH] = [64, 8, 50];

export type FlowSchema = FlowSchemaType;

export const FlowSchema: Kind<FlowSchema> = defineKind<FlowSchema>({
  group: FLOW_CONTROL, version: 'v1', kind: 'FlowSchema', plural: 'flowschemas', namespaced: false,
  schema: () => schemaOf(FLOW_CONTROL, 'v1', 'FlowSchema'),
  rules: {
    statusKeeps: 'metadata',
    defaults({ spec }) {
      if (spec !== undefined) spec.matchingPrecedence ??= 1_000;
    },
    prepareForCreate(schema) {
      schema.status = {};
    },
    validate: (schema) => schemaErrors(schema),
  },
  subresources: { status: true },
  columns: [
    NAME, column('PriorityLevel', ({ spec }) => spec?.priorityLevelConfiguration?.name ?? '<none>'), column('MatchingPrecedence', ({ spec }) => spec?.matchingPrecedence ?? 0, { type: 'integer' }),
    column('DistinguisherMethod', ({ spec }) => spec?.distinguisherMethod?.type ?? '<none>'), AGE,
    column('MissingPL', ({ status }) => ({ True: 'True', False: 'False' })[status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? ''] ?? '?'),
  ],
});

function schemaErrors({ metadata, spec }: FlowSchema): FieldError[] {
  if (spec === undefined) return [required('spec')];
  const errors: FieldError[] = [];
  if (!spec.priorityLevelConfiguration?.name) errors.push(required('spec.priorityLevelConfiguration.name', 'must reference a priority level'));
  const precedence = spec.matchingPrecedence ?? 0;
  if (precedence < 1 || precedence > 10_000) errors.push(invalid('spec.matchingPrecedence', precedence, 'must be a value between 1 and 10000 (inclusive)'));
  else if (precedence === 1 && metadata.name !== 'exempt') errors.push(invalid('spec.matchingPrecedence', precedence, "only the schema named 'exempt' may have matchingPrecedence 1"));
  const method = spec.distinguisherMethod?.type;
  if (method !== undefined && method !== 'ByUser' && method !== 'ByNamespace') errors.push(notSupported('spec.distinguisherMethod.type', method, ['ByNamespace', 'ByUser']));
  return [...errors, ...(spec.rules ?? []).flatMap((rule, index) => ruleErrors(rule, `spec.rules[${index}]`))];
}

function ruleErrors({ subjects = [], resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (subjects.length === 0) errors.push(required(`${at}.subjects`, 'subjects must contain at least one value'));
  if (resourceRules.length + nonResourceRules.length === 0) errors.push(required(at, 'at least one of resourceRules and nonResourceRules has to be non-empty'));
  for (const [index, subject] of subjects.entries()) errors.push(...subjectErrors(subject, `${at}.subjects[${index}]`));
  for (const [index, rule] of resourceRules.entries()) errors.push(...resourceRuleErrors(rule, `${at}.resourceRules[${index}]`));
  for (const [index, rule] of nonResourceRules.entries()) errors.push(...pathRuleErrors(rule, `${at}.nonResourceRules[${index}]`));
  return errors;
}

const SUBJECTS: Readonly<Record<string, 'group' | 'serviceAccount' | 'user'>> = { Group: 'group', ServiceAccount: 'serviceAccount', User: 'user' };

function subjectErrors(subject: Subject, at: string): FieldError[] {
  const own = ownValue(SUBJECTS, subject.kind);
  if (own === undefined) return [notSupported(`${at}.kind`, subject.kind, Object.keys(SUBJECTS))];
  const errors: FieldError[] = [];
  if (subject[own] === undefined) errors.push(required(`${at}.${own}`, `${own} is required when subject kind is '${subject.kind}'`));
  else if (!subject[own].name) errors.push(required(`${at}.${own}.name`));
  for (const [kind, other] of Object.entries(SUBJECTS)) if (other !== own && subject[other] !== undefined) errors.push(forbidden(`${at}.${other}`, `${other} is forbidden when subject kind is not '${kind}'`));
  if (own !== 'serviceAccount' || subject.serviceAccount === undefined) return errors;
  const { name, namespace } = subject.serviceAccount;
  if (name && name !== '*') for (const error of dns1123SubdomainErrors(name)) errors.push(invalid(`${at}.${own}.name`, name, error));
  if (!namespace) errors.push(required(`${at}.${own}.namespace`, 'must specify namespace for service account'));
  else for (const error of dns1123LabelErrors(namespace)) errors.push(invalid(`${at}.${own}.namespace`, namespace, error));
  return errors;
}

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];

/** A list that may be `*` alone. */
function wildcardErrors(values: readonly string[], at: string, { none, others }: { none?: string; others: string }): FieldError[] {
  if (values.length === 0) return none === undefined ? [] : [required(at, none)];
  return values.length > 1 && values.includes('*') ? [invalid(at, values, `if '*' is present, must not specify other ${others}`)] : [];
}

function verbErrors(verbs: readonly string[], at: string): FieldError[] {
  const errors = wildcardErrors(verbs, at, { none: 'verbs must contain at least one value', others: 'verbs' });
  return errors.length > 0 || verbs.includes('*') || verbs.every((verb) => VERBS.includes(verb)) ? errors : [notSupported(at, verbs, VERBS)];
}

function resourceRuleErrors({ verbs = [], apiGroups = [], resources = [], namespaces = [], clusterScope }: ResourcePolicyRule, at: string): FieldError[] {
  const errors = [
    ...verbErrors(verbs, `${at}.verbs`),
    ...wildcardErrors(apiGroups, `${at}.apiGroups`, { none: 'resource rules must supply at least one api group', others: 'api groups' }),
    ...wildcardErrors(resources, `${at}.resources`, { none: 'resource rules must supply at least one resource', others: 'resources' }),
    ...wildcardErrors(namespaces, `${at}.namespaces`, { ...(clusterScope === true ? {} : { none: 'resource rules that are not cluster scoped must supply at least one namespace' }), others: 'namespaces' }),
  ];
  if (namespaces.includes('*')) return errors;
  for (const [index, name] of namespaces.entries()) errors.push(...dns1123LabelErrors(name).map((error) => invalid(`${at}.namespaces[${index}]`, name, `each member of this list must be '*' or a DNS-1123 label; ${error}`)));
  return errors;
}

function pathRuleErrors({ verbs = [], nonResourceURLs: paths = [] }: NonResourcePolicyRule, at: string): FieldError[] {
  const errors = [...verbErrors(verbs, `${at}.verbs`), ...wildcardErrors(paths, `${at}.nonResourceURLs`, { none: 'nonResourceURLs must contain at least one value', others: 'non-resource URLs' })];
  if (paths.includes('*')) return errors;
  for (const [index, path] of paths.entries()) {
    const problem = pathProblem(path);
    if (problem !== undefined) errors.push(invalid(`${at}.nonResourceURLs[${index}]`, path, problem));
  }
  return errors;
}

function pathProblem(path: string): string | undefined {
  if (path === '') return 'must not be empty';
  if (path === '/') return undefined;
  if (!path.startsWith('/')) return 'must start with slash';
  if (path.includes(' ')) return 'must not contain white-space';
  if (path.includes('//')) return 'must not contain double slash';
  const wildcards = path.split('*').length - 1;
  return wildcards > 1 || (wildcards === 1 && !path.endsWith('/*')) ? 'wildcard can only do suffix matching' : undefined;
}

export type PriorityLevelConfiguration = LevelType;

export const PriorityLevelConfiguration: Kind<PriorityLevelConfiguration> = defineKind<PriorityLevelConfiguration>({
  group: FLOW_CONTROL, version: 'v1', kind: 'PriorityLevelConfiguration', plural: 'prioritylevelconfigurations', namespaced: false,
  schema: () => schemaOf(FLOW_CONTROL, 'v1', 'PriorityLevelConfiguration'),
  rules: {
    statusKeeps: 'metadata',
    defaults: fillIn,
    prepareForCreate(level) {
      level.status = {};
    },
    validate: (level) => levelErrors(level),
  },
  subresources: { status: true },
  columns: [
    NAME, column('Type', ({ spec }) => spec?.type ?? ''),
    column('NominalConcurrencyShares', ({ spec }) => spec?.limited?.nominalConcurrencyShares ?? spec?.exempt?.nominalConcurrencyShares ?? '<none>'),
    column('Queues', ({ spec }) => spec?.limited?.limitResponse?.queuing?.queues ?? '<none>'),
    column('HandSize', ({ spec }) => spec?.limited?.limitResponse?.queuing?.handSize ?? '<none>'),
    column('QueueLengthLimit', ({ spec }) => spec?.limited?.limitResponse?.queuing?.queueLengthLimit ?? '<none>'), AGE,
  ],
});

function fillIn({ spec }: PriorityLevelConfiguration): void {
  if (spec?.exempt !== undefined || spec?.type === 'Exempt') {
    spec.exempt = { nominalConcurrencyShares: 0, lendablePercent: 0, ...spec.exempt };
  }
  if (spec?.limited === undefined) return;
  spec.limited.nominalConcurrencyShares ??= SHARES;
  spec.limited.lendablePercent ??= 0;
  const response = spec.limited.limitResponse;
  if (response?.queuing === undefined) return;
  response.queuing = { queues: QUEUES, handSize: HAND_SIZE, queueLengthLimit: QUEUE_LENGTH, ...response.queuing };
}

const MOST_QUEUES = 10_000_000;
/** Bits of the hash by which a flow's queues are dealt. */
const HASH_BITS = 60;

function levelErrors({ metadata, spec }: PriorityLevelConfiguration): FieldError[] {
  if (spec === undefined) return [required('spec')];
  const errors: FieldError[] = [];
  if (spec.type !== 'Limited' && spec.type !== 'Exempt') return [notSupported('spec.type', spec.type ?? '', ['Exempt', 'Limited'])];
  if ((spec.type === 'Exempt') !== (metadata.name === 'exempt')) errors.push(invalid('spec.type', spec.type, "type must be 'Exempt' if and only if name is 'exempt'"));
  if (spec.type === 'Exempt') {
    if (spec.limited !== undefined) errors.push(forbidden('spec.limited', 'must be nil if the type is not Limited'));
    return [...errors, ...shareErrors(spec.exempt ?? {}, 'spec.exempt')];
  }
  if (spec.exempt !== undefined) errors.push(forbidden('spec.exempt', 'must be nil if the type is Limited'));
  if (spec.limited === undefined) return [...errors, required('spec.limited', 'must not be empty when type is Limited')];
  return [...errors, ...shareErrors(spec.limited, 'spec.limited'), ...responseErrors(spec.limited.limitResponse, 'spec.limited.limitResponse')];
}

function shareErrors({ nominalConcurrencyShares: shares = 0, lendablePercent: lendable = 0, borrowingLimitPercent: borrowed = 0 }: { nominalConcurrencyShares?: number; lendablePercent?: number; borrowingLimitPercent?: number }, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (shares < 0) errors.push(invalid(`${at}.nominalConcurrencyShares`, shares, 'must be a non-negative integer'));
  if (lendable < 0 || lendable > 100) errors.push(invalid(`${at}.lendablePercent`, lendable, 'must be between 0 and 100, inclusive'));
  if (borrowed < 0) errors.push(invalid(`${at}.borrowingLimitPercent`, borrowed, 'if specified, must be a non-negative integer'));
  return errors;
}

function responseErrors(response: LimitResponse | undefined, at: string): FieldError[] {
  switch (response?.type) {
    case 'Reject': return response.queuing === undefined ? [] : [forbidden(`${at}.queuing`, 'must be nil if limited.limitResponse.type is not Limited')];
    case 'Queue': return response.queuing === undefined ? [required(`${at}.queuing`, 'must not be empty if limited.limitResponse.type is Limited')] : queueErrors(response.queuing, `${at}.queuing`);
    default: return [notSupported(`${at}.type`, response?.type ?? '', ['Queue', 'Reject'])];
  }
}

function queueErrors({ queues = 0, handSize = 0, queueLengthLimit = 0 }: { queues?: number; handSize?: number; queueLengthLimit?: number }, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (queueLengthLimit <= 0) errors.push(invalid(`${at}.queueLengthLimit`, queueLengthLimit, 'must be positive'));
  if (queues <= 0) errors.push(invalid(`${at}.queues`, queues, 'must be positive'));
  else if (queues > MOST_QUEUES) errors.push(invalid(`${at}.queues`, queues, `must not be greater than ${MOST_QUEUES}`));
  if (handSize <= 0) errors.push(invalid(`${at}.handSize`, handSize, 'must be positive'));
  else if (handSize > queues) errors.push(invalid(`${at}.handSize`, handSize, `should not be greater than queues (${queues})`));
  else if (dealingBits(queues, handSize) > HASH_BITS) errors.push(invalid(`${at}.handSize`, handSize, `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${HASH_BITS}`));
  return errors;
}

/** Bits that choose a hand from the queues, card by card. */
function dealingBits(queues: number, handSize: number): number {
  let bits = 0;
  for (let card = 0; card < handSize && bits <= HASH_BITS; card += 1) bits += Math.log2(queues - card);
  return Math.ceil(bits);
}
