/** What the statuses of Gateways, routes and policies say of a plan (the conditions and reasons of the specification). Pure. */
import { withCondition } from '../../api/conditions.ts';
import type { Service } from '../../api/generated/core-v1.ts';
import { GROUP } from '../../api/gateway/parts.ts';
import type { BackendTLSPolicy, Gateway, GatewayClass, ListenerSet } from '../../api/gateway/kinds.ts';
import type { BackendRef, FilteredBackendRef, GatewayAddress, ListenerStatus, ParentReference, RouteFilter, RouteParentStatus } from '../../api/gateway/types.ts';
import type { Condition } from '../../api/meta.ts';
import { byAge, policyFor, validationOf } from './backend-tls.ts';
import type { GatewayState } from './attach.ts';
import { isInsecure } from './gateway-tls.ts';
import type { ListenerState } from './listeners.ts';
import { CONTROLLER, type Observed } from './observed.ts';
import type { Plan, RouteState } from './plan.ts';

/** Features beyond the core (GEP-2162), for GatewayClass.status.supportedFeatures. */
const SUPPORTED_FEATURES = [
  'BackendTLSPolicy', 'BackendTLSPolicyClusterTrustBundle', 'BackendTLSPolicySANValidation', 'GRPCRoute', 'GRPCRouteNamedRouteRule', 'GRPCRouteRequestMirror', 'Gateway', 'GatewayAddressEmpty', 'GatewayBackendClientCertificate', 'GatewayFrontendClientCertificateValidation', 'GatewayFrontendClientCertificateValidationInsecureFallback', 'GatewayFrontendClusterTrustBundle', 'GatewayHTTPListenerIsolation', 'GatewayHTTPSAndTLSPassthroughSamePort', 'GatewayHTTPSListenerDetectMisdirectedRequests', 'GatewayInfrastructurePropagation', 'GatewayPort8080', 'GatewayRouteHostnameIntersectionPrecedence', 'GatewayStaticAddresses',
  'CookieSessionPersistence', 'CookieSessionPersistencePermanentLifetime', 'HTTPRoute', 'HTTPRouteExternalAuth', 'HTTPRouteExternalAuthForwardBody', 'HTTPRouteExternalAuthGRPC', 'HTTPRouteExternalAuthHTTP', 'HTTPRoute303RedirectStatusCode', 'HTTPRoute307RedirectStatusCode', 'HTTPRoute308RedirectStatusCode', 'HTTPRouteBackendProtocolH2C', 'HTTPRouteBackendProtocolWebSocket', 'HTTPRouteBackendRequestHeaderModification', 'HTTPRouteBackendTimeout',
  'HTTPRouteCORS', 'HTTPRouteDestinationPortMatching', 'HTTPRouteHostRewrite', 'HTTPRouteMethodMatching', 'HTTPRouteNamedRouteRule', 'HTTPRouteParentRefPort', 'HTTPRoutePathRedirect', 'HTTPRoutePathRewrite', 'HTTPRoutePortRedirect', 'HTTPRouteQueryParamMatching',
  'HTTPRouteRequestMirror', 'HTTPRouteRequestMultipleMirrors', 'HTTPRouteRequestPercentageMirror', 'HTTPRouteRequestTimeout', 'HTTPRouteResponseHeaderModification', 'HTTPRouteRetry', 'HTTPRouteRetryBackendTimeout', 'HTTPRouteRetryConnectionError', 'HTTPRouteSchemeRedirect', 'ListenerSet', 'ReferenceGrant', 'TCPRoute', 'TLSRoute', 'TLSRouteModeMixed', 'TLSRouteModeTerminate', 'UDPRoute',
].sort();

interface Said { type: string; status: boolean | 'Unknown'; reason: string; message?: string }

function conditionsOf(before: readonly Condition[] | undefined, said: readonly Said[], generation: number | undefined, now: string): Condition[] {
  let conditions = [...(before ?? [])];
  for (const { type, status, reason, message = '' } of said) {
    conditions = withCondition(conditions, { type, status: status === 'Unknown' ? 'Unknown' : status ? 'True' : 'False', reason, message, ...(generation === undefined ? {} : { observedGeneration: generation }) }, now);
  }
  return conditions;
}

