/** The environments of expressions about requests: match conditions of webhooks, and all of policies. */
import type { Environment } from '../cel/environment.ts';
import { cel } from '../cel/lazy.ts';

export interface AdmissionVariables {
  /** Parameters of a policy. */
  params: boolean;
  /** Variables of a policy, and the namespace of the object. */
  variables: boolean;
  /** Names of the policy's variables that may be read; default any. */
  known?: ReadonlySet<string>;
  /** Whether what is said there changes objects. */
  mutates?: boolean;
}

export const WEBHOOK_VARIABLES: AdmissionVariables = { params: false, variables: false };

const made = new Map<string, Environment>();

export function admissionEnvironment(variables: AdmissionVariables): Environment {
  const key = `${variables.params} ${variables.variables} ${variables.mutates === true}`;
  let environment = made.get(key);
  if (environment === undefined) made.set(key, (environment = create(variables)));
  return environment;
}

function create({ params, variables, mutates }: AdmissionVariables): Environment {
  const names: Record<string, string> = { object: 'dyn', oldObject: 'dyn', request: 'dyn', authorizer: 'kubernetes.authorization.Authorizer' };
  if (params) names['params'] = 'dyn';
  if (variables) Object.assign(names, { namespaceObject: 'dyn', variables: 'kubernetes.Variables' });
  return cel().createEnvironment(names, (environment) => {
    cel().registerAdmission(environment);
    if (mutates === true) cel().registerJsonPatch(environment);
  });
}
