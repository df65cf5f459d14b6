/** What is wrong with webhooks, and with what they share with policies, in upstream's words (admissionregistration validation). */
import { cel } from '../cel/lazy.ts';
import { duplicate, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import type { MatchCondition, MutatingWebhook, NamedRuleWithOperations, RuleWithOperations, ServiceReference, ValidatingWebhook } from '../generated/admissionregistration-v1.ts';
import { dns1035LabelErrors, dns1123SubdomainErrors, labelKeyErrors, pathSegmentErrors } from '../names.ts';
import { matcherOfSelector } from '../selector.ts';
import type { LabelSelector } from '../meta.ts';
import type { Type } from '../cel/index.ts';
import { admissionEnvironment, admissionScope, WEBHOOK_VARIABLES, type AdmissionVariables } from './expressions.ts';

type Webhook = MutatingWebhook | ValidatingWebhook;
const REVIEW_VERSIONS = ['v1', 'v1beta1'];
const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const MAX_MATCH_CONDITIONS = 64;

export function webhookErrors(configuration: { webhooks?: readonly Webhook[] }, old: { webhooks?: readonly Webhook[] } | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, webhook] of (configuration.webhooks ?? []).entries()) {
    const path = `webhooks[${index}]`;
    errors.push(...errorsOf(webhook, path, old));
    if (names.has(webhook.name)) errors.push(duplicate(`${path}.name`, webhook.name));
    names.add(webhook.name);
  }
  return errors;
}

function errorsOf(webhook: Webhook, path: string, old: { webhooks?: readonly Webhook[] } | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const oneOf = (key: keyof MutatingWebhook, allowed: readonly string[]): void => {
    const value = (webhook as MutatingWebhook)[key] as string | undefined;
    if (value !== undefined && !allowed.includes(value)) errors.push(notSupported(`${path}.${key}`, value, allowed));
  };
  errors.push(...nameErrors(webhook.name ?? '', `${path}.name`));
  for (const [index, rule] of (webhook.rules ?? []).entries()) errors.push(...ruleErrors(rule, `${path}.rules[${index}]`));
  oneOf('failurePolicy', ['Fail', 'Ignore']);
  oneOf('matchPolicy', ['Equivalent', 'Exact']);
  if (!webhook.sideEffects) errors.push(required(`${path}.sideEffects`, 'must specify one of None, NoneOnDryRun'));
  else oneOf('sideEffects', ['None', 'NoneOnDryRun']);
  const seconds = webhook.timeoutSeconds;
  if (seconds !== undefined && (seconds > 30 || seconds < 1)) errors.push(invalid(`${path}.timeoutSeconds`, seconds, 'the timeout value must be between 1 and 30 seconds'));
  errors.push(...selectorErrors(webhook.namespaceSelector, `${path}.namespaceSelector`), ...selectorErrors(webhook.objectSelector, `${path}.objectSelector`));
  oneOf('reinvocationPolicy', ['IfNeeded', 'Never']);
  errors.push(...clientErrors(webhook.clientConfig ?? {}, `${path}.clientConfig`));
  const known = new Set((old?.webhooks ?? []).flatMap((each) => (each.matchConditions ?? []).map(({ expression }) => expression)));
  errors.push(...matchConditionErrors(webhook.matchConditions ?? [], `${path}.matchConditions`, WEBHOOK_VARIABLES, known));
  return [...errors, ...reviewVersionErrors(webhook.admissionReviewVersions ?? [], `${path}.admissionReviewVersions`)];
}

function nameErrors(name: string, path: string): FieldError[] {
  if (name === '') return [required(path)];
  const faults = dns1123SubdomainErrors(name);
  if (faults.length > 0) return [invalid(path, name, faults.join(','))];
  return name.split('.').length < 3 ? [invalid(path, name, 'should be a domain with at least three segments separated by dots')] : [];
}

