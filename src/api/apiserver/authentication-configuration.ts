/**
 * AuthenticationConfiguration (apiserver.config.k8s.io/v1): whose JSON Web Tokens say who somebody is, and what of their claims becomes name and groups
 * (upstream: apiserver/pkg/apis/apiserver/validation).
 */
import { X509Certificate } from 'node:crypto';
import { cel } from '../cel/lazy.ts';
import { duplicate, invalid, required, tooMany, type FieldError } from '../field-error.ts';
import { struct, text, texts } from '../schema/build.ts';
import { checkFields, strictDecodingError, unknownField } from '../schema/check-fields.ts';
import { validateSchema } from '../schema/validate.ts';
import type { Schema } from '../schema/schema.ts';
import { claimsEnvironment, scopeOf, type Seen } from './claim-expressions.ts';

export interface AuthenticationConfiguration {
  apiVersion: string;
  kind: 'AuthenticationConfiguration';
  jwt?: JwtAuthenticator[];
  anonymous?: { enabled: boolean; conditions?: { path: string }[] };
}

export interface JwtAuthenticator {
  issuer: {
    /** What `iss` must be; below it is `/.well-known/openid-configuration`, where discoveryURL names no other place. */
    url: string;
    discoveryURL?: string;
    /** PEM; default the authorities that the machine trusts. */
    certificateAuthority?: string;
    /** One of them must be in `aud`. */
    audiences: string[];
    /** MatchAny, which has to be said where there are several. */
    audienceMatchPolicy?: string;
  };
  claimValidationRules?: { claim?: string; requiredValue?: string; expression?: string; message?: string }[];
  claimMappings: {
    username: PrefixedClaimOrExpression;
    groups?: PrefixedClaimOrExpression;
    uid?: { claim?: string; expression?: string };
    extra?: { key: string; valueExpression: string }[];
  };
  userValidationRules?: { expression: string; message?: string }[];
}

export interface PrefixedClaimOrExpression { claim?: string; prefix?: string; expression?: string }

const VERSIONS = ['v1', 'v1beta1', 'v1alpha1'].map((version) => `apiserver.config.k8s.io/${version}`);
const MOST_ISSUERS = 64;
/** What anybody may read here without a name; no file can open more. */
const OPEN_PATHS = /^\/(healthz|livez|readyz|version)(\/|$)/;

const claimOrExpression = struct({ claim: text, prefix: text, expression: text });
const list = (fields: Readonly<Record<string, Schema>>): Schema => ({ type: 'array', items: struct(fields) });
const SCHEMA: Schema = struct({
  apiVersion: text, kind: text,
  jwt: {
    type: 'array',
    items: struct({
      issuer: struct({ url: text, discoveryURL: text, certificateAuthority: text, audiences: texts, audienceMatchPolicy: text }),
      claimValidationRules: list({ claim: text, requiredValue: text, expression: text, message: text }),
      claimMappings: struct({ username: claimOrExpression, groups: claimOrExpression, uid: struct({ claim: text, expression: text }), extra: list({ key: text, valueExpression: text }) }, ['username']),
      userValidationRules: list({ expression: text, message: text }),
    }, ['issuer', 'claimMappings']),
  },
  anonymous: struct({ enabled: { type: 'boolean' }, conditions: list({ path: text }) }, ['enabled']),
}, ['apiVersion', 'kind']);

/** A parsed document to a configuration. Throws an Error that says all that is wrong. `disallowedIssuers` speak for others already. */
export function checkAuthentication(document: unknown, disallowedIssuers: readonly string[]): AuthenticationConfiguration {
  const { apiVersion, kind } = (document ?? {}) as { apiVersion?: unknown; kind?: unknown };
  if (!VERSIONS.includes(String(apiVersion)) || kind !== 'AuthenticationConfiguration') throw new Error(`it must be of apiVersion ${VERSIONS[0]} and kind AuthenticationConfiguration, not ${String(apiVersion)} ${String(kind)}`);
  const { unknown } = checkFields(SCHEMA, document);
  if (unknown.length > 0) throw new Error(strictDecodingError(unknown.map(unknownField)));
  const shape = validateSchema(SCHEMA, document);
  const errors = shape.length > 0 ? shape : authenticationErrors(document as AuthenticationConfiguration, disallowedIssuers);
  if (errors.length > 0) throw new Error(errors.map(({ field, message }) => `${field}: ${message}`).join('; '));
  return document as AuthenticationConfiguration;
}

function authenticationErrors({ jwt = [], anonymous }: AuthenticationConfiguration, disallowedIssuers: readonly string[]): FieldError[] {
  if (jwt.length > MOST_ISSUERS) return [tooMany('jwt', jwt.length, MOST_ISSUERS)];
  const errors = jwt.flatMap((each, index) => jwtErrors(each, `jwt[${index}]`, disallowedIssuers));
  errors.push(...repeated(jwt.map(({ issuer }) => issuer.url), (index) => `jwt[${index}].issuer.url`), ...repeated(jwt.map(({ issuer }) => issuer.discoveryURL), (index) => `jwt[${index}].issuer.discoveryURL`));
  if (anonymous !== undefined) errors.push(...anonymousErrors(anonymous));
  return errors;
}

