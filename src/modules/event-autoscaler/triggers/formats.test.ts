import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { numberIn, sampleIn, xmlTree, type Format } from './formats.ts';
import { TriggerError } from './trigger.ts';

const at = (text: string, format: Format, location: string): Promise<number> => numberIn(text, { format, location, whose: 'stats' });
const EXPOSITION = `# HELP queue_size Messages that wait.
# TYPE queue_size gauge
queue_size_total 99
queue_size{queue="mail",state="ready"} 3 1700000000000
queue_size{queue="jobs",state="ready",note="a \\"b\\" } c"} 12.5
queue_size{queue="jobs",state="dead"} 1e3
up 1
`;

describe('a number at a place', () => {
  const cases: readonly [Format, string, string, number][] = [
    ['json', '{"queues":[{"size":3},{"size":"17"}]}', 'queues.1.size', 17],
    ['json', '{"free":"10Mi"}', 'free', 10_485_760],
    ['json', '{"a.b":{"c":-2.5}}', 'a\\.b.c', -2.5],
    ['yaml', 'foo: [{bar: 42}]', 'foo.0.bar', 42],
    ['yaml', 'wait: "500m"', 'wait', 0.5],
    ['xml', '<?xml version="1.0"?><!-- a --><stats at="now"><queue><name>a</name><size>1</size></queue><queue><name>b &amp; c</name><size> 7 </size></queue><empty/></stats>', 'stats.queue.1.size', 7],
    ['xml', '<stats><queue size="5">x</queue></stats>', 'stats.queue.-size', 5],
    ['prometheus', EXPOSITION, 'up', 1],
    ['prometheus', '# HELP size of a queue\n\tsize{queue="one"} 1\n\tsize{queue="two", instance="zero"} 20\n\tother 10', 'size{queue="two", instance="zero"}', 20],
    ['prometheus', '# HELP size of a queue\n\tsize{queue="one"} 1\n\tother 10', 'other', 10],
    ['json', '{"components":[{"id": "82328e93e", "tasks": 32, "str": "64", "k":"1k"}],"count":2.43}', 'components.0.k', 1_000],
    ['yaml', "{components: [{id: 82328e93e, tasks: 32, str: '64', k: 1k}], count: 2.43}", 'components.0.str', 64],
    ['prometheus', EXPOSITION, 'queue_size', 3],
    ['prometheus', EXPOSITION, 'queue_size{queue="jobs"}', 12.5],
    ['prometheus', `up{a="${'a'.repeat(5_000)}!"} 1\nup{a="aaa"} 2\n`, 'up{a=~"(a+)+"}', 2],
    ['prometheus', EXPOSITION.replaceAll('\n', '\r\n'), 'queue_size{queue=~"j.*", state!="ready"}', 1_000],
  ];
  for (const [format, text, location, wanted] of cases) it(`${format}: ${location}`, async () => assert.equal(await at(text, format, location), wanted));
  it('nothing else passes for one', async () => {
    for (const [format, text, location, why] of [
      ['json', '<html>', 'a', /stats did not answer in JSON/], ['json', '{"a":null}', 'a', /what is at a is no number: null/], ['yaml', 'a: [', 'a', /did not answer in YAML/], ['yaml', 'a: .nan', 'a', /no number/], ['yaml', 'a: NaN', 'a', /no number/], ['json', '{"a":"NaN"}', 'a', /no number/],
      ['xml', '<a><b></a>', 'a.b', /did not answer in XML/], ['xml', 'plain', 'a', /did not answer in XML/], ['prometheus', EXPOSITION, 'queue_size{queue="none"}', /no number/],
    ] as const) await assert.rejects(at(text, format, location), why);
    for (const wrong of ['queue size', 'up{a=}', 'up{a=~"("}', 'up{a=~"(?=a)"}']) assert.throws(() => sampleIn(EXPOSITION, wrong), TriggerError);
  });
  it('labels that are none are looked at once, of a selector and of a line, and names may be quoted', () => {
    const long = 'a'.repeat(1_000_000);
    for (const wrong of [`up{${long}}`, `up{${long}=}`, `up{ ${' '.repeat(1_000_000)}x}`, `up{a="b",,}`]) assert.throws(() => sampleIn(EXPOSITION, wrong), TriggerError);
    assert.equal(sampleIn(`up{${long}} 1\nup{x="y"${' '.repeat(1_000_000)}z} 2\nup{"a.b"="c",x="y",} 3\n`, 'up{ "a.b" = "c" , x=~"y" }'), '3');
  });
  it('what is no XML is refused in one pass, however long it is', () => {
    for (const part of ['<!--', '<![CDATA[', '</a', '<a b="', '<a ', '<']) assert.throws(() => xmlTree(part.repeat(500_000)), /begins no element/, part);
  });
  it('elements that nest without end are refused, and entities stay as they are', () => {
    assert.throws(() => xmlTree('<a>'.repeat(200)), /too deep/);
    assert.deepEqual(xmlTree('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;<![CDATA[<b>]]></a>'), { a: '&x;<b>' });
  });
});