export function ruleErrors(rule: RuleWithOperations & Pick<NamedRuleWithOperations, 'resourceNames'>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const operations = rule.operations ?? [];
  if (operations.length === 0) errors.push(required(`${path}.operations`));
  if (operations.length > 1 && operations.includes('*')) errors.push(invalid(`${path}.operations`, operations, "if '*' is present, must not specify other operations"));
  for (const [index, operation] of operations.entries()) if (!OPERATIONS.includes(operation)) errors.push(notSupported(`${path}.operations[${index}]`, operation, OPERATIONS));
  for (const key of ['apiGroups', 'apiVersions', 'resources'] as const) {
    const values = rule[key] ?? [];
    if (values.length === 0) errors.push(required(`${path}.${key}`));
    const anything = key === 'resources' ? '*/*' : '*';
    if (values.length > 1 && values.includes(anything)) errors.push(invalid(`${path}.${key}`, values, `if '${anything}' is present, must not specify other ${key === 'apiGroups' ? 'API groups' : key === 'apiVersions' ? 'API versions' : 'resources'}`));
    for (const [index, value] of values.entries()) if (value === '' && key !== 'apiGroups') errors.push(required(`${path}.${key}[${index}]`));
  }
  for (const [index, name] of (rule.resourceNames ?? []).entries()) {
    errors.push(...pathSegmentErrors(name).map((text) => invalid(`${path}.resourceNames[${index}]`, name, text)));
    if (rule.resourceNames!.indexOf(name) < index) errors.push(duplicate(`${path}.resourceNames[${index}]`, name));
  }
  errors.push(...wildcardErrors(rule.resources ?? [], `${path}.resources`));
  if (rule.scope !== undefined && !['*', 'Cluster', 'Namespaced'].includes(rule.scope)) errors.push(notSupported(`${path}.scope`, rule.scope, ['*', 'Cluster', 'Namespaced']));
  return errors;
}

/** Nothing may stand beside what a wildcard says already. */
function wildcardErrors(resources: readonly string[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, resource] of resources.entries()) {
    const [name, ...sub] = resource.split('/');
    if (sub.length === 0) continue;
    for (const wider of [`${name}/*`, `*/${sub.join('/')}`]) if (resources.indexOf(wider) >= 0 && resources.indexOf(wider) < index) errors.push(invalid(`${path}[${index}]`, resource, `if '${wider}' is present, must not specify ${resource}`));
  }
  if (resources.includes('*') && resources.some((each) => each !== '*' && each !== '' && !each.includes('/'))) errors.push(invalid(path, resources, "if '*' is present, must not specify other resources without subresources"));
  return errors;
}

export function selectorErrors(selector: LabelSelector | undefined, path: string): FieldError[] {
  if (selector === undefined) return [];
  try {
    matcherOfSelector(selector);
    return [];
  } catch (error) {
    return [invalid(path, selector, (error as Error).message)];
  }
}

function clientErrors(config: Webhook['clientConfig'], path: string): FieldError[] {
  const { url, service } = config;
  if ((url === undefined || url === null) === (service === undefined || service === null)) return [required(path, 'exactly one of url or service is required')];
  return url === undefined || url === null ? serviceErrors(service!, `${path}.service`) : urlErrors(url, `${path}.url`);
}

