/** The kinds of the Gateway API, in every version that the specification serves. They behave as the custom resources that they are elsewhere. */
import { AGE, column, NAME } from '../columns.ts';
import { CUSTOM_RULES } from '../custom/custom-rules.ts';
import { invalid, type FieldError } from '../field-error.ts';
import { defineKind, type Column, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import type { Schema } from '../schema/schema.ts';
import { GROUP, pending } from './parts.ts';
import { backendTlsPolicySchema, gatewayClassSchema, gatewaySchema, grpcRouteSchema, httpRouteSchema, listenerSetSchema, referenceGrantSchema, streamRouteSchema, tlsRouteSchema } from './schemas.ts';
import type * as types from './types.ts';

export type GatewayClass = types.GatewayClass;
export type Gateway = types.Gateway;
export type ListenerSet = types.ListenerSet;
export type HTTPRoute = types.HTTPRoute;
export type GRPCRoute = types.GRPCRoute;
export type TLSRoute = types.TLSRoute;
export type TCPRoute = types.StreamRoute;
export type UDPRoute = types.StreamRoute;
export type ReferenceGrant = types.ReferenceGrant;
export type BackendTLSPolicy = types.BackendTLSPolicy;

interface Shape<T extends KubeObject> {
  kind: string;
  plural: string;
  /** The first is the one in which objects are kept. */
  versions: readonly string[];
  schema(version: string): Schema;
  columns: readonly Column<T>[];
  namespaced?: boolean;
  shortNames?: readonly string[];
  status?: boolean;
  /** Conditions of which a new object says that nobody has judged them yet. */
  awaits?: readonly string[];
  validate?(object: T, old: T | undefined): FieldError[];
}

function versionsOf<T extends KubeObject>({ kind, plural, versions, schema, columns, namespaced = true, shortNames = [], status = true, awaits, validate }: Shape<T>): [Kind<T>, ...Kind<T>[]] {
  return versions.map((version) => defineKind<T>({
    group: GROUP, version, kind, plural, namespaced, schema: () => schema(version), columns: [NAME as Column<T>, ...columns, AGE as Column<T>], shortNames, categories: ['gateway-api'],
    ...(versions.length > 1 ? { storageVersion: versions[0] } : {}),
    rules: { ...CUSTOM_RULES, anyFinalizers: true, ...(validate === undefined ? {} : { validate }), ...(status ? { prepareForCreate: (object: T & { status?: unknown }) => startStatus(object, awaits) } : {}) },
    subresources: status ? { status: true } : {},
  })) as [Kind<T>, ...Kind<T>[]];
}

/** What a client says of it is not taken; upstream's definitions have this as a default. */
function startStatus(object: { status?: unknown }, awaits: readonly string[] | undefined): void {
  if (awaits === undefined) delete object.status;
  else object.status = pending(awaits);
}

const stateOf = (conditions: readonly { type: string; status: string }[] | undefined, type: string): string => conditions?.find((each) => each.type === type)?.status ?? '';
const hostnames = column<types.Route>('Hostnames', ({ spec }) => (spec?.hostnames === undefined ? '' : JSON.stringify(spec.hostnames)));

const gatewayClasses = versionsOf<GatewayClass>({
  kind: 'GatewayClass', plural: 'gatewayclasses', versions: ['v1', 'v1beta1'], schema: gatewayClassSchema, namespaced: false, awaits: ['Accepted'], shortNames: ['gc'],
  // Upstream says this by a rule in CEL; as one of ours it costs no evaluator in every llmos.
  validate: ({ spec }, old) => (old !== undefined && spec?.controllerName !== old.spec?.controllerName ? [invalid('spec.controllerName', spec?.controllerName, 'Value is immutable')] : []),
  columns: [column('Controller', ({ spec }) => spec?.controllerName ?? ''), column('Accepted', ({ status }) => stateOf(status?.conditions, 'Accepted')), column('Description', ({ spec }) => spec?.description ?? '', { wide: true })],
});
const gateways = versionsOf<Gateway>({
  kind: 'Gateway', plural: 'gateways', versions: ['v1', 'v1beta1'], schema: gatewaySchema, shortNames: ['gtw'], awaits: ['Accepted', 'Programmed'],
  columns: [
    column('Class', ({ spec }) => spec?.gatewayClassName ?? ''), column('Address', ({ status }) => (status?.addresses ?? []).map(({ value }) => value ?? '').join(' ')),
    column('Programmed', ({ status }) => stateOf(status?.conditions, 'Programmed')),
  ],
});
const listenerSets = versionsOf<ListenerSet>({
  kind: 'ListenerSet', plural: 'listenersets', versions: ['v1'], schema: listenerSetSchema, shortNames: ['lset'], awaits: ['Accepted', 'Programmed'],
  columns: [column('Accepted', ({ status }) => stateOf(status?.conditions, 'Accepted')), column('Programmed', ({ status }) => stateOf(status?.conditions, 'Programmed'))],
});
const httpRoutes = versionsOf<HTTPRoute>({ kind: 'HTTPRoute', plural: 'httproutes', versions: ['v1', 'v1beta1'], schema: httpRouteSchema, columns: [hostnames] });
const grpcRoutes = versionsOf<GRPCRoute>({ kind: 'GRPCRoute', plural: 'grpcroutes', versions: ['v1'], schema: grpcRouteSchema, columns: [hostnames] });
const tlsRoutes = versionsOf<TLSRoute>({ kind: 'TLSRoute', plural: 'tlsroutes', versions: ['v1', 'v1alpha3', 'v1alpha2'], schema: tlsRouteSchema, columns: [hostnames as unknown as Column<TLSRoute>] });
const tcpRoutes = versionsOf<TCPRoute>({ kind: 'TCPRoute', plural: 'tcproutes', versions: ['v1', 'v1alpha2'], schema: streamRouteSchema, columns: [] });
const udpRoutes = versionsOf<UDPRoute>({ kind: 'UDPRoute', plural: 'udproutes', versions: ['v1', 'v1alpha2'], schema: streamRouteSchema, columns: [] });
const referenceGrants = versionsOf<ReferenceGrant>({ kind: 'ReferenceGrant', plural: 'referencegrants', versions: ['v1', 'v1beta1'], schema: referenceGrantSchema, columns: [], shortNames: ['refgrant'], status: false });
const backendTlsPolicies = versionsOf<BackendTLSPolicy>({ kind: 'BackendTLSPolicy', plural: 'backendtlspolicies', versions: ['v1', 'v1alpha3'], schema: backendTlsPolicySchema, columns: [], shortNames: ['btlspolicy'] });

export const [GatewayClass] = gatewayClasses;
export const [Gateway] = gateways;
export const [ListenerSet] = listenerSets;
export const [HTTPRoute] = httpRoutes;
export const [GRPCRoute] = grpcRoutes;
export const [TLSRoute] = tlsRoutes;
export const [TCPRoute] = tcpRoutes;
export const [UDPRoute] = udpRoutes;
export const [ReferenceGrant] = referenceGrants;
export const [BackendTLSPolicy] = backendTlsPolicies;

/** All of them, each version a Kind. */
export const GATEWAY_KINDS: readonly Kind[] = ([...gatewayClasses, ...gateways, ...listenerSets, ...httpRoutes, ...grpcRoutes, ...tlsRoutes, ...tcpRoutes, ...udpRoutes, ...referenceGrants, ...backendTlsPolicies] as readonly unknown[]) as readonly Kind[];
