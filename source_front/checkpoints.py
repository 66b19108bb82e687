"""States that name nothing as read that was not: a repair of the CDK."""

from collections.abc import Callable, Iterable
from typing import Any

from airbyte_cdk.sources.declarative.incremental.concurrent_partition_cursor import ConcurrentPerPartitionCursor


def hold_back(cursor: ConcurrentPerPartitionCursor, ended: Callable[[], bool]) -> None:
    """Let a stream whose parents fail keep its last checkpoint, instead of its parents' newest state.

    The CDK takes partitions from the parents one ahead. Where the request for the next one fails for good, the one
    taken is never read, but the state that ends the sync counts it: a window of history would be missing for ever.
    (`iterate_with_last_flag_and_state`, `ensure_at_least_one_state_emitted` in airbyte-cdk 7.37 to 7.39.)

    Args:
        cursor: the stream's.
        ended: whether the stream cannot succeed any more: it then has no further partitions.
    """
    generate, finish = cursor.stream_slices, cursor.ensure_at_least_one_state_emitted
    failed = False

    def stream_slices() -> Iterable[Any]:
        nonlocal failed
        try:
            for each in generate():
                if failed := ended():
                    return
                yield each
        except Exception:
            failed = True
            raise

    def ensure_at_least_one_state_emitted() -> None:
        if failed:
            cursor._emit_state_message(throttle=False)
        else:
            finish()

    vars(cursor).update(
        stream_slices=stream_slices, ensure_at_least_one_state_emitted=ensure_at_least_one_state_emitted
    )
