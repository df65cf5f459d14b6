/** What the statuses of Gateways, routes and policies say of a plan (the conditions and reasons of the specification). Pure. */
import { withCondition } from '../../api/conditions.ts';
import { GROUP } from '../../api/gateway/parts.ts';
import type { BackendTLSPolicy, Gateway, GatewayClass } from '../../api/gateway/kinds.ts';
import type { GatewayAddress, ListenerStatus, ParentReference, RouteParentStatus } from '../../api/gateway/types.ts';
import type { Condition } from '../../api/meta.ts';
import { byAge, policyFor, validationOf } from './backend-tls.ts';
import type { GatewayState } from './attach.ts';
import { isInsecure } from './gateway-tls.ts';
import type { ListenerState } from './listeners.ts';
import { CONTROLLER, type Observed } from './observed.ts';
import type { Plan, RouteState } from './plan.ts';
import { isFailure, type Failure } from './references.ts';

/** Features beyond the core (GEP-2162), for GatewayClass.status.supportedFeatures. */
export const SUPPORTED_FEATURES = [
  'BackendTLSPolicy', 'GRPCRoute', 'Gateway', 'GatewayAddressEmpty', 'GatewayBackendClientCertificate', 'GatewayFrontendClientCertificateValidation', 'GatewayFrontendClientCertificateValidationInsecureFallback', 'GatewayHTTPListenerIsolation', 'GatewayInfrastructurePropagation', 'GatewayPort8080', 'GatewayStaticAddresses',
  'HTTPRoute', 'HTTPRoute303RedirectStatusCode', 'HTTPRoute307RedirectStatusCode', 'HTTPRoute308RedirectStatusCode', 'HTTPRouteBackendProtocolH2C', 'HTTPRouteBackendProtocolWebSocket', 'HTTPRouteBackendRequestHeaderModification', 'HTTPRouteBackendTimeout',
  'HTTPRouteCORS', 'HTTPRouteDestinationPortMatching', 'HTTPRouteHostRewrite', 'HTTPRouteMethodMatching', 'HTTPRouteNamedRouteRule', 'HTTPRouteParentRefPort', 'HTTPRoutePathRedirect', 'HTTPRoutePathRewrite', 'HTTPRoutePortRedirect', 'HTTPRouteQueryParamMatching',
  'HTTPRouteRequestMirror', 'HTTPRouteRequestMultipleMirrors', 'HTTPRouteRequestPercentageMirror', 'HTTPRouteRequestTimeout', 'HTTPRouteResponseHeaderModification', 'HTTPRouteRetry', 'HTTPRouteRetryBackendTimeout', 'HTTPRouteSchemeRedirect', 'ReferenceGrant', 'TLSRoute',
].sort();

interface Said { type: string; status: boolean | 'Unknown'; reason: string; message?: string }

function conditionsOf(before: readonly Condition[] | undefined, said: readonly Said[], generation: number | undefined, now: string): Condition[] {
  let conditions = [...(before ?? [])];
  for (const { type, status, reason, message = '' } of said) {
    conditions = withCondition(conditions, { type, status: status === 'Unknown' ? 'Unknown' : status ? 'True' : 'False', reason, message, ...(generation === undefined ? {} : { observedGeneration: generation }) }, now);
  }
  return conditions;
}

export function gatewayClassStatus({ metadata, status, spec }: GatewayClass, now: string): GatewayClass['status'] {
  const said: Said = spec.parametersRef === undefined ? { type: 'Accepted', status: true, reason: 'Accepted', message: 'Gateways of this class are served by llmos' } : { type: 'Accepted', status: false, reason: 'InvalidParameters', message: 'parametersRef: the class takes no parameters' };
  return { ...status, conditions: conditionsOf(status?.conditions?.filter(({ reason }) => reason !== 'Pending'), [said], metadata.generation, now), supportedFeatures: SUPPORTED_FEATURES.map((name) => ({ name })) };
}

/** Of a Gateway: said while it says something of TLS that they are about. */
const TLS_CONDITIONS: ReadonlySet<string> = new Set(['InsecureFrontendValidationMode', 'ResolvedRefs']);

