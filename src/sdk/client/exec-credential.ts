/** Credentials from a program, as managed clusters have them (client.authentication.k8s.io/v1 and v1beta1 ExecCredential). */
import { ApiError } from '../../api/errors.ts';
import { run } from '../../base/sys/run.ts';
import type { ClusterAccess, Credential } from './kubeconfig.ts';

export interface ExecConfig {
  apiVersion?: string;
  command?: string;
  args?: string[] | null;
  env?: { name: string; value: string }[] | null;
  installHint?: string;
  provideClusterInfo?: boolean;
}

interface ExecAnswer {
  status?: { expirationTimestamp?: string; token?: string; clientCertificateData?: string; clientKeyData?: string };
}

const TIMEOUT_MS = 60_000;
/** A credential is renewed so long before it ends. */
const EARLY_MS = 10_000;

/** Runs the program when first asked, when its credential runs out, and when the server refused it. */
export function execCredential(config: ExecConfig, cluster: { server: string }): ClusterAccess['credential'] {
  let known: Promise<{ credential: Credential; untilMs: number }> | undefined;
  return async (options) => {
    if (options?.refused === true) known = undefined;
    const current = known;
    if (current !== undefined && (await current).untilMs > Date.now()) return (await current).credential;
    if (known === current) {
      known = ask(config, cluster);
      known.catch(() => (known = undefined));
    }
    return (await (known as NonNullable<typeof known>)).credential;
  };
}

async function ask(config: ExecConfig, cluster: { server: string }): Promise<{ credential: Credential; untilMs: number }> {
  const { command, apiVersion = 'client.authentication.k8s.io/v1' } = config;
  if (command === undefined || command === '') throw new ApiError('BadRequest', "the kubeconfig's exec names no command");
  const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false, ...(config.provideClusterInfo === true ? { cluster } : {}) } };
  const env = { ...process.env, ...Object.fromEntries((config.env ?? []).map(({ name, value }) => [name, value])), KUBERNETES_EXEC_INFO: JSON.stringify(info) };
  try {
    const { status = {} } = JSON.parse(await run(command, config.args ?? [], { env, timeoutMs: TIMEOUT_MS, maxOutputBytes: 1_048_576 })) as ExecAnswer;
    if (status.token === undefined && status.clientCertificateData === undefined) throw new Error('it gave neither a token nor a certificate');
    const untilMs = status.expirationTimestamp === undefined ? Infinity : Date.parse(status.expirationTimestamp) - EARLY_MS;
    return { credential: { token: status.token, certificatePem: status.clientCertificateData, keyPem: status.clientKeyData }, untilMs };
  } catch (error) {
    const hint = config.installHint === undefined ? '' : ` ${config.installHint}`;
    throw new ApiError('Unauthorized', `the credential program ${command} of the kubeconfig failed: ${(error as Error).message}.${hint}`);
  }
}
