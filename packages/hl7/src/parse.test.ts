import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytes, MSH, OBR, ORC, ORDER, PID, parsed } from '../test/synthetic.ts';
import { decodeText, encodeText, parseHl7, parsePath } from './index.ts';

const CANONICAL = ORDER.map((line) => `${line}\r`).join('');

function verdict(raw: Uint8Array): string {
  const result = parseHl7(raw);
  return result.ok ? 'ok' : `${result.fault.code} ${result.fault.path}`;
}

function out(raw: Uint8Array): string {
  const result = parseHl7(raw);
  return result.ok ? Buffer.from(result.message.toBytes()).toString('utf8') : `${result.fault.code}`;
}

describe('framing and line ends', () => {
  test.each([
    ['CR', ORDER.join('\r')],
    ['CR at the end too', CANONICAL],
    ['LF', ORDER.join('\n')],
    ['CRLF', ORDER.join('\r\n')],
    ['mixed', `${MSH}\r\n${PID}\n${ORC}\r${OBR}\n\r`],
    ['blank lines inside and behind', `${MSH}\r\r${PID}\n\n${ORC}\r   \r${OBR}\r\r\r\n`],
    ['blank lines in front', `\r\n\n${CANONICAL}`],
    ['an MLLP frame', `\v${CANONICAL}\x1c\r`],
    ['an MLLP frame without its last CR', `\v${CANONICAL}\x1c`],
    ['a UTF-8 mark', `\ufeff${CANONICAL}`],
    ['a mark inside a frame', `\v\ufeff${CANONICAL}\x1c\r`],
    ['a frame behind a mark', `\ufeff\v${CANONICAL}\x1c\r`],
  ])('%s is delivered with CR alone', (_name, text) => {
    expect(out(bytes(text))).toBe(CANONICAL);
  });

  test.each(['utf-16le', 'utf-16be'])('%s with its mark is decoded and goes out as UTF-8', (encoding) => {
    const text = `\ufeff${CANONICAL.replace('Alpha', 'Zoë')}`;
    const raw = Buffer.from(text, 'utf16le');
    if (encoding === 'utf-16be') raw.swap16();
    expect(out(raw)).toBe(CANONICAL.replace('Alpha', 'Zoë'));
  });

  test.each([
    ['nothing', '', 'HL7_NOT_PARSEABLE MSH-1'],
    ['blanks', ' \r\n\t', 'HL7_NOT_PARSEABLE MSH-1'],
    ['an empty frame', '\v\x1c\r', 'HL7_NOT_PARSEABLE MSH-1'],
    ['prose', 'Please see the attached order', 'HL7_NOT_PARSEABLE MSH-1'],
    ['JSON', '{"resourceType":"ServiceRequest"}', 'HL7_NOT_PARSEABLE MSH-1'],
    ['no header', `${PID}\r${ORC}\r`, 'HL7_NOT_PARSEABLE MSH-1'],
    ['a NUL', CANONICAL.replace('Alpha', 'Al\0pha'), 'HL7_NOT_PARSEABLE MSH'],
    ['two frames in one body', `\v${CANONICAL}\x1c\r\v${CANONICAL}\x1c\r`, 'HL7_NOT_PARSEABLE MSH'],
    ['a file batch', `FHS|^~\\&|A\rBHS|^~\\&|A\r${CANONICAL}`, 'HL7_BATCH FHS'],
    ['a batch', `BHS|^~\\&|A\r${CANONICAL}`, 'HL7_BATCH BHS'],
    ['a line break inside a field', `${MSH}\r${PID}\r${ORC}\r${OBR}\rNTE|1||first\nsecond|x\r`, 'HL7_STRUCTURE NTE'],
    ['MSH alone', 'MSH', 'HL7_MSH_FIELD_MISSING MSH-1'],
    ['MSH and a bar', 'MSH|', 'HL7_MSH_FIELD_MISSING MSH-2'],
    ['an empty MSH-2', MSH.replace('^~\\&', ''), 'HL7_MSH_FIELD_MISSING MSH-2'],
    ['one encoding character', MSH.replace('^~\\&', '^'), 'HL7_ENCODING_CHARACTERS MSH-2'],
    ['six encoding characters', MSH.replace('^~\\&', '^~\\&#!'), 'HL7_ENCODING_CHARACTERS MSH-2'],
    ['one character twice', MSH.replace('^~\\&', '^~\\^'), 'HL7_ENCODING_CHARACTERS MSH-2'],
    ['letters for encoding characters', MSH.replace('^~\\&', 'abcd'), 'HL7_ENCODING_CHARACTERS MSH-2'],
    ['a letter for the field separator', MSH.replaceAll('|', 'x'), 'HL7_ENCODING_CHARACTERS MSH-1'],
    ['too many segments', `${MSH}\r${'NTE|1\r'.repeat(20_000)}`, 'HL7_STRUCTURE MSH'],
  ])('%s is refused, and said where', (_name, text, expected) => {
    expect(verdict(bytes(text))).toBe(expected);
  });

  test('UTF-16 without its mark is refused, and the fault says what it looks like', () => {
    const result = parseHl7(Buffer.from(CANONICAL, 'utf16le'));
    expect(result).toMatchObject({ ok: false, fault: { code: 'HL7_NOT_PARSEABLE' } });
    expect(result.ok ? '' : result.fault.detail).toContain('UTF-16');
  });
});

