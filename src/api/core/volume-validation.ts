/** What the volumes of a pod must be like, in upstream's words (core/v1 validation). */
import type { ClusterTrustBundleProjection, DownwardAPIVolumeFile, KeyToPath, PodCertificateProjection, ProjectedVolumeSource, ServiceAccountTokenProjection, Volume } from '../generated/core-v1.ts';
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { signerNameErrors } from '../certificates/signer-name.ts';
import { dns1123LabelErrors } from '../names.ts';
import { isQuantity } from '../quantity.ts';
import { claimSpecErrors } from './persistent-volume-claim.ts';
import { downwardFileErrors } from './field-references.ts';
import { localPathErrors } from './local-path.ts';

const KEY_TYPES = ['ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519', 'RSA3072', 'RSA4096'];
const [LEAST_CERTIFICATE_SECONDS, MOST_CERTIFICATE_SECONDS] = [3_600, 7_862_400];
const HOST_PATH_TYPES = ['', 'DirectoryOrCreate', 'Directory', 'FileOrCreate', 'File', 'Socket', 'CharDevice', 'BlockDevice'];

export function volumeErrors(volumes: readonly Volume[], path: string): FieldError[] {
  const names = new Set<string>();
  return volumes.flatMap((volume, index) => {
    const at = `${path}[${index}]`;
    const errors: FieldError[] = [];
    if (!volume.name) errors.push(required(`${at}.name`));
    else for (const error of dns1123LabelErrors(volume.name)) errors.push(invalid(`${at}.name`, volume.name, error));
    if (names.has(volume.name)) errors.push(duplicate(`${at}.name`, volume.name));
    names.add(volume.name);
    return [...errors, ...sourceErrors(volume, at)];
  });
}

