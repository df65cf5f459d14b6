/** The defaults of pods and pod templates that upstream writes in code (core/v1 defaults). Those of the schema facts come before. */
import type { Container, EphemeralContainer, Pod, PodSpec, PodTemplateSpec, Probe, Volume } from '../generated/core-v1.ts';
import { DEFAULT_GRACE_SECONDS } from './pod-grace.ts';
import { defaultPodResources } from './pod-level-resources.ts';

const TOLERATED_SECONDS = 300;

/** Pods themselves: templates get what {@link defaultPodTemplate} gives, the rest comes when a pod is made of them. */
export function defaultPod(pod: Pod): void {
  const spec = pod.spec;
  if (spec === undefined) return;
  spec.enableServiceLinks ??= true;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) defaultRequests(container);
  defaultPodResources(spec);
  if (spec.hostNetwork === true) defaultHostPorts(spec);
  defaultPodSpec(spec);
  (pod.status ??= {}).phase ??= 'Pending';
}

export function defaultPodTemplate(template: PodTemplateSpec): void {
  if (template.spec !== undefined) defaultPodSpec(template.spec);
}

function defaultPodSpec(spec: PodSpec): void {
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])]) defaultContainer(container);
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.restartPolicy ||= 'Always';
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= DEFAULT_GRACE_SECONDS;
  spec.schedulerName ||= 'default-scheduler';
  // The two names of one field.
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
}

/** One container of any list. */
export function defaultContainer(container: Container | EphemeralContainer): void {
  container.imagePullPolicy ||= isLatest(container.image ?? '') ? 'Always' : 'IfNotPresent';
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  container.resources ??= {};
  for (const port of container.ports ?? []) port.protocol ||= 'TCP';
  for (const variable of container.env ?? []) if (variable.valueFrom?.fieldRef !== undefined) variable.valueFrom.fieldRef.apiVersion ||= 'v1';
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) if (probe !== undefined) defaultProbe(probe);
  for (const hook of [container.lifecycle?.postStart, container.lifecycle?.preStop]) if (hook?.httpGet !== undefined) defaultHttpGet(hook.httpGet);
}

function defaultProbe(probe: Probe): void {
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  if (probe.httpGet !== undefined) defaultHttpGet(probe.httpGet);
  if (probe.grpc !== undefined) probe.grpc.service ??= '';
}

function defaultHttpGet(get: { path?: string; scheme?: string }): void {
  get.path ||= '/';
  get.scheme ||= 'HTTP';
}

/** What a container may use it also asks for, where it does not say. */
function defaultRequests(container: Container): void {
  const { limits } = container.resources ?? {};
  if (limits === undefined) return;
  const requests = (container.resources!.requests ??= {});
  for (const [name, quantity] of Object.entries(limits)) requests[name] ??= quantity;
}

const FILE_MODE = 0o644;

function defaultVolume(volume: Volume): void {
  const { name: _name, ...sources } = volume;
  if (Object.values(sources).every((source) => source === undefined)) volume.emptyDir = {};
  for (const source of [volume.secret, volume.configMap, volume.downwardAPI, volume.projected]) if (source !== undefined) source.defaultMode ??= FILE_MODE;
  if (volume.hostPath !== undefined) volume.hostPath.type ??= '';
  if (volume.image !== undefined) volume.image.pullPolicy ||= isLatest(volume.image.reference ?? '') ? 'Always' : 'IfNotPresent';
  for (const item of volume.downwardAPI?.items ?? []) if (item.fieldRef !== undefined) item.fieldRef.apiVersion ||= 'v1';
  for (const source of volume.projected?.sources ?? []) {
    if (source.serviceAccountToken !== undefined) source.serviceAccountToken.expirationSeconds ??= 3600;
    if (source.podCertificate !== undefined) source.podCertificate.maxExpirationSeconds ??= 86_400;
    for (const item of source.downwardAPI?.items ?? []) if (item.fieldRef !== undefined) item.fieldRef.apiVersion ||= 'v1';
  }
  if (volume.ephemeral?.volumeClaimTemplate?.spec !== undefined) volume.ephemeral.volumeClaimTemplate.spec.volumeMode ??= 'Filesystem';
}

function defaultHostPorts(spec: PodSpec): void {
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) for (const port of container.ports ?? []) port.hostPort ||= port.containerPort;
}

/** Whether an image reference means the tag `latest`: by name or because it has neither tag nor digest. */
function isLatest(image: string): boolean {
  if (image.includes('@')) return false;
  const last = image.slice(image.lastIndexOf('/') + 1);
  const tag = last.indexOf(':');
  return tag < 0 || last.slice(tag + 1) === 'latest';
}

/**
 * What admission adds to a pod that is made or updated: it stays 300 s on a node that is not ready or not reachable, unless it says
 * otherwise (DefaultTolerationSeconds).
 */
export function addDefaultTolerations(pod: Pod): void {
  const spec = pod.spec;
  if (spec === undefined) return;
  for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']) {
    const tolerates = (spec.tolerations ?? []).some((each) => (each.key === key || !each.key) && (each.effect === 'NoExecute' || !each.effect));
    if (!tolerates) spec.tolerations = [...(spec.tolerations ?? []), { key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: TOLERATED_SECONDS }];
  }
}
