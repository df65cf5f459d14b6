/**
 * Who writes a policy with parameters, or binds one, must be able to read these: else a policy would tell its writer by refusals what the parameters say
 * (upstream: registry/admissionregistration, authz.go of each strategy).
 */
import type { ParamKind, ParamRef } from '../../api/generated/admissionregistration-v1.ts';
import { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding } from '../../api/admissionregistration/mutating-admission-policy.ts';
import { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from '../../api/admissionregistration/validating-admission-policy.ts';
import { isApiError } from '../../api/errors.ts';
import { forbidden, invalidObject } from '../../api/field-error.ts';
import { equalJson } from '../../api/json.ts';
import type { Kind } from '../../api/kind.ts';
import { apiVersionOf, type KubeObject } from '../../api/meta.ts';
import type { Admission, AdmissionRequest, ModuleContext } from '../../sdk/module.ts';

interface Policy extends KubeObject { spec?: { paramKind?: ParamKind } }
interface Binding extends KubeObject { spec?: { policyName?: string; paramRef?: ParamRef } }

const POLICY_OF: Readonly<Record<string, Kind>> = { ValidatingAdmissionPolicyBinding: ValidatingAdmissionPolicy as never, MutatingAdmissionPolicyBinding: MutatingAdmissionPolicy as never };

export const parametersAdmission: Admission = {
  name: 'policy-parameters',
  kinds: [ValidatingAdmissionPolicy, MutatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, MutatingAdmissionPolicyBinding] as readonly unknown[] as readonly Kind[],
  operations: ['CREATE', 'UPDATE'],
  async validate(request, context) {
    if (request.subresource) return;
    const policyKind = POLICY_OF[request.kind.kind];
    if (policyKind === undefined) judgePolicy(request, context);
    else await judgeBinding(request, policyKind, context);
  },
};

function judgePolicy(request: AdmissionRequest, context: ModuleContext): void {
  const [paramKind, before] = [(request.object as Policy).spec?.paramKind, (request.oldObject as Policy | undefined)?.spec?.paramKind];
  if (!paramKind || equalJson(paramKind, before) || mayGet(request, { ...resourceOf(paramKind, context), namespace: '*', name: '*' })) return;
  throw invalidObject(request.kind, request.name ?? '', [forbidden('spec.paramKind', `user ${request.user.name} must have "get" permission on all objects of the referenced paramKind (kind=${paramKind.kind ?? ''}, apiVersion=${paramKind.apiVersion ?? ''})`)]);
}

async function judgeBinding(request: AdmissionRequest, policyKind: Kind, context: ModuleContext): Promise<void> {
  const [{ spec }, old] = [request.object as Binding, request.oldObject as Binding | undefined];
  const { paramRef, policyName = '' } = spec ?? {};
  if (!paramRef || (equalJson(paramRef, old?.spec?.paramRef) && policyName === old?.spec?.policyName)) return;
  const policy = await context.client.get(policyKind, policyName).catch((error: unknown) => {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  }) as Policy | undefined;
  // Of what is not known everything must be readable.
  const paramKind = policy?.spec?.paramKind;
  const resource = paramKind === undefined ? { group: '*', plural: '*' } : resourceOf(paramKind, context);
  if (mayGet(request, { ...resource, namespace: paramRef.namespace, name: paramRef.name })) return;
  throw invalidObject(request.kind, request.name ?? '', [forbidden('spec.paramRef', `user ${request.user.name} does not have "get" permission on the object referenced by paramRef`)]);
}

function resourceOf({ apiVersion = '', kind = '' }: ParamKind, { kinds }: ModuleContext): { group: string; plural: string } {
  const found = kinds.list().find((each) => each.kind === kind && apiVersionOf(each.group, each.version) === apiVersion);
  return { group: apiVersion.includes('/') ? apiVersion.split('/')[0]! : '', plural: found?.plural ?? '*' };
}

function mayGet(request: AdmissionRequest, resource: { group: string; plural: string; namespace?: string; name?: string }): boolean {
  return request.may?.({ verb: 'get', resource }) !== false;
}
