import time
from uuid import RFC_4122, UUID

from service.shared.ids import new_id


def test_an_id_is_a_uuid_of_version_7_that_begins_with_the_time() -> None:
    before, made, after = time.time_ns(), UUID(new_id()), time.time_ns()
    assert (made.version, made.variant) == (7, RFC_4122)
    assert before // 1_000_000 <= made.int >> 80 <= after // 1_000_000


def test_ids_are_all_different_and_sort_by_the_time_they_were_made_within_a_millisecond_too() -> None:
    made = []
    for _ in range(20):
        made.append(new_id())
        time.sleep(0.000_001)
    assert len(set(made)) == len(made)
    # A 4,096th part of a millisecond and the time that the loop takes are near each other on a fast machine.
    assert [each[:18] for each in made] == sorted(each[:18] for each in made)
