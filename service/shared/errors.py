"""The tree of errors. An exception means that nothing happened; a business answer is never one of these.

ServiceError
├── Unavailable            the store cannot commit now; the sender should try again
├── InvalidMappings        mappings/ is wrong somewhere; every problem is listed and nothing is loaded
└── InvalidSettings        the environment is wrong; the program does not start
"""


class ServiceError(Exception):
    """Anything this service raises on purpose."""


class Unavailable(ServiceError):
    """The store cannot commit now: its queue is full, its writer is gone, its disk refuses or it does not answer.

    Nothing was kept; what a connection took with it that was lost in COMMIT, or hung, is found when the sender repeats.
    """

    def __init__(self, reason: str, retry_after_seconds: int = 5) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class InvalidMappings(ServiceError):
    """One line for each problem found, so that a site mends them all in one go."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class InvalidSettings(ServiceError):
    """A setting is missing, malformed or unsafe together with another."""
