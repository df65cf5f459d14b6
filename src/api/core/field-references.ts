/** What containers are told of their pod: fields and resources (core/v1 validation of upstream). */
import type { DownwardAPIVolumeFile, ResourceFieldSelector } from '../generated/core-v1.ts';
import { invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { labelKeyErrors } from '../names.ts';
import { localPathErrors } from './local-path.ts';

const OF_VARIABLES = ['metadata.name', 'metadata.namespace', 'metadata.uid', 'spec.nodeName', 'spec.serviceAccountName', 'status.hostIP', 'status.hostIPs', 'status.podIP', 'status.podIPs'];
const OF_FILES = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid'];
const RESOURCES = ['cpu', 'memory', 'ephemeral-storage'].flatMap((name) => [`limits.${name}`, `requests.${name}`]);

/** Of an environment variable: none that has many lines. */
export function variableFieldErrors(fieldPath: string | undefined, path: string): FieldError[] {
  return fieldErrors(fieldPath, path, OF_VARIABLES);
}

function fieldErrors(fieldPath: string | undefined, path: string, supported: readonly string[]): FieldError[] {
  if (!fieldPath) return [required(`${path}.fieldPath`)];
  const subscript = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(fieldPath);
  if (subscript !== null) return labelKeyErrors(subscript[2]!.toLowerCase()).map((error) => invalid(path, fieldPath, error));
  if (supported.includes(fieldPath)) return [];
  const known = /^metadata\.(labels|annotations)$/.test(fieldPath) || (/^[a-zA-Z.[\]'/\-0-9]+$/.test(fieldPath) && /^(metadata|spec|status)\./.test(fieldPath));
  return [known ? notSupported(`${path}.fieldPath`, fieldPath, supported) : invalid(`${path}.fieldPath`, fieldPath, `error converting fieldPath: field label not supported: ${fieldPath}`)];
}

/** A volume is the pod's, so that its files say of which container. */
export function resourceFieldErrors({ resource, containerName }: ResourceFieldSelector, path: string, { ofVolume }: { ofVolume: boolean }): FieldError[] {
  const errors: FieldError[] = [];
  if (ofVolume && !containerName) errors.push(required(`${path}.containerName`));
  if (!resource) return [...errors, required(`${path}.resource`)];
  const hugePages = /^(limits|requests)\.hugepages-./.test(resource);
  return hugePages || RESOURCES.includes(resource) ? errors : [...errors, notSupported(`${path}.resource`, resource, RESOURCES)];
}

export function downwardFileErrors({ path: file, fieldRef, resourceFieldRef }: DownwardAPIVolumeFile, path: string): FieldError[] {
  const errors = file ? localPathErrors(file, `${path}.path`) : [required(`${path}.path`)];
  if (fieldRef !== undefined) {
    errors.push(...fieldErrors(fieldRef.fieldPath, `${path}.fieldRef`, OF_FILES));
    if (resourceFieldRef !== undefined) errors.push(invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
  } else if (resourceFieldRef !== undefined) errors.push(...resourceFieldErrors(resourceFieldRef, `${path}.resourceFieldRef`, { ofVolume: true }));
  else errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
  return errors;
}
