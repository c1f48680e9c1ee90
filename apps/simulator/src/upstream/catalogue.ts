/** The demonstration's tests: invented local codes, each with the LOINC term it stands for. Also its code table. */

export interface CatalogueTest {
  /** Local code, as the upstream writes it into OBR-4.1. */
  readonly code: string;
  /** The upstream's own name of the test. */
  readonly name: string;
  /** LOINC. */
  readonly target: string;
  readonly display: string;
  /** HL7 table 0487. */
  readonly specimen: 'SER' | 'PLAS' | 'BLD' | 'UR';
}

const test = (
  code: string,
  name: string,
  target: string,
  display: string,
  specimen: CatalogueTest['specimen'] = 'SER',
): CatalogueTest => ({ code, name, target, display, specimen });

export const CATALOGUE: readonly [CatalogueTest, ...CatalogueTest[]] = [
  test('GLUC', 'Glucose', '2345-7', 'Glucose [Mass/volume] in Serum or Plasma'),
  test('SOD', 'Sodium', '2951-2', 'Sodium [Moles/volume] in Serum or Plasma'),
  test('POT', 'Potassium', '2823-3', 'Potassium [Moles/volume] in Serum or Plasma'),
  test('CHLO', 'Chloride', '2075-0', 'Chloride [Moles/volume] in Serum or Plasma'),
  test('BICA', 'Carbon dioxide', '2028-9', 'Carbon dioxide, total [Moles/volume] in Serum or Plasma'),
  test('UREA', 'Urea nitrogen', '3094-0', 'Urea nitrogen [Mass/volume] in Serum or Plasma'),
  test('CREA', 'Creatinine', '2160-0', 'Creatinine [Mass/volume] in Serum or Plasma'),
  test('CALC', 'Calcium', '17861-6', 'Calcium [Mass/volume] in Serum or Plasma'),
  test('MAGN', 'Magnesium', '19123-9', 'Magnesium [Mass/volume] in Serum or Plasma'),
  test('PHOS', 'Phosphate', '2777-1', 'Phosphate [Mass/volume] in Serum or Plasma'),
  test('ALBU', 'Albumin', '1751-7', 'Albumin [Mass/volume] in Serum or Plasma'),
  test('TPRO', 'Total protein', '2885-2', 'Protein [Mass/volume] in Serum or Plasma'),
  test('TBIL', 'Bilirubin total', '1975-2', 'Bilirubin.total [Mass/volume] in Serum or Plasma'),
  test('DBIL', 'Bilirubin direct', '1968-7', 'Bilirubin.direct [Mass/volume] in Serum or Plasma'),
  test('ALAT', 'ALT', '1742-6', 'Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma'),
  test('ASAT', 'AST', '1920-8', 'Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma'),
  test('ALKP', 'Alkaline phosphatase', '6768-6', 'Alkaline phosphatase [Enzymatic activity/volume] in Serum or Plasma'),
  test('GAGT', 'Gamma GT', '2324-2', 'Gamma glutamyl transferase [Enzymatic activity/volume] in Serum or Plasma'),
  test('CKIN', 'Creatine kinase', '2157-6', 'Creatine kinase [Enzymatic activity/volume] in Serum or Plasma'),
  test('TROP', 'Troponin I', '10839-9', 'Troponin I.cardiac [Mass/volume] in Serum or Plasma'),
  test('CREP', 'C-reactive protein', '1988-5', 'C reactive protein [Mass/volume] in Serum or Plasma'),
  test('CHOL', 'Cholesterol', '2093-3', 'Cholesterol [Mass/volume] in Serum or Plasma'),
  test('HDLC', 'HDL cholesterol', '2085-9', 'Cholesterol in HDL [Mass/volume] in Serum or Plasma'),
  test('LDLC', 'LDL cholesterol', '13457-7', 'Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation'),
  test('TRIG', 'Triglycerides', '2571-8', 'Triglyceride [Mass/volume] in Serum or Plasma'),
  test('THYR', 'TSH', '3016-3', 'Thyrotropin [Units/volume] in Serum or Plasma'),
  test('FRT4', 'Free T4', '3024-7', 'Thyroxine (T4) free [Mass/volume] in Serum or Plasma'),
  test('FERR', 'Ferritin', '2276-4', 'Ferritin [Mass/volume] in Serum or Plasma'),
  test('VB12', 'Vitamin B12', '2132-9', 'Cobalamin (Vitamin B12) [Mass/volume] in Serum or Plasma'),
  test('FOLA', 'Folate', '2284-8', 'Folate [Mass/volume] in Serum or Plasma'),
  test('PRSA', 'PSA', '2857-1', 'Prostate specific Ag [Mass/volume] in Serum or Plasma'),
  test('HBA1', 'HbA1c', '4548-4', 'Hemoglobin A1c/Hemoglobin.total in Blood', 'BLD'),
  test('CBCP', 'Blood count', '58410-2', 'CBC panel - Blood by Automated count', 'BLD'),
  test('HGLB', 'Hemoglobin', '718-7', 'Hemoglobin [Mass/volume] in Blood', 'BLD'),
  test('LEUK', 'Leukocytes', '6690-2', 'Leukocytes [#/volume] in Blood by Automated count', 'BLD'),
  test('PLAT', 'Platelets', '777-3', 'Platelets [#/volume] in Blood by Automated count', 'BLD'),
  test('PTIM', 'Prothrombin time', '5902-2', 'Prothrombin time (PT)', 'PLAS'),
  test('INRA', 'INR', '6301-6', 'INR in Platelet poor plasma by Coagulation assay', 'PLAS'),
  test('URIN', 'Urinalysis', '24356-8', 'Urinalysis complete panel - Urine', 'UR'),
  test('UCUL', 'Urine culture', '630-4', 'Bacteria identified in Urine by Culture', 'UR'),
];

/** Local codes that the table does not know: poison for enrichment. */
export const UNKNOWN_CODES: readonly [string, ...string[]] = ['ZZ-901', 'ZZ-902', 'ZZ-903', 'ZZ-904', 'ZZ-905'];

/** The catalogue as `codeTables` of a site document takes it. */
export function catalogueTable(): {
  targetSystem: string;
  entries: { code: string; target: string; display: string }[];
} {
  return {
    targetSystem: 'LN',
    entries: CATALOGUE.map(({ code, target, display }) => ({ code, target, display })),
  };
}
