/** The environments of expressions about requests: match conditions of webhooks, and all of policies. */
import type { Environment } from '../cel/environment.ts';
import { cel } from '../cel/lazy.ts';
import type { Scope, Type } from '../cel/index.ts';

export interface AdmissionVariables {
  /** Parameters of a policy. */
  params: boolean;
  /** Variables of a policy, and the namespace of the object. */
  variables: boolean;
  /** The policy's variables that may be read, with their types; default none. */
  known?: ReadonlyMap<string, Type>;
  /** Whether the rights of users may be asked for; default true. */
  authorizer?: boolean;
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

/** What the checker of types is told of them (apiserver admission/plugin/cel compile.go and composition.go). */
export function admissionScope({ params, known, mutates, authorizer = true }: AdmissionVariables): Scope {
  const { DYN, objectOf, PATCH_OVERLOADS, REQUEST_VARIABLES } = cel();
  const variables = new Map(REQUEST_VARIABLES);
  if (params) variables.set('params', DYN);
  if (known !== undefined) variables.set('variables', objectOf('kubernetes.variables', known));
  if (!authorizer) for (const name of ['authorizer', 'authorizer.requestResource']) variables.delete(name);
  return { variables, ...(mutates === true ? { functions: PATCH_OVERLOADS, objectsAreMaps: true } : {}) };
}

function create({ params, variables, mutates }: AdmissionVariables): Environment {
  const names: Record<string, string> = { object: 'dyn', oldObject: 'dyn', request: 'dyn', namespaceObject: 'dyn', authorizer: 'kubernetes.authorization.Authorizer' };
  if (params) names['params'] = 'dyn';
  if (variables) names['variables'] = 'kubernetes.Variables';
  return cel().createEnvironment(names, (environment) => {
    cel().registerAdmission(environment);
    if (mutates === true) cel().registerJsonPatch(environment);
  });
}
