/** The schemas of the Gateway API's kinds: standard and experimental fields in one, so that a manifest of either channel is understood. */
import { withObjectMeta } from '../custom/custom-schema.ts';
import type { Json } from '../meta.ts';
import type { Schema } from '../schema/schema.ts';
import {
  annotationValues, backendObject, backendRef, commonFields, conditions, controllerName, duration, groupName, GROUP, headerFilter, headerName, hostname, keyed, kindName, labelSelector, list, localReference, mirrorFilter,
  metadataKeys, mostMatches, namedRules, namespaceName, number, objectName, objectReference, once, parentReference, pending, port, preciseHostname, record, routeStatus, rule, ruleName, secretReference, sectionName, sessionPersistence, text, unionRules, words,
} from './parts.ts';

const whole = (spec: Schema, status: Schema | undefined, required: readonly string[]): Schema => withObjectMeta(record({ spec, ...(status === undefined ? {} : { status }) }, required));

export function gatewayClassSchema(): Schema {
  const parametersRef = record({ group: groupName(), kind: kindName(), name: objectName, namespace: namespaceName }, ['group', 'kind', 'name']);
  return whole(record({ controllerName, parametersRef, description: text(0, 64) }, ['controllerName']),
    record({ conditions, supportedFeatures: keyed(record({ name: text() }, ['name']), ['name'], 64) }, [], { default: pending(['Accepted']) }), ['spec']);
}

/** Listeners, of Gateways and ListenerSets. */
function listeners(): Schema {
  const kinds = list(record({ group: groupName({ default: GROUP }), kind: kindName() }, ['kind']), 8);
  const listener = record({
    name: sectionName, hostname, port, protocol: text(1, 255, { pattern: '^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9]+$' }),
    tls: record({ mode: { ...words('Terminate', 'Passthrough'), default: 'Terminate' }, certificateRefs: list(secretReference, 64), options: annotationValues, frontendValidation: record({ caCertificateRefs: list(objectReference, 16, { minItems: 1 }) }) }, [], {
      xValidations: [rule('certificateRefs or options must be specified when mode is Terminate', "self.mode == 'Terminate' ? size(self.certificateRefs) > 0 || size(self.options) > 0 : true")],
    }),
    allowedRoutes: record({ namespaces: record({ from: { ...words('All', 'Selector', 'Same', 'None'), default: 'Same' }, selector: labelSelector }, [], { default: { from: 'Same' } }), kinds }, [], { default: { namespaces: { from: 'Same' } } }),
  }, ['name', 'port', 'protocol']);
  const rules = [
    rule("tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']", "self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)"),
    rule('tls mode must be Terminate for protocol HTTPS', "self.all(l, (l.protocol == 'HTTPS' && has(l.tls)) ? (l.tls.mode == '' || l.tls.mode == 'Terminate') : true)"),
    rule("hostname must not be specified for protocols ['TCP', 'UDP']", "self.all(l, l.protocol in ['TCP', 'UDP'] ? (!has(l.hostname) || l.hostname == '') : true)"),
    rule('Listener name must be unique within the Gateway', 'self.all(l1, self.exists_one(l2, l1.name == l2.name))'),
    rule('Combination of port, protocol and hostname must be unique for each listener', 'self.all(l1, self.exists_one(l2, l1.port == l2.port && l1.protocol == l2.protocol && (has(l1.hostname) && has(l2.hostname) ? l1.hostname == l2.hostname : !has(l1.hostname) && !has(l2.hostname))))'),
  ];
  return keyed(listener, ['name'], 64, { minItems: 1, xValidations: rules });
}

function listenerStatuses(): Schema {
  const status = record({ name: sectionName, supportedKinds: list(record({ group: groupName({ default: GROUP }), kind: kindName() }, ['kind']), 8), attachedRoutes: number(0), conditions }, ['name', 'attachedRoutes', 'conditions']);
  return keyed(status, ['name'], 64);
}

