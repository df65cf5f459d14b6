/** Authorities by which clients and backends are known: of ConfigMaps (`ca.crt`) and of ClusterTrustBundles. Pure. */
import { CERTIFICATES } from '../../api/certificates/certificate-signing-request.ts';
import { certificateOf, pemBlock, pemBlocks } from '../../api/certificates/pem.ts';
import type { Observed } from './observed.ts';
import type { Failure } from './references.ts';

/** PEM; undefined for a kind that holds no authorities. `namespace` is that of ConfigMaps. */
export function authorityFrom(observed: Pick<Observed, 'configMap' | 'trustBundle'>, { group, kind, name }: { group: string; kind: string; name: string }, namespace: string): string | Failure | undefined {
  const sought = `${group}/${kind}`;
  if (sought !== '/ConfigMap' && sought !== `${CERTIFICATES}/ClusterTrustBundle`) return undefined;
  const isMap = kind === 'ConfigMap';
  const text = isMap ? observed.configMap(`${namespace}/${name}`)?.data?.['ca.crt'] : observed.trustBundle(name)?.spec?.trustBundle;
  const pem = text === undefined ? undefined : certificatesIn(text);
  if (pem !== undefined) return pem;
  const called = isMap ? `ConfigMap '${namespace}/${name}'` : `ClusterTrustBundle '${name}'`;
  return { reason: 'InvalidCACertificateRef', message: `${called} ${text !== undefined ? 'holds what is no certificate' : isMap ? 'not found, or without ca.crt' : 'not found'}` };
}

/** Of a text with nothing but certificates and explanations these, written anew: HAProxy takes no configuration at all, of nobody, with a file that it cannot read. */
function certificatesIn(text: string): string | undefined {
  const blocks = pemBlocks(text);
  const isWhole = blocks.length > 0 && blocks.length === text.split('-----BEGIN ').length - 1;
  if (!isWhole || blocks.some((each) => each.type !== 'CERTIFICATE' || certificateOf(each) === undefined)) return undefined;
  return blocks.map(({ bytes }) => pemBlock('CERTIFICATE', bytes)).join('');
}
