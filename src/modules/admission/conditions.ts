/** Expressions about a request: what they see, and match conditions (upstream: admission/plugin/webhook/matchconditions, plugin/cel). */
import { admissionEnvironment, type AdmissionVariables } from '../../api/admissionregistration/expressions.ts';
import type { Ask } from '../../api/cel/library/authorizer.ts';
import { cel } from '../../api/cel/lazy.ts';
import type { Budget, Program } from '../../api/cel/program.ts';
import type { MatchCondition, MutatingAdmissionPolicy, ValidatingAdmissionPolicy } from '../../api/generated/admissionregistration-v1.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { AdmissionRequest, UserInfo } from '../../sdk/module.ts';
import { namedBy, type Place } from './match.ts';
import { describeRequest, inVersion } from './review.ts';

export type Bindings = Record<string, unknown>;

/** What expressions see of a request whose object is looked at as `kind`; of the namespace conditions of webhooks see nothing. */
export async function bindingsOf(request: AdmissionRequest, kind: Kind): Promise<Bindings> {
  const { Authorizer, untypedToCel } = cel();
  const { decide, user, namespace, name } = request;
  const [plural, subresource] = namedBy(request, kind);
  const about = { group: kind.group, plural, ...(subresource !== '' ? { subresource } : {}), ...(namespace === undefined ? {} : { namespace }), ...(name === undefined ? {} : { name }) };
  const ask: Ask = ({ serviceAccount, ...attributes }) => decide?.(serviceAccount === undefined ? user : accountOf(serviceAccount), attributes) ?? { allowed: false, reason: '' };
  const seen = async (object: KubeObject | undefined): Promise<unknown> => (object === undefined ? null : untypedToCel(await inVersion(kind, request, object)));
  const { uid: _uid, ...described } = describeRequest(request, kind);
  return { object: await seen(request.object), oldObject: await seen(request.oldObject), namespaceObject: null, request: untypedToCel(described), authorizer: new Authorizer(ask, about) };
}

function accountOf({ namespace, name }: { namespace: string; name: string }): UserInfo {
  return { name: `system:serviceaccount:${namespace}:${name}`, groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`] };
}

interface Sight {
  policy: ValidatingAdmissionPolicy | MutatingAdmissionPolicy;
  available: AdmissionVariables;
  request: AdmissionRequest;
  /** As which the object is looked at. */
  kind: Kind;
  place: Place;
  param: KubeObject | undefined;
  budget: Budget;
  /** Makes an expression ready for the compiler; default as it stands. */
  prepare?(expression: string): string;
}

/** What the expressions of a policy see of the object as it is now; its variables are reckoned when they are asked for. */
export async function seenByPolicy({ policy, available, request, kind, place, param, budget, prepare = (expression) => expression }: Sight): Promise<Bindings> {
  const { untypedToCel, LazyVariables } = cel();
  const isNamespace = request.kind.group === '' && request.kind.plural === 'namespaces';
  const seen: Bindings = { ...(await bindingsOf(request, kind)), namespaceObject: place.namespace === undefined || isNamespace ? null : untypedToCel(place.namespace) };
  if (available.params) seen['params'] = param === undefined ? null : untypedToCel(param);
  const makers = new Map((policy.spec?.variables ?? []).map(({ name, expression }) => [name, () => programOf(policy, prepare(expression), available).evaluate(seen, budget)] as const));
  seen['variables'] = new LazyVariables(makers);
  return seen;
}

const programs = new WeakMap<object, Map<string, Program | Error>>();

/** The compiled expression, kept with the object that it stands in. */
export function programOf(owner: object, expression: string, variables: AdmissionVariables): Program {
  let own = programs.get(owner);
  if (own === undefined) programs.set(owner, (own = new Map()));
  let program = own.get(expression);
  if (program === undefined) {
    try {
      program = cel().compileExpression(admissionEnvironment(variables), expression);
    } catch (error) {
      program = error as Error;
    }
    own.set(expression, program);
  }
  if (program instanceof Error) throw program;
  return program;
}

/** Whether all conditions hold. One that is false decides even when others fail; otherwise throws the first failure. They have a budget of their own, and the one that is given is whole afterwards. */
export function conditionsHold(owner: object, conditions: readonly MatchCondition[], variables: AdmissionVariables, bindings: Bindings, budget: Budget): boolean {
  budget.renew(cel().MATCH_CONDITIONS_BUDGET);
  const hold = allHold(owner, conditions, variables, bindings, budget);
  budget.renew();
  return hold;
}

function allHold(owner: object, conditions: readonly MatchCondition[], variables: AdmissionVariables, bindings: Bindings, budget: Budget): boolean {
  let failure: Error | undefined;
  for (const { name, expression } of conditions) {
    try {
      if (programOf(owner, expression, variables).evaluate(bindings, budget) !== true) return false;
    } catch (error) {
      if (isOutOfBudget(error)) throw error;
      failure ??= new Error(`failed to evaluate match condition '${name}': expression '${expression}' resulted in error: ${(error as Error).message}`);
    }
  }
  if (failure !== undefined) throw failure;
  return true;
}

/** Whether nothing more may be evaluated. */
export function isOutOfBudget(error: unknown): error is Error {
  return error instanceof cel().EvaluationFailure && error.kind === 'budget';
}
