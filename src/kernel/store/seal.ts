/**
 * Values that are sealed on the disk: in memory they are what they are, in the database and in every copy of it what only the keys open. The forms are upstream's
 * (apiserver/pkg/storage/value: `k8s:enc:PROVIDER:v1:KEY:` and what the provider makes).
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { StoreError } from './store.ts';

/** How values get on the disk and back. */
export interface Seal {
  /** What is written in the place of the value. */
  close(key: string, value: Buffer): Buffer;
  /** The value that was written. Throws `sealed` where no key opens it. */
  open(key: string, written: Uint8Array): Buffer;
  /** Whether it would be written in the same way today. */
  isCurrent(key: string, written: Uint8Array): boolean;
}

export interface SealingKey {
  provider: 'aesgcm' | 'aescbc';
  name: string;
  /** 16, 24 or 32 bytes. */
  secret: Buffer;
}

/** How the values of one resource are written and read: by the first key, or plainly where that is undefined; and read by any. */
export type Sealing = readonly (SealingKey | undefined)[];

const PREFIX = 'k8s:enc:';
const GCM_NONCE_BYTES = 12;
const GCM_TAG_BYTES = 16;
const CBC_IV_BYTES = 16;

/** Whether it is a sealed value: what is not is JSON, and begins otherwise. */
export function isSealed(written: Uint8Array): boolean {
  return written[0] === PREFIX.charCodeAt(0);
}

/** `sealingOf` by the resource of a key, `/core/secrets/`; undefined for those that are written plainly. */
export function createSeal(sealingOf: (key: string) => Sealing | undefined): Seal {
  return {
    close(key, value) {
      const first = sealingOf(key)?.[0];
      return first === undefined || value.length === 0 ? value : closed(first, key, value);
    },
    open(key, written) {
      const bytes = Buffer.from(written.buffer, written.byteOffset, written.byteLength);
      if (!isSealed(written)) return bytes;
      const found = sealingOf(key)?.find((each) => each !== undefined && bytes.subarray(0, headOf(each).length).equals(headOf(each)));
      if (found === undefined) throw unopened(key, bytes, 'no key of that name is configured');
      try {
        return opened(found, key, bytes);
      } catch (error) {
        throw unopened(key, bytes, `the key of that name is another one, or the value was changed (${(error as Error).message})`);
      }
    },
    isCurrent(key, written) {
      const first = sealingOf(key)?.[0];
      if (written.length === 0) return true;
      return first === undefined ? !isSealed(written) : Buffer.from(written.buffer, written.byteOffset, written.byteLength).subarray(0, headOf(first).length).equals(headOf(first));
    },
  };
}

/** Where nothing is to be sealed: what was sealed before is not passed on as if it were an object. */
export const UNSEALED: Seal = createSeal(() => undefined);

const heads = new WeakMap<SealingKey, Buffer>();

function headOf(key: SealingKey): Buffer {
  let head = heads.get(key);
  if (head === undefined) heads.set(key, (head = Buffer.from(`${PREFIX}${key.provider}:v1:${key.name}:`)));
  return head;
}

/** With GCM a value opens under its own key of the store alone, so that no row can be put in another's place. */
function closed(key: SealingKey, path: string, value: Buffer): Buffer {
  if (key.provider === 'aesgcm') {
    const nonce = randomBytes(GCM_NONCE_BYTES);
    const cipher = createCipheriv(`aes-${key.secret.length * 8}-gcm` as 'aes-256-gcm', key.secret, nonce).setAAD(Buffer.from(path));
    return Buffer.concat([headOf(key), nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
  }
  const iv = randomBytes(CBC_IV_BYTES);
  const cipher = createCipheriv(`aes-${key.secret.length * 8}-cbc`, key.secret, iv);
  return Buffer.concat([headOf(key), iv, cipher.update(value), cipher.final()]);
}

function opened(key: SealingKey, path: string, bytes: Buffer): Buffer {
  const body = bytes.subarray(headOf(key).length);
  if (key.provider === 'aesgcm') {
    const [nonce, tag] = [body.subarray(0, GCM_NONCE_BYTES), body.subarray(body.length - GCM_TAG_BYTES)];
    const decipher = createDecipheriv(`aes-${key.secret.length * 8}-gcm` as 'aes-256-gcm', key.secret, nonce, { authTagLength: GCM_TAG_BYTES }).setAAD(Buffer.from(path)).setAuthTag(tag);
    return Buffer.concat([decipher.update(body.subarray(GCM_NONCE_BYTES, body.length - GCM_TAG_BYTES)), decipher.final()]);
  }
  const decipher = createDecipheriv(`aes-${key.secret.length * 8}-cbc`, key.secret, body.subarray(0, CBC_IV_BYTES));
  return Buffer.concat([decipher.update(body.subarray(CBC_IV_BYTES)), decipher.final()]);
}

function unopened(key: string, bytes: Buffer, why: string): StoreError {
  const [provider = '', , name = ''] = bytes.subarray(PREFIX.length, PREFIX.length + 300).toString('latin1').split(':');
  return new StoreError('sealed', `${key} is sealed by the key ${JSON.stringify(name)} of ${provider}, and cannot be opened: ${why}. Nothing was changed. Name that key again in the file of store.encryptionConfig, after those that are newer`, { key });
}