describe('character sets (MSH-18, table 0211)', () => {
  const named = (charset: string) => [`${MSH}||||||${charset}`, PID.replace('Alpha', 'Zoë'), ORC, OBR];

  test.each([
    ['8859/1', 'latin1'],
    ['UNICODE UTF-8', 'utf8'],
    ['UNICODE', 'utf8'],
    ['', 'utf8'],
    ['', 'latin1'],
    ['8859/1~ISO IR87', 'latin1'],
  ] as const)('"%s" in %s is read and goes out byte by byte the same', (charset, encoding) => {
    const raw = bytes(named(charset), encoding);
    const doc = parsed(named(charset), encoding);
    expect(doc.get('PID-5.2')).toBe('Zoë');
    expect(Buffer.compare(doc.toBytes(), raw)).toBe(0);
  });

  test.each([
    ['ASCII', 'utf8'],
    ['UNICODE UTF-8', 'latin1'],
    ['UNICODE UTF-16', 'utf8'],
    ['ISO IR87', 'latin1'],
    ['KLINGON', 'utf8'],
  ] as const)('bytes that are not "%s" fail with HL7_CHARSET at MSH-18', (charset, encoding) => {
    const result = parseHl7(bytes(named(charset), encoding));
    expect(result).toMatchObject({ ok: false, fault: { code: 'HL7_CHARSET', path: 'MSH-18', table: 'HL70211' } });
  });

  test('without MSH-18, bytes of a code page nobody named fail and are not guessed', () => {
    const raw = Buffer.from(CANONICAL.replace('Alpha', 'O#Alpha'), 'latin1');
    raw[raw.indexOf('#')] = 0x92;
    expect(verdict(raw)).toBe('HL7_CHARSET MSH-18');
  });

  test('holes of an 8859 part do not fit', () => {
    const raw = Buffer.from(named('8859/7').join('\r').replace('ë', '#'), 'latin1');
    raw[raw.indexOf('#')] = 0xff;
    expect(verdict(raw)).toBe('HL7_CHARSET MSH-18');
  });

  test('a trail byte that looks like a delimiter is none (BIG-5)', () => {
    // A5 5C is one character whose second byte is the backslash.
    const raw = Buffer.from(named('BIG-5').join('\r').replace('Zoë', '##'), 'latin1');
    raw.set([0xa5, 0x5c], raw.indexOf('##'));
    const result = parseHl7(raw);
    expect(result.ok && result.message.get('PID-5.2')).toBe('功');
  });

  test('text of a JMS TextMessage becomes bytes in the set that its MSH-18 names', () => {
    const text = named('8859/1').join('\r');
    expect(Buffer.compare(encodeText(text), Buffer.from(text, 'latin1'))).toBe(0);
    const beyond = text.replace('Zoë', 'Ωmega');
    expect(Buffer.compare(encodeText(beyond), Buffer.from(beyond, 'utf8'))).toBe(0);
  });

  test('bytes become the text of a JMS TextMessage in the set that MSH-18 names, or else that they are in', () => {
    const text = named('8859/1').join('\r');
    expect(decodeText(Buffer.from(text, 'latin1'))).toBe(text);
    const unnamed = named('').join('\r');
    expect(decodeText(Buffer.from(unnamed, 'latin1'))).toBe(unnamed);
    expect(decodeText(Buffer.from(unnamed, 'utf8'))).toBe(unnamed);
    expect(decodeText(Buffer.from(named('UNICODE UTF-8').join('\r'), 'latin1'))).toBeNull();
  });
});