/** Here who is nobody sees what says that the server is well, and no more. */
function anonymousErrors({ enabled, conditions = [] }: NonNullable<AuthenticationConfiguration['anonymous']>): FieldError[] {
  if (enabled && conditions.length > 0 && conditions.every(({ path }) => OPEN_PATHS.test(path))) return [];
  return [invalid('anonymous', { enabled, conditions }, 'requests without a name are answered at /healthz, /livez, /readyz and /version, and nowhere else: leave it out, or name these paths')];
}

function jwtErrors({ issuer, claimMappings, claimValidationRules = [], userValidationRules = [] }: JwtAuthenticator, path: string, disallowedIssuers: readonly string[]): FieldError[] {
  return [
    ...issuerErrors(issuer, `${path}.issuer`, disallowedIssuers),
    ...claimRuleErrors(claimValidationRules, `${path}.claimValidationRules`),
    ...mappingErrors(claimMappings, `${path}.claimMappings`),
    ...emailErrors(claimMappings, claimValidationRules, `${path}.claimMappings`),
    ...userRuleErrors(userValidationRules, `${path}.userValidationRules`),
  ];
}

function issuerErrors({ url, discoveryURL = '', audiences = [], audienceMatchPolicy = '', certificateAuthority = '' }: JwtAuthenticator['issuer'], path: string, disallowedIssuers: readonly string[]): FieldError[] {
  const errors = url ? urlErrors(url, `${path}.url`) : [required(`${path}.url`)];
  if (disallowedIssuers.includes(url)) errors.push(invalid(`${path}.url`, url, `URL must not overlap with disallowed issuers: [${disallowedIssuers.join(' ')}]`));
  if (discoveryURL !== '') {
    const bare = (each: string): string => each.replace(/\/+$/, '');
    if (url && bare(url) === bare(discoveryURL)) errors.push(invalid(`${path}.discoveryURL`, discoveryURL, 'discoveryURL must be different from URL'));
    errors.push(...urlErrors(discoveryURL, `${path}.discoveryURL`));
  }
  if (audiences.length === 0) errors.push(required(`${path}.audiences`, `at least one ${path}.audiences is required`));
  audiences.forEach((each, index) => each === '' && errors.push(required(`${path}.audiences[${index}]`)));
  errors.push(...repeated(audiences, (index) => `${path}.audiences[${index}]`));
  if (audiences.length > 1 && audienceMatchPolicy !== 'MatchAny') errors.push(invalid(`${path}.audienceMatchPolicy`, audienceMatchPolicy, 'audienceMatchPolicy must be MatchAny for multiple audiences'));
  if (audiences.length === 1 && !['', 'MatchAny'].includes(audienceMatchPolicy)) errors.push(invalid(`${path}.audienceMatchPolicy`, audienceMatchPolicy, 'audienceMatchPolicy must be empty or MatchAny for single audience'));
  if (certificateAuthority !== '' && !isCertificate(certificateAuthority)) errors.push(invalid(`${path}.certificateAuthority`, '<omitted>', 'data does not contain any valid RSA or ECDSA certificates'));
  return errors;
}

