/** What a definition of the shape of a well-known project's one is here, and the pieces that these have in common. */
/** A small definition, written after the project's published API: it names what its real one leans on, samples that must be taken, and samples that must be refused with the message that users know. */
export interface DefinitionCase {
  project: string;
  definition: string;
  /** `kubectl apply -f -` takes them. */
  samples: string[];
  /** A sample and what kubectl says, all of which must be told. */
  refused: [string, RegExp][];
  /** A sample that changes the first one, after it was taken, and what kubectl says. */
  changed?: [string, RegExp][];
  /** What kubectl is told, besides, while the samples are taken. */
  warned?: RegExp;
  /** What `kubectl get` shows of the first sample, with what it must match. */
  shown: RegExp;
  /** A path for `kubectl explain`, and what it must say. */
  explained: [string, RegExp];
}

/** The manifest of a definition; a first line `#names ...` of `spec` goes on with its names. */
export const crd = (name: string, kind: string, spec: string): string => {
  const [plural, ...group] = name.split('.');
  return `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ${name}${group.join('.').endsWith('k8s.io') ? ', annotations: { api-approved.kubernetes.io: "https://example.com/approved" }' : ''} }
spec:
  group: ${group.join('.')}
  names: { plural: ${plural}, kind: ${kind}${spec.match(/^#names (.*)$/m)?.[1] ?? ''} }
${spec.replace(/^#names .*\n/m, '')}`;
};
/** The manifest of a sample. */
export const of = (apiVersion: string, kind: string, name: string, spec: string): string => `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`;

/** The column that all have. */
export const AGE = '{ name: Age, type: date, jsonPath: .metadata.creationTimestamp }';
/** Of a version: that it is stored, and has a status. */
export const STORED = `    served: true
    storage: true
    subresources: { status: {} }`;
/** The schema of a version, as far as the properties of its objects. */
export const WITH_SPEC = `    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:`;
/** Conditions as upstream's types have them, below `status`. */
export const CONDITIONS = `
            conditions:
              type: array
              x-kubernetes-list-type: map
              x-kubernetes-list-map-keys: [type]
              maxItems: 8
              items:
                type: object
                required: [type, status]
                properties:
                  type: { type: string, maxLength: 316, pattern: '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$' }
                  status: { type: string, enum: ["True", "False", Unknown] }
                  reason: { type: string, minLength: 1, maxLength: 1024 }
                  message: { type: string, maxLength: 32768 }
                  lastTransitionTime: { type: string, format: date-time }
                  observedGeneration: { type: integer, format: int64, minimum: 0 }`;
/** For what stands deeper than it was written. */
export const indented = (text: string, spaces: number): string => text.replaceAll('\n', `\n${' '.repeat(spaces)}`);
/** A condition that a definition's defaults give. */
export const WAITING = '{ type: Accepted, status: Unknown, reason: Pending, message: Waiting for controller, lastTransitionTime: "1970-01-01T00:00:00Z" }';
