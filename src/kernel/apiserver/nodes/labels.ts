/** Which labels a node may not give itself: those by which workloads are kept away from it or drawn to it (k8s.io/kubelet/pkg/apis, well_known_labels.go). Pure. */

const RESTRICTED = 'node-restriction.kubernetes.io';
const ITS_DOMAINS = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
const ITS_LABELS = new Set([
  'kubernetes.io/hostname', 'kubernetes.io/os', 'kubernetes.io/arch', 'beta.kubernetes.io/os', 'beta.kubernetes.io/arch', 'beta.kubernetes.io/instance-type', 'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/zone', 'topology.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/region', 'failure-domain.kubernetes.io/zone', 'failure-domain.kubernetes.io/region',
]);

type Labels = Readonly<Record<string, string>>;

/** Those that differ, and may not; sorted. */
export function forbiddenLabels(now: Labels, before: Labels): string[] {
  const changed = [...new Set([...Object.keys(now), ...Object.keys(before)])].filter((key) => now[key] !== before[key]);
  return changed.filter(isForbidden).sort();
}

function isForbidden(label: string): boolean {
  const domain = label.includes('/') ? label.slice(0, label.indexOf('/')) : '';
  if (isWithin(domain, RESTRICTED)) return true;
  if (!isWithin(domain, 'kubernetes.io') && !isWithin(domain, 'k8s.io')) return false;
  return !ITS_LABELS.has(label) && !ITS_DOMAINS.some((each) => isWithin(domain, each));
}

function isWithin(domain: string, parent: string): boolean {
  return domain === parent || domain.endsWith(`.${parent}`);
}
