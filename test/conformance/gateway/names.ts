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
    'HTTPRouteRequestPercentageMirror', 'HTTPRouteCORS', 'HTTPRouteCORSAllowCredentialsBehavior', 'HTTPRouteWeight', 'HTTPRouteAllBackendsWeightZero', 'HTTPRouteTimeoutRequest', 'HTTPRouteTimeoutBackendRequest', 'HTTPRouteRetry', 'HTTPRouteRetryConnectionError', 'HTTPRouteSessionPersistenceCookie',
    'HTTPRouteExternalAuthHTTP', 'HTTPRouteExternalAuthHTTPForwardBody', 'HTTPRouteExternalAuthHTTPRequestHeadersToAuth', 'HTTPRouteExternalAuthHTTPResponseHeaders', 'HTTPRouteExternalAuthHTTPResponseHeadersToUpstream', 'HTTPRouteExternalAuthGRPC', 'HTTPRouteExternalAuthGRPCForwardBody',
    'HTTPRouteExternalAuthGRPCRequestHeadersToAuth', 'HTTPRouteExternalAuthGRPCResponseHeaders', 'HTTPRouteExternalAuthBackendUnavailable', 'HTTPRouteExternalAuthBackendRefNotFound', 'HTTPRouteExternalAuthPartiallyInvalid', 'HTTPRouteExternalAuthPerRouteScope', 'HTTPRouteExternalAuthProgrammedCondition',
    'HTTPRouteBackendProtocolH2C', 'HTTPRouteBackendProtocolWebSocket',
    'HTTPRouteInvalidNonExistentBackendRef', 'HTTPRouteInvalidBackendRefUnknownKind', 'HTTPRouteInvalidCrossNamespaceBackendRef', 'HTTPRouteReferenceGrant', 'HTTPRouteInvalidReferenceGrant', 'HTTPRoutePartiallyInvalidViaInvalidReferenceGrant', 'HTTPRouteServiceTypes',
    'GatewayClassObservedGenerationBump', 'GatewayObservedGenerationBump', 'GatewayInvalidRouteKind', 'GatewayInvalidTLSConfiguration', 'GatewaySecretMissingReferenceGrant', 'GatewaySecretInvalidReferenceGrant', 'GatewaySecretReferenceGrantAllInNamespace',
    'GatewaySecretReferenceGrantSpecific', 'GatewayModifyListeners', 'GatewayListenerUnsupportedProtocol', 'GatewayListenerProtocolAndRouteKindConflicts', 'GatewayStaticAddresses', 'GatewayOptionalAddressValue', 'GatewayInfrastructure', 'GatewayInvalidParametersRef', 'GatewayPreserveForeignConditions',
    'HTTPRouteHTTPSListener', 'HTTPRouteHTTPSListenerDetectMisdirectedRequests', 'HTTPListenerMultipleTLSCertsLongestSNIMatching', 'BackendTLSPolicy', 'BackendTLSPolicyInvalidCACertificateRef', 'BackendTLSPolicyInvalidKind', 'BackendTLSPolicySANValidation', 'BackendTLSPolicyTLSRouteTerminate', 'BackendTLSPolicyGRPCRoute', 'BackendTLSPolicyConflictResolution', 'BackendTLSPolicyObservedGenerationBump', 'GatewayFrontendClientCertificateValidation', 'GatewayFrontendInvalidDefaultClientCertificateValidation', 'GatewayInvalidTLSBackendConfiguration',
    'TLSRouteSimpleSameNamespace', 'TLSRouteHostnameIntersection', 'TLSRouteInvalidBackendRefNonexistent', 'TLSRouteInvalidBackendRefUnknownKind', 'TLSRouteInvalidReferenceGrant', 'TLSRouteInvalidNoMatchingListener', 'TLSRouteTerminateSimpleSameNamespace', 'TLSRouteMixedTerminationSameNamespace', 'GatewayHTTPSAndTLSPassthroughSamePort', 'GatewayOverlappingTLSConfigHostnames',
    'GRPCExactMethodMatching', 'GRPCRouteHeaderMatching', 'GRPCRouteListenerHostnameMatching', 'GRPCRouteNamedRule', 'GRPCRouteWeight', 'GRPCRouteAllBackendsWeightZero', 'GRPCRouteRequestHeaderModifier', 'GRPCRouteRequestMirror', 'GRPCRouteSessionPersistenceCookie', 'GRPCRouteMultipleRoutesAttachmentSameHostnameIntersection',
    'ListenerSetHostnameConflict', 'ListenerSetProtocolConflict', 'ListenerSetAllowedNamespaces', 'ListenerSetRoutes', 'ListenerSetCertificates',
    // Of our own, beyond upstream's list.
    'HTTPRouteRegexMatching', 'HTTPRouteHTTP2', 'HTTPRouteTraceContext', 'HTTPRouteUnderDefinitionOfTheUser', 'GatewayUnderDefinitionsOfUpstream', 'HTTPRouteThatCannotBeCarriedOut', 'GatewayOfAnyName', 'HTTPListenerLocalCertificate', 'GRPCRouteServiceMatching', 'GRPCRouteInvalidBackendRef', 'GRPCRouteHostnameOfHTTPRoute', 'HTTPRouteExtensionRef', 'HTTPRouteRetryBackoff', 'TLSRouteSeveralRules', 'GRPCRouteMultipleRoutesAttachmentSameHostnameIntersectionWildcard', 'GRPCRouteMultipleRoutesAttachmentSameHostnameIntersectionNone', 'GatewayBackendClientCertificate',
  ],
  ingress: ['IngressPathTypes', 'IngressHosts', 'IngressTLS', 'IngressDefaultBackend', 'IngressBackendThatIsNotThere', 'IngressOfAnotherClass', 'IngressThatIsGone'],
};