function urlErrors(given: string, path: string): FieldError[] {
  let url: URL;
  try {
    url = new URL(given);
  } catch (error) {
    return [invalid(path, given, (error as Error).message)];
  }
  return [
    ...(url.protocol === 'https:' ? [] : ['URL scheme must be https']),
    ...(url.username === '' && url.password === '' ? [] : ['URL must not contain a username or password']),
    ...(url.search === '' ? [] : ['URL must not contain a query']),
    ...(url.hash === '' ? [] : ['URL must not contain a fragment']),
  ].map((detail) => invalid(path, given, detail));
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

function claimRuleErrors(rules: NonNullable<JwtAuthenticator['claimValidationRules']>, path: string): FieldError[] {
  const errors = rules.flatMap(({ claim = '', requiredValue = '', expression = '', message = '' }, index) => {
    const at = `${path}[${index}]`;
    if (claim !== '' && expression !== '') return [invalid(at, claim, "claim and expression can't both be set")];
    if (claim === '' && expression === '') return [required(at, 'claim or expression is required')];
    if (claim !== '') return message === '' ? [] : [invalid(`${at}.message`, message, 'may not be specified when claim is set')];
    return [...(requiredValue === '' ? [] : [invalid(`${at}.requiredValue`, requiredValue, 'may not be specified when expression is set')]), ...expressionErrors(expression, `${at}.expression`, 'claims', 'bool')];
  });
  return [...errors, ...repeated(rules.map(({ claim }) => claim), (index) => `${path}[${index}].claim`), ...repeated(rules.map(({ expression }) => expression), (index) => `${path}[${index}].expression`)];
}

function userRuleErrors(rules: NonNullable<JwtAuthenticator['userValidationRules']>, path: string): FieldError[] {
  const errors = rules.flatMap(({ expression }, index) => (expression ? expressionErrors(expression, `${path}[${index}].expression`, 'user', 'bool') : [required(`${path}[${index}].expression`)]));
  return [...errors, ...repeated(rules.map(({ expression }) => expression), (index) => `${path}[${index}].expression`)];
}

function mappingErrors({ username, groups = {}, uid = {}, extra = [] }: JwtAuthenticator['claimMappings'], path: string): FieldError[] {
  const errors = [...claimOrExpressionErrors(username, `${path}.username`, true), ...claimOrExpressionErrors(groups, `${path}.groups`, false)];
  if (uid.claim && uid.expression) errors.push(invalid(`${path}.uid`, '', "claim and expression can't both be set"));
  else if (uid.expression) errors.push(...expressionErrors(uid.expression, `${path}.uid.expression`, 'claims'));
  extra.forEach(({ key = '', valueExpression = '' }, index) => {
    const at = `${path}.extra[${index}]`;
    errors.push(...extraKeyErrors(key, `${at}.key`), ...(valueExpression === '' ? [required(`${at}.valueExpression`)] : expressionErrors(valueExpression, `${at}.valueExpression`, 'claims')));
  });
  return [...errors, ...repeated(extra.map(({ key }) => key), (index) => `${path}.extra[${index}].key`)];
}

function claimOrExpressionErrors({ claim = '', prefix, expression = '' }: PrefixedClaimOrExpression, path: string, isNeeded: boolean): FieldError[] {
  if (claim !== '' && expression !== '') return [invalid(path, '', "claim and expression can't both be set")];
  if (expression !== '') return [...(prefix === undefined ? [] : [invalid(`${path}.prefix`, prefix, 'may not be specified when expression is set')]), ...expressionErrors(expression, `${path}.expression`, 'claims')];
  if (claim !== '') return prefix === undefined ? [required(`${path}.prefix`, 'prefix is required when claim is set. It can be set to an empty string to disable prefixing')] : [];
  return isNeeded ? [required(path, 'claim or expression is required')] : [];
}

const DOMAIN_PATH = /^(?=[^/]{1,253}\/)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;

function extraKeyErrors(key: string, path: string): FieldError[] {
  if (key === '') return [required(path)];
  if (key !== key.toLowerCase()) return [invalid(path, key, 'must be lowercase')];
  if (!DOMAIN_PATH.test(key)) return [invalid(path, key, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  return /^([^/]*\.)?(kubernetes|k8s)\.io\//.test(key) ? [invalid(path, key, 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use')] : [];
}

/** An address that nobody has verified says nothing of who somebody is. */
function emailErrors({ username, extra = [] }: JwtAuthenticator['claimMappings'], rules: NonNullable<JwtAuthenticator['claimValidationRules']>, path: string): FieldError[] {
  const names = (expression: string | undefined, claim: string): boolean => new RegExp(String.raw`\bclaims\s*\.\s*\??\s*${claim}\b`).test(withoutTexts(expression ?? ''));
  const looking = [username.expression, ...extra.map(({ valueExpression }) => valueExpression), ...rules.map(({ expression }) => expression)];
  if (!names(username.expression, 'email') || looking.some((each) => names(each, 'email_verified'))) return [];
  return [invalid(`${path}.username.expression`, username.expression, 'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression')];
}

/** What stands in quotation marks names no claim. */
function withoutTexts(expression: string): string {
  return expression.replace(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'/g, '""');
}

function expressionErrors(expression: string, path: string, seen: Seen, result?: string): FieldError[] {
  const { compileExpression, checkExpression, showIssues, declaredName } = cel();
  const environment = claimsEnvironment(seen);
  try {
    compileExpression(environment, expression);
  } catch (error) {
    return [invalid(path, expression, (error as Error).message)];
  }
  const { type, issues } = checkExpression(environment, scopeOf(seen), expression);
  if (issues.length > 0) return [invalid(path, expression, `compilation failed: ${showIssues(issues, expression)}`)];
  return result === undefined || declaredName(type) === result ? [] : [invalid(path, expression, `must evaluate to ${result}`)];
}

function repeated(values: readonly (string | undefined)[], at: (index: number) => string): FieldError[] {
  const seen = new Set<string>();
  return values.flatMap((value, index) => {
    if (value === undefined || value === '') return [];
    const before = seen.has(value);
    seen.add(value);
    return before ? [duplicate(at(index), value)] : [];
  });
}
