import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkAuthentication } from './authentication-configuration.ts';

type Document = Record<string, unknown>;
const mappings: Document = { username: { claim: 'sub', prefix: '' } };
const issuer: Document = { url: 'https://issuer.example', audiences: ['app'] };

function wrong(jwt: Document, more: Document = {}): string {
  try {
    checkAuthentication({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', jwt: [{ issuer, claimMappings: mappings, ...jwt }], ...more }, ['https://own.example']);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

test('a configuration that is right', () => {
  assert.equal(wrong({}), '');
  assert.equal(wrong({}, { jwt: [] }), '', 'nobody yet');
  assert.equal(wrong({}, { apiVersion: 'apiserver.config.k8s.io/v1beta1' }), '');
  assert.equal(wrong({ issuer: { ...issuer, audiences: ['a', 'b'], audienceMatchPolicy: 'MatchAny', discoveryURL: 'https://elsewhere.example/oidc' } }), '');
  assert.equal(wrong({ claimMappings: { username: { expression: "claims.email_verified ? claims.email : 'nobody'" }, groups: { expression: 'claims.groups' }, uid: { claim: 'sub' }, extra: [{ key: 'example.com/team', valueExpression: 'claims.team' }] } }), '');
  assert.equal(wrong({ claimValidationRules: [{ claim: 'hd', requiredValue: 'example.com' }, { expression: "claims.hd == 'x'", message: 'no' }], userValidationRules: [{ expression: "!user.username.startsWith('system:')" }] }), '');
  assert.equal(wrong({}, { anonymous: { enabled: true, conditions: [{ path: '/livez' }, { path: '/healthz' }] } }), '', 'what is open in any case');
});

test('what is wrong with one is said by its path', () => {
  const told: [RegExp, string][] = [
    [/apiVersion apiserver.config.k8s.io\/v1 and kind AuthenticationConfiguration, not v1 Pod/, wrong({}, { apiVersion: 'v1', kind: 'Pod' })],
    [/unknown field "jwt\[0\].issuers"/, wrong({ issuers: [] })],
    [/claimMappings: Required value/, wrong({ claimMappings: undefined })],
    [/jwt\[0\].issuer.url: Invalid value: "http:\/\/x.example": URL scheme must be https/, wrong({ issuer: { ...issuer, url: 'http://x.example' } })],
    [/must not contain a username or password/, wrong({ issuer: { ...issuer, url: 'https://a:b@x.example' } })],
    [/must not contain a query/, wrong({ issuer: { ...issuer, url: 'https://x.example?a=b' } })],
    [/must not contain a fragment/, wrong({ issuer: { ...issuer, url: 'https://x.example#a' } })],
    [/URL must not overlap with disallowed issuers: \[https:\/\/own.example\]/, wrong({ issuer: { ...issuer, url: 'https://own.example' } })],
    [/discoveryURL must be different from URL/, wrong({ issuer: { ...issuer, discoveryURL: 'https://issuer.example/' } })],
    [/jwt\[0\].issuer.audiences: Required value: at least one jwt\[0\].issuer.audiences is required/, wrong({ issuer: { ...issuer, audiences: [] } })],
    [/audiences\[1\]: Duplicate value: "a"/, wrong({ issuer: { ...issuer, audiences: ['a', 'a'], audienceMatchPolicy: 'MatchAny' } })],
    [/audienceMatchPolicy must be MatchAny for multiple audiences/, wrong({ issuer: { ...issuer, audiences: ['a', 'b'] } })],
    [/certificateAuthority: Invalid value: "<omitted>"/, wrong({ issuer: { ...issuer, certificateAuthority: 'nothing' } })],
    [/jwt\[1\].issuer.url: Duplicate value/, wrong({}, { jwt: [{ issuer, claimMappings: mappings }, { issuer, claimMappings: mappings }] })],
    [/username: Required value: claim or expression is required/, wrong({ claimMappings: { username: {} } })],
    [/username.prefix: Required value: prefix is required when claim is set/, wrong({ claimMappings: { username: { claim: 'sub' } } })],
    [/groups: Invalid value: "": claim and expression can't both be set/, wrong({ claimMappings: { ...mappings, groups: { claim: 'a', expression: 'claims.a' } } })],
    [/groups.prefix: Invalid value: "x": may not be specified when expression is set/, wrong({ claimMappings: { ...mappings, groups: { prefix: 'x', expression: 'claims.a' } } })],
    [/username.expression: Invalid value: .*compilation failed/, wrong({ claimMappings: { username: { expression: 'claims.' } } })],
    [/undeclared reference to 'user'/i, wrong({ claimMappings: { username: { expression: 'user.username' } } })],
    [/claims.email_verified must be used/, wrong({ claimMappings: { username: { expression: 'claims.email' } } })],
    [/^$/, wrong({ claimMappings: { username: { expression: "claims.sub + 'claims.email'" } } })],
    [/^$/, wrong({ claimMappings: { username: { expression: 'claims.email' } }, claimValidationRules: [{ expression: 'claims.?email_verified.orValue(true) == true' }] })],
    [/claimValidationRules\[0\].expression: Invalid value: "claims.hd": must evaluate to bool/, wrong({ claimValidationRules: [{ expression: 'claims.hd' }] })],
    [/claimValidationRules\[0\]: Required value: claim or expression is required/, wrong({ claimValidationRules: [{}] })],
    [/message: Invalid value: "no": may not be specified when claim is set/, wrong({ claimValidationRules: [{ claim: 'a', message: 'no' }] })],
    [/claimValidationRules\[1\].claim: Duplicate value: "a"/, wrong({ claimValidationRules: [{ claim: 'a' }, { claim: 'a' }] })],
    [/userValidationRules\[0\].expression: Required value/, wrong({ userValidationRules: [{ message: 'x' }] })],
    [/undefined field 'nickname'/, wrong({ userValidationRules: [{ expression: "user.nickname == ''" }] })],
    [/extra\[0\].key: Invalid value: "team": must be a domain-prefixed path/, wrong({ claimMappings: { ...mappings, extra: [{ key: 'team', valueExpression: 'claims.team' }] } })],
    [/extra\[0\].key: Invalid value: "example.com\/Team": must be lowercase/, wrong({ claimMappings: { ...mappings, extra: [{ key: 'example.com/Team', valueExpression: 'claims.team' }] } })],
    [/are reserved for Kubernetes use/, wrong({ claimMappings: { ...mappings, extra: [{ key: 'authentication.kubernetes.io/a', valueExpression: 'claims.team' }] } })],
    [/valueExpression: Required value/, wrong({ claimMappings: { ...mappings, extra: [{ key: 'example.com/a' }] } })],
    [/anonymous: Invalid value: .*answered at \/healthz, \/livez, \/readyz and \/version, and nowhere else/, wrong({}, { anonymous: { enabled: true } })],
    [/anonymous: Invalid value/, wrong({}, { anonymous: { enabled: true, conditions: [{ path: '/metrics' }] } })],
  ];
  for (const [pattern, message] of told) assert.match(message, pattern);
});
