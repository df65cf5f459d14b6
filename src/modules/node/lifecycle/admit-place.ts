/** Whether a pod may be on this node at all, whoever bound it there: labels, ports of the machine, and taints that would make it leave (upstream: the kubelet's generalFilter, AdmissionCheck). Pure. */
import type { ContainerPort, Node, Pod } from '../../../api/generated/core-v1.ts';
import { requiredNodes } from '../../../api/node-selection.ts';
import { untolerated } from '../../../api/tolerations.ts';
import { mirrored } from '../mirror.ts';
import type { Refusal } from './admit.ts';

/** The first of what speaks against it, in the scheduler's words. Static pods run whatever taints there are. */
export function misplaced(pod: Pod, node: Node, others: readonly Pod[]): Refusal | undefined {
  if (!suitsLabels(pod, node)) return refused('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");
  const ports = machinePorts(pod);
  if (ports.length > 0 && others.flatMap(machinePorts).some((theirs) => ports.some((own) => meets(own, theirs)))) return refused('NodePorts', "node(s) didn't have free ports for the requested pod ports");
  const driving = (node.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
  if (mirrored(pod) === undefined && untolerated(driving, pod.spec?.tolerations) !== undefined) return refused('TaintToleration', "node(s) had taints that the pod didn't tolerate");
  return undefined;
}

export function suitsLabels({ spec }: Pod, { metadata: { name = '', labels = {} } }: Node): boolean {
  return requiredNodes(spec)?.({ name, labels }) !== false;
}

function refused(predicate: string, why: string): Refusal {
  return { reason: predicate, message: `Predicate ${predicate} failed: ${why}` };
}

/** Of app containers and sidecars. */
function machinePorts({ spec }: Pod): ContainerPort[] {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? []).filter((each) => each.restartPolicy === 'Always')];
  return containers.flatMap(({ ports = [] }) => ports.filter(({ hostPort = 0 }) => hostPort > 0));
}

function meets(left: ContainerPort, right: ContainerPort): boolean {
  const isAny = ({ hostIP = '' }: ContainerPort): boolean => hostIP === '' || hostIP === '0.0.0.0';
  return left.hostPort === right.hostPort && (left.protocol ?? 'TCP') === (right.protocol ?? 'TCP') && (left.hostIP === right.hostIP || isAny(left) || isAny(right));
}
