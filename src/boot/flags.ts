/** What /flagz shows: the configuration of the door by the names that kube-apiserver has for it. */
import type { Config } from './config.ts';
import { networkFactsOf } from './facts.ts';

export function flagsOf(config: Config, issuer: string): Record<string, string> {
  const { apiServer, audit, network, store } = config;
  const files = audit === undefined ? {} : {
    'audit-log-path': audit.path, 'audit-log-maxage': String(audit.maxAgeDays), 'audit-log-maxbackup': String(audit.maxBackups), 'audit-log-maxsize': String(audit.maxSizeMiB),
    ...(audit.policyFile === undefined ? {} : { 'audit-policy-file': audit.policyFile }),
  };
  return {
    'advertise-address': networkFactsOf(config).gatewayIp, 'allow-privileged': 'true', 'api-audiences': `[${issuer}]`, ...(apiServer.authenticationConfig === undefined ? {} : { 'authentication-config': apiServer.authenticationConfig }), 'authorization-mode': '[Node,RBAC]', 'bind-address': apiServer.host,
    'enable-bootstrap-token-auth': 'true', ...(store.encryptionConfig === undefined ? {} : { 'encryption-provider-config': store.encryptionConfig }), 'enable-priority-and-fairness': 'true', 'max-requests-inflight': String(apiServer.maxRequestsInFlight), 'secure-port': String(apiServer.port),
    'service-account-issuer': `[${issuer}]`, 'service-cluster-ip-range': [network.serviceCidr, ...(network.ipv6 === undefined ? [] : [network.ipv6.serviceCidr])].join(','), ...files,
  };
}
