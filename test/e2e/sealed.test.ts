/** A whole instance whose Secrets are sealed on the disk, and which believes an issuer outside: what the configuration names is what it does. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startOutsideIssuer, type OutsideIssuer } from '../../src/kernel/apiserver/testing/outside-issuer.ts';
import { bootInstance, type CommandResult, type Instance } from '../fixtures/instance.ts';

const WORD = 'very-secret-indeed';

describe('sealed Secrets and users of an issuer outside', () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-sealed-'));
  const [encryption, authentication] = [join(folder, 'encryption.yaml'), join(folder, 'authentication.yaml')];
  let instance: Instance;
  let issuer: OutsideIssuer;

  function sealBy(...names: string[]): void {
    const keys = names.map((name) => ({ name, secret: Buffer.alloc(32, name).toString('base64') }));
    const resources = [{ resources: ['secrets'], providers: [{ aesgcm: { keys } }] }];
    writeFileSync(encryption, JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources }), { mode: 0o600 });
  }

  /** What stands of it in the files of the store. */
  function disclosed(text: string): string[] {
    return readdirSync(join(instance.state, 'store')).filter((file) => readFileSync(join(instance.state, 'store', file)).includes(text));
  }

  async function ok(asked: Promise<CommandResult>): Promise<string> {
    const { code, stdout, stderr } = await asked;
    assert.equal(code, 0, stderr);
    return stdout;
  }

  before(async () => {
    issuer = await startOutsideIssuer();
    sealBy('first');
    const jwt = [{ issuer: { url: issuer.url, audiences: ['app'], certificateAuthority: issuer.caPem }, claimMappings: { username: { claim: 'sub', prefix: 'login:' } } }];
    writeFileSync(authentication, JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', jwt }));
    instance = await bootInstance({ config: `store: { encryptionConfig: ${encryption} }\napiServer: { authenticationConfig: ${authentication} }\n` });
  });

  after(async () => {
    await instance.destroy();
    await issuer.close();
    rmSync(folder, { recursive: true });
  });

  it('knows who comes with a token of the issuer', async () => {
    assert.match(await ok(instance.kubectl('auth', 'whoami', `--token=${issuer.token({ sub: 'ann' })}`)), /login:ann/);
    assert.notEqual((await instance.kubectl('auth', 'whoami', `--token=${issuer.token({ sub: 'ann', aud: 'other' })}`)).code, 0);
  });

  it('keeps nothing of a Secret in its files that can be read, and takes another key with its next start', async () => {
    const [encoded, read] = [Buffer.from(WORD).toString('base64'), (): Promise<string> => ok(instance.kubectl('get', 'secret', 'one', '-o', 'jsonpath={.data.word}'))];
    await ok(instance.kubectl('create', 'secret', 'generic', 'one', `--from-literal=word=${WORD}`));
    await ok(instance.kubectl('create', 'configmap', 'plain', `--from-literal=word=plain-${WORD}`));
    await instance.kill();
    assert.deepEqual(disclosed(encoded), []);
    assert.notDeepEqual(disclosed(`plain-${WORD}`), [], 'it is looked for where it would be');
    assert.notDeepEqual(disclosed('k8s:enc:aesgcm:v1:first:'), []);
    sealBy('second', 'first');
    await instance.boot();
    assert.equal(await read(), encoded);
    await instance.kill();
    assert.deepEqual([disclosed(encoded), disclosed('k8s:enc:aesgcm:v1:first:')], [[], []]);
    sealBy('second');
    await instance.boot();
    assert.equal(await read(), encoded);
  });
});
