/** Definitions in groups of the Kubernetes community say who agreed to their API, or that nobody did (KEP-1111; apiextensions-apiserver/pkg/apihelpers, GetAPIApprovalState). */
import type { CustomResourceDefinition } from '../generated/apiextensions-v1.ts';

export const APPROVED = 'api-approved.kubernetes.io';

export interface Approval {
  state: 'approved' | 'bypassed' | 'missing' | 'invalid';
  message: string;
}

/** undefined for groups that need none. */
export function approvalOf({ spec, metadata }: CustomResourceDefinition): Approval | undefined {
  if (!/(^|\.)(k8s\.io|kubernetes\.io)$/.test(spec.group ?? '')) return undefined;
  const text = metadata.annotations?.[APPROVED] ?? '';
  if (text.startsWith('unapproved')) return { state: 'bypassed', message: `not approved: ${JSON.stringify(text)}` };
  if (URL.parse(text)?.host) return { state: 'approved', message: `approved in ${text}` };
  const how = text === '' ? '' : ' with either a URL or a reason starting with "unapproved"';
  return { state: text === '' ? 'missing' : 'invalid', message: `protected groups must have approval annotation "${APPROVED}"${how}, see https://github.com/kubernetes/enhancements/pull/1111` };
}
