/** Pod (core/v1). */
import type { Pod as PodType } from '../generated/core-v1.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { appArmorFields, appArmorWarnings } from './app-armor.ts';
import { mergeLabelKeys } from './label-keys.ts';
import { graceSecondsOf } from './pod-grace.ts';
import { podActions } from './pod-actions.ts';
import { podColumns } from './pod-columns.ts';
import { addDefaultTolerations, defaultPod } from './pod-defaults.ts';
import { qosClassOf } from './pod-qos.ts';
import { agreeOnAddresses, keepQualityOfService, podStatusErrors } from './pod-status-validation.ts';
import { podErrors } from './pod-validation.ts';
import { podNameWarnings, podWarnings } from './pod-warnings.ts';

export type Pod = PodType;

export const Pod: Kind<Pod> = defineKind<Pod>({
  group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true,
  shortNames: ['po'], categories: ['all'],
  schema: () => schemaOf('', 'v1', 'Pod'),
  rules: {
    // Kubelets of old corrupted them (upstream: registry/core/pod, podStatusStrategy).
    statusKeeps: ['ownerReferences'],
    defaults: defaultPod,
    prepareForCreate(pod) {
      pod.status = { phase: 'Pending', qosClass: qosClassOf(pod) };
      addDefaultTolerations(pod);
      appArmorFields(pod);
      mergeLabelKeys(pod);
      if ((pod.spec?.schedulingGates?.length ?? 0) > 0) {
        pod.status.conditions = [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message: 'Scheduling is blocked due to non-empty scheduling gates' }];
      }
    },
    // Whoever applies a pod again names only tolerations of its own: those that were added come back, as they may not go.
    prepareForUpdate(pod, old) {
      if (pod.spec !== old.spec) addDefaultTolerations(pod);
    },
    validate: podErrors,
    prepareForStatusUpdate(pod, old) {
      keepQualityOfService(pod, old);
      agreeOnAddresses(pod);
    },
    validateStatus: podStatusErrors,
    warnings: (pod, old) => [...podNameWarnings(pod.metadata, old), ...podWarnings(pod, ''), ...(old === undefined ? appArmorWarnings(pod) : [])],
    gracePeriodSeconds: (pod, asked) => {
      const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
      return !pod.spec?.nodeName || ended ? 0 : asked ?? Math.min(graceSecondsOf(pod), Number.MAX_SAFE_INTEGER);
    },
  },
  subresources: { status: true, actions: podActions },
  columns: podColumns,
  rowConditions(pod) {
    if (pod.status?.phase === 'Succeeded') return [{ type: 'Completed', status: 'True', reason: 'Succeeded', message: 'The pod has completed successfully.' }];
    return pod.status?.phase === 'Failed' ? [{ type: 'Completed', status: 'True', reason: 'Failed', message: 'The pod failed.' }] : [];
  },
  selectableFields: {
    'spec.nodeName': (pod) => pod.spec?.nodeName ?? '',
    'spec.restartPolicy': (pod) => pod.spec?.restartPolicy ?? '',
    'spec.schedulerName': (pod) => pod.spec?.schedulerName ?? '',
    'spec.serviceAccountName': (pod) => pod.spec?.serviceAccountName ?? '',
    'spec.hostNetwork': (pod) => String(pod.spec?.hostNetwork ?? false),
    'status.phase': (pod) => pod.status?.phase ?? '',
    'status.podIP': (pod) => pod.status?.podIP ?? pod.status?.podIPs?.[0]?.ip ?? '',
    'status.nominatedNodeName': (pod) => pod.status?.nominatedNodeName ?? '',
    // Upstream takes these two as well: it has no value for the first, and the second is what spec.nodeName was called once.
    'status.podIPs': () => '',
    'spec.host': (pod) => pod.spec?.nodeName ?? '',
  },
});
