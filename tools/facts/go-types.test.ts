import { test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPackage } from './go-types.ts';
import { buildFacts } from './model.ts';

const SOURCE = `package v1

import (
	"example.io/other"
)

const (
	// Some text.
	Red Color = "Red"
	Blue Color = "Blue"
	ref string = "x"
)

// Color has text.
// +enum
type Color string

type Names []string

// +structType=atomic
type Point struct {
	X int32 \`json:"x" protobuf:"varint,1,opt,name=x"\`
}

// +genclient

// Thing is described here.
type Thing struct {
	Point \`json:",inline" protobuf:"bytes,1,opt,name=point"\`

	// Text with a + sign.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +patchStrategy=merge
	Points []Point \`json:"points,omitempty" patchStrategy:"merge" patchMergeKey:"name" protobuf:"bytes,2,rep,name=points"\`
	// +default=ref(Red)
	Color *Color \`json:"color,omitempty" protobuf:"bytes,3,opt,name=color,casttype=Color"\`
	Labels map[string]string \`json:"labels" protobuf:"bytes,4,rep,name=labels"\`
	Names Names \`json:"names,omitempty" protobuf:"bytes,5,rep,name=names"\`
	// +required
	Weight *int32 \`json:"weight,omitempty" protobuf:"varint,6,opt,name=weight"\`
	hidden string
}
`;

test('types, tags and marks are read and resolved', () => {
  const root = mkdtempSync(join(tmpdir(), 'go-types-'));
  try {
    mkdirSync(join(root, 'api/x/v1'), { recursive: true });
    writeFileSync(join(root, 'api/x/v1/types.go'), SOURCE);
    writeFileSync(join(root, 'api/x/v1/register.go'), 'package v1\n\nconst GroupName = "x.k8s.io"\n');
    const facts = buildFacts([readPackage(root, 'k8s.io/api/x/v1')]).modules.get('io.k8s.api.x.v1');
    assert.equal(facts?.group, 'x.k8s.io');
    assert.deepEqual(facts?.types.get('Color')?.enum, ['Blue', 'Red']);
    assert.equal(facts?.types.get('Point')?.atomic, true);
    const fields = facts?.types.get('Thing')?.fields ?? [];
    assert.deepEqual(fields.map((field) => [field.name, field.type, field.protobufNumber, field.required]), [
      ['', '@io.k8s.api.x.v1.Point', 1, false], ['points', '[@io.k8s.api.x.v1.Point', 2, false], ['color', 'eio.k8s.api.x.v1.Color', 3, false], ['labels', '{s', 4, true], ['names', '[s', 5, false], ['weight', 'i', 6, true],
    ]);
    assert.deepEqual([fields[1]?.listType, fields[1]?.listMapKeys, fields[1]?.patchStrategy, fields[1]?.patchMergeKey, fields[2]?.default], ['map', ['name'], 'merge', 'name', 'Red']);
  } finally {
    rmSync(root, { recursive: true });
  }
});
