/**
 * The verdict of the base standard on published sample orders. They are others' data and are read where they lie, in
 * INORDER_SAMPLES or beside the checkout; without the folder every test here is reported as skipped, by name.
 *
 * Some verdicts worth a word
 * - `missing_msh-6` and `msh-12_has_value_2_3` are nothing but a header: MSH-6 is optional and 2.3 a version, and what
 *   the standard misses is the order.
 * - The orders with named defects of units, data types, code systems and profile-required fields pass: those are not
 *   the base standard's.
 * - One cancel has its patient ids in PID-2 and PID-4 and none in PID-3, which v2.3 requires; two orders hold a number
 *   of the sending system's own in ORC-1, which table 0119 does not know.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Hl7Document, parseFhir, parseHl7, validateFhir, validateOrder } from './index.ts';

const REPOSITORY = path.resolve(import.meta.dirname, '../../..');
const FOLDER = path.resolve(REPOSITORY, process.env['INORDER_SAMPLES'] ?? '../shared/samples');
const RULES = {
  messageTypes: ['ORM^O01', 'OML^O21', 'OMG^O19'],
  processingIds: ['P', 'T', 'D'],
  required: [],
};

/** By folder and file: `passes`, or code and path of the fault its dead letter would name. */
const VERDICTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'cdc-trusted-intermediary': {
    '001_Epic_ORM_O01.hl7': 'HL7_FIELD_MISSING PID-3',
    '001_LA_ORM_O01_NBS.hl7': 'passes',
    '001_Natus_ACK.hl7': 'HL7_MESSAGE_TYPE MSH-9',
    '001_NewSTEPs_OML_021.hl7': 'passes',
    '001_Ochsner_OML_O21_0_initial_message.hl7': 'passes',
    '001_Oracle_ORM_O01.hl7': 'HL7_FIELD_TABLE ORC-1',
    '002_Epic_ORU_R01.hl7': 'HL7_MESSAGE_TYPE MSH-9',
    '002_MN_OML_O21_NBS.hl7': 'passes',
    '002_NewSTEPs_ORU_R01.hl7': 'HL7_MESSAGE_TYPE MSH-9',
    '002_Ochsner_OML_O21_0_initial_message.hl7': 'passes',
    '002_Oracle_ORM_O01.hl7': 'HL7_FIELD_TABLE ORC-1',
    '002_TN_OML_O21_NBS.hl7': 'passes',
    '003_AL_ORM_O01_NBS_Fully_Populated_0_initial_message.hl7': 'passes',
    '003_MN_ORM_O01_NBS.hl7': 'passes',
    '003_MN_ORM_O01_NBS_extended.hl7': 'passes',
    '003_MN_ORM_O01_NBS_simplified.hl7': 'passes',
    '003_Oracle_ORM_O01.hl7': 'passes',
    '004_AL_ORM_O01_NBS_Multiple_Races_Multiple_Births_0_initial_message.hl7': 'passes',
    '004_MN_ORU_R01_NBS_0_initial_message.hl7': 'HL7_MESSAGE_TYPE MSH-9',
    '004_MN_ORU_R01_NBS_3_hl7_translation_final.hl7': 'HL7_MESSAGE_TYPE MSH-9',
    '004_Oracle_ORU_R01.hl7': 'HL7_MESSAGE_TYPE MSH-9',
    '005_AL_ORM_O01_NBS_Incorrect_Units_0_initial_message.hl7': 'passes',
    '005_MN_ADT_A01.hl7': 'HL7_MESSAGE_TYPE MSH-9',
    '005_Oracle_ORM_O01_2_3_non_NBS.hl7': 'passes',
    '006_AL_ORM_O01_NBS_Incorrect_Data_Types_0_initial_message.hl7': 'passes',
    '006_Oracle_ORM_O01_2_3_non_NBS.hl7': 'passes',
    '007_AL_ORM_O01_NBS_Missing_Required_Fields_0_initial_message.hl7': 'passes',
    '007_Oracle_OML_O21_NBS_for_second_twin.hl7': 'passes',
    '008_AL_ORM_O01_NBS_Incorrect_Code_System_0_initial_message.hl7': 'passes',
    '008_Oracle_OML_O21_NBS_with_two_races.hl7': 'passes',
    '009_AL_ORM_O01_NBS_Missing_Non_Required_Fields_0_initial_message.hl7': 'passes',
    '010_AL_ORM_O01_NBS_Multiple_Parent_Contant_Phone_Numbers_0_initial_message.hl7': 'passes',
    '011_AL_ORM_O01_malformed_DTM_datatype_0_initial_message.hl7': 'passes',
    '012_AL_ORM_O01_malformed_XAD_datatype_0_initial_message.hl7': 'passes',
    '013_AL_ORM_O01_invalid_text_as_txt_datatype_0_initial_message.hl7': 'passes',
    'empty.hl7': 'HL7_NOT_PARSEABLE MSH-1',
    'msh-12_has_value_2_3.hl7': 'HL7_STRUCTURE ORC',
    'msh_present_but_missing_all_fields.hl7': 'HL7_MSH_FIELD_MISSING MSH-2',
    'msh_present_but_missing_msh-10.hl7': 'HL7_MSH_FIELD_MISSING MSH-10',
    'msh_present_but_missing_msh-2.hl7': 'HL7_MSH_FIELD_MISSING MSH-2',
    'msh_present_but_missing_msh-6.hl7': 'HL7_STRUCTURE ORC',
    'msh_present_but_missing_msh-9.hl7': 'HL7_MSH_FIELD_MISSING MSH-9',
    'orm_obx-5_is_not_a_numeric_value.hl7': 'passes',
  },
  'microsoft-fhir-converter': {
    'ADT-A01-01.hl7': 'HL7_MESSAGE_TYPE MSH-9',
    'LAB-ORM-1.hl7': 'passes',
    'MDHHS-OML-O21-1.hl7': 'HL7_STRUCTURE GT1-21',
    'OMG-O19-01.hl7': 'passes',
    'OML-O21-01.hl7': 'passes',
    'ORM-O01-01.hl7': 'passes',
    'ORM-O01-02.hl7': 'passes',
    'ORM-O01-03.hl7': 'passes',
    'ORU-R01-01.hl7': 'HL7_MESSAGE_TYPE MSH-9',
  },
  'us-core': {
    'servicerequest-bmp.json': 'passes',
    'servicerequest-cbc.json': 'passes',
    'servicerequest-chest-xray.json': 'passes',
    'servicerequest-ekg.json': 'passes',
  },
};

