/** A client of another language: its program prints a line of JSON, [name, value], for each thing that it found, and each is a test. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { lacks } from '../fixtures/clients.ts';
import { importTestImage } from '../fixtures/image.ts';
import { bootInstance, command, type Instance } from '../fixtures/instance.ts';

export interface Program {
  /** Which package it needs; without it all is skipped. */
  needs: Parameters<typeof lacks>[0];
  /** The file to run and its arguments; it has KUBECONFIG, and what is said here. */
  start(llmos: Instance): { file: string; args: string[]; env: NodeJS.ProcessEnv };
  expected: Readonly<Record<string, unknown>>;
}

export function describeFindings(client: string, { needs, start, expected }: Program): void {
  describe(client, { timeout: 120_000, skip: lacks(needs) }, () => {
    let llmos: Instance;
    const findings = new Map<string, unknown>();
    let failure = '';

    before(async () => {
      llmos = await bootInstance();
      importTestImage(llmos);
      const { file, args, env } = start(llmos);
      const { stdout, stderr } = await command(file, args, { ...process.env, ...env, KUBECONFIG: llmos.kubeconfig });
      failure = stderr;
      for (const line of stdout.split('\n').filter((each) => each.startsWith('['))) {
        const [name, value] = JSON.parse(line) as [string, unknown];
        findings.set(name, value);
      }
    });
    after(() => llmos?.destroy());

    for (const [name, value] of Object.entries(expected)) {
      it(name, () => {
        assert.ok(findings.has(name), failure);
        assert.deepEqual(findings.get(name), value);
      });
    }
  });
}
