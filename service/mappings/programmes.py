"""programmes/*.toml: one peer-support programme, as it is imported."""

from service.mappings.reader import Table
from service.referrals.needs import Access
from service.referrals.programme import LONGEST_NAME, DeliveryMode, Model, Programme, Serves, Statements
from service.screening.instrument import Stage
from service.shared.language import is_primary


def programme_of(table: Table, id: str, default_respond_hours: int) -> Programme:
    """The programme with nobody in it yet. Districts and languages are matched without regard to case."""
    respond = table.optional_whole("respond_within_hours")
    stages = frozenset(table.members("stages", Stage)) - {Stage.UNKNOWN}
    if not stages:
        table.note("stages", "names neither antenatal nor postnatal")
    programme = Programme(
        id=id,
        organisation_id=table.text("organisation"),
        name=table.text("name"),
        active=table.flag("active"),
        model=table.member("model", Model),
        modes=table.members("modes", DeliveryMode),
        languages=_languages(table),
        districts=frozenset(district.casefold() for district in table.texts("districts")),
        stages=stages,
        interpreters=table.flag("interpreters"),
        places=table.whole("places"),
        places_taken=0,
        respond_within_hours=default_respond_hours if respond is None else respond,
        training_renewed_until=table.day("training_renewed_until") if "training_renewed_until" in table else None,
        telephone=table.optional_text("telephone"),
        serves=_serves(table),
        states=_statements(table),
    )
    if not programme.name.isprintable() or len(programme.name) > LONGEST_NAME:
        table.note("name", f"is not one line of at most {LONGEST_NAME} characters")
    if respond == 0:
        table.note("respond_within_hours", "leaves no time to answer")
    return programme


def _languages(table: Table) -> frozenset[str]:
    languages = frozenset(language.casefold() for language in table.texts("languages"))
    if not all(map(is_primary, languages)):
        table.note("languages", "holds what is no primary language tag, as en or pl: no woman's would ever equal it")
    return languages


def _serves(table: Table) -> Serves:
    serves = Serves(
        from_age=table.optional_whole("from_age"),
        to_age=table.optional_whole("to_age"),
        first_baby_only=table.optional_flag("first_baby_only"),
        communities=frozenset(each.casefold() for each in table.optional_texts("communities")),
        communities_only=table.optional_flag("communities_only"),
        access=frozenset(table.members("access", Access) if "access" in table else ()),
    )
    if serves.from_age is not None and serves.to_age is not None and serves.from_age > serves.to_age:
        table.note("to_age", "is below from_age")
    if serves.communities_only and not serves.communities:
        table.note("communities_only", "names no community: nobody could be offered")
    return serves


def _statements(table: Table) -> Statements:
    return Statements(
        supporters=table.optional_text("supporters"),
        training_hours=table.optional_whole("training_hours"),
        training_topics=table.optional_texts("training_topics"),
        supervisor=table.optional_text("supervisor"),
        supervision_every_weeks=table.optional_whole("supervision_every_weeks", at_least=1),
        safeguarding=table.optional_text("safeguarding"),
    )
