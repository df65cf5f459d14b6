/** Admission that users configure: webhooks and policies. Where there are none there is no step, and writes cost what they did. */
import { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding } from '../../api/admissionregistration/mutating-admission-policy.ts';
import { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../../api/admissionregistration/validating-admission-policy.ts';
import { GROUP, MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from '../../api/admissionregistration/webhook-configuration.ts';
import { Namespace } from '../../api/core/namespace.ts';
import { isApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Cache } from '../../sdk/cache.ts';
import { defineModule, type Admission, type AdmissionRequest, type Module, type ModuleContext, type ServedKinds } from '../../sdk/module.ts';
import type { Place } from './match.ts';
import { metricsOf } from './metrics.ts';
import { parametersAdmission } from './parameters.ts';
import { typeChecking } from './type-checking.ts';
import { viewOf, writeBack } from './views.ts';

/** The last two say where the others hold. */
const KINDS = [MutatingWebhookConfiguration, ValidatingWebhookConfiguration, ValidatingAdmissionPolicy, MutatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, MutatingAdmissionPolicyBinding] as readonly unknown[] as readonly Kind[];
const OPERATIONS = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] as const;

function admission(): Module {
  let served: ServedKinds | undefined;
  return defineModule({
    name: 'admission',
    description: 'Webhooks and policies that users configure: MutatingWebhookConfiguration, ValidatingWebhookConfiguration, ValidatingAdmissionPolicy, MutatingAdmissionPolicy',
    kinds: KINDS,
    // Parameters of policies are of any kind; services and endpoints of webhooks are anywhere.
    reads: 'all',
    controllers: [typeChecking(() => served)],
    async start(context) {
      served = context.kinds;
      context.admit(parametersAdmission);
      const withdrawMetrics = context.metrics?.(() => metricsOf(context).text());
      if (withdrawMetrics !== undefined) context.signal.addEventListener('abort', withdrawMetrics, { once: true });
      const { caches } = context;
      const all = KINDS.map((kind) => caches.of(kind));
      await Promise.all(all.map((cache) => cache.ready()));
      let withdraw: (() => void) | undefined;
      const adjust = (): void => {
        const needed = all.slice(0, 4).some((cache) => cache.list().length > 0);
        if (needed) withdraw ??= context.admit(step(all));
        else {
          withdraw?.();
          withdraw = undefined;
        }
      };
      const stops = all.map((cache) => cache.subscribe(adjust));
      context.signal.addEventListener('abort', () => stops.forEach((stop) => stop()), { once: true });
      adjust();
    },
  });
}

export default admission();

function step(caches: readonly Cache[]): Admission {
  const [mutating, validating, policies, mutatingPolicies, bindings, mutatingBindings] = caches as readonly unknown[] as [
    Cache<MutatingWebhookConfiguration>, Cache<ValidatingWebhookConfiguration>, Cache<ValidatingAdmissionPolicy>, Cache<MutatingAdmissionPolicy>, Cache<ValidatingAdmissionPolicyBinding>, Cache<MutatingAdmissionPolicyBinding>,
  ];
  return {
    name: 'configured-admission', kinds: 'all', operations: OPERATIONS, last: true,
    async admit(asked, context) {
      if (isExempt(asked.kind) || mutating.list().length + mutatingPolicies.list().length === 0) return false;
      const request = viewOf(asked);
      const changed = await change(request, context);
      if (changed) writeBack(asked, request, context.clock.nowMs());
      return changed;
    },
    async validate(asked, context) {
      if (isExempt(asked.kind)) return;
      const request = viewOf(asked);
      const place = await placeOf(request, context);
      if (policies.list().length > 0) await (await import('./policies.ts')).judge(policies.list(), bindings.list(), request, place, context);
      if (validating.list().length === 0) return;
      const webhooks = await import('./webhooks.ts');
      await webhooks.validate(webhooks.hooksOf(validating.list()), request, place, context);
    },
  };

  async function change(request: AdmissionRequest, context: ModuleContext): Promise<boolean> {
    const place = await placeOf(request, context);
    // Policies first, as upstream has it: what they make is what webhooks see.
    const byPolicies = mutatingPolicies.list().length > 0 && (await (await import('./mutating-policies.ts')).mutateByPolicies(mutatingPolicies.list(), mutatingBindings.list(), request, place, context));
    if (mutating.list().length === 0) return byPolicies;
    const { hooksOf, mutate } = await import('./webhooks.ts');
    return (await mutate(hooksOf(mutating.list()), request, place, context)) || byPolicies;
  }
}

/** Nobody may lock himself out by a webhook that judges webhooks. */
function isExempt({ group }: Kind): boolean {
  return group === GROUP;
}

async function placeOf(request: AdmissionRequest, { client }: ModuleContext): Promise<Place> {
  const name = request.kind.namespaced ? request.namespace : undefined;
  if (name === undefined) return { namespace: undefined };
  try {
    return { namespace: (await client.get(Namespace, name)) as KubeObject };
  } catch (error) {
    if (isApiError(error, 'NotFound')) return { namespace: undefined };
    throw error;
  }
}
