/** What expressions about requests name, and of which types (apiserver admission/plugin/cel compile.go). */
import { BOOL, DYN, INT, listOf, mapOf, objectOf, parseType, STRING, TIMESTAMP, type Type } from './checker/type.ts';

const STRINGS = listOf(STRING);
const LABELS = mapOf(STRING, STRING);

function kubernetes(name: string, fields: Readonly<Record<string, Type>>): Type {
  return objectOf(`kubernetes.${name}`, new Map(Object.entries(fields)));
}

const KIND = kubernetes('GroupVersionKind', { group: STRING, version: STRING, kind: STRING });
const RESOURCE = kubernetes('GroupVersionResource', { group: STRING, version: STRING, resource: STRING });
const USER = kubernetes('UserInfo', { username: STRING, uid: STRING, groups: STRINGS, extra: mapOf(STRING, STRINGS) });

const REQUEST = kubernetes('AdmissionRequest', {
  kind: KIND, resource: RESOURCE, subResource: STRING, requestKind: KIND, requestResource: RESOURCE, requestSubResource: STRING,
  name: STRING, namespace: STRING, operation: STRING, userInfo: USER, dryRun: BOOL, options: DYN,
});

const NAMESPACE = kubernetes('Namespace', {
  metadata: kubernetes('NamespaceMetadata', {
    name: STRING, generateName: STRING, namespace: STRING, labels: LABELS, annotations: LABELS, UID: STRING, creationTimestamp: TIMESTAMP,
    deletionGracePeriodSeconds: INT, deletionTimestamp: TIMESTAMP, generation: INT, resourceVersion: STRING, finalizers: STRINGS,
  }),
  spec: kubernetes('NamespaceSpec', { finalizers: STRINGS }),
  status: kubernetes('NamespaceStatus', {
    conditions: listOf(kubernetes('NamespaceCondition', { status: STRING, type: STRING, lastTransitionTime: TIMESTAMP, message: STRING, reason: STRING })), phase: STRING,
  }),
});

/** Of match conditions and policies alike; of what the object is nothing is known. */
export const REQUEST_VARIABLES: ReadonlyMap<string, Type> = new Map([
  ['object', DYN], ['oldObject', DYN], ['request', REQUEST], ['namespaceObject', NAMESPACE],
  ['authorizer', parseType('kubernetes.authorization.Authorizer')], ['authorizer.requestResource', parseType('kubernetes.authorization.ResourceCheck')],
]);
