/** Detached signatures by tokens: JSON Web Signature with HS256, its content left out (RFC 7515, appendix F). */
import { createHmac } from 'node:crypto';

const SIGNATURE_PREFIX = 'jws-kubeconfig-';

export function detachedSignature(content: string, id: string, secret: string): string {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: id })).toString('base64url');
  const signed = `${header}.${Buffer.from(content).toString('base64url')}`;
  return `${header}..${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/** Pure: the data of cluster-info with a signature for each token, and no other. Without a kubeconfig there is nothing to sign. */
export function signedData(data: Readonly<Record<string, string>>, tokens: readonly { id: string; secret: string }[]): Record<string, string> {
  const { kubeconfig } = data;
  if (kubeconfig === undefined) return { ...data };
  const rest = Object.entries(data).filter(([key]) => !key.startsWith(SIGNATURE_PREFIX));
  return Object.fromEntries([...rest, ...tokens.map(({ id, secret }) => [`${SIGNATURE_PREFIX}${id}`, detachedSignature(kubeconfig, id, secret)] as const)]);
}
