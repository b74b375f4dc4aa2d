"""What a statement says, read by the models of its kind."""

from pydantic import BaseModel, ValidationError

from ecolink.federation.handling import Reject
from ecolink.federation.statements import Stored
from ecolink.protocol.kinds.common import Kind


def read_body(stored: Stored, kind: Kind) -> BaseModel:
    """Return the body of a statement of this kind; its private part is looked at as well.

    Raises:
        Reject: it is not what the kind says.

    """
    said = stored.statement
    try:
        body = kind.body.model_validate(said.body)
        if kind.private is not None and said.private_data is not None:
            kind.private.model_validate(said.private_data)
    except ValidationError as fault:
        where = "/".join(str(part) for part in fault.errors(include_input=False)[0]["loc"])
        raise Reject("invalid-body", f"not the body of {said.type}: {where or 'as a whole'}") from None
    return body
