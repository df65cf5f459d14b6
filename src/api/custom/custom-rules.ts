/** What holds for every custom resource, also of the kinds that are built in here and come with a definition elsewhere: clients written for those rely on it. */
import type { KubeObject } from '../meta.ts';
import type { Rules } from '../kind.ts';

/** Source: apiextensions-apiserver/pkg/registry/customresource, strategy.go and status_strategy.go. */
export const CUSTOM_RULES = { allowUnconditionalUpdate: false, statusKeeps: 'metadata' } as const satisfies Rules<KubeObject>;
