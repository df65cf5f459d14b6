/** Which requests a rule, a selector and a match of webhooks and policies mean (upstream: admission/plugin/webhook/predicates). */
import type { NamedRuleWithOperations, RuleWithOperations } from '../../api/generated/admissionregistration-v1.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject, LabelSelector } from '../../api/meta.ts';
import { matcherOfSelector, type LabelMatcher } from '../../api/selector.ts';
import type { AdmissionRequest, ServedKinds } from '../../sdk/module.ts';

export interface Matching {
  rules: readonly (RuleWithOperations & Pick<NamedRuleWithOperations, 'resourceNames'>)[];
  excludeRules?: readonly (RuleWithOperations & Pick<NamedRuleWithOperations, 'resourceNames'>)[];
  matchPolicy?: string;
  namespaceSelector?: LabelSelector;
  objectSelector?: LabelSelector;
}

/** What selectors need to know of the namespace that a request is about. */
export interface Place {
  /** Undefined for what is in no namespace. */
  namespace: KubeObject | undefined;
}

/** The kind in which the webhook or policy wants to see the object; undefined when the request is not meant. */
export function matchedKind(matching: Matching, request: AdmissionRequest, place: Place, kinds: ServedKinds): Kind | undefined {
  if (!matchesNamespace(matching.namespaceSelector, request, place) || !matchesObject(matching.objectSelector, request)) return undefined;
  if ((matching.excludeRules ?? []).some((rule) => matchesRule(rule, request, request.kind))) return undefined;
  if (matching.rules.some((rule) => matchesRule(rule, request, request.kind))) return request.kind;
  if (matching.matchPolicy === 'Exact') return undefined;
  return equivalents(request.kind, kinds).find((kind) => matching.rules.some((rule) => matchesRule(rule, request, kind)) && !(matching.excludeRules ?? []).some((rule) => matchesRule(rule, request, kind)));
}

/** The same objects under other versions or groups. */
function equivalents(kind: Kind, kinds: ServedKinds): Kind[] {
  const group = kind.storageGroup ?? kind.group;
  return kinds.list().filter((each) => each !== kind && each.plural === kind.plural && (each.storageGroup ?? each.group) === group);
}

function matchesRule(rule: Matching['rules'][number], request: AdmissionRequest, kind: Kind): boolean {
  const has = (values: readonly string[] | undefined, value: string): boolean => values?.some((each) => each === '*' || each === value) === true;
  const names = rule.resourceNames ?? [];
  return has(rule.operations, request.operation) && has(rule.apiGroups, kind.group) && has(rule.apiVersions, kind.version)
    && matchesScope(rule.scope, kind) && (rule.resources ?? []).some((each) => matchesResource(each, ...namedBy(request, kind)))
    && (names.length === 0 || names.includes(request.name ?? ''));
}

function matchesScope(scope: string | undefined, kind: Kind): boolean {
  if (scope === 'Namespaced') return kind.namespaced;
  // A namespace is cluster-wide, though it is also the place that it is itself in.
  return scope === 'Cluster' ? !kind.namespaced : true;
}

/** The resource and subresource by which a request is known. */
export function namedBy({ resource, subresource = '' }: AdmissionRequest, kind: Kind): [plural: string, subresource: string] {
  return resource === undefined ? [kind.plural, subresource] : [resource, ''];
}

/** `pods`, `pods/status`, `*`, every pair, `pods/*`. */
function matchesResource(pattern: string, plural: string, subresource: string): boolean {
  const [resource = '', below = ''] = pattern.split('/');
  return (resource === '*' || resource === plural) && (below === '*' || below === subresource);
}

const matchers = new WeakMap<LabelSelector, LabelMatcher>();

function matcherOf(selector: LabelSelector): LabelMatcher {
  let matcher = matchers.get(selector);
  if (matcher === undefined) matchers.set(selector, (matcher = matcherOfSelector(selector)));
  return matcher;
}

function isEmpty(selector: LabelSelector | undefined): selector is undefined {
  return selector === undefined || ((selector.matchExpressions ?? []).length === 0 && Object.keys(selector.matchLabels ?? {}).length === 0);
}

function matchesNamespace(selector: LabelSelector | undefined, request: AdmissionRequest, { namespace }: Place): boolean {
  if (isEmpty(selector)) return true;
  const { kind } = request;
  if (kind.group === '' && kind.plural === 'namespaces') return matcherOf(selector).matches((request.subresource ? request.oldObject : (request.object ?? request.oldObject))?.metadata.labels);
  return namespace === undefined || matcherOf(selector).matches(namespace.metadata.labels);
}

function matchesObject(selector: LabelSelector | undefined, { object, oldObject }: AdmissionRequest): boolean {
  if (isEmpty(selector)) return true;
  return [object, oldObject].some((each) => each?.metadata !== undefined && matcherOf(selector).matches(each.metadata.labels));
}
