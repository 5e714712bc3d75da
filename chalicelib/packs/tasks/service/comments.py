"""Comments on tasks."""

from functools import partial

from chalicelib.foundation.context import Context
from chalicelib.foundation.errors import NotFound
from chalicelib.foundation.idempotency import idempotent_transaction
from chalicelib.foundation.presentation import present
from chalicelib.foundation.schema_types import PageOf, PageParams
from chalicelib.packs.tasks import repository
from chalicelib.packs.tasks.entities import Comment, Task
from chalicelib.packs.tasks.permissions import require_read, require_work
from chalicelib.packs.tasks.schemas import TaskCommentCreate, TaskCommentView


def create_comment(ctx: Context, id: str, body: TaskCommentCreate) -> TaskCommentView:
    """Comment on a task, whatever its status. A comment is kept to the letter and never changes."""
    snapshot = repository.read(ctx, id)
    require_work(ctx, snapshot.task, snapshot.deal)
    comment = Comment.new(ctx, id=Comment.ID.new(ctx.now, id), task_id=id, text=body.text)
    view = present(TaskCommentView, comment)
    tx = idempotent_transaction(ctx, view)
    tx.condition_check(
        snapshot.task.key, repository.IS_LIVE, NotFound(Task.ID.name)
    )  # who deletes it meanwhile would leave the comment behind
    tx.create(comment)
    tx.commit()
    return view


def list_comments(ctx: Context, id: str, query: PageParams) -> PageOf[TaskCommentView]:
    """The comments on a task, newest first."""
    require_read(ctx, ctx.store.require(Task, id))
    return ctx.paginate(Comment.children_of(id), query, partial(present, TaskCommentView), decode=Comment.from_item)