export interface Standing {
  addresses: readonly GatewayAddress[];
  /** Why it cannot have the addresses that it asks for. */
  refusedAddress?: string;
  unusableAddress?: string;
}

export function gatewayStatus(state: GatewayState, plan: Plan, standing: Standing, now: string): NonNullable<Gateway['status']> {
  const { gateway, listeners } = state;
  const { generation } = gateway.metadata;
  const valid = listeners.every(({ refused, conflict, unresolved }) => refused === undefined && conflict === undefined && unresolved === undefined);
  const some = listeners.some(({ works }) => works);
  const { refusedAddress, unusableAddress, addresses } = standing;
  const parameters = gateway.spec.infrastructure?.parametersRef;
  const accepted: Said = refusedAddress !== undefined ? { type: 'Accepted', status: false, reason: 'UnsupportedAddress', message: refusedAddress }
    : parameters !== undefined ? { type: 'Accepted', status: false, reason: 'InvalidParameters', message: `infrastructure.parametersRef ${parameters.kind} '${parameters.name}': Gateways take no parameters` }
    : valid ? { type: 'Accepted', status: true, reason: 'Accepted' }
    : { type: 'Accepted', status: some, reason: 'ListenersNotValid', message: 'see the conditions of the listeners' };
  const programmed: Said = accepted.status !== true ? { type: 'Programmed', status: false, reason: 'Invalid', message: accepted.message ?? '' }
    : unusableAddress !== undefined ? { type: 'Programmed', status: false, reason: 'AddressNotUsable', message: unusableAddress }
    : addresses.length === 0 ? { type: 'Programmed', status: false, reason: 'AddressNotAssigned', message: 'no address yet' } : { type: 'Programmed', status: true, reason: 'Programmed' };
  const tls: Said[] = [
    ...(isInsecure(gateway) ? [{ type: 'InsecureFrontendValidationMode', status: true, reason: 'ConfigurationChanged', message: 'clients come in without a certificate that is known (AllowInsecureFallback)' }] : []),
    ...(gateway.spec.tls?.backend?.clientCertificateRef === undefined ? [] : [state.unresolved === undefined ? { type: 'ResolvedRefs', status: true, reason: 'ResolvedRefs' } : { type: 'ResolvedRefs', status: false, ...state.unresolved }]),
  ];
  return {
    ...gateway.status, addresses: [...addresses],
    conditions: conditionsOf(gateway.status?.conditions?.filter(({ type }) => !TLS_CONDITIONS.has(type) || tls.some((each) => each.type === type)), [accepted, programmed, ...tls], generation, now),
    listeners: listeners.map((each) => listenerStatus(each, state, plan, now)),
  };
}

function listenerStatus(state: ListenerState, { gateway }: GatewayState, plan: Plan, now: string): ListenerStatus {
  const { listener, kinds, refused, conflict, unresolved, works } = state;
  const before = gateway.status?.listeners?.find(({ name }) => name === listener.name);
  const attachedRoutes = plan.routes.filter(({ attachments, resolved }) => resolved.unsupported === undefined && attachments.some((each) => each.gateway.gateway === gateway && each.listeners.some((found) => found.state === state))).length;
  const said: Said[] = [
    refused !== undefined ? { type: 'Accepted', status: false, ...refused } : conflict !== undefined ? { type: 'Accepted', status: false, reason: 'Invalid', message: conflict.message } : { type: 'Accepted', status: true, reason: 'Accepted' },
    works ? { type: 'Programmed', status: true, reason: 'Programmed' } : { type: 'Programmed', status: false, reason: 'Invalid', message: (refused ?? conflict ?? unresolved)?.message ?? '' },
    unresolved === undefined ? { type: 'ResolvedRefs', status: true, reason: 'ResolvedRefs' } : { type: 'ResolvedRefs', status: false, ...unresolved },
    conflict === undefined ? { type: 'Conflicted', status: false, reason: 'NoConflicts' } : { type: 'Conflicted', status: true, ...conflict },
  ];
  return { name: listener.name, supportedKinds: kinds.map((kind) => ({ group: GROUP, kind })), attachedRoutes, conditions: conditionsOf(before?.conditions, said, gateway.metadata.generation, now) };
}

