/** How objects are sealed on the disk, by the EncryptionConfiguration that the configuration names. */
import { readFileSync, statSync } from 'node:fs';
import { checkEncryption, type EncryptionConfiguration, type EncryptionProvider } from '../api/apiserver/encryption-configuration.ts';
import { createSeal, type Seal, type Sealing, type SealingKey } from '../kernel/store/index.ts';

/** Throws an Error that says what is wrong with the file. */
export async function openSeal(file: string): Promise<Seal> {
  try {
    if ((statSync(file).mode & 0o077) !== 0) throw new Error('others than its owner may read it: chmod 600 it, and think of its keys as known');
    return createSeal(sealingOf(checkEncryption(await read(file))));
  } catch (error) {
    throw new Error(`the encryption configuration ${file} cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

/** What the parser says of a text shows the line, and a secret with it: told is where that is. */
async function read(file: string): Promise<unknown> {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(readFileSync(file, 'utf8'), { logLevel: 'silent' });
  const [fault] = document.errors;
  if (fault !== undefined) throw new Error(`line ${fault.linePos?.[0].line ?? 1} is no YAML (${fault.code})`);
  return document.toJS();
}

/** By the key of an object in the store, `/GROUP/PLURAL/...`: of the entries that name its resource the first counts. */
export function sealingOf({ resources }: EncryptionConfiguration): (key: string) => Sealing | undefined {
  const entries = resources.map(({ resources: names, providers }) => ({ names, sealing: providers.flatMap(keysOf) }));
  const known = new Map<string, Sealing | undefined>();
  return (key) => {
    const resource = key.slice(1, key.indexOf('/', key.indexOf('/', 1) + 1));
    if (!known.has(resource)) known.set(resource, entries.find(({ names }) => names.some((name) => isNamed(name, resource)))?.sealing);
    return known.get(resource);
  };
}

/** `secrets` is of the core group, `*.apps` all of one group, `*.` all of the core group, `*.*` all. */
function isNamed(name: string, resource: string): boolean {
  const [group, plural] = resource.split('/');
  const point = name.indexOf('.');
  const [wantedPlural, wantedGroup] = point < 0 ? [name, ''] : [name.slice(0, point), name.slice(point + 1)];
  return (wantedPlural === '*' || wantedPlural === plural) && (wantedGroup === '*' || (wantedGroup || 'core') === group);
}

function keysOf({ aesgcm, aescbc }: EncryptionProvider): Sealing {
  const of = (provider: SealingKey['provider'], { keys }: NonNullable<EncryptionProvider['aesgcm']>): SealingKey[] => keys.map(({ name, secret }) => ({ provider, name, secret: Buffer.from(secret, 'base64') }));
  if (aesgcm !== undefined) return of('aesgcm', aesgcm);
  return aescbc === undefined ? [undefined] : of('aescbc', aescbc);
}