/** Releases whose definitions hold what is built in. */
const KNOWN_BUNDLE = /^v1\.[0-6]\./;

/** `bundle`: the release of the definitions; `built in` where there are none, undefined where they do not say. */
export function gatewayClassStatus({ metadata, status, spec }: GatewayClass, now: string, bundle: string | undefined): GatewayClass['status'] {
  const version: Said = bundle === 'built in' || (bundle !== undefined && KNOWN_BUNDLE.test(bundle)) ? { type: 'SupportedVersion', status: true, reason: 'SupportedVersion', message: bundle === 'built in' ? 'the kinds are built in' : `definitions of ${bundle}` }
    : { type: 'SupportedVersion', status: false, reason: 'UnsupportedVersion', message: `definitions of ${bundle ?? 'no release that they name'}; those of v1.0 to v1.6 are known, others are served as well as it goes` };
  const said: Said = spec.parametersRef === undefined ? { type: 'Accepted', status: true, reason: 'Accepted', message: 'Gateways of this class are served by llmos' } : { type: 'Accepted', status: false, reason: 'InvalidParameters', message: 'parametersRef: the class takes no parameters' };
  return { ...status, conditions: conditionsOf(status?.conditions?.filter(({ reason }) => reason !== 'Pending'), [said, version], metadata.generation, now), supportedFeatures: SUPPORTED_FEATURES.map((name) => ({ name })) };
}

/** Of a Gateway: said while it holds. */
const INSECURE = 'InsecureFrontendValidationMode';

export interface Standing {
  addresses: readonly GatewayAddress[];
  /** Why it cannot have the addresses that it asks for. */
  refusedAddress?: string;
  unusableAddress?: string;
  /** Why it gets none. */
  noAddress?: string;
}

/** Accepted and Programmed of a Gateway. */
function standingSaid({ gateway, listeners: all }: GatewayState, standing: Standing): readonly [Said, Said] {
  const listeners = all.filter(({ set }) => set === undefined);
  const valid = listeners.every(({ refused, conflict, unresolved }) => refused === undefined && conflict === undefined && unresolved === undefined);
  const some = listeners.some(({ works }) => works);
  const { refusedAddress, unusableAddress, noAddress = 'no address yet', addresses } = standing;
  const parameters = gateway.spec.infrastructure?.parametersRef;
  const accepted: Said = refusedAddress !== undefined ? { type: 'Accepted', status: false, reason: 'UnsupportedAddress', message: refusedAddress }
    : parameters !== undefined ? { type: 'Accepted', status: false, reason: 'InvalidParameters', message: `infrastructure.parametersRef ${parameters.kind} '${parameters.name}': Gateways take no parameters` }
    : valid ? { type: 'Accepted', status: true, reason: 'Accepted' }
    : { type: 'Accepted', status: some, reason: 'ListenersNotValid', message: 'see the conditions of the listeners' };
  const programmed: Said = accepted.status !== true ? { type: 'Programmed', status: false, reason: 'Invalid', message: accepted.message ?? '' }
    : unusableAddress !== undefined ? { type: 'Programmed', status: false, reason: 'AddressNotUsable', message: unusableAddress }
    : addresses.length === 0 ? { type: 'Programmed', status: false, reason: 'AddressNotAssigned', message: noAddress } : { type: 'Programmed', status: true, reason: 'Programmed' };
  return [accepted, programmed];
}

export function gatewayStatus(state: GatewayState, plan: Plan, standing: Standing, now: string): NonNullable<Gateway['status']> {
  const { gateway } = state;
  const listeners = state.listeners.filter(({ set }) => set === undefined);
  const { generation } = gateway.metadata;
  const [accepted, programmed] = standingSaid(state, standing);
  const resolved: Said = state.unresolved !== undefined ? { type: 'ResolvedRefs', status: false, ...state.unresolved }
    : listeners.some(({ unresolved }) => unresolved !== undefined) ? { type: 'ResolvedRefs', status: false, reason: 'ListenersNotResolved', message: 'see the conditions of the listeners' }
    : { type: 'ResolvedRefs', status: true, reason: 'ResolvedRefs' };
  const insecure: Said[] = isInsecure(gateway) ? [{ type: INSECURE, status: true, reason: 'ConfigurationChanged', message: 'clients come in without a certificate that is known (AllowInsecureFallback)' }] : [];
  return {
    ...gateway.status, addresses: [...standing.addresses],
    conditions: conditionsOf(gateway.status?.conditions?.filter(({ type }) => type !== INSECURE || insecure.length > 0), [accepted, programmed, resolved, ...insecure], generation, now),
    listeners: listeners.map((each) => listenerStatus(each, gateway, plan, now)),
    ...(gateway.spec.allowedListeners === undefined && gateway.status?.attachedListenerSets === undefined ? {} : { attachedListenerSets: setStatuses(state, [accepted, programmed], plan, now).filter(({ attached }) => attached).length }),
  };
}

