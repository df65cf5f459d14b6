/**
 * Finds the sources by their names alone: an import from one of them by a relative path with its extension is that file. Node looks for symbolic links
 * and package.json for each of some 700 files, a fifth of the time that loading them takes. To be imported before they are.
 */
import { registerHooks } from 'node:module';

const SOURCES = new URL('..', import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    if (!specifier.startsWith('.') || !specifier.endsWith('.ts') || context.parentURL?.startsWith(SOURCES) !== true) return next(specifier, context);
    return { url: new URL(specifier, context.parentURL).href, format: 'module-typescript', shortCircuit: true };
  },
});
