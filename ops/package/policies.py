"""What each function's role may do, computed from the code: the manifests, the consumers and the keys that they declare.

IAM sees the first part of a key, never its sort key, a condition of a write, or an attribute. So these policies say in which partitions
a function may write; that it writes only rows of its own there, and only under its conditions, is the code's part.
"""

from collections.abc import Callable, Iterable
from typing import Any

from chalicelib.foundation.manifest import AGGREGATES, EVERY_ENTITY, FileFolder, Pack, Schedule, import_string
from chalicelib.foundation.pending_changes import PENDING
from chalicelib.packs import PACKS
from ops.package.inventory import DeployedFunction

Statement = dict[str, Any]

_TABLE = {"Fn::GetAtt": ["Table", "Arn"]}
_INDEXES = {"Fn::Sub": "${Table.Arn}/index/*"}
_SES = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}"
_OUTBOX = {"Fn::GetAtt": ["Outbox", "Arn"]}
_READ = ("dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:Query")
_WRITE = ("dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
_TRAIL = "AUD#*"
_SEALED_DAYS = ["SEAL", "SEAL#*"]
_NOTIFICATIONS = "evt"


def policy(function: DeployedFunction, packs: Iterable[Pack] = PACKS) -> dict[str, Any]:
    """The policy of a function's role."""
    packs = tuple(packs)
    statements = [*_STATEMENTS[function.kind](function, packs), _logs()]
    return {"Version": "2012-10-17", "Statement": statements}


# -- the kinds of functions


def _api(function: DeployedFunction, packs: tuple[Pack, ...]) -> list[Statement]:
    see = _allow("SeeThatTheTableIsThere", ["dynamodb:DescribeTable"], _TABLE)
    return [_read(), _write(), _deny_trail(), see, _secrets(), *_files(function, packs)]


def _audit_stream(function: DeployedFunction, packs: tuple[Pack, ...]) -> list[Statement]:  # noqa: ARG001
    written = _patterns(["AUD", "PERSON", "PARK", _NOTIFICATIONS])
    return [_stream(), _read(), _write(written), _append_only(), _send("StreamDeadLetters"), _hand_over_mail(), _secrets()]


def _projection_stream(function: DeployedFunction, packs: tuple[Pack, ...]) -> list[Statement]:  # noqa: ARG001
    written = _patterns(["SEEN", "PARK", *_aggregates(packs)])
    markers = _allow("RemoveMarkers", ["dynamodb:BatchWriteItem"], _TABLE, keys=_patterns([PENDING]))
    return [_stream(), _read(), _write(written), markers, _deny_trail(), _send("StreamDeadLetters")]


def _outbox_worker(function: DeployedFunction, packs: tuple[Pack, ...]) -> list[Statement]:
    queue = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    identities = {"Fn::Sub": f"{_SES}:identity/*"}
    return [
        _allow("TakeFromQueue", queue, _OUTBOX),
        _allow("ClaimAndSettleMail", ["dynamodb:GetItem", "dynamodb:UpdateItem"], _TABLE, keys=_patterns(["MAIL"])),
        _allow("SeeWhoHasOptedOut", ["dynamodb:GetItem"], _TABLE, keys=_patterns(["SUPPRESS"])),
        _allow("SendMail", ["ses:SendEmail"], identities, {"Fn::Sub": f"{_SES}:configuration-set/${{MailConfiguration}}"}),
        *_work_for_packs(packs),
        *_files(function, packs),
    ]


def _work_for_packs(packs: tuple[Pack, ...]) -> list[Statement]:
    """What packs do that hear what becomes of their mail: they change their things, write mail and links, and say what happened; and what
    those do that have work done: they change their things, and queue the next part.
    """
    hearing, working = [pack for pack in packs if pack.mail_events], [pack for pack in packs if pack.work]
    if not hearing and not working:
        return []
    written = [*_roots([*hearing, *working])]
    if hearing:
        written += [prefix for pack in hearing for prefix in (*pack.key_prefixes, *_markers(pack))]
        written += [_NOTIFICATIONS, "MAIL", "LINK"]
    return [
        _read(),
        _write(_patterns([*written, "MAIL"])),
        _deny_trail(),
        *([_secrets()] if hearing else []),
        *([_hand_over_mail()] if working else []),
    ]


def _schedule(function: DeployedFunction, packs: tuple[Pack, ...]) -> list[Statement]:
    schedule = function.schedule
    assert schedule is not None
    pack = next(pack for pack in packs if any(own.name == schedule.name for own in pack.schedules))
    scan = [_allow("GoThroughTheTable", ["dynamodb:Scan"], _TABLE)] if schedule.scans else []
    mail = [_hand_over_mail()] if schedule.queues else []
    seals = _seal() if schedule.seals else []
    protect = _append_only() if "AUD" in schedule.writes else _deny_trail(may_seal=schedule.seals)
    written = _patterns(_written_by(schedule, pack, packs))
    return [_read(), *scan, _write(written), protect, _send("ScheduleDeadLetters"), *mail, *seals, _secrets()]


_STATEMENTS: dict[str, Callable[[DeployedFunction, tuple[Pack, ...]], list[Statement]]] = {
    "api": _api,
    "audit-stream": _audit_stream,
    "projection-stream": _projection_stream,
    "outbox-worker": _outbox_worker,
    "schedule": _schedule,
}


# -- which partitions


def _written_by(schedule: Schedule, pack: Pack, packs: tuple[Pack, ...]) -> list[str]:
    """The prefixes of the partitions that a schedule writes: what it declares, else its pack's; its runs, and notifications."""
    own = [*_roots([pack]), *pack.key_prefixes, *_markers(pack)]
    groups = {EVERY_ENTITY: _roots(packs), AGGREGATES: _aggregates(packs)}
    declared = [prefix for written in schedule.writes for prefix in groups.get(written, [written])]
    return [*(declared or own), _NOTIFICATIONS, f"RUN#{schedule.name}"]


def _markers(pack: Pack) -> list[str]:
    return [f"{PENDING}#{projection.kind}" for projection in pack.projections if projection.tracked]


def _roots(packs: Iterable[Pack]) -> list[str]:
    """What the ids of the roots begin with in whose partitions the packs' entities lie."""
    formats = [import_string(path).ID for pack in packs for path in pack.entities.values()]
    return sorted({root for id in formats for root in (id.parents.values() or [id.prefix])})


def _aggregates(packs: Iterable[Pack]) -> list[str]:
    return sorted({prefix for pack in packs for projection in pack.projections for prefix in projection.writes})


def _patterns(prefixes: Iterable[str]) -> list[str]:
    """Patterns of the partition keys that begin with these prefixes: `pipe_*` for ids, `BOARD` and `BOARD#*` for others."""
    patterns: list[str] = []
    for prefix in dict.fromkeys(prefixes):
        patterns += [f"{prefix}_*"] if prefix[:1].islower() else [prefix, f"{prefix}#*"]
    return patterns


# -- statements


def _allow(sid: str, actions: Iterable[str], *resources: object, keys: list[str] | None = None) -> Statement:
    condition = {} if keys is None else {"Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}}
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources), **condition}