const here = existsSync(FOLDER);
const title = here ? 'published samples' : 'published samples (SKIPPED: no folder; set INORDER_SAMPLES)';
if (!here) console.warn(`SKIPPED: ${import.meta.filename}: there are no samples in ${FOLDER}`);

function read(file: string): Buffer {
  return readFileSync(path.join(FOLDER, file));
}

function verdict(file: string): string {
  const raw = read(file);
  if (file.endsWith('.json')) {
    const parsed = parseFhir(raw);
    const [first] = parsed.ok ? validateFhir(parsed.document) : [parsed.fault];
    return first === undefined ? 'passes' : `${first.code} ${first.path}`;
  }
  const parsed = parseHl7(raw);
  const [first] = parsed.ok ? validateOrder(parsed.message, RULES) : [parsed.fault];
  return first === undefined ? 'passes' : `${first.code} ${first.path}`;
}

function readAllFields(doc: Hl7Document): void {
  for (const at of doc.segments) {
    for (let field = 1; field <= doc.fieldCount(at); field += 1) doc.field(at, field);
  }
}

describe.skipIf(!here)(title, () => {
  const rows = Object.entries(VERDICTS).flatMap(([folder, files]) =>
    Object.entries(files).map(([file, expected]): [string, string] => [`${folder}/${file}`, expected]),
  );

  test.each(rows)('%s: %s', (file, expected) => {
    expect(verdict(file)).toBe(expected);
  });

  test.each(rows.filter(([file]) => file.endsWith('.hl7')))(
    '%s goes out with nothing changed but line ends',
    (file) => {
      const parsed = parseHl7(read(file));
      if (!parsed.ok) return;
      readAllFields(parsed.message);
      const segments = read(file)
        .toString('utf8')
        .replace(/^\ufeff/, '')
        .split(/[\r\n]+/);
      const expected = segments.filter((line) => line.trim() !== '').map((line) => `${line}\r`);
      expect(parsed.message.toText()).toBe(expected.join(''));
    },
  );

  test('every file of the folder has a verdict here', () => {
    const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((file) =>
      /\.(?:hl7|json)$/.test(file),
    );
    expect(files.sort()).toEqual(rows.map(([file]) => file).sort());
  });
});
