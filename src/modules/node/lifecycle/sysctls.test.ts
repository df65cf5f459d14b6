import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodSpec } from '../../../api/generated/core-v1.ts';
import { allowedSysctls, refusedSysctl } from './sysctls.ts';

const pod = (name: string, more: Partial<PodSpec> = {}): Pod => ({ metadata: {}, spec: { containers: [], securityContext: { sysctls: [{ name, value: '1' }] }, ...more } });

for (const [what, of, allowed, message] of [
  ['a safe one', pod('kernel.shm_rmid_forced'), [], undefined],
  ['a safe one with slashes', pod('net/ipv4/tcp_syncookies'), [], undefined],
  ['an unsafe one', pod('kernel.msgmax'), [], 'forbidden sysctl: "kernel.msgmax" not allowlisted'],
  ['one that is allowed by name', pod('kernel.msgmax'), ['kernel.msgmax'], undefined],
  ['one that is allowed by its beginning', pod('net.core.somaxconn'), ['net.core.*'], undefined],
  ['one of the machine', pod('vm.swappiness'), ['net.*'], 'forbidden sysctl: "vm.swappiness" not allowlisted'],
  ['one of the network, which is the machine\'s', pod('net.ipv4.tcp_syncookies', { hostNetwork: true }), [], 'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled'],
  ['one of the memory, which is the machine\'s', pod('kernel.msgmax', { hostIPC: true }), ['kernel.msg*'], 'forbidden sysctl: "kernel.msgmax" not allowed with host ipc enabled'],
] as const) test(`sysctls: ${what}`, () => assert.equal(refusedSysctl(of, allowed)?.message, message));

test('what may be allowed', () => {
  assert.deepEqual(allowedSysctls({ allowedUnsafeSysctls: ['kernel.msg*'] }), ['kernel.msg*']);
  assert.throws(() => allowedSysctls({ allowedUnsafeSysctls: ['vm.swappiness'] }), /must be a list of names/);
});
