"""One exception for everything the protocol turns away, and the list of reasons."""

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """Why a document was refused. The codes are public: receipts carry them and peers switch on them."""

    meaning: str
    """One line for people; the protocol page prints it."""

    def __new__(cls, code: str, meaning: str) -> Self:
        """Make a member that is its code and knows its meaning."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    # The envelope, in the order of the checks.
    TOO_LARGE = "too-large", "The document is longer than its documented limit."
    BAD_TOKEN = "bad-token", "The token is not exactly three segments."
    BAD_BASE64 = "bad-base64", "A segment is not the one base64url text of its bytes."
    BAD_JSON = "bad-json", "The JSON is malformed, ambiguous, too deep or not portable."
    BAD_HEADER = "bad-header", "The header does not hold exactly alg, kid and typ."
    WRONG_ALGORITHM = "wrong-algorithm", "The algorithm is not ES256."
    WRONG_TYPE = "wrong-type", "The token is a document of another type."
    UNKNOWN_KEY = "unknown-key", "No pinned key has this kid."
    WRONG_KEY_USE = "wrong-key-use", "The key is pinned for another use."
    BAD_SIGNATURE = "bad-signature", "The signature does not fit the bytes and the key."
    # Who speaks to whom.
    WRONG_ISSUER = "wrong-issuer", "The issuer is not the bureau that owns the key."
    WRONG_SENDER = "wrong-sender", "The issuer is not the bureau that sent it."
    WRONG_AUDIENCE = "wrong-audience", "It is not addressed to this bureau."
    # Keys.
    BAD_KEY = "bad-key", "The key is not a P-256 key, or its kid is not its thumbprint."
    KEY_NOT_YET_VALID = "key-not-yet-valid", "The key was not valid yet when this was received."
    KEY_EXPIRED = "key-expired", "The key was no longer valid when this was received."
    KEY_REVOKED = "key-revoked", "The key was revoked before this was received."
    # What is said.
    MISSING_CLAIM = "missing-claim", "A required member is absent."
    INVALID_CLAIM = "invalid-claim", "A member has the wrong type or form."
    CLASSIFICATION = "classification", "Only public, internal and work-secret matter may be carried."
    CASE_RECIPIENTS = "case-recipients", "A statement in the case lane has exactly one recipient."
    EXERCISE_LANE = "exercise-lane", "Exercises travel in the bulk lane (and are recalled in the control lane)."
    CONTROL_LANE = "control-lane", "Only recalls and compliance, without deliver_by, travel in the control lane."
    PRIVATE_MISMATCH = "private-mismatch", "The private part is not the one the statement names."
    PRIVATE_UNEXPECTED = "private-unexpected", "A private part came with a statement that names none."
    # Channels and calls.
    BATCH_MISMATCH = "batch-mismatch", "The statements beside the batch are not its entries."
    CLOCK_SKEW = "clock-skew", "The two bureaus' clocks are too far apart."
    REQUEST_LIFETIME = "request-lifetime", "The request token lives longer than allowed, or not at all."
    REQUEST_MISMATCH = "request-mismatch", "The request token is for another operation, parameters or body."
    EXPIRED = "expired", "It was received after its deliver_by."
    EQUIVOCATION = "equivocation", "The same id came before with another digest."
    CHANNEL_FORK = "channel-fork", "Another digest is already held at this sequence number."
    # Key manifests.
    MANIFEST_BROKEN = "manifest-broken", "A key manifest does not follow from its predecessor."
    MANIFEST_UNROOTED = "manifest-unrooted", "The chain of key manifests is not the one that is pinned."
    MANIFEST_STALE = "manifest-stale", "The chain ends before the manifest already held."
    MANIFEST_FORK = "manifest-fork", "Two signed manifests claim the same place in the chain."
    # The evidence log.
    BAD_PROOF = "bad-proof", "A proof of inclusion or consistency does not lead to the root."
    BAD_CHECKPOINT = "bad-checkpoint", "A checkpoint is not a signed note of the named log."
    # What proves it years later, and what is carried across an air gap.
    BAD_EVIDENCE = "bad-evidence", "An evidence file does not hold together."
    BAD_BUNDLE = "bad-bundle", "A bundle is not sealed to this bureau, or does not hold together."


class Refused(Exception):
    """A document is turned away.

    `reason` is a stable code, usually a `Reason`. `detail` is one English sentence for the log and the
    operator; it never quotes personal data.
    """

    def __init__(self, reason: str, detail: str) -> None:
        """Keep the code and the sentence."""
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["Refused"], tuple[str, str]]:
        """Let it cross to another process."""
        return Refused, (self.reason, self.detail)
