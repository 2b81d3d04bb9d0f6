"""Who takes part in the demonstration, made known to the service."""

import json
from pathlib import Path

from service.demo.cast import Cast, Member, programme_file
from service.demo.client import Identity
from service.demo.record import Resource
from service.demo.story import Players
from service.office import Office
from service.parts import open_office
from service.settings import Settings


def enrol(settings: Settings, cast: Cast) -> Players:
    """Register the cast, as an administrator does; the service may be up or not."""
    members = (cast.hospital, cast.infirmary, cast.programme, cast.next_programme)
    with open_office(settings) as office:
        hospital, infirmary, programme, following = (_member(office, member) for member in members)
        _describe(office, programme, cast.programme_description, settings.data_folder)
        _describe(office, following, cast.next_programme_description, settings.data_folder)
    return Players(hospital, infirmary, programme, following)


def _describe(office: Office, programme: Identity, described: Resource, folder: Path) -> None:
    file = folder / "programme.toml"
    file.write_text(programme_file(programme.organisation_id, described))
    office.import_programme(file)


def _member(office: Office, member: Member) -> Identity:
    organisation_id = office.add_organisation(
        member.name, member.kind, member.fhir_endpoint, "|".join(member.identifier), member.hl7v2_endpoint
    )
    if member.certificate is not None:
        office.add_sender(organisation_id, certificate=member.certificate, mllp_sender=None)
    client_id = office.add_client(organisation_id, member.scope.split(), json.dumps(member.jwks), None)
    return member.registered_as(organisation_id, client_id)