/** Of the ListenerSets that ask for a Gateway; `said` are its own Accepted and Programmed. */
function setStatuses(state: GatewayState, [accepted, programmed]: readonly [Said, Said], plan: Plan, now: string): { set: ListenerSet; attached: boolean; status: NonNullable<ListenerSet['status']> }[] {
  const of = (set: ListenerSet, said: readonly Said[], own: readonly ListenerState[]): { set: ListenerSet; attached: boolean; status: NonNullable<ListenerSet['status']> } => ({
    set, attached: said[0]?.status === true,
    status: { ...set.status, conditions: conditionsOf(set.status?.conditions?.filter(({ reason }) => reason !== 'Pending'), said, set.metadata.generation, now), listeners: own.map((each) => listenerStatus(each, set, plan, now)) },
  });
  const both = (status: boolean, reason: string, message: string): Said[] => ['Accepted', 'Programmed'].map((type) => ({ type, status, reason, message }));
  const refused = state.refusedSets.map((set) => of(set, both(false, 'NotAllowed', `Gateway '${state.gateway.metadata.namespace}/${state.gateway.metadata.name}' does not let in ListenerSets of namespace '${set.metadata.namespace}' (spec.allowedListeners)`), []));
  const allowed = [...Map.groupBy(state.listeners.filter(({ set }) => set !== undefined), ({ set }) => set!)].map(([set, own]) => {
    const bad = own.filter(({ refused: wrong, conflict, unresolved }) => wrong !== undefined || conflict !== undefined || unresolved !== undefined);
    if (!own.some(({ works }) => works)) return of(set, both(false, 'ListenersNotValid', 'see the conditions of the listeners'), own);
    if (accepted.status !== true && accepted.reason !== 'ListenersNotValid') return of(set, [{ type: 'Accepted', status: false, reason: 'ParentNotAccepted', message: accepted.message ?? '' }, { type: 'Programmed', status: false, reason: 'ParentNotProgrammed', message: accepted.message ?? '' }], own);
    return of(set, [
      { type: 'Accepted', status: true, reason: bad.length === 0 ? 'Accepted' : 'ListenersNotValid', message: bad.length === 0 ? '' : 'see the conditions of the listeners' },
      programmed.status === true || accepted.reason === 'ListenersNotValid' ? { type: 'Programmed', status: true, reason: 'Programmed' } : { type: 'Programmed', status: false, reason: 'ParentNotProgrammed', message: programmed.message ?? '' },
    ], own);
  });
  return [...allowed, ...refused];
}

/** Statuses to be written, of all ListenerSets that ask for the Gateway. */
export function listenerSetStatuses(state: GatewayState, plan: Plan, standing: Standing, now: string): { set: ListenerSet; status: NonNullable<ListenerSet['status']> }[] {
  return setStatuses(state, standingSaid(state, standing), plan, now);
}

