/** Parts that the schemas of the Gateway API have in common. Bounds, patterns and defaults are those of its specification. */
import type { Json } from '../meta.ts';
import type { Schema } from '../schema/schema.ts';

export const GROUP = 'gateway.networking.k8s.io';

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;

export const text = (minLength = 0, maxLength?: number, more: Schema = {}): Schema => ({ type: 'string', ...(minLength > 0 ? { minLength } : {}), ...(maxLength === undefined ? {} : { maxLength }), ...more });
export const number = (minimum: number, maximum?: number, more: Schema = {}): Schema => ({ type: 'integer', format: 'int32', minimum, ...(maximum === undefined ? {} : { maximum }), ...more });
export const record = (properties: Record<string, Schema>, required: readonly string[] = [], more: Schema = {}): Schema => ({ type: 'object', properties, ...(required.length > 0 ? { required } : {}), ...more });
export const list = (items: Schema, maxItems?: number, more: Schema = {}): Schema => ({ type: 'array', items, xListType: 'atomic', ...(maxItems === undefined ? {} : { maxItems }), ...more });
export const keyed = (items: Schema, keys: readonly string[], maxItems?: number, more: Schema = {}): Schema => list(items, maxItems, { xListType: 'map', xListMapKeys: keys, ...more });
export const words = (...all: string[]): Schema => ({ type: 'string', enum: all });
/** A rule in CEL with what is said when it does not hold. */
export const rule = (message: string, expression: string): Json => ({ message, rule: expression });

