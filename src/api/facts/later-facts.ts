/**
 * Types that Kubernetes has since 1.37 and the packages of 1.36 lack, and those of networking.k8s.io/v1beta1, by which kubectl up to 1.32 describes them: facts (names, numbers, marks) of staging/src/k8s.io/api (Apache License 2.0), in
 * the lines of the generated file. Once that is made from later packages, its own lines count.
 */
import type { Module } from './fact-type.ts';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';

const top = (kind: string, fields: string): string[] => [`${kind}\to\tmetadata @${META}.ObjectMeta 1 o;${fields}`, `${kind}List\tl\tmetadata @${META}.ListMeta 1 o;items [@${kind} 2 r`];

const LATER: Readonly<Record<string, { group: string; version: string; types: readonly string[] }>> = {
  'io.k8s.api.certificates.v1': {
    group: 'certificates.k8s.io', version: 'v1',
    types: [
      ...top('ClusterTrustBundle', 'spec @ClusterTrustBundleSpec 2 r'),
      'ClusterTrustBundleSpec\t\tsignerName s 1 o;trustBundle s 2 r',
      ...top('PodCertificateRequest', 'spec @PodCertificateRequestSpec 2 r;status @PodCertificateRequestStatus 3 o'),
      'PodCertificateRequestSpec\t\tsignerName s 1 r;podName s 2 r;podUID s 3 r;serviceAccountName s 4 r;serviceAccountUID s 5 r;nodeName s 6 r;nodeUID s 7 r;maxExpirationSeconds i 8 po D=86400;stubPKCS10Request y 12 r;unverifiedUserAnnotations {s 11 o',
      `PodCertificateRequestStatus\t\tconditions [@${META}.Condition 1 o L=map K=type P=merge Q=type;certificateChain s 2 o;notBefore t 4 po;beginRefreshAt t 5 po;notAfter t 6 po`,
    ],
  },
  'io.k8s.api.storagemigration.v1': {
    group: 'storagemigration.k8s.io', version: 'v1',
    types: [
      ...top('StorageVersionMigration', 'spec @StorageVersionMigrationSpec 2 o;status @StorageVersionMigrationStatus 3 o'),
      `StorageVersionMigrationSpec\t\tresource @${META}.GroupResource 1 r`,
      `StorageVersionMigrationStatus\t\tconditions [@${META}.Condition 1 o L=map K=type P=merge Q=type;resourceVersion s 2 o`,
    ],
  },
  'io.k8s.api.networking.v1beta1': {
    group: 'networking.k8s.io', version: 'v1beta1',
    types: [
      ...top('IPAddress', 'spec @IPAddressSpec 2 ro'),
      'IPAddressSpec\t\tparentRef @ParentReference 1 rpo',
      'ParentReference\t\tgroup s 1 o;resource s 2 ro;namespace s 3 o;name s 4 ro',
      ...top('ServiceCIDR', 'spec @ServiceCIDRSpec 2 o;status @ServiceCIDRStatus 3 o'),
      'ServiceCIDRSpec\t\tcidrs [s 1 o L=atomic',
      `ServiceCIDRStatus\t\tconditions [@${META}.Condition 1 o L=map K=type P=merge Q=type`,
    ],
  },
  'io.k8s.api.resource.v1': {
    group: 'resource.k8s.io', version: 'v1',
    types: [
      ...top('DeviceTaintRule', 'spec @DeviceTaintRuleSpec 2 r;status @DeviceTaintRuleStatus 3 o'),
      'DeviceTaintRuleSpec\t\tdeviceSelector @DeviceTaintSelector 1 po;taint @DeviceTaint 2 r',
      `DeviceTaintRuleStatus\t\tconditions [@${META}.Condition 1 o L=map K=type P=merge Q=type`,
      'DeviceTaintSelector\t\tdriver s 2 po;pool s 3 po;device s 4 po',
    ],
  },
};

/** Puts them among the modules of the generated file. */
export function addLaterFacts(modules: Record<string, Module>): void {
  for (const [name, { group, version, types }] of Object.entries(LATER)) {
    const known = modules[name]?.types ?? '';
    const has = new Set(known.split('\n').map(nameOf));
    const missing = types.filter((line) => !has.has(nameOf(line)));
    modules[name] = { group, version, types: [...(known === '' ? [] : [known]), ...missing].join('\n') };
  }
}

function nameOf(line: string): string {
  return line.slice(0, line.indexOf('\t'));
}
