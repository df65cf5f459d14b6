/** The status of policies: what their expressions get wrong about the kinds that they match (upstream: validatingadmissionpolicystatus). */
import { isDeepStrictEqual } from 'node:util';
import { ValidatingAdmissionPolicy } from '../../api/admissionregistration/validating-admission-policy.ts';
import { cel } from '../../api/cel/lazy.ts';
import type { ExpressionWarning } from '../../api/generated/admissionregistration-v1.ts';
import type { Kind } from '../../api/kind.ts';
import { apiVersionOf } from '../../api/meta.ts';
import type { Controller } from '../../sdk/controller.ts';
import type { ServedKinds } from '../../sdk/module.ts';

const MAX_KINDS = 10;

export function typeChecking(kinds: () => ServedKinds | undefined): Controller<ValidatingAdmissionPolicy> {
  return {
    name: 'policy-type-checking', for: ValidatingAdmissionPolicy, concurrency: 1,
    async reconcile(_key, policy, { client }) {
      const served = kinds();
      if (policy?.spec === undefined || served === undefined || policy.metadata.deletionTimestamp !== undefined) return;
      if (policy.status?.observedGeneration === policy.metadata.generation) return;
      const expressionWarnings = warningsOf(policy, served);
      const status = { ...policy.status, observedGeneration: policy.metadata.generation, typeChecking: expressionWarnings.length === 0 ? {} : { expressionWarnings } };
      if (!isDeepStrictEqual(status, policy.status)) await client.update(ValidatingAdmissionPolicy, { ...policy, status }, { subresource: 'status' });
    },
  };
}

function warningsOf(policy: ValidatingAdmissionPolicy, served: ServedKinds): ExpressionWarning[] {
  const { validations = [], paramKind } = policy.spec ?? {};
  const params = paramKind && served.list().find((each) => each.kind === paramKind.kind && apiVersionOf(each.group, each.version) === paramKind.apiVersion)?.schema();
  const checkers = matchedKinds(policy, served).map((kind) => ({ shown: `${apiVersionOf(kind.group, kind.version)}, Kind=${kind.kind}`, check: cel().typeChecker(kind.schema(), params) }));
  return validations.flatMap((validation, index) => (['expression', 'messageExpression'] as const).flatMap((key) => {
    const text = validation[key];
    const found = text ? checkers.map(({ shown, check }) => [shown, check(text)] as const).filter(([, warning]) => warning !== undefined) : [];
    return found.length === 0 ? [] : [{ fieldRef: `spec.validations[${index}].${key}`, warning: found.map(([shown, warning]) => `${shown}: ${warning}`).join('\n') }];
  }));
}

/** Those that are named; what is matched by a pattern is not checked. */
function matchedKinds(policy: ValidatingAdmissionPolicy, served: ServedKinds): Kind[] {
  const rules = policy.spec?.matchConstraints?.resourceRules ?? [];
  const names = (kind: Kind): boolean => rules.some((rule) => rule.apiGroups?.includes(kind.group) && rule.apiVersions?.includes(kind.version) && rule.resources?.includes(kind.plural));
  return served.list().filter(names).slice(0, MAX_KINDS);
}