/** Ours are written, those of others stay. */
export function routeParents({ route, attachments, resolved }: RouteState, now: string): RouteParentStatus[] {
  const before = route.status?.parents ?? [];
  const own = attachments.map(({ parentRef, failure }): RouteParentStatus => {
    const refused = failure ?? resolved.unsupported;
    const { unresolved } = resolved;
    const said: Said[] = [
      refused === undefined ? { type: 'Accepted', status: true, reason: 'Accepted' } : { type: 'Accepted', status: false, ...refused },
      unresolved === undefined ? { type: 'ResolvedRefs', status: true, reason: 'ResolvedRefs' } : { type: 'ResolvedRefs', status: false, ...unresolved },
    ];
    const old = before.find((each) => each.controllerName === CONTROLLER && sameParent(each.parentRef, parentRef));
    return { parentRef, controllerName: CONTROLLER, conditions: conditionsOf(old?.conditions, said, route.metadata.generation, now) };
  });
  return [...before.filter(({ controllerName }) => controllerName !== CONTROLLER), ...own];
}

function sameParent(one: ParentReference, other: ParentReference): boolean {
  return (['group', 'kind', 'namespace', 'name', 'sectionName', 'port'] as const).every((field) => one[field] === other[field]);
}

/** Of a policy: one entry for each Gateway by which its backends are reached. */
export function policyAncestors(policy: BackendTLSPolicy, plan: Plan, observed: Observed, now: string): NonNullable<BackendTLSPolicy['status']>['ancestors'] {
  const before = policy.status?.ancestors ?? [];
  const validation = validationOf(observed, policy);
  const targets = policy.spec.targetRefs.filter(({ group, kind }) => group === '' && kind === 'Service');
  const outdone = targets.every((ref) => observed.policies.some((other) => other !== policy && other.metadata.namespace === policy.metadata.namespace && byAge(other, policy) < 0
    && other.spec.targetRefs.some((each) => each.group === ref.group && each.kind === ref.kind && each.name === ref.name && (each.sectionName ?? '') === (ref.sectionName ?? ''))));
  const gateways = new Set(plan.routes.flatMap(({ route, attachments }) => (route.spec?.rules ?? []).some(({ backendRefs }) => (backendRefs ?? []).some((ref) => targets.some(({ name }) => ref.name === name && (ref.namespace ?? route.metadata.namespace) === policy.metadata.namespace)))
    ? attachments.map(({ gateway }) => gateway.gateway) : []));
  const own = [...gateways].map((gateway) => {
    const ancestorRef: ParentReference = { group: GROUP, kind: 'Gateway', namespace: gateway.metadata.namespace ?? '', name: gateway.metadata.name ?? '' };
    const old = before.find((each) => each.controllerName === CONTROLLER && each.ancestorRef.name === ancestorRef.name && each.ancestorRef.namespace === ancestorRef.namespace);
    return { ancestorRef, controllerName: CONTROLLER, conditions: conditionsOf(old?.conditions, policySaid(validation, outdone), policy.metadata.generation, now) };
  });
  return [...before.filter(({ controllerName }) => controllerName !== CONTROLLER), ...own];
}

function policySaid(validation: object | Failure, outdone: boolean): Said[] {
  const resolved: Said = isFailure(validation) && validation.reason !== 'Invalid' ? { type: 'ResolvedRefs', status: false, ...validation } : { type: 'ResolvedRefs', status: true, reason: 'ResolvedRefs' };
  if (outdone) return [{ type: 'Accepted', status: false, reason: 'Conflicted', message: 'an older policy speaks for the same backends' }, resolved];
  if (!isFailure(validation)) return [{ type: 'Accepted', status: true, reason: 'Accepted' }, resolved];
  return [{ type: 'Accepted', status: false, reason: validation.reason === 'Invalid' ? 'Invalid' : 'NoValidCACertificate', message: validation.message }, resolved];
}

export { policyFor };
