/**
 * /openapi/v2 as protobuf, which kubectl asks for to learn whether a kind takes a query parameter. Only what it looks at is written: the patch
 * operations with their kind and query parameters. Field numbers are those of gnostic's openapiv2/OpenAPIv2.proto.
 */
import { apiVersionOf } from '../../api/meta.ts';
import type { Kind } from '../../api/kind.ts';

const DOCUMENT = { swagger: 1, info: 2, paths: 8 };
const INFO = { title: 1, version: 2 };
const PATHS = { path: 2 };
const NAMED = { name: 1, value: 2 };
const PATH_ITEM = { patch: 8 };
const OPERATION = { operationId: 5, parameters: 8, vendorExtension: 13 };
const ANY = { yaml: 2 };
const QUERY_PARAMETER = { in: 2, name: 4 };

export function openapiV2Protobuf(kinds: readonly Kind[], version: string): Buffer {
  const paths = kinds.filter((kind) => kind.verbs.includes('patch')).map((kind) => field(PATHS.path, named(pathOf(kind), message(PATH_ITEM.patch, patchOperation(kind)))));
  return Buffer.concat([
    text(DOCUMENT.swagger, '2.0'),
    message(DOCUMENT.info, Buffer.concat([text(INFO.title, 'Kubernetes'), text(INFO.version, version)])),
    message(DOCUMENT.paths, Buffer.concat(paths)),
  ]);
}

function pathOf({ group, version, plural, namespaced }: Kind): string {
  const root = group === '' ? `/api/${version}` : `/apis/${apiVersionOf(group, version)}`;
  return `${root}${namespaced ? '/namespaces/{namespace}' : ''}/${plural}/{name}`;
}

function patchOperation({ group, version, kind }: Kind): Buffer {
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation', 'force'].map((name) => {
    const query = message(3, Buffer.concat([text(QUERY_PARAMETER.in, 'query'), text(QUERY_PARAMETER.name, name)]));
    // ParametersItem.parameter, Parameter.non_body_parameter, NonBodyParameter.query_parameter_sub_schema
    return field(OPERATION.parameters, message(1, message(2, query)));
  });
  const yaml = `group: ${JSON.stringify(group)}\nkind: ${kind}\nversion: ${version}\n`;
  const extension = field(OPERATION.vendorExtension, named('x-kubernetes-group-version-kind', text(ANY.yaml, yaml)));
  return Buffer.concat([text(OPERATION.operationId, `patch${group}${version}${kind}`), ...parameters, extension]);
}

function named(name: string, value: Buffer): Buffer {
  return Buffer.concat([text(NAMED.name, name), message(NAMED.value, value)]);
}

/** A length-delimited field (wire type 2). */
function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

const message = field;

function text(number: number, value: string): Buffer {
  return field(number, Buffer.from(value));
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left]);
    bytes.push((left % 128) + 128);
  }
}
