"""What is due of a retainer: its steps, one transaction each, and then the reminder of its renewal."""

from chalicelib.foundation.context import Context
from chalicelib.foundation.due_work import commit_claim, notification_target
from chalicelib.foundation.events import Notification
from chalicelib.foundation.reminders import NextReminder
from chalicelib.packs.retainers import repository
from chalicelib.packs.retainers.entities import Retainer
from chalicelib.packs.retainers.rules.reminders import next_renewal_reminder


def work_off(ctx: Context, retainer: Retainer) -> bool:
    """Take the steps that are due, in order, while there is time, and remind; whether anything was done.

    Each step is claimed by the retainer's revision, in one transaction with the period that it closes and its event. So a run that ends
    in between, comes late, or meets another leaves nothing undone and does nothing twice. Raises VersionConflict where another was first.
    """
    done = False
    while ctx.store.remaining_seconds() > 0:
        after = repository.take_step(ctx, retainer)
        if after is None:
            return _remind(ctx, retainer) or done
        retainer, done = after, True
    return done


def _remind(ctx: Context, retainer: Retainer) -> bool:
    today = retainer.today(ctx)
    reminder = next_renewal_reminder(retainer.account, retainer.last_reminder, today)
    if reminder is None or reminder.raise_on > today:
        return False  # the index lags: another run has moved it already
    marks = {**(retainer.reminded or {}), retainer.deadline.isoformat(): reminder.days_left}
    after = retainer.with_changes(ctx, reminded=marks)
    return commit_claim(ctx, lambda tx: tx.save(after), [_event(ctx, retainer, reminder)])


def _event(ctx: Context, retainer: Retainer, reminder: NextReminder) -> Notification:
    deadline = retainer.deadline
    return Notification.for_occasion(
        ctx,
        f"{retainer.id}/renewal/{deadline.isoformat()}/{reminder.days_left}",
        on=deadline,
        event="retainers.renewal_due",
        title=f"{'Notice is due' if retainer.auto_renew else 'The term ends'} by {deadline.isoformat()}: {retainer.name}",
        due_on=deadline,
        data={
            "deadline": deadline.isoformat(),
            "renewal_date": retainer.renewal_date.isoformat(),
            "auto_renew": retainer.auto_renew,
            "days_left": reminder.days_left,
            "late": reminder.late,
            "skipped": list(reminder.skipped),
        },
        **notification_target("retainer", retainer.id, owner=None),
    )