export const kindName = (more: Schema = {}): Schema => text(1, 63, { pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$', ...more });
export const groupName = (more: Schema = {}): Schema => text(0, 253, { pattern: `^$|^${SUBDOMAIN}$`, ...more });
export const objectName: Schema = text(1, 253);
export const namespaceName: Schema = text(1, 63, { pattern: `^${LABEL}$` });
export const sectionName: Schema = text(1, 253, { pattern: `^${SUBDOMAIN}$` });
export const hostname: Schema = text(1, 253, { pattern: `^(\\*\\.)?${SUBDOMAIN}$` });
export const preciseHostname: Schema = text(1, 253, { pattern: `^${SUBDOMAIN}$` });
export const duration: Schema = text(0, undefined, { pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' });
export const headerName: Schema = text(1, 256, { pattern: "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$" });
export const port: Schema = number(1, 65_535);
export const annotationValues: Schema = { type: 'object', additionalProperties: text(0, 4096), maxProperties: 16 };
const controllerName: Schema = text(1, 253, { pattern: `^${SUBDOMAIN}\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+$` });
export { controllerName };

export const secretReference: Schema = record({ group: groupName({ default: '' }), kind: kindName({ default: 'Secret' }), name: objectName, namespace: namespaceName }, ['name']);
export const objectReference: Schema = record({ group: groupName(), kind: kindName(), name: objectName, namespace: namespaceName }, ['group', 'kind', 'name']);
export const localReference: Schema = record({ group: groupName(), kind: kindName(), name: objectName }, ['group', 'kind', 'name']);
export const parentReference: Schema = record({
  group: groupName({ default: GROUP }), kind: kindName({ default: 'Gateway' }), namespace: namespaceName, name: objectName, sectionName, port,
}, ['name']);

const PORT_RULE = rule('Must have port for Service reference', "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true");
const backendFields = { group: groupName({ default: '' }), kind: kindName({ default: 'Service' }), name: objectName, namespace: namespaceName, port };
export const backendObject: Schema = record(backendFields, ['name'], { xValidations: [PORT_RULE] });
export function backendRef(more: Record<string, Schema> = {}): Schema {
  return record({ ...backendFields, weight: number(0, 1_000_000, { default: 1 }), ...more }, ['name'], { xValidations: [PORT_RULE] });
}

const condition: Schema = record({
  type: text(1, 316, { pattern: `^(${SUBDOMAIN}/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$` }), status: words('True', 'False', 'Unknown'),
  observedGeneration: { type: 'integer', format: 'int64', minimum: 0 }, lastTransitionTime: { type: 'string', format: 'date-time' },
  reason: text(1, 1024, { pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$' }), message: text(0, 32_768),
}, ['lastTransitionTime', 'message', 'reason', 'status', 'type']);
export const conditions: Schema = keyed(condition, ['type'], 8);

export const routeStatus: Schema = record({
  parents: list(record({ parentRef: parentReference, controllerName, conditions: keyed(condition, ['type'], 8) }, ['parentRef', 'controllerName']), 32),
}, ['parents']);

// `namespace` is a reserved word of CEL.
const DISTINCT_PARENTS = [
  rule('sectionName or port must be specified when parentRefs includes 2 or more references to the same parent', "self.all(p1, self.all(p2, p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name && (((!has(p1.__namespace__) || p1.__namespace__ == '') && (!has(p2.__namespace__) || p2.__namespace__ == '')) || (has(p1.__namespace__) && has(p2.__namespace__) && p1.__namespace__ == p2.__namespace__)) ? ((!has(p1.sectionName) || p1.sectionName == '') == (!has(p2.sectionName) || p2.sectionName == '') && (!has(p1.port) || p1.port == 0) == (!has(p2.port) || p2.port == 0)) : true))"),
  rule('sectionName or port must be unique when parentRefs includes 2 or more references to the same parent', `self.all(p1, self.exists_one(p2, ${[['group', "''"], ['kind', "''"], ['name', "''"], ['__namespace__', "''"], ['sectionName', "''"], ['port', '0']].map(([field, none]) => `(has(p1.${field}) ? p1.${field} : ${none}) == (has(p2.${field}) ? p2.${field} : ${none})`).join(' && ')}))`),
];
/** `parentRefs` and, where the kind has them, `hostnames`. */
export function commonFields(how: { hostnames?: Schema }): Record<string, Schema> {
  return { parentRefs: list(parentReference, 32, { xValidations: DISTINCT_PARENTS }), ...how };
}

export const ruleName: Schema = sectionName;

const header = record({ name: headerName, value: text(1, 4096) }, ['name', 'value']);
export const headerFilter: Schema = record({ set: keyed(header, ['name'], 16), add: keyed(header, ['name'], 16), remove: list(text(), 16, { xListType: 'set' }) });

export const mirrorFilter: Schema = record({
  backendRef: backendObject, percent: number(0, 100),
  fraction: record({ numerator: number(0), denominator: number(1, undefined, { default: 100 }) }, ['numerator'], { xValidations: [rule('numerator must be less than or equal to denominator', 'self.numerator <= self.denominator')] }),
}, ['backendRef'], { xValidations: [rule('Only one of percent or fraction may be specified in HTTPRequestMirrorFilter', '!(has(self.percent) && has(self.fraction))')] });

/** The rules that `type` and its field go together. */
export function unionRules(fields: Readonly<Record<string, string>>): Json[] {
  return Object.entries(fields).flatMap(([field, type]) => [
    rule(`filter.${field} must be nil if the filter.type is not ${type}`, `!(has(self.${field}) && self.type != '${type}')`),
    rule(`filter.${field} must be specified for ${type} filter.type`, `!(!has(self.${field}) && self.type == '${type}')`),
  ]);
}

export const once = (type: string): Json => rule(`${type} filter cannot be repeated`, `self.filter(f, f.type == '${type}').size() <= 1`);

const MOST_RULES = 16;
const each = Array.from({ length: MOST_RULES }, (_, at) => `(self.size() > ${at} && has(self[${at}].matches) ? self[${at}].matches.size() : 0)`);
/** Of the rules of a route. */
export const mostMatches = rule('While 16 rules and 64 matches per rule are allowed, the total number of matches across all rules in a route must be less than 128', `${each.join(' + ')} <= 128`);
export const namedRules = rule('Rule name must be unique within the route', 'self.all(l1, !has(l1.name) || self.exists_one(l2, has(l2.name) && l1.name == l2.name))');

/** Labels or annotations that are to be put on objects. */
export function metadataKeys(what: 'Label' | 'Annotation', values: Schema): Schema {
  return { type: 'object', additionalProperties: values, maxProperties: 8, xValidations: [
    rule(`${what} keys must be in the form of an optional DNS subdomain prefix followed by a required name segment of up to 63 characters.`, `self.all(key, key.matches(r"""^(${SUBDOMAIN}/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$"""))`),
    rule(`If specified, the ${what.toLowerCase()} key's prefix must be a DNS subdomain not longer than 253 characters in total.`, "self.all(key, key.split('/')[0].size() < 253)"),
  ] };
}

/** What a status says of conditions that nobody has judged yet. */
export const pending = (types: readonly string[]): Json => ({ conditions: types.map((type) => ({ type, status: 'Unknown', reason: 'Pending', message: 'Waiting for controller', lastTransitionTime: '1970-01-01T00:00:00Z' })) });

export const sessionPersistence: Schema = record({
  sessionName: text(0, 128), absoluteTimeout: duration, idleTimeout: duration, type: { ...words('Cookie', 'Header'), default: 'Cookie' },
  cookieConfig: record({ lifetimeType: { ...words('Permanent', 'Session'), default: 'Session' } }),
}, [], { xValidations: [
  rule('AbsoluteTimeout must be specified when cookie lifetimeType is Permanent', "!has(self.cookieConfig) || !has(self.cookieConfig.lifetimeType) || self.cookieConfig.lifetimeType != 'Permanent' || has(self.absoluteTimeout)"),
] });

export const labelSelector: Schema = record({
  matchLabels: { type: 'object', additionalProperties: text() },
  matchExpressions: list(record({ key: text(), operator: text(), values: list(text()) }, ['key', 'operator'])),
}, [], { xMapType: 'atomic' });