describe('delimiters and escapes', () => {
  const value = (raw: string) => parsed([MSH, PID, ORC, OBR, `NTE|1||${raw}`]).get('NTE-3.1');

  test.each([
    ['\\F\\\\S\\\\T\\\\R\\\\E\\', '|^&~\\'],
    ['\\E\\R\\', '\\R\\'],
    ['\\\\E\\\\', '\\\\\\'],
    ['4\\5 re.', '4\\5 re.'],
    ['4\\5 A\\T\\B', '4\\5 A&B'],
    ['one\\.br\\two', 'one\\.br\\two'],
    ['\\H\\bold\\N\\', '\\H\\bold\\N\\'],
    ['\\X41420D\\', 'AB\r'],
    ['\\X4\\', '\\X4\\'],
    ['\\Zmine\\', '\\Zmine\\'],
    ['ends with \\', 'ends with \\'],
  ])('%s reads %j', (raw, expected) => {
    expect(value(raw)).toBe(expected);
  });

  test.each(['^~', '^~\\', '^~\\&', '^~\\&#'])('MSH-2 of %s is read and kept', (encoding) => {
    const lines = ORDER.map((line) => line.replace('^~\\&', encoding));
    const doc = parsed(lines);
    expect(doc.get('MSH-2')).toBe(encoding);
    expect(doc.get('PID-3.5')).toBe('MR');
    expect(doc.toText()).toBe(lines.map((line) => `${line}\r`).join(''));
  });

  test('without an escape character a backslash is text, and what cannot be escaped becomes a blank', () => {
    const doc = parsed([...ORDER.map((line) => line.replace('^~\\&', '^~')), 'NTE|1||a\\T\\b']);
    expect(doc.get('NTE-3.1')).toBe('a\\T\\b');
    expect(doc.set('NTE-3.1', 'x|y')).toBe(true);
    expect(doc.get('NTE-3.1')).toBe('x y');
  });

  test('other delimiters than the usual ones', () => {
    const swap: Record<string, string> = { '|': '#', '^': '$', '~': '%', '\\': '?', '&': '@' };
    const lines = [...ORDER, 'NTE|1||a\\T\\b~c&d^e'].map((line) => line.replace(/[|^~\\&]/g, (c) => swap[c] ?? c));
    const doc = parsed(lines);
    expect(doc.get('MSH-1')).toBe('#');
    expect(doc.get('MSH-9.2')).toBe('O21');
    expect(doc.get('NTE-3.1')).toBe('a@b');
    expect(doc.get('NTE-3(2).1.2')).toBe('d');
    expect(doc.toText()).toBe(lines.map((line) => `${line}\r`).join(''));
  });
});

