/** The audit log of this machine, as the configuration wants it. */
import { readFileSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { checkPolicy, createAudit, DEFAULT_POLICY, openLogFile, type Audit, type AuditPolicy } from '../kernel/apiserver/index.ts';
import type { AuditConfig } from './config.ts';

export interface OpenAudit {
  audit: Audit;
  /** Writes what waits. */
  close(): Promise<void>;
}

/** Throws an Error that says what is wrong with the policy, or with the place of the log. */
export async function openAudit(config: AuditConfig, { clock, log }: { clock: Clock; log: Log }): Promise<OpenAudit> {
  const policy = config.policyFile === undefined ? DEFAULT_POLICY : await readPolicy(config.policyFile);
  const { path, maxAgeDays, maxBackups } = config;
  const file = openLogFile({ path, maxSizeBytes: config.maxSizeMiB * 2 ** 20, maxAgeDays, maxBackups, clock, log });
  return { audit: createAudit({ policy, append: file.append, clock, maxEventBytes: config.maxEventKiB * 1_024 }), close: file.close };
}

async function readPolicy(file: string): Promise<AuditPolicy> {
  try {
    const { parse } = await import('yaml');
    return checkPolicy(parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new Error(`the audit policy ${file} cannot be used: ${(error as Error).message}`, { cause: error });
  }
}
