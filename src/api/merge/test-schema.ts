/** A small Deployment-like schema for the tests of the merges. */
import type { Schema } from '../schema/schema.ts';

const string: Schema = { type: 'string' };
const integer: Schema = { type: 'integer' };
const strings: Schema = { type: 'object', additionalProperties: string };

const metadata: Schema = {
  type: 'object',
  properties: {
    name: string, namespace: string, generateName: string, uid: string, resourceVersion: string, creationTimestamp: string, generation: integer, labels: strings, annotations: strings,
    finalizers: { type: 'array', items: string, xListType: 'set', xPatchStrategy: 'merge' },
    ownerReferences: { type: 'array', xListType: 'map', xListMapKeys: ['uid'], xPatchStrategy: 'merge', xPatchMergeKey: 'uid', items: { type: 'object', properties: { uid: string, name: string } } },
    managedFields: { type: 'array', items: { type: 'object' } },
  },
};

const container: Schema = {
  type: 'object', required: ['name'],
  properties: {
    name: string, image: string, args: { type: 'array', items: string },
    env: { type: 'array', xListType: 'map', xListMapKeys: ['name'], xPatchStrategy: 'merge', xPatchMergeKey: 'name', items: { type: 'object', properties: { name: string, value: string } } },
    ports: {
      type: 'array', xListType: 'map', xListMapKeys: ['containerPort', 'protocol'], xPatchStrategy: 'merge', xPatchMergeKey: 'containerPort',
      items: { type: 'object', properties: { name: string, containerPort: integer, protocol: { type: 'string', default: 'TCP' } } },
    },
  },
};

export const testSchema: Schema = {
  name: 'test.Deployment',
  type: 'object',
  properties: {
    apiVersion: string, kind: string, metadata,
    spec: {
      type: 'object', required: ['selector', 'template'],
      properties: {
        replicas: integer, paused: { type: 'boolean' },
        selector: { type: 'object', xMapType: 'atomic', properties: { matchLabels: strings } },
        strategy: { type: 'object', xPatchStrategy: 'retainKeys', properties: { type: string, rollingUpdate: { type: 'object', properties: { maxSurge: { xIntOrString: true } } } } },
        template: {
          type: 'object',
          properties: {
            metadata,
            spec: {
              type: 'object', required: ['containers'],
              properties: {
                nodeName: string,
                containers: { type: 'array', xListType: 'map', xListMapKeys: ['name'], xPatchStrategy: 'merge', xPatchMergeKey: 'name', items: container },
                volumes: {
                  type: 'array', xListType: 'map', xListMapKeys: ['name'], xPatchStrategy: 'merge,retainKeys', xPatchMergeKey: 'name',
                  items: { type: 'object', properties: { name: string, emptyDir: { type: 'object', properties: { medium: string } }, hostPath: { type: 'object', properties: { path: string } } } },
                },
                tolerations: { type: 'array', items: { type: 'object', properties: { key: string } } },
              },
            },
          },
        },
      },
    },
    status: { type: 'object', properties: { replicas: integer } },
  },
};