function listenerStatus(state: ListenerState, { metadata, status }: Gateway | ListenerSet, plan: Plan, now: string): ListenerStatus {
  const { listener, kinds, refused, conflict, unresolved, works, overlapping } = state;
  const before = status?.listeners?.find(({ name }) => name === listener.name);
  const attachedRoutes = attachedTo(plan).get(state) ?? 0;
  // Of two listeners of a Gateway neither is used; one of a set is told which of the conflicts it lost.
  const lost = conflict === undefined ? undefined : { ...conflict, reason: state.set === undefined ? 'Invalid' : conflict.reason };
  const said: Said[] = [
    refused !== undefined ? { type: 'Accepted', status: false, ...refused } : lost !== undefined ? { type: 'Accepted', status: false, ...lost } : { type: 'Accepted', status: true, reason: 'Accepted' },
    works ? { type: 'Programmed', status: true, reason: 'Programmed' } : { type: 'Programmed', status: false, reason: lost?.reason ?? 'Invalid', message: (refused ?? conflict ?? unresolved)?.message ?? '' },
    unresolved === undefined ? { type: 'ResolvedRefs', status: true, reason: 'ResolvedRefs' } : { type: 'ResolvedRefs', status: false, ...unresolved },
    conflict === undefined ? { type: 'Conflicted', status: false, reason: 'NoConflicts' } : { type: 'Conflicted', status: true, ...conflict },
    ...(overlapping === undefined ? [] : [{ type: OVERLAPPING, status: true, reason: 'OverlappingHostnames', message: `listener '${overlapping}' has hostnames of this one; requests that come by the other's connection are answered with 421` }]),
  ];
  return { name: listener.name, supportedKinds: kinds.map((kind) => ({ group: GROUP, kind })), attachedRoutes, conditions: conditionsOf(before?.conditions.filter(({ type }) => type !== OVERLAPPING || overlapping !== undefined), said, metadata.generation, now) };
}

const attached = new WeakMap<Plan, ReadonlyMap<ListenerState, number>>();

