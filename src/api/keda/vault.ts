/** `hashiCorpVault` of a TriggerAuthentication. Source: kedacore/keda, apis/keda/v1alpha1, triggerauthentication_types. */
import { oneOf, struct, text } from '../schema/build.ts';
import type { Schema } from '../schema/schema.ts';

export interface VaultSecret {
  parameter: string;
  path: string;
  key: string;
  /** Default: a secret of either version, as the answer tells. */
  type?: '' | 'secret' | 'secretV2' | 'pki';
  pkiData?: { commonName?: string; altNames?: string; ipSans?: string; uriSans?: string; otherSans?: string; ttl?: string; format?: string };
}

export interface VaultSpec {
  address: string;
  authentication: 'token' | 'kubernetes';
  /** Of Vault. */
  namespace?: string;
  role?: string;
  /** Of the auth method. */
  mount?: string;
  credential?: { token?: string; tokenFrom?: { secretKeyRef: { name: string; key: string } }; serviceAccount?: string; serviceAccountName?: string };
  secrets: VaultSecret[];
}

export const vault = (): Schema => struct({
  address: text, authentication: oneOf(['token', 'kubernetes']), namespace: text, role: text, mount: text,
  credential: struct({ token: text, tokenFrom: struct({ secretKeyRef: struct({ name: text, key: text }, ['key', 'name']) }, ['secretKeyRef']), serviceAccount: text, serviceAccountName: text }),
  secrets: {
    type: 'array',
    items: struct({
      parameter: text, path: text, key: text, type: oneOf(['', 'secret', 'secretV2', 'pki']),
      pkiData: struct({ commonName: text, altNames: text, ipSans: text, uriSans: text, otherSans: text, ttl: text, format: text }),
    }, ['key', 'parameter', 'path']),
  },
}, ['address', 'authentication', 'secrets']);
