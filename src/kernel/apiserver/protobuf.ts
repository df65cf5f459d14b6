/** Protobuf of built-in kinds (application/vnd.kubernetes.protobuf), read and written by the codec of the schema facts. */
import type { Kind } from '../../api/kind.ts';
import type { Json } from '../../api/meta.ts';

/** Whether objects of the kind can be written so. */
export function hasProtobuf(_kind: Kind | undefined): boolean {
  return false;
}

/** undefined when the value has no definition. */
export async function protobufOf(_value: Json, _kind: Kind | undefined): Promise<Buffer | undefined> {
  return undefined;
}
