import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Pod, PodSpec } from '../../../api/generated/core-v1.ts';
import { refusedSpec } from '../lifecycle/admit-spec.ts';
import { envFileValue, volumeFile } from './env-file.ts';
import { seccompFile } from './seccomp-file.ts';

test('variables of a file', () => {
  const text = "# note\n\nA='one'\nB='two\nlines' # more\nA='last'";
  assert.deepEqual(['A', 'B', 'C'].map((key) => envFileValue(text, key)), ['last', 'two\nlines', undefined]);
  for (const wrong of ['A=one', "A='one", "A b='x'", "A='x' y"]) assert.throws(() => envFileValue(wrong, 'A'), /invalid line/, wrong);
});

test('profiles and variables lie where they should', () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-files-'));
  try {
    mkdirSync(join(folder, 'in'));
    writeFileSync(join(folder, 'out.json'), '{"defaultAction":"SCMP_ACT_ALLOW"}');
    writeFileSync(join(folder, 'in/a.json'), JSON.stringify({
      defaultAction: 'SCMP_ACT_ERRNO', archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }],
      syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', args: [] }, { names: ['mount'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_ADMIN'] } }, { name: 'chroot', action: 'SCMP_ACT_ALLOW', excludes: { caps: ['CAP_CHOWN'] } }],
    }));
    symlinkSync('../out.json', join(folder, 'in/link'));
    assert.deepEqual(seccompFile(join(folder, 'in'), 'a.json', ['CAP_CHOWN'], 'x64'), { defaultAction: 'SCMP_ACT_ERRNO', architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'], syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW' }] });
    assert.deepEqual(seccompFile(join(folder, 'in'), 'a.json', ['CAP_SYS_ADMIN'], 'x64').syscalls.map(({ names }) => names[0]), ['read', 'mount', 'chroot']);
    for (const name of ['none.json', 'link', '../out.json']) assert.throws(() => seccompFile(join(folder, 'in'), name, []), /cannot load seccomp profile/, name);
    assert.equal(volumeFile(join(folder, 'in'), 'none'), undefined);
    assert.throws(() => volumeFile(join(folder, 'in'), 'link'), /through a link/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const pod = (spec: Partial<PodSpec>): Pod => ({ metadata: {}, spec: { containers: [{ name: 'a' }], ...spec } });
for (const [what, spec, appArmor, reason] of [
  ['nothing special', {}, false, undefined],
  ['another system', { os: { name: 'windows' } }, false, 'PodOSNotSupported'],
  ['AppArmor', { containers: [{ name: 'a', securityContext: { appArmorProfile: { type: 'Localhost', localhostProfile: 'x' } } }] }, false, 'AppArmor'],
  ['AppArmor that is there', { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }, true, undefined],
  ['no AppArmor', { securityContext: { appArmorProfile: { type: 'Unconfined' } } }, false, undefined],
] as const) test(`what a node cannot keep: ${what}`, () => assert.equal(refusedSpec(pod(spec as unknown as Partial<PodSpec>), { allowedSysctls: [], appArmor })?.reason, reason));
