"""Hooks of the contract test (../tests/contract.rs).

A schema cannot say two things of this API: rules across fields, and state. `before_call` gives requests that are valid by
the schema a template and parties which exist, and keys of their own, so that tasks are created and started. `filter_failure` accepts a refusal of
valid data only if every reason that the answer names is one of these rules; any other refusal fails the test.
"""

import itertools
import os
import re

import schemathesis
from schemathesis.core.failures import Failure

TEMPLATE = os.environ["CONTRACT_TEMPLATE"]
MEMBERS = [
    {"party": "hub", "role": "aggregator"},
    {"party": "hospital-a", "role": "trainer"},
    {"party": "hospital-b", "role": "trainer"},
]

# Parties at work: a request that replaces the secret of one, or removes it, is made of another party. An agent whose secret
# was replaced is away from then on, and so are its logs.
AT_WORK = {member["party"] for member in MEMBERS}
BYSTANDER = "hospital-c"

NAMED = ("create_template", "edit_template", "create_task", "edit_task", "create_webhook", "edit_webhook")
NUMBERS = itertools.count()

# Codes of problems that depend on state alone: a well-formed request meets them or not.
STATE = {
    "cursor_invalid",  # a cursor is opaque and sealed to its list and filters
    "precondition_failed",  # the resource has another version
    "events_expired",  # the feed keeps events for some days
    "webhook_limit",  # the project has many webhooks
    "webhook_disabled",  # another request has disabled the webhook
}

# Fields that are wrong only in view of other fields: pointer, code.
ACROSS_FIELDS = [
    (r"/parameters/[^/]+/(default|minimum|maximum|enum/\d+)", {"wrong_type", "out_of_range", "not_allowed", "unsupported"}),
    (r"/parameters/[^/]+(/default)?", {"reserved", "not_allowed", "unsupported", "wrong_type"}),
    (r"/env/[^/]+", {"reserved"}),
    (r"/command/\d+", {"reserved"}),
    (r"/rules/minimum_parties", {"out_of_range"}),
    (r"/url", {"pattern"}),  # the addresses that webhooks may have depend on the configuration
]


def operation_id(case) -> str:
    return case.operation.definition.raw["operationId"]


def is_positive(case) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


@schemathesis.deserializer("application/octet-stream")
def octets(_context, response):
    """An output of a member: any bytes, which the schema describes as a string."""
    return response.content.decode("latin-1")


@schemathesis.hook
def before_call(context, case, kwargs):
    if operation_id(case) in ("delete_party", "rotate_party_secret") and case.path_parameters.get("party") in AT_WORK:
        case.path_parameters["party"] = BYSTANDER
    if not is_positive(case):
        return
    headers = case.headers or {}
    # One key for several requests is refused. Its length stays where that is what is tested.
    if key := headers.get("Idempotency-Key"):
        number = f"{next(NUMBERS):08}"
        headers["Idempotency-Key"] = number + key[len(number) :]
    # schemathesis makes values of this header by a form of its own in place of the documented pattern (its
    # openapi/headers.py), and counts them as valid.
    pattern = case.operation.schema.raw_schema["components"]["schemas"]["IfMatch"]["pattern"]
    if (tag := headers.get("If-Match")) is not None and not re.fullmatch(pattern, tag):
        headers["If-Match"] = "*"
    if not isinstance(case.body, dict):
        return
    # A name that no server has: the hub sends nothing to others.
    if operation_id(case) in ("create_webhook", "edit_webhook"):
        case.body = {**case.body, "url": "https://hooks.invalid/"}
    if operation_id(case) == "create_session":
        case.body = {"name": "signer", "password": os.environ["CONTRACT_PASSWORD"]}
    # Names are unique; a longer name may be the limit under test.
    if operation_id(case) in NAMED and len(case.body["name"]) <= 40:
        case.body = {**case.body, "name": f"{case.body['name']}{next(NUMBERS):08}"}
    if operation_id(case) == "start_task" and "parameters" in case.body:
        case.body = {**case.body, "parameters": {}}
    if operation_id(case) in ("create_task", "edit_task"):
        case.body = with_template(case.body)
    if operation_id(case) == "apply":
        for kind in ("templates", "tasks"):
            if kind in case.body:
                named = [{**document, "name": f"{next(NUMBERS):08}"} for document in case.body[kind]]
                case.body = {**case.body, kind: named}
        if "tasks" in case.body:
            case.body = {**case.body, "tasks": [with_template(task) for task in case.body["tasks"]]}


def with_template(task):
    """The task with a template and parties that exist."""
    rules = {name: value for name, value in task.get("rules", {}).items() if name != "minimum_parties"}
    return {
        **task,
        "template": TEMPLATE,
        "revision": 1,
        "members": MEMBERS,
        "parameters": {},
        **({"rules": rules} if "rules" in task else {}),
    }


@schemathesis.hook
def filter_failure(context, failure: Failure, case, response) -> bool:
    """Whether the failure counts."""
    # HTTP permits unknown headers.
    if type(failure).__name__ == "AcceptedNegativeData" and "x-schemathesis-unknown-property" in (case.headers or {}):
        return False
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    problem = response.json()
    if problem["code"] in STATE:
        return False
    if problem["code"] != "invalid":
        return True
    return not all(is_across_fields(field) for field in problem["fields"])


def is_across_fields(field) -> bool:
    return any(re.fullmatch(r"(/(templates|tasks)/\d+)?" + pointer, field["pointer"]) and field["code"] in codes for pointer, codes in ACROSS_FIELDS)
