/** APIService (apiregistration.k8s.io/v1): who serves a group version, this server or another behind a Service. */
import { AGE, column, NAME } from '../columns.ts';
import { invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { dns1035LabelErrors, dns1123SubdomainErrors, pathSegmentErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';

export const APIREGISTRATION = 'apiregistration.k8s.io';

export interface APIServiceCondition {
  type: string;
  status: string;
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
}

export interface APIServiceSpec {
  /** Absent: this server itself. */
  service?: { namespace?: string; name?: string; port?: number };
  group?: string;
  version?: string;
  insecureSkipTLSVerify?: boolean;
  /** Base64 of PEM. */
  caBundle?: string;
  groupPriorityMinimum: number;
  versionPriority: number;
}

export interface APIService extends KubeObject {
  spec?: APIServiceSpec;
  status?: { conditions?: APIServiceCondition[] };
}

const PORT = 443;
const STATUSES = ['True', 'False', 'Unknown'];

export const APIService: Kind<APIService> = defineKind<APIService>({
  group: APIREGISTRATION, version: 'v1', kind: 'APIService', plural: 'apiservices', namespaced: false, categories: ['api-extensions'],
  schema: () => schemaOf(APIREGISTRATION, 'v1', 'APIService'),
  rules: {
    allowUnconditionalUpdate: false,
    statusKeeps: 'metadata',
    generation: false,
    nameErrors: pathSegmentErrors,
    defaults({ spec }) {
      if (spec?.service) spec.service.port ??= PORT;
    },
    prepareForCreate(service) {
      service.status = {};
    },
    validate: specErrors,
    validateStatus: ({ status }) => (status?.conditions ?? []).flatMap((each, index) => (STATUSES.includes(each.status) ? [] : [notSupported(`status.conditions[${index}].status`, each.status, STATUSES)])),
  },
  subresources: { status: true },
  columns: [NAME, column('Service', ({ spec }) => (spec?.service ? `${spec.service.namespace ?? ''}/${spec.service.name ?? ''}` : 'Local')), column('Available', shownAvailability), AGE],
});

/** `v1.apps`; `v1.` for the core group. */
export function apiServiceName(group: string, version: string): string {
  return `${version}.${group}`;
}

export function availableCondition({ status }: APIService): APIServiceCondition | undefined {
  return status?.conditions?.find(({ type }) => type === 'Available');
}

function shownAvailability(service: APIService): string {
  const condition = availableCondition(service);
  if (condition === undefined) return 'Unknown';
  return condition.status === 'True' || !condition.reason ? condition.status : `${condition.status} (${condition.reason})`;
}

function specErrors({ metadata, spec }: APIService): FieldError[] {
  const { group = '', version = '', service, caBundle, insecureSkipTLSVerify } = spec ?? {};
  const [groupPriority, versionPriority] = [spec?.groupPriorityMinimum ?? 0, spec?.versionPriority ?? 0];
  const errors: FieldError[] = [];
  const name = apiServiceName(group, version);
  if (metadata.name !== name) errors.push(invalid('metadata.name', metadata.name ?? '', `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(name)}`));
  if (group === '' && version !== 'v1') errors.push(required('spec.group', 'only v1 may have an empty group and it better be legacy kube'));
  if (group !== '') errors.push(...dns1123SubdomainErrors(group).map((text) => invalid('spec.group', group, text)));
  errors.push(...dns1035LabelErrors(version).map((text) => invalid('spec.version', version, text)));
  if (groupPriority <= 0 || groupPriority > 20_000) errors.push(invalid('spec.groupPriorityMinimum', groupPriority, 'must be positive and less than 20000'));
  if (versionPriority <= 0 || versionPriority > 1_000) errors.push(invalid('spec.versionPriority', versionPriority, 'must be positive and less than 1000'));
  if (service === undefined || service === null) {
    if (caBundle) errors.push(invalid('spec.caBundle', `${Buffer.from(caBundle, 'base64').length} bytes`, 'local APIServices may not have a caBundle'));
    if (insecureSkipTLSVerify === true) errors.push(invalid('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify'));
    return errors;
  }
  if (!service.namespace) errors.push(required('spec.service.namespace'));
  if (!service.name) errors.push(required('spec.service.name'));
  if (insecureSkipTLSVerify === true && caBundle) errors.push(invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present'));
  return errors;
}