/** How many routes each listener has: those that are accepted (so since v1.5; before, all that attach). */
function attachedTo(plan: Plan): ReadonlyMap<ListenerState, number> {
  const known = attached.get(plan);
  if (known !== undefined) return known;
  const counts = new Map<ListenerState, number>();
  for (const { attachments, resolved } of plan.routes) {
    if (resolved.unsupported !== undefined) continue;
    for (const state of new Set(attachments.flatMap(({ listeners }) => listeners.map((found) => found.state)))) counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  attached.set(plan, counts);
  return counts;
}

const OVERLAPPING = 'OverlappingTLSConfig';

/** Of a route: said while it holds. */
const PARTIAL = 'PartiallyInvalid';

/** What the definitions let a status hold (RouteStatus.parents, PolicyStatus.ancestors). */
const [MOST_PARENTS, MOST_ANCESTORS] = [32, 16];

/** Ours are written, those of others stay. */
export function routeParents({ route, attachments, resolved }: RouteState, now: string): RouteParentStatus[] {
  const before = route.status?.parents ?? [];
  const own = attachments.map(({ parentRef, failure }): RouteParentStatus => {
    const refused = failure ?? resolved.unsupported;
    const { unresolved, partial } = resolved;
    const said: Said[] = [
      refused === undefined ? { type: 'Accepted', status: true, reason: 'Accepted' } : { type: 'Accepted', status: false, ...refused },
      unresolved === undefined ? { type: 'ResolvedRefs', status: true, reason: 'ResolvedRefs' } : { type: 'ResolvedRefs', status: false, ...unresolved },
      ...(partial === undefined || refused !== undefined ? [] : [{ type: PARTIAL, status: true, ...partial }]),
    ];
    const old = before.find((each) => each.controllerName === CONTROLLER && sameParent(each.parentRef, parentRef));
    return { parentRef, controllerName: CONTROLLER, conditions: conditionsOf(old?.conditions.filter(({ type }) => said.some((each) => each.type === type) || type !== PARTIAL), said, route.metadata.generation, now) };
  });
  return amid(before, own, MOST_PARENTS);
}

/** Ours stand together where the first of them stood; those of others stay, in their order. */
function amid<T extends { controllerName: string }>(before: readonly T[], own: readonly T[], most: number): T[] {
  const isForeign = ({ controllerName }: T): boolean => controllerName !== CONTROLLER;
  const first = before.findIndex((each) => !isForeign(each));
  const [ahead, after] = first < 0 ? [before, []] : [before.slice(0, first), before.slice(first).filter(isForeign)];
  return [...ahead, ...own.slice(0, Math.max(0, most - ahead.length - after.length)), ...after];
}

function sameParent(one: ParentReference, other: ParentReference): boolean {
  return (['group', 'kind', 'namespace', 'name', 'sectionName', 'port'] as const).every((field) => one[field] === other[field]);
}

/** What a rule leads to, by itself or by its filters. */
function referred({ backendRefs = [], filters = [] }: { backendRefs?: readonly FilteredBackendRef[]; filters?: readonly RouteFilter[] }): BackendRef[] {
  const asked = [...filters, ...backendRefs.flatMap((ref) => ref.filters ?? [])];
  return [...backendRefs, ...asked.flatMap(({ requestMirror, externalAuth }) => [requestMirror?.backendRef, externalAuth?.backendRef]).filter((ref) => ref !== undefined)];
}

/** Of a policy: one entry for each Gateway by which its backends are reached. */
export function policyAncestors(policy: BackendTLSPolicy, plan: Plan, observed: Observed, now: string): NonNullable<BackendTLSPolicy['status']>['ancestors'] {
  const before = policy.status?.ancestors ?? [];
  const validation = validationOf(observed, policy);
  const targets = policy.spec.targetRefs.filter(({ group, kind }) => group === '' && kind === 'Service');
  const outdone = targets.every((ref) => observed.policies.some((other) => other !== policy && other.metadata.namespace === policy.metadata.namespace && byAge(other, policy) < 0
    && other.spec.targetRefs.some((each) => each.group === ref.group && each.kind === ref.kind && each.name === ref.name && (each.sectionName ?? '') === (ref.sectionName ?? ''))));
  const isThere = targets.some(({ name, sectionName }) => hasPort(observed.service(`${policy.metadata.namespace}/${name}`), sectionName));
  const gateways = new Set(plan.routes.flatMap(({ route, attachments }) => (route.spec?.rules ?? []).some((rule) => referred(rule).some((ref) => targets.some(({ name }) => ref.name === name && (ref.namespace ?? route.metadata.namespace) === policy.metadata.namespace)))
    ? attachments.map(({ gateway }) => gateway.gateway) : []));
  const own = [...gateways].map((gateway) => {
    const ancestorRef: ParentReference = { group: GROUP, kind: 'Gateway', namespace: gateway.metadata.namespace ?? '', name: gateway.metadata.name ?? '' };
    const old = before.find((each) => each.controllerName === CONTROLLER && each.ancestorRef.name === ancestorRef.name && each.ancestorRef.namespace === ancestorRef.namespace);
    return { ancestorRef, controllerName: CONTROLLER, conditions: conditionsOf(old?.conditions, policySaid(validation, outdone, isThere), policy.metadata.generation, now) };
  });
  // A list that is full gets no further entries (PolicyStatus.ancestors); who was told of stays.
  const isKnown = ({ ancestorRef }: { ancestorRef: ParentReference }): boolean => before.some((each) => each.controllerName === CONTROLLER && sameParent(each.ancestorRef, ancestorRef));
  return amid(before, own.length > MOST_ANCESTORS ? own.sort((a, b) => Number(isKnown(b)) - Number(isKnown(a))) : own, MOST_ANCESTORS);
}

function hasPort(service: Service | undefined, portName: string | undefined): boolean {
  return service !== undefined && (portName === undefined || portName === '' || (service.spec?.ports ?? []).some(({ name }) => name === portName));
}

function policySaid({ tls, wrong }: ReturnType<typeof validationOf>, outdone: boolean, isThere: boolean): Said[] {
  const resolved: Said = wrong !== undefined && wrong.reason !== 'Invalid' ? { type: 'ResolvedRefs', status: false, ...wrong } : { type: 'ResolvedRefs', status: true, reason: 'ResolvedRefs' };
  if (outdone) return [{ type: 'Accepted', status: false, reason: 'Conflicted', message: 'an older policy speaks for the same backends' }, resolved];
  if (!isThere) return [{ type: 'Accepted', status: false, reason: 'TargetNotFound', message: 'targetRefs: there is no such Service, or no port of that name' }, resolved];
  if (tls !== undefined) return [{ type: 'Accepted', status: true, reason: 'Accepted' }, resolved];
  return [{ type: 'Accepted', status: false, reason: wrong.reason === 'Invalid' ? 'Invalid' : 'NoValidCACertificate', message: wrong.message }, resolved];
}

export { policyFor };