describe('paths', () => {
  const doc = () =>
    parsed([...ORDER, 'PID|2||A^^^S1&1.2.3&ISO~B^^^S2', 'OBX|1|ST|X1||one', 'OBX|2|ST|X2||two', 'OBX|3|ST|X3||three']);

  test.each([
    ['MSH-1', '|'],
    ['MSH-9.2', 'O21'],
    ['MSH-9', 'OML^O21^OML_O21'],
    ['OBR-4.1', 'GLU'],
    ['PID(2)-3(2).4', 'S2'],
    ['PID(2)-3(1).4.2', '1.2.3'],
    ['PID(2)-3.4', 'S1&1.2.3&ISO'],
    ['PID[2]-3[2].1', 'B'],
    ['OBX(3)-5', 'three'],
    ['OBX(4)-5', ''],
    ['OBX-99', ''],
    ['ZZZ-1', ''],
    ['not a path', ''],
    ['OBX-0', ''],
  ])('%s', (path, expected) => {
    expect(doc().get(path)).toBe(expected);
  });

  test('getAll walks what the path leaves open', () => {
    expect(doc().getAll('OBX-5')).toEqual(['one', 'two', 'three']);
    expect(doc().getAll('PID-3.1')).toEqual(['MRN0001', 'A', 'B']);
    expect(doc().getAll('PV1')).toEqual([]);
    expect(doc().getAll('ORC')).toEqual([ORC]);
  });

  test('set writes, escapes, and refuses what it cannot', () => {
    const changed = doc();
    expect(changed.set('OBR-4.4', 'a^b')).toBe(true);
    expect(changed.set('OBX(2)-5', 'new')).toBe(true);
    expect(changed.set('ORC-15.1', '2026')).toBe(true);
    expect(changed.set('PID(2)-3(2).4.3', 'ISO')).toBe(true);
    expect(changed.get('OBR-4.4')).toBe('a^b');
    expect(changed.toText()).toContain('OBR|1|PLC0001^ORDERS||GLU^Glucose^L^a\\S\\b\r');
    expect(changed.toText()).toContain('B^^^S2&&ISO\r');
    expect(changed.toText()).toContain(`${ORC}|||||||||||||2026\r`);
    expect(changed.toText()).toContain('OBX|2|ST|X2||new\r');
    const before = changed.toText();
    for (const path of ['MSH-1', 'MSH-2', 'OBX(9)-1', 'OBX', 'nonsense'])
      expect(changed.set(path, 'x'), path).toBe(false);
    expect(changed.set('OBX-5', 'Ω in ASCII'), 'a character the set lacks').toBe(false);
    expect(changed.toText()).toBe(before);
  });

  test('a path is parsed or undefined, never thrown about', () => {
    fc.assert(fc.property(fc.string(), (text) => void parsePath(text)));
    expect(parsePath('OBX(3)-5(2).1.4')).toEqual({
      ...{ segment: 'OBX', occurrence: 3, field: 5, repetition: 2, component: 1, subcomponent: 4 },
    });
  });
});

test('round trip: whatever stands in the fields comes out as it came in, also after everything was read', () => {
  const text = fc.string({
    unit: fc.constantFrom(...'aZ9 é^~\\&|.#"'.split('')),
    maxLength: 30,
  });
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), (notes) => {
      const lines = [MSH, PID, ORC, OBR, ...notes.map((note) => `NTE|1||${note}`)];
      const doc = parsed(lines);
      for (const at of doc.segments) {
        for (let field = 1; field <= doc.fieldCount(at); field += 1) {
          doc.getAll(`${at.name}(${at.occurrence})-${field}.1.1`);
        }
      }
      expect(doc.toText()).toBe(lines.map((line) => `${line}\r`).join(''));
    }),
  );
});

test('what is set is what is got, whatever it is', () => {
  const value = fc.string({ unit: fc.constantFrom(...'aZ9 ^~\\&|.FSTRE'.split('')), minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(value, (text) => {
      const doc = parsed(ORDER);
      expect(doc.set('OBR-4.2.1', text)).toBe(true);
      expect(doc.get('OBR-4.2.1')).toBe(text);
      expect(doc.get('OBR-4.3')).toBe('L');
    }),
  );
});
