"""What can go wrong at a platform, as the only exceptions that a provider raises.

ProviderError
|-- ProviderUnreachable   no answer, or none that can be trusted: try again later
|-- ProviderRefused       the platform said no: credentials, permission, invalid input, failed rollout
|-- ProviderNotFound      the thing asked for does not exist there
|-- ProviderConflict      somebody else changed it meanwhile, or owns it
`-- ProviderTimedOut      it did not get done in the time it had
"""

from providers.sentences import sentences


class ProviderError(Exception):
    """A platform could not do what was asked.

    `message` says what Unship wanted and what to do next; `said` is what the platform answered, shortened,
    without credentials.
    """

    def __init__(self, message: str, said: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.said = said

    def __str__(self) -> str:
        return sentences(self.message, f"The platform said: {self.said}") if self.said else self.message


class ProviderUnreachable(ProviderError):
    pass


class ProviderRefused(ProviderError):
    pass


class ProviderNotFound(ProviderError):
    pass


class ProviderConflict(ProviderError):
    pass


class ProviderTimedOut(ProviderError):
    pass
