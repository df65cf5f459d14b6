/** The administrator's kubeconfig (client-go clientcmd v1 Config), as YAML with everything embedded. */
import type { KeyAndCertificate } from './certificates.ts';

export function kubeconfigText(options: { url: string; caPem: string; admin: KeyAndCertificate; name?: string }): string {
  const name = options.name ?? 'llmos';
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return `apiVersion: v1
kind: Config
clusters:
- name: ${name}
  cluster:
    server: ${options.url}
    certificate-authority-data: ${base64(options.caPem)}
users:
- name: ${name}-admin
  user:
    client-certificate-data: ${base64(options.admin.certificatePem)}
    client-key-data: ${base64(options.admin.keyPem)}
contexts:
- name: ${name}
  context:
    cluster: ${name}
    user: ${name}-admin
    namespace: default
current-context: ${name}
preferences: {}
`;
}
