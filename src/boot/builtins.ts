/** The modules that an llmos starts with (gateway before custom-resources, whose definitions take the place of its kinds); `modules.NAME.enabled: false` in the configuration leaves one out. */
import admission from '../modules/admission/module.ts';
import aggregation from '../modules/aggregation/module.ts';
import bootstrapTokens from '../modules/bootstrap-tokens/module.ts';
import certificates from '../modules/certificates/module.ts';
import core from '../modules/core/module.ts';
import customResources from '../modules/custom-resources/module.ts';
import disruption from '../modules/disruption/module.ts';
import dynamicResources from '../modules/dynamic-resources/module.ts';
import endpointslice from '../modules/endpointslice/module.ts';
import gateway from '../modules/gateway/module.ts';
import flowControl from '../modules/flow-control/module.ts';
import garbageCollector from '../modules/garbage-collector/module.ts';
import horizontalPodAutoscaler from '../modules/horizontal-pod-autoscaler/module.ts';
import predictiveAutoscaler from '../modules/horizontal-pod-autoscaler/predictive/module.ts';
import ingress from '../modules/ingress/module.ts';
import jobSet from '../modules/job-set/module.ts';
import localPath from '../modules/local-path/module.ts';
import metering from '../modules/metering/module.ts';
import eventAutoscaler from '../modules/event-autoscaler/module.ts';
import networkPolicy from '../modules/network-policy/module.ts';
import network from '../modules/network/module.ts';
import nodeLifecycle from '../modules/node-lifecycle/module.ts';
import { node } from '../modules/node/module.ts';
import queue from '../modules/queue/module.ts';
import quota from '../modules/quota/module.ts';
import podSecurity from '../modules/pod-security/module.ts';
import rbac from '../modules/rbac/module.ts';
import registry from '../modules/registry/module.ts';
import scheduler from '../modules/scheduler/module.ts';
import storageMigration from '../modules/storage-migration/module.ts';
import verticalPodAutoscaler from '../modules/vertical-pod-autoscaler/module.ts';
import workloads from '../modules/workloads/module.ts';
import type { Module } from '../sdk/module.ts';

export const builtins: readonly Module[] = [core, rbac, flowControl, certificates, bootstrapTokens, quota, gateway, customResources, admission, podSecurity, workloads, jobSet, disruption, horizontalPodAutoscaler, eventAutoscaler, verticalPodAutoscaler, predictiveAutoscaler, localPath, dynamicResources, garbageCollector, scheduler, endpointslice, queue, network, networkPolicy, ingress, node, nodeLifecycle, storageMigration, aggregation, metering, registry];

/** These start only with `modules.NAME.enabled: true`. */
export const offByDefault: ReadonlySet<string> = new Set([registry.name]);
