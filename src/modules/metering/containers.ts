/** A metered pod as its containers: what the pod had is divided by what each asked for and used, so that the parts add up to it. Pure. */
import type { MeteredAmount, MeteredClaim, MeteredContainer, MeteredPod } from '../../api/metering/usage-record.ts';

export interface ContainerPart {
  container?: string;
  pod: MeteredPod;
  /** Its part of claims. */
  claims?: readonly MeteredClaim[];
}

/** One part without a name where it is not known what containers there were. */
export function partsOf({ pod, claims }: ContainerPart): ContainerPart[] {
  const { containers = [] } = pod;
  if (containers.length <= 1) return [{ pod, ...(claims !== undefined && { claims }), ...(containers[0] !== undefined && { container: containers[0].name }) }];
  const even = 1 / containers.length;
  const shareOf = (amounts: readonly number[]): number[] => {
    const sum = amounts.reduce((total, each) => total + each, 0);
    return amounts.map((each) => (sum === 0 ? even : each / sum));
  };
  const divided = (whole: MeteredAmount, read: (container: MeteredContainer) => MeteredAmount | undefined): MeteredAmount[] => {
    const [requested, used, charged] = (['requested', 'used', 'charged'] as const).map((key) => shareOf(containers.map((each) => read(each)?.[key] ?? 0)));
    return containers.map((_, index) => ({ requested: whole.requested * requested![index]!, used: whole.used * used![index]!, charged: whole.charged * charged![index]! }));
  };
  const cpu = divided(pod.cpuCoreSeconds, ({ cpuCoreSeconds }) => cpuCoreSeconds);
  const memory = divided(pod.memoryGiBSeconds, ({ memoryGiBSeconds }) => memoryGiBSeconds);
  const others = Object.entries(pod.otherSeconds ?? {}).map(([name, whole]) => [name, whole, shareOf(containers.map(({ otherSeconds }) => otherSeconds?.[name] ?? 0))] as const);
  return containers.map(({ name }, index) => ({
    container: name, ...(claims !== undefined && { claims: claims.map((claim) => ({ ...claim, gibSeconds: claim.gibSeconds * even })) }),
    // Who of them sent what is not known. Source: OpenCost, which divides it evenly too.
    pod: {
      ...pod, cpuCoreSeconds: cpu[index]!, memoryGiBSeconds: memory[index]!, networkBytes: { received: pod.networkBytes.received * even, sent: pod.networkBytes.sent * even }, ...(pod.requests !== undefined && { requests: pod.requests * even }),
      ...(pod.otherSeconds !== undefined && { otherSeconds: Object.fromEntries(others.map(([other, whole, shares]) => [other, whole * shares[index]!])) }),
    },
  }));
}
