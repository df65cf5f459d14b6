/** The conformance tests of the Gateway API by their short names, for the profiles HTTP, GRPC and TLS (kubernetes-sigs/gateway-api, conformance/tests), and behaviours of Ingress. */
import type { Behaviour } from '../behaviours.ts';

type Named = string | [string, Omit<Behaviour, 'name' | 'area'>];

export const GATEWAY_BEHAVIOURS: Readonly<Record<string, readonly Named[]>> = {
  'gateway-api': [
    'HTTPRouteSimpleSameNamespace', 'HTTPRouteExactPathMatching', 'HTTPRouteMatching', 'HTTPRouteMatchingAcrossRoutes', 'HTTPRouteHeaderMatching', 'HTTPRouteQueryParamMatching', 'HTTPRouteMethodMatching', 'HTTPRoutePathMatchOrder',
    'HTTPRouteHostnameIntersection', 'HTTPRouteListenerHostnameMatching', 'HTTPRouteListenerPortMatching', 'GatewayHTTPListenerIsolation', 'HTTPRouteCrossNamespace', 'HTTPRouteInvalidCrossNamespaceParentRef',
    'HTTPRouteInvalidParentRefNotMatchingSectionName', 'HTTPRouteInvalidParentRefNotMatchingListenerPort', 'HTTPRouteInvalidParentRefSectionNameNotMatchingPort', 'HTTPRouteDisallowedKind', 'HTTPRouteObservedGenerationBump', 'HTTPRouteNamedRule',
    'GatewayWithAttachedRoutes', 'GatewayWithAttachedRoutesWithPort8080',
    'HTTPRouteRequestHeaderModifier', 'HTTPRouteBackendRequestHeaderModifier', 'HTTPRouteRequestHeaderModifierBackendWeights', 'HTTPRouteResponseHeaderModifier', 'HTTPRouteRedirectHostAndStatus', 'HTTPRouteRedirectScheme', 'HTTPRouteRedirectPort',
    'HTTPRouteRedirectPath', 'HTTPRoute303Redirect', 'HTTPRoute307Redirect', 'HTTPRoute308Redirect', 'HTTPRouteRedirectPortAndScheme', 'HTTPRouteRewriteHost', 'HTTPRouteRewritePath', 'HTTPRouteRequestMirror', 'HTTPRouteRequestMultipleMirrors',
    'HTTPRouteRequestPercentageMirror', 'HTTPRouteCORS', 'HTTPRouteWeight', 'HTTPRouteAllBackendsWeightZero', 'HTTPRouteTimeoutRequest', 'HTTPRouteTimeoutBackendRequest', 'HTTPRouteRetry', 'HTTPRouteSessionPersistenceCookie',
    'HTTPRouteBackendProtocolH2C', 'HTTPRouteBackendProtocolWebSocket',
    // Of our own, beyond upstream's list.
    'HTTPRouteRegexMatching', 'HTTPRouteHTTP2', 'HTTPRouteTraceContext', 'HTTPRouteUnderDefinitionOfTheUser',
  ],
};