def _deny(sid: str, actions: Iterable[str], keys: list[str]) -> Statement:
    condition = {"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": keys}}
    return {"Sid": sid, "Effect": "Deny", "Action": list(actions), "Resource": [_TABLE], "Condition": condition}


def _read() -> Statement:
    return _allow("ReadTable", _READ, _TABLE, _INDEXES)


def _write(keys: list[str] | None = None) -> Statement:
    return _allow("WriteTable", _WRITE, _TABLE, keys=keys)


def _deny_trail(*, may_seal: bool = False) -> Statement:
    keys = [_TRAIL, *([] if may_seal else _SEALED_DAYS)]
    return _deny("LeaveTheTrailAlone", ["dynamodb:BatchWriteItem", "dynamodb:PartiQL*", *_WRITE], keys)


def _append_only() -> Statement:
    actions = ["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PartiQL*", "dynamodb:UpdateItem"]
    return _deny("OnlyEverAppendToTheTrail", actions, [_TRAIL])


def _stream() -> Statement:
    actions = [f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")]
    return _allow("FollowStream", actions, {"Fn::Sub": "${Table.Arn}/stream/*"})


def _send(queue: str) -> Statement:
    return _allow("SendDeadLetters", ["sqs:SendMessage"], {"Fn::GetAtt": [queue, "Arn"]})


def _hand_over_mail() -> Statement:
    return _allow("HandOverMail", ["sqs:SendMessage"], _OUTBOX)


def _secrets() -> Statement:
    return _allow("ReadSecrets", ["secretsmanager:GetSecretValue"], {"Ref": "Secrets"})


def _files(function: DeployedFunction, packs: tuple[Pack, ...]) -> list[Statement]:
    """The folders of the bucket of files that a function writes, and reads again. The API reads all of them: its URLs are as good as it is.

    Who may list the bucket is told that an object is missing; others are told that they may not know.
    """
    folders = [folder for pack in packs for folder in pack.files]
    written = [folder for folder in folders if folder.written_by == function.kind]
    read = folders if function.kind == "api" else written
    if not read:
        return []
    return [
        *([_allow("PutFiles", ["s3:PutObject"], *map(_objects, written))] if written else []),
        _allow("GetFiles", ["s3:GetObject", "s3:GetObjectVersion"], *map(_objects, read)),
        _allow("SeeThatAFileIsMissing", ["s3:ListBucket"], {"Fn::GetAtt": ["Files", "Arn"]}),
    ]


def _objects(folder: FileFolder) -> dict[str, str]:
    return {"Fn::Sub": f"${{Files.Arn}}/{folder.prefix}/*"}


def _seal() -> list[Statement]:
    """Write what nobody can remove, and look whether it is there. Nobody is allowed to end a lock or to go around it."""
    objects = {"Fn::Sub": "${Seals.Arn}/*"}
    return [
        _allow("Seal", ["s3:GetObject", "s3:PutObject", "s3:PutObjectRetention"], objects),
        _allow("SeeThatASealIsMissing", ["s3:ListBucket"], {"Fn::GetAtt": ["Seals", "Arn"]}),
    ]


def _logs() -> Statement:
    group = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/${AWS::StackName}-*"
    return _allow("WriteOwnLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::Sub": group})