/** Exactly one source. */
function sourceErrors(volume: Volume, path: string): FieldError[] {
  const { name: _name, ...sources } = volume;
  const errors: FieldError[] = [];
  const set = Object.entries(sources).filter(([, source]) => source !== undefined && source !== null).map(([source]) => source);
  if (set.length === 0) return [required(path, 'must specify a volume type')];
  for (const source of set.slice(1)) errors.push(forbidden(`${path}.${source}`, 'may not specify more than 1 volume type'));
  if (volume.hostPath !== undefined) errors.push(...hostPathErrors(volume.hostPath, `${path}.hostPath`));
  if (volume.emptyDir?.sizeLimit !== undefined && (!isQuantity(volume.emptyDir.sizeLimit) || String(volume.emptyDir.sizeLimit).startsWith('-'))) {
    errors.push(forbidden(`${path}.emptyDir.sizeLimit`, 'SizeLimit field must be a valid resource quantity'));
  }
  if (volume.secret !== undefined) {
    if (!volume.secret.secretName) errors.push(required(`${path}.secret.secretName`));
    errors.push(...modeErrors(volume.secret.defaultMode, `${path}.secret.defaultMode`), ...itemErrors(volume.secret.items, `${path}.secret.items`));
  }
  if (volume.configMap !== undefined) {
    if (!volume.configMap.name) errors.push(required(`${path}.configMap.name`));
    errors.push(...modeErrors(volume.configMap.defaultMode, `${path}.configMap.defaultMode`), ...itemErrors(volume.configMap.items, `${path}.configMap.items`));
  }
  if (volume.downwardAPI !== undefined) errors.push(...modeErrors(volume.downwardAPI.defaultMode, `${path}.downwardAPI.defaultMode`), ...downwardErrors(volume.downwardAPI.items, path, 'downwardAPI'));
  if (volume.csi !== undefined && !volume.csi.driver) errors.push(required(`${path}.csi.driver`));
  if (volume.gitRepo !== undefined && !volume.gitRepo.repository) errors.push(required(`${path}.gitRepo.repository`));
  if (volume.projected !== undefined) errors.push(...modeErrors(volume.projected.defaultMode, `${path}.projected.defaultMode`), ...conflictErrors(volume.projected, `${path}.projected`));
  (volume.projected?.sources ?? []).forEach((each, position) => {
    const source = `${path}.projected.sources[${position}]`;
    for (const kind of ['secret', 'configMap'] as const) {
      if (each[kind] === undefined) continue;
      if (!each[kind].name) errors.push(required(`${source}.${kind}.name`));
      errors.push(...itemErrors(each[kind].items, `${source}.${kind}.items`));
    }
    if (each.downwardAPI !== undefined) errors.push(...downwardErrors(each.downwardAPI.items, source, 'downwardAPI'));
    if (each.serviceAccountToken !== undefined) errors.push(...tokenErrors(each.serviceAccountToken, `${source}.serviceAccountToken`));
    const kinds = Object.keys(each).filter((key) => each[key as keyof typeof each] !== undefined);
    if (kinds.length > 1) errors.push(forbidden(`${path}.projected.sources[${position}].${kinds[1]}`, 'may not specify more than 1 volume type'));
    if (each.clusterTrustBundle !== undefined) errors.push(...trustProjectionErrors(each.clusterTrustBundle, `${path}.projected.sources[${position}].clusterTrustBundle`));
    if (each.podCertificate !== undefined) errors.push(...podCertificateErrors(each.podCertificate, `${path}.projected.sources[${position}].podCertificate`));
  });
  if (volume.image !== undefined && !volume.image.reference) errors.push(required(`${path}.image.reference`));
  if (volume.image?.pullPolicy !== undefined && !PULL_POLICIES.includes(volume.image.pullPolicy)) errors.push(notSupported(`${path}.image.pullPolicy`, volume.image.pullPolicy, PULL_POLICIES));
  if (volume.ephemeral !== undefined) {
    const template = volume.ephemeral.volumeClaimTemplate;
    errors.push(...(template?.spec === undefined ? [required(`${path}.ephemeral.volumeClaimTemplate`)] : claimSpecErrors(template.spec, `${path}.ephemeral.volumeClaimTemplate.spec`)));
  }
  if (volume.persistentVolumeClaim !== undefined && !volume.persistentVolumeClaim.claimName) errors.push(required(`${path}.persistentVolumeClaim.claimName`));
  if (volume.nfs?.path && !volume.nfs.path.startsWith('/')) errors.push(invalid(`${path}.nfs.path`, volume.nfs.path, 'must be an absolute path'));
  return [...errors, ...lackErrors(sources, path)];
}

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
/** Fields without which a source says too little; those of the sources above have rules of their own. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  nfs: ['server', 'path'], iscsi: ['targetPortal', 'iqn'], rbd: ['monitors', 'image'], cephfs: ['monitors'], glusterfs: ['endpoints', 'path'], flexVolume: ['driver'], azureFile: ['secretName', 'shareName'],
  azureDisk: ['diskName', 'diskURI'], gcePersistentDisk: ['pdName'], awsElasticBlockStore: ['volumeID'], cinder: ['volumeID'], vsphereVolume: ['volumePath'], portworxVolume: ['volumeID'], photonPersistentDisk: ['pdID'],
  quobyte: ['registry', 'volume'], scaleIO: ['gateway', 'system', 'volumeName'],
};

function lackErrors(sources: Omit<Volume, 'name'>, path: string): FieldError[] {
  return Object.entries(NEEDED).flatMap(([source, fields]) => {
    const given = (sources as Record<string, Record<string, unknown> | undefined>)[source];
    return given === undefined ? [] : fields.filter((field) => !given[field] || (Array.isArray(given[field]) && given[field].length === 0)).map((field) => required(`${path}.${source}.${field}`));
  });
}

const LEAST_TOKEN_SECONDS = 600;
const MOST_TOKEN_SECONDS = 2 ** 32;

function tokenErrors({ path: file, expirationSeconds: seconds }: ServiceAccountTokenProjection, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (seconds !== undefined && seconds < LEAST_TOKEN_SECONDS) errors.push(invalid(`${path}.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes'));
  if (seconds !== undefined && seconds > MOST_TOKEN_SECONDS) errors.push(invalid(`${path}.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds'));
  return [...errors, ...(file ? localPathErrors(file, `${path}.path`) : [required(`${path}.path`)])];
}

function downwardErrors(items: readonly DownwardAPIVolumeFile[] | undefined, path: string, source: string): FieldError[] {
  return (items ?? []).flatMap((item, index) => [...downwardFileErrors(item, `${path}.${source}.items[${index}]`), ...modeErrors(item.mode, `${path}.${source}.items[${index}].mode`)]);
}

/** No two sources may give one file. */
function conflictErrors({ sources }: ProjectedVolumeSource, path: string): FieldError[] {
  const taken = new Set<string>();
  return (sources ?? []).flatMap(({ secret, configMap, downwardAPI, serviceAccountToken }) => {
    const files = [...(secret?.items ?? []), ...(configMap?.items ?? []), ...(downwardAPI?.items ?? []), ...(serviceAccountToken === undefined ? [] : [serviceAccountToken])].map(({ path: file }) => file);
    const again = files.filter((file) => file !== '' && taken.size === taken.add(file).size);
    return again.map((file) => invalid(path, secret?.name ?? configMap?.name ?? file, 'conflicting duplicate paths'));
  });
}

