/** ValidatingAdmissionPolicies: expressions that judge requests (upstream: admission/plugin/policy/validating). */
import type { AdmissionVariables } from '../../api/admissionregistration/expressions.ts';
import { cel } from '../../api/cel/lazy.ts';
import type { Budget } from '../../api/cel/program.ts';
import { ApiError, isApiError, type StatusReason } from '../../api/errors.ts';
import type { ParamKind, ParamRef, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, Validation } from '../../api/generated/admissionregistration-v1.ts';
import type { Kind } from '../../api/kind.ts';
import { apiVersionOf, type KubeObject } from '../../api/meta.ts';
import { formatSelector } from '../../api/selector.ts';
import type { AdmissionRequest, ModuleContext } from '../../sdk/module.ts';
import { conditionsHold, isOutOfBudget, programOf, seenByPolicy, type Bindings } from './conditions.ts';
import { matchedKind, type Matching, type Place } from './match.ts';
import { metricsOf, type PolicyCheck } from './metrics.ts';

export interface Denial {
  message: string;
  reason: StatusReason;
  code: number;
}

interface Decision extends Denial {
  /** Which validation of the policy. */
  index: number;
}

const CODES: Record<string, number> = { Unauthorized: 401, Forbidden: 403, RequestEntityTooLarge: 413, Invalid: 422 };
const MAX_MESSAGE_BYTES = 5 * 1024;
const MAX_ANNOTATION = 10 * 1024;

/** Throws the first denial; the others of validationActions warn, or are told to the log. */
export async function judge(policies: readonly ValidatingAdmissionPolicy[], bindings: readonly ValidatingAdmissionPolicyBinding[], request: AdmissionRequest, place: Place, context: ModuleContext): Promise<void> {
  let denied: { by: string; denial: Denial } | undefined;
  const audited: object[] = [];
  const published = new Map<string, Set<string>>();
  for (const policy of policies) {
    const own = bindings.filter(({ spec }) => spec?.policyName === policy.metadata.name);
    const kind = own.length === 0 ? undefined : matchedKind(matchingOf(policy.spec?.matchConstraints), request, place, context.kinds);
    if (kind === undefined) continue;
    for (const binding of own) {
      const limits = binding.spec?.matchResources;
      if (limits !== undefined && matchedKind(matchingOf(limits), request, place, context.kinds) === undefined) continue;
      const by = `ValidatingAdmissionPolicy '${policy.metadata.name ?? ''}' with binding '${binding.metadata.name ?? ''}'`;
      const fromMs = performance.now();
      for (const decision of await decisionsOf(policy, binding, kind, request, place, context, published)) {
        const actions = binding.spec?.validationActions ?? [];
        for (const action of decision.index < 0 ? ['Deny'] as const : actions) metricsOf(context).policy((performance.now() - fromMs) / 1000, { policy: policy.metadata.name ?? '', binding: binding.metadata.name ?? '', action: action.toLowerCase() as 'deny', error: errorOf(decision.message) });
        if (decision.index < 0 || actions.includes('Deny')) denied ??= { by, denial: decision };
        if (decision.index < 0) continue;
        if (actions.includes('Warn')) warn(request, `Validation failed for ${by}: ${decision.message}`);
        if (actions.includes('Audit')) {
          audited.push({ message: decision.message, policy: policy.metadata.name, binding: binding.metadata.name, expressionIndex: decision.index, validationActions: actions });
          context.log.info('validation failure', { policy: policy.metadata.name, binding: binding.metadata.name, expressionIndex: decision.index, message: decision.message, user: request.user.name, resource: request.kind.plural, namespace: request.namespace, name: request.name });
        }
      }
    }
  }
  if (audited.length > 0) request.annotate?.('validation.policy.admission.k8s.io/validation_failure', JSON.stringify(audited));
  for (const [key, values] of published) request.annotate?.(key, [...values].join(', '));
  if (denied !== undefined) throw refusal(request, `${denied.by} denied request: ${denied.denial.message}`, denied.denial);
}

/** Upstream tells them apart by how their messages begin, too; what is simply not so counts as invalid. */
function errorOf(message: string): PolicyCheck['error'] {
  if (message.includes('running out of cost budget')) return 'out_of_budget';
  return message.startsWith('compilation') ? 'compile_error' : 'invalid_error';
}

function warn({ warnings }: AdmissionRequest, text: string): void {
  if (warnings?.includes(text) === false) warnings.push(text);
}

export function refusal({ kind, name, object }: AdmissionRequest, message: string, { reason, code }: Denial): ApiError {
  const about = name || object?.metadata?.name || object?.metadata?.generateName || '';
  const resource = kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
  return new ApiError(reason, `${resource} ${JSON.stringify(about)} is forbidden: ${message}`, { name: about, group: kind.group || undefined, kind: kind.plural, causes: [{ message }] }, code);
}

