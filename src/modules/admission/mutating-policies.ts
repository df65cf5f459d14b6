/** MutatingAdmissionPolicies: expressions that change objects (upstream: admission/plugin/policy/mutating). */
import type { AdmissionVariables } from '../../api/admissionregistration/expressions.ts';
import { cel } from '../../api/cel/lazy.ts';
import type { Outermost } from '../../api/cel/literals.ts';
import { Budget } from '../../api/cel/program.ts';
import { isApiError } from '../../api/errors.ts';
import type { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, Mutation } from '../../api/generated/admissionregistration-v1.ts';
import { equalJson } from '../../api/json.ts';
import type { Kind } from '../../api/kind.ts';
import type { Json, KubeObject } from '../../api/meta.ts';
import { layOver } from '../../api/merge/apply/index.ts';
import { jsonPatch } from '../../api/merge/json-patch.ts';
import type { AdmissionRequest, ModuleContext } from '../../sdk/module.ts';
import { conditionsHold, programOf, seenByPolicy, type Bindings } from './conditions.ts';
import { matchedKind, type Place } from './match.ts';
import { formOf, replaceObject } from './patched.ts';
import { matchingOf, paramsOf, refusal } from './policies.ts';
import { backFrom, inVersion } from './review.ts';

interface Invocation {
  policy: MutatingAdmissionPolicy;
  binding: MutatingAdmissionPolicyBinding;
  kind: Kind;
  param: KubeObject | undefined;
  key: string;
}

interface Rounds { previously: Set<string>; again: Set<string>; output: string }

const rounds = new WeakMap<AdmissionRequest, Rounds>();

/** Runs the mutations one after the other, each on what the one before made. Gives true when the object was changed. */
export async function mutateByPolicies(policies: readonly MutatingAdmissionPolicy[], bindings: readonly MutatingAdmissionPolicyBinding[], request: AdmissionRequest, place: Place, context: ModuleContext): Promise<boolean> {
  if (request.object === undefined) return false;
  let round = rounds.get(request);
  if (round === undefined) rounds.set(request, (round = { previously: new Set(), again: new Set(), output: '' }));
  const second = request.again === true;
  // What other steps changed in between is news for every policy that wants to hear of it.
  if (second && JSON.stringify(request.object) !== round.output) requireAgain(round);
  let changed = false;
  for (const policy of policies.toSorted(byName)) {
    for (const binding of bindings.filter(({ spec }) => spec?.policyName === policy.metadata.name).toSorted(byName)) {
      for (const invocation of await invocationsOf(policy, binding, request, place, context)) {
        if (second && !round.again.has(invocation.key)) continue;
        if (await invoke(invocation, request, place)) {
          changed = true;
          requireAgain(round);
        }
        if (policy.spec?.reinvocationPolicy === 'IfNeeded') round.previously.add(invocation.key);
      }
    }
  }
  round.output = JSON.stringify(request.object);
  return changed;
}

function byName(a: KubeObject, b: KubeObject): number {
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
}

function requireAgain(round: Rounds): void {
  for (const key of round.previously) round.again.add(key);
  round.previously.clear();
}

/** One for each parameter. */
async function invocationsOf(policy: MutatingAdmissionPolicy, binding: MutatingAdmissionPolicyBinding, request: AdmissionRequest, place: Place, context: ModuleContext): Promise<Invocation[]> {
  const kind = matchedKind(matchingOf(policy.spec?.matchConstraints), request, place, context.kinds);
  if (kind === undefined) return [];
  const limits = binding.spec?.matchResources;
  if (limits !== undefined && matchedKind(matchingOf(limits), request, place, context.kinds) === undefined) return [];
  try {
    const params = await paramsOf(policy.spec?.paramKind, binding.spec?.paramRef, request, context);
    return params.map((param) => ({ policy, binding, kind, param, key: `${policy.metadata.name}/${binding.metadata.name}/${param?.metadata.namespace ?? ''}/${param?.metadata.name ?? ''}` }));
  } catch (error) {
    fail(policy, binding, request, `failed to configure binding: ${(error as Error).message}`);
    return [];
  }
}