export function gatewaySchema(): Schema {
  const isName = 'self.value.matches(r"""^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$""")';
  const address = record({ type: text(1, 253, { default: 'IPAddress' }), value: text(0, 253) }, [], { xValidations: [rule('Hostname value must be empty or contain only valid characters', `self.type == 'Hostname' ? (!has(self.value) || self.value == '' || ${isName}) : true`)] });
  const distinct = (type: string): Json => rule(`${type} values must be unique`, `self.all(a1, a1.type == '${type}' && has(a1.value) ? self.exists_one(a2, a2.type == a1.type && has(a2.value) && a2.value == a1.value) : true)`);
  const frontendTls = record({ validation: record({ caCertificateRefs: list(objectReference, 16, { minItems: 1 }), mode: { ...words('AllowValidOnly', 'AllowInsecureFallback'), default: 'AllowValidOnly' } }, ['caCertificateRefs']) });
  const spec = record({
    gatewayClassName: objectName,
    listeners: listeners(),
    addresses: list(address, 16, { xValidations: ['IPAddress', 'Hostname'].map(distinct) }),
    infrastructure: record({ labels: metadataKeys('Label', text(0, 63)), annotations: metadataKeys('Annotation', text(0, 4096)), parametersRef: localReference }),
    allowedListeners: record({ namespaces: record({ from: { ...words('All', 'Selector', 'Same', 'None'), default: 'None' }, selector: labelSelector }, [], { default: { from: 'None' } }) }),
    tls: record({
      backend: record({ clientCertificateRef: secretReference }),
      frontend: record({ default: frontendTls, perPort: keyed(record({ port, tls: frontendTls }, ['port', 'tls']), ['port'], 64) }, ['default']),
    }),
    defaultScope: words('All', 'None'),
  }, ['gatewayClassName', 'listeners']);
  return whole(spec, record({ addresses: list(address, 16), conditions, listeners: listenerStatuses(), attachedListenerSets: number(0) }, [], { default: pending(['Accepted', 'Programmed']) }), ['spec']);
}

export function listenerSetSchema(): Schema {
  const parentRef = record({ group: groupName({ default: GROUP }), kind: kindName({ default: 'Gateway' }), name: objectName, namespace: namespaceName }, ['name']);
  return whole(record({ parentRef, listeners: listeners() }, ['parentRef', 'listeners']), record({ conditions, listeners: listenerStatuses() }, [], { default: pending(['Accepted', 'Programmed']) }), ['spec']);
}

const valueMatch = (name: Schema, maxLength: number): Schema => record({ type: { ...words('Exact', 'RegularExpression'), default: 'Exact' }, name, value: text(1, maxLength) }, ['name', 'value']);

function externalAuth(): Schema {
  const names = list(text(), 64, { xListType: 'set' });
  return record({
    protocol: words('HTTP', 'GRPC'), backendRef: backendObject, grpc: record({ allowedHeaders: names }),
    http: record({ path: text(0, 1024, { pattern: PATH }), allowedHeaders: names, allowedResponseHeaders: names }),
    forwardBody: record({ maxSize: number(0, 65_535) }),
  }, ['backendRef', 'protocol'], {
    xValidations: [
      rule("grpc must be specified when protocol is set to 'GRPC'", "self.protocol == 'GRPC' ? has(self.grpc) : true"), rule("protocol must be 'GRPC' when grpc is set", "has(self.grpc) ? self.protocol == 'GRPC' : true"),
      rule("http must be specified when protocol is set to 'HTTP'", "self.protocol == 'HTTP' ? has(self.http) : true"), rule("protocol must be 'HTTP' when http is set", "has(self.http) ? self.protocol == 'HTTP' : true"),
    ],
  });
}

