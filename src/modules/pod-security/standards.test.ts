/**
 * Each check of the Pod Security Standards at each level and version, over a pod that keeps to the strictest level but for one thing: what passes,
 * what fails, and in which words (the cases of upstream: pod-security-admission/test/fixtures_*.go, policy/check_*_test.go).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, PodSpec, SecurityContext, Volume } from '../../api/generated/core-v1.ts';
import { violationsOf } from './checks.ts';

type Annotations = Record<string, string>;
interface Fixture {
  level: 'baseline' | 'restricted';
  /** Minor versions, the last of them not included. */
  from: number;
  to?: number;
  reason: string;
  fail: readonly (readonly [spec: Partial<PodSpec>, detail: string, annotations?: Annotations])[];
  pass: readonly (readonly [spec: Partial<PodSpec>, annotations?: Annotations])[];
}

const LATEST = Number.POSITIVE_INFINITY;
const VERSIONS = [0, 7, 8, 18, 19, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, LATEST];
const STRICT: SecurityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
const APPARMOR = 'container.apparmor.security.beta.kubernetes.io/';
const SECCOMP = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_OF = 'container.seccomp.security.alpha.kubernetes.io/';

const container = (context: Partial<SecurityContext>, more: Partial<Container> = {}, name = 'a'): Container => ({ name, image: 'x', securityContext: { ...STRICT, ...context }, ...more });
const two = (context: Partial<SecurityContext>, more: Partial<Container> = {}): Partial<PodSpec> => ({ initContainers: [container(context, more, 'i')], containers: [container(context, more), container({}, {}, 'b')] });
const one = (context: Partial<SecurityContext>, more: Partial<Container> = {}): Partial<PodSpec> => ({ containers: [container(context, more)] });
const pod = (securityContext: object): Partial<PodSpec> => ({ securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' }, ...securityContext } });
const volume = (source: object): Partial<PodSpec> => ({ volumes: [{ name: 'v', ...source } as Volume] });
const sysctl = (...names: string[]): Partial<PodSpec> => pod({ sysctls: names.map((name) => ({ name, value: '1' })) });

const FIXTURES: readonly Fixture[] = [
  {
    level: 'baseline', from: 0, reason: 'forbidden AppArmor profile', pass: [
      [{}, { [`${APPARMOR}a`]: 'runtime/default', [`${APPARMOR}b`]: 'localhost/', [`${APPARMOR}c`]: 'localhost/x', [`${APPARMOR}d`]: '' }],
      [pod({ appArmorProfile: { type: 'RuntimeDefault' } })], [one({ appArmorProfile: { type: 'Localhost', localhostProfile: 'x' } })],
    ], fail: [
      [{}, 'annotation must not set AppArmor profile type to "container.apparmor.security.beta.kubernetes.io/a="unconfined""', { [`${APPARMOR}a`]: 'unconfined' }],
      [pod({ appArmorProfile: { type: 'Unconfined' } }), 'pod must not set AppArmor profile type to "Unconfined"'],
      [two({ appArmorProfile: { type: 'Unconfined' } }), 'containers "i", "a" must not set AppArmor profile type to "Unconfined"'],
    ],
  },
  {
    level: 'baseline', from: 0, reason: 'forbidden AppArmor profiles', pass: [], fail: [
      [{}, 'annotations must not set AppArmor profile type to "container.apparmor.security.beta.kubernetes.io/="bogus"", "container.apparmor.security.beta.kubernetes.io/f="unknown""', { [APPARMOR]: 'bogus', [`${APPARMOR}f`]: 'unknown', [`${APPARMOR}a`]: '' }],
      [{ ...pod({ appArmorProfile: { type: 'Unconfined' } }), ...one({ appArmorProfile: { type: 'Other' as 'Unconfined' } }) }, 'pod and container "a" and annotation must not set AppArmor profile type to "Other", "Unconfined", "container.apparmor.security.beta.kubernetes.io/f="x""', { [`${APPARMOR}f`]: 'x' }],
    ],
  },
  { level: 'baseline', from: 0, reason: 'host namespaces', pass: [[{ hostNetwork: false, hostPID: false, hostIPC: false }]], fail: [[{ hostPID: true, hostIPC: true, hostNetwork: true }, 'hostIPC=true, hostNetwork=true, hostPID=true'], [{ hostIPC: true }, 'hostIPC=true']] },
  {
    level: 'baseline', from: 0, reason: 'hostPort', pass: [[one({}, { ports: [{ containerPort: 80 }] })], [one({}, { ports: [{ containerPort: 80, hostPort: 0 }] })]], fail: [
      [two({}, { ports: [{ containerPort: 1, hostPort: 90 }, { containerPort: 2, hostPort: 80 }] }), 'containers "i", "a" use hostPorts 80, 90'], [one({}, { ports: [{ containerPort: 1, hostPort: 90 }] }), 'container "a" uses hostPort 90'],
    ],
  },
  {
    level: 'baseline', from: 34, reason: 'probe or lifecycle host', pass: [[one({}, { livenessProbe: { httpGet: { port: 1, host: '' } }, readinessProbe: { exec: { command: ['x'] } }, lifecycle: { preStop: { httpGet: { port: 1 } } } })]], fail: [
      [one({}, { livenessProbe: { httpGet: { port: 1, host: '127.0.0.1' } } }), 'container "a" uses probe or lifecycle host "127.0.0.1"'],
      [one({}, { readinessProbe: { tcpSocket: { port: 1, host: '::1' } } }), 'container "a" uses probe or lifecycle host "::1"'],
      [two({}, { startupProbe: { httpGet: { port: 1, host: 'b.com' } }, lifecycle: { postStart: { tcpSocket: { port: 1, host: 'a.com' } }, preStop: { httpGet: { port: 1, host: 'b.com' } } } }), 'containers "a", "i" use probe or lifecycle hosts "a.com", "b.com"'],
    ],
  },
  { level: 'baseline', from: 0, reason: 'privileged', pass: [[one({ privileged: false })]], fail: [[{ containers: [container({ privileged: true, allowPrivilegeEscalation: false })] }, 'container "a" must not set securityContext.privileged=true'], [two({ privileged: true }), 'containers "i", "a" must not set securityContext.privileged=true']] },
  { level: 'baseline', from: 0, reason: 'procMount', pass: [[one({ procMount: 'Default' })]], fail: [[two({ procMount: 'Unmasked' }), 'containers "i", "a" must not set securityContext.procMount to "Unmasked"']] },
  { level: 'baseline', from: 0, to: 35, reason: 'procMount', pass: [], fail: [[{ hostUsers: false, ...one({ procMount: 'Unmasked' }) }, 'container "a" must not set securityContext.procMount to "Unmasked"']] },
  {
    level: 'baseline', from: 0, reason: 'seLinuxOptions', pass: [[pod({ seLinuxOptions: {} })], [pod({ seLinuxOptions: { type: 'container_t', level: 's0' } })], [two({ seLinuxOptions: { type: 'container_kvm_t' } })], [one({ seLinuxOptions: { type: 'container_init_t' } })]], fail: [
      [{ ...pod({ seLinuxOptions: { type: 'foo', user: 'bar', role: 'baz' } }), ...two({ seLinuxOptions: { type: 'bar' } }) }, 'pod and containers "i", "a" set forbidden securityContext.seLinuxOptions: types "bar", "foo"; user may not be set; role may not be set'],
      [pod({ seLinuxOptions: { user: 'x' } }), 'pod set forbidden securityContext.seLinuxOptions: user may not be set'], [one({ seLinuxOptions: { role: 'x' } }), 'container "a" set forbidden securityContext.seLinuxOptions: role may not be set'],
    ],
  },
  { level: 'baseline', from: 0, to: 31, reason: 'seLinuxOptions', pass: [], fail: [[pod({ seLinuxOptions: { type: 'container_engine_t' } }), 'pod set forbidden securityContext.seLinuxOptions: type "container_engine_t"']] },
  {
    level: 'baseline', from: 0, to: 19, reason: 'seccompProfile', pass: [[{}, { [SECCOMP]: 'docker/default', [`${SECCOMP_OF}a`]: 'localhost/x', [`${SECCOMP_OF}none`]: 'unconfined' }]], fail: [
      [{}, 'forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined"', { [SECCOMP]: 'unconfined' }],
      [{}, 'forbidden annotations container.seccomp.security.alpha.kubernetes.io/a="", seccomp.security.alpha.kubernetes.io/pod="x"', { [SECCOMP]: 'x', [`${SECCOMP_OF}a`]: '' }],
    ],
  },
  {
    level: 'baseline', from: 19, reason: 'seccompProfile', pass: [[pod({ seccompProfile: { type: 'Localhost', localhostProfile: 'x' } })], [one({ seccompProfile: { type: 'RuntimeDefault' } })]], fail: [
      [pod({ seccompProfile: { type: 'Unconfined' } }), 'pod must not set securityContext.seccompProfile.type to "Unconfined"'], [two({ seccompProfile: { type: 'Unconfined' } }), 'containers "i", "a" must not set securityContext.seccompProfile.type to "Unconfined"'],
    ],
  },
  {
    level: 'baseline', from: 0, reason: 'forbidden sysctls', pass: [[sysctl('kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.ip_unprivileged_port_start', 'net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range')]],
    fail: [[sysctl('b', 'kernel.shm_rmid_forced', 'a'), 'b, a']],
  },
  { level: 'baseline', from: 0, to: 27, reason: 'forbidden sysctls', pass: [], fail: [[sysctl('net.ipv4.ip_local_reserved_ports'), 'net.ipv4.ip_local_reserved_ports']] },
  { level: 'baseline', from: 0, to: 29, reason: 'forbidden sysctls', pass: [], fail: ['time', 'intvl', 'probes'].map((what): [Partial<PodSpec>, string] => [sysctl(`net.ipv4.tcp_keepalive_${what}`, 'net.ipv4.tcp_fin_timeout'), `net.ipv4.tcp_keepalive_${what}, net.ipv4.tcp_fin_timeout`]) },
  { level: 'baseline', from: 0, to: 32, reason: 'forbidden sysctls', pass: [], fail: [[sysctl('net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'), 'net.ipv4.tcp_rmem, net.ipv4.tcp_wmem']] },
  { level: 'baseline', from: 0, reason: 'hostProcess', pass: [[pod({ windowsOptions: { hostProcess: false } })]], fail: [[pod({ windowsOptions: { hostProcess: true } }), 'pod must not set securityContext.windowsOptions.hostProcess=true'], [two({ windowsOptions: { hostProcess: true } }), 'containers "i", "a" must not set securityContext.windowsOptions.hostProcess=true']] },
  {
    level: 'restricted', from: 8, reason: 'allowPrivilegeEscalation != false', pass: [], fail: [
      [one({ allowPrivilegeEscalation: true }), 'container "a" must set securityContext.allowPrivilegeEscalation=false'], [two({ allowPrivilegeEscalation: undefined }), 'containers "i", "a" must set securityContext.allowPrivilegeEscalation=false'],
    ],
  },
  {
    level: 'restricted', from: 22, reason: 'unrestricted capabilities', pass: [[one({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } })], [one({ capabilities: { drop: ['CHOWN', 'ALL'] } })]], fail: [
      [one({ capabilities: undefined }), 'container "a" must set securityContext.capabilities.drop=["ALL"]'], [one({ capabilities: { drop: ['all'] } }), 'container "a" must set securityContext.capabilities.drop=["ALL"]'],
      [two({ capabilities: { drop: ['CHOWN'], add: ['CHOWN', 'AUDIT_WRITE', 'NET_BIND_SERVICE'] } }), 'containers "i", "a" must set securityContext.capabilities.drop=["ALL"]; containers "i", "a" must not include "AUDIT_WRITE", "CHOWN" in securityContext.capabilities.add'],
    ],
  },
  {
    level: 'restricted', from: 0, reason: 'restricted volume types',
    pass: [['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'image', 'persistentVolumeClaim', 'projected', 'secret'].map((type, index) => ({ name: `v${index}`, [type]: {} }) as unknown as Volume)].map((volumes): [Partial<PodSpec>] => [{ volumes }]),
    fail: ['gcePersistentDisk', 'awsElasticBlockStore', 'gitRepo', 'nfs', 'iscsi', 'glusterfs', 'rbd', 'flexVolume', 'cinder', 'cephfs', 'flocker', 'fc', 'azureFile', 'vsphereVolume', 'quobyte', 'azureDisk', 'photonPersistentDisk', 'portworxVolume', 'scaleIO', 'storageos']
      .map((type): [Partial<PodSpec>, string] => [volume({ [type]: {} }), `volume "v" uses restricted volume type "${type}"`]),
  },
  {
    level: 'restricted', from: 0, reason: 'runAsNonRoot != true', pass: [[{ securityContext: { seccompProfile: { type: 'RuntimeDefault' } }, ...one({ runAsNonRoot: true }) }]], fail: [
      [pod({ runAsNonRoot: false }), 'pod must not set securityContext.runAsNonRoot=false'], [two({ runAsNonRoot: false }), 'containers "i", "a" must not set securityContext.runAsNonRoot=false'],
      [{ ...pod({ runAsNonRoot: undefined }), containers: [container({}), container({ runAsNonRoot: true }, {}, 'b')] }, 'pod or container "a" must set securityContext.runAsNonRoot=true'],
    ],
  },
  { level: 'restricted', from: 0, to: 35, reason: 'runAsNonRoot != true', pass: [], fail: [[{ hostUsers: false, ...pod({ runAsNonRoot: undefined }) }, 'pod or container "a" must set securityContext.runAsNonRoot=true']] },
  { level: 'restricted', from: 23, reason: 'runAsUser=0', pass: [[pod({ runAsUser: 1000 })]], fail: [[pod({ runAsUser: 0 }), 'pod must not set runAsUser=0'], [{ hostUsers: true, ...pod({ runAsUser: 0 }), ...two({ runAsUser: 0 }) }, 'pod and containers "i", "a" must not set runAsUser=0']] },
  { level: 'restricted', from: 23, to: 35, reason: 'runAsUser=0', pass: [], fail: [[{ hostUsers: false, ...one({ runAsUser: 0 }) }, 'container "a" must not set runAsUser=0']] },
  {
    level: 'restricted', from: 19, reason: 'seccompProfile', pass: [[{ ...pod({ seccompProfile: undefined }), ...one({ seccompProfile: { type: 'RuntimeDefault' } }) }]], fail: [
      [pod({ seccompProfile: undefined }), 'pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'],
      [{ ...pod({ seccompProfile: undefined }), containers: [container({ seccompProfile: { type: 'Localhost', localhostProfile: 'x' } }), container({}, {}, 'b'), container({}, {}, 'c')] }, 'pod or containers "b", "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'],
    ],
  },
];

const found = (level: 'baseline' | 'restricted', minor: number, spec: Partial<PodSpec>, annotations: Annotations = {}): string[] =>
  violationsOf({ level, minor }, { containers: [container({})], ...pod({}), ...spec } as PodSpec, annotations).map(({ reason, detail }) => `${reason} (${detail})`);

const LEVELS = ['baseline', 'restricted'] as const;

test('each check at each level and version', () => {
  let judged = 0;
  for (const level of LEVELS) for (const minor of VERSIONS) {
    assert.deepEqual(found(level, minor, {}), []);
    for (const fixture of FIXTURES) {
      const isJudged = minor >= fixture.from && (fixture.to === undefined || minor < fixture.to) && (level === 'restricted' || fixture.level === 'baseline');
      const at = `${fixture.reason} at ${level}:1.${minor}`;
      for (const [spec, detail, annotations] of fixture.fail) assert.deepEqual(found(level, minor, spec, annotations), isJudged ? [`${fixture.reason} (${detail})`] : [], at);
      for (const [spec, annotations] of fixture.pass) assert.deepEqual(found(level, minor, spec, annotations), [], at);
      judged += fixture.fail.length + fixture.pass.length;
    }
  }
  assert.equal(judged, VERSIONS.length * 2 * FIXTURES.reduce((sum, { fail, pass }) => sum + fail.length + pass.length, 0));
});

test('a check of the baseline holds at the restricted level until a stricter one takes its place', () => {
  const adding = one({ capabilities: { drop: ['ALL'], add: ['NET_RAW'] } });
  for (const minor of VERSIONS) {
    const baseline = 'non-default capabilities (container "a" must not include "NET_RAW" in securityContext.capabilities.add)';
    const restricted = 'unrestricted capabilities (container "a" must not include "NET_RAW" in securityContext.capabilities.add)';
    assert.deepEqual(found('baseline', minor, adding), [baseline]);
    assert.deepEqual(found('restricted', minor, adding), [minor < 22 ? baseline : restricted]);
    assert.deepEqual(found('baseline', minor, one({ capabilities: { add: ['CHOWN', 'SYS_CHROOT', 'SETFCAP'] } })), []);
    assert.deepEqual(found('baseline', minor, volume({ hostPath: { path: '/' } })), ['hostPath volumes (volume "v")']);
    assert.deepEqual(found('restricted', minor, volume({ hostPath: { path: '/' } })), ['restricted volume types (volume "v" uses restricted volume type "hostPath")']);
  }
});

test('pods of Windows need not say since 1.25 what only Linux knows', () => {
  const spec = { os: { name: 'windows' }, securityContext: { runAsNonRoot: true }, containers: [{ name: 'a', image: 'x' }] } as Partial<PodSpec>;
  const linux = { ...spec, os: { name: 'linux' } } as Partial<PodSpec>;
  for (const minor of VERSIONS.filter((each) => each >= 22)) {
    assert.equal(found('restricted', minor, spec).length, minor < 25 ? 3 : 0, String(minor));
    assert.equal(found('restricted', minor, linux).length, 3, String(minor));
  }
});

test('ephemeral containers are judged as the others are', () => {
  const ephemeral = [{ name: 'debug', image: 'x', securityContext: { ...STRICT, privileged: true } }] as unknown as PodSpec['ephemeralContainers'];
  assert.deepEqual(found('baseline', LATEST, { ephemeralContainers: ephemeral }), ['privileged (container "debug" must not set securityContext.privileged=true)']);
});
