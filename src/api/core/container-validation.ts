/** What a container must be like, in upstream's words (core/v1 validation). */
import type { Container, EnvFromSource, EnvVar, EphemeralContainer, FileKeySelector, LifecycleHandler, Probe, Volume, VolumeMount } from '../generated/core-v1.ts';
import { duplicate, forbidden, invalid, notFoundField, notSupported, required, tooMany, type FieldError } from '../field-error.ts';
import type { Int64 } from '../int64.ts';
import { isIP } from '../ip.ts';
import { configMapKeyErrors, dns1123LabelErrors, dns1123SubdomainErrors, portNameErrors, portNumberErrors, relaxedEnvVarNameErrors } from '../names.ts';
import { resourceFieldErrors, variableFieldErrors } from './field-references.ts';
import { localPathErrors } from './local-path.ts';
import { resourceErrors } from './resource-validation.ts';
import { stopSignalErrors } from './pod-os-validation.ts';
import { containerSecurityErrors } from './security-validation.ts';

interface Context {
  volumes: ReadonlyMap<string, Volume>;
  hostNetwork: boolean;
  init: boolean;
  /** As the pod has them; default true. */
  hostUsers: boolean;
  /** The pod's; undefined for containers that are added to it. */
  restartPolicy: string | undefined;
  graceSeconds: Int64 | undefined;
  /** The pod's `os.name`. */
  os: string | undefined;
}

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const RESTART_POLICIES = ['Always', 'Never', 'OnFailure'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

export function containerErrors(container: Container | EphemeralContainer, path: string, context: Context): FieldError[] {
  const errors: FieldError[] = [];
  if (!container.name) errors.push(required(`${path}.name`));
  else for (const error of dns1123LabelErrors(container.name)) errors.push(invalid(`${path}.name`, container.name, error));
  if (!container.image) errors.push(required(`${path}.image`));
  else if (container.image.trim() !== container.image) errors.push(invalid(`${path}.image`, container.image, 'must not have leading or trailing whitespace'));
  errors.push(...lifeErrors(container, path, context));
  if (container.terminationMessagePolicy !== 'File' && container.terminationMessagePolicy !== 'FallbackToLogsOnError') {
    errors.push(invalid(`${path}.terminationMessagePolicy`, container.terminationMessagePolicy ?? '', "must be 'File' or 'FallbackToLogsOnError'"));
  }
  errors.push(...portErrors(container, path, context));
  (container.env ?? []).forEach((variable, index) => errors.push(...envErrors(variable, `${path}.env[${index}]`, context)));
  (container.envFrom ?? []).forEach((source, index) => errors.push(...envFromErrors(source, `${path}.envFrom[${index}]`)));
  errors.push(...mountErrors(container.volumeMounts ?? [], `${path}.volumeMounts`, context, container.securityContext?.privileged === true));
  if (!PULL_POLICIES.includes(container.imagePullPolicy ?? '')) errors.push(notSupported(`${path}.imagePullPolicy`, container.imagePullPolicy ?? '', PULL_POLICIES));
  if (container.restartPolicy !== undefined && !RESTART_POLICIES.includes(container.restartPolicy)) errors.push(notSupported(`${path}.restartPolicy`, container.restartPolicy, RESTART_POLICIES));
  errors.push(...ruleErrors(container, path));
  errors.push(...resourceErrors(container.resources ?? {}, `${path}.resources`), ...containerSecurityErrors(container.securityContext, `${path}.securityContext`, context));
  errors.push(...resizeErrors(container, `${path}.resizePolicy`, context), ...deviceErrors(container, `${path}.volumeDevices`, context));
  return errors;
}

const MOST_RULES = 20;
const RULE_ACTIONS = ['Restart', 'RestartAllContainers'];
const MOST_EXIT_CODES = 255;

/** Restarts by exit code (core/v1 ContainerRestartRule). */
function ruleErrors({ restartPolicy, restartPolicyRules: rules }: Container | EphemeralContainer, path: string): FieldError[] {
  if (rules === undefined || rules.length === 0) return [];
  const errors: FieldError[] = [];
  const at = `${path}.restartPolicyRules`;
  if (restartPolicy === undefined) errors.push(required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used'));
  if (rules.length > MOST_RULES) errors.push(tooMany(at, rules.length, MOST_RULES));
  rules.slice(0, MOST_RULES).forEach(({ action, exitCodes }, index) => {
    if (!RULE_ACTIONS.includes(action ?? '')) errors.push(notSupported(`${at}[${index}].action`, action ?? '', RULE_ACTIONS));
    if (exitCodes === undefined) return void errors.push(required(`${at}[${index}].exitCodes`, 'must be specified'));
    if (exitCodes.operator !== 'In' && exitCodes.operator !== 'NotIn') errors.push(notSupported(`${at}[${index}].exitCodes.operator`, exitCodes.operator ?? '', ['In', 'NotIn']));
    if ((exitCodes.values ?? []).length > MOST_EXIT_CODES) errors.push(tooMany(`${at}[${index}].exitCodes.values`, exitCodes.values!.length, MOST_EXIT_CODES));
  });
  return errors;
}

/** Probes and hooks. Init containers have them only when they are sidecars (restartPolicy Always). */
function lifeErrors(container: Container | EphemeralContainer, path: string, { init, graceSeconds, os }: Context): FieldError[] {
  const errors: FieldError[] = [];
  const sidecar = container.restartPolicy === 'Always';
  if (init && !sidecar) {
    for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (container[field] !== undefined) errors.push(forbidden(`${path}.${field}`, 'may not be set for init containers without restartPolicy=Always'));
    }
  }
  if (container.lifecycle?.postStart !== undefined) errors.push(...handlerErrors(container.lifecycle.postStart, `${path}.lifecycle.postStart`, graceSeconds));
  if (container.lifecycle?.preStop !== undefined) errors.push(...handlerErrors(container.lifecycle.preStop, `${path}.lifecycle.preStop`, graceSeconds));
  errors.push(...stopSignalErrors(container.lifecycle?.stopSignal, `${path}.lifecycle.stopSignal`, os));
  for (const field of ['livenessProbe', 'startupProbe', 'readinessProbe'] as const) {
    const probe = container[field];
    if (probe === undefined) continue;
    errors.push(...probeErrors(probe, `${path}.${field}`));
    if (field !== 'readinessProbe' && probe.successThreshold !== 1) errors.push(invalid(`${path}.${field}.successThreshold`, probe.successThreshold, 'must be 1'));
    if (field === 'readinessProbe' && probe.terminationGracePeriodSeconds !== undefined) errors.push(invalid(`${path}.${field}.terminationGracePeriodSeconds`, probe.terminationGracePeriodSeconds, 'must not be set for readinessProbes'));
  }
  return errors;
}

function probeErrors(probe: Probe, path: string): FieldError[] {
  const errors = handlerErrors(probe, path);
  for (const field of ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const) {
    if ((probe[field] ?? 0) < 0) errors.push(invalid(`${path}.${field}`, probe[field], 'must be greater than or equal to 0'));
  }
  if (probe.terminationGracePeriodSeconds !== undefined && probe.terminationGracePeriodSeconds <= 0) errors.push(invalid(`${path}.terminationGracePeriodSeconds`, probe.terminationGracePeriodSeconds, 'must be greater than 0'));
  return errors;
}

type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & Pick<LifecycleHandler, 'sleep'>;

/** Exactly one way to act. */
function handlerErrors(handler: Handler, path: string, graceSeconds?: Int64): FieldError[] {
  const errors: FieldError[] = [];
  let count = 0;
  for (const way of ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const) {
    if (handler[way] === undefined) continue;
    if (++count > 1) errors.push(forbidden(`${path}.${way}`, 'may not specify more than 1 handler type'));
    else errors.push(...oneHandlerErrors(handler, way, path, graceSeconds));
  }
  if (count === 0) errors.push(required(path, 'must specify a handler type'));
  return errors;
}

function oneHandlerErrors(handler: Handler, way: keyof Handler, path: string, graceSeconds: Int64 | undefined): FieldError[] {
  const at = `${path}.${way}`;
  if (way === 'exec') return (handler.exec!.command ?? []).length === 0 ? [required(`${at}.command`)] : [];
  if (way === 'tcpSocket') return portReferenceErrors(handler.tcpSocket!.port, `${at}.port`);
  if (way === 'grpc') return portReferenceErrors(handler.grpc!.port, `${at}.port`);
  if (way === 'sleep') {
    const { seconds } = handler.sleep!;
    return seconds < 0 || (graceSeconds !== undefined && seconds > graceSeconds) ? [invalid(at, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds ?? 30})`)] : [];
  }
  const { path: url, port, scheme, httpHeaders } = handler.httpGet!;
  const errors: FieldError[] = [];
  if (!url) errors.push(required(`${at}.path`));
  errors.push(...portReferenceErrors(port, `${at}.port`));
  if (scheme !== 'HTTP' && scheme !== 'HTTPS') errors.push(notSupported(`${at}.scheme`, scheme ?? '', ['HTTP', 'HTTPS']));
  for (const { name } of httpHeaders ?? []) if (!/^[-A-Za-z0-9]+$/.test(name)) errors.push(invalid(`${at}.httpHeaders`, name, "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"));
  return errors;
}

function portReferenceErrors(port: number | string | undefined, path: string): FieldError[] {
  const errors = typeof port === 'string' ? portNameErrors(port) : portNumberErrors(port ?? 0);
  return errors.map((error) => invalid(path, port ?? 0, error));
}

function portErrors(container: Container | EphemeralContainer, path: string, { hostNetwork }: Context): FieldError[] {
  const names = new Set<string>();
  return (container.ports ?? []).flatMap((port, index) => {
    const at = `${path}.ports[${index}]`;
    const errors: FieldError[] = [];
    if (port.name) {
      const wrong = portNameErrors(port.name);
      for (const error of wrong) errors.push(invalid(`${at}.name`, port.name, error));
      if (names.has(port.name)) errors.push(duplicate(`${at}.name`, port.name));
      names.add(port.name);
    }
    if (!port.containerPort) errors.push(required(`${at}.containerPort`));
    else for (const error of portNumberErrors(port.containerPort)) errors.push(invalid(`${at}.containerPort`, port.containerPort, error));
    if (port.hostIP && isIP(port.hostIP) === 0) errors.push(invalid(`${at}.hostIP`, port.hostIP, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'));
    if (port.hostPort) for (const error of portNumberErrors(port.hostPort)) errors.push(invalid(`${at}.hostPort`, port.hostPort, error));
    if (hostNetwork && port.hostPort !== port.containerPort) errors.push(invalid(`${at}.containerPort`, port.containerPort, 'must match `hostPort` when `hostNetwork` is true'));
    if (!PROTOCOLS.includes(port.protocol ?? '')) errors.push(notSupported(`${at}.protocol`, port.protocol ?? '', PROTOCOLS));
    return errors;
  });
}

/** Two containers cannot have one port of the host. */
export function hostPortErrors(containers: readonly Container[], path: string): FieldError[] {
  const taken = new Set<string>();
  return containers.flatMap((container, index) => (container.ports ?? []).flatMap(({ hostPort, hostIP, protocol }, at) => {
    if (!hostPort) return [];
    const key = `${protocol}/${hostIP ?? ''}/${hostPort}`;
    if (taken.has(key)) return [duplicate(`${path}[${index}].ports[${at}].hostPort`, key)];
    taken.add(key);
    return [];
  }));
}

function envErrors(variable: EnvVar, path: string, { volumes }: Context): FieldError[] {
  const errors: FieldError[] = [];
  if (!variable.name) errors.push(required(`${path}.name`));
  else for (const error of relaxedEnvVarNameErrors(variable.name)) errors.push(invalid(`${path}.name`, variable.name, error));
  const from = variable.valueFrom;
  if (from === undefined) return errors;
  const at = `${path}.valueFrom`;
  const ways = Object.values(from).filter((each) => each !== undefined).length;
  if (ways === 0) errors.push(invalid(at, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`'));
  else if (ways > 1) errors.push(invalid(at, '', 'may not have more than one field specified at a time'));
  if (variable.value) errors.push(invalid(at, '', 'may not be specified when `value` is not empty'));
  if (from.fieldRef !== undefined) errors.push(...variableFieldErrors(from.fieldRef.fieldPath, `${at}.fieldRef`));
  for (const kind of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = from[kind];
    if (reference === undefined) continue;
    if (!reference.name) errors.push(required(`${at}.${kind}.name`));
    if (!reference.key) errors.push(required(`${at}.${kind}.key`));
    else for (const error of configMapKeyErrors(reference.key)) errors.push(invalid(`${at}.${kind}.key`, reference.key, error));
  }
  if (from.resourceFieldRef !== undefined) errors.push(...resourceFieldErrors(from.resourceFieldRef, `${at}.resourceFieldRef`, { ofVolume: false }));
  return from.fileKeyRef === undefined ? errors : [...errors, ...fileKeyErrors(from.fileKeyRef, `${at}.fileKeyRef`, volumes)];
}

/** Files of variables lie in an emptyDir that an init container has filled. */
function fileKeyErrors({ key, path: file, volumeName }: FileKeySelector, path: string, volumes: Context['volumes']): FieldError[] {
  const errors = key ? relaxedEnvVarNameErrors(key).map((error) => invalid(`${path}.key`, key, error)) : [required(`${path}.key`)];
  if (!volumeName) errors.push(required(`${path}.volumeName`));
  else if (!volumes.has(volumeName)) errors.push(notFoundField(`${path}.volumeName`, volumeName));
  else if (volumes.get(volumeName)!.emptyDir === undefined) errors.push(invalid(`${path}.volumeName`, volumeName, 'referenced volume must be of type emptyDir'));
  return [...errors, ...(file ? localPathErrors(file, `${path}.path`) : [required(`${path}.path`)])];
}

function envFromErrors(source: EnvFromSource, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const references = [['configMapRef', source.configMapRef], ['secretRef', source.secretRef]] as const;
  const set = references.filter(([, reference]) => reference !== undefined);
  if (source.prefix) for (const error of relaxedEnvVarNameErrors(source.prefix)) errors.push(invalid(`${path}.prefix`, source.prefix, error));
  if (set.length === 0) errors.push(invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
  if (set.length > 1) errors.push(invalid(path, '', 'may not have more than one field specified at a time'));
  for (const [field, reference] of set) {
    if (!reference!.name) errors.push(required(`${path}.${field}.name`));
    else for (const error of dns1123SubdomainErrors(reference!.name)) errors.push(invalid(`${path}.${field}.name`, reference!.name, error));
  }
  return errors;
}

function mountErrors(mounts: readonly VolumeMount[], path: string, { volumes }: Context, privileged: boolean): FieldError[] {
  const paths = new Set<string>();
  return mounts.flatMap((mount, index) => {
    const at = `${path}[${index}]`;
    const errors: FieldError[] = [];
    if (!mount.name) errors.push(required(`${at}.name`));
    if (!volumes.has(mount.name)) errors.push(notFoundField(`${at}.name`, mount.name));
    if (!mount.mountPath) errors.push(required(`${at}.mountPath`));
    if (paths.has(mount.mountPath)) errors.push(invalid(`${at}.mountPath`, mount.mountPath, 'must be unique'));
    paths.add(mount.mountPath);
    if (mount.subPath && mount.subPathExpr) errors.push(invalid(`${at}.subPathExpr`, mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
    if (mount.mountPropagation !== undefined && !PROPAGATIONS.includes(mount.mountPropagation)) errors.push(notSupported(`${at}.mountPropagation`, mount.mountPropagation, PROPAGATIONS));
    if (mount.mountPropagation === 'Bidirectional' && !privileged) errors.push(forbidden(`${at}.mountPropagation`, 'Bidirectional mount propagation is available only to privileged containers'));
    errors.push(...recursionErrors(mount, `${at}.recursiveReadOnly`));
    for (const field of ['subPath', 'subPathExpr'] as const) if (mount[field]) errors.push(...localPathErrors(mount[field], `${at}.${field}`));
    return errors;
  });
}

const BLOCK_SOURCES = ['persistentVolumeClaim', 'ephemeral'] as const;

/** Volumes that are devices: at a path of their own, and mounted nowhere. */
function deviceErrors({ volumeDevices, volumeMounts }: Container | EphemeralContainer, path: string, { volumes }: Context): FieldError[] {
  const mounted = new Map((volumeMounts ?? []).map((mount) => [mount.mountPath, mount.name]));
  const seen = { names: new Set<string>(), paths: new Set<string>() };
  return (volumeDevices ?? []).flatMap(({ name, devicePath }, index) => {
    const at = `${path}[${index}]`;
    const errors: FieldError[] = [];
    const volume = volumes.get(name);
    if (!name) errors.push(required(`${at}.name`));
    if (seen.names.has(name)) errors.push(invalid(`${at}.name`, name, 'must be unique'));
    if (volume !== undefined && BLOCK_SOURCES.every((source) => volume[source] === undefined)) errors.push(invalid(`${at}.name`, name, 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'));
    if (volume === undefined) errors.push(notFoundField(`${at}.name`, name));
    if (!devicePath) errors.push(required(`${at}.devicePath`));
    if (seen.paths.has(devicePath)) errors.push(invalid(`${at}.devicePath`, devicePath, 'must be unique'));
    if (devicePath?.split('/').includes('..')) errors.push(invalid(`${at}.devicePath`, devicePath, "must not contain '..'"));
    if ([...mounted.values()].includes(name)) errors.push(invalid(`${at}.name`, name, 'must not already exist in volumeMounts'));
    if (mounted.has(devicePath)) errors.push(invalid(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'));
    seen.names.add(name);
    seen.paths.add(devicePath);
    return errors;
  });
}

const RESIZABLE = ['cpu', 'memory'];
const RESIZE_POLICIES = ['NotRequired', 'RestartContainer'];

function resizeErrors({ resizePolicy = [] }: Container | EphemeralContainer, path: string, { restartPolicy: ofPod }: Context): FieldError[] {
  return resizePolicy.flatMap(({ resourceName, restartPolicy }, index) => {
    const errors: FieldError[] = [];
    if (resizePolicy.findIndex((each) => each.resourceName === resourceName) < index) errors.push(duplicate(`${path}[${index}]`, resourceName));
    if (!resourceName) errors.push(required(path));
    else if (!RESIZABLE.includes(resourceName)) errors.push(notSupported(path, resourceName, RESIZABLE));
    if (!restartPolicy) errors.push(required(path));
    else if (!RESIZE_POLICIES.includes(restartPolicy)) errors.push(notSupported(path, restartPolicy, RESIZE_POLICIES));
    if (ofPod === 'Never' && restartPolicy !== 'NotRequired') errors.push(invalid(path, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
    return errors;
  });
}

const PROPAGATIONS = ['None', 'HostToContainer', 'Bidirectional'];
const RECURSIONS = ['Disabled', 'Enabled', 'IfPossible'];

function recursionErrors({ recursiveReadOnly, readOnly, mountPropagation }: VolumeMount, path: string): FieldError[] {
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return [];
  if (!RECURSIONS.includes(recursiveReadOnly)) return [notSupported(path, recursiveReadOnly, RECURSIONS)];
  const errors: FieldError[] = [];
  if (readOnly !== true) errors.push(forbidden(path, 'may only be specified when readOnly is true'));
  if (mountPropagation !== undefined && mountPropagation !== 'None') errors.push(forbidden(path, 'may only be specified when mountPropagation is None or not specified'));
  return errors;
}
