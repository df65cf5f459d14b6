/** What pods of one operating system may ask for, in upstream's words (core/v1 validation, validateLinux and validateWindows). */
import type { Container, EphemeralContainer, PodSpec, WindowsSecurityContextOptions } from '../generated/core-v1.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { ownValue } from '../json.ts';
import { dns1123SubdomainErrors } from '../names.ts';

const OPERATING_SYSTEMS = ['linux', 'windows'];
const NOT_FOR_WINDOWS = 'cannot be set for a windows pod';
const POD_OF_LINUX = ['hostPID', 'hostIPC', 'shareProcessNamespace', 'hostUsers', 'resources'] as const;
const POD_SECURITY_OF_LINUX = [
  'appArmorProfile', 'seLinuxOptions', 'seccompProfile', 'fsGroup', 'fsGroupChangePolicy', 'sysctls', 'runAsUser', 'runAsGroup', 'supplementalGroups', 'supplementalGroupsPolicy',
] as const;
const CONTAINER_SECURITY_OF_LINUX = [
  'appArmorProfile', 'seLinuxOptions', 'seccompProfile', 'capabilities', 'readOnlyRootFilesystem', 'privileged', 'allowPrivilegeEscalation', 'procMount', 'runAsUser', 'runAsGroup',
] as const;

export function operatingSystemErrors(spec: PodSpec, path: string): FieldError[] {
  const errors = windowsOptionErrors(spec.securityContext?.windowsOptions, `${path}.securityContext.windowsOptions`);
  for (const { container, at } of containersOf(spec, path)) errors.push(...windowsOptionErrors(container.securityContext?.windowsOptions, `${at}.securityContext.windowsOptions`));
  errors.push(...hostProcessErrors(spec, path));
  const { os } = spec;
  if (os === undefined) return errors;
  if (!os.name) return [...errors, required(`${path}.os.name`, 'cannot be empty')];
  if (os.name === 'linux') return [...errors, ...linuxErrors(spec, path)];
  return os.name === 'windows' ? [...errors, ...windowsErrors(spec, path)] : [...errors, notSupported(`${path}.os`, os.name, OPERATING_SYSTEMS)];
}

function containersOf(spec: PodSpec, path: string): { container: Container | EphemeralContainer; at: string }[] {
  return (['initContainers', 'containers'] as const).flatMap((list) => (spec[list] ?? []).map((container, index) => ({ container, at: `${path}.${list}[${index}]` })));
}

function linuxErrors(spec: PodSpec, path: string): FieldError[] {
  const contexts = [{ context: spec.securityContext, at: path }, ...containersOf(spec, path).map(({ container, at }) => ({ context: container.securityContext, at }))];
  return contexts.flatMap(({ context, at }) => (context?.windowsOptions === undefined ? [] : [forbidden(`${at}.securityContext.windowsOptions`, 'windows options cannot be set for a linux pod')]));
}

function windowsErrors(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  // Upstream keeps what is false of these apart from what is unset only where the field is a pointer.
  for (const field of POD_OF_LINUX) if (spec[field] !== undefined && (spec[field] !== false || field === 'hostUsers' || field === 'shareProcessNamespace')) errors.push(forbidden(`${path}.${toldAt(field)}`, NOT_FOR_WINDOWS));
  for (const field of POD_SECURITY_OF_LINUX) if (isSet(spec.securityContext?.[field])) errors.push(forbidden(`${path}.securityContext.${field}`, NOT_FOR_WINDOWS));
  for (const { container, at: place } of containersOf(spec, path)) {
    for (const field of CONTAINER_SECURITY_OF_LINUX) if (isSet(container.securityContext?.[field])) errors.push(forbidden(`${place}.securityContext.${field}`, NOT_FOR_WINDOWS));
  }
  return errors;
}

/** Inside of upstream some of a pod's fields are its security context's, and are told so. */
function toldAt(field: (typeof POD_OF_LINUX)[number]): string {
  return field === 'resources' || field === 'hostUsers' ? field : `securityContext.${field}`;
}

function isSet(value: unknown): boolean {
  return value !== undefined && !(Array.isArray(value) && value.length === 0);
}

