"""What is wrong with a form as it was filled in, said in the form's own words."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from airbyte_cdk import AirbyteTracedException, FailureType
from airbyte_cdk.utils.datetime_helpers import ab_datetime_try_parse
from jsonschema import Draft7Validator, ValidationError, validators  # type: ignore[import-untyped]

Form = Mapping[str, Any]

TYPES = {"object": "a group of fields", "string": "a text", "integer": "a whole number", "boolean": "true or false"}


def refuse(config: Mapping[str, Any], form: Form) -> None:
    """Return if the form is filled in as it asks for.

    The CDK would say so too, but only after it has computed with the values, in the words of JSON Schema, and quoting
    what was filled in, which may be a token in the wrong field. No value is quoted here.

    Args:
        config: the form, filled in.
        form: the `connection_specification` of the manifest.

    Raises:
        AirbyteTracedException: a config error, with a sentence for each field that is wrong.
    """
    sentences: dict[str, str] = {}
    for field, sentence in [*_misfits(config, form), *_future(config, form)]:
        sentences.setdefault(field, sentence)
    if sentences:
        raise config_error(" ".join(sentences.values()))


def config_error(sentence: str) -> AirbyteTracedException:
    """What a user has to put right, told in this sentence and no other."""
    return AirbyteTracedException(message=sentence, internal_message=sentence, failure_type=FailureType.config_error)


def _misfits(config: Mapping[str, Any], form: Form) -> Iterator[tuple[str, str]]:
    """The fields' names and sentences."""
    for error in _in_order(VALIDATOR(form).iter_errors(config)):
        yield from _told(error)


def _in_order(errors: Iterable[ValidationError]) -> list[ValidationError]:
    """Whether a time exists comes after whether it is written as one."""
    return sorted(errors, key=lambda error: bool(error.validator == "format"))


def _told(error: ValidationError) -> Iterator[tuple[str, str]]:
    field, path = error.schema, ".".join(map(str, error.absolute_path))
    if error.validator == "oneOf":
        yield from _told_of_choice(error, path)
    elif error.validator == "required":
        missing = next(
            each for each in error.validator_value if each not in error.instance and repr(each) in error.message
        )
        inner = f"{path}.{missing}" if path else missing
        yield inner, f"{field['properties'][missing]['title']} ({inner}) is missing: fill it in."
    else:
        yield path, f"{field['title']} ({path}) must be {_wanted(error)}."


def _told_of_choice(error: ValidationError, path: str) -> Iterator[tuple[str, str]]:
    """What is wrong with the choice that the user made, not with those that were not made."""
    if not isinstance(error.instance, Mapping):
        return  # that is told as an error of type
    ways = [each["properties"]["auth_type"]["const"] for each in error.validator_value]
    if error.instance.get("auth_type") not in ways:
        yield path, f"{error.schema['title']} ({path}.auth_type) must be {' or '.join(ways)}."
        return
    chosen = ways.index(error.instance["auth_type"])
    for inner in _in_order(error.context):
        if inner.schema_path[0] == chosen:
            yield from _told(inner)


def _wanted(error: ValidationError) -> str:
    field, limit = error.schema, error.validator_value
    if error.validator == "type":
        return TYPES[limit]
    if error.validator in {"minimum", "maximum"}:
        return f"{'at least' if error.validator == 'minimum' else 'at most'} {limit}"
    if error.validator == "format":
        return "a time that exists, such as 2026-01-01T00:00:00Z"
    example = next(iter(field.get("examples", [])), None)
    return f"{field.get('pattern_descriptor', limit)}{f', such as {example}' if example else ''}"


def _future(config: Mapping[str, Any], form: Form) -> Iterator[tuple[str, str]]:
    """A day is allowed for: a user's today begins before UTC's, and clocks may be wrong."""
    start = config.get("start_date")
    time = ab_datetime_try_parse(start) if isinstance(start, str) else None
    if time and time > datetime.now(timezone.utc) + timedelta(days=1):
        title = form["properties"]["start_date"]["title"]
        yield (
            "start_date",
            f"{title} (start_date) is in the future: set an earlier time, or none for the last three months.",
        )


def _pattern(_: object, pattern: str, value: object, __: object) -> Iterator[ValidationError]:
    """As the user's browser reads it: there `$` is the very end, in Python a line break may follow."""
    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield ValidationError("")


def _format(_: object, name: str, value: object, __: object) -> Iterator[ValidationError]:
    if name == "date-time" and isinstance(value, str) and not ab_datetime_try_parse(value):
        yield ValidationError("")


VALIDATOR = validators.extend(Draft7Validator, {"pattern": _pattern, "format": _format})
