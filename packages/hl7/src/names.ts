/**
 * Names of fields as the standard's segment tables word them (v2.5.1), for the console and for error texts. Index 0 is
 * field 1. Segments of an order message only; others show their numbers.
 */
const list = (names: string): readonly string[] => names.split('|');

export const SEGMENT_NAMES: Readonly<Record<string, string>> = {
  MSH: 'Message Header',
  PID: 'Patient Identification',
  PV1: 'Patient Visit',
  ORC: 'Common Order',
  OBR: 'Observation Request',
  OBX: 'Observation/Result',
  SPM: 'Specimen',
  NTE: 'Notes and Comments',
  DG1: 'Diagnosis',
  IN1: 'Insurance',
  GT1: 'Guarantor',
  NK1: 'Next of Kin',
  TQ1: 'Timing/Quantity',
  AL1: 'Patient Allergy',
  MSA: 'Message Acknowledgment',
  ERR: 'Error',
};

const FIELD_NAMES: Readonly<Record<string, readonly string[]>> = {
  MSH: list(
    'Field Separator|Encoding Characters|Sending Application|Sending Facility|Receiving Application|Receiving Facility|Date/Time of Message|Security|Message Type|Message Control ID|Processing ID|Version ID|Sequence Number|Continuation Pointer|Accept Acknowledgment Type|Application Acknowledgment Type|Country Code|Character Set|Principal Language of Message|Alternate Character Set Handling Scheme|Message Profile Identifier',
  ),
  PID: list(
    "Set ID|Patient ID|Patient Identifier List|Alternate Patient ID|Patient Name|Mother's Maiden Name|Date/Time of Birth|Administrative Sex|Patient Alias|Race|Patient Address|County Code|Phone Number - Home|Phone Number - Business|Primary Language|Marital Status|Religion|Patient Account Number|SSN Number|Driver's License Number|Mother's Identifier|Ethnic Group|Birth Place|Multiple Birth Indicator|Birth Order|Citizenship|Veterans Military Status|Nationality|Patient Death Date and Time|Patient Death Indicator|Identity Unknown Indicator|Identity Reliability Code|Last Update Date/Time|Last Update Facility|Species Code|Breed Code|Strain|Production Class Code|Tribal Citizenship",
  ),
  PV1: list(
    'Set ID|Patient Class|Assigned Patient Location|Admission Type|Preadmit Number|Prior Patient Location|Attending Doctor|Referring Doctor|Consulting Doctor|Hospital Service|Temporary Location|Preadmit Test Indicator|Re-admission Indicator|Admit Source|Ambulatory Status|VIP Indicator|Admitting Doctor|Patient Type|Visit Number|Financial Class|Charge Price Indicator|Courtesy Code|Credit Rating|Contract Code|Contract Effective Date|Contract Amount|Contract Period|Interest Code|Transfer to Bad Debt Code|Transfer to Bad Debt Date|Bad Debt Agency Code|Bad Debt Transfer Amount|Bad Debt Recovery Amount|Delete Account Indicator|Delete Account Date|Discharge Disposition|Discharged to Location|Diet Type|Servicing Facility|Bed Status|Account Status|Pending Location|Prior Temporary Location|Admit Date/Time|Discharge Date/Time|Current Patient Balance|Total Charges|Total Adjustments|Total Payments|Alternate Visit ID|Visit Indicator|Other Healthcare Provider',
  ),
  ORC: list(
    "Order Control|Placer Order Number|Filler Order Number|Placer Group Number|Order Status|Response Flag|Quantity/Timing|Parent|Date/Time of Transaction|Entered By|Verified By|Ordering Provider|Enterer's Location|Call Back Phone Number|Order Effective Date/Time|Order Control Code Reason|Entering Organization|Entering Device|Action By|Advanced Beneficiary Notice Code|Ordering Facility Name|Ordering Facility Address|Ordering Facility Phone Number|Ordering Provider Address|Order Status Modifier|Advanced Beneficiary Notice Override Reason|Filler's Expected Availability Date/Time|Confidentiality Code|Order Type|Enterer Authorization Mode|Parent Universal Service Identifier",
  ),
  OBR: list(
    "Set ID|Placer Order Number|Filler Order Number|Universal Service Identifier|Priority|Requested Date/Time|Observation Date/Time|Observation End Date/Time|Collection Volume|Collector Identifier|Specimen Action Code|Danger Code|Relevant Clinical Information|Specimen Received Date/Time|Specimen Source|Ordering Provider|Order Callback Phone Number|Placer Field 1|Placer Field 2|Filler Field 1|Filler Field 2|Results Rpt/Status Chng Date/Time|Charge to Practice|Diagnostic Serv Sect ID|Result Status|Parent Result|Quantity/Timing|Result Copies To|Parent|Transportation Mode|Reason for Study|Principal Result Interpreter|Assistant Result Interpreter|Technician|Transcriptionist|Scheduled Date/Time|Number of Sample Containers|Transport Logistics of Collected Sample|Collector's Comment|Transport Arrangement Responsibility|Transport Arranged|Escort Required|Planned Patient Transport Comment|Procedure Code|Procedure Code Modifier|Placer Supplemental Service Information|Filler Supplemental Service Information|Medically Necessary Duplicate Procedure Reason|Result Handling|Parent Universal Service Identifier",
  ),
  OBX: list(
    "Set ID|Value Type|Observation Identifier|Observation Sub-ID|Observation Value|Units|References Range|Abnormal Flags|Probability|Nature of Abnormal Test|Observation Result Status|Effective Date of Reference Range|User Defined Access Checks|Date/Time of the Observation|Producer's ID|Responsible Observer|Observation Method|Equipment Instance Identifier|Date/Time of the Analysis",
  ),
  SPM: list(
    'Set ID|Specimen ID|Specimen Parent IDs|Specimen Type|Specimen Type Modifier|Specimen Additives|Specimen Collection Method|Specimen Source Site|Specimen Source Site Modifier|Specimen Collection Site|Specimen Role|Specimen Collection Amount|Grouped Specimen Count|Specimen Description|Specimen Handling Code|Specimen Risk Code|Specimen Collection Date/Time|Specimen Received Date/Time|Specimen Expiration Date/Time|Specimen Availability|Specimen Reject Reason|Specimen Quality|Specimen Appropriateness|Specimen Condition|Specimen Current Quantity|Number of Specimen Containers|Container Type|Container Condition|Specimen Child Role',
  ),
  NTE: list('Set ID|Source of Comment|Comment|Comment Type'),
  DG1: list(
    'Set ID|Diagnosis Coding Method|Diagnosis Code|Diagnosis Description|Diagnosis Date/Time|Diagnosis Type|Major Diagnostic Category|Diagnostic Related Group|DRG Approval Indicator|DRG Grouper Review Code|Outlier Type|Outlier Days|Outlier Cost|Grouper Version and Type|Diagnosis Priority|Diagnosing Clinician|Diagnosis Classification|Confidential Indicator|Attestation Date/Time|Diagnosis Identifier|Diagnosis Action Code',
  ),
  IN1: list(
    "Set ID|Insurance Plan ID|Insurance Company ID|Insurance Company Name|Insurance Company Address|Insurance Co Contact Person|Insurance Co Phone Number|Group Number|Group Name|Insured's Group Emp ID|Insured's Group Emp Name|Plan Effective Date|Plan Expiration Date|Authorization Information|Plan Type|Name of Insured|Insured's Relationship to Patient|Insured's Date of Birth|Insured's Address|Assignment of Benefits|Coordination of Benefits|Coord of Ben. Priority|Notice of Admission Flag|Notice of Admission Date|Report of Eligibility Flag|Report of Eligibility Date|Release Information Code|Pre-Admit Cert|Verification Date/Time|Verification By|Type of Agreement Code|Billing Status|Lifetime Reserve Days|Delay Before L.R. Day|Company Plan Code|Policy Number",
  ),
  GT1: list(
    'Set ID|Guarantor Number|Guarantor Name|Guarantor Spouse Name|Guarantor Address|Guarantor Ph Num - Home|Guarantor Ph Num - Business|Guarantor Date/Time of Birth|Guarantor Administrative Sex|Guarantor Type|Guarantor Relationship|Guarantor SSN|Guarantor Date - Begin|Guarantor Date - End|Guarantor Priority|Guarantor Employer Name|Guarantor Employer Address|Guarantor Employer Phone Number|Guarantor Employee ID Number|Guarantor Employment Status|Guarantor Organization Name',
  ),
  NK1: list(
    "Set ID|Name|Relationship|Address|Phone Number|Business Phone Number|Contact Role|Start Date|End Date|Next of Kin Job Title|Next of Kin Job Code/Class|Next of Kin Employee Number|Organization Name|Marital Status|Administrative Sex|Date/Time of Birth|Living Dependency|Ambulatory Status|Citizenship|Primary Language|Living Arrangement|Publicity Code|Protection Indicator|Student Indicator|Religion|Mother's Maiden Name|Nationality|Ethnic Group|Contact Reason|Contact Person's Name|Contact Person's Telephone Number|Contact Person's Address|Next of Kin's Identifiers|Job Status|Race|Handicap|Contact Person Social Security Number",
  ),
  TQ1: list(
    'Set ID|Quantity|Repeat Pattern|Explicit Time|Relative Time and Units|Service Duration|Start Date/Time|End Date/Time|Priority|Condition Text|Text Instruction|Conjunction|Occurrence Duration|Total Occurrences',
  ),
  AL1: list(
    'Set ID|Allergen Type Code|Allergen Code/Mnemonic/Description|Allergy Severity Code|Allergy Reaction Code|Identification Date',
  ),
  MSA: list(
    'Acknowledgment Code|Message Control ID|Text Message|Expected Sequence Number|Delayed Acknowledgment Type|Error Condition',
  ),
  ERR: list(
    'Error Code and Location|Error Location|HL7 Error Code|Severity|Application Error Code|Application Error Parameter|Diagnostic Information|User Message',
  ),
};

/** '' where the segment or the field is not in the dictionary. */
export function fieldName(segment: string, field: number): string {
  const names = Object.hasOwn(FIELD_NAMES, segment) ? FIELD_NAMES[segment] : undefined;
  return names?.[field - 1] ?? '';
}

/** True where the dictionary knows the segment. */
export function isNamedSegment(name: string): boolean {
  return Object.hasOwn(SEGMENT_NAMES, name);
}
