/** The door, in one import. */
export { createApiServer, type ApiServer, type ApiServerOptions, type ClientOptions } from './api-server.ts';
export type { PolicyRule, RuleSource, Decision } from './authorize.ts';
export { createAudit, type Audit } from './audit/audit.ts';
export { checkPolicy, DEFAULT_POLICY, type AuditPolicy } from './audit/policy.ts';
export { openLogFile, type LogFile } from './audit/log-file.ts';
export { openIdentity, type Identity, type IdentityOptions } from './identity/identity.ts';
export type { Address, Listener } from './listen.ts';
export type { Attributes } from './errors.ts';
