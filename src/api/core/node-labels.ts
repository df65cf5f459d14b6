/** Labels of nodes that others have taken the place of (pkg/api/node/util.go of upstream). */
const SUCCESSORS: Readonly<Record<string, readonly [since: string, label: string]>> = {
  'beta.kubernetes.io/arch': ['v1.14', 'kubernetes.io/arch'],
  'beta.kubernetes.io/os': ['v1.14', 'kubernetes.io/os'],
  'failure-domain.beta.kubernetes.io/region': ['v1.17', 'topology.kubernetes.io/region'],
  'failure-domain.beta.kubernetes.io/zone': ['v1.17', 'topology.kubernetes.io/zone'],
  'beta.kubernetes.io/instance-type': ['v1.17', 'node.kubernetes.io/instance-type'],
};

/** What to say to who uses the label; undefined where nothing is wrong with it. */
export function retiredLabel(label: string): string | undefined {
  const successor = Object.hasOwn(SUCCESSORS, label) ? SUCCESSORS[label] : undefined;
  return successor === undefined ? undefined : `deprecated since ${successor[0]}; use "${successor[1]}" instead`;
}
