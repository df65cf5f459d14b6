/**
 * A registry on this machine, off by default: Debian's docker-registry on loopback, for one user whose password is made here. Pods of this machine pull
 * from it without further ado, by the Secret kube-system/local-registry, which the node adds to what pods show.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Secret } from '../../api/core/secret.ts';
import { isApiError } from '../../api/errors.ts';
import { localRegistryAddress } from '../../base/sys/registries.ts';
import { run, start } from '../../base/sys/run.ts';
import { defineModule, type ModuleContext } from '../../sdk/module.ts';

const USER = 'llmos';
const NAMESPACE = 'kube-system';
const NAME = 'local-registry';
const PROGRAM = 'docker-registry';
const END_MS = 5_000;
/** setpriv found no such program. */
const NOT_FOUND = 127;

export default defineModule({
  name: 'registry',
  description: 'A registry of images on this machine, for itself',
  needs: [Secret],
  writes: [Secret],
  run: runRegistry,
});

async function runRegistry(context: ModuleContext): Promise<void> {
  const host = localRegistryAddress(context.config);
  const folder = context.machine.stateFolder;
  const auth = credentials(folder, host);
  await announce(context, auth);
  // It must not outlive a kill of llmos: the next one would find its port taken.
  const child = start('setpriv', ['--pdeathsig', 'KILL', PROGRAM, 'serve', await writeConfiguration(folder, host, auth)], { stdio: 'ignore' });
  context.report({ address: host });
  const ended = new Promise<string>((settle) => {
    child.once('error', (error) => settle(error.message));
    child.once('exit', (code, signal) => settle((code === NOT_FOUND ? `the program ${PROGRAM} is not installed: 'apt-get install ${PROGRAM}'` : `${PROGRAM} ended (${signal ?? code}); is the port of ${host} free?`)));
  });
  const stop = (): void => {
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), END_MS).unref();
  };
  if (context.signal.aborted) stop();
  else context.signal.addEventListener('abort', stop, { once: true });
  const why = await ended;
  context.signal.removeEventListener('abort', stop);
  if (!context.signal.aborted) throw new Error(why);
}

interface Auth {
  password: string;
  /** A docker config.json. */
  config: string;
}

/** Kept in `auth.json`, which `llmos image push` reads too. */
function credentials(folder: string, host: string): Auth {
  const file = join(folder, 'password');
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o600 });
  const password = readFileSync(file, 'utf8');
  const config = JSON.stringify({ auths: { [host]: { auth: Buffer.from(`${USER}:${password}`).toString('base64') } } });
  writeFileSync(join(folder, 'auth.json'), config, { mode: 0o600 });
  return { password, config };
}

async function announce({ client }: ModuleContext, { config }: Auth): Promise<void> {
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: NAME, namespace: NAMESPACE }, type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': Buffer.from(config).toString('base64') } };
  try {
    await client.create(Secret, secret);
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error;
    const { metadata } = await client.get(Secret, NAME, { namespace: NAMESPACE });
    await client.update(Secret, { ...secret, metadata });
  }
}

/** On loopback only, in plain HTTP; the registry takes passwords as bcrypt, which the C library makes. */
async function writeConfiguration(folder: string, host: string, { password }: Auth): Promise<string> {
  const salt = randomBytes(16).toString('base64').replaceAll('+', '.').slice(0, 21);
  const hash = await run('perl', ['-e', 'chomp(my @in = <STDIN>); print crypt($in[0], $in[1])'], { input: `${password}\n$2y$10$${salt}u\n` });
  if (!hash.startsWith('$2y$')) throw new Error('this machine cannot make bcrypt passwords (libcrypt)');
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'htpasswd'), `${USER}:${hash}\n`, { mode: 0o600 });
  const file = join(folder, 'config.yml');
  writeFileSync(file, JSON.stringify({
    version: '0.1', log: { level: 'error', accesslog: { disabled: true } }, storage: { filesystem: { rootdirectory: data }, delete: { enabled: true } },
    http: { addr: host }, auth: { htpasswd: { realm: 'llmos', path: join(folder, 'htpasswd') } },
  }), { mode: 0o600 });
  return file;
}
