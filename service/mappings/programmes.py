"""programmes/*.toml: one peer-support programme, as it is imported."""

from service.mappings.reader import Table
from service.referrals.programme import DeliveryMode, Model, Programme
from service.screening.instrument import Stage


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
        languages=frozenset(language.casefold() for language in table.texts("languages")),
        districts=frozenset(district.casefold() for district in table.texts("districts")),
        stages=stages,
        interpreters=table.flag("interpreters"),
        places=table.whole("places"),
        places_taken=0,
        respond_within_hours=default_respond_hours if respond is None else respond,
        training_renewed_until=table.day("training_renewed_until") if "training_renewed_until" in table else None,
        telephone=table.text("telephone") if "telephone" in table else None,
    )
    if respond == 0:
        table.note("respond_within_hours", "leaves no time to answer")
    return programme
