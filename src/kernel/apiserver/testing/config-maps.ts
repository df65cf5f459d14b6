/** ConfigMaps, the objects that tests make when they need just any. */

/** Those of the namespace that each open door has. */
export const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

/** @param data default `{a: '1'}` */
export const configMap = (name: string, data: Record<string, string> = { a: '1' }, metadata: object = {}): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data });