function httpFilters(): Schema {
  const path = record({ type: words('ReplaceFullPath', 'ReplacePrefixMatch'), replaceFullPath: text(0, 1024), replacePrefixMatch: text(0, 1024) }, ['type'], {
    xValidations: [
      rule("replaceFullPath must be specified when type is set to 'ReplaceFullPath'", "self.type == 'ReplaceFullPath' ? has(self.replaceFullPath) : true"),
      rule("type must be 'ReplaceFullPath' when replaceFullPath is set", "has(self.replaceFullPath) ? self.type == 'ReplaceFullPath' : true"),
      rule("replacePrefixMatch must be specified when type is set to 'ReplacePrefixMatch'", "self.type == 'ReplacePrefixMatch' ? has(self.replacePrefixMatch) : true"),
      rule("type must be 'ReplacePrefixMatch' when replacePrefixMatch is set", "has(self.replacePrefixMatch) ? self.type == 'ReplacePrefixMatch' : true"),
    ],
  });
  const origin = text(1, 253, { pattern: '(^\\*$)|(^(https?):\\/\\/(((\\*\\.)?([a-zA-Z0-9\\-]+\\.)*[a-zA-Z0-9-]+|\\*)(:([0-9]{1,5}|\\*))?)$)' });
  const orAll = (field: string, others: string): Schema => ({ xListType: 'set', xValidations: [rule(`${field} cannot contain '*' alongside other ${others}`, "!('*' in self && self.size() > 1)")] });
  const cors = record({
    allowOrigins: list(origin, 64, orAll('AllowOrigins', 'origins')), allowMethods: list(words('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', '*'), 9, orAll('AllowMethods', 'methods')),
    allowHeaders: list(headerName, 64, orAll('AllowHeaders', 'methods')), exposeHeaders: list(headerName, 64, { xListType: 'set' }), allowCredentials: { type: 'boolean' }, maxAge: number(1, undefined, { default: 5 }),
  });
  const fields = {
    requestHeaderModifier: 'RequestHeaderModifier', responseHeaderModifier: 'ResponseHeaderModifier', requestMirror: 'RequestMirror', requestRedirect: 'RequestRedirect', urlRewrite: 'URLRewrite', cors: 'CORS', externalAuth: 'ExternalAuth', extensionRef: 'ExtensionRef',
  };
  const filter = record({
    type: words(...Object.values(fields)), requestHeaderModifier: headerFilter, responseHeaderModifier: headerFilter, requestMirror: mirrorFilter,
    requestRedirect: record({ scheme: words('http', 'https'), hostname: preciseHostname, path, port, statusCode: { type: 'integer', enum: [301, 302, 303, 307, 308], default: 302 } }),
    urlRewrite: record({ hostname: preciseHostname, path }), cors, externalAuth: externalAuth(), extensionRef: localReference,
  }, ['type'], { xValidations: unionRules(fields) });
  return list(filter, 16, {
    xValidations: [
      rule('May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both', "!(self.exists(f, f.type == 'RequestRedirect') && self.exists(f, f.type == 'URLRewrite'))"),
      ...['CORS', 'RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite'].map(once),
    ],
  });
}

const PATH_PARTS = ['//', '/./', '/../', '%2f', '%2F', '#'];
const PATH_ENDS = ['/..', '/.'];
const PATH = "^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$";

/** Whether it is one that replaces the prefix by which the rule is matched, of which there must be one then. */
const replacesPrefix = (field: string): string => `has(f.${field}) && has(f.${field}.path) && f.${field}.path.type == 'ReplacePrefixMatch' && has(f.${field}.path.replacePrefixMatch)`;
const ONE_PREFIX = "size(self.matches) == 1 && has(self.matches[0].path) && self.matches[0].path.type == 'PathPrefix'";
const PREFIX_FILTERS = [['RequestRedirect', 'requestRedirect'], ['URLRewrite', 'urlRewrite']] as const;

