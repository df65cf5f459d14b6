/**
 * Host: what the loader asks of the place where modules run. `boot/machine.ts` makes one over the door, `boot/attach.ts` one over the
 * HTTP client of another cluster.
 */
import type { Kind } from '../../api/kind.ts';
import type { Controller, ReconcileContext } from '../../sdk/controller.ts';
import type { Admission, Module, ModuleContext, Route } from '../../sdk/module.ts';

export interface Host {
  /** Makes the place of one module. `report` takes what `llmos status` shows of it. */
  open(module: Module, signal: AbortSignal, report: (facts: Readonly<Record<string, string>>) => void): HostedModule;
}

export interface HostedModule {
  readonly context: ModuleContext;
  /** A context whose client refuses what the controller did not declare. */
  contextOf(controller: Controller): ReconcileContext;
  serve(kind: Kind): void;
  admit(admission: Admission): void;
  route(route: Route): void;
  /** Settles when what was started for the module (cache watches) has ended after the abort. */
  settled(): Promise<void>;
  /** Gives back kinds, admissions and routes, the last first. */
  release(): void;
}
