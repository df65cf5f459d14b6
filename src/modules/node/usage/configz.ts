/**
 * /configz: what the node goes by, in the fields of KubeletConfiguration (kubelet.config.k8s.io/v1beta1), defaults included. Only what is true here is told: fields of
 * the kubelet that llmos has nothing for are left out.
 */
import { collectSettings } from '../images/collect.ts';
import { verificationSettings } from '../images/verification.ts';
import { rotationSettings } from '../logs/rotate.ts';
import type { NodeParts } from '../parts.ts';
import { pressureSettings, type Amount, type PressureSettings, type Threshold } from '../pressure/settings.ts';

export function configz({ context, paths, capacity, cpus, podPidsLimit, mostRestartDelayMs }: NodeParts): { kubeletconfig: object } {
  const { config, machine } = context;
  const pressure = pressureSettings(config);
  const rotation = rotationSettings(config);
  const images = collectSettings(config);
  const verification = verificationSettings(config);
  const leaseSeconds = Number(config['nodeLeaseDurationSeconds'] ?? 40);
  const given = (name: string): object => (config[name] === undefined ? {} : { [name]: config[name] });
  return {
    kubeletconfig: {
      ...given('staticPodPath'), enableServer: true, authentication: { x509: { clientCAFile: '' }, webhook: { enabled: true }, anonymous: { enabled: false } }, authorization: { mode: 'Webhook' }, clusterDomain: machine.network.clusterDomain, clusterDNS: [machine.network.dnsServiceIp],
      nodeStatusUpdateFrequency: duration((leaseSeconds * 1_000) / 4), nodeStatusReportFrequency: '5m0s', nodeLeaseDurationSeconds: leaseSeconds,
      imageMinimumGCAge: duration(images.minAgeMs), imageMaximumGCAge: duration(images.maxAgeMs), imageGCHighThresholdPercent: images.highPercent, imageGCLowThresholdPercent: images.lowPercent,
      cgroupsPerQOS: true, cgroupDriver: 'cgroupfs', cpuManagerPolicy: cpus.isStatic ? 'static' : 'none', cpuCFSQuota: true, cpuCFSQuotaPeriod: '100ms', ...given('reservedSystemCPUs'),
      maxPods: capacity.mostPods, podPidsLimit: podPidsLimit ?? -1, resolvConf: '/etc/resolv.conf', imagePullCredentialsVerificationPolicy: verification.policy, ...(verification.allowlist.length === 0 ? {} : { preloadedImagesVerificationAllowlist: verification.allowlist }), serializeImagePulls: false, maxParallelImagePulls: Number(config['maxParallelImagePulls'] ?? 4),
      ...evictions(pressure), ...given('systemReserved'), ...given('kubeReserved'), enforceNodeAllocatable: ['pods'], ...given('allowedUnsafeSysctls'),
      podLogsDir: paths.shownLogs ?? paths.logs, containerLogMaxSize: String(config['containerLogMaxSize'] ?? '10Mi'), containerLogMaxFiles: rotation.mostFiles, containerLogMonitorInterval: duration(rotation.everyMs),
      crashLoopBackOff: { maxContainerRestartPeriod: duration(mostRestartDelayMs) }, seccompDefault: true, failSwapOn: false,
    },
  };
}

function evictions({ thresholds, transitionMs, mostGraceSeconds }: PressureSettings): object {
  const map = (some: readonly Threshold[], value: (each: Threshold) => string | undefined): Record<string, string> => Object.fromEntries(some.flatMap((each) => (value(each) === undefined ? [] : [[each.signal, value(each)!]])));
  const [hard, soft] = [thresholds.filter((each) => each.hard), thresholds.filter((each) => !each.hard)];
  const reclaim = map(hard, ({ reclaim: least }) => (least === undefined ? undefined : amount(least)));
  return {
    evictionHard: map(hard, ({ least }) => amount(least)), ...(soft.length === 0 ? {} : { evictionSoft: map(soft, ({ least }) => amount(least)), evictionSoftGracePeriod: map(soft, ({ graceMs }) => duration(graceMs)) }),
    evictionPressureTransitionPeriod: duration(transitionMs), evictionMaxPodGracePeriod: mostGraceSeconds, ...(Object.keys(reclaim).length === 0 ? {} : { evictionMinimumReclaim: reclaim }),
  };
}

function amount(least: Amount): string {
  if ('share' in least) return `${Number((least.share * 100).toFixed(4))}%`;
  return least.value > 0 && least.value % 2 ** 20 === 0 ? `${least.value / 2 ** 20}Mi` : String(least.value);
}

/** As Go writes durations: `5m0s`. */
function duration(ms: number): string {
  const [hours, minutes, seconds] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, (ms % 60_000) / 1_000];
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}