export function httpRouteSchema(): Schema {
  const plain = "(self.type in ['Exact','PathPrefix'])";
  const path = record({ type: { ...words('Exact', 'PathPrefix', 'RegularExpression'), default: 'PathPrefix' }, value: text(0, 1024, { default: '/' }) }, [], {
    default: { type: 'PathPrefix', value: '/' },
    xValidations: [
      rule("value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']", `${plain} ? self.value.startsWith('/') : true`),
      ...PATH_PARTS.map((part) => rule(`must not contain '${part}' when type one of ['Exact', 'PathPrefix']`, `${plain} ? !self.value.contains('${part}') : true`)),
      ...PATH_ENDS.map((end) => rule(`must not end with '${end}' when type one of ['Exact', 'PathPrefix']`, `${plain} ? !self.value.endsWith('${end}') : true`)),
      rule(`must only contain valid characters (matching ${PATH}) for types ['Exact', 'PathPrefix']`, `${plain} ? self.value.matches(r"""${PATH}""") : true`),
    ],
  });
  const match = record({
    path, headers: keyed(valueMatch(headerName, 4096), ['name'], 16), queryParams: keyed(valueMatch(headerName, 1024), ['name'], 16),
    method: words('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'),
  });
  const filters = httpFilters();
  const rules = list(record({
    name: ruleName, matches: list(match, 64, { default: [{ path: { type: 'PathPrefix', value: '/' } }] }), filters, backendRefs: list(backendRef({ filters }), 16),
    timeouts: record({ request: duration, backendRequest: duration }, [], { xValidations: [rule('backendRequest timeout cannot be longer than request timeout', "!(has(self.request) && has(self.backendRequest) && duration(self.request) != duration('0s') && duration(self.backendRequest) > duration(self.request))")] }),
    retry: record({ codes: list({ type: 'integer', minimum: 400, maximum: 599 }, undefined, { xListType: 'set' }), attempts: { type: 'integer', minimum: 1 }, backoff: duration }), sessionPersistence,
  }, [], {
    xValidations: [
      rule('RequestRedirect filter must not be used together with backendRefs', '(has(self.backendRefs) && size(self.backendRefs) > 0) ? (!has(self.filters) || self.filters.all(f, !has(f.requestRedirect))): true'),
      ...PREFIX_FILTERS.flatMap(([type, field]) => [
        rule(`When using ${type} filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified`, `has(self.filters) && self.filters.exists_one(f, ${replacesPrefix(field)}) ? ${ONE_PREFIX} : true`),
        rule(`Within backendRefs, when using ${type} filter with path.replacePrefixMatch, exactly one PathPrefix match must be specified`, `has(self.backendRefs) && self.backendRefs.exists_one(b, has(b.filters) && b.filters.exists_one(f, ${replacesPrefix(field)})) ? ${ONE_PREFIX} : true`),
      ]),
    ],
  }), 16, { default: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }] }], minItems: 1, xValidations: [mostMatches, namedRules] });
  return whole(record({ ...commonFields({ hostnames: list(hostname, 16) }), rules }), routeStatus, ['spec']);
}

export function grpcRouteSchema(): Schema {
  const fields = { requestHeaderModifier: 'RequestHeaderModifier', responseHeaderModifier: 'ResponseHeaderModifier', requestMirror: 'RequestMirror', extensionRef: 'ExtensionRef' };
  const filters = list(record({ type: words(...Object.values(fields)), requestHeaderModifier: headerFilter, responseHeaderModifier: headerFilter, requestMirror: mirrorFilter, extensionRef: localReference }, ['type'], { xValidations: unionRules(fields) }), 16, {
    xValidations: ['RequestHeaderModifier', 'ResponseHeaderModifier'].map(once),
  });
  const method = record({ type: { ...words('Exact', 'RegularExpression'), default: 'Exact' }, service: text(0, 1024), method: text(0, 1024) }, [], {
    xValidations: [
      rule('One or both of \'service\' or \'method\' must be specified', 'has(self.type) ? has(self.service) || has(self.method) : true'),
      rule('service must only contain valid characters (matching ^(?i)\\.?[a-z_][a-z_0-9]*(\\.[a-z_][a-z_0-9]*)*$)', "(!has(self.type) || self.type == 'Exact') && has(self.service) ? self.service.matches(r\"\"\"^(?i)\\.?[a-z_][a-z_0-9]*(\\.[a-z_][a-z_0-9]*)*$\"\"\"): true"),
      rule('method must only contain valid characters (matching ^[A-Za-z_][A-Za-z_0-9]*$)', "(!has(self.type) || self.type == 'Exact') && has(self.method) ? self.method.matches(r\"\"\"^[A-Za-z_][A-Za-z_0-9]*$\"\"\"): true"),
    ],
  });
  const match = record({ method, headers: keyed(valueMatch(headerName, 4096), ['name'], 16) });
  const rules = list(record({ name: ruleName, matches: list(match, 64), filters, backendRefs: list(backendRef({ filters }), 16), sessionPersistence }), 16, { xValidations: [mostMatches, namedRules] });
  return whole(record({ ...commonFields({ hostnames: list(hostname, 16) }), rules }), routeStatus, ['spec']);
}