export function matchingOf(match: NonNullable<ValidatingAdmissionPolicy['spec']>['matchConstraints']): Matching {
  const { resourceRules, excludeResourceRules, matchPolicy, namespaceSelector, objectSelector } = match ?? {};
  // A binding without rules narrows by its selectors alone.
  const everything = { apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'], operations: ['*' as const] };
  return { rules: resourceRules === undefined || resourceRules.length === 0 ? [everything] : resourceRules, excludeRules: excludeResourceRules, matchPolicy, namespaceSelector, objectSelector };
}

/** What the validations of a policy find wrong, for each parameter; index -1 is what is wrong with the configuration. */
async function decisionsOf(policy: ValidatingAdmissionPolicy, binding: ValidatingAdmissionPolicyBinding, kind: Kind, request: AdmissionRequest, place: Place, context: ModuleContext, published: Published): Promise<Decision[]> {
  const spec = policy.spec!;
  const failsOpen = spec.failurePolicy === 'Ignore';
  let params: (KubeObject | undefined)[];
  try {
    params = await paramsOf(spec.paramKind, binding.spec?.paramRef, request, context);
  } catch (error) {
    return failsOpen ? [] : [{ index: -1, message: `failed to configure binding: ${(error as Error).message}`, reason: 'Invalid', code: 422 }];
  }
  const { Budget } = cel();
  const available: AdmissionVariables = { params: spec.paramKind !== undefined, variables: true };
  const decisions: Decision[] = [];
  for (const param of params) {
    const budget = new Budget();
    decisions.push(...judgeOnce(policy, available, await seenByPolicy({ policy, available, request, kind, place, param, budget }), budget, failsOpen, published));
  }
  return decisions;
}

/** Audit annotations by their key, each value once. */
type Published = Map<string, Set<string>>;

function judgeOnce(policy: ValidatingAdmissionPolicy, available: AdmissionVariables, seen: Bindings, budget: Budget, failsOpen: boolean, published: Published): Decision[] {
  const { validations = [], matchConditions = [], auditAnnotations = [] } = policy.spec!;
  const failed = (index: number, message: string): Decision[] => (failsOpen ? [] : [{ index, message, reason: 'Invalid', code: 422 }]);
  try {
    if (!conditionsHold(policy, matchConditions, available, seen, budget)) return [];
  } catch (error) {
    return failed(0, (error as Error).message);
  }
  let spent: Error | undefined;
  const decisions = validations.flatMap((validation, index): Decision[] => {
    if (spent !== undefined) return [];
    try {
      if (programOf(policy, validation.expression, available).evaluate(seen, budget) === true) return [];
    } catch (error) {
      if (isOutOfBudget(error)) spent = error;
      return failed(index, `expression '${validation.expression}' resulted in error: ${(error as Error).message}`);
    }
    const reason = validation.reason === undefined || CODES[validation.reason] === undefined ? 'Invalid' : (validation.reason as StatusReason);
    return [{ index, message: messageOf(policy, validation, available, seen, budget), reason, code: CODES[reason]! }];
  });
  // What all of them together may not do is told instead of what each of them found.
  if (spent !== undefined) return failed(0, spent.message);
  budget.renew();
  for (const { key, valueExpression } of auditAnnotations) {
    try {
      const value = programOf(policy, valueExpression, available).evaluate(seen, budget);
      if (typeof value === 'string' && value.trim() !== '') publish(published, `${policy.metadata.name}/${key}`, value.trim());
      else if (value !== null && typeof value !== 'string') decisions.push(...failed(-1, `valueExpression '${valueExpression}' resulted in unsupported return type. Return type must be either string or null.`));
    } catch (error) {
      if (isOutOfBudget(error)) return failed(0, error.message);
      decisions.push(...failed(-1, `expression '${valueExpression}' resulted in error: ${(error as Error).message}`));
    }
  }
  return decisions;
}

function publish(published: Published, key: string, value: string): void {
  published.set(key, (published.get(key) ?? new Set()).add(value.slice(0, MAX_ANNOTATION)));
}

function messageOf(policy: ValidatingAdmissionPolicy, validation: Validation, available: AdmissionVariables, seen: Bindings, budget: Budget): string {
  if (validation.messageExpression) {
    try {
      const text = programOf(policy, validation.messageExpression, available).evaluate(seen, budget);
      if (typeof text === 'string' && text.trim() !== '' && !text.trim().includes('\n') && Buffer.byteLength(text) <= MAX_MESSAGE_BYTES) return text.trim();
    } catch {
      // the message takes its place
    }
  }
  return validation.message?.trim() || `failed expression: ${validation.expression.trim()}`;
}

/** The parameters of a binding, one run of the policy each; undefined stands for none. Throws where they are asked for and cannot be had. */
export async function paramsOf(paramKind: ParamKind | undefined, ref: ParamRef | undefined, request: AdmissionRequest, { client, kinds }: ModuleContext): Promise<(KubeObject | undefined)[]> {
  if (paramKind === undefined || ref === undefined) return [undefined];
  const kind = kinds.list().find((each) => each.kind === paramKind.kind && apiVersionOf(each.group, each.version) === paramKind.apiVersion);
  if (kind === undefined) throw new Error(`paramKind kind \`${paramKind.apiVersion ?? ''}, Kind=${paramKind.kind ?? ''}\` not known`);
  if (!kind.namespaced && ref.namespace) throw new Error('paramRef.namespace must not be provided for a cluster-scoped `paramKind`');
  const namespace = kind.namespaced ? ref.namespace || request.namespace : undefined;
  if (kind.namespaced && namespace === undefined) throw new Error('cannot use namespaced paramRef in policy binding that matches cluster-scoped resources');
  const found = ref.name ? await named(client, kind, ref.name, namespace) : (await client.list(kind, { namespace, labelSelector: formatSelector(ref.selector) })).items;
  if (found.length === 0 && ref.parameterNotFoundAction === 'Deny') throw new Error('no params found for policy binding with `Deny` parameterNotFoundAction');
  return [...found];
}

async function named(client: ModuleContext['client'], kind: Kind, name: string, namespace: string | undefined): Promise<KubeObject[]> {
  try {
    return [await client.get(kind, name, { namespace })];
  } catch (error) {
    if (isApiError(error, 'NotFound')) return [];
    throw error;
  }
}