/** Of admission and conversion webhooks alike. */
export function urlErrors(text: string, path: string): FieldError[] {
  const form = '; desired format: https://host[/path]';
  if (!URL.canParse(text)) return [required(path, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid URI for request${form}`)];
  const url = new URL(text);
  const errors: FieldError[] = [];
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== 'https') errors.push(invalid(path, scheme, `'https' is the only allowed URL scheme${form}`));
  if (url.host === '') errors.push(invalid(path, url.host, `host must be specified${form}`));
  if (url.username !== '' || url.password !== '') errors.push(invalid(path, url.username, `user information is not permitted in the URL${form}`));
  if (url.hash !== '') errors.push(invalid(path, url.hash.slice(1), `fragments are not permitted in the URL${form}`));
  if (url.search !== '') errors.push(invalid(path, url.search.slice(1), `query parameters are not permitted in the URL${form}`));
  return errors;
}

export function serviceErrors(service: Partial<ServiceReference>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!service.name) errors.push(required(`${path}.name`, 'service name is required'));
  if (!service.namespace) errors.push(required(`${path}.namespace`, 'service namespace is required'));
  const { port, path: urlPath } = service;
  if (port !== undefined && (port < 1 || port > 65_535)) errors.push(invalid(`${path}.port`, port, 'port is not valid: must be between 1 and 65535, inclusive'));
  if (urlPath && !urlPath.startsWith('/')) errors.push(invalid(`${path}.path`, urlPath, "must start with a '/'"));
  return errors;
}

function reviewVersionErrors(versions: readonly string[], path: string): FieldError[] {
  const list = REVIEW_VERSIONS.join(', ');
  if (versions.length === 0) return [required(path, `must specify one of ${list}`)];
  const errors: FieldError[] = [];
  for (const [index, version] of versions.entries()) {
    if (versions.indexOf(version) < index) errors.push(invalid(`${path}[${index}]`, version, 'duplicate version'));
    else errors.push(...dns1035LabelErrors(version).map((text) => invalid(`${path}[${index}]`, version, text)));
  }
  if (!versions.some((version) => REVIEW_VERSIONS.includes(version))) errors.push(invalid(path, versions, `must include at least one of ${list}`));
  return errors;
}

/** Expressions in `known` were accepted before. */
export function matchConditionErrors(conditions: readonly MatchCondition[], path: string, variables: AdmissionVariables, known: ReadonlySet<string> = new Set()): FieldError[] {
  const errors: FieldError[] = [];
  if (conditions.length > MAX_MATCH_CONDITIONS) errors.push({ type: 'FieldValueTooMany', field: path, message: `Too many: ${conditions.length}: must have at most ${MAX_MATCH_CONDITIONS} items` });
  const names = new Set<string>();
  for (const [index, { name = '', expression = '' }] of conditions.slice(0, MAX_MATCH_CONDITIONS).entries()) {
    const at = `${path}[${index}]`;
    if (expression.trim() === '') errors.push(required(`${at}.expression`));
    else if (!known.has(expression)) errors.push(...expressionErrors(expression.trim(), `${at}.expression`, variables, ['bool']));
    if (name === '') errors.push(required(`${at}.name`));
    else errors.push(...labelKeyErrors(name).map((text) => invalid(`${at}.name`, name, text)));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
  }
  return errors;
}

/** `results` are the types that the expression may have, default any; `prepare` makes of it what the evaluator knows. */
export function expressionErrors(expression: string, path: string, variables: AdmissionVariables, results: readonly string[], prepare?: (expression: string) => string): FieldError[] {
  return checkedExpression(expression, path, variables, results, prepare).errors;
}

/** The type of an expression that is right, in cel-go's words. */
export function checkedExpression(expression: string, path: string, variables: AdmissionVariables, results: readonly string[], prepare: (expression: string) => string = (text) => text): { errors: FieldError[]; type?: Type } {
  const environment = admissionEnvironment(variables);
  const wrong = (detail: string): { errors: FieldError[] } => ({ errors: [invalid(path, expression, detail)] });
  let prepared: string;
  try {
    prepared = prepare(expression);
    cel().compileExpression(environment, prepared);
  } catch (error) {
    return wrong((error as Error).message);
  }
  const { type, issues } = cel().checkExpression(environment, admissionScope(variables), prepared);
  if (issues.length > 0) return wrong(`compilation failed: ${cel().showIssues(issues, prepared)}`);
  const shown = cel().declaredName(type);
  if (results.length === 0 || results.includes(shown)) return { errors: [], type };
  return wrong(`${results.length === 1 ? `must evaluate to ${results[0]}` : `must evaluate to one of [${results.join(' ')}]`} but got ${shown}`);
}
