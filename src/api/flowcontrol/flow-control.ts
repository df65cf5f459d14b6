/** FlowSchema and PriorityLevelConfiguration (flowcontrol.apiserver.k8s.io/v1): which requests wait for which, when there are many. */
import type { FlowSchema as FlowSchemaType, PolicyRulesWithSubjects, PriorityLevelConfiguration as LevelType } from '../generated/flowcontrol-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';

export const FLOW_CONTROL = 'flowcontrol.apiserver.k8s.io';
const SHARES = 30;
const [QUEUES, HAND_SIZE, QUEUE_LENGTH] = [64, 8, 50];

export type FlowSchema = FlowSchemaType;

export const FlowSchema: Kind<FlowSchema> = defineKind<FlowSchema>({
  group: FLOW_CONTROL, version: 'v1', kind: 'FlowSchema', plural: 'flowschemas', namespaced: false,
  schema: () => schemaOf(FLOW_CONTROL, 'v1', 'FlowSchema'),
  rules: {
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
  for (const [index, subject] of subjects.entries()) {
    const fields = { User: subject.user, Group: subject.group, ServiceAccount: subject.serviceAccount } as Readonly<Record<string, { name?: string } | undefined>>;
    if (!Object.hasOwn(fields, subject.kind)) errors.push(notSupported(`${at}.subjects[${index}].kind`, subject.kind, Object.keys(fields)));
    else if (!fields[subject.kind]?.name) errors.push(required(`${at}.subjects[${index}]`, `a subject of kind ${subject.kind} must have a name`));
  }
  for (const [index, rule] of resourceRules.entries()) {
    for (const field of ['verbs', 'apiGroups', 'resources'] as const) if ((rule[field] ?? []).length === 0) errors.push(required(`${at}.resourceRules[${index}].${field}`));
    if (rule.clusterScope !== true && (rule.namespaces ?? []).length === 0) errors.push(required(`${at}.resourceRules[${index}].namespaces`, 'resource rules that are not cluster scoped must supply at least one namespace'));
  }
  return errors;
}

export type PriorityLevelConfiguration = LevelType;

export const PriorityLevelConfiguration: Kind<PriorityLevelConfiguration> = defineKind<PriorityLevelConfiguration>({
  group: FLOW_CONTROL, version: 'v1', kind: 'PriorityLevelConfiguration', plural: 'prioritylevelconfigurations', namespaced: false,
  schema: () => schemaOf(FLOW_CONTROL, 'v1', 'PriorityLevelConfiguration'),
  rules: {
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

function levelErrors({ metadata, spec }: PriorityLevelConfiguration): FieldError[] {
  if (spec === undefined) return [required('spec')];
  const errors: FieldError[] = [];
  if (spec.type !== 'Limited' && spec.type !== 'Exempt') return [notSupported('spec.type', spec.type, ['Exempt', 'Limited'])];
  if (spec.type === 'Exempt' && metadata.name !== 'exempt') errors.push(invalid('spec.type', spec.type, "must be 'Limited' if `metadata.name` is not 'exempt'"));
  if (spec.type === 'Exempt' && spec.limited !== undefined) errors.push(forbidden('spec.limited', "must be nil if the type is not Limited"));
  if (spec.type === 'Limited' && spec.exempt !== undefined) errors.push(forbidden('spec.exempt', "must be nil if the type is not Exempt"));
  if (spec.type === 'Limited' && spec.limited === undefined) errors.push(required('spec.limited', 'must not be empty when type is Limited'));
  const { limitResponse } = spec.limited ?? {};
  if (spec.limited !== undefined && limitResponse?.type !== 'Queue' && limitResponse?.type !== 'Reject') errors.push(notSupported('spec.limited.limitResponse.type', limitResponse?.type ?? '', ['Queue', 'Reject']));
  if (limitResponse?.type === 'Reject' && limitResponse.queuing !== undefined) errors.push(forbidden('spec.limited.limitResponse.queuing', 'must be nil if limited.limitResponse.type is not Limited'));
  if (limitResponse?.type === 'Queue' && limitResponse.queuing === undefined) errors.push(required('spec.limited.limitResponse.queuing', 'must not be empty if limited.limitResponse.type is Limited'));
  const { queues = 1, handSize = 1, queueLengthLimit = 1 } = limitResponse?.queuing ?? {};
  for (const [field, value] of Object.entries({ queues, handSize, queueLengthLimit })) if (value <= 0) errors.push(invalid(`spec.limited.limitResponse.queuing.${field}`, value, 'must be positive'));
  if (handSize > queues) errors.push(invalid('spec.limited.limitResponse.queuing.handSize', handSize, `should not be greater than queues (${queues})`));
  if ((spec.limited?.nominalConcurrencyShares ?? 0) < 0) errors.push(invalid('spec.limited.nominalConcurrencyShares', spec.limited?.nominalConcurrencyShares, 'must be a non-negative integer'));
  return errors;
}
