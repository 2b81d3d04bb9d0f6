"""Every system URL and code that the FHIR door reads or writes itself; what is ours hangs under one base."""

from typing import Final

from service.shared import code
from service.shared.code import LOINC, SNOMED, Code

OURS: Final = code.OURS
HL7: Final = "http://hl7.org/fhir"
TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"
SDOHCC: Final = f"{HL7}/us/sdoh-clinicalcare"

# Our business identifiers, one system for each kind of thing.
OFFER_ID: Final = f"{OURS}/identifier/offer"
REQUEST_ID: Final = f"{OURS}/identifier/request"
REFERRAL_ID: Final = f"{OURS}/identifier/referral"
ALERT_ID: Final = f"{OURS}/identifier/alert"
NOTE_ID: Final = f"{OURS}/identifier/note"
MESSAGE_ID: Final = f"{OURS}/identifier/message"
RESULT_ID: Final = f"{OURS}/identifier/result"
TEAM_ID: Final = f"{OURS}/identifier/team"
ORGANISATION_ID: Final = f"{OURS}/identifier/organisation"

# Our code systems. The codes in them are the values of the domain's own enumerations.
ALERT_TASK: Final = f"{OURS}/CodeSystem/alert-task"
ALERT_OUTPUT: Final = f"{OURS}/CodeSystem/alert-output"
REVIEW_OUTCOME: Final = f"{OURS}/CodeSystem/review-outcome"
ALERT_REASON: Final = f"{OURS}/CodeSystem/alert-reason"
REFERRAL_REASON: Final = f"{OURS}/CodeSystem/referral-reason"
ALERT_INPUT: Final = f"{OURS}/CodeSystem/alert-input"
PROGRAMME_MODEL: Final = f"{OURS}/CodeSystem/programme-model"
DELIVERY_MODE: Final = f"{OURS}/CodeSystem/delivery-mode"
PROGRAMME_SERVES: Final = f"{OURS}/CodeSystem/programme-serves"
ACCESS_NEED: Final = f"{OURS}/CodeSystem/access-need"
INTERPRETERS: Final = Code(f"{OURS}/CodeSystem/programme-characteristic", "interpreters")
HOLD_REASON: Final = f"{OURS}/CodeSystem/hold-reason"
ENGAGEMENT: Final = f"{OURS}/CodeSystem/engagement"
ENDING: Final = f"{OURS}/CodeSystem/ending"
CONTACT_OUTCOME: Final = f"{OURS}/CodeSystem/contact-outcome"
CONTACT_MODE: Final = f"{OURS}/CodeSystem/contact-mode"
BUSINESS_STATUS: Final = f"{HL7}/us/bser/CodeSystem/TaskBusinessStatusCS"
CONCERN: Final = f"{OURS}/CodeSystem/concern"
MASKED_REASON: Final = Code(f"{OURS}/CodeSystem/masked", "reason-for-referral")
CONSENT_POLICY: Final = f"{OURS}/policy/peer-support"

# Extensions, ours and HL7's.
SAFE_CONTACT: Final = f"{OURS}/StructureDefinition/safe-contact"
PREGNANCY_STAGE: Final = f"{OURS}/StructureDefinition/pregnancy-stage"
DUE_MONTH: Final = f"{OURS}/StructureDefinition/due-month"
BABY_AGE: Final = f"{OURS}/StructureDefinition/baby-age"
ESCALATION_CONTACT: Final = f"{OURS}/StructureDefinition/escalation-contact"
SUPPORT_NEEDS: Final = f"{OURS}/StructureDefinition/support-needs"
OPEN_PLACES: Final = f"{OURS}/StructureDefinition/open-places"
PROGRAMME_QUALITY: Final = f"{OURS}/StructureDefinition/programme-quality"
ESCALATION: Final = f"{OURS}/StructureDefinition/escalation"
INTERPRETER_REQUIRED: Final = f"{HL7}/StructureDefinition/patient-interpreterRequired"
ORDINAL_VALUE: Final = f"{HL7}/StructureDefinition/ordinalValue"
ITEM_WEIGHT: Final = f"{HL7}/StructureDefinition/itemWeight"
STATUS_REASON: Final = f"{HL7}/StructureDefinition/request-statusReason"

# HL7 SDOH Clinical Care 3.0: clients search for the Task by its profile.
TASK_PROFILE: Final = f"{SDOHCC}/StructureDefinition/SDOHCC-TaskForReferralManagement"
SERVICE_REQUEST_PROFILE: Final = f"{SDOHCC}/StructureDefinition/SDOHCC-ServiceRequest"
DO_NOT_CONTACT: Final = Code(f"{SDOHCC}/CodeSystem/SDOHCC-CodeSystemTemporaryCodes", "contacting-subject-prohibited")

FULFIL: Final = Code(f"{HL7}/CodeSystem/task-code", "fulfill")
SOCIAL_SERVICE: Final = Code(SNOMED, "410606002")
PEER_SUPPORT: Final = Code(SNOMED, "461481000124109")
ALERT_CATEGORY: Final = Code(f"{TERMINOLOGY}/communication-category", "alert")
# US Core asks every record to take notes of this type (US Core Clinical Note Type); LOINC calls it "Progress note".
NOTE: Final = Code(LOINC, "11506-3")
SOCIAL_HISTORY: Final = Code(f"{TERMINOLOGY}/observation-category", "social-history")
MASKED: Final = Code(f"{TERMINOLOGY}/data-absent-reason", "masked")
LANGUAGE: Final = "urn:ietf:bcp:47"

PRIVACY: Final = Code(f"{TERMINOLOGY}/consentscope", "patient-privacy")
CONSENT_DOCUMENT: Final = Code(LOINC, "59284-0")
DISCLOSURE: Final = Code(f"{TERMINOLOGY}/v3-ActCode", "IDSCL")
RECIPIENT: Final = Code(f"{TERMINOLOGY}/v3-ParticipationType", "IRCP")

# That she was referred at all says something about her mental health, whatever else the resource holds.
RESTRICTED: Final = Code(f"{TERMINOLOGY}/v3-Confidentiality", "R")
ACT_CODE: Final = f"{TERMINOLOGY}/v3-ActCode"
PSYCHIATRY: Final = Code(ACT_CODE, "PSY")

HEALTHCARE_PROVIDER: Final = Code(f"{TERMINOLOGY}/organization-type", "prov")
COMMUNITY_GROUP: Final = Code(f"{TERMINOLOGY}/organization-type", "cg")
