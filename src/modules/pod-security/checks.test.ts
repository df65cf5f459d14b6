import { test } from 'node:test';
import assert from 'node:assert/strict';
import type { PodSpec } from '../../api/generated/core-v1.ts';
import { showViolations, violationsOf } from './checks.ts';
import { policyOf, showLevel } from './levels.ts';

const GOOD = { allowPrivilegeEscalation: false, runAsNonRoot: true, capabilities: { drop: ['ALL'] }, seccompProfile: { type: 'RuntimeDefault' } };

function found(level: 'baseline' | 'restricted', spec: Partial<PodSpec>, minor = Number.POSITIVE_INFINITY): string {
  return showViolations(violationsOf({ level, minor }, { containers: [{ name: 'a', image: 'x', ...(level === 'restricted' ? { securityContext: GOOD } : {}) }], ...spec } as PodSpec));
}

const container = (securityContext: object, more: object = {}): PodSpec['containers'][0] => ({ name: 'a', image: 'x', securityContext, ...more });

test('what the baseline forbids', () => {
  const table: [Partial<PodSpec>, string][] = [
    [{}, ''],
    [{ hostNetwork: true, hostPID: true }, 'host namespaces (hostNetwork=true, hostPID=true)'],
    [{ containers: [container({ privileged: true })] }, 'privileged (container "a" must not set securityContext.privileged=true)'],
    [{ containers: [container({ capabilities: { add: ['NET_RAW', 'CHOWN'] } })] }, 'non-default capabilities (container "a" must not include "NET_RAW" in securityContext.capabilities.add)'],
    [{ volumes: [{ name: 'v', hostPath: { path: '/' } }] }, 'hostPath volumes (volume "v")'],
    [{ containers: [container({}, { ports: [{ containerPort: 1, hostPort: 80 }] }), { ...container({}, { ports: [{ containerPort: 1, hostPort: 81 }] }), name: 'b' }] }, 'hostPort (containers "a", "b" use hostPorts 80, 81)'],
    [{ containers: [container({ procMount: 'Unmasked' })] }, 'procMount (container "a" must not set securityContext.procMount to "Unmasked")'],
    [{ securityContext: { seLinuxOptions: { type: 'x', user: 'y' } } }, 'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "x"; user may not be set)'],
    [{ securityContext: { seccompProfile: { type: 'Unconfined' } } }, 'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")'],
    [{ securityContext: { sysctls: [{ name: 'kernel.x', value: '1' }] } }, 'forbidden sysctls (kernel.x)'],
    [{ containers: [container({}, { livenessProbe: { httpGet: { port: 1, host: 'evil' } } })] }, 'probe or lifecycle host (container "a" uses probe or lifecycle host "evil")'],
    [{ initContainers: [container({ windowsOptions: { hostProcess: true } })] }, 'hostProcess (container "a" must not set securityContext.windowsOptions.hostProcess=true)'],
  ];
  for (const [spec, expected] of table) assert.equal(found('baseline', spec), expected);
});

test('what restricted forbids beside it', () => {
  const table: [Partial<PodSpec>, string][] = [
    [{}, ''],
    [{ containers: [container({})] }, 'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'],
    [{ containers: [container({ ...GOOD, runAsUser: 0 })] }, 'runAsUser=0 (container "a" must not set runAsUser=0)'],
    [{ containers: [container({ ...GOOD, runAsNonRoot: false })] }, 'runAsNonRoot != true (container "a" must not set securityContext.runAsNonRoot=false)'],
    [{ volumes: [{ name: 'v', hostPath: { path: '/' } }, { name: 'w', nfs: { server: 's', path: '/' } }] }, 'restricted volume types (volumes "v", "w" use restricted volume types "hostPath", "nfs")'],
    [{ hostUsers: false, containers: [container({ ...GOOD, runAsNonRoot: undefined, runAsUser: 0 })] }, ''],
    [{ os: { name: 'windows' }, securityContext: { runAsNonRoot: true }, containers: [container({})] }, ''],
  ];
  for (const [spec, expected] of table) assert.equal(found('restricted', spec), expected);
});

test('versions, and labels that say what cannot be', () => {
  assert.equal(found('baseline', { securityContext: { sysctls: [{ name: 'net.ipv4.tcp_rmem', value: '1' }] } }, 31), 'forbidden sysctls (net.ipv4.tcp_rmem)');
  assert.equal(found('baseline', { securityContext: { sysctls: [{ name: 'net.ipv4.tcp_rmem', value: '1' }] } }, 32), '');
  const none = { level: 'privileged', minor: Number.POSITIVE_INFINITY } as const;
  const { policy, errors } = policyOf({ 'pod-security.kubernetes.io/enforce': 'baseline', 'pod-security.kubernetes.io/enforce-version': 'v1.25', 'pod-security.kubernetes.io/warn': 'strict' }, { enforce: none, audit: none, warn: none });
  assert.deepEqual([showLevel(policy.enforce), showLevel(policy.warn), errors.map(({ field, message }) => `${field}: ${message}`)], ['baseline:v1.25', 'privileged:latest', ['metadata.labels[pod-security.kubernetes.io/warn]: Invalid value: "strict": must be one of privileged, baseline, restricted']]);
});
