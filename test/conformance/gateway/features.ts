/** What the GatewayClass says that is supported (GEP-2162), and the behaviours by which each is true. */
import assert from 'node:assert/strict';
import { behaviour, get } from '../cluster.ts';
import { GATEWAY_BEHAVIOURS } from './names.ts';
import { GROUP } from './world.ts';

const FEATURES: Readonly<Record<string, readonly string[]>> = {
  BackendTLSPolicy: ['BackendTLSPolicy', 'BackendTLSPolicyReencrypt', 'BackendTLSPolicyConflictResolution', 'BackendTLSPolicyInvalidCACertificateRef', 'BackendTLSPolicyInvalidKind', 'BackendTLSPolicyObservedGenerationBump'], BackendTLSPolicyClusterTrustBundle: ['BackendTLSPolicyClusterTrustBundle'], BackendTLSPolicySANValidation: ['BackendTLSPolicySANValidation'],
  CookieSessionPersistence: ['HTTPRouteSessionPersistenceCookie', 'GRPCRouteSessionPersistenceCookie'], CookieSessionPersistencePermanentLifetime: ['HTTPRouteSessionPersistenceCookiePermanentLifetime', 'GRPCRouteSessionPersistenceCookiePermanentLifetime'],
  GRPCRoute: ['GRPCExactMethodMatching', 'GRPCRouteHeaderMatching', 'GRPCRouteListenerHostnameMatching', 'GRPCRouteWeight', 'GRPCRouteRequestHeaderModifier'], GRPCRouteNamedRouteRule: ['GRPCRouteNamedRule'], GRPCRouteRequestMirror: ['GRPCRouteRequestMirror'],
  Gateway: ['GatewayModifyListeners', 'GatewayObservedGenerationBump', 'GatewayWithAttachedRoutes', 'GatewayInvalidRouteKind', 'GatewayInvalidTLSConfiguration'], GatewayAddressEmpty: ['GatewayOptionalAddressValue'], GatewayBackendClientCertificate: ['GatewayBackendClientCertificateFeature', 'GatewayInvalidTLSBackendConfiguration'],
  GatewayFrontendClientCertificateValidation: ['GatewayFrontendClientCertificateValidation', 'GatewayFrontendInvalidDefaultClientCertificateValidation', 'GatewayInvalidFrontendClientCertificateValidation'],
  GatewayFrontendClusterTrustBundle: ['GatewayFrontendClusterTrustBundle'], GatewayFrontendClientCertificateValidationInsecureFallback: ['GatewayFrontendClientCertificateValidationInsecureFallback'], GatewayHTTPListenerIsolation: ['GatewayHTTPListenerIsolation'], GatewayHTTPSAndTLSPassthroughSamePort: ['GatewayHTTPSAndTLSPassthroughSamePort'],
  GatewayHTTPSListenerDetectMisdirectedRequests: ['HTTPRouteHTTPSListenerDetectMisdirectedRequests'], GatewayInfrastructurePropagation: ['GatewayInfrastructure'], GatewayPort8080: ['GatewayWithAttachedRoutesWithPort8080', 'HTTPRouteListenerPortMatching'], GatewayStaticAddresses: ['GatewayStaticAddresses'],
  GatewayRouteHostnameIntersectionPrecedence: ['HTTPRouteMultipleRoutesAttachmentSameHostnameIntersection', 'TLSRouteMultipleRoutesAttachmentSameHostnameIntersection', 'GRPCRouteMultipleRoutesAttachmentSameHostnameIntersection'],
  HTTPRoute: ['HTTPRouteSimpleSameNamespace', 'HTTPRouteMatching', 'HTTPRouteMatchingAcrossRoutes', 'HTTPRouteHostnameIntersection', 'HTTPRouteWeight', 'HTTPRouteRequestHeaderModifier', 'HTTPRouteRedirectHostAndStatus'],
  HTTPRoute303RedirectStatusCode: ['HTTPRoute303Redirect'], HTTPRoute307RedirectStatusCode: ['HTTPRoute307Redirect'], HTTPRoute308RedirectStatusCode: ['HTTPRoute308Redirect'], HTTPRouteBackendProtocolH2C: ['HTTPRouteBackendProtocolH2C'], HTTPRouteBackendProtocolWebSocket: ['HTTPRouteBackendProtocolWebSocket'],
  HTTPRouteBackendRequestHeaderModification: ['HTTPRouteBackendRequestHeaderModifier', 'HTTPRouteRequestHeaderModifierBackendWeights'], HTTPRouteBackendTimeout: ['HTTPRouteTimeoutBackendRequest'], HTTPRouteCORS: ['HTTPRouteCORS', 'HTTPRouteCORSAllowCredentialsBehavior'], HTTPRouteDestinationPortMatching: ['HTTPRouteListenerPortMatching'],
  HTTPRouteExternalAuth: ['HTTPRouteExternalAuthBackendUnavailable', 'HTTPRouteExternalAuthBackendRefNotFound', 'HTTPRouteExternalAuthBackendRefInvalidPort', 'HTTPRouteExternalAuthPartiallyInvalid', 'HTTPRouteExternalAuthPerRouteScope', 'HTTPRouteExternalAuthProgrammedCondition'],
  HTTPRouteExternalAuthForwardBody: ['HTTPRouteExternalAuthHTTPForwardBody', 'HTTPRouteExternalAuthGRPCForwardBody'], HTTPRouteExternalAuthGRPC: ['HTTPRouteExternalAuthGRPC', 'HTTPRouteExternalAuthGRPCRequestHeadersToAuth', 'HTTPRouteExternalAuthGRPCResponseHeaders'],
  HTTPRouteExternalAuthHTTP: ['HTTPRouteExternalAuthHTTP', 'HTTPRouteExternalAuthHTTPRequestHeadersToAuth', 'HTTPRouteExternalAuthHTTPResponseHeaders', 'HTTPRouteExternalAuthHTTPResponseHeadersToUpstream'],
  HTTPRouteHostRewrite: ['HTTPRouteRewriteHost', 'HTTPRouteRewriteHostBackend'], HTTPRouteMethodMatching: ['HTTPRouteMethodMatching'], HTTPRouteNamedRouteRule: ['HTTPRouteNamedRule'], HTTPRouteParentRefPort: ['HTTPRouteInvalidParentRefNotMatchingListenerPort', 'HTTPRouteInvalidParentRefSectionNameNotMatchingPort'],
  HTTPRoutePathRedirect: ['HTTPRouteRedirectPath'], HTTPRoutePathRewrite: ['HTTPRouteRewritePath', 'HTTPRouteRewritePathBackend'], HTTPRoutePortRedirect: ['HTTPRouteRedirectPort', 'HTTPRouteRedirectPortAndScheme'], HTTPRouteQueryParamMatching: ['HTTPRouteQueryParamMatching'],
  HTTPRouteRequestMirror: ['HTTPRouteRequestMirror'], HTTPRouteRequestMultipleMirrors: ['HTTPRouteRequestMultipleMirrors'], HTTPRouteRequestPercentageMirror: ['HTTPRouteRequestPercentageMirror'], HTTPRouteRequestTimeout: ['HTTPRouteTimeoutRequest'], HTTPRouteResponseHeaderModification: ['HTTPRouteResponseHeaderModifier'],
  HTTPRouteRetry: ['HTTPRouteRetry', 'HTTPRouteRetryBackoff'], HTTPRouteRetryBackendTimeout: ['HTTPRouteRetryWithTimeouts'], HTTPRouteRetryConnectionError: ['HTTPRouteRetryConnectionError'], HTTPRouteSchemeRedirect: ['HTTPRouteRedirectScheme'],
  ListenerSet: ['ListenerSetHTTPRouting', 'ListenerSetHostnameConflict', 'ListenerSetProtocolConflict', 'ListenerSetDefaultNotAllowed', 'ListenerSetAllowedNamespaceNone', 'ListenerSetAllowedNamespaceSame', 'ListenerSetAllowedNamespaceSelector', 'ListenerSetAllowedRoutesNamespaces', 'ListenerSetAllowedRoutesSupportedKinds', 'ListenerSetReferenceGrant'],
  ReferenceGrant: ['HTTPRouteReferenceGrant', 'HTTPRouteInvalidReferenceGrant', 'GatewaySecretReferenceGrantSpecific', 'GatewaySecretReferenceGrantAllInNamespace', 'GatewaySecretInvalidReferenceGrant', 'GatewaySecretMissingReferenceGrant'],
  TCPRoute: ['TCPRouteSimpleSameNamespace', 'TCPRouteWeightedRouting', 'TCPRouteReferenceGrant'], TLSRoute: ['TLSRouteSimpleSameNamespace', 'TLSRouteHostnameIntersection', 'TLSRouteInvalidNoMatchingListener'], TLSRouteModeMixed: ['TLSRouteMixedTerminationSameNamespace'], TLSRouteModeTerminate: ['TLSRouteTerminateSimpleSameNamespace'],
  UDPRoute: ['UDPRoute', 'UDPRouteWeightedRouting', 'UDPRouteReferenceGrant'],
};

export function features(): void {
  behaviour('GatewayClassSupportedFeatures', async () => {
    const { status } = await get(`/apis/${GROUP}/gatewayclasses/llmos`);
    const names = status.supportedFeatures.map(({ name }: { name: string }) => name) as string[];
    assert.deepEqual(names, Object.keys(FEATURES).sort(), 'each is told of, in the order of the alphabet');
    const tried = new Set(GATEWAY_BEHAVIOURS['gateway-api']!.filter((each) => typeof each === 'string'));
    for (const [feature, behaviours] of Object.entries(FEATURES)) assert.deepEqual([feature, behaviours.length > 0, behaviours.filter((each) => !tried.has(each))], [feature, true, []]);
  });
}
