import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { AuthenticationConfiguration, JwtAuthenticator } from '../../../api/apiserver/authentication-configuration.ts';
import { realClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import { openDoor } from '../testing/open-door.ts';
import { startOutsideIssuer, type OutsideIssuer } from '../testing/outside-issuer.ts';
import { createOutsideAuthenticator, type OutsideAuthenticator } from './authenticator.ts';
import { SIGNING_ALGORITHMS } from './signature.ts';

describe('tokens of an issuer outside', () => {
  let issuer: OutsideIssuer;
  const ending = new AbortController();

  before(async () => {
    issuer = await startOutsideIssuer();
  });

  after(async () => {
    ending.abort();
    await issuer.close();
  });

  function configuration(more: Partial<JwtAuthenticator> = {}, ofIssuer: Partial<JwtAuthenticator['issuer']> = {}): AuthenticationConfiguration {
    return {
      apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration',
      jwt: [{ issuer: { url: issuer.url, certificateAuthority: issuer.caPem, audiences: ['app'], ...ofIssuer }, claimMappings: { username: { claim: 'sub', prefix: 'oidc:' }, groups: { claim: 'groups', prefix: '' } }, ...more }],
    };
  }

  const told: string[] = [];
  let nowMs = Date.now();
  const clock = { ...realClock, nowMs: () => nowMs };
  const log = { ...silentLog, warn: (_text: string, more?: Record<string, unknown>) => void told.push(String(more?.['error'])) } as typeof silentLog;
  const authenticator = (more: Partial<JwtAuthenticator> = {}, ofIssuer: Partial<JwtAuthenticator['issuer']> = {}): OutsideAuthenticator => createOutsideAuthenticator(configuration(more, ofIssuer), { clock, log, signal: ending.signal });

  /** The user, or why there is none. */
  async function who(from: OutsideAuthenticator, token: string): Promise<unknown> {
    told.length = 0;
    nowMs += 20_000;
    return (await from.ofToken(token))?.user ?? told[0];
  }

  it('are believed by any algorithm of public keys', async () => {
    const outside = authenticator();
    for (const algorithm of SIGNING_ALGORITHMS) assert.deepEqual(await who(outside, issuer.token({ sub: 'ann', groups: ['dev', ''] }, { algorithm })), { name: 'oidc:ann', groups: ['dev', 'system:authenticated'] }, algorithm);
    assert.deepEqual(await who(outside, issuer.token({ sub: 'ann', groups: 'dev', aud: ['other', 'app'] })), { name: 'oidc:ann', groups: ['dev', 'system:authenticated'] }, 'one group, one audience of several');
    assert.deepEqual(await who(outside, issuer.token({ sub: 'ann' }, { header: { kid: undefined } })), { name: 'oidc:ann', groups: ['system:authenticated'] }, 'a key without a name');
  });

  it('are refused where anything is wrong with them', async () => {
    const outside = authenticator();
    const good = issuer.token({ sub: 'ann' });
    const [header, payload] = good.split('.');
    assert.match(String(await who(outside, `${header}.${Buffer.from(JSON.stringify({ iss: issuer.url, aud: 'app', exp: 9e9, sub: 'root' })).toString('base64url')}.${good.split('.')[2]}`)), /none of the issuer's keys signed it/);
    assert.match(String(await who(outside, `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`)), /none of the issuer's keys/);
    assert.match(String(await who(outside, issuer.token({ sub: 'root' }, { algorithm: 'HS256', key: issuer.publicKey('RS256'), header: { kid: undefined } }))), /none of the issuer's keys/, 'signed with what everybody knows');
    assert.match(String(await who(outside, issuer.token({ sub: 'ann' }, { algorithm: 'ES256', header: { alg: 'ES384', kid: undefined } }))), /none of the issuer's keys/);
    assert.match(String(await who(outside, issuer.token({ sub: 'ann', exp: Math.floor(clock.nowMs() / 1_000) }))), /it has ended/);
    assert.match(String(await who(outside, issuer.token({ sub: 'ann', exp: '9999999999' }))), /it has ended/);
    const inSeconds = (seconds: number): number => Math.floor(clock.nowMs() / 1_000) + seconds;
    for (const nbf of [inSeconds(120), String(inSeconds(-120)), {}]) assert.match(String(await who(outside, issuer.token({ sub: 'ann', nbf }))), /does not hold yet/, String(nbf));
    assert.deepEqual(await who(outside, issuer.token({ sub: 'ann', nbf: inSeconds(60) })), { name: 'oidc:ann', groups: ['system:authenticated'] }, 'clocks may differ by a minute');
    assert.match(String(await who(outside, issuer.token({ sub: 'ann', aud: 'other' }))), /it is for \["other"\]/);
    assert.ok(String(await who(outside, issuer.token({ sub: 'ann', aud: 'other'.repeat(10_000) }))).length < 300, 'strangers do not fill the log');
    assert.match(String(await who(outside, issuer.token({}))), /no claim sub/);
    assert.match(String(await who(outside, issuer.token({ sub: 7 }))), /the username is no text/);
    assert.match(String(await who(outside, issuer.token({ sub: 'ann', groups: [1] }))), /the groups are no text/);
    for (const unknown of [issuer.token({ sub: 'ann', iss: 'https://other.example' }), 'a.b.c', 'x', issuer.token({ sub: 'ann' }, { header: { crit: ['x'] } })]) assert.equal(await who(outside, unknown), undefined);
  });

  it('by new keys are believed at once, and the issuer is not asked for each token that nobody signed', async () => {
    const outside = authenticator();
    await who(outside, issuer.token({ sub: 'ann' }));
    issuer.rotate();
    assert.deepEqual(await who(outside, issuer.token({ sub: 'ann' })), { name: 'oidc:ann', groups: ['system:authenticated'] });
    issuer.asked.length = 0;
    for (let n = 0; n < 50; n += 1) assert.equal(await outside.ofToken(issuer.token({ sub: 'ann' }, { header: { kid: `made-up-${n}` } })), undefined);
    assert.ok(issuer.asked.length <= 2, `asked ${issuer.asked.length} times`);
  });

  it('wait for an issuer that cannot be reached, is not the one it should be, or is elsewhere', async () => {
    const outside = authenticator();
    const token = issuer.token({ sub: 'ann' });
    issuer.failure = { status: 503, text: '' };
    assert.match(String(await who(outside, token)), /the keys of the issuer .* cannot be had: .*the answer is 503/);
    issuer.failure = { status: 200, text: JSON.stringify({ issuer: 'https://evil.example', jwks_uri: 'https://evil.example' }) };
    assert.match(String(await who(outside, token)), /says that it is the issuer "https:\/\/evil.example"/);
    issuer.failure = { status: 200, text: '<html>' };
    assert.match(String(await who(outside, token)), /no JSON/);
    issuer.failure = undefined;
    assert.deepEqual(await who(outside, token), { name: 'oidc:ann', groups: ['system:authenticated'] });
    assert.match(String(await who(authenticator({}, { certificateAuthority: '' }), token)), /self-signed|unable to verify/);
    issuer.asked.length = 0;
    assert.deepEqual(await who(authenticator({}, { discoveryURL: `${issuer.url}/elsewhere` }), token), { name: 'oidc:ann', groups: ['system:authenticated'] });
    assert.deepEqual(issuer.asked, ['/elsewhere', '/keys']);
  });

  it('that are being judged when the configuration changes are judged to the end', async () => {
    const outside = authenticator();
    const judged = outside.ofToken(issuer.token({ sub: 'ann' }));
    outside.configure({ ...configuration(), jwt: [] });
    assert.equal((await judged)?.user.name, 'oidc:ann');
    assert.equal(await outside.ofToken(issuer.token({ sub: 'ann' })), undefined);
  });

  it('are judged and mapped by expressions', async () => {
    const outside = authenticator({
      claimValidationRules: [{ claim: 'hd', requiredValue: 'example.com' }, { expression: 'claims.exp - claims.iat <= 86400', message: 'tokens live a day at most' }],
      claimMappings: {
        username: { expression: "claims.?email_verified.orValue(true) ? claims.email + ':outside' : ''" },
        groups: { expression: "claims.roles.split(',')" },
        uid: { expression: 'claims.sub' },
        extra: [{ key: 'example.com/tenant', valueExpression: 'claims.tenant' }, { key: 'example.com/none', valueExpression: "claims.?nothing.orValue('')" }],
      },
      userValidationRules: [{ expression: "!user.username.startsWith('system:')", message: 'reserved' }, { expression: "user.groups.all(group, group != 'root')", message: 'no roots' }],
    });
    const now = Math.floor(clock.nowMs() / 1_000);
    const claims = { sub: '42', hd: 'example.com', iat: now, exp: now + 3_600, email: 'ann@example.com', roles: 'dev,ops', tenant: ['blue', 'green'] };
    assert.deepEqual(await who(outside, issuer.token(claims)), { name: 'ann@example.com:outside', uid: '42', groups: ['dev', 'ops', 'system:authenticated'], extra: { 'example.com/tenant': ['blue', 'green'] } });
    assert.match(String(await who(outside, issuer.token({ ...claims, hd: 'example.org' }))), /required claim hd value does not match/);
    assert.match(String(await who(outside, issuer.token({ ...claims, exp: now + 90_000 }))), /failed: tokens live a day at most/);
    assert.match(String(await who(outside, issuer.token({ ...claims, email_verified: false }))), /the username is no text, or an empty one/);
    assert.match(String(await who(outside, issuer.token({ ...claims, email: 'system:admin' }))), /failed: reserved/);
    assert.match(String(await who(outside, issuer.token({ ...claims, roles: 'root' }))), /failed: no roots/);
    const byEmail = authenticator({ claimMappings: { username: { claim: 'email', prefix: '' } } });
    assert.match(String(await who(byEmail, issuer.token({ email: 'ann@example.com', email_verified: false }))), /email not verified/);
    assert.deepEqual(await who(byEmail, issuer.token({ email: 'ann@example.com' })), { name: 'ann@example.com', groups: ['system:authenticated'] });
  });

  it('are asked for at the door, in reviews of tokens and on WebSockets, and another configuration counts at once', async () => {
    const outside = createOutsideAuthenticator(configuration(), { clock: realClock, log, signal: ending.signal });
    const door = await openDoor({ outside });
    try {
      const token = issuer.token({ sub: 'ann', groups: ['dev'] });
      const me = await door.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { token, body: { kind: 'SelfSubjectReview', apiVersion: 'authentication.k8s.io/v1' } });
      assert.deepEqual(me.json.status.userInfo, { username: 'oidc:ann', groups: ['dev', 'system:authenticated'] });
      assert.match((await door.call('GET', '/api/v1/namespaces/default/pods', { token })).text, /User \\"oidc:ann\\" cannot list/);
      await door.call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', { body: { metadata: { name: 'dev' }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' }, subjects: [{ kind: 'Group', name: 'dev', apiGroup: 'rbac.authorization.k8s.io' }] } });
      await door.call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', { body: { metadata: { name: 'cluster-admin' }, rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] } });
      assert.equal((await door.call('GET', '/api/v1/namespaces/default/configmaps', { token })).status, 200);
      const protocol = `base64url.bearer.authorization.k8s.io.${Buffer.from(issuer.token({ sub: 'bob', groups: ['dev'] })).toString('base64url')}, v4.channel.k8s.io`;
      assert.equal((await door.call('GET', '/api/v1/namespaces/default/configmaps', { token: '', headers: { 'sec-websocket-protocol': protocol } })).status, 200);
      const review = async (spec: object): Promise<unknown> => (await door.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', spec } })).json.status;
      const { authenticated, user, audiences } = (await review({ token: issuer.token({ sub: 'cyd' }) })) as { authenticated: boolean; user: { username: string }; audiences: string[] };
      assert.deepEqual([authenticated, user.username, audiences], [true, 'oidc:cyd', [door.identity.tokens.issuer]]);
      assert.equal(((await review({ token, audiences: ['other'] })) as { authenticated?: boolean }).authenticated, undefined);
      assert.equal((await door.call('GET', '/api', { token: issuer.token({ sub: 'ann', aud: 'other' }) })).status, 401);
      outside.configure({ ...configuration(), jwt: [] });
      assert.equal((await door.call('GET', '/api', { token: issuer.token({ sub: 'dan' }) })).status, 401);
    } finally {
      await door.close();
    }
  });
});