/** Throws the refusal, unless the policy lets pass what it cannot judge. */
function fail({ metadata, spec }: MutatingAdmissionPolicy, binding: MutatingAdmissionPolicyBinding, request: AdmissionRequest, why: string): void {
  if (spec?.failurePolicy === 'Ignore') return;
  throw refusal(request, `policy '${metadata.name ?? ''}' with binding '${binding.metadata.name ?? ''}' denied request: ${why}`, { message: why, reason: 'Invalid', code: 422 });
}

/** Gives whether the object is another one now. */
async function invoke({ policy, binding, kind, param }: Invocation, request: AdmissionRequest, place: Place): Promise<boolean> {
  const available: AdmissionVariables = { params: policy.spec?.paramKind !== undefined, variables: true, mutates: true };
  const budget = new Budget();
  const { matchConditions = [], mutations = [] } = policy.spec ?? {};
  const seen = (): Promise<Bindings> => seenByPolicy({ policy, available, request, kind, place, param, budget, prepare: (expression) => prepared(expression, 'any') });
  try {
    if (!conditionsHold(policy, matchConditions, available, await seen(), budget)) return false;
  } catch (error) {
    fail(policy, binding, request, (error as Error).message);
    return false;
  }
  const before = structuredClone(request.object);
  for (const mutation of mutations) {
    budget.renew();
    try {
      const next = await mutated(policy, mutation, available, await seen(), kind, request, budget);
      if (next !== undefined) replaceObject(request, await backFrom(kind, request, next));
    } catch (error) {
      // What it says does not fit the schema is a mistake of the policy, and no fault of ours.
      if (isApiError(error, 'InternalError') && error.statusReason !== '') throw error;
      fail(policy, binding, request, (error as Error).message);
    }
  }
  return !equalJson(before, request.object);
}

const known = new Map<string, string>();
const MOST_KNOWN = 1_000;

/** The expression without literals, made once. */
function prepared(expression: string, outermost: Outermost): string {
  const key = `${outermost} ${expression}`;
  let text = known.get(key);
  if (text === undefined) {
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(key, (text = cel().withoutLiterals(expression, outermost)));
  }
  return text;
}

/** The object with one mutation on it; undefined when nothing is to be done. */
async function mutated(policy: MutatingAdmissionPolicy, { patchType, applyConfiguration, jsonPatch: patch }: Mutation, available: AdmissionVariables, seen: Bindings, kind: Kind, request: AdmissionRequest, budget: Budget): Promise<KubeObject | undefined> {
  const isApply = patchType === 'ApplyConfiguration';
  const expression = (isApply ? applyConfiguration : patch)?.expression ?? '';
  const value = cel().fromCel(cel().withOptionalFields(programOf(policy, prepared(expression, isApply ? 'Object' : 'JSONPatch'), available).evaluate(seen, budget)) as never);
  const live = (await inVersion(kind, request, request.object))!;
  if (isApply) {
    const { apiVersion, kind: name, schema } = formOf(request, live, kind);
    const configuration = { ...(value as object), apiVersion, kind: name, metadata: {}, ...('metadata' in (value as object) ? { metadata: (value as KubeObject).metadata } : {}) } as KubeObject;
    try {
      return layOver(schema, { ...live, apiVersion, kind: name }, configuration);
    } catch (error) {
      throw new Error(`error applying patch: ${(error as Error).message}`, { cause: error });
    }
  }
  try {
    return jsonPatch(live as unknown as Json, value as Json) as unknown as KubeObject;
  } catch (error) {
    // A test that fails means that the patch does not concern this object.
    if (/: test failed$/.test((error as Error).message)) return undefined;
    throw new Error(`JSON Patch: ${(error as Error).message}`, { cause: error });
  }
}
