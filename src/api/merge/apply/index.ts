/** Server-side apply and field ownership. */
export { applyObject, type ApplyInput } from './apply.ts';
export { layOver } from './lay-over.ts';
export { updateManagedFields, sameObject, type UpdateInput } from './update.ts';
export { decodeManagers, managerName } from './managers.ts';
export type { InVersion } from './ownership.ts';
export { resetFieldsOf } from './reset.ts';
