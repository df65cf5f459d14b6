/** The steps of admission that change an object, with its managers kept from harm (upstream: endpoints/handlers/fieldmanager/admission.go). */
import { decodeManagers } from '../../../api/merge/apply/index.ts';
import type { AdmissionRequest } from '../../../sdk/module.ts';
import type { Door } from '../door.ts';
import { distinctOwners } from './distinct-owners.ts';

/** Malformed managedFields that a step leaves are those from before again, with a warning. */
export async function admitted(door: Door, request: AdmissionRequest): Promise<void> {
  const { object } = request;
  const before = object?.metadata.managedFields;
  await door.admissions.admit(request);
  if (object !== undefined) distinctOwners(object.metadata, request.warnings, { afterAdmission: true });
  const after = object?.metadata.managedFields;
  if (object === undefined || after === undefined || after === before || decodeManagers(after) !== undefined) return;
  if (before === undefined) delete object.metadata.managedFields;
  else object.metadata.managedFields = before;
  request.warnings?.push('.metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests');
}
