/** Custom resources: CustomResourceDefinitions, and the kinds that they bring. */
import { CustomResourceDefinition } from '../../api/apiextensions/custom-resource-definition.ts';
import { ApiError } from '../../api/errors.ts';
import { defineModule, type Module } from '../../sdk/module.ts';
import { runController } from '../../sdk/run-controller.ts';
import { definitionController } from './reconcile.ts';
import { servedDefinitions, type ServedDefinitions } from './served.ts';
import { isEstablished } from './status.ts';

function customResources(): Module {
  let served: ServedDefinitions | undefined;
  return defineModule({
    name: 'custom-resources',
    description: 'CustomResourceDefinitions: serves the kinds that they bring, and removes their objects with them',
    kinds: [CustomResourceDefinition],
    // The kinds of definitions are not known beforehand.
    reads: 'all',
    writes: 'all',
    admissions: [{
      name: 'definition-ending', kinds: 'all', operations: ['CREATE'],
      validate({ kind }) {
        if (served?.isEnding(kind) === true) throw new ApiError('MethodNotAllowed', 'create not allowed while custom resource definition is terminating');
      },
    }, {
      name: 'definition-of-built-in', kinds: [CustomResourceDefinition], operations: ['CREATE'],
      /** Such as those that come with the Gateway API, whose kinds are there already. */
      validate({ object, warnings }, { kinds }) {
        const { group, names } = (object as CustomResourceDefinition).spec;
        if (!kinds.list().some((kind) => kind.isCustom !== true && kind.group === group && kind.plural === names.plural)) return;
        warnings?.push(`llmos serves ${names.plural}.${group} without this definition, which takes the place of the built-in kind while it is there; the objects that exist stay, and go when the definition is deleted`);
      },
    }],
    /** Kinds of earlier definitions are served before llmos says that it is ready. */
    async start(context) {
      served = servedDefinitions(context);
      for (const definition of (await context.client.list(CustomResourceDefinition)).items) if (isEstablished(definition)) served.serve(definition);
    },
    async run(context) {
      await runController(definitionController((served ??= servedDefinitions(context)), context.kinds), context);
    },
  });
}

export default customResources();