const MOST_CREDENTIAL_BYTES = 64 * 1024;
const MOST_DOMAIN = 256;
const MOST_USER = 104;

function windowsOptionErrors(options: WindowsSecurityContextOptions | undefined, path: string): FieldError[] {
  if (options === undefined) return [];
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: text, runAsUserName: user } = options;
  const errors = name === undefined ? [] : dns1123SubdomainErrors(name).map((error) => invalid(`${path}.gmsaCredentialSpecName`, name, error));
  if (text === '') errors.push(invalid(`${path}.gmsaCredentialSpec`, text, 'gmsaCredentialSpec cannot be an empty string'));
  else if (text !== undefined && Buffer.byteLength(text) > MOST_CREDENTIAL_BYTES) errors.push(invalid(`${path}.gmsaCredentialSpec`, text, `gmsaCredentialSpec size must be under ${MOST_CREDENTIAL_BYTES / 1024} KiB`));
  return user === undefined ? errors : [...errors, ...userNameErrors(user, `${path}.runAsUserName`)];
}

/** `DOMAIN\USER`, or the user alone. */
function userNameErrors(user: string, path: string): FieldError[] {
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f-\u009f]/.test(user)) return [invalid(path, user, 'runAsUserName cannot contain control characters')];
  const parts = user.split('\\');
  if (parts.length > 2) return [invalid(path, user, 'runAsUserName cannot contain more than one backslash')];
  const errors: FieldError[] = [];
  const [name = '', domain] = parts.toReversed();
  if (domain !== undefined && (domain.length === 0 || domain.length > MOST_DOMAIN)) errors.push(invalid(path, user, `runAsUserName's Domain must be between 1 and ${MOST_DOMAIN} characters`));
  if (name.length === 0) errors.push(invalid(path, user, 'runAsUserName cannot be an empty string'));
  else if (name.length > MOST_USER) errors.push(invalid(path, user, `runAsUserName's User length must not be longer than ${MOST_USER} characters`));
  else if (/^[. ]+$/.test(name)) errors.push(invalid(path, user, `runAsUserName's User cannot contain only periods or spaces`));
  if (/["/\\[\]:;|=,+*?<>@]/.test(name)) errors.push(invalid(path, user, `runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`));
  return errors;
}

/** All containers of a pod are processes of the host, or none. */
function hostProcessErrors(spec: PodSpec, path: string): FieldError[] {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  const errors: FieldError[] = [];
  const are = containersOf(spec, path).map(({ container, at: place }) => {
    const own = container.securityContext?.windowsOptions?.hostProcess;
    if (own !== undefined && ofPod !== undefined && own !== ofPod) errors.push(invalid(`${place}.securityContext.windowsOptions.hostProcess`, own, `pod hostProcess value must be identical if both are specified, was ${ofPod}`));
    return own ?? ofPod ?? false;
  });
  if (are.length === 0 || !are.includes(true)) return errors;
  if (are.includes(false)) errors.push(invalid(path, '', 'If pod contains any hostProcess containers then all containers must be HostProcess containers'));
  if (spec.hostNetwork !== true) errors.push(invalid(`${path}.hostNetwork`, spec.hostNetwork ?? false, 'hostNetwork must be true if pod contains any hostProcess containers'));
  return errors;
}

const REAL_TIME = Array.from({ length: 31 }, (_, index) => (index <= 15 ? `SIGRTMIN${index === 0 ? '' : `+${index}`}` : `SIGRTMAX${index === 30 ? '' : `-${30 - index}`}`));
/** As core/v1 Signal has them. */
const SIGNALS: Readonly<Record<string, readonly string[]>> = {
  linux: [
    ...'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ'.split(' ').map((name) => `SIG${name}`),
    ...REAL_TIME,
  ],
  windows: ['SIGTERM', 'SIGKILL'],
};

/** The signal by which a container is stopped; who names one says of which operating system it is. */
export function stopSignalErrors(signal: string | undefined, path: string, os: string | undefined): FieldError[] {
  if (signal === undefined) return [];
  if (!os) return [forbidden(path, 'may not be set for containers with empty `spec.os.name`')];
  const known = ownValue(SIGNALS, os) ?? SIGNALS['linux']!;
  return known.includes(signal) ? [] : [notSupported(path, signal, known)];
}
