/**
 * TriggerAuthentication and ClusterTriggerAuthentication (keda.sh/v1alpha1): where the credentials of triggers lie. Secrets, config maps, the environment
 * of the target, tokens of service accounts, files, OAuth 2 clients and HashiCorp Vault are known; providers of clouds are kept and refused when they are used.
 */
import { column, NAME } from '../columns.ts';
import { invalid, required, type FieldError } from '../field-error.ts';
import { CUSTOM_RULES } from '../custom/custom-rules.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { objectSchema, oneOf, struct, text, textMap, texts } from '../schema/build.ts';
import type { Schema } from '../schema/schema.ts';
import { GROUP, VERSION } from './triggers.ts';
import { vault, type VaultSpec } from './vault.ts';

export interface KeyReference { parameter: string; name: string; key: string }

export interface TriggerAuthenticationSpec {
  secretTargetRef?: KeyReference[];
  configMapTargetRef?: KeyReference[];
  env?: { parameter: string; name: string; containerName?: string }[];
  boundServiceAccountToken?: { parameter: string; serviceAccountName: string }[];
  /** Below a folder that the configuration names; of ClusterTriggerAuthentications only. */
  filePath?: string;
  oauth2?: {
    type: 'clientCredentials';
    clientId: string;
    clientSecret: { valueFrom: { secretKeyRef: { name: string; key: string } } };
    tokenUrl: string;
    scopes?: string[];
    tokenUrlParams?: Record<string, string>;
  };
  hashiCorpVault?: VaultSpec;
  /** Providers that llmos does not have. */
  [provider: string]: unknown;
}

export interface TriggerAuthentication extends KubeObject { spec: TriggerAuthenticationSpec; status?: { scaledobjects?: string; scaledjobs?: string } }
export type ClusterTriggerAuthentication = TriggerAuthentication;

const unknown: Schema = { type: 'object', xPreserveUnknownFields: true };
const references: Schema = { type: 'array', items: struct({ parameter: text, name: text, key: text }, ['key', 'name', 'parameter']) };
const clientSecret = struct({ valueFrom: struct({ secretKeyRef: struct({ name: text, key: text }, ['name', 'key']) }, ['secretKeyRef']) }, ['valueFrom']);
/** Kept as they are. */
export const FOREIGN_PROVIDERS = ['podIdentity', 'azureKeyVault', 'gcpSecretManager', 'awsSecretManager'] as const;

const schema = objectSchema(() => ({
  spec: struct({
    secretTargetRef: references, configMapTargetRef: references, env: { type: 'array', items: struct({ parameter: text, name: text, containerName: text }, ['name', 'parameter']) },
    boundServiceAccountToken: { type: 'array', items: struct({ parameter: text, serviceAccountName: text }, ['parameter', 'serviceAccountName']) },
    filePath: text,
    oauth2: struct({ type: oneOf(['clientCredentials']), clientId: text, clientSecret, tokenUrl: text, scopes: texts, tokenUrlParams: textMap }, ['type', 'clientId', 'clientSecret', 'tokenUrl']),
    hashiCorpVault: vault,
    ...Object.fromEntries(FOREIGN_PROVIDERS.map((name) => [name, unknown])),
  }),
  status: struct({ scaledobjects: text, scaledjobs: text }),
}));

const columns = [
  NAME, column('PodIdentity', ({ spec }: TriggerAuthentication) => (spec?.['podIdentity'] as { provider?: string } | undefined)?.provider ?? ''),
  column('Secret', ({ spec }: TriggerAuthentication) => (spec?.secretTargetRef ?? []).map(({ name }) => name).join(',')), column('Env', ({ spec }: TriggerAuthentication) => (spec?.env ?? []).map(({ name }) => name).join(',')),
  column('VaultAddress', ({ spec }: TriggerAuthentication) => spec?.hashiCorpVault?.address ?? ''),
];

/** What upstream's webhook refuses. */
const rules = {
  ...CUSTOM_RULES,
  validate({ spec }: TriggerAuthentication): FieldError[] {
    const { clientId, tokenUrl } = spec?.oauth2 ?? {};
    if (spec?.oauth2 === undefined) return [];
    const errors = clientId === '' ? [required('spec.oauth2.clientId', 'oauth2.clientId is required when oauth2 is configured')] : [];
    const url = URL.parse(tokenUrl ?? '');
    if (tokenUrl === '') errors.push(required('spec.oauth2.tokenUrl', 'oauth2.tokenUrl is required when oauth2 is configured'));
    else if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.host === '') errors.push(invalid('spec.oauth2.tokenUrl', tokenUrl, 'oauth2.tokenUrl must be a valid http or https URL'));
    return errors;
  },
};

export const TriggerAuthentication: Kind<TriggerAuthentication> = defineKind<TriggerAuthentication>({
  group: GROUP, version: VERSION, kind: 'TriggerAuthentication', plural: 'triggerauthentications', namespaced: true, shortNames: ['ta', 'triggerauth'], schema, columns, subresources: { status: true }, rules,
});

export const ClusterTriggerAuthentication: Kind<ClusterTriggerAuthentication> = defineKind<ClusterTriggerAuthentication>({
  group: GROUP, version: VERSION, kind: 'ClusterTriggerAuthentication', plural: 'clustertriggerauthentications', namespaced: false, shortNames: ['cta', 'clustertriggerauth'], schema, columns, subresources: { status: true }, rules,
});
