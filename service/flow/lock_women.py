"""A unit that speaks of several women locks them in one order: two that each took its own would wait for each other."""

from collections.abc import Collection

from service.flow.identify import bearers_of
from service.flow.ports import Transaction
from service.flow.received import Reference


def lock_women(tx: Transaction, meant: Collection[Reference]) -> None:
    """Everybody whom these may mean, before anybody is asked which of them does: that locks each as it is asked."""
    if len(meant) < 2:
        return
    women: set[str] = set()
    for each in meant:
        if each.id is not None:
            women |= {each.id, *bearers_of(tx, "Patient", each.id, each.base)}
        if each.identifier is not None:
            known = tx.aliases.find("Patient", each.identifier.system, each.identifier.value)
            women |= {known} if known else set()
    for id in sorted(women):
        tx.visible.patient_id(id)