/** In v1 and v1alpha3 a name is needed and there is one rule; in v1alpha2 none is, and of up to 16 rules the first has all that comes. */
export function tlsRouteSchema(version: string): Schema {
  const isFormer = version === 'v1alpha2';
  const hostnames = list(hostname, 1024, { ...(isFormer ? {} : { minItems: 1 }), xValidations: [rule('Hostnames cannot contain an IP', 'self.all(h, !isIP(h))')] });
  const rules = list(record({ name: ruleName, backendRefs: list(backendRef(), 16, { minItems: 1 }) }, ['backendRefs']), isFormer ? 16 : 1, { minItems: 1 });
  return whole(record({ ...commonFields({ hostnames }), rules }, isFormer ? ['rules'] : ['hostnames', 'rules']), routeStatus, ['spec']);
}

/** Of TCPRoutes and UDPRoutes. In v1 they have one rule; in v1alpha2 up to 16, of which the first has all that comes. */
export function streamRouteSchema(version: string): Schema {
  const rules = list(record({ name: ruleName, backendRefs: list(backendRef(), 16, { minItems: 1 }) }, ['backendRefs']), version === 'v1' ? 1 : 16, { minItems: 1 });
  return whole(record({ ...commonFields({}), rules }, ['rules']), routeStatus, ['spec']);
}

export function referenceGrantSchema(): Schema {
  const from = list(record({ group: groupName(), kind: kindName(), namespace: namespaceName }, ['group', 'kind', 'namespace']), 16, { minItems: 1 });
  const to = list(record({ group: groupName(), kind: kindName(), name: objectName }, ['group', 'kind']), 16, { minItems: 1 });
  return whole(record({ from, to }, ['from', 'to']), undefined, []);
}

export function backendTlsPolicySchema(): Schema {
  const target = record({ group: groupName(), kind: kindName(), name: objectName, sectionName }, ['group', 'kind', 'name']);
  const isSaid = (type: string, field: string): Json[] => [
    rule(`SubjectAltName element must contain ${type}, if Type is set to ${type}`, `!(self.type == '${type}' && (!has(self.${field}) || self.${field} == ''))`),
    rule(`SubjectAltName element must not contain ${type}, if Type is not set to ${type}`, `!(self.type != '${type}' && has(self.${field}) && self.${field} != '')`),
  ];
  const uri = text(1, 253, { pattern: '^(([^:/?#]+):)(//([^/?#]*))([^?#]*)(\\?([^#]*))?(#(.*))?' });
  const alternative = record({ type: words('Hostname', 'URI'), hostname, uri }, ['type'], { xValidations: [...isSaid('Hostname', 'hostname'), ...isSaid('URI', 'uri')] });
  const validation = record({
    caCertificateRefs: list(localReference, 16), wellKnownCACertificates: text(1, 253), hostname: preciseHostname, subjectAltNames: list(alternative, 5),
  }, ['hostname'], {
    xValidations: [
      rule('must not contain both CACertificateRefs and WellKnownCACertificates', '!(has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0 && has(self.wellKnownCACertificates) && self.wellKnownCACertificates != "")'),
      rule('must specify either CACertificateRefs or WellKnownCACertificates', '(has(self.caCertificateRefs) && size(self.caCertificateRefs) > 0 || has(self.wellKnownCACertificates) && self.wellKnownCACertificates != "")'),
    ],
  });
  const ancestor = record({ ancestorRef: parentReference, controllerName, conditions }, ['ancestorRef', 'controllerName', 'conditions']);
  const same = "p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name";
  const distinctTargets = [
    rule('sectionName must be specified when targetRefs includes 2 or more references to the same target', `self.all(p1, self.all(p2, ${same} ? (!has(p1.sectionName) || p1.sectionName == '') == (!has(p2.sectionName) || p2.sectionName == '') : true))`),
    rule('sectionName must be unique when targetRefs includes 2 or more references to the same target', `self.all(p1, self.exists_one(p2, ${same} && (has(p1.sectionName) ? p1.sectionName : '') == (has(p2.sectionName) ? p2.sectionName : '')))`),
  ];
  return whole(record({ targetRefs: list(target, 16, { minItems: 1, xValidations: distinctTargets }), validation, options: annotationValues }, ['targetRefs', 'validation']), record({ ancestors: list(ancestor, 16) }, ['ancestors']), ['spec']);
}