/** By name, or by signer and labels. */
function trustProjectionErrors({ name, signerName, labelSelector, path: file }: ClusterTrustBundleProjection, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (name !== undefined && signerName !== undefined) errors.push(invalid(path, name, 'only one of name and signerName may be used'));
  else if (name === '') errors.push(required(`${path}.name`, 'must be a valid object name'));
  else if (signerName !== undefined) errors.push(...signerNameErrors(signerName, `${path}.signerName`));
  else if (name === undefined) errors.push(required(path, 'either name or signerName must be specified'));
  if (name !== undefined && labelSelector !== undefined) errors.push(invalid(`${path}.labelSelector`, '', 'labelSelector must be unset if name is specified'));
  return [...errors, ...(file ? localPathErrors(file, `${path}.path`) : [required(`${path}.path`)])];
}

function podCertificateErrors(source: PodCertificateProjection, path: string): FieldError[] {
  const errors = signerNameErrors(source.signerName, `${path}.signerName`);
  if (!source.keyType) errors.push(required(`${path}.keyType`));
  else if (!KEY_TYPES.includes(source.keyType)) errors.push(notSupported(`${path}.keyType`, source.keyType, KEY_TYPES));
  const seconds = source.maxExpirationSeconds;
  if (seconds !== undefined && seconds < LEAST_CERTIFICATE_SECONDS) errors.push(invalid(`${path}.maxExpirationSeconds`, seconds, `if provided, maxExpirationSeconds must be >= ${LEAST_CERTIFICATE_SECONDS}`));
  if (seconds !== undefined && seconds > MOST_CERTIFICATE_SECONDS) errors.push(invalid(`${path}.maxExpirationSeconds`, seconds, `if provided, maxExpirationSeconds must be <= ${MOST_CERTIFICATE_SECONDS}`));
  const files = (['credentialBundlePath', 'keyPath', 'certificateChainPath'] as const).filter((field) => source[field]);
  if (files.length === 0) errors.push(required(path, 'specify at least one of credentialBundlePath, keyPath, and certificateChainPath'));
  return [...errors, ...files.flatMap((field) => localPathErrors(source[field]!, `${path}.${field}`))];
}

export function hostPathErrors(source: { path?: string; type?: string }, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!source.path) return [required(`${path}.path`)];
  if (source.path.split('/').includes('..')) errors.push(invalid(`${path}.path`, source.path, "must not contain '..'"));
  if (!HOST_PATH_TYPES.includes(source.type ?? '')) errors.push(notSupported(`${path}.type`, source.type, HOST_PATH_TYPES));
  return errors;
}

function itemErrors(items: readonly KeyToPath[] | undefined, path: string): FieldError[] {
  return (items ?? []).flatMap((item, index) => {
    const at = `${path}[${index}]`;
    const errors: FieldError[] = [];
    if (!item.key) errors.push(required(`${at}.key`));
    if (!item.path) errors.push(required(`${at}.path`));
    else errors.push(...localPathErrors(item.path, `${at}.path`));
    return [...errors, ...modeErrors(item.mode, `${at}.mode`)];
  });
}

function modeErrors(mode: number | undefined, path: string): FieldError[] {
  return mode !== undefined && (mode < 0 || mode > 0o777) ? [invalid(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive')] : [];
}
